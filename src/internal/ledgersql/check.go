package ledgersql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

// Counted is what Check looked at.
type Counted struct{ Pools, Events, Addresses int }

// Check reads every history, and holds the table booking against it. The error says
// what is not as it was written.
func Check(ctx context.Context, d Database) (c Counted, err error) {
	names, err := poolNames(ctx, d.SQL())
	if err != nil {
		return c, err
	}
	fences, err := Fences(ctx, d)
	if err != nil {
		return c, err
	}
	for _, name := range names {
		events, err := eventsFrom(ctx, d.SQL(), name, 0)
		if err != nil {
			return c, err
		}
		p := &pool{records: &ledger.Records{}}
		if err := p.add(name, events, fences); err != nil {
			return c, fmt.Errorf("pool %s: %w", name, err)
		}
		if err := checkBookings(ctx, d.SQL(), name, p.records); err != nil {
			return c, fmt.Errorf("pool %s: %w", name, err)
		}
		c.Pools, c.Events, c.Addresses = c.Pools+1, c.Events+len(events), c.Addresses+p.records.Len()
	}
	return c, nil
}

func poolNames(ctx context.Context, db *sql.DB) ([]string, error) {
	rows, err := db.QueryContext(ctx, `select pool from event union select pool from booking order by 1`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		list = append(list, name)
	}
	return list, rows.Err()
}

func checkBookings(ctx context.Context, db *sql.DB, pool string, rs *ledger.Records) error {
	rows, err := db.QueryContext(ctx, `select address, length, state, owner, number, until from booking where pool = $1`, pool)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var address []byte
		var length, number int
		var state, owner string
		var until sql.NullInt64
		if err := rows.Scan(&address, &length, &state, &owner, &number, &until); err != nil {
			return err
		}
		r, err := RangeOf(address, length)
		if err != nil {
			return err
		}
		if b := rs.At(r); string(b.State) != state || b.Owner != owner || b.Number != number {
			return fmt.Errorf("%s is %s of %s in the table, and %s of %s by its history", ledger.RangeText(r), state, owner, b.State, b.Owner)
		}
		if b := rs.At(r); until.Valid == b.Until.IsZero() || until.Valid && until.Int64 != b.Until.UnixMicro() {
			return fmt.Errorf("%s has another end in the table than by its history", ledger.RangeText(r))
		}
		n++
	}
	if n != rs.Len() {
		return errors.Join(rows.Err(), fmt.Errorf("the table has %d addresses, and the histories %d", n, rs.Len()))
	}
	return rows.Err()
}
