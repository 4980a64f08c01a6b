//go:build !race

package deploy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
)

// What an index finds first is what looking at all subnets in their order finds first,
// also where they overlap, list static addresses of others, hide or are of both families.
func TestHavingFindsWhatLookingAtAllFinds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	indexed := 0
	for range 3000 {
		n := &bosh.Network{}
		odd := random.IntN(3) == 0
		for i := range 8 + random.IntN(10) {
			at := i
			if odd && random.IntN(6) == 0 {
				at = random.IntN(18)
			}
			s := &bosh.Subnet{Range: netip.MustParsePrefix(fmt.Sprintf("10.0.%d.0/%d", at, 24+random.IntN(3)))}
			if odd && random.IntN(20) == 0 {
				s.Range = netip.MustParsePrefix(fmt.Sprintf("::10.0.%d.0/120", at))
			}
			if random.IntN(15) == 0 {
				s.Range = netip.Prefix{}
			}
			if odd && random.IntN(6) == 0 {
				at = random.IntN(18)
			}
			a := netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", at, random.IntN(30)))
			s.Static = append(s.Static, bosh.Block{Range: netipx.IPRangeFrom(a, a)})
			n.Subnets = append(n.Subnets, s)
		}
		random.Shuffle(len(n.Subnets), func(i, j int) { n.Subnets[i], n.Subnets[j] = n.Subnets[j], n.Subnets[i] })
		d := &director{}
		for range 30 {
			a := netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", random.IntN(18), random.IntN(70)))
			has := func(s *bosh.Subnet) bool {
				return s.Range.IsValid() && s.Range.Addr().Is4() && (s.Range.Contains(a) || slices.ContainsFunc(s.Static, func(b bosh.Block) bool { return b.Range.Contains(a) }))
			}
			found := d.having(n, ipaddr.NumberOf(a), false)
			if len(found) < 2 {
				indexed++
			}
			got, want := slices.IndexFunc(found, has), slices.IndexFunc(n.Subnets, has)
			if (got < 0) != (want < 0) || got >= 0 && found[got] != n.Subnets[want] {
				t.Fatalf("%s: found %v among %v, want number %d of %v", a, got, found, want, n.Subnets)
			}
		}
	}
	if indexed == 0 {
		t.Error("no index was used")
	}
}
