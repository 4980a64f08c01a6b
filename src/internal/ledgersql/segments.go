package ledgersql

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

// An address that was booked lies in the segment that its pool had then, whatever the
// fleet file says of the pool later: the machine that has it stays where it is. An event
// says nothing of segments, so the database has, of each pool, from which event on it was
// in which segment.

// Segments are those of a fleet file, and which pool is in which.
type Segments struct {
	// Meant is, by a segment's name, what the file says of it: a segment that is meant to be
	// the same under another name was renamed.
	Meant map[string]string
	// OfPool is the segment's name of each pool; empty: the pool names none.
	OfPool map[string]string
}

// span is one row of pool_segment.
type span struct {
	serial         int64
	segment, meant string
}

// loadSegments writes down what changed of the pools' segments.
func loadSegments(ctx context.Context, tx *sql.Tx, of Segments) error {
	known, err := spansIn(ctx, tx)
	if err != nil {
		return err
	}
	if err := rename(ctx, tx, known, of.Meant); err != nil {
		return err
	}
	for _, pool := range slices.Sorted(maps.Keys(of.OfPool)) {
		segment := of.OfPool[pool]
		now := span{segment: segment, meant: of.Meant[segment]}
		if list := known[pool]; len(list) > 0 {
			last := list[len(list)-1]
			now.serial = last.serial
			switch {
			case last.segment == now.segment && last.meant == now.meant:
				continue
			case last.segment == now.segment:
			default: // of a pool that named none nobody knows in which one its machines are
				if err := tx.QueryRowContext(ctx, `select coalesce(max(serial), 0) from event where pool = $1`, pool).Scan(&now.serial); err != nil {
					return err
				}
			}
		}
		if _, err := tx.ExecContext(ctx, `insert into pool_segment (pool, serial, segment, meant) values ($1, $2, $3, $4)
on conflict (pool, serial) do update set segment = excluded.segment, meant = excluded.meant`, pool, now.serial, now.segment, now.meant); err != nil {
			return err
		}
	}
	return nil
}

// rename gives segments that are gone the name under which the file says the same of one.
func rename(ctx context.Context, tx *sql.Tx, known map[string][]span, meant map[string]string) error {
	for _, list := range known {
		for i := range list {
			was := &list[i]
			if _, there := meant[was.segment]; there || was.segment == "" {
				continue
			}
			for _, name := range slices.Sorted(maps.Keys(meant)) {
				if meant[name] != was.meant {
					continue
				}
				if _, err := tx.ExecContext(ctx, `update pool_segment set segment = $1 where segment = $2`, name, was.segment); err != nil {
					return err
				}
				was.segment = name
				break
			}
		}
	}
	return nil
}

// spansIn are all rows, by pool, the oldest first.
func spansIn(ctx context.Context, q querier) (map[string][]span, error) {
	rows, err := q.QueryContext(ctx, `select pool, serial, segment, meant from pool_segment order by pool, serial`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := map[string][]span{}
	for rows.Next() {
		var pool string
		var s span
		if err := rows.Scan(&pool, &s.serial, &s.segment, &s.meant); err != nil {
			return nil, err
		}
		list[pool] = append(list[pool], s)
	}
	return list, rows.Err()
}

// BookedIn are, by pool and address, the segments in which addresses were booked, of the
// pools that were in more than one since they have bookings. It is empty where the pool
// named none, and nobody renewed the booking since it does: who renews it says that its
// machine is there.
func (s *Store) BookedIn(ctx context.Context) (map[string]map[netip.Prefix]string, error) {
	spans, err := spansIn(ctx, s.database.SQL())
	if err != nil {
		return nil, fmt.Errorf("the segments of the pools cannot be read: %w", err)
	}
	all := map[string]map[netip.Prefix]string{}
	for pool, list := range spans {
		if len(list) < 2 {
			continue
		}
		events, err := eventsFrom(ctx, s.database.SQL(), pool, 1)
		if err != nil {
			return nil, fmt.Errorf("the bookings cannot be read: %w", err)
		}
		all[pool] = map[netip.Prefix]string{}
		for i := range events {
			switch e := &events[i]; e.Event.What {
			case ledger.WasHeld, ledger.WasBooked, ledger.WasAdopted:
				all[pool][e.Range] = segmentAt(list, e.Serial)
			case ledger.WasRenewed:
				if was, known := all[pool][e.Range]; known && was == "" {
					all[pool][e.Range] = segmentAt(list, e.Serial)
				}
			}
		}
	}
	return all, nil
}

// segmentAt is the segment in which an event was written.
func segmentAt(list []span, serial int64) string {
	in := list[0].segment
	for _, s := range list {
		if s.serial < serial {
			in = s.segment
		}
	}
	return in
}
