package plan

import (
	"iter"
	"math/big"
	"net/netip"
	"slices"

	"go4.org/netipx"
)

// Space answers which addresses of a plan are not taken. It remembers what it
// computed for a subnet, so many questions cost little more than one.
type Space struct {
	plan      *Plan
	blindness *Blindness
	index     *claimIndex // made by the first question
	unclaimed map[*Subnet][]netipx.IPRange
	unowned   map[*Subnet][]netipx.IPRange
	unused    map[*Subnet][]netipx.IPRange
	static    map[*Subnet][]netipx.IPRange
}

// NewSpace returns the space of p, which must not change any more.
func NewSpace(p *Plan) *Space {
	cache := func() map[*Subnet][]netipx.IPRange { return map[*Subnet][]netipx.IPRange{} }
	return &Space{plan: p, blindness: NewBlindness(p), unclaimed: cache(), unowned: cache(), unused: cache(), static: cache()}
}

// Unclaimed returns the addresses of s that nobody claims in any subnet that s
// may meet: in use by nobody, in nobody's pool, reserved by nobody, and neither
// the first nor the last of the range. Sorted.
func (sp *Space) Unclaimed(s *Subnet) []netipx.IPRange {
	return sp.without(sp.unclaimed, s, func(*Claim) bool { return true })
}

// Unowned returns the addresses of s that nobody uses or may hand out, though
// others may have reserved them: what they promise to keep off. What s itself
// reserves is not among them. Sorted.
func (sp *Space) Unowned(s *Subnet) []netipx.IPRange {
	return sp.without(sp.unowned, s, func(c *Claim) bool { return c.Kind != Reserved || c.Subnet == s })
}

// Unused is Unowned with what s itself reserves: whom its director does not give
// addresses to, such as a virtual address, may have those. Sorted.
func (sp *Space) Unused(s *Subnet) []netipx.IPRange {
	return sp.without(sp.unused, s, func(c *Claim) bool { return c.Kind != Reserved })
}

// without returns the inner addresses of s less the claims that count.
func (sp *Space) without(known map[*Subnet][]netipx.IPRange, s *Subnet, counts func(*Claim) bool) []netipx.IPRange {
	if free, ok := known[s]; ok {
		return free
	}
	var set netipx.IPSetBuilder
	if s.Range.IsValid() {
		set.AddPrefix(s.Range)
		set.Remove(s.Range.Masked().Addr())
		set.Remove(netipx.PrefixLastIP(s.Range))
		sp.remove(&set, s, counts)
	}
	free := ranges(&set)
	known[s] = free
	return free
}

// UnusedStatic returns the addresses that s's own network may hand out on
// request, that nobody uses and that no other director owns: of blocks that are so
// as a whole, the first ones. Sorted.
func (sp *Space) UnusedStatic(s *Subnet) []netipx.IPRange {
	if free, ok := sp.static[s]; ok {
		return free
	}
	var set netipx.IPSetBuilder
	for c := range sp.around(s) {
		if c.Subnet == s && c.Kind == StaticPool {
			set.AddRange(c.Range)
		}
	}
	sp.remove(&set, s, func(c *Claim) bool {
		switch {
		case c.Kind == Reserved:
			return false // what others promise not to touch
		case c.Kind.Pool():
			return c.Owner().Director != s.Director
		default:
			return true
		}
	})
	free := Bases(ranges(&set), s.Prefix)
	sp.static[s] = free
	return free
}

// remove takes away the claims that count and that s may meet, and what may be
// such a claim and hides.
func (sp *Space) remove(set *netipx.IPSetBuilder, s *Subnet, counts func(*Claim) bool) {
	contacts := map[*Subnet]bool{}
	// Claims come by their first address: what follows one another is taken away at once.
	var run netipx.IPRange
	for c := range sp.around(s) {
		if !c.Range.IsValid() || !counts(c) {
			continue
		}
		meets, ok := contacts[c.Subnet]
		if !ok {
			other := c.Subnet
			if other == nil {
				other = nowhere
			}
			contact := ContactOf(s, other)
			meets = contact.Relation != Isolated || contact.OneList
			contacts[c.Subnet] = meets
		}
		switch {
		case !meets:
		case !run.IsValid():
			run = c.Range
		case run.From().Compare(c.Range.From()) <= 0 && (c.Range.From().Compare(run.To()) <= 0 || c.Range.From() == run.To().Next()):
			run = Union(run, c.Range)
		default:
			set.RemoveRange(run)
			run = c.Range
		}
	}
	if run.IsValid() {
		set.RemoveRange(run)
	}
	if s.Range.IsValid() {
		for _, may := range sp.blindness.Reaching(s, netipx.RangeOfPrefix(s.Range)) {
			if counts(may) {
				set.RemoveRange(may.Range)
			}
		}
	}
}

