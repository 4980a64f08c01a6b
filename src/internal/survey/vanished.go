package survey

import (
	"fmt"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// Vanished is what a VM had that its director does not tell any more, and that somebody may
// have still: while the director hides orphaned VMs one of them, or the instance itself.
type Vanished struct {
	Director, Deployment, Group string
	Range                       netipx.IPRange
	// Stopped says that the director tells of the instance, which has no VM: bosh stop --hard
	// keeps its addresses, and the director does not show them.
	Stopped bool
	// At is what the director told since.
	At place.Place
}

// AddVanished adds them to a plan as blind spots. Those of VMs that may be orphaned are for
// whoever gives addresses, not for whoever judges files: nobody can mend what has gone.
func AddVanished(p *plan.Plan, list []Vanished) {
	for _, v := range list {
		owner := plan.Owner{Director: v.Director, Deployment: v.Deployment, InstanceGroup: v.Group}
		claim := plan.Claim{Kind: plan.Orphan, Holder: owner.Held(), Range: v.Range, At: v.At, Index: plan.NoIndex}
		spot := plan.BlindSpot{
			Owner: owner, Reason: plan.Unreadable, At: v.At,
			Message: fmt.Sprintf("director %s does not show orphaned VMs, and one of %s/%s, which it does not tell any more, may have %s still", v.Director, v.Deployment, v.Group, v.Range.From()),
			Hint:    "collect with a client of the scope bosh.admin, which is shown them; else the address rests for 5 days",
		}
		if v.Stopped {
			claim.Kind, spot.Reason = plan.Lease, plan.Untold
			spot.Message = fmt.Sprintf("an instance of %s/%s (director %s) has no VM now and had %s, which the director keeps for it and does not show", v.Deployment, v.Group, v.Director, v.Range.From())
			spot.Hint = "start it or delete it (bosh start, bosh delete-deployment), and tell what the director says then"
		}
		for _, s := range p.Subnets {
			if s.Director == v.Director && s.Range.IsValid() && s.Range.Contains(v.Range.From()) {
				claim.Subnet = s
				break
			}
		}
		spot.May = []plan.Claim{claim}
		p.BlindSpots = append(p.BlindSpots, spot)
	}
}

// stopped are those that a change of files can meet.
func stopped(list []Vanished) []Vanished {
	return slices.DeleteFunc(slices.Clone(list), func(v Vanished) bool { return !v.Stopped })
}
