// Package postgres keeps bookings in a database of PostgreSQL, on which any number of
// servers may work.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

// Database is one database of PostgreSQL.
type Database struct {
	pool *pgxpool.Pool
	db   *sql.DB
	// full is when there was no room last, in nanoseconds since 1970; 0: never.
	full atomic.Int64
}

// Open connects to the database at a URL (postgres://USER@HOST/NAME), and brings its
// tables to this version. The password comes from PGPASSWORD or PGPASSFILE, if it is
// not in the URL; errors name none.
func Open(ctx context.Context, url string) (*Database, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the URL of the database cannot be read: postgres://USER@HOST:PORT/NAME")
	}
	// What was answered must survive a kill, whatever the database's own setting.
	config.ConnConfig.RuntimeParams["synchronous_commit"] = "on"
	config.ConnConfig.ConnectTimeout = connectTime
	// A migration of large tables, or waiting for that of another server, may take long.
	patient := stdlib.OpenDB(*config.ConnConfig)
	if err := errors.Join(ledgersql.Migrate(ctx, patient, ledgersql.PostgreSQL), patient.Close()); err != nil {
		return nil, err
	}
	config.ConnConfig.DialFunc = dialing(config.ConnConfig.DialFunc)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return &Database{pool: pool, db: stdlib.OpenDBFromPool(pool)}, nil
}

// SQL implements ledgersql.Database.
func (d *Database) SQL() *sql.DB { return d.db }

// Write is the same: any connection writes.
func (d *Database) Write() *sql.DB { return d.db }

// Close implements ledgersql.Database.
func (d *Database) Close() error {
	err := d.db.Close()
	d.pool.Close()
	return err
}

// Append implements ledgersql.Database: three statements for any number of rows, in one
// round trip.
func (d *Database) Append(ctx context.Context, events []ledgersql.Event, after []ledgersql.Booking) error {
	batch := &pgx.Batch{}
	for i := range events {
		if events[i].Under != "" {
			batch.Queue(ledgersql.GuardFleetFile+` for share`, events[i].Under).QueryRow(func(row pgx.Row) error { return ledgersql.Allowed(row) })
		}
		if events[i].Grants != 0 {
			batch.Queue(ledgersql.GrantRequest, events[i].Grants).QueryRow(func(row pgx.Row) error { return ledgersql.Allowed(row) })
		}
		if events[i].Guard != nil {
			batch.Queue(ledgersql.GuardQuery, events[i].GuardValues()...).QueryRow(func(row pgx.Row) error { return ledgersql.Allowed(row) })
		}
	}
	batch.Queue(insertEvents, eventColumns(events)...)
	if gone := knownColumns(after); gone != nil {
		batch.Queue(deleteBookings, gone...)
	}
	batch.Queue(insertBookings, bookingColumns(after)...)
	err := pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error { return tx.SendBatch(ctx, batch).Close() })
	return d.late(err)
}

// Alone implements ledgersql.Database.
func (d *Database) Alone(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `lock table event in share row exclusive mode`); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// Copied implements ledgersql.Database. A dump that was restored has other rows and tables
// than those that it tells of: PostgreSQL numbers both anew. An upgrade by pg_upgrade
// keeps the numbers.
func (d *Database) Copied(ctx context.Context, tx *sql.Tx) (string, error) {
	var same bool
	err := tx.QueryRowContext(ctx, `select bool_and(xmin::text::bigint = xid and relation = 'event'::regclass::oid::bigint) from origin`).Scan(&same)
	if err != nil || same {
		return "", err
	}
	return "the database was restored from a dump", nil
}

// Adopt implements ledgersql.Database.
func (d *Database) Adopt(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `update origin set xid = txid_current() % 4294967296, relation = 'event'::regclass::oid::bigint`)
	return err
}

// Begin implements ledgersql.Database: nothing is kept beside the database.
func (d *Database) Begin(context.Context) error { return nil }

// PostgreSQL's codes for two rows where there may be one, and for a full disk.
const (
	uniqueViolation = "23505"
	diskFull        = "53100"
)

// late tells that somebody else was faster, and that there is no room, from other errors.
func (d *Database) late(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == uniqueViolation {
		return fmt.Errorf("%w (%s)", ledgersql.ErrLate, refused.ConstraintName)
	}
	return d.Explain(err)
}

// Explain implements ledgersql.Database.
func (d *Database) Explain(err error) error {
	var refused *pgconn.PgError
	if errors.Is(err, ledgersql.ErrFull) || !errors.As(err, &refused) || refused.Code != diskFull {
		return err
	}
	d.full.Store(time.Now().UnixNano())
	return fmt.Errorf("%w: %w", ledgersql.ErrFull, err)
}

// Replaced implements ledgersql.Database: there is no file to be replaced.
func (d *Database) Replaced() error { return nil }

// fullTime is how long after a statement that found no room it is taken for granted that
// there is none: nobody can see the disk of PostgreSQL from here, but who writes.
const fullTime = 15 * time.Second

// Writable implements ledgersql.Database.
func (d *Database) Writable(ctx context.Context) error {
	var readOnly bool
	if err := d.db.QueryRowContext(ctx, `select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean`).Scan(&readOnly); err != nil {
		return err
	}
	switch last := d.full.Load(); {
	case readOnly:
		return ledgersql.ErrReadOnly
	case last != 0 && time.Since(time.Unix(0, last)) < fullTime:
		return ledgersql.ErrFull
	}
	return nil
}
