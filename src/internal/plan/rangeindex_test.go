//go:build !race

package plan

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"go4.org/netipx"
)

// TestIndexFindsAll: the index finds what a scan finds, in its order, and no more.
func TestIndexFindsAll(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 3))
		some := func() netipx.IPRange {
			if r.IntN(8) == 0 {
				from := r.IntN(200)
				a := netip.AddrFrom16([16]byte{0x20, 1, 15: byte(from)})
				return netipx.IPRangeFrom(a, netip.AddrFrom16([16]byte{0x20, 1, 15: byte(from + r.IntN(256-from))}))
			}
			from := r.IntN(200)
			return netipx.IPRangeFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(from)}), netip.AddrFrom4([4]byte{10, 0, 0, byte(min(255, from+r.IntN(4)*r.IntN(90)))}))
		}
		p := &Plan{}
		for i := range r.IntN(40) {
			c := Claim{Range: some(), Index: i}
			if r.IntN(9) == 0 {
				c.Range = netipx.IPRange{}
			}
			p.Claims = append(p.Claims, c)
		}
		for range r.IntN(10) {
			p.BlindSpots = append(p.BlindSpots, BlindSpot{May: []Claim{{Range: some()}, {Range: some()}}[:1+r.IntN(2)]})
		}
		for range r.IntN(10) {
			s := &Subnet{}
			if r.IntN(4) > 0 {
				s.Range = netip.PrefixFrom(some().From(), 24+r.IntN(8)).Masked()
			}
			p.Subnets = append(p.Subnets, s)
		}
		x := NewIndex(p)
		for range 20 {
			asked := some()
			var claims []*Claim
			for i := range p.Claims {
				if c := &p.Claims[i]; c.Range.IsValid() && c.Range.Overlaps(asked) {
					claims = append(claims, c)
				}
			}
			slices.SortStableFunc(claims, func(a, b *Claim) int { return a.Range.From().Compare(b.Range.From()) })
			var spots []*BlindSpot
			for i := range p.BlindSpots {
				if slices.ContainsFunc(p.BlindSpots[i].May, func(c Claim) bool { return c.Range.Overlaps(asked) }) {
					spots = append(spots, &p.BlindSpots[i])
				}
			}
			var subnets []*Subnet
			for _, s := range p.Subnets {
				if s.Range.IsValid() && netipx.RangeOfPrefix(s.Range).Overlaps(asked) {
					subnets = append(subnets, s)
				}
			}
			got, want := fmt.Sprint(slices.Collect(x.Claims(asked)), x.BlindSpots(asked), x.Subnets(asked)), fmt.Sprint(claims, spots, subnets)
			if got != want {
				t.Fatalf("seed %d: in %s are\n%s\nand by a scan\n%s", seed, asked, got, want)
			}
			for c := range x.Claims(asked) { // who stops is asked no more
				if c != claims[0] {
					t.Fatalf("seed %d: %s begins otherwise when only one is wanted", seed, asked)
				}
				break
			}
		}
	}
}
