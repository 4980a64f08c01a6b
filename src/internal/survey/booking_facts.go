package survey

import (
	"slices"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// BookingFacts are the facts for the rules about bookings (lint.BookingRules): those
// bookings that somebody's claim, or another booking, may meet, and of a plan whatever may meet a booking, or
// lies where all has to be booked. It is for whoever has the plan already, and bookings
// that change more often; the plan's own bookings do not count.
func BookingFacts(p *plan.Plan, file *fleet.File, bookings []bookfile.PoolBookings, now time.Time) *lint.Facts {
	b := &booked{}
	for _, pool := range bookings {
		b.pool(file, pool, now)
	}
	meets := func(c *plan.Claim) bool {
		return c.Kind.InUse() || c.Kind == plan.DynamicPool || c.Kind == plan.Compilation
	}
	var met, wanted netipx.IPSetBuilder
	for i := range p.Claims {
		if c := &p.Claims[i]; c.Kind != plan.Booked && meets(c) {
			met.AddRange(c.Range)
		}
	}
	known := unionOf(&met).Ranges()
	twice := overlapping(b.claims)
	kept := b.claims[:0]
	for i, c := range b.claims {
		if twice[i] || plan.Reach(known, c.Range) {
			kept = append(kept, c)
		}
	}
	b.claims = kept
	b.over = slices.DeleteFunc(b.over, func(c plan.Claim) bool { return !plan.Reach(known, c.Range) })
	pools := poolsOf(file)
	for i := range pools {
		for _, r := range pools[i].Ranges {
			wanted.AddRange(r)
		}
	}
	for _, list := range [][]plan.Claim{b.claims, b.over} {
		for i := range list {
			wanted.AddRange(list[i].Range)
		}
	}
	asked := unionOf(&wanted).Ranges()
	narrow := &plan.Plan{Subnets: slices.Clone(p.Subnets), BlindSpots: slices.Clone(p.BlindSpots), Withheld: p.Withheld, Directors: p.Directors}
	for i := range p.Claims {
		if c := &p.Claims[i]; c.Kind != plan.Booked && meets(c) && plan.Reach(asked, c.Range) {
			narrow.Claims = append(narrow.Claims, *c)
		}
	}
	b.addTo(narrow)
	facts := lint.NewFacts(narrow)
	facts.Now, facts.Pools, facts.Over = now, pools, b.over
	return facts
}

// overlapping tells which of some claims have an address that another one has.
func overlapping(claims []plan.Claim) []bool {
	order := make([]int, len(claims))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return claims[a].Range.From().Compare(claims[b].Range.From()) })
	found := make([]bool, len(claims))
	for n, i := range order {
		if n == 0 {
			continue
		}
		// Of those before, the one that ends last stands for all: whichever else has the
		// address overlaps that one, too.
		last := order[n-1]
		if !claims[last].Range.To().Less(claims[i].Range.From()) {
			found[last], found[i] = true, true
		}
		if claims[i].Range.To().Less(claims[last].Range.To()) {
			order[n] = last
		}
	}
	return found
}

// unionOf is the builder's set: ranges of plans are valid, and make no error.
func unionOf(b *netipx.IPSetBuilder) *netipx.IPSet {
	set, err := b.IPSet()
	if err != nil {
		return &netipx.IPSet{}
	}
	return set
}
