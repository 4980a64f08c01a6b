package booking_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/booking"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// far adds what has nothing to do with the pool, and what only its kind tells apart.
func (w *world) far() {
	away := &plan.Subnet{Director: "a", Network: "away", Range: netip.MustParsePrefix("10.9.0.0/24"), Prefix: 32, Segment: "elsewhere", At: w.at()}
	w.plan.Subnets = append(w.plan.Subnets, away)
	w.plan.Claims = append(w.plan.Claims, plan.Claim{
		Range: netipx.MustParseIPRange("10.9.0.4-10.9.0.4"), Kind: plan.CreateEnvVM, Holder: &plan.Owner{Director: "b", Deployment: "d1"}, Subnet: away, At: w.at(),
	})
	for _, director := range w.plan.Directors {
		at := w.rng.IntN(64)
		w.add(plan.DirectorOwn, plan.Owner{Director: director}, w.subnets[director], at, at)
	}
}

var owners = []string{"a/new/api", "a/d0/web", "a/d1", "a/d1/db", "b/d1/web", "b/d2/web", "a", "b", "lb", "lb/frontend", "c/d/e", "a//web", ""}

// TestGroundIsTheWholePlan: what is computed once for a pool, and remembered for owners
// who have the same, is what a scan of the whole plan says for each of them alone.
func TestGroundIsTheWholePlan(t *testing.T) {
	plans := 1500
	if sharedtest.Short() {
		plans = 300
	}
	for seed := range uint64(plans) {
		w := newWorld(seed)
		w.far()
		look := &booking.Look{Plan: w.plan, Pool: w.pool, Now: now, Unsure: seed%4 == 0}
		look.Ready()
		var all sync.WaitGroup
		for _, owner := range owners {
			all.Go(func() {
				mine := *look
				world := mine.World(owner)
				if got, want := texts(world.Free), texts(w.scanned(&mine, owner)); !slices.Equal(got, want) {
					t.Errorf("seed %d: %s may have\n%q, and by a scan\n%q", seed, owner, got, want)
				}
				if got, want := slices.SortedFunc(slices.Values(world.Own), ownOrder), w.own(&mine, owner); !slices.Equal(got, want) {
					t.Errorf("seed %d: %s has\n%v, and by a scan\n%v", seed, owner, got, want)
				}
				for i := range 64 {
					r := addresses(i, i)
					var got []string
					for _, u := range world.Users(netip.PrefixFrom(r.From(), 32), owner) {
						got = append(got, fmt.Sprint(u.Text, u.Is(owner)))
					}
					want := w.users(r, owner)
					slices.Sort(got)
					slices.Sort(want)
					if !slices.Equal(got, want) {
						t.Errorf("seed %d: %s: users of %s are %q, and by a scan %q", seed, owner, r.From(), got, want)
					}
				}
			})
		}
		all.Wait()
		if t.Failed() {
			return
		}
	}
}

func ownOrder(a, b ledger.Own) int { return a.Range.Addr().Compare(b.Range.Addr()) }

// own is what an owner uses of the pool, by looking at each claim for each address.
func (w *world) own(look *booking.Look, owner string) []ledger.Own {
	var list []ledger.Own
	if len(look.Subnets()) == 0 {
		return nil
	}
	pool := w.pool.In(look.Subnets())
	for i := range 64 {
		a := addresses(i, i)
		number, uses := -9, false
		for _, c := range w.plan.Claims {
			if !c.Kind.InUse() || !c.Range.Overlaps(a) || !pool.OverlapsRange(a) || !w.means(owner, &c) || !(&plan.Subnet{Segment: w.pool.Segment}).Meets(&c) {
				continue
			}
			is := ledger.NoInstance
			if k := c.Kind; (k == plan.Static || k == plan.Lease || k == plan.Orphan) && c.Owner().InstanceGroup != "" {
				is = ledger.UnknownInstance
				if index := c.IndexAt(i - at(c.Range.From())); k != plan.Orphan && index >= 0 {
					is = index
				}
			}
			if !uses || number < 0 && is >= 0 {
				number, uses = is, true
			}
		}
		if uses {
			list = append(list, ledger.Own{Range: netip.PrefixFrom(a.From(), 32), Number: number})
		}
	}
	return list
}

