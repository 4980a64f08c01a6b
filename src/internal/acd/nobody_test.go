//go:build !race

package acd

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

func TestNobodys(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for text, within := range map[string]string{
		"10.9.0.191/24": "10.9.0.0/32", "10.9.0.191/30": "10.9.0.188/32", "10.9.0.191/31": "192.0.2.0/24", "10.9.0.191/32": "192.0.2.0/24",
		"2001:db8:9::bf/64": "2001:db8:9::/64", "2001:db8:9::bf/96": "2001:db8:9::/96", "2001:db8:9::bf/97": "2001:db8::/64", "fe80::1/10": "fe80::/64",
		"2001:db8:9::bf/128": "2001:db8::/64",
	} {
		seen := map[netip.Addr]bool{}
		for range 50 {
			a := Nobodys(netip.MustParsePrefix(text), random.Uint64())
			if !netip.MustParsePrefix(within).Contains(a) || a == netip.MustParsePrefix(text).Addr() {
				t.Fatalf("%s: %s, want one of %s", text, a, within)
			}
			seen[a] = true
		}
		if a := netip.MustParsePrefix(text).Addr(); a.Is6() && len(seen) < 49 {
			t.Errorf("%s: only %d different addresses", text, len(seen))
		}
	}
}
