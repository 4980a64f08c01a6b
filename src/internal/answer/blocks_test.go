//go:build !race

package answer

import (
	"net/netip"
	"slices"
	"testing"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// Of a static range of blocks, static_ips may name the first addresses; whoever has a part
// of a block, or may have one, takes all of it.
func TestStaticAddressesOfBlocks(t *testing.T) {
	mine := &plan.Subnet{Director: "a", Network: "n", Range: netip.MustParsePrefix("10.9.0.0/24"), Prefix: 28}
	other := &plan.Subnet{Director: "b", Network: "n", Range: mine.Range}
	claim := func(kind plan.Kind, s *plan.Subnet, r string) plan.Claim {
		return plan.Claim{Kind: kind, Subnet: s, Holder: &plan.Owner{Director: s.Director}, Range: netipx.MustParseIPRange(r)}
	}
	p := &plan.Plan{
		Subnets: []*plan.Subnet{mine, other},
		Claims:  []plan.Claim{claim(plan.StaticPool, mine, "10.9.0.32-10.9.0.95"), claim(plan.CreateEnvVM, other, "10.9.0.40-10.9.0.40")},
		BlindSpots: []plan.BlindSpot{
			{May: []plan.Claim{claim(plan.VIP, other, "10.9.0.70-10.9.0.70")}},
		},
	}
	for static, want := range map[bool][]string{true: {"10.9.0.48", "10.9.0.80"}, false: {"10.9.0.1", "10.9.0.2"}} {
		found := Free(p, Question{Scope: Scope{Subnets: []*plan.Subnet{mine}}, Count: 2, Static: static})
		var got []string
		for _, o := range found.Offers {
			got = append(got, o.Address.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("static %t: %v, want %v", static, got, want)
		}
	}
}
