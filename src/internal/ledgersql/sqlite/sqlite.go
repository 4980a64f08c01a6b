// Package sqlite keeps bookings in one file.
//
// One connection writes, with fsync at each commit, and others read at the same time:
// SQLite's journal in WAL mode. Two programs on one file are safe, but the second one
// waits.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

// Database is one file of SQLite.
type Database struct{ read, write *sql.DB }

// readers is how many questions are answered at the same time.
const readers = 8

// Open opens the file, which is made if it is not there, and brings its tables to
// this version.
func Open(ctx context.Context, path string) (*Database, error) {
	write, err := open(path, "immediate")
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	d := &Database{write: write}
	if err := ledgersql.Migrate(ctx, write, ledgersql.SQLite); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), write.Close())
	}
	if d.read, err = open(path, "deferred"); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	d.read.SetMaxOpenConns(readers)
	d.read.SetMaxIdleConns(readers)
	return d, nil
}

func open(path, lock string) (*sql.DB, error) {
	query := url.Values{"_txlock": {lock}, "_pragma": {"busy_timeout(10000)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(on)"}}
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query.Encode()}
	db, err := driver.Open(name.String())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return db, nil
}

// SQL implements ledgersql.Database.
func (d *Database) SQL() *sql.DB { return d.read }

// Write is the connection that writes.
func (d *Database) Write() *sql.DB { return d.write }

// Close implements ledgersql.Database.
func (d *Database) Close() error { return errors.Join(d.read.Close(), d.write.Close()) }

// Append implements ledgersql.Database.
func (d *Database) Append(ctx context.Context, events []ledgersql.Event, after []ledgersql.Booking) error {
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := appendIn(ctx, tx, events, after); err != nil {
		return errors.Join(late(err), tx.Rollback())
	}
	return late(tx.Commit())
}

func appendIn(ctx context.Context, tx *sql.Tx, events []ledgersql.Event, after []ledgersql.Booking) error {
	run := func(statement string, n int, values func(i int) []any) error {
		if n == 0 {
			return nil
		}
		prepared, err := tx.PrepareContext(ctx, statement)
		if err != nil {
			return err
		}
		defer prepared.Close()
		for i := range n {
			if v := values(i); v != nil {
				if _, err := prepared.ExecContext(ctx, v...); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := run(ledgersql.InsertEvent, len(events), func(i int) []any { return events[i].Values() }); err != nil {
		return err
	}
	err := run(ledgersql.DeleteBooking, len(after), func(i int) []any {
		if !after[i].Known {
			return nil
		}
		return after[i].Key()
	})
	if err != nil {
		return err
	}
	return run(ledgersql.InsertBooking, len(after), func(i int) []any { return after[i].Values() })
}

// late tells that somebody else was faster from other errors.
func late(err error) error {
	if errors.Is(err, sqlite3.CONSTRAINT_UNIQUE) || errors.Is(err, sqlite3.CONSTRAINT_PRIMARYKEY) {
		return ledgersql.ErrLate
	}
	return err
}

// Backup copies the database, as of one moment, to a file that is not there yet, while
// others work on it.
func (d *Database) Backup(ctx context.Context, path string) error {
	_, err := d.read.ExecContext(ctx, "vacuum into $1", path)
	return err
}
