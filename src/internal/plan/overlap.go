package plan

import (
	"cmp"
	"net/netip"
	"slices"

	"go4.org/netipx"
)

// Overlap is two claims that cover a common range and may meet on the wire.
type Overlap struct {
	A, B    *Claim // A is before B in Plan.Claims
	Range   netipx.IPRange
	Contact Contact
}

// Overlaps returns every pair of claims that overlap, may be in one segment and
// are relevant to the caller, ordered by address, then by position in Claims.
//
// It sweeps over the claims in the order of their first address and keeps those
// that reach further: O((n + k) log n) for n claims and k overlapping pairs.
// Claims whose subnets cannot meet are kept apart before the sweep (arenas), so
// that a hundred isolated networks with equal ranges cost nothing.
//
// Where many of one kind claim the same range, such as an address that stands a thousand
// times in one list, or in a thousand instance groups of one deployment, only the first
// of them (kinFirst) are paired with all others, and the others with those: n of them
// make a few times n pairs. What rules ask of a pair, that of its kin answers, too.
func (p *Plan) Overlaps(relevant func(a, b *Claim) bool) []Overlap {
	sweep := sweeper{arenas: p.arenas(), open: map[int][]kin{}, contacts: newContacts(), plan: p, twins: TwinsOf(p.Subnets)}
	for _, i := range p.byFirstAddress() {
		sweep.meet(i, relevant)
	}
	if !slices.IsSortedFunc(sweep.found, compareOverlaps) {
		slices.SortStableFunc(sweep.found, compareOverlaps)
	}
	return sweep.found
}

func compareOverlaps(x, y Overlap) int {
	return cmp.Or(x.Range.From().Compare(y.Range.From()), x.Range.To().Compare(y.Range.To()),
		x.A.compare(y.A), x.B.compare(y.B))
}

// compare orders claims by what they are and where they stand, so that results
// do not depend on the order in which files were read.
func (c *Claim) compare(o *Claim) int {
	return cmp.Or(c.At.Compare(o.At), cmp.Compare(c.Kind, o.Kind), c.Range.From().Compare(o.Range.From()),
		cmp.Compare(c.Owner().Director, o.Owner().Director), cmp.Compare(c.Owner().Deployment, o.Owner().Deployment))
}

