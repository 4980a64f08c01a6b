package fence

import (
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// Apply returns the plan as it would be with the changes made. p is not changed;
// subnets are shared.
func Apply(p *plan.Plan, changes []Change) *plan.Plan {
	reserved := map[*plan.Subnet]*netipx.IPSet{}
	for _, c := range changes {
		var set netipx.IPSetBuilder
		for _, e := range c.Entries {
			set.AddRange(e.Range)
		}
		reserved[c.Subnet] = built(&set)
	}
	after := *p
	after.Claims = nil
	for i := range p.Claims {
		c := p.Claims[i]
		set := reserved[c.Subnet]
		if set == nil || !isDynamic(&c) || !set.OverlapsRange(c.Range) {
			after.Claims = append(after.Claims, c)
			continue
		}
		for _, r := range (&pool{subnet: c.Subnet, claims: []*plan.Claim{&c}}).remaining(set) {
			part := c
			part.Range = r
			after.Claims = append(after.Claims, part)
		}
	}
	for _, c := range changes {
		for _, e := range c.Entries {
			after.Claims = append(after.Claims, plan.Claim{
				Range: e.Range, Kind: plan.Reserved, Subnet: c.Subnet, At: c.Subnet.ReservedAt,
				Owner: plan.Owner{Director: c.Subnet.Director, Deployment: c.Subnet.Deployment, Network: c.Subnet.Network},
			})
		}
	}
	return &after
}
