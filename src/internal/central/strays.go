package central

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// A pool's records say nothing of other pools, nor of segments. So that no address is booked
// twice, no two pools may delegate the same ones, and what was booked of a
// pool that is no more, that no longer delegates the address, or that was in another segment
// then, is in everybody's way as any other claim: a stray. Strays come of a change of the
// fleet file alone, which makes a new picture. A renewal may end one: the next picture, which
// is made soon anyway, sees it.

// strays are those bookings, and what is to be said of them.
type strays struct {
	list []bookfile.PoolBookings
	// moved are those of another segment than their pool's of now.
	moved []bookfile.PoolBookings
	lost  []*ledger.Pool
	told  []trouble.Trouble
}

func (p *Plan) strays(ctx context.Context, file *fleet.File) (*strays, error) {
	s := &strays{}
	if p.Booked == nil {
		return s, nil
	}
	var in map[string]map[netip.Prefix]string
	if p.BookedIn != nil { // before the bookings: what was booked since was so in the segment of now
		var err error
		if in, err = p.BookedIn(ctx); err != nil {
			return nil, err
		}
	}
	all, err := p.Booked(ctx)
	if err != nil {
		return nil, fmt.Errorf("the bookings cannot be read: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if named := file.PoolsNamed(name); len(named) > 0 {
			s.ofPool(file, named[0], all[name], in[name])
			continue
		}
		stray := bookfile.PoolBookings{Pool: name, Records: kept(name, all[name], func(netip.Prefix) bool { return true })}
		s.lost = append(s.lost, &ledger.Pool{Name: name, Delegation: plan.Delegation{Ranges: rangesOf(stray.Records)}})
		if len(stray.Records) > 0 {
			s.list = append(s.list, stray)
			s.told = append(s.told, trouble.Trouble{
				Message: fmt.Sprintf("%s of pool %q, which the fleet file does not have", plural.Of(len(stray.Records), "booking"), name),
				At:      place.Place{File: file.Path}, Hint: "give the pool its name back: nobody can renew or release them, and nobody else gets the addresses",
			})
		}
	}
	return s, nil
}

// ofPool adds the strays of a pool that the fleet file has. In are the segments in which
// its addresses were booked, as far as they may be others.
func (s *strays) ofPool(file *fleet.File, pool *fleet.Pool, rs *ledger.Records, in map[netip.Prefix]string) {
	name, now := pool.Key(), pool.Segment.Value
	delegated := delegatedBy(pool)
	if records := kept(name, rs, func(r netip.Prefix) bool { return !delegated.ContainsPrefix(r) }); len(records) > 0 {
		s.list = append(s.list, bookfile.PoolBookings{Pool: name, Records: records})
	}
	if now == "" {
		return // it may be in any
	}
	for _, segment := range slices.Compact(slices.Sorted(maps.Values(in))) {
		records := kept(name, rs, func(r netip.Prefix) bool { was, known := in[r]; return known && was == segment && was != now })
		if len(records) == 0 {
			continue
		}
		moved := bookfile.PoolBookings{Pool: name, Segment: segment, Moved: true, Records: records}
		while, hint := "it was in segment "+segment, "a machine does not move with the pool: give the pool its segment back, or let the owners release what they have, and book again"
		switch {
		case segment == "":
			while, hint = "it named no segment", "if their machines are in this one, renew them: ipguard renew OWNER"
		case !slices.ContainsFunc(file.Segments, func(o fleet.Segment) bool { return o.Name.Value == segment }):
			moved.Segment, while = "", while+", which the fleet file does not have any more"
		}
		there := "there, too"
		if moved.Segment == "" {
			there = "in all segments"
		}
		s.moved = append(s.moved, moved)
		s.told = append(s.told, trouble.Trouble{
			Message: fmt.Sprintf("%s of pool %s made while %s, such as %s: what is booked stays taken %s", plural.Of(len(records), "booking"), name,
				while, ledger.RangeText(records[0].Range), there),
			At: pool.Segment.At, Hint: hint,
		})
	}
}

// kept are the records of what is taken, or rests, among some addresses.
func kept(pool string, rs *ledger.Records, of func(netip.Prefix) bool) (list []ledger.Record) {
	for b := range rs.All() {
		if (b.State.Taken() || b.State == ledger.Quarantined) && of(b.Range) {
			record := rs.Record(b.Range)
			record.At = bookingsAt(pool)
			list = append(list, record)
		}
	}
	return list
}

func rangesOf(records []ledger.Record) []netipx.IPRange {
	var list []netipx.IPRange
	for _, r := range records {
		list = append(list, netipx.RangeOfPrefix(r.Range))
	}
	return list
}

// overlapping says of pools that they delegate the same addresses of what may be one
// segment.
func overlapping(file *fleet.File) []trouble.Trouble {
	var list []trouble.Trouble
	for i := range file.Pools {
		p := &file.Pools[i]
		for k := range i {
			o := &file.Pools[k]
			if p.Segment.Value != o.Segment.Value && p.Segment.Value != "" && o.Segment.Value != "" {
				continue
			}
			var both netipx.IPSetBuilder
			both.AddSet(delegatedBy(p))
			both.Intersect(delegatedBy(o))
			set, _ := both.IPSet() // sets make no error
			if ranges := set.Ranges(); len(ranges) > 0 {
				list = append(list, trouble.Trouble{
					Message: fmt.Sprintf("pools %s and %s both delegate %s: it would be booked twice", o.Key(), p.Key(), ranges[0]), At: p.At,
					Hint: fmt.Sprintf("take it out of one of them (%s is the other), or add it to its except:", o.At),
				})
			}
		}
	}
	return list
}

func delegatedBy(p *fleet.Pool) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, r := range p.Addresses {
		b.AddRange(r.Range)
	}
	for _, r := range p.Except {
		b.RemoveRange(r.Range)
	}
	set, _ := b.IPSet() // ranges that were read make no error
	return set
}
