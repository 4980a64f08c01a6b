// Package turns lets servers that share a database do some things one after the other,
// and remembers as of which pushes they were done. It is the tables turn and recorded.
package turns

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// InTurn runs work in a transaction, while no other server is in one of InTurn. What it
// wrote is kept if it returns no error.
func InTurn(ctx context.Context, db *sql.DB, work func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // of what panics, too; after the commit it does nothing
	// In PostgreSQL the row stays locked to the end of the transaction; in SQLite all is.
	if _, err := tx.ExecContext(ctx, `update turn set until = until where name = 'recording'`); err != nil {
		return err
	}
	if err := work(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// Version is the version of a director that a record is as of, or, with no director, the
// record's own time.
type Version struct {
	Director string
	Version  int64
	Digest   string
	At       time.Time
}

// Source is a database, or a transaction of it.
type Source interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Recorded are the versions that a record is as of, by director, and the latest time in
// it.
func Recorded(ctx context.Context, from Source, record string) (versions map[string]Version, last time.Time, err error) {
	rows, err := from.QueryContext(ctx, `select director, version, digest, at from recorded where record = $1`, record)
	if err != nil {
		return nil, last, err
	}
	defer rows.Close()
	versions = map[string]Version{}
	for rows.Next() {
		var v Version
		var at int64
		if err := rows.Scan(&v.Director, &v.Version, &v.Digest, &at); err != nil {
			return nil, last, err
		}
		v.At = time.UnixMicro(at).UTC()
		versions[v.Director] = v
		if v.At.After(last) {
			last = v.At
		}
	}
	return versions, last, rows.Err()
}

// Note writes that a record is as of that version now.
func Note(ctx context.Context, tx *sql.Tx, record string, v Version) error {
	_, err := tx.ExecContext(ctx, `insert into recorded (record, director, version, digest, at) values ($1, $2, $3, $4, $5)
on conflict (record, director) do update set version = excluded.version, digest = excluded.digest, at = excluded.at`,
		record, v.Director, v.Version, v.Digest, v.At.UnixMicro())
	return err
}

// Take takes a turn by name for a while, or lengthens one's own. It reports whether the
// turn is the holder's until then: that of another one is not over, else. Servers reckon
// by their own clocks, so the while has to be longer than those are apart.
func Take(ctx context.Context, db *sql.DB, name, holder string, now time.Time, during time.Duration) (bool, error) {
	result, err := db.ExecContext(ctx, `insert into turn (name, holder, until) values ($1, $2, $3)
on conflict (name) do update set holder = excluded.holder, until = excluded.until where turn.holder = excluded.holder or turn.until <= $4`,
		name, holder, now.Add(during).UnixMicro(), now.UnixMicro())
	if err != nil {
		return false, fmt.Errorf("the turn %s cannot be taken: %w", name, err)
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// Leave gives a turn back before its end.
func Leave(ctx context.Context, db *sql.DB, name, holder string) error {
	_, err := db.ExecContext(ctx, `update turn set until = 0 where name = $1 and holder = $2`, name, holder)
	return err
}
