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
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

// Database is one file of SQLite.
type Database struct {
	path        string
	read, write *sql.DB
	mark        *mark
	// opened is the file as it was opened, nil until then, and file the same to look into.
	opened os.FileInfo
	file   *os.File
}

// readers is how many questions are answered at the same time.
const readers = 8

// Open opens the file, which is made if it is not there, and brings its tables to
// this version.
func Open(ctx context.Context, path string) (*Database, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := withoutForeignLog(path); err != nil {
		return nil, err
	}
	_, noLog := os.Stat(path + "-wal")
	d := &Database{path: path, mark: &mark{path: path + markSuffix}}
	write, err := open(path, "immediate", d.watched)
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	d.write = write
	if err := ledgersql.Migrate(ctx, write, ledgersql.SQLite); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, damaged(path, noLog == nil, err)), write.Close())
	}
	if d.read, err = open(path, "deferred"); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	d.read.SetMaxOpenConns(readers)
	d.read.SetMaxIdleConns(readers)
	if d.file, err = os.Open(path); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if d.opened, err = d.file.Stat(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func open(path, lock string, begun ...func(*sqlite3.Conn) error) (*sql.DB, error) {
	query := url.Values{"_txlock": {lock}, "_pragma": {"busy_timeout(10000)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(on)"}}
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query.Encode()}
	db, err := driver.Open(name.String(), begun...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return db, nil
}

// SQL implements ledgersql.Database.
func (d *Database) SQL() *sql.DB { return d.read }

// Write is the connection that writes.
func (d *Database) Write() *sql.DB { return d.write }

// Close implements ledgersql.Database. The last connection to be closed writes the log into
// the file: not into a backup that was copied over it.
func (d *Database) Close() error {
	var left error
	if d.file != nil {
		if d.overwritten() {
			left = leaveLog(d.write)
		}
		left = errors.Join(left, d.file.Close())
	}
	return errors.Join(left, d.read.Close(), d.write.Close(), d.mark.close())
}

// leaveLog has a connection, which is the last one to be closed, leave the log as it is.
func leaveLog(db *sql.DB) error {
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	err = conn.Raw(func(driven any) error {
		_, err := driven.(driver.Conn).Raw().Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true)
		return err
	})
	return errors.Join(err, conn.Close())
}

// Append implements ledgersql.Database.
func (d *Database) Append(ctx context.Context, events []ledgersql.Event, after []ledgersql.Booking) error {
	if err := d.Replaced(); err != nil {
		return err
	}
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return d.judge(err)
	}
	if err := guarded(ctx, tx, events); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := ledgersql.AppendIn(ctx, tx, events, after); err != nil {
		return errors.Join(d.judge(err), tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return d.judge(err)
	}
	d.mark.add(len(events))
	return nil
}

// Alone implements ledgersql.Database: one connection writes, and its transactions keep
// other programs out.
func (d *Database) Alone(ctx context.Context, f func(tx *sql.Tx) error) error {
	if err := d.Replaced(); err != nil {
		return err
	}
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return d.Explain(tx.Commit())
}

// guarded refuses events whose guard says no.
func guarded(ctx context.Context, tx *sql.Tx, events []ledgersql.Event) error {
	for i := range events {
		if events[i].Under != "" {
			if err := ledgersql.Allowed(tx.QueryRowContext(ctx, ledgersql.GuardFleetFile, events[i].Under)); err != nil {
				return err
			}
		}
		if events[i].Grants != 0 {
			if err := ledgersql.Allowed(tx.QueryRowContext(ctx, ledgersql.GrantRequest, events[i].Grants)); err != nil {
				return err
			}
		}
		if events[i].Guard != nil {
			if err := ledgersql.Allowed(tx.QueryRowContext(ctx, ledgersql.GuardQuery, events[i].GuardValues()...)); err != nil {
				return err
			}
		}
	}
	return nil
}

// judge tells that somebody else was faster, and that there is no room, from other errors.
func (d *Database) judge(err error) error {
	if errors.Is(err, sqlite3.CONSTRAINT_UNIQUE) || errors.Is(err, sqlite3.CONSTRAINT_PRIMARYKEY) {
		return ledgersql.ErrLate
	}
	return d.Explain(err)
}

// Explain implements ledgersql.Database. Where bytes cannot be written the driver does not
// say why.
func (d *Database) Explain(err error) error {
	switch err = moved(err); {
	case errors.Is(err, ledgersql.ErrFull):
		return err
	case errors.Is(err, sqlite3.FULL), errors.Is(err, sqlite3.IOERR) && d.full():
		return fmt.Errorf("%w: %w", ledgersql.ErrFull, err)
	}
	return err
}

// mayWrite is W_OK of access(2).
const mayWrite = 2

// Writable implements ledgersql.Database.
func (d *Database) Writable(ctx context.Context) error {
	if err := d.Replaced(); err != nil {
		return err // what it answers is of neither file
	}
	if err := d.read.PingContext(ctx); err != nil {
		return err
	}
	switch err := syscall.Access(d.path, mayWrite); {
	case errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EACCES):
		return ledgersql.ErrReadOnly
	case err != nil:
		return ledgersql.ErrReplaced
	case d.full():
		return ledgersql.ErrFull
	}
	return nil
}

// leastRoom is what SQLite needs to begin to write.
const leastRoom = 64 << 10

// full reports whether the disk of the file has no room.
func (d *Database) full() bool {
	var s syscall.Statfs_t
	return syscall.Statfs(filepath.Dir(d.path), &s) == nil && s.Bavail*uint64(s.Bsize) < leastRoom
}
