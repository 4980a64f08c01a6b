package serve

import (
	"context"
	"os"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/ledgersql/postgres"
	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
)

// OpenExisting is Open for a database that must be there already: a mistyped file would
// be made, and be empty.
func OpenExisting(ctx context.Context, name string) (ledgersql.Database, error) {
	if !IsPostgres(name) {
		if _, err := os.Stat(name); err != nil {
			return nil, err
		}
	}
	return Open(ctx, name)
}

// Open opens a database by its name: a URL of PostgreSQL, or a file of SQLite.
func Open(ctx context.Context, name string) (ledgersql.Database, error) {
	if err := CheckDatabase(name); err != nil {
		return nil, err
	}
	if IsPostgres(name) {
		return postgres.Open(ctx, name)
	}
	return sqlite.Open(ctx, name)
}
