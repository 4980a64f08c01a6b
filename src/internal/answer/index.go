package answer

import (
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// Index answers many questions about one plan, which must not change any more, from
// several goroutines.
type Index struct {
	ranges *plan.Index
	order  *order
}

// NewIndex prepares answers from an indexed plan.
func NewIndex(x *plan.Index) *Index { return &Index{ranges: x, order: newOrder(x.Plan())} }

// Who is Who without pools and what is nearest, at a cost that does not grow with the
// plan.
func (x *Index) Who(asked netipx.IPRange) Holders {
	h := Holders{Asked: asked, Blind: x.ranges.BlindSpots(asked)}
	bySubnet := map[*plan.Subnet][]plan.Claim{}
	around := x.ranges.Subnets(asked)
	known := map[*plan.Subnet]bool{}
	for _, s := range around {
		known[s] = true
	}
	for c := range x.ranges.Claims(asked) {
		bySubnet[c.Subnet] = append(bySubnet[c.Subnet], narrowed(c, asked))
		// A claim may reach beyond its subnet.
		if s := c.Subnet; s != nil && s.Range.IsValid() && x.order.listed[s] && !known[s] {
			known[s] = true
			around = append(around, s)
		}
	}
	h.place(x.order, bySubnet, around)
	return h
}
