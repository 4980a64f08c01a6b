package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// segmentDoubts are the variables that hide whether two networks are one segment,
// where both have an address that two may not have. Each is told of once.
func (f *Facts) segmentDoubts(judge *pairJudge, accepts func(*Finding) bool) (doubts []Doubt, accepted []Finding) {
	told := map[*plan.Subnet]int{} // where in doubts
	for _, o := range f.unseenOverlaps() {
		hidden, other := o.A, o.B
		if hidesLess(hidden.Subnet, other.Subnet) {
			hidden, other = other, hidden
		}
		m := plan.Meeting{Overlap: o, Hidden: hidden, Other: other}
		if !judge.refuses(m) {
			continue
		}
		i, known := told[hidden.Subnet]
		if known && doubts[i].meets.settled() {
			doubts[i].meets.add(o.Range)
			continue
		}
		spot := hiddenSegment(hidden.Subnet, other.Subnet)
		sides := fromSides(spot, &m)
		if i := slices.IndexFunc(sides, accepts); i >= 0 {
			accepted = append(accepted, *sides[i])
			continue
		}
		if known {
			doubts[i].meets.add(o.Range)
			continue
		}
		told[hidden.Subnet] = len(doubts)
		d := Doubt{Spot: spot, Allow: HiddenAddressID, Owners: []plan.Owner{spot.Owner}, Clause: fmt.Sprintf("it is one segment with %s; if it is, %s is %s as well as %s",
			labelOf(other.Subnet), plan.RangeText(o.Range), ofWhom(hidden), ofWhom(other))}
		d.meets.add(o.Range)
		doubts = append(doubts, d)
	}
	return doubts, accepted
}

// fromSides are the findings that somebody who knows better may accept: what hides, and, where
// the other side hides as well, that one. Who knows it of one of the two knows it of both.
func fromSides(spot *plan.BlindSpot, m *plan.Meeting) []*Finding {
	finding := meetingFinding(spot, m)
	if m.Other.Subnet == nil || m.Other.Subnet.Hides() == "" {
		return []*Finding{&finding}
	}
	back := *m
	back.Hidden, back.Other = m.Other, m.Hidden
	swapped := meetingFinding(hiddenSegment(back.Hidden.Subnet, back.Other.Subnet), &back)
	return []*Finding{&finding, &swapped}
}

// hidesLess reports whether what keeps the segments of two subnets unknown is the other's. The
// id of one that the fleet file puts into a segment counts where the other one is in none.
func hidesLess(s, other *plan.Subnet) bool {
	hidesID := func(s *plan.Subnet) bool { return s != nil && s.Identity.Hidden != "" }
	return s.Hides() == "" && (other.Hides() != "" || !hidesID(s) && hidesID(other))
}

// hiddenSegment is the spot that hides which segment a subnet is in, beside another one.
func hiddenSegment(s, other *plan.Subnet) *plan.BlindSpot {
	spot := hiddenIdentity(s)
	if one := s.HidingOne(); one != nil {
		s = one
	}
	if s.Unread() {
		return spot
	}
	spot.Hint = strings.TrimPrefix(strings.TrimSuffix(spot.Hint+"; or "+segmentsToTell(s, other), "; or "), "; or ")
	return spot
}

// hiddenIdentity is the spot that hides what the properties of a subnet say of its network.
func hiddenIdentity(s *plan.Subnet) *plan.BlindSpot {
	if one := s.HidingOne(); one != nil {
		s = one
	}
	hides, in := s.Hides(), s.HidesIn()
	if hides == "" { // beside one that the fleet file puts into no segment
		hides, in = s.Identity.Hidden, s.Identity.HiddenKey
	}
	variable, _ := bosh.VariableIn(hides)
	spot := &plan.BlindSpot{
		Owner: plan.Owner{Director: s.Director, Deployment: s.Deployment, Network: s.Network}, Reason: plan.NoValue, Variable: variable,
		What: fmt.Sprintf("the %s of network %s", in, s.Network), At: s.At,
	}
	if s.Network == "" {
		spot.What = "the segments of all networks"
	}
	tool := bosh.TemplateIn(hides)
	switch {
	case s.Unread():
		spot.Reason, spot.Message = plan.Unreadable, "a network of director "+s.Director+" could not be read"
	case variable == "":
		spot.Reason = plan.Withheld
	case tool != "":
		spot.Variable, spot.Reason, spot.Message, spot.Hint = "", plan.Unreadable, bosh.TemplateText(spot.What, tool), bosh.TemplateHint(tool)
	default:
		spot.Hint = spotCure(spot)
	}
	return spot
}

// segmentsToTell is the advice for the fleet file: with what it adds, both subnets are in a
// segment, and whether in one is known. It is empty where that cannot be written.
func segmentsToTell(s, other *plan.Subnet) string {
	var entries []string
	for _, one := range []*plan.Subnet{s, other} {
		if one == nil || one.Segment != "" || len(one.Among) > 0 {
			continue
		}
		m := match(one)
		if m == "" && one == s {
			return ""
		}
		if m != "" {
			entries = append(entries, "{name: …, subnets: [{"+m+"}]}")
		}
	}
	switch len(entries) {
	case 0:
		return ""
	case 1:
		return "say in the fleet file which segment it is: segments: [" + entries[0] + "]"
	}
	return "say in the fleet file which segments they are: segments: [" + strings.Join(entries, ", ") + "]"
}
