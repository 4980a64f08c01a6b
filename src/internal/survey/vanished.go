package survey

import (
	"fmt"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// Vanished is what a VM had that its director does not tell any more, while it hides
// orphaned VMs: nobody knows whether one of them has it still.
type Vanished struct {
	Director, Deployment, Group string
	Range                       netipx.IPRange
	// At is what the director told since.
	At place.Place
}

// AddVanished adds them to a plan as blind spots. It is for whoever gives addresses, not for
// whoever judges files: nobody can mend what has gone.
func AddVanished(p *plan.Plan, list []Vanished) {
	for _, v := range list {
		owner := plan.Owner{Director: v.Director, Deployment: v.Deployment, InstanceGroup: v.Group}
		claim := plan.Claim{Kind: plan.Orphan, Holder: owner.Held(), Range: v.Range, At: v.At, Index: plan.NoIndex}
		for _, s := range p.Subnets {
			if s.Director == v.Director && s.Range.IsValid() && s.Range.Contains(v.Range.From()) {
				claim.Subnet = s
				break
			}
		}
		p.BlindSpots = append(p.BlindSpots, plan.BlindSpot{
			Owner: owner, Reason: plan.Unreadable, At: v.At, May: []plan.Claim{claim},
			Message: fmt.Sprintf("director %s does not show orphaned VMs, and one of %s/%s, which it does not tell any more, may have %s still", v.Director, v.Deployment, v.Group, v.Range.From()),
			Hint:    "collect with a client of the scope bosh.admin, which is shown them; else the address rests for 5 days",
		})
	}
}
