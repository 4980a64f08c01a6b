//go:build !race

package fence_test

import (
	"net/netip"
	"testing"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/fence"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// TestHiddenGateway: the gateway of another network in the pool of a subnet whose own gateway
// hides may be that one, which its director keeps off: nothing is proposed, and it is said.
func TestHiddenGateway(t *testing.T) {
	gateway := netip.MustParseAddr("10.0.0.1")
	for _, hides := range []bool{false, true} {
		network := netip.MustParsePrefix("10.0.0.0/28")
		a := &plan.Subnet{Director: "a", Network: "default", Range: network, Gateway: gateway, Segment: "lan"}
		b := &plan.Subnet{Director: "b", Network: "default", Range: network, Segment: "lan", Incomplete: hides}
		p := &plan.Plan{Subnets: []*plan.Subnet{a, b}, Claims: []plan.Claim{
			{Kind: plan.Gateway, Holder: &plan.Owner{Director: "a", Network: "default"}, Subnet: a, Range: netipx.IPRangeFrom(gateway, gateway)},
			{Kind: plan.DynamicPool, Holder: &plan.Owner{Director: "b", Network: "default"}, Subnet: b, Range: netipx.IPRangeFrom(gateway, netip.MustParseAddr("10.0.0.14"))},
		}}
		f := fence.Compute(p, nil, nil)
		if changes, unknown := len(f.Changes), len(f.Unknown); hides && (changes != 0 || unknown != 1) || !hides && (changes != 1 || unknown != 0) {
			t.Errorf("gateway of b hides: %v: %d changes, %d unknown", hides, changes, unknown)
		}
	}
}
