package audit

import (
	"cmp"
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// cell is a range of addresses that each of its claims covers whole.
type cell struct {
	at               netipx.IPRange
	promises, grants []*plan.Claim
}

// cells cuts the claims where any of them begins or ends, so that claims either
// cover the same addresses or have none in common. Sorted by address.
func cells(promises, grants []*plan.Claim) []*cell {
	cuts := cutsOf(promises, grants)
	byRange := map[netipx.IPRange]*cell{}
	at := func(r netipx.IPRange) *cell {
		if byRange[r] == nil {
			byRange[r] = &cell{at: r}
		}
		return byRange[r]
	}
	for _, p := range promises {
		for _, r := range pieces(p.Range, cuts) {
			at(r).promises = append(at(r).promises, p)
		}
	}
	for _, g := range grants {
		for _, r := range pieces(g.Range, cuts) {
			at(r).grants = append(at(r).grants, g)
		}
	}
	list := make([]*cell, 0, len(byRange))
	for _, c := range byRange {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *cell) int { return a.at.From().Compare(b.at.From()) })
	return list
}

// cutsOf are the addresses at which a claim begins, or behind which one ends.
func cutsOf(lists ...[]*plan.Claim) []netip.Addr {
	var cuts []netip.Addr
	for _, list := range lists {
		for _, c := range list {
			cuts = append(cuts, c.Range.From())
			if behind := c.Range.To().Next(); behind.IsValid() {
				cuts = append(cuts, behind)
			}
		}
	}
	slices.SortFunc(cuts, netip.Addr.Compare)
	return slices.Compact(cuts)
}

// pieces cuts r; cuts are sorted, and r begins at one of them.
func pieces(r netipx.IPRange, cuts []netip.Addr) []netipx.IPRange {
	var list []netipx.IPRange
	i, _ := slices.BinarySearchFunc(cuts, r.From(), netip.Addr.Compare)
	from := r.From()
	for i++; i < len(cuts) && !r.To().Less(cuts[i]); i++ {
		list = append(list, netipx.IPRangeFrom(from, cuts[i].Prev()))
		from = cuts[i]
	}
	return append(list, netipx.IPRangeFrom(from, r.To()))
}

// finding is an item before neighbours are put together.
type finding struct {
	Item
	promised, granted []*plan.Claim
}

// merged puts neighbouring findings that say the same into one item, and cuts the
// claims down to what each item is about.
func (c *comparison) merged() []Item {
	slices.SortStableFunc(c.found, func(a, b finding) int {
		return cmp.Or(a.Range.From().Compare(b.Range.From()), a.Range.To().Compare(b.Range.To()), cmp.Compare(a.Verdict, b.Verdict))
	})
	var list []finding
	for _, f := range c.found {
		if i := slices.IndexFunc(list[max(0, len(list)-4):], f.continues); i >= 0 {
			last := &list[max(0, len(list)-4)+i]
			last.Range = plan.Union(last.Range, f.Range)
			continue
		}
		list = append(list, f)
	}
	items := make([]Item, len(list))
	for i, f := range list {
		items[i] = f.Item
		items[i].Promised = f.cut(f.promised, items[i].Promised)
		items[i].Granted = f.cut(f.granted, items[i].Granted)
	}
	return items
}

// continues reports whether f says the same as o about the addresses behind it.
func (f finding) continues(o finding) bool {
	return o.Range.To().Next() == f.Range.From() && f.Verdict == o.Verdict && f.Reason == o.Reason && f.Severity == o.Severity && f.Reason != Moved &&
		slices.Equal(f.promised, o.promised) && slices.Equal(f.granted, o.granted) &&
		slices.Equal(f.Rivals, o.Rivals)
}

// cut returns the claims, each with the addresses of the finding alone; of a
// finding that names two addresses, they are cut already.
func (f finding) cut(from []*plan.Claim, ready []plan.Claim) []plan.Claim {
	if ready != nil {
		return ready
	}
	list := make([]plan.Claim, 0, len(from))
	for _, claim := range from {
		list = append(list, narrowed(claim, f.Range))
	}
	return list
}

// narrowed is the claim with some of its addresses; its first instance is the
// one that gets the first of them.
func narrowed(c *plan.Claim, r netipx.IPRange) plan.Claim {
	cut := *c
	if !c.Range.Contains(r.From()) || !c.Range.Contains(r.To()) {
		return cut
	}
	cut.Range = r
	singles := c.Subnet == nil || c.Subnet.Prefix == 0 || c.Subnet.Prefix == r.From().BitLen()
	if before := plan.Size(netipx.IPRangeFrom(c.Range.From(), r.From())); c.Kind == plan.Static && singles && before.IsInt64() {
		first := int(before.Int64()) - 1
		cut.Index = c.IndexAt(first)
		if c.Indexes() != nil {
			rest := (*c.Indexes())[min(first, len(*c.Indexes())):]
			cut.SetIndexes(&rest)
		}
	}
	return cut
}
