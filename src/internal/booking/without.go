package booking

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// Without is a look that does not count what some directors may hand out by themselves, and
// what hides of them: for who knows more of these directors than the plan. What is in use
// counts.
func (l *Look) Without(own func(director string) bool) *Look {
	p := *l.on().plan
	p.Claims = slices.DeleteFunc(slices.Clone(p.Claims), func(c plan.Claim) bool { return c.Kind.Pool() && own(c.Owner().Director) })
	p.BlindSpots = slices.DeleteFunc(slices.Clone(p.BlindSpots), func(s plan.BlindSpot) bool { return own(s.Owner.Director) })
	return &Look{Plan: &p, Pool: l.Pool, Now: l.Now, Scans: l.Scans, Unsure: l.Unsure}
}
