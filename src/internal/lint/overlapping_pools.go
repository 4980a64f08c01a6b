package lint

import (
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

var overlappingPools = Rule{
	ID: "overlapping-pools", Severity: Error, Family: FamilyFleet,
	Title: "two directors may hand out the same addresses",
	Doc:   page("overlapping-pools"), Exception: InFleetFile,
	Run: func(f *Facts, report func(Finding)) {
		for _, c := range clashes(f) {
			report(f.clashFinding(c))
		}
	},
}

// clash is everything that two subnets may both hand out.
type clash struct {
	a, b   *plan.Claim // the first pair that overlaps, for owners and places
	pairs  []plan.Overlap
	common *netipx.IPSet
}

// clashes gathers the overlapping pools by pair of subnets.
func clashes(f *Facts) []*clash {
	index := map[[2]*plan.Subnet]*clash{}
	var list []*clash
	for _, o := range f.overlaps() {
		if !o.A.Kind.Pool() || !o.B.Kind.Pool() || !foreign(o) || !onWire(o) {
			continue
		}
		a, b := f.changeFirst(o.A, o.B)
		key := [2]*plan.Subnet{a.Subnet, b.Subnet}
		c, ok := index[key]
		if !ok {
			if c, ok = index[[2]*plan.Subnet{b.Subnet, a.Subnet}]; !ok {
				c = &clash{a: a, b: b}
				index[key] = c
				list = append(list, c)
			}
		}
		c.pairs = append(c.pairs, o)
	}
	for _, c := range list {
		var set netipx.IPSetBuilder
		for _, o := range c.pairs {
			set.AddRange(o.Range)
		}
		c.common = built(&set)
	}
	return list
}

// built returns the builder's set; builders fail on invalid ranges only, which
// claims never have.
func built(set *netipx.IPSetBuilder) *netipx.IPSet {
	s, err := set.IPSet()
	if err != nil {
		return &netipx.IPSet{}
	}
	return s
}

func (f *Facts) clashFinding(c *clash) Finding {
	ranges := c.common.Ranges()
	whole := netipx.IPRangeFrom(ranges[0].From(), ranges[len(ranges)-1].To())
	contact := c.pairs[0].Contact
	return Finding{
		Range: whole, Segment: segmentText(contact),
		Message: fmt.Sprintf("%s (network %s) and %s (network %s) may both hand out %s",
			side(c.a), network(c.a), side(c.b), network(c.b), extent(ranges, whole)),
		Claims: []Party{party(c.a, poolLabel(c.a)), party(c.b, poolLabel(c.b))},
		Why:    f.whyAnd("each takes its lowest free address, so sooner or later both take the same one; ", contact),
		advise: func() string { return paragraphs(f.split(c), f.isolateIfAssumed(c.pairs[0])) },
	}
}

// extent says which addresses the ranges hold: all of whole, or how many of it.
func extent(ranges []netipx.IPRange, whole netipx.IPRange) string {
	if len(ranges) == 1 {
		return plan.RangeText(whole)
	}
	return fmt.Sprintf("%s addresses between %s and %s", total(ranges), whole.From(), whole.To())
}

// split proposes the reserved: lines that make the two sides disjoint without
// moving an address that one of them uses, and leave each enough. What both use is
// reported by itself. They are those of ipguard fence; but who changes one side is
// told what to add there, as long as enough is left there.
func (f *Facts) split(c *clash) string {
	keepA, keepB, staticBoth := f.keepOff(c)
	if a, b := f.fenced(c.a.Subnet, c.common), f.fenced(c.b.Subnet, c.common); len(a)+len(b) > 0 && !(f.Targets.Part() && f.enough(c.a.Subnet, keepA)) {
		keepA, keepB = a, b
	}
	return paragraphs(
		f.unlessAskedFor(reserveLine(c.a.Subnet, f.ofOthersToo(c.a.Subnet.ReservedAt), keepA...), c.a.Subnet, keepA...),
		f.unlessAskedFor(reserveLine(c.b.Subnet, f.ofOthersToo(c.b.Subnet.ReservedAt), keepB...), c.b.Subnet, keepB...),
		f.takeOutOfStatic(c, staticBoth))
}

// takeOutOfStatic says what one of both sides had to list no more, the blocks that hold it:
// what is not reserved either, it would hand out by itself.
func (f *Facts) takeOutOfStatic(c *clash, both []netipx.IPRange) string {
	if len(both) == 0 {
		return ""
	}
	blocks := func(s *plan.Subnet) string {
		var set netipx.IPSetBuilder
		for _, r := range both {
			set.AddRange(plan.BlocksOf(r, s.Prefix))
		}
		return listRanges(built(&set).Ranges())
	}
	a, b := blocks(c.a.Subnet), blocks(c.b.Subnet)
	if a == b {
		b = ""
	} else {
		b += " from static: to reserved: "
	}
	advice := fmt.Sprintf("move %s from static: to reserved: of %s or %sof %s", a, c.a.Subnet.Label(), b, c.b.Subnet.Label())
	if others := f.ofOthersToo(c.b.Subnet.At); others != "" {
		advice += fmt.Sprintf(" (%s%s)", c.b.Subnet.At, others)
	}
	return f.unlessAskedFor(f.unlessAskedFor(advice, c.a.Subnet, both...), c.b.Subnet, both...)
}

// fenced are the entries that ipguard fence would add to reserved of a subnet for some
// addresses.
func (f *Facts) fenced(s *plan.Subnet, at *netipx.IPSet) []netipx.IPRange {
	if f.fence == nil && f.Fence != nil {
		f.fence = f.Fence(f.Plan, f.Needs)
		for _, entries := range f.fence {
			slices.SortFunc(entries, func(a, b netipx.IPRange) int { return a.From().Compare(b.From()) })
		}
	}
	var list []netipx.IPRange
	entries := f.fence[s]
	for _, r := range at.Ranges() {
		first, _ := slices.BinarySearchFunc(entries, r.From(), func(e netipx.IPRange, from netip.Addr) int { return e.To().Compare(from) })
		for _, e := range entries[first:] {
			if r.To().Less(e.From()) {
				break
			}
			if len(list) == 0 || list[len(list)-1] != e { // one entry may lie in several ranges
				list = append(list, e)
			}
		}
	}
	return list
}

// handedOut is what a subnet may hand out by itself.
type handedOut struct {
	ranges []netipx.IPRange // sorted and disjoint
	size   *big.Int         // of all together
}

// dynamicPools are what the subnets may hand out by themselves, gathered once.
func (f *Facts) dynamicPools() map[*plan.Subnet]handedOut {
	if f.dynamic != nil {
		return f.dynamic
	}
	sets := map[*plan.Subnet]*netipx.IPSetBuilder{}
	for i := range f.Plan.Claims {
		if c := &f.Plan.Claims[i]; c.Kind.Pool() && c.Kind != plan.StaticPool {
			if sets[c.Subnet] == nil {
				sets[c.Subnet] = &netipx.IPSetBuilder{}
			}
			sets[c.Subnet].AddRange(c.Range)
		}
	}
	f.dynamic = make(map[*plan.Subnet]handedOut, len(sets))
	for s, set := range sets {
		ranges := built(set).Ranges()
		f.dynamic[s] = handedOut{ranges, total(ranges)}
	}
	return f.dynamic
}

// enough reports whether a subnet that keeps off some addresses as well, sorted and
// disjoint, can still hand out what its manifests need, and not nothing.
func (f *Facts) enough(s *plan.Subnet, off []netipx.IPRange) bool {
	pool, ok := f.dynamicPools()[s]
	if !ok {
		return false
	}
	left := new(big.Int).Set(pool.size)
	for _, r := range off {
		left.Sub(left, total(plan.Within(pool.ranges, r)))
	}
	return left.Cmp(big.NewInt(int64(max(1, f.Needs[s])))) >= 0
}

// total is how many addresses disjoint ranges have.
func total(ranges []netipx.IPRange) *big.Int {
	sum := new(big.Int)
	for _, r := range ranges {
		sum.Add(sum, plan.Size(r))
	}
	return sum
}

// keepOff is what each side of a clash had to reserve if the first were the one to give
// way, and what both keep for static_ips.
func (f *Facts) keepOff(c *clash) (a, b, both []netipx.IPRange) {
	var staticBoth, keepA, keepB netipx.IPSetBuilder // keepA: a must keep off
	for _, o := range c.pairs {
		a, b := o.A, o.B
		if a.Subnet != c.a.Subnet {
			a, b = b, a
		}
		switch aStatic, bStatic := a.Kind == plan.StaticPool, b.Kind == plan.StaticPool; {
		case aStatic && bStatic:
			staticBoth.AddRange(o.Range)
		case bStatic:
			keepA.AddRange(o.Range)
		case aStatic:
			keepB.AddRange(o.Range)
		default:
			keepA.AddRange(o.Range) // the side that is to change leaves it to the other
		}
	}
	return built(&keepA).Ranges(), built(&keepB).Ranges(), built(&staticBoth).Ranges()
}

func listRanges(ranges []netipx.IPRange) string {
	const most = 6
	words := make([]string, 0, len(ranges))
	for _, r := range ranges[:min(most, len(ranges))] {
		words = append(words, plan.RangeText(r))
	}
	text := strings.Join(words, ", ")
	if rest := len(ranges) - most; rest > 0 {
		text += fmt.Sprintf(" and %d more ranges", rest)
	}
	return text
}
