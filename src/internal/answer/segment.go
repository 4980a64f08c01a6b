package answer

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// Segment is a group of subnets that count as one broadcast domain.
type Segment struct {
	// Name is the fleet file's, or what the id says.
	Name    string
	Subnets []*plan.Subnet
	// Assumed says that some of its subnets are only taken for one domain since
	// nothing proves the contrary; Reason says why.
	Assumed bool
	Reason  string

	named     string // the fleet file's name
	undecided bool   // may be one with several named segments
}

// group splits subnets into segments, ordered by name. Subnets belong together
// if the fleet file or an id says so, or if their ranges overlap and nothing
// isolates them. What could as well belong to two segments of the fleet file
// stays by itself.
func group(subnets []*plan.Subnet) []Segment {
	order := slices.Clone(subnets)
	slices.SortStableFunc(order, func(a, b *plan.Subnet) int { return unnamed(a) - unnamed(b) })
	var segments []Segment
	for _, s := range order {
		segments = add(segments, s)
	}
	slices.SortStableFunc(segments, func(a, b Segment) int { return cmp.Compare(a.Name, b.Name) })
	return segments
}

func unnamed(s *plan.Subnet) int {
	if s.Segment == "" {
		return 1
	}
	return 0
}

// add puts a subnet into the segment that it belongs to, and joins those that it
// connects.
func add(segments []Segment, s *plan.Subnet) []Segment {
	joined := Segment{Name: plan.ContactOf(s, s).Segment, Subnets: []*plan.Subnet{s}, named: s.Segment}
	var touched, rest []Segment
	var names []string
	for _, other := range segments {
		if contact, ok := other.contactWith(s); ok {
			other.note(contact)
			touched = append(touched, other)
			if other.named != "" {
				names = append(names, other.named)
			}
			continue
		}
		rest = append(rest, other)
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) > 1 {
		joined.undecided, joined.Assumed = true, true
		joined.Reason = "it may be one with any of " + strings.Join(names, ", ")
		return append(segments, joined)
	}
	for _, other := range touched {
		joined = join(other, joined)
	}
	return append(rest, joined)
}

// contactWith returns the surest contact of s with a subnet of the segment that
// it belongs together with.
func (g *Segment) contactWith(s *plan.Subnet) (best plan.Contact, ok bool) {
	if g.undecided {
		return best, false
	}
	for _, o := range g.Subnets {
		named := s.Segment != "" && s.Segment == o.Segment || s.Identity.ID != "" && s.Identity == o.Identity
		if !named && !s.Range.Overlaps(o.Range) {
			continue
		}
		contact := plan.ContactOf(o, s)
		if contact.Relation > best.Relation && contact.Relation != plan.Isolated {
			best, ok = contact, true
		}
		if best.Relation == plan.Same {
			break
		}
	}
	return best, ok
}

// note remembers a contact that is only assumed.
func (g *Segment) note(contact plan.Contact) {
	if contact.Relation == plan.Assumed {
		g.Assumed, g.Reason = true, cmp.Or(g.Reason, contact.Reason)
	}
}

// join makes one segment of two, of which at most one has a name of the fleet
// file.
func join(a, b Segment) Segment {
	joined := Segment{
		Name: a.Name, Subnets: slices.Concat(a.Subnets, b.Subnets),
		Assumed: a.Assumed || b.Assumed, Reason: cmp.Or(a.Reason, b.Reason), named: cmp.Or(a.named, b.named),
	}
	joined.Name = cmp.Or(joined.named, joined.Name)
	return joined
}
