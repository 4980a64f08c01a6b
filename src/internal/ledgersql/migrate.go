package ledgersql

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// Dialect is a kind of database.
type Dialect struct {
	name   string
	goose  database.Dialect
	locked bool
}

// The dialects. Of PostgreSQL several servers may start at once: one of them migrates.
var (
	SQLite     = Dialect{"sqlite", database.DialectSQLite3, false}
	PostgreSQL = Dialect{"postgres", database.DialectPostgres, true}
)

// NewerError is a database that a newer version of the server has changed.
type NewerError struct{ Has, Knows int64 }

func (e *NewerError) Error() string {
	return fmt.Sprintf("the database is of version %d, and this ipguard-server knows those up to %d: it was changed by a newer one", e.Has, e.Knows)
}

// Migrate makes the tables, or brings those of an older version to this one. It
// refuses a database that is newer, with a *NewerError.
func Migrate(ctx context.Context, db *sql.DB, dialect Dialect) error {
	provider, err := newProvider(db, dialect)
	if err != nil {
		return err
	}
	// SQLite has no lock around all migrations: of two programs that start at once, one
	// fails at what the other one has just done, and goes on from there.
	for try := 0; ; try++ {
		_, err = provider.Up(ctx)
		if err == nil || dialect.locked || try == mostTries || ctx.Err() != nil {
			break
		}
		time.Sleep(rand.N(firstPause << min(try, 6)))
	}
	if err != nil {
		return fmt.Errorf("the database cannot be brought to this version: %w", err)
	}
	return refuseNewer(ctx, provider)
}

func newProvider(db *sql.DB, dialect Dialect) (*goose.Provider, error) {
	folder, err := fs.Sub(migrations, "migrations/"+dialect.name)
	if err != nil {
		return nil, err
	}
	var options []goose.ProviderOption
	if dialect.locked {
		// Who comes second looks again each second, for five minutes.
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(dialect.goose, db, folder, options...)
}

func refuseNewer(ctx context.Context, provider *goose.Provider) error {
	sources := provider.ListSources()
	if len(sources) == 0 {
		return errors.New("there are no migrations")
	}
	has, err := provider.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	if knows := sources[len(sources)-1].Version; has > knows {
		return &NewerError{has, knows}
	}
	return nil
}
