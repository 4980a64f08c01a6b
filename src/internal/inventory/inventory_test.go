//go:build !race

package inventory

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

func TestInventory(t *testing.T) {
	here := &plan.Subnet{Segment: "vlan52", Range: netip.MustParsePrefix("10.8.52.0/24")}
	there := &plan.Subnet{Segment: "lab", Range: netip.MustParsePrefix("10.8.52.0/24")}
	rng := netipx.MustParseIPRange
	p := &plan.Plan{Claims: []plan.Claim{
		{Range: rng("10.8.52.10-10.8.52.250"), Kind: plan.DynamicPool, Subnet: here, Holder: &plan.Owner{Director: "promo", Network: "default"}},
		{Range: rng("10.8.52.191-10.8.52.191"), Kind: plan.Static, Subnet: here, Holder: &plan.Owner{Director: "promo", Deployment: "db", InstanceGroup: "pgpool"},
			At: place.Place{File: "db.yml", Line: 3, Column: 5}},
		{Range: rng("10.8.52.191-10.8.52.191"), Kind: plan.CreateEnvVM, Subnet: there, Holder: &plan.Owner{Director: "DR_WEST"}},
		{Range: rng("10.8.52.1-10.8.52.1"), Kind: plan.Gateway, Subnet: here},
		{Range: rng("10.8.52.200-10.8.52.200"), Kind: plan.VIP, Holder: &plan.Owner{Director: "promo", Property: "keepalived.vip"}},
		{Range: rng("10.8.52.191-10.8.52.191"), Kind: plan.VIP, Holder: &plan.Owner{Director: "promo", Property: "pgpool.backend"}},
	}}
	a := netip.MustParseAddr("10.8.52.191")
	want := []string{"director promo, deployment db, group pgpool (static), db.yml:3:5", "director promo, property pgpool.backend (vip)", "director promo, network default (dynamic-pool)"}
	if diff := cmp.Diff(want, Of(p, []*plan.Subnet{here}).Owners(a)); diff != "" {
		t.Error(diff)
	}
	if got := New(p).Virtual(); len(got) != 1 || got[0] != netip.MustParseAddr("10.8.52.200") {
		t.Errorf("virtual: %v", got)
	}
	if got := New(p).Owners(a); len(got) != 4 || got[1] != "director DR_WEST (create-env)" {
		t.Errorf("whole fleet: %q", got)
	}
	i := Of(p, []*plan.Subnet{here})
	if got := i.Promised(here.Range); len(got) != 2 || got[0] != a || !i.Expects(a) || i.Expects(a.Next()) {
		t.Errorf("promised %v", got)
	}
	gateway := netip.MustParseAddr("10.8.52.1")
	if got := i.Owners(gateway); !i.Expects(gateway) || len(got) != 1 {
		t.Errorf("gateway: %q", got)
	}
	if got := (Inventory{}).Owners(a); got != nil {
		t.Errorf("without a plan: %q", got)
	}
}
