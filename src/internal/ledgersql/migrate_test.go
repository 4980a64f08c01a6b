//go:build !race

package ledgersql_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

// tables are the tables and columns of a database, goose's own aside.
func tables(t testing.TB, db *sql.DB, kind string) map[string][]string {
	t.Helper()
	query := "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'"
	if kind == "postgres" {
		query = "select tablename from pg_tables where schemaname = 'public'"
	}
	all := map[string][]string{}
	for _, row := range read(t, db, query) {
		if name := row[0].(string); name != "goose_db_version" {
			rows, err := db.Query("select * from " + name + " limit 0")
			if err != nil {
				t.Fatal(err)
			}
			all[name], err = rows.Columns()
			_ = rows.Close()
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

// content is every row of some columns of all tables.
func content(t testing.TB, db *sql.DB, all map[string][]string) map[string][]string {
	t.Helper()
	got := map[string][]string{}
	for table, columns := range all {
		for _, row := range read(t, db, "select "+strings.Join(columns, ", ")+" from "+table) {
			got[table] = append(got[table], fmt.Sprintf("%v", row))
		}
		slices.Sort(got[table])
	}
	return got
}

func fill(t testing.TB, db *sql.DB, table string, columns []string, row []any) {
	t.Helper()
	marks := make([]string, len(columns))
	for i := range marks {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	statement := "insert into " + table + " (" + strings.Join(columns, ", ") + ") values (" + strings.Join(marks, ", ") + ")"
	if _, err := db.Exec(statement, row...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// invented is a row of any table, by the types of its columns.
func invented(t testing.TB, db *sql.DB, table string, n int) (row []any) {
	t.Helper()
	rows, err := db.Query("select * from " + table + " limit 0")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range types {
		switch kind := strings.ToLower(c.DatabaseTypeName()); {
		case strings.Contains(kind, "int"):
			row = append(row, 1000+10*n+i)
		case kind == "blob" || kind == "bytea":
			row = append(row, []byte(fmt.Sprintf("sixteen bytes %02d", n)))
		case table == "request" && c.Name() == "state": // one of a few words
			row = append(row, "open")
		case kind == "text":
			row = append(row, fmt.Sprintf("text %d %d", n, i))
		default:
			t.Fatalf("table %s has a column of type %s: the test has to learn it", table, kind)
		}
	}
	return row
}

// TestOlderVersion opens databases of every older version, with rows in every table: all
// that was there is there, and bookings go on.
func TestOlderVersion(t *testing.T) {
	for _, k := range kinds() {
		model := k.empty(t)
		from := store(t, model)
		for i := range 9 {
			mustTake(t, from, fmt.Sprintf("promo/web/w%d", i))
		}
		modelDB, dialect := raw(t, k.name, model)
		versions, err := ledgersql.Versions(modelDB, dialect)
		if err != nil || len(versions) < 3 {
			t.Fatal(versions, err)
		}
		for _, version := range versions[:len(versions)-1] {
			t.Run(fmt.Sprintf("%s/%d", k.name, version), func(t *testing.T) {
				name := k.empty(t)
				db, _ := raw(t, k.name, name)
				if err := ledgersql.MigrateTo(t.Context(), db, dialect, version); err != nil {
					t.Fatal(err)
				}
				old := tables(t, db, k.name)
				for table, columns := range old {
					if table == "event" || table == "booking" { // a ledger's, which has to make sense
						for _, row := range read(t, modelDB, "select "+strings.Join(columns, ", ")+" from "+table) {
							fill(t, db, table, columns, row)
						}
						continue
					}
					if table == "loaded" { // has its one row from the beginning
						continue
					}
					for n := range 3 {
						fill(t, db, table, columns, invented(t, db, table, n))
					}
				}
				before := content(t, db, old)
				if len(before["event"]) != 9 || len(before["booking"]) != 9 {
					t.Fatalf("%d events", len(before["event"]))
				}
				// Two servers start on it at once.
				var group sync.WaitGroup
				for range 2 {
					group.Go(func() {
						d, err := open(t.Context(), name)
						if err != nil {
							t.Error(err)
							return
						}
						if err := d.Close(); err != nil {
							t.Error(err)
						}
					})
				}
				group.Wait()
				after := content(t, db, old)
				for table := range old {
					for _, row := range before[table] {
						if !slices.Contains(after[table], row) {
							t.Errorf("table %s lost %s", table, row)
						}
					}
				}
				applied := read(t, db, "select version_id from goose_db_version where version_id > 0")
				if len(applied) != len(versions) {
					t.Errorf("%d migrations of %d: %v", len(applied), len(versions), applied)
				}
				s := store(t, name)
				if r := mustTake(t, s, "promo/web/w3"); r.Addr().String() != "10.0.0.4" {
					t.Errorf("who asks again gets %s", r)
				}
				if r := mustTake(t, s, "x/y/z"); r.Addr().String() != "10.0.0.10" {
					t.Errorf("a new owner gets %s", r)
				}
				d := database(t, name)
				defer d.Close()
				if c, err := ledgersql.Check(t.Context(), d); err != nil || c.Events != 10 {
					t.Errorf("%+v, %v", c, err)
				}
			})
		}
	}
}
