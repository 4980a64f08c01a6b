//go:build !race

package lint

import (
	"net/netip"
	"testing"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// TestRangesOfOneListMakeNoPairs nests 250 ranges of one owner in one another: all of
// them overlap, no rule has a word about two of them, and their pairs would be thirty thousand.
func TestRangesOfOneListMakeNoPairs(t *testing.T) {
	s := &plan.Subnet{Director: "a", Network: "default", Range: netip.MustParsePrefix("10.0.0.0/8")}
	vip := plan.Owner{Director: "a", Deployment: "web", InstanceGroup: "web", Network: "default", Property: "vips"}
	group := plan.Owner{Director: "a", Deployment: "web", InstanceGroup: "web", Network: "default"}
	balancer := plan.Owner{Property: "load balancer"}
	nested := func(i byte) netipx.IPRange {
		return netipx.IPRangeFrom(netip.AddrFrom4([4]byte{10, 0, i, 0}), netip.AddrFrom4([4]byte{10, 1, 255 - i, 0}))
	}
	one := netip.MustParseAddr("10.0.255.255")
	facts := &Facts{Plan: &plan.Plan{Subnets: []*plan.Subnet{s}}}
	add := func(kind plan.Kind, o plan.Owner, r netipx.IPRange) {
		facts.Plan.Claims = append(facts.Plan.Claims, plan.Claim{Kind: kind, Holder: o.Held(), Subnet: s, Range: r})
	}
	for i := range byte(250) {
		add(plan.VIP, vip, nested(i))
	}
	add(plan.Static, group, netipx.IPRangeFrom(one, one)) // which keeps the director off
	if found := facts.Plan.Overlaps(relevant); len(found) > 0 {
		t.Errorf("%d pairs of one deployment", len(found))
	}
	facts.Plan.Claims = nil
	for i := range byte(250) {
		add(plan.External, balancer, nested(i))
	}
	if found := facts.Plan.Overlaps(relevant); len(found) > 0 {
		t.Errorf("%d pairs of one owner outside of bosh", len(found))
	}
	other := group
	other.Deployment = "db"
	add(plan.Static, other, netipx.IPRangeFrom(one, one))
	add(plan.External, plan.Owner{Property: "router"}, netipx.IPRangeFrom(one, one))
	if found := facts.Plan.Overlaps(relevant); len(found) != 501 {
		t.Errorf("%d pairs with what others have, want 501", len(found))
	}
}
