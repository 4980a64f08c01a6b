package fence

import (
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// Apply returns the plan as it would be with the changes made. p is not changed;
// subnets are shared.
func Apply(p *plan.Plan, changes []Change) *plan.Plan {
	if len(changes) == 0 {
		return p
	}
	reserved := map[*plan.Subnet][]netipx.IPRange{}
	for _, c := range changes {
		var set netipx.IPSetBuilder
		for _, e := range c.Entries {
			set.AddRange(e.Range)
		}
		reserved[c.Subnet] = built(&set).Ranges()
	}
	after := *p
	after.Claims = make([]plan.Claim, 0, len(p.Claims)+2*len(changes))
	for i := range p.Claims {
		c := p.Claims[i]
		taken := plan.Within(reserved[c.Subnet], c.Range)
		if len(taken) == 0 || !isDynamic(&c) {
			after.Claims = append(after.Claims, c)
			continue
		}
		var set netipx.IPSetBuilder
		for _, r := range taken {
			set.AddRange(r)
		}
		for _, r := range (&pool{subnet: c.Subnet, claims: []*plan.Claim{&c}}).remaining(built(&set)) {
			part := c
			part.Range = r
			after.Claims = append(after.Claims, part)
		}
	}
	for _, c := range changes {
		for _, e := range c.Entries {
			after.Claims = append(after.Claims, plan.Claim{
				Range: e.Range, Kind: plan.Reserved, Subnet: c.Subnet, At: c.Subnet.ReservedAt,
				Holder: &plan.Owner{Director: c.Subnet.Director, Deployment: c.Subnet.Deployment, Network: c.Subnet.Network},
			})
		}
	}
	return &after
}

// Differing returns the subnets of a plan that may hand out other addresses by
// themselves than in the other plan, where the subnets stand in the same order.
func Differing(a, b *plan.Plan) []*plan.Subnet {
	if len(a.Subnets) != len(b.Subnets) {
		return a.Subnets
	}
	poolsA, poolsB := dynamicSets(a), dynamicSets(b)
	var list []*plan.Subnet
	for i, s := range a.Subnets {
		if !built(poolsA[s]).Equal(built(poolsB[b.Subnets[i]])) {
			list = append(list, s)
		}
	}
	return list
}

func dynamicSets(p *plan.Plan) setsOf {
	sets := setsOf{}
	for i := range p.Claims {
		if c := &p.Claims[i]; isDynamic(c) {
			sets.add(c)
		}
	}
	return sets
}