// MayBeHeld is the first spot that hides who uses addresses of r in s, or hands them out; nil
// if there is none.
func (sp *Space) MayBeHeld(s *Subnet, r netipx.IPRange) *BlindSpot {
	for spot, may := range sp.blindness.Reaching(s, r) {
		if may.Kind != Reserved {
			return spot
		}
	}
	return nil
}

// MayBeAskedFor is the first spot of the director of s that may hide a group which asks for
// addresses of r in it; nil if there is none.
func (sp *Space) MayBeAskedFor(s *Subnet, r netipx.IPRange) *BlindSpot {
	for spot, may := range sp.blindness.Reaching(s, r) {
		if may.Kind == Static && spot.Owner.Director == s.Director {
			return spot
		}
	}
	return nil
}

// around yields the claims that may lie in s: those that overlap its range, or
// all if it has none. Without it a fleet with conflicts everywhere would look at
// every claim once for each of its subnets.
func (sp *Space) around(s *Subnet) iter.Seq[*Claim] {
	if !s.Range.IsValid() {
		return func(yield func(*Claim) bool) {
			for i := range sp.plan.Claims {
				if !yield(&sp.plan.Claims[i]) {
					return
				}
			}
		}
	}
	if sp.index == nil {
		sp.index = newClaimIndex(claimsOf(sp.plan))
	}
	return sp.index.overlapping(netipx.RangeOfPrefix(s.Range))
}

// ranges returns the builder's ranges; an IPSetBuilder only fails on invalid
// input, which it is never given here.
func ranges(set *netipx.IPSetBuilder) []netipx.IPRange {
	s, err := set.IPSet()
	if err != nil {
		return nil
	}
	return s.Ranges()
}

// Nearest returns up to n addresses of free (sorted, disjoint ranges of one
// family) that lie nearest to addr, the nearer first; of two equally near ones
// the higher first.
func Nearest(free []netipx.IPRange, addr netip.Addr, n int) []netip.Addr {
	split, inside := slices.BinarySearchFunc(free, addr, func(r netipx.IPRange, a netip.Addr) int {
		if r.To().Less(a) {
			return -1
		}
		if a.Less(r.From()) {
			return 1
		}
		return 0
	})
	up := upward{free: free, i: split}
	down := downward{free: free, i: split - 1}
	if inside {
		up.at = addr
		down.i = split
		down.at = addr.Prev()
		if addr == free[split].From() {
			down.i, down.at = split-1, netip.Addr{}
		}
	}
	var list []netip.Addr
	a, b := up.next(), down.next()
	for len(list) < n && (a.IsValid() || b.IsValid()) {
		if a.IsValid() && (!b.IsValid() || distance(a, addr).Cmp(distance(b, addr)) <= 0) {
			list, a = append(list, a), up.next()
		} else {
			list, b = append(list, b), down.next()
		}
	}
	return list
}

// upward and downward walk over the addresses of sorted ranges.
type upward struct {
	free []netipx.IPRange
	i    int
	at   netip.Addr
}

func (w *upward) next() netip.Addr {
	if w.i >= len(w.free) {
		return netip.Addr{}
	}
	if !w.at.IsValid() {
		w.at = w.free[w.i].From()
	}
	current := w.at
	if current == w.free[w.i].To() {
		w.i, w.at = w.i+1, netip.Addr{}
	} else {
		w.at = current.Next()
	}
	return current
}

type downward struct {
	free []netipx.IPRange
	i    int
	at   netip.Addr
}

func (w *downward) next() netip.Addr {
	if w.i < 0 || w.i >= len(w.free) {
		return netip.Addr{}
	}
	if !w.at.IsValid() {
		w.at = w.free[w.i].To()
	}
	current := w.at
	if current == w.free[w.i].From() {
		w.i, w.at = w.i-1, netip.Addr{}
	} else {
		w.at = current.Prev()
	}
	return current
}

// distance is |a - b|, both of one family.
func distance(a, b netip.Addr) *big.Int {
	x, y := a.As16(), b.As16()
	d := new(big.Int).Sub(new(big.Int).SetBytes(x[:]), new(big.Int).SetBytes(y[:]))
	return d.Abs(d)
}

// Size is the number of addresses in r.
func Size(r netipx.IPRange) *big.Int {
	d := distance(r.From(), r.To())
	return d.Add(d, big.NewInt(1))
}