// at is the number of an address, as addresses has it.
func at(a netip.Addr) int {
	n := 0
	for ; addresses(n, n).From() != a; n++ {
	}
	return n
}

// texts are sets as texts.
func texts(sets []*netipx.IPSet) []string {
	var list []string
	for _, s := range sets {
		list = append(list, fmt.Sprint(s.Ranges()))
	}
	return list
}

// scanned is what an owner may have, by looking at each claim of the plan.
func (w *world) scanned(look *booking.Look, owner string) []*netipx.IPSet {
	if len(look.Subnets()) == 0 {
		return nil
	}
	q := look.Question(owner)
	q.Passes = func(c *plan.Claim) bool {
		switch {
		case c.Kind == plan.Booked:
			return c.Booking().Pool == w.pool.Name
		case c.Kind == plan.StaticPool:
			return w.hasStatic(c, owner)
		}
		return c.Kind.InUse() && w.means(owner, c)
	}
	available := answer.Available(w.plan, q)
	delegated := w.pool.In(look.Subnets())
	var own, static, first, second netipx.IPSetBuilder
	for _, c := range w.plan.Claims {
		inPool := slices.ContainsFunc(w.pool.Ranges, c.Range.Overlaps)
		if c.Kind.InUse() && inPool && w.means(owner, &c) && (&plan.Subnet{Segment: w.pool.Segment}).Meets(&c) {
			own.AddRange(c.Range)
		}
		if c.Kind == plan.StaticPool && q.Passes(&c) && delegated.OverlapsRange(c.Range) {
			static.AddRange(c.Range)
		}
	}
	ownSet, _ := own.IPSet()
	static.Intersect(delegated)
	staticSet, _ := static.IPSet()
	first.AddSet(available)
	first.Intersect(ownSet)
	second.AddSet(available)
	if len(staticSet.Ranges()) > 0 {
		second.Intersect(staticSet)
	}
	second.RemoveSet(ownSet)
	a, _ := first.IPSet()
	b, _ := second.IPSet()
	return []*netipx.IPSet{a, b}
}

// means is plan.Means, but that the machine of a director is nobody's whom the director
// deploys.
func (w *world) means(owner string, c *plan.Claim) bool {
	parts := strings.Split(owner, "/")
	return plan.Means(owner, c) && (c.Kind != plan.DirectorOwn || len(parts) < 2 || parts[1] == "" || !slices.ContainsFunc(w.plan.Claims, func(o plan.Claim) bool {
		return o.Kind != plan.CreateEnvVM && o.Owner().Director == parts[0] && o.Owner().Deployment == parts[1]
	}))
}

// hasStatic reports whether an owner's director keeps a static range for it: not for a VM
// of create-env.
func (w *world) hasStatic(static *plan.Claim, owner string) bool {
	parts := strings.Split(owner, "/")
	return len(parts) > 1 && parts[0] == static.Owner().Director && !slices.ContainsFunc(w.plan.Claims, func(c plan.Claim) bool {
		return c.Kind == plan.CreateEnvVM && c.Owner().Director == parts[0] && c.Owner().Deployment == parts[1]
	})
}

// users are those of a range, and whether the owner is one, by looking at each claim.
func (w *world) users(r netipx.IPRange, owner string) []string {
	var list []string
	for _, c := range w.plan.Claims {
		if c.Kind.InUse() && c.Range.Overlaps(r) && slices.ContainsFunc(w.pool.Ranges, c.Range.Overlaps) && (&plan.Subnet{Segment: w.pool.Segment}).Meets(&c) {
			list = append(list, fmt.Sprint(c.Who(), w.means(owner, &c)))
		}
	}
	for _, spot := range w.plan.BlindSpots {
		if slices.ContainsFunc(spot.May, func(c plan.Claim) bool {
			return c.Kind.InUse() && c.Range.Overlaps(r) && w.means(owner, &c) && (&plan.Subnet{Segment: w.pool.Segment}).Meets(&c)
		}) {
			list = append(list, fmt.Sprint("perhaps ", owner, ", which cannot be seen (", spot.At, ")", true))
		}
	}
	return list
}
