package serve

import (
	"context"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/ledgersql/postgres"
	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
)

// Open opens a database by its name: a URL of PostgreSQL, or a file of SQLite.
func Open(ctx context.Context, name string) (ledgersql.Database, error) {
	if IsPostgres(name) {
		return postgres.Open(ctx, name)
	}
	return sqlite.Open(ctx, name)
}
