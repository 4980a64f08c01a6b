package central

import (
	"context"
	"fmt"
	"maps"
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

// A pool's records say nothing of other pools. So that no address is booked twice, no two
// pools may delegate the same ones, and what was booked of a
// pool that is no more, or no longer delegates the address, is in everybody's way as any
// other claim: a stray. Strays come of a change of the fleet file alone, which makes a new
// picture.

// strays are those bookings, and what is to be said of them.
func (p *Plan) strays(ctx context.Context, file *fleet.File) (list []bookfile.PoolBookings, lost []*ledger.Pool, told []trouble.Trouble, err error) {
	if p.Booked == nil {
		return nil, nil, nil, nil
	}
	all, err := p.Booked(ctx)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("the bookings cannot be read: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		delegated := &netipx.IPSet{}
		named := file.PoolsNamed(name)
		if len(named) > 0 {
			delegated = delegatedBy(named[0])
		}
		stray := bookfile.PoolBookings{Pool: name}
		for b := range all[name].All() {
			if (b.State.Taken() || b.State == ledger.Quarantined) && !delegated.ContainsPrefix(b.Range) {
				record := all[name].Record(b.Range)
				record.At = bookingsAt(name)
				stray.Records = append(stray.Records, record)
			}
		}
		if len(named) == 0 {
			lost = append(lost, &ledger.Pool{Name: name, Delegation: plan.Delegation{Ranges: rangesOf(stray.Records)}})
		}
		if len(stray.Records) == 0 {
			continue
		}
		list = append(list, stray)
		if len(named) == 0 {
			told = append(told, trouble.Trouble{
				Message: fmt.Sprintf("%s of pool %q, which the fleet file does not have", plural.Of(len(stray.Records), "booking"), name),
				At:      place.Place{File: file.Path}, Hint: "give the pool its name back: nobody can renew or release them, and nobody else gets the addresses",
			})
		}
	}
	return list, lost, told, nil
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
