package plan

import (
	"iter"
	"slices"

	"go4.org/netipx"
)

// Index finds what of a plan lies in some addresses without looking at the rest. It is for
// many questions, from several goroutines, about a plan that does not change any more.
type Index struct {
	plan    *Plan
	claims  *claimIndex
	hidden  *rangeIndex[mayHide]
	subnets *rangeIndex[int]
}

// mayHide is a claim that may hide in a blind spot of the plan, by its number.
type mayHide struct {
	may  *Claim
	spot int
}

// NewIndex indexes a plan.
func NewIndex(p *Plan) *Index {
	x := &Index{plan: p, claims: newClaimIndex(claimsOf(p))}
	var hidden []mayHide
	for i := range p.BlindSpots {
		for j := range p.BlindSpots[i].May {
			if may := &p.BlindSpots[i].May[j]; may.Range.IsValid() {
				hidden = append(hidden, mayHide{may, i})
			}
		}
	}
	x.hidden = newRangeIndex(hidden, func(h mayHide) netipx.IPRange { return h.may.Range })
	var subnets []int
	for i, s := range p.Subnets {
		if s.Range.IsValid() {
			subnets = append(subnets, i)
		}
	}
	x.subnets = newRangeIndex(subnets, func(i int) netipx.IPRange { return netipx.RangeOfPrefix(p.Subnets[i].Range) })
	return x
}

// Plan is the plan that is indexed.
func (x *Index) Plan() *Plan { return x.plan }

// Claims yields the claims that overlap r, by their first addresses; those of one first
// address in the order of the plan.
func (x *Index) Claims(r netipx.IPRange) iter.Seq[*Claim] { return x.claims.overlapping(r) }

// BlindSpots are those that may have an address of r, in the order of the plan.
func (x *Index) BlindSpots(r netipx.IPRange) []*BlindSpot {
	var numbers []int
	for h := range x.hidden.overlapping(r) {
		numbers = append(numbers, h.spot)
	}
	slices.Sort(numbers)
	var list []*BlindSpot
	for _, i := range slices.Compact(numbers) {
		list = append(list, &x.plan.BlindSpots[i])
	}
	return list
}

// Subnets are those whose range overlaps r, in the order of the plan.
func (x *Index) Subnets(r netipx.IPRange) []*Subnet {
	numbers := slices.Sorted(x.subnets.overlapping(r))
	list := make([]*Subnet, len(numbers))
	for i, n := range numbers {
		list[i] = x.plan.Subnets[n]
	}
	return list
}
