package booking

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// Withheld are the blind spots that keep addresses of the pool from being given, which
// somebody may have who cannot be seen; in the order of the plan.
func (l *Look) Withheld() []*plan.BlindSpot {
	g := l.on()
	g.withheldOnce.Do(func() {
		q := l.Question("")
		q.AllowUnsure = false
		q.Passes = func(c *plan.Claim) bool { return c.Kind == plan.StaticPool } // some owner would get it
		sure := answer.Available(g.plan, q)
		q.AllowUnsure = true
		unsure := without(answer.Available(g.plan, q), sure)
		for i := range g.plan.BlindSpots {
			spot := &g.plan.BlindSpots[i]
			if slices.ContainsFunc(spot.May, func(c plan.Claim) bool { return unsure.OverlapsRange(c.Range) }) {
				g.withheld = append(g.withheld, spot)
			}
		}
	})
	return g.withheld
}
