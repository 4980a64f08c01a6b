//go:build !race

package survey

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// TestOverlapping holds what overlaps against a look at each pair.
func TestOverlapping(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		claims := make([]plan.Claim, random.IntN(8))
		for i := range claims {
			bits := 28 + random.IntN(5)
			claims[i].Range = netipx.RangeOfPrefix(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(random.IntN(64))}), bits).Masked())
		}
		for i, found := range overlapping(claims) {
			want := false
			for k := range claims {
				want = want || k != i && claims[i].Range.Overlaps(claims[k].Range)
			}
			if found != want {
				t.Fatalf("%v of %v: %v", claims[i].Range, claims, found)
			}
		}
	}
}
