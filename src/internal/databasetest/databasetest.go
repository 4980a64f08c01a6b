// Package databasetest runs tests of what a server keeps on both of its databases.
package databasetest

import (
	"path/filepath"
	"testing"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/ledgersql/postgres"
	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
	"github.com/ipguard/ipguard/src/internal/postgrestest"
)

// Each runs a test on a new SQLite and on a new PostgreSQL, which are closed after it.
func Each(t *testing.T, test func(t *testing.T, d ledgersql.Database)) {
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) {
		test(t, closing(t)(postgres.Open(t.Context(), postgrestest.Start(t).Database(t))))
	})
}

// SQLite is a new SQLite, which is closed with the test.
func SQLite(t *testing.T) ledgersql.Database {
	t.Helper()
	return closing(t)(sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db")))
}

func closing(t *testing.T) func(d ledgersql.Database, err error) ledgersql.Database {
	return func(d ledgersql.Database, err error) ledgersql.Database {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		return d
	}
}
