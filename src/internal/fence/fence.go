// Package fence computes which addresses each subnet has to reserve, so that
// directors that share a segment own nothing in common.
//
//	plan ──obstacles──▶ what a pool must leave to others (forced)
//	     ──contests───▶ what two pools may both hand out
//	                      └─assign─▶ who keeps it ─share─▶ so that nobody starves
//	                                                 └────▶ Fence: ranges to reserve, by subnet
//
// A director keeps off an address only if the subnet that holds it has it in
// reserved. So a fence is a set of entries of reserved, and nothing else: no
// address that somebody uses is moved, no static list is shortened.
//
// What a pool must leave to others is settled first: addresses in use by others,
// their static lists, gateways, DNS servers, virtual addresses, externals. What
// remains is the addresses that two pools may hand out by themselves. Each of
// them stays with as many pools as can have it without a clash, and leaves the
// others, such that
//
//  1. every pool keeps enough (below), where that can be;
//  2. the number of added entries is the smallest;
//  3. then the number of addresses that are taken away;
//  4. then the number of changes of hands from one range to the next, so that what
//     belongs to one side lies together;
//  5. then the pool gives way that uses fewer of the addresses at stake; of
//     equals, the one whose director's name, network's name or place is later.
//
// An entry holds only addresses that its pool loses: never an address of the
// subnet's own static list (a director refuses that), never the network's
// address, the gateway or the broadcast address (a director of v282.0.10 to
// v282.1.8 hands out addresses of a reserved block that begins there), and never
// one outside the range. Entries that are there already are not changed, so that
// what their comments say stays true.
//
// Enough is what the manifests need (Needs), and not less than half of an equal
// share of the pool: of two directors with the same range neither gets all of
// it. Only where the smallest number of entries leaves somebody with less, more
// are added: the range at stake is given to him, or cut in two, whichever takes
// fewer entries. This last step looks at one range at a time and is not proven
// to be the smallest; the steps before it are, as long as "cannot see each
// other" splits the pools of a segment into groups, which only networks with
// contradicting ids can prevent.
//
// What a fence cannot settle are addresses in use by two, and static lists: who
// gives those up is for people to decide. They stay as findings of lint.
package fence

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// Needs tells how many addresses a subnet's pool must be able to hand out at the
// same time. A subnet that is not in it needs none.
type Needs map[*plan.Subnet]int

// Fence is what has to be reserved. Everything in it is sorted.
type Fence struct {
	// Changes are the subnets that have to reserve more.
	Changes []Change
	// Unknown are subnets of which a part hides, so that what they own in common
	// with others cannot be told, or whether the gateway of another one is theirs.
	Unknown []*plan.Subnet
	// Blind are what may hide something that a pool has to leave to others, or a
	// pool itself: the fence is not whole without it.
	Blind []*plan.BlindSpot
	// Shortages are pools that get too small.
	Shortages []Shortage
}

// Change is what one subnet has to add to reserved.
type Change struct {
	Subnet *plan.Subnet
	// Entries are disjoint, not adjacent, and sorted.
	Entries []Entry
}

// Entry is one entry of reserved.
type Entry struct {
	Range netipx.IPRange
	// For are the claims that it leaves the addresses to, at least one.
	For []*plan.Claim
}

// Shortage is a pool that keeps fewer addresses than it needs, or none at all.
type Shortage struct {
	Subnet *plan.Subnet
	// Keeps and Needs count addresses, or blocks where each VM gets a block.
	Keeps, Needs int
}

// Compute returns the fence of those subnets of p for which within is true; nil
// means all. Contests with subnets for which it is not true are left alone.
func Compute(p *plan.Plan, needs Needs, within func(*plan.Subnet) bool) *Fence {
	b := &builder{needs: needs, pools: map[*plan.Subnet]*pool{}}
	b.collect(p, within)
	blind := b.blind(p, within)
	for _, group := range b.contestGroups() {
		b.settle(group)
	}
	f := b.fence()
	f.Blind = blind
	return f
}

// builder holds what is known of each pool while a fence is made.
type builder struct {
	needs    Needs
	pools    map[*plan.Subnet]*pool
	order    []*pool // as in the plan
	contests []*contest
	unknown  map[*plan.Subnet]bool
	mayBeOwn []*plan.Subnet                  // with the gateway of others in their pool, which may be theirs, that hides
	twins    map[*plan.Subnet][]*plan.Subnet // of the first of some, the others
}

// pool is everything that one subnet may hand out by itself.
type pool struct {
	subnet *plan.Subnet
	claims []*plan.Claim // its dynamic claims
	// forced are the obstacles in it, taken what it must leave to them, and
	// later also what it loses in contests.
	forced []obstacle
	taken  *netipx.IPSet
	// held is what its own director granted in the subnet: such an address, made
	// reserved, would be taken from its VM at the next deploy. used is everything
	// that is in use in the subnet.
	held, used *netipx.IPSet
	// keepers are the pools that it leaves contested addresses to.
	keepers []kept
}

