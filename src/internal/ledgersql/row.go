package ledgersql

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

// Event is one row of the table event.
type Event struct {
	Pool   string
	Serial int64
	ledger.Entry
	// Guard is what has to be so when the event is written; nil: nothing.
	Guard *Guard
	// Under is the tag of the fleet file that must be the one that was loaded last; empty:
	// whichever was.
	Under string
	// Grants is the request that is approved and that the event belongs to, which is booked
	// with it; 0: none.
	Grants int64
}

// GrantRequest makes an approved request a booked one. There is no row if it is not approved
// any more.
const GrantRequest = `update request set state = 'booked' where id = $1 and state = 'approved' returning true`

// Guard is on the first event of each pool that a group writes. The database that is
// written may be another one than the one that was read: PostgreSQL fails over to a standby
// that lacks the last events, or a backup is put back under a server that goes on.
type Guard struct {
	// Before is the last event of the pool, which has to be there still; nil: the pool
	// has none.
	Before *Event
}

// GuardQuery answers whether an event with a guard may be written: no fence keeps its pool
// from being given or demands a higher serial, and the event before it is the one that
// was read.
const GuardQuery = `select not exists (select 1 from fence where (pool = $1 or pool = '') and (lifted is null or next > $2))
and (cast($3 as bigint) = 0 or exists (select 1 from event where pool = $1 and serial = cast($3 as bigint)
  and address = $4 and length = $5 and at = $6 and what = $7 and owner = $8 and number = $9))`

// GuardValues are the parameters of GuardQuery.
func (e *Event) GuardValues() []any {
	b := e.Guard.Before
	if b == nil {
		b = &Event{Entry: ledger.Entry{Range: e.Range}}
	}
	address, length := Columns(b.Range)
	v := &b.Event
	return []any{e.Pool, e.Serial, b.Serial, address, length, v.At.UnixMicro(), string(v.What), v.Owner, v.Number}
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
	InsertEvent = `insert into event (pool, serial, address, length, at, what, owner, number, team, until, by_whom, why, approved_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`
	DeleteBooking = `delete from booking where pool = $1 and address = $2 and length = $3`
	InsertBooking = `insert into booking (pool, address, length, state, owner, number, team, until)
values ($1, $2, $3, $4, $5, $6, $7, $8)`
)

// Values are the parameters of InsertEvent.
func (e *Event) Values() []any {
	address, length := Columns(e.Range)
	v := &e.Event
	return []any{e.Pool, e.Serial, address, length, v.At.UnixMicro(), string(v.What), v.Owner, v.Number, v.Team, moment(v.Until), v.By, v.Why, v.Approved}
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

const (
	eventColumns = `serial, address, length, at, what, owner, number, team, until, by_whom, why, approved_by`
	selectEvents = `select ` + eventColumns + ` from event`
)

// eventsFrom are the events of a pool from a serial on.
func eventsFrom(ctx context.Context, q querier, pool string, serial int64) ([]Event, error) {
	rows, err := q.QueryContext(ctx, selectEvents+` where pool = $1 and serial >= $2 order by serial`, pool, serial)
	if err != nil {
		return nil, err
	}
	return scanEvents(rows, pool)
}

// mostAsked is how many pools one question is about: SQLite takes 500 parts.
const mostAsked = 64

// eventsOf are the events of pools from their last one that is known on, by the pools'
// names. Each pool is a question of its own to an index, whatever the database guesses
// of the others.
func eventsOf(ctx context.Context, q querier, known map[string]*pool) (map[string][]Event, error) {
	var parts []string
	var values []any
	for name, p := range known {
		n := len(values)
		parts = append(parts, fmt.Sprintf(`select pool, `+eventColumns+` from event where pool = $%d and serial >= $%d`, n+1, n+2))
		values = append(values, name, p.serial)
	}
	if len(parts) == 0 {
		return nil, nil
	}
	rows, err := q.QueryContext(ctx, strings.Join(parts, " union all "), values...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[string][]Event{}
	for rows.Next() {
		var pool string
		e, err := scanEvent(rows, &pool)
		if err != nil {
			return nil, err
		}
		e.Pool = pool
		found[pool] = append(found[pool], e)
	}
	for _, list := range found {
		slices.SortFunc(list, func(a, b Event) int { return cmp.Compare(a.Serial, b.Serial) })
	}
	return found, rows.Err()
}

// scanEvent reads a row: what stands before the event goes to first.
func scanEvent(rows *sql.Rows, first ...any) (e Event, err error) {
	var (
		address []byte
		length  int
		at      int64
		until   sql.NullInt64
		v       = &e.Event
	)
	if err := rows.Scan(append(first, &e.Serial, &address, &length, &at, &v.What, &v.Owner, &v.Number, &v.Team, &until, &v.By, &v.Why, &v.Approved)...); err != nil {
		return e, err
	}
	v.At = time.UnixMicro(at).UTC()
	if until.Valid {
		v.Until = time.UnixMicro(until.Int64).UTC()
	}
	e.Range, err = RangeOf(address, length)
	return e, err
}

// AppendIn writes events and what became of their addresses in a transaction, one by one.
func AppendIn(ctx context.Context, tx *sql.Tx, events []Event, after []Booking) error {
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
	if err := run(InsertEvent, len(events), func(i int) []any { return events[i].Values() }); err != nil {
		return err
	}
	err := run(DeleteBooking, len(after), func(i int) []any {
		if !after[i].Known {
			return nil
		}
		return after[i].Key()
	})
	if err != nil {
		return err
	}
	return run(InsertBooking, len(after), func(i int) []any { return after[i].Values() })
}
