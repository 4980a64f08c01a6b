//go:build !race

package plan

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"go4.org/netipx"
)

// Each block of a range of 256 addresses is looked at by itself: what lies in it whole, what
// begins in it, and what has a part of it.
func TestBlocksAreThoseThatAnOracleCounts(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 28))
	for _, base := range []string{"0.0.0.0", "10.0.0.0", "255.255.255.0", "::", "2001:db8::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00"} {
		at := func(n int) netip.Addr {
			a := netip.MustParseAddr(base).AsSlice()
			a[len(a)-1] = byte(n)
			one, _ := netip.AddrFromSlice(a)
			return one
		}
		for range 2000 {
			from := random.IntN(256)
			to := from + random.IntN(256-from)
			size := 1 << random.IntN(9)
			bits := at(0).BitLen()
			for n := size; n > 1; n /= 2 {
				bits--
			}
			r := netipx.IPRangeFrom(at(from), at(to))
			var whole, begun, touched netipx.IPSetBuilder
			bases := 0
			for block := 0; block < 256; block += size {
				all, first := netipx.IPRangeFrom(at(block), at(block+size-1)), at(block)
				if r.Contains(first) && r.Contains(all.To()) {
					whole.AddRange(all)
					bases++
				}
				if r.Contains(first) {
					begun.AddRange(all)
				}
				if r.Overlaps(all) {
					touched.AddRange(all)
				}
			}
			gotWhole, _ := WholeBlocks(r, bits)
			gotBegun, _ := BlocksFrom(r, bits)
			for what, c := range map[string]struct {
				want *netipx.IPSetBuilder
				got  netipx.IPRange
			}{"whole": {&whole, gotWhole}, "begun": {&begun, gotBegun}, "touched": {&touched, BlocksOf(r, bits)}} {
				var want netipx.IPRange
				if list := ranges(c.want); len(list) > 0 {
					want = list[0]
				}
				if c.got != want {
					t.Fatalf("%s blocks of /%d in %v are %v, want %v", what, bits, r, c.got, want)
				}
			}
			got := Bases([]netipx.IPRange{r}, bits)
			if size > 1 && len(got) != bases {
				t.Fatalf("%v has the bases %v of /%d, want %d", r, got, bits, bases)
			}
			for _, b := range got {
				if size > 1 && (b.From() != b.To() || netip.PrefixFrom(b.From(), bits).Masked().Addr() != b.From()) {
					t.Fatalf("%v begins no block of /%d", b, bits)
				}
			}
		}
	}
}