// byFirstAddress returns the indexes of all claims, sorted.
func (p *Plan) byFirstAddress() []int32 {
	order := make([]int32, 0, len(p.Claims))
	for i := range p.Claims {
		if p.Claims[i].Range.IsValid() {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(x, y int32) int {
		if c := p.Claims[x].Range.From().Compare(p.Claims[y].Range.From()); c != 0 {
			return c
		}
		return cmp.Or(p.Claims[x].compare(&p.Claims[y]), int(x-y))
	})
	return order
}

// anywhere is the arena of claims that lie in no known subnet: they may meet
// all others.
const anywhere = -1

type sweeper struct {
	plan     *Plan
	arenas   map[*Subnet]int
	open     map[int][]kin // by arena: claims that may reach further
	contacts *contacts
	twins    Twins
	found    []Overlap
}

// kinFirst is how many of the same kin are paired with each of their number, and of
// others.
const kinFirst = 3

// kin are claims of one range for which the same holds against all others.
type kin []int32

// first are those that stand for the others.
func (k kin) first() kin { return k[:min(len(k), kinFirst)] }

// meet pairs claim i with all open claims of its arena and opens it.
func (s *sweeper) meet(i int32, relevant func(a, b *Claim) bool) {
	arena := s.arenaOf(&s.plan.Claims[i])
	at := s.kinOf(arena, i)
	stands := at < 0 || len(s.open[arena][at]) < kinFirst // for its kin
	if arena == anywhere {
		for a := range s.open {
			s.pair(a, i, stands, relevant)
		}
	} else {
		s.pair(arena, i, stands, relevant)
		s.pair(anywhere, i, stands, relevant)
	}
	if at < 0 {
		s.open[arena] = append(s.open[arena], kin{i})
		return
	}
	k := &s.open[arena][s.kinOf(arena, i)] // pairing moved them
	*k = append(*k, i)
}

// kinOf is where the open kin of claim i stands; -1 if it has none.
func (s *sweeper) kinOf(arena int, i int32) int {
	claim := &s.plan.Claims[i]
	return slices.IndexFunc(s.open[arena], func(k kin) bool {
		first := &s.plan.Claims[k[0]]
		return claim.Range == first.Range && claim.kin(s.twins) == first.kin(s.twins)
	})
}

// kin is equal for claims of which a rule that accepts one beside a third accepts the
// other, too: they are of one deployment and network, in one subnet or in twins, and differ in nothing but their
// places, and which instance group, instance or property has the range.
func (c *Claim) kin(t Twins) kinKey {
	key := kinKey{at: c.Range, kind: c.Kind, errand: c.Errand, eitherPool: c.EitherPool, runsDirector: c.RunsDirector, version: c.Version, booking: c.Booking()}
	if c.Kind == External {
		key.owner = Owner{Property: c.Subnet.Segment}
		return key
	}
	key.subnet, key.owner = t.FirstOf(c.Subnet), c.Owner()
	key.owner.InstanceGroup = ""
	if key.owner.Property != "" {
		key.owner.Property = "some"
	}
	return key
}

// kinKey is what kin have in common.
type kinKey struct {
	at                               netipx.IPRange
	kind                             Kind
	errand, eitherPool, runsDirector bool
	version                          uint8
	booking                          *Booking
	subnet                           *Subnet
	owner                            Owner
}

func (s *sweeper) arenaOf(c *Claim) int {
	if c.Subnet == nil {
		return anywhere
	}
	if arena, ok := s.arenas[c.Subnet]; ok {
		return arena
	}
	return anywhere
}

// pair drops the open claims of an arena that ended before claim i begins; the
// others overlap it. A claim that does not stand for its kin meets those that stand for theirs.
func (s *sweeper) pair(arena int, i int32, stands bool, relevant func(a, b *Claim) bool) {
	from := s.plan.Claims[i].Range.From()
	open, kept := s.open[arena], 0
	for _, k := range open {
		if s.plan.Claims[k[0]].Range.To().Less(from) {
			continue
		}
		open[kept] = k
		kept++
		if !stands {
			k = k.first()
		}
		for _, j := range k {
			s.meets(i, j, relevant)
		}
	}
	if kept > 0 {
		s.open[arena] = open[:kept]
	} else {
		delete(s.open, arena) // or every claim anywhere would look into it again
	}
}

// meets notes that two claims have addresses in common, if they may meet on the wire.
func (s *sweeper) meets(i, j int32, relevant func(a, b *Claim) bool) {
	a, b := &s.plan.Claims[min(i, j)], &s.plan.Claims[max(i, j)]
	if !relevant(a, b) {
		return
	}
	contact := s.contacts.of(a.Subnet, b.Subnet)
	if contact.Relation == Isolated && !contact.OneList {
		return
	}
	s.found = append(s.found, Overlap{A: a, B: b, Range: Intersection(a.Range, b.Range), Contact: contact})
}

// Intersection returns the addresses that a and b, which overlap, have in common.
func Intersection(a, b netipx.IPRange) netipx.IPRange {
	from, to := a.From(), a.To()
	if from.Less(b.From()) {
		from = b.From()
	}
	if b.To().Less(to) {
		to = b.To()
	}
	return netipx.IPRangeFrom(from, to)
}

// Within returns the parts of sorted, disjoint ranges that lie in another range. It
// searches for the first, so that many questions about many ranges stay cheap.
func Within(sorted []netipx.IPRange, at netipx.IPRange) []netipx.IPRange {
	first, _ := slices.BinarySearchFunc(sorted, at.From(), func(r netipx.IPRange, from netip.Addr) int { return r.To().Compare(from) })
	var list []netipx.IPRange
	for _, r := range sorted[first:] {
		if at.To().Less(r.From()) {
			break
		}
		list = append(list, Intersection(r, at))
	}
	return list
}

// Reach reports whether one of sorted, disjoint ranges overlaps another range. An IPSet
// would look at all of them.
func Reach(sorted []netipx.IPRange, at netipx.IPRange) bool {
	if !at.IsValid() {
		return false
	}
	first, _ := slices.BinarySearchFunc(sorted, at.From(), func(r netipx.IPRange, from netip.Addr) int { return r.To().Compare(from) })
	return first < len(sorted) && sorted[first].Overlaps(at)
}

// Union returns the range from the first to the last address of both.
func Union(a, b netipx.IPRange) netipx.IPRange {
	from, to := a.From(), a.To()
	if b.From().Less(from) {
		from = b.From()
	}
	if to.Less(b.To()) {
		to = b.To()
	}
	return netipx.IPRangeFrom(from, to)
}

// arenas numbers the subnets such that two that overlap and may meet have the
// same number. Subnets without a range are in none: they are anywhere.
func (p *Plan) arenas() map[*Subnet]int {
	ranged := make([]*Subnet, 0, len(p.Subnets))
	for _, s := range p.Subnets {
		if s.Range.IsValid() {
			ranged = append(ranged, s)
		}
	}
	slices.SortStableFunc(ranged, func(a, b *Subnet) int { return firstOf(a).Compare(firstOf(b)) })
	last := make([]netip.Addr, len(ranged)) // costs a step per bit of the range
	for i, s := range ranged {
		last[i] = netipx.PrefixLastIP(s.Range)
	}
	sets := newDisjointSets(len(ranged))
	var open []int
	for i, s := range ranged {
		first := firstOf(s)
		open = slices.DeleteFunc(open, func(j int) bool { return last[j].Less(first) })
		for _, j := range open {
			if sets.find(i) != sets.find(j) && ContactOf(ranged[j], s).Relation != Isolated {
				sets.join(i, j)
			}
		}
		open = append(open, i)
	}
	sets.joinOneLists(ranged)
	numbers := make(map[*Subnet]int, len(ranged))
	for i, s := range ranged {
		numbers[s] = sets.find(i)
	}
	return numbers
}

func firstOf(s *Subnet) netip.Addr { return s.Range.Masked().Addr() }

// disjointSets is union-find over 0 … n-1.
type disjointSets []int

func newDisjointSets(n int) disjointSets {
	d := make(disjointSets, n)
	for i := range d {
		d[i] = i
	}
	return d
}

func (d disjointSets) find(i int) int {
	for d[i] != i {
		d[i] = d[d[i]]
		i = d[i]
	}
	return i
}

func (d disjointSets) join(i, j int) { d[d.find(i)] = d.find(j) }

// joinOneLists puts all networks of one director's database together: it gives
// an address once, whatever lies between two networks.
func (d disjointSets) joinOneLists(subnets []*Subnet) {
	first := map[string]int{}
	for i, s := range subnets {
		if s.Deployment != "" {
			continue
		}
		if j, ok := first[s.Director]; ok {
			d.join(i, j)
		} else {
			first[s.Director] = i
		}
	}
}
