package survey

import (
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// DelegationOf is what a pool of the fleet file delegates. It has no ranges if
// none could be read.
func DelegationOf(p *fleet.Pool) plan.Delegation {
	d := plan.Delegation{Segment: p.Segment.Value}
	for _, a := range p.Addresses {
		d.Ranges = append(d.Ranges, a.Range)
	}
	for _, a := range p.Except {
		d.Except = append(d.Except, a.Range)
	}
	return d
}

func delegations(file *fleet.File) []plan.Delegation {
	var list []plan.Delegation
	for i := range file.Pools {
		list = append(list, DelegationOf(&file.Pools[i]))
	}
	return list
}
