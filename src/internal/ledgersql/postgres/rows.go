package postgres

import "github.com/ipguard/ipguard/src/internal/ledgersql"

// Rows go to the database column by column: a statement for each row costs the database
// several times as much.
const (
	insertEvents = `insert into event (pool, serial, address, length, at, what, owner, number, team, until, by_whom, why, approved_by)
select * from unnest($1::text[], $2::bigint[], $3::bytea[], $4::smallint[], $5::bigint[], $6::text[], $7::text[], $8::integer[], $9::text[], $10::bigint[], $11::text[], $12::text[], $13::text[])`
	deleteBookings = `delete from booking b using unnest($1::text[], $2::bytea[], $3::smallint[]) as gone (pool, address, length)
where b.pool = gone.pool and b.address = gone.address and b.length = gone.length`
	insertBookings = `insert into booking (pool, address, length, state, owner, number, team, until)
select * from unnest($1::text[], $2::bytea[], $3::smallint[], $4::text[], $5::text[], $6::integer[], $7::text[], $8::bigint[])`
)

// columns are the parameters of a statement, of which each is one column of n rows.
func columns[Row any](rows []Row, values func(Row) []any) []any {
	var list []any
	for i, row := range rows {
		for c, value := range values(row) {
			if i == 0 {
				list = append(list, make([]any, len(rows)))
			}
			list[c].([]any)[i] = value
		}
	}
	return list
}

func eventColumns(events []ledgersql.Event) []any {
	return columns(events, func(e ledgersql.Event) []any { return e.Values() })
}

func bookingColumns(after []ledgersql.Booking) []any {
	return columns(after, func(b ledgersql.Booking) []any { return b.Values() })
}

// knownColumns are the keys of the rows that are there already; nil if none is.
func knownColumns(after []ledgersql.Booking) []any {
	var known []ledgersql.Booking
	for _, b := range after {
		if b.Known {
			known = append(known, b)
		}
	}
	return columns(known, func(b ledgersql.Booking) []any { return b.Key() })
}
