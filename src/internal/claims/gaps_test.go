//go:build !race

package claims

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"go4.org/netipx"
)

// What is left of a range, without a set, is what a set says.
func TestGapsAreWhatASetLeaves(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	bases := []string{"0.0.0.0", "10.0.0.0", "255.255.255.192", "::", "2001:db8::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffc0"}
	address := func(base string) netip.Addr {
		a := netip.MustParseAddr(base).AsSlice()
		a[len(a)-1] += byte(random.IntN(64))
		one, _ := netip.AddrFromSlice(a)
		return one
	}
	between := func() netipx.IPRange {
		base := bases[random.IntN(len(bases))]
		a, b := address(base), address(base)
		if b.Less(a) {
			a, b = b, a
		}
		return netipx.IPRangeFrom(a, b)
	}
	for range 20_000 {
		whole := between()
		var set netipx.IPSetBuilder
		set.AddRange(whole)
		var taken []netipx.IPRange
		for range random.IntN(8) {
			r := between()
			taken = append(taken, r)
			set.RemoveRange(r)
		}
		got := slices.Collect(gaps(whole, merged(slices.Clone(taken))))
		if want := built(&set).Ranges(); !slices.Equal(got, want) {
			t.Fatalf("%v less %v is %v, want %v", whole, taken, got, want)
		}
	}
}
