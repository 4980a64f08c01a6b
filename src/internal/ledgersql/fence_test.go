//go:build !race

package ledgersql_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
	"github.com/ipguard/ipguard/src/internal/ledgertest"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// rollBack takes the events of a pool behind a serial away, as a database does that is an
// older copy of itself and cannot know it. Fences and all else stay.
func rollBack(t testing.TB, d ledgersql.Database, kind, pool string, serial int64) {
	t.Helper()
	before, after := "drop trigger event_is_not_deleted", "create trigger event_is_not_deleted before delete on event begin select raise(abort, 'the history of an address is never deleted'); end"
	if kind == "postgres" {
		before, after = "alter table event disable trigger event_only_grows", "alter table event enable trigger event_only_grows"
	}
	run := func(statement string, args ...any) {
		t.Helper()
		if _, err := d.Write().Exec(statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	run(before)
	run("delete from event where pool = $1 and serial > $2", pool, serial)
	run(after)
	run("delete from booking where pool = $1", pool)
	s := ledgersql.New(d) // not closed: that would close the database
	rs, err := s.Records(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	for b := range rs.All() {
		row := ledgersql.Booking{Pool: pool, Booking: b}
		run(ledgersql.InsertBooking, row.Values()...)
	}
}

func fenced(err error) bool { return errors.As(err, new(*ledgersql.FencedError)) }

func mustTake(t testing.TB, s ledger.Store, owner string) netip.Prefix {
	t.Helper()
	r, err := take(s, owner)
	if err != nil || !r.IsValid() {
		t.Fatalf("%s gets %s, %v", owner, r, err)
	}
	return r
}

func known(t testing.TB, s *ledgersql.Store) ledgersql.Known {
	t.Helper()
	k, err := s.Known(t.Context(), testPool.Name)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func lift(t testing.TB, d ledgersql.Database, kept ...ledger.Record) ledgersql.Lifted {
	t.Helper()
	done, err := ledgersql.Lift(t.Context(), d, ledgersql.Lifting{By: "test", Now: ledgertest.Start, Kept: map[string][]ledger.Record{testPool.Name: kept}})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func histories(rs *ledger.Records) (list []ledger.Record) {
	for b := range rs.All() {
		list = append(list, rs.Record(b.Range))
	}
	return list
}

// swapped is a database that becomes an older one right before something is written.
type swapped struct {
	ledgersql.Database
	before func()
}

func (s *swapped) Append(ctx context.Context, events []ledgersql.Event, after []ledgersql.Booking) error {
	if do := s.before; do != nil {
		s.before = nil
		do()
	}
	return s.Database.Append(ctx, events, after)
}

// TestRolledBack rolls a database back under whoever can notice it, each alone.
func TestRolledBack(t *testing.T) {
	for _, k := range kinds() {
		for name, notice := range map[string]func(t *testing.T, d ledgersql.Database, running *ledgersql.Store, head string) error{
			"by the server that goes on": func(t *testing.T, d ledgersql.Database, running *ledgersql.Store, _ string) error {
				rollBack(t, d, k.name, testPool.Name, 2)
				_, err := take(running, "x/y/z")
				return err
			},
			"by a client": func(t *testing.T, d ledgersql.Database, _ *ledgersql.Store, head string) error {
				rollBack(t, d, k.name, testPool.Name, 2)
				_, err := ledgersql.New(d).Saw(t.Context(), testPool.Name, head)
				return err
			},
			"by a client, after others booked as much again": func(t *testing.T, d ledgersql.Database, _ *ledgersql.Store, head string) error {
				rollBack(t, d, k.name, testPool.Name, 2)
				s := ledgersql.New(d)
				for i := range 4 {
					mustTake(t, s, fmt.Sprintf("other/team/w%d", i))
				}
				_, err := s.Saw(t.Context(), testPool.Name, head)
				return err
			},
			"between reading and writing": func(t *testing.T, d ledgersql.Database, _ *ledgersql.Store, _ string) error {
				s := ledgersql.New(&swapped{Database: d, before: func() { rollBack(t, d, k.name, testPool.Name, 2) }})
				_, err := take(s, "x/y/z")
				return err
			},
			"by somebody who says so": func(t *testing.T, d ledgersql.Database, running *ledgersql.Store, _ string) error {
				rollBack(t, d, k.name, testPool.Name, 2)
				if err := ledgersql.Raise(t.Context(), d, "", "they said so", ledgertest.Start); err != nil {
					t.Fatal(err)
				}
				_, err := take(ledgersql.New(d), "x/y/z")
				return err
			},
		} {
			t.Run(k.name+"/"+name, func(t *testing.T) {
				file := k.empty(t)
				running, d := store(t, file), database(t, file)
				defer d.Close()
				for i := range 5 {
					mustTake(t, running, fmt.Sprintf("promo/web/w%d", i))
				}
				told := known(t, running)
				if err := notice(t, d, running, told.Head); !fenced(err) {
					t.Fatalf("it goes on as if nothing had happened: %v", err)
				}
				// Whoever asks now, a server that knew nothing included, is refused.
				for who, s := range map[string]*ledgersql.Store{"the running server": running, "another one": ledgersql.New(d)} {
					if r, err := take(s, "promo/web/w4"); !fenced(err) {
						t.Errorf("%s gives %s, %v", who, r, err)
					}
					if _, err := s.Records(t.Context(), testPool.Name); err != nil {
						t.Errorf("%s cannot be read: %v", who, err)
					}
				}
				before := known(t, running).Records
				done := lift(t, d, histories(told.Records)...)
				if len(done.Fences) == 0 {
					t.Errorf("lifted: %+v", done)
				}
				// Of each address: as it was told, or it is named as a conflict.
				for _, s := range []*ledgersql.Store{running, ledgersql.New(d)} {
					now := known(t, s)
					for b := range told.Records.All() {
						got := now.Records.At(b.Range)
						if got.Owner != b.Owner && !strings.Contains(strings.Join(done.Conflicts, "\n"), b.Range.Addr().String()) {
							t.Errorf("%s was told for %s, and is for %s: %v", b.Range, b.Owner, got.Owner, done.Conflicts)
						}
					}
					if now.Serial <= told.Serial {
						t.Errorf("serial %d again", now.Serial)
					}
					// What was told before is settled, and nobody fences for it again.
					if _, err := s.Saw(t.Context(), testPool.Name, told.Head); err != nil {
						t.Errorf("after lifting: %v", err)
					}
					mustTake(t, s, "late/comer/x")
				}
				if before.Len() < 2 {
					t.Errorf("%d addresses: what was there is gone", before.Len())
				}
				if _, err := ledgersql.Check(t.Context(), d); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestForeignHead: nobody can fence a pool with a head that no server said.
func TestForeignHead(t *testing.T) {
	s := store(t, emptyFile(t))
	mustTake(t, s, "a/b/c")
	head := known(t, s).Head
	for _, forged := range []string{"", "1", "99", "99-" + strings.Split(head, "-")[1] + "-" + strings.Split(head, "-")[2], head + "0", "-1--", "1-x-y", strings.Replace(head, "1-", "2-", 1)} {
		if _, err := s.Saw(t.Context(), testPool.Name, forged); !errors.Is(err, ledgersql.ErrForeign) {
			t.Errorf("%q: %v", forged, err)
		}
	}
	if _, err := s.Saw(t.Context(), "another", head); !errors.Is(err, ledgersql.ErrForeign) {
		t.Errorf("the head of another pool: %v", err)
	}
	if serial, err := s.Saw(t.Context(), testPool.Name, head); err != nil || serial != 1 {
		t.Errorf("its own: %d, %v", serial, err)
	}
	if list, err := s.Fences(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// TestPutBackTwice puts backups back one after the other, within one second, and one of
// another server: what was there is kept each time, and no other server's database takes
// the place of one that has bookings.
func TestPutBackTwice(t *testing.T) {
	made := func(bookings int) (file, copied string) {
		file, copied = emptyFile(t), filepath.Join(t.TempDir(), "copy.db")
		d, err := sqlite.Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		begin(t, d)
		s := ledgersql.New(d)
		for i := range bookings {
			mustTake(t, s, fmt.Sprintf("a/b/c%d", i))
		}
		if err := errors.Join(d.Backup(t.Context(), copied, ledgertest.Start), s.Close()); err != nil {
			t.Fatal(err)
		}
		return file, copied
	}
	file, copied := made(2)
	_, others := made(1)
	unused, _ := made(0)
	before := map[string]bool{}
	for range 3 {
		r, err := sqlite.Restore(t.Context(), copied, file, ledgertest.Start)
		if err != nil {
			t.Fatal(err)
		}
		before[r.Before] = true
	}
	for name := range before {
		if _, err := os.Stat(name); err != nil || len(before) != 3 {
			t.Errorf("what was there before the restores is in %v: %v", before, err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := sqlite.Restore(t.Context(), others, file, ledgertest.Start); err == nil || !strings.Contains(err.Error(), "is of another server") {
		t.Errorf("another server's takes its place: %+v, %v", r, err)
	}
	if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, text) {
		t.Errorf("what is refused changed something, or %v", err)
	}
	// A new machine's own, on which nobody booked yet, and one that cannot be read.
	if _, err := sqlite.Restore(t.Context(), copied, unused, ledgertest.Start); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file, []byte("this was a database, before the disk was damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := sqlite.Restore(t.Context(), others, file, ledgertest.Start); err != nil || r.Counted.Events != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestBackupPutBack puts a backup of SQLite back: by the command's function, and by a
// plain copy of the file, with and without its mark.
func TestBackupPutBack(t *testing.T) {
	for _, way := range []string{"restore", "copy of a backup", "copy of the file"} {
		t.Run(way, func(t *testing.T) {
			file, copied := emptyFile(t), filepath.Join(t.TempDir(), "copy.db")
			d, err := sqlite.Open(t.Context(), file)
			if err != nil {
				t.Fatal(err)
			}
			begin(t, d)
			s := ledgersql.New(d)
			mustTake(t, s, "a/b/c0")
			loggedIn(t, d)
			if way == "copy of the file" {
				if _, err := d.Write().Exec("vacuum into $1", copied); err != nil { // as cp does while nobody writes
					t.Fatal(err)
				}
			} else if err := d.Backup(t.Context(), copied, ledgertest.Start); err != nil {
				t.Fatal(err)
			}
			lost := mustTake(t, s, "a/b/c1")
			if _, err := sqlite.Restore(t.Context(), copied, file, ledgertest.Start); err == nil || !strings.Contains(err.Error(), "stop it first") {
				t.Errorf("a backup is put back under a server that works: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if way == "restore" {
				if r, err := sqlite.Restore(t.Context(), copied, file, ledgertest.Start); err != nil || r.Counted.Events != 1 || r.Before == "" {
					t.Fatalf("%+v, %v", r, err)
				}
			} else if out, err := exec.Command("sh", "-c", `rm -f "$2-wal" "$2-shm"; cp "$1" "$2"`, "sh", copied, file).CombinedOutput(); err != nil {
				t.Fatalf("%v %s", err, out)
			}
			for range 2 { // also the second time
				d := database(t, file)
				begin(t, d)
				s := ledgersql.New(d)
				if r, err := take(s, "x/y/z"); !fenced(err) {
					t.Errorf("%s, which was told to another one, may be given: %s %v", lost, r, err)
				}
				noneLoggedIn(t, d)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			again := database(t, file)
			defer again.Close()
			lift(t, again)
			begin(t, again)
			mustTake(t, ledgersql.New(again), "x/y/z")
		})
	}
}

// loggedIn writes a session, and noneLoggedIn says that none goes on.
func loggedIn(t testing.TB, d ledgersql.Database) {
	t.Helper()
	if _, err := d.Write().Exec("insert into session (digest, content, ends, actor) values ('x', $1, 1, 'jane')", []byte("y")); err != nil {
		t.Fatal(err)
	}
}

func noneLoggedIn(t testing.TB, d ledgersql.Database) {
	t.Helper()
	var n int
	if err := d.SQL().QueryRow("select count(*) from session where ended = 0").Scan(&n); err != nil || n > 0 {
		t.Errorf("%d sessions of before go on, %v", n, err)
	}
}

func begin(t testing.TB, d ledgersql.Database) {
	t.Helper()
	if err := ledgersql.Begin(t.Context(), d, ledgertest.Start); err != nil {
		t.Fatal(err)
	}
}

// TestNotPutBack: what is no restore raises no fence, a start after a kill included, which
// leaves the mark behind.
func TestNotPutBack(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			file := k.empty(t)
			for i := range 3 {
				d := database(t, file)
				begin(t, d)
				s := ledgersql.New(d)
				mustTake(t, s, fmt.Sprintf("a/b/c%d", i))
				if k.name == "postgres" {
					for _, statement := range []string{"vacuum full origin", "vacuum freeze origin", "analyze", "reindex table event"} {
						if _, err := d.Write().Exec(statement); err != nil {
							t.Fatal(err)
						}
					}
				}
				if list, err := s.Fences(t.Context()); err != nil || len(list) > 0 {
					t.Fatalf("%v, %v", list, err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestDumpPutBack restores a dump of PostgreSQL into another database.
func TestDumpPutBack(t *testing.T) {
	c := shared.Cluster(t)
	from, to := c.Database(t), c.Database(t)
	s := store(t, from)
	mustTake(t, s, "a/b/c0")
	original := database(t, from)
	begin(t, original)
	loggedIn(t, original)
	dump := filepath.Join(t.TempDir(), "dump.sql")
	for _, args := range [][]string{{"pg_dump", "--file", dump, from}, {"psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", dump, to}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	d := database(t, to)
	begin(t, d)
	begin(t, d) // once
	noneLoggedIn(t, d)
	again := ledgersql.New(d)
	defer again.Close()
	if r, err := take(again, "x/y/z"); !fenced(err) {
		t.Errorf("%s, %v", r, err)
	}
	if list, err := again.Fences(t.Context()); err != nil || len(list) != 1 || !strings.Contains(list[0].Why, "dump") {
		t.Errorf("%v, %v", list, err)
	}
	lift(t, d)
	begin(t, d)
	mustTake(t, again, "x/y/z")
	if r, err := take(s, "x/y/z"); err != nil || !r.IsValid() {
		t.Errorf("the database that was dumped is fenced: %v", err)
	}
}

// TestTold is the whole promise on random runs: clients book and release, the database is
// rolled back, and whoever comes first after that can tell. Until somebody lifts the fence,
// nobody is given what another one was told; and no serial is told with two meanings,
// ever.
func TestTold(t *testing.T) {
	rounds := 80
	if sharedtest.Short() {
		rounds = 16
	}
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			for round := range rounds / map[string]int{"sqlite": 1, "postgres": 4}[k.name] {
				told(t, k, uint64(round))
			}
		})
	}
}

func told(t *testing.T, k kind, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 7))
	file := k.empty(t)
	d := database(t, file)
	defer d.Close()
	servers := []*ledgersql.Store{ledgersql.New(d), ledgersql.New(d)}
	has := map[netip.Prefix]string{}   // the owner to whom it was told last, if it was not given back
	meaning := map[int64]string{}      // head by serial
	var heads []ledgersql.Known        // what clients remember
	tell := func(s *ledgersql.Store) { // as each answer does
		k := known(t, s)
		if before := meaning[k.Serial]; before != "" && before != k.Head {
			t.Fatalf("round %d: serial %d was told as %s, and is %s", seed, k.Serial, before, k.Head)
		}
		meaning[k.Serial] = k.Head
		heads = append(heads, k)
	}
	for range 40 {
		s := servers[rng.IntN(2)]
		switch what := rng.IntN(10); {
		case what < 5:
			owner := fmt.Sprintf("promo/web/w%d", rng.IntN(12))
			r, err := take(s, owner)
			if err != nil && !fenced(err) {
				t.Fatal(err)
			}
			if err != nil || !r.IsValid() {
				break
			}
			if before := has[r]; before != "" && before != owner {
				t.Fatalf("round %d: %s was told to %s, and is given to %s", seed, r, before, owner)
			}
			has[r] = owner
			tell(s)
		case what < 7:
			tell(s)
		case len(heads) > 0 && what < 8:
			now := known(t, s)
			if now.Serial == 0 {
				break
			}
			to := rng.Int64N(now.Serial)
			if to < 1 || now.Serial > 1_000_000 && to < 1_000_000 {
				break // one roll back into a gap is enough
			}
			rollBack(t, d, k.name, testPool.Name, to)
			witness := heads[len(heads)-1]
			if rng.IntN(2) == 0 { // only clients can tell
				servers = []*ledgersql.Store{ledgersql.New(d), ledgersql.New(d)}
				if witness.Serial > to {
					if _, err := servers[0].Saw(t.Context(), testPool.Name, witness.Head); !fenced(err) {
						t.Fatalf("round %d: %s is shown, and the database goes to %d: %v", seed, witness.Head, to, err)
					}
				}
			}
			// Somebody finds out, and lifts with what the last client kept.
			if _, err := take(s, "promo/web/w0"); witness.Serial > to && err == nil {
				if f, _ := s.Fenced(t.Context(), testPool.Name); f == nil {
					t.Fatalf("round %d: the database went back to %d, and nobody was refused", seed, to)
				}
			}
			done, err := ledgersql.Lift(t.Context(), d, ledgersql.Lifting{By: "test", Now: ledgertest.Start, Kept: map[string][]ledger.Record{testPool.Name: histories(witness.Records)}})
			if errors.Is(err, ledgersql.ErrNotFenced) {
				break
			}
			if err != nil || len(done.Conflicts) > 0 {
				t.Fatalf("round %d: %v %v", seed, done.Conflicts, err)
			}
		}
	}
	if _, err := ledgersql.Check(context.Background(), d); err != nil {
		t.Fatalf("round %d: %v", seed, err)
	}
}
