//go:build !race

package answer

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestIndexIsTheWholePlan: who has addresses is by the index what it is by looking at
// everything.
func TestIndexIsTheWholePlan(t *testing.T) {
	plans := 3000
	if sharedtest.Short() {
		plans = 150
	}
	held, blind := 0, 0
	for seed := range uint64(plans) {
		r := random{rand.New(rand.NewPCG(seed, 7))}
		p := r.plan()
		for range r.IntN(3) { // longer than its subnet, and in none of the list
			c := r.claim(p.Subnets[0], 500+len(p.Claims))
			c.Range = netipx.IPRangeFrom(c.Range.From(), nth(c.Range.From(), r.IntN(60)))
			if r.IntN(2) == 0 {
				c.Subnet = &plan.Subnet{Director: "a", Among: p.Subnets}
			}
			p.Claims = append(p.Claims, c)
		}
		x := NewIndex(plan.NewIndex(p))
		for range 12 {
			asked := r.inside(space)
			if r.IntN(3) == 0 {
				asked = netipx.RangeOfPrefix(netip.PrefixFrom(asked.From(), 26+r.IntN(7)).Masked())
			}
			got, want := x.Who(asked), Who(p, nil, asked)
			want.Nearest = nil
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b *plan.Subnet) bool { return a == b }), cmp.Comparer(func(a, b *plan.BlindSpot) bool { return a == b }),
				cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netipx.IPRange) bool { return a == b })); diff != "" {
				t.Fatalf("seed %d, %s: by the plan (-), by the index (+):\n%s", seed, plan.RangeText(asked), diff)
			}
			for _, segment := range got.Segments {
				held += len(segment.Claims)
			}
			blind += len(got.Blind)
		}
	}
	if t.Logf("%d claims, %d blind spots", held, blind); held < plans || blind < plans/20 {
		t.Error("the plans are too empty")
	}
}
