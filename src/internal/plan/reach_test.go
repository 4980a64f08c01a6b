//go:build !race

package plan

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"go4.org/netipx"
)

func TestReachIsWhatASetSays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		var builder netipx.IPSetBuilder
		for range random.IntN(6) {
			builder.AddRange(randomRange(random, netip.MustParseAddr("10.0.0.0")))
			builder.AddRange(randomRange(random, netip.MustParseAddr("2001:db8::")))
		}
		set, err := builder.IPSet()
		if err != nil {
			t.Fatal(err)
		}
		for _, base := range []string{"10.0.0.0", "2001:db8::"} {
			at := randomRange(random, netip.MustParseAddr(base))
			if got, want := Reach(set.Ranges(), at), set.OverlapsRange(at); got != want {
				t.Fatalf("%v in %v: %v", at, set.Ranges(), got)
			}
		}
	}
	if Reach([]netipx.IPRange{netipx.MustParseIPRange("10.0.0.1-10.0.0.2")}, netipx.IPRange{}) {
		t.Error("what is no range is reached")
	}
}
