package ledgersql

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

// Event is one row of the table event.
type Event struct {
	Pool   string
	Serial int64
	ledger.Entry
}

// Booking is one row of the table booking.
type Booking struct {
	Pool string
	// Known says that there is a row of the address already.
	Known bool
	ledger.Booking
}

// The statements that both databases take.
const (
	InsertEvent = `insert into event (pool, serial, address, length, at, what, owner, number, team, until, by_whom, why)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
	DeleteBooking = `delete from booking where pool = $1 and address = $2 and length = $3`
	InsertBooking = `insert into booking (pool, address, length, state, owner, number, team, until)
values ($1, $2, $3, $4, $5, $6, $7, $8)`
)

// Values are the parameters of InsertEvent.
func (e *Event) Values() []any {
	address, length := Columns(e.Range)
	v := &e.Event
	return []any{e.Pool, e.Serial, address, length, v.At.UnixMicro(), string(v.What), v.Owner, v.Number, v.Team, moment(v.Until), v.By, v.Why}
}

// Key are the parameters of DeleteBooking.
func (b *Booking) Key() []any {
	address, length := Columns(b.Range)
	return []any{b.Pool, address, length}
}

// Values are the parameters of InsertBooking.
func (b *Booking) Values() []any {
	return append(b.Key(), string(b.State), b.Owner, b.Number, b.Team, moment(b.Until))
}

// Columns are an address or block as the tables have it: 16 bytes, and the length in
// 128 bits.
func Columns(r netip.Prefix) (address []byte, length int) {
	a := r.Addr().As16()
	return a[:], r.Bits() + 128 - r.Addr().BitLen()
}

// RangeOf is the address or block of two columns.
func RangeOf(address []byte, length int) (netip.Prefix, error) {
	a, ok := netip.AddrFromSlice(address)
	a = a.Unmap()
	r := netip.PrefixFrom(a, length-128+a.BitLen())
	if !ok || len(address) != 16 || !r.IsValid() || r != r.Masked() {
		return r, fmt.Errorf("%x/%d is no address", address, length)
	}
	return r, nil
}

// moment is a time as the tables have it; null if it is never.
func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func eventsAfter(ctx context.Context, db *sql.DB, pool string, serial int64) ([]Event, error) {
	rows, err := db.QueryContext(ctx, `select serial, address, length, at, what, owner, number, team, until, by_whom, why
from event where pool = $1 and serial > $2 order by serial`, pool, serial)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Event
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, err
		}
		e.Pool = pool
		list = append(list, e)
	}
	return list, rows.Err()
}

func scanEvent(rows *sql.Rows) (e Event, err error) {
	var (
		address []byte
		length  int
		at      int64
		until   sql.NullInt64
		v       = &e.Event
	)
	if err := rows.Scan(&e.Serial, &address, &length, &at, &v.What, &v.Owner, &v.Number, &v.Team, &until, &v.By, &v.Why); err != nil {
		return e, err
	}
	v.At = time.UnixMicro(at).UTC()
	if until.Valid {
		v.Until = time.UnixMicro(until.Int64).UTC()
	}
	e.Range, err = RangeOf(address, length)
	return e, err
}
