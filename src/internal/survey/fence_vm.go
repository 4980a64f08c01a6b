//go:build vm

package survey

import (
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// fenceOf computes nothing: the program of VMs, whose size is limited, has no ipguard
// fence, and nobody plans addresses there.
func fenceOf(*plan.Plan, map[*plan.Subnet]int) map[*plan.Subnet][]netipx.IPRange { return nil }
