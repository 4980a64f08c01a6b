package ledgersql_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/ledgersql/postgres"
	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
	"github.com/ipguard/ipguard/src/internal/ledgertest"
	"github.com/ipguard/ipguard/src/internal/postgrestest"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(victimEnv); name != "" {
		beVictim(name)
		return
	}
	code := m.Run()
	shared.Stop()
	os.Exit(code)
}

// shared is the PostgreSQL of all tests that do not kill it.
var shared postgrestest.Shared

// kind is one of the two databases: empty returns the name of a new one.
type kind struct {
	name  string
	empty func(t testing.TB) string
}

// kinds are both.
func kinds() []kind {
	return []kind{{"sqlite", emptyFile}, {"postgres", func(t testing.TB) string { return shared.Cluster(t).Database(t) }}}
}

func emptyFile(t testing.TB) string { return filepath.Join(t.TempDir(), "ip guard%?#.db") }

func open(ctx context.Context, name string) (ledgersql.Database, error) {
	if strings.HasPrefix(name, "postgres:") {
		return postgres.Open(ctx, name)
	}
	return sqlite.Open(ctx, name)
}

func database(t testing.TB, name string) ledgersql.Database {
	t.Helper()
	d, err := open(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func store(t testing.TB, name string) *ledgersql.Store {
	t.Helper()
	s := ledgersql.New(database(t, name))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSQLiteConforms(t *testing.T) {
	ledgertest.Conform(t, func(t *testing.T) ledger.Store { return store(t, emptyFile(t)) }, 1200)
}

func TestPostgreSQLConforms(t *testing.T) {
	c := shared.Cluster(t)
	ledgertest.Conform(t, func(t *testing.T) ledger.Store { return store(t, c.Database(t)) }, 1200)
}

// TestTwoServersConform asks two stores on one database in turn: neither may rely on
// what it remembers.
func TestTwoServersConform(t *testing.T) {
	c := shared.Cluster(t)
	ledgertest.Conform(t, func(t *testing.T) ledger.Store {
		name := c.Database(t)
		return &inTurn{stores: []ledger.Store{store(t, name), store(t, name)}}
	}, 1000)
}

// TestHistoryOnlyGrows tries what the triggers have to refuse.
func TestHistoryOnlyGrows(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			name := k.empty(t)
			s := store(t, name)
			if _, err := take(s, "promo/web/api"); err != nil {
				t.Fatal(err)
			}
			d := database(t, name)
			defer d.Close()
			statements := []string{"update event set owner = 'x/y/z'", "delete from event"}
			if k.name == "postgres" {
				statements = append(statements, "truncate event")
			}
			for _, statement := range statements {
				if _, err := d.Write().Exec(statement); err == nil || !strings.Contains(err.Error(), "history of an address is never") {
					t.Errorf("%s: %v", statement, err)
				}
			}
			if rs, err := s.Records(t.Context(), testPool.Name); err != nil || rs.Len() != 1 {
				t.Errorf("%d records, %v; want the one that was there", rs.Len(), err)
			}
		})
	}
}

// TestIndexes goes past memory, and books what is booked: the indexes alone refuse.
func TestIndexes(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			name := k.empty(t)
			d := database(t, name)
			defer d.Close()
			row := func(serial int64, address, owner string, number int) error {
				e := ledgersql.Event{Pool: "p", Serial: serial, Entry: ledger.Entry{Range: ledgertest.Single(address), Event: ledger.Event{
					At: ledgertest.Start, What: ledger.WasBooked, Owner: owner, Number: number, By: "x",
				}}}
				b := ledgersql.Booking{Pool: "p", Booking: ledger.Booking{Range: e.Range, State: ledger.Booked, Owner: owner, Number: number}}
				return d.Append(t.Context(), []ledgersql.Event{e}, []ledgersql.Booking{b})
			}
			if err := row(1, "10.0.0.1", "a/b/c", 0); err != nil {
				t.Fatal(err)
			}
			for what, err := range map[string]error{
				"an event's serial": row(1, "10.0.0.2", "x/y/z", 0),
				"an address":        row(2, "10.0.0.1", "x/y/z", 0),
				"an owner's number": row(2, "10.0.0.2", "a/b/c", 0),
			} {
				if !errors.Is(err, ledgersql.ErrLate) {
					t.Errorf("%s may be there twice: %v", what, err)
				}
			}
			if err := row(2, "10.0.0.2", "a/b/c", 1); err != nil {
				t.Errorf("what was refused left something behind: %v", err)
			}
		})
	}
}

// TestNewer opens a database that a newer server has changed.
func TestNewer(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			name := k.empty(t)
			d := database(t, name)
			if _, err := d.Write().Exec("insert into goose_db_version (version_id, is_applied) values (99999, true)"); err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			var newer *ledgersql.NewerError
			if _, err := open(t.Context(), name); !errors.As(err, &newer) || newer.Has != 99999 {
				t.Errorf("a database of a newer version is opened: %v", err)
			}
		})
	}
}

// TestClosed wants an answer from a store that is closed, to whoever asked before and
// whoever asks later.
func TestClosed(t *testing.T) {
	s := ledgersql.New(database(t, emptyFile(t)))
	if _, err := take(s, "a/b/c"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := take(s, "x/y/z"); err == nil {
		t.Error("a closed store takes bookings")
	}
}

// TestPanic wants one change that panics to fail alone.
func TestPanic(t *testing.T) {
	s := store(t, emptyFile(t))
	err := s.Update(t.Context(), testPool.Name, func(*ledger.Records) ([]ledger.Entry, error) { panic("oh") })
	if err == nil || !strings.Contains(err.Error(), "oh") {
		t.Errorf("got %v", err)
	}
	if _, err := take(s, "a/b/c"); err != nil {
		t.Error(err)
	}
}

// TestKnownAll asks for many pools at once while another store writes: each is what it is
// when asked for alone, and never older than what was written before.
func TestKnownAll(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			name := k.empty(t)
			writer, reader := store(t, name), store(t, name)
			var names []string
			for i := range 70 { // more than one question is about
				names = append(names, fmt.Sprintf("pool-%d", i))
			}
			random := rand.New(rand.NewPCG(1, 1))
			written := map[string]int64{}
			for round := range 6 {
				for range round * 3 {
					pool := names[random.IntN(len(names))]
					written[pool]++
					err := writer.Update(t.Context(), pool, func(*ledger.Records) ([]ledger.Entry, error) {
						n := written[pool]
						r := ledgertest.Single(fmt.Sprintf("10.0.%d.%d", n/250, n%250))
						return []ledger.Entry{{Range: r, Event: ledger.Event{At: ledgertest.Start, What: ledger.WasBooked, Owner: "a/b/c", Number: int(n), By: "x"}}}, nil
					})
					if err != nil {
						t.Fatal(err)
					}
				}
				all, err := reader.KnownAll(t.Context(), names)
				if err != nil || len(all) != len(names) {
					t.Fatalf("%d of %d pools, %v", len(all), len(names), err)
				}
				for _, pool := range names {
					one, err := writer.Known(t.Context(), pool)
					if v := all[pool]; err != nil || v.Serial != written[pool] || v.Head != one.Head || v.Records.Len() != int(written[pool]) {
						t.Fatalf("%s: serial %d with head %q and %d records, %v; want %d and %q", pool, v.Serial, v.Head, v.Records.Len(), err, written[pool], one.Head)
					}
				}
			}
		})
	}
}
