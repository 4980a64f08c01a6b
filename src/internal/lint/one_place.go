package lint

import (
	"fmt"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// One file may be told with several directors. What is changed there is changed for all of
// them, and no conflict between them ends by it: advice is for one of them alone.

// ofOnePlace is the advice for the first of two sides, and before it what makes two places
// of the one where both stand.
func ofOnePlace(first, second *plan.Claim, at, other place.Place, advice string) string {
	at.Through, other.Through = "", ""
	if !at.IsValid() || at != other {
		return advice
	}
	whose, one := "director", side(first)
	if first.Owner().Director == second.Owner().Director {
		whose, one = "deployment", who(first)
	}
	text := fmt.Sprintf("both sides are %s: give each %s its own vars or ops file", at, whose)
	if advice == "" {
		return text
	}
	return fmt.Sprintf("%s, and in that of %s:\n%s", text, one, advice)
}

// ofOthersToo says of a place where a subnet stands that it is of other configs, too, and
// where to write then what is for one of them; empty where it is of one.
func (f *Facts) ofOthersToo(at place.Place) string {
	if f.madeFrom == nil {
		f.madeFrom = madeFrom(f.Plan)
	}
	at.Through = ""
	if n := f.madeFrom[at]; n > 1 {
		return fmt.Sprintf(", of which %d configs are made: in an ops file of this one alone", n)
	}
	return ""
}

// madeFrom counts the configs by the places of their subnets, their reserved and static.
func madeFrom(p *plan.Plan) map[place.Place]int {
	type use struct {
		at    place.Place
		owner plan.Owner
	}
	uses, count := map[use]bool{}, map[place.Place]int{}
	note := func(s *plan.Subnet, at place.Place) {
		at.Through = ""
		u := use{at, plan.Owner{Director: s.Director, Deployment: s.Deployment}}
		if at.IsValid() && s.Past == "" && !uses[u] {
			uses[u] = true
			count[at]++
		}
	}
	for _, s := range p.Subnets {
		note(s, s.At)
		note(s, s.ReservedAt)
	}
	for i := range p.Claims {
		if c := &p.Claims[i]; c.Kind == plan.StaticPool && c.Subnet != nil {
			note(c.Subnet, c.At)
		}
	}
	return count
}
