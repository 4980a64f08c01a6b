//go:build !race

package ledgersql_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
	"github.com/ipguard/ipguard/src/internal/ledgertest"
	"github.com/ipguard/ipguard/src/internal/turns"
)

// TestFileReplaced: nothing is given by a server whose file is not where it was.
func TestFileReplaced(t *testing.T) {
	for name, change := range map[string]func(file, copied string) error{
		"another one": func(file, copied string) error { return os.Rename(copied, file) },
		"none":        func(file, _ string) error { return os.Remove(file) },
	} {
		file, copied := emptyFile(t), filepath.Join(t.TempDir(), "copy.db")
		d, err := sqlite.Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		begin(t, d)
		s := ledgersql.New(d)
		mustTake(t, s, "a/b/c0")
		if err := errors.Join(d.Writable(t.Context()), d.Backup(t.Context(), copied, ledgertest.Start), change(file, copied)); err != nil {
			t.Fatal(err)
		}
		if r, err := take(s, "a/b/c1"); !errors.Is(err, ledgersql.ErrReplaced) {
			t.Errorf("%s: %s is given, %v", name, r, err)
		}
		if err := d.Writable(t.Context()); !errors.Is(err, ledgersql.ErrReplaced) {
			t.Errorf("%s: it is ready: %v", name, err)
		}
		mustRefuse(t, d, name)
		if name == "none" {
			continue
		}
		// Whoever starts then has the copy, and nothing of the log of the file before.
		log, err := os.ReadFile(file + "-wal")
		if err != nil || len(log) == 0 {
			t.Fatalf("there is no log: %d bytes, %v", len(log), err)
		}
		again, err := sqlite.Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		counted, err := ledgersql.Check(t.Context(), again)
		if err != nil || counted.Events != 1 {
			t.Errorf("the copy has one event: %+v, %v", counted, err)
		}
		if aside, err := os.ReadFile(file + "-wal.of-another"); err != nil || !bytes.Equal(aside, log) {
			t.Errorf("the log is lost: %d bytes of %d, %v", len(aside), len(log), err)
		}
	}
}

// mustRefuse holds a database whose file was replaced to writing nothing of any table, in a
// transaction or not.
func mustRefuse(t *testing.T, d *sqlite.Database, name string) {
	t.Helper()
	const statement = `insert into turn (name, holder, until) values ($1, 'test', 0)`
	_, err := d.Write().ExecContext(t.Context(), statement, "alone")
	if err = d.Explain(err); !errors.Is(err, ledgersql.ErrReplaced) {
		t.Errorf("%s: a statement: %v", name, err)
	}
	err = turns.InTurn(t.Context(), d.Write(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), statement, "in a transaction")
		return err
	})
	if err = d.Explain(err); !errors.Is(err, ledgersql.ErrReplaced) {
		t.Errorf("%s: a transaction: %v", name, err)
	}
	var kept int
	if err := d.Write().QueryRowContext(t.Context(), `select count(*) from turn where holder = 'test'`).Scan(&kept); err == nil && kept != 0 {
		t.Errorf("%s: %d rows are kept", name, kept)
	}
}

// TestReplacedWhileWritten: whoever's write the file was replaced under is told.
func TestReplacedWhileWritten(t *testing.T) {
	file := emptyFile(t)
	d, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	err = turns.InTurn(t.Context(), d.Write(), func(*sql.Tx) error { return os.Rename(file, file+".moved") })
	if err = d.Explain(err); !errors.Is(err, ledgersql.ErrReplaced) {
		t.Error(err)
	}
}

// TestLogStaysShort: the log goes into the file from time to time.
func TestLogStaysShort(t *testing.T) {
	file := emptyFile(t)
	d, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for n := range 20 {
		if _, err := d.Write().ExecContext(t.Context(), `insert into turn (name, holder, until) values ($1, '', 0)`, fmt.Sprint(n, strings.Repeat("x", 1<<20))); err != nil {
			t.Fatal(err)
		}
	}
	if log, err := os.Stat(file + "-wal"); err != nil || log.Size() > 10<<20 {
		t.Errorf("the log has %d bytes, %v", log.Size(), err)
	}
}

// TestFileOverwritten: a backup that is copied over the file of a running server, as by cp, stays
// what it is: nothing is given, and the end of the server writes nothing into it.
func TestFileOverwritten(t *testing.T) {
	for _, more := range []int{1, 4} {
		name := fmt.Sprint(more, " bookings more")
		file, copied := emptyFile(t), filepath.Join(t.TempDir(), "copy.db")
		d, err := sqlite.Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		begin(t, d)
		s := ledgersql.New(d)
		mustTake(t, s, "a/b/c0")
		if err := d.Backup(t.Context(), copied, ledgertest.Start); err != nil {
			t.Fatal(err)
		}
		for i := range more {
			mustTake(t, s, fmt.Sprintf("a/b/c%d", i+1))
		}
		backup, err := os.ReadFile(copied)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, backup, 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := take(s, "a/b/d"); !errors.Is(err, ledgersql.ErrReplaced) {
			t.Errorf("%s: %s is given, %v", name, r, err)
		}
		if err := d.Writable(t.Context()); !errors.Is(err, ledgersql.ErrReplaced) {
			t.Errorf("%s: it is ready: %v", name, err)
		}
		mustRefuse(t, d, name)
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, backup) {
			t.Fatalf("%s: the backup is another one: %v", name, err)
		}
		again, err := sqlite.Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		counted, err := ledgersql.Check(t.Context(), again)
		if err != nil || counted.Events != 1 {
			t.Errorf("%s: the copy has one event: %+v, %v", name, counted, err)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDamagedFile: of a damaged file the cure is told.
func TestDamagedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(file, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), file); err == nil || !strings.Contains(err.Error(), "put a backup back with ipguard-server restore, which keeps this file") {
		t.Errorf("it says: %v", err)
	}
}

// TestDamagedBesideLog: of a damaged file with a log beside it both causes are told.
func TestDamagedBesideLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.db")
	for _, name := range []string{file, file + "-wal"} {
		if err := os.WriteFile(name, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := sqlite.Open(t.Context(), file); err == nil || !strings.Contains(err.Error(), "x.db-wal is the log of that one: put a backup back with ipguard-server restore") {
		t.Errorf("it says: %v", err)
	}
}
