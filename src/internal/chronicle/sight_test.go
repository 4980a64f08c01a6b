package chronicle

import (
	"net/netip"
	"testing"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/snapshot"
)

func one(text string) netipx.IPRange {
	a := netip.MustParseAddr(text)
	return netipx.IPRangeFrom(a, a)
}

func setOf(ranges ...netipx.IPRange) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, r := range ranges {
		b.AddRange(r)
	}
	return built(&b)
}

func vm(group string, index int, addresses ...string) snapshot.VM {
	v := snapshot.VM{Group: group, ID: "id", Index: index}
	for _, a := range addresses {
		v.Addresses = append(v.Addresses, snapshot.Address{Text: a, Block: bosh.Block{Range: one(a)}})
	}
	return v
}

// TestSight: who has what by a push, and of whom it cannot say that he has something no
// more.
func TestSight(t *testing.T) {
	absent := vm("web", 1)
	absent.Absent = true
	s := &snapshot.Snapshot{
		Head:        snapshot.Head{Unseen: []string{"orphaned VMs, which are shown to the scope bosh.admin alone"}},
		Deployments: []snapshot.Deployment{{Name: "cf", VMs: []snapshot.VM{vm("web", 0, "10.0.0.1", "10.0.1.1"), absent}}, {Name: "locked", VMs: []snapshot.VM{vm("db", 0, "10.0.0.9")}}},
	}
	owner := func(deployment, group string) plan.Owner {
		return plan.Owner{Director: "promo", Deployment: deployment, InstanceGroup: group}
	}
	p := &plan.Plan{
		Claims: []plan.Claim{
			{Kind: plan.Static, Holder: owner("cf", "web").Held(), Range: one("10.0.0.1")},
			{Kind: plan.VIP, Holder: &plan.Owner{Director: "promo", Deployment: "cf", InstanceGroup: "web", Property: "keepalived.vip"}, Range: one("10.0.0.5")},
			{Kind: plan.Lease, Holder: owner("cf", "web").Held(), Range: one("10.0.1.1")},
			{Kind: plan.DynamicPool, Holder: owner("", "").Held(), Range: one("10.0.0.77")},
			{Kind: plan.Static, Holder: &plan.Owner{Director: "west", Deployment: "cf"}, Range: one("10.0.0.78")},
		},
		Withheld:   []plan.Owner{{Director: "promo", Deployment: "locked"}},
		BlindSpots: []plan.BlindSpot{{Owner: owner("cf", ""), May: []plan.Claim{{Kind: plan.Static, Range: one("10.0.0.3")}, {Kind: plan.DynamicPool, Range: one("10.0.0.4")}}}},
	}
	sight := SightOf("promo", p, s)
	want := map[Claimant]string{
		{What: Hidden}: "0.0.0.0 ::", {Declared, "cf/web"}: "10.0.0.1", {Declared, "cf/web/keepalived.vip"}: "10.0.0.5", {Granted, "cf/web/0"}: "10.0.0.1 10.0.1.1", {Granted, "locked/db/0"}: "10.0.0.9",
	}
	for c, set := range sight.Has {
		got := ""
		for _, r := range set.Ranges() {
			got += " " + r.From().String()
		}
		if got != " "+want[c] {
			t.Errorf("%v has%s, want %s", c, got, want[c])
		}
		delete(want, c)
	}
	for c := range want {
		t.Errorf("%v has nothing", c)
	}
	if set := SightOf("promo", p, &snapshot.Snapshot{}).Hidden(Claimant{Granted, "cf/web/2"}); set != nil {
		t.Errorf("where orphaned VMs are shown, and there are none, one may have %v", set.Ranges())
	}
	shown := *p
	shown.Withheld = nil // what is hidden is then no more than the blind spot has
	few := SightOf("promo", &shown, &snapshot.Snapshot{}).Has[Claimant{What: Hidden}]
	if few == nil || !few.Equal(setOf(one("10.0.0.3"))) {
		t.Errorf("what a blind spot hides: %v", few)
	}
	for _, h := range []struct {
		claimant Claimant
		address  string
		may      bool
	}{
		{Claimant{Declared, "cf/web"}, "10.0.0.3", true},
		{Claimant{Declared, "cf/web"}, "10.0.0.4", false},
		{Claimant{Declared, "other/web"}, "10.0.0.3", false},
		{Claimant{Declared, "locked/db"}, "10.0.0.9", true},
		{Claimant{Granted, "locked/db/0"}, "10.0.0.9", true},
		{Claimant{Granted, "cf/web/1"}, "10.0.0.3", true}, // it has no VM, and may hold its address
		{Claimant{Granted, "cf/web/2"}, "10.0.0.3", true}, // its VM may be an orphan, which nobody sees
		{Claimant{Granted, "cf/web/0"}, "10.0.0.3", true},
		{Claimant{Granted, "cf/web/2"}, "10.0.1.1", false}, // the director gave it to another one
		{Claimant{Granted, "orphaned: cf/web"}, "10.0.0.3", true},
	} {
		set := sight.Hidden(h.claimant)
		if got := set != nil && set.Contains(netip.MustParseAddr(h.address)); got != h.may {
			t.Errorf("%v may have %s: %t, want %t", h.claimant, h.address, got, h.may)
		}
	}
}
