//go:build !vm

package survey

import (
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/fence"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// fenceOf is what ipguard fence would add to reserved of each subnet.
func fenceOf(p *plan.Plan, needs map[*plan.Subnet]int) map[*plan.Subnet][]netipx.IPRange {
	ranges := map[*plan.Subnet][]netipx.IPRange{}
	for _, change := range fence.Compute(p, needs, nil).Changes {
		for _, entry := range change.Entries {
			ranges[change.Subnet] = append(ranges[change.Subnet], entry.Range)
		}
	}
	return ranges
}