// obstacle is a claim that a pool must keep off, where it lies in the pool.
type obstacle struct {
	at    netipx.IPRange
	claim *plan.Claim
}

// kept says that a range stays with another pool.
type kept struct {
	at netipx.IPRange
	by *pool
}

func (b *builder) fence() *Fence {
	f := &Fence{}
	for _, p := range b.order {
		entries := p.entries()
		if len(entries) == 0 {
			continue
		}
		keeps := p.keeps()
		for _, s := range append([]*plan.Subnet{p.subnet}, b.twins[p.subnet]...) {
			f.Changes = append(f.Changes, Change{Subnet: s, Entries: entries})
			if needs := b.needs[s]; keeps < max(1, float64(needs)) {
				f.Shortages = append(f.Shortages, Shortage{Subnet: s, Keeps: int(keeps), Needs: needs})
			}
		}
	}
	for _, s := range b.mayBeOwn {
		b.unknown[s] = true
	}
	for s := range b.unknown {
		f.Unknown = append(f.Unknown, s)
	}
	slices.SortFunc(f.Changes, func(x, y Change) int { return compareSubnets(x.Subnet, y.Subnet) })
	slices.SortFunc(f.Shortages, func(x, y Shortage) int { return compareSubnets(x.Subnet, y.Subnet) })
	slices.SortFunc(f.Unknown, compareSubnets)
	return f
}

// entries are the ranges that the pool loses, with those that it leaves them to.
func (p *pool) entries() []Entry {
	ranges := p.taken.Ranges()
	list := make([]Entry, len(ranges))
	for i, r := range ranges {
		list[i].Range = r
	}
	type reason struct {
		entry int
		claim *plan.Claim
	}
	known := map[reason]bool{}
	add := func(i int, c *plan.Claim) {
		if why := (reason{i, c}); !known[why] {
			known[why] = true
			list[i].For = append(list[i].For, c)
		}
	}
	for _, o := range p.forced {
		for i := range overlapping(ranges, o.at) {
			add(i, o.claim)
		}
	}
	claims := map[*pool]*spread{}
	for _, k := range p.keepers {
		if claims[k.by] == nil {
			claims[k.by] = newSpread(k.by.claims)
		}
		for i := range overlapping(ranges, k.at) {
			claims[k.by].each(k.at, func(c *plan.Claim) { add(i, c) })
		}
	}
	for i := range list {
		slices.SortStableFunc(list[i].For, compareClaims)
	}
	return list
}

// overlapping are the indexes of those of sorted, disjoint ranges that overlap another.
func overlapping(sorted []netipx.IPRange, at netipx.IPRange) iter.Seq[int] {
	return func(yield func(int) bool) {
		i, _ := slices.BinarySearchFunc(sorted, at.From(), func(r netipx.IPRange, from netip.Addr) int { return r.To().Compare(from) })
		for ; i < len(sorted) && !at.To().Less(sorted[i].From()); i++ {
			if !yield(i) {
				return
			}
		}
	}
}

// spread finds the claims of a pool that overlap a range.
type spread struct {
	claims []*plan.Claim // by where they begin
	// last is the last address of each claim and of all before it.
	last []netip.Addr
}

func newSpread(claims []*plan.Claim) *spread {
	s := &spread{claims: slices.Clone(claims)}
	slices.SortStableFunc(s.claims, func(a, b *plan.Claim) int { return a.Range.From().Compare(b.Range.From()) })
	for i, c := range s.claims {
		last := c.Range.To()
		if i > 0 && last.Less(s.last[i-1]) {
			last = s.last[i-1]
		}
		s.last = append(s.last, last)
	}
	return s
}

func (s *spread) each(at netipx.IPRange, call func(*plan.Claim)) {
	first, _ := slices.BinarySearchFunc(s.last, at.From(), netip.Addr.Compare)
	for _, c := range s.claims[first:] {
		if at.To().Less(c.Range.From()) {
			return
		}
		if c.Range.Overlaps(at) {
			call(c)
		}
	}
}

// compareSubnets orders subnets by place, then by name.
func compareSubnets(a, b *plan.Subnet) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Director, b.Director), cmp.Compare(a.Deployment, b.Deployment), cmp.Compare(a.Network, b.Network))
}

func compareClaims(a, b *plan.Claim) int {
	return cmp.Or(a.Range.From().Compare(b.Range.From()), cmp.Compare(a.Kind, b.Kind), a.At.Compare(b.At))
}
