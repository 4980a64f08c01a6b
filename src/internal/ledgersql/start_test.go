package ledgersql_test

import (
	"database/sql"
	"strings"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3/driver"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

// TestStartTogether starts many servers on an empty database at once.
func TestStartTogether(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			name := k.empty(t)
			var group sync.WaitGroup
			for range 8 {
				group.Go(func() {
					d, err := open(t.Context(), name)
					if err != nil {
						t.Error(err)
						return
					}
					_ = d.Close()
				})
			}
			group.Wait()
			db, dialect := raw(t, k.name, name)
			versions, err := ledgersql.Versions(db, dialect)
			if err != nil {
				t.Fatal(err)
			}
			if applied := read(t, db, "select version_id from goose_db_version where version_id > 0"); len(applied) != len(versions) {
				t.Errorf("%d migrations of %d: %v", len(applied), len(versions), applied)
			}
			if n := read(t, db, "select count(*) from origin"); n[0][0] != int64(1) {
				t.Errorf("%v origins", n)
			}
		})
	}
}

// raw is a database without any tables yet, or with those of an older version.
func raw(t testing.TB, kind, name string) (*sql.DB, ledgersql.Dialect) {
	t.Helper()
	var db *sql.DB
	var err error
	dialect := ledgersql.PostgreSQL
	if kind == "sqlite" {
		dialect = ledgersql.SQLite
		db, err = driver.Open("file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(name))
	} else {
		db, err = sql.Open("pgx", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, dialect
}

func read(t testing.TB, db *sql.DB, query string) (list [][]any) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, pointers := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			t.Fatal(err)
		}
		list = append(list, values)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}
