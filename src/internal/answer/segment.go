package answer

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// Segment is the part of a segment of the plan that an answer is about.
type Segment struct {
	// Name is the segment's in the plan; empty where it is not known.
	Name    string
	Subnets []*plan.Subnet
	// Assumed says that not all of Subnets are proven to be in one segment;
	// Reason says why they count as one all the same.
	Assumed bool
	Reason  string
}

// segmentsOf returns the segments that hold some of the subnets, with those
// alone, in the order of the plan. A subnet that may be in two is in both.
func segmentsOf(all []*plan.Segment, subnets []*plan.Subnet) []Segment {
	wanted := map[*plan.Subnet]bool{}
	for _, s := range subnets {
		wanted[s] = true
	}
	var list []Segment
	for _, g := range all {
		segment := Segment{Name: g.Name}
		for _, s := range g.Subnets {
			if wanted[s] {
				segment.Subnets = append(segment.Subnets, s)
			}
		}
		if len(segment.Subnets) > 0 {
			segment.explain()
			list = append(list, segment)
		}
	}
	return list
}

// order is where the subnets of a plan stand in its segments. It is computed once for
// any number of questions.
type order struct {
	segments []*plan.Segment
	// in are the numbers of the segments that a subnet is in.
	in        map[*plan.Subnet][]int
	rangeless []*plan.Subnet
	listed    map[*plan.Subnet]bool
}

func newOrder(p *plan.Plan) *order {
	o := &order{segments: p.Segments(), in: map[*plan.Subnet][]int{}, listed: map[*plan.Subnet]bool{}}
	for i, g := range o.segments {
		for _, s := range g.Subnets {
			o.in[s] = append(o.in[s], i)
		}
	}
	for _, s := range p.Subnets {
		o.listed[s] = true
		if !s.Range.IsValid() {
			o.rangeless = append(o.rangeless, s)
		}
	}
	return o
}

// segmentsOf is segmentsOf of all segments, of which it looks at the subnets' own alone.
func (o *order) segmentsOf(subnets []*plan.Subnet) []Segment {
	var numbers []int
	for _, s := range subnets {
		numbers = append(numbers, o.in[s]...)
	}
	slices.Sort(numbers)
	var own []*plan.Segment
	for _, i := range slices.Compact(numbers) {
		own = append(own, o.segments[i])
	}
	return segmentsOf(own, subnets)
}

// explain notes what of the segment is only assumed.
func (g *Segment) explain() {
	for _, s := range g.Subnets[1:] {
		if contact := plan.ContactOf(g.Subnets[0], s); contact.Relation != plan.Same {
			g.Assumed, g.Reason = true, contact.Reason
			return
		}
	}
}

// inOne reports whether one segment holds all subnets.
func inOne(all []*plan.Segment, subnets []*plan.Subnet) bool {
	return slices.ContainsFunc(all, func(g *plan.Segment) bool {
		return !slices.ContainsFunc(subnets, func(s *plan.Subnet) bool { return !g.Contains(s) })
	})
}
