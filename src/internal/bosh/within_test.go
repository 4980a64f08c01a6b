//go:build !race

package bosh

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

func TestWithin(t *testing.T) {
	for _, c := range []struct{ text, address, block string }{
		{"10.3.((x)).0/24", "10.3.0.0/16", "10.3.0.0/16"}, {"10.3.((x)).0/12", "10.3.0.0/16", "10.0.0.0/12"},
		{"10.3.4.((x))", "10.3.4.0/24", ""}, {"10.3.4.((x))/((m))", "10.3.4.0/24", ""}, {"10.3.4.0/((m))", "10.3.4.0/24", ""},
		{"10.2((x)).0.0/16", "10.0.0.0/8", "10.0.0.0/8"}, {"((x)).3.0.0/16", "", ""}, {"1((x)).0.0.0/8", "", ""}, {"((x))", "", ""},
		{"10.3.4.5", "", ""}, {"fd00::((x))/64", "", ""}, {"10.300.((x)).0/24", "", ""}, {"a.b.((x)).0/24", "", ""},
		{"10.3.((x))/24.((y))/24", "10.3.0.0/16", "10.3.0.0/16"}, {"10.3.((x)).0/24/8", "10.3.0.0/16", ""}, {"10.3.((x)).0/-1", "10.3.0.0/16", ""},
	} {
		shown := func(p netip.Prefix) string {
			if !p.IsValid() {
				return ""
			}
			return p.String()
		}
		if a, b := shown(addressWithin(c.text)), shown(blockWithin(c.text)); a != c.address || b != c.block {
			t.Errorf("%s: an address lies in %q, a block in %q; want %q, %q", c.text, a, b, c.address, c.block)
		}
	}
}

// TestWithinHoldsAllValues cuts a part out of random blocks and addresses: what is told of the
// rest holds of the whole.
func TestWithinHoldsAllValues(t *testing.T) {
	r := rand.New(rand.NewPCG(20, 1))
	told := 0
	for range 20000 {
		address := netip.AddrFrom4([4]byte{byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256))})
		block := netip.PrefixFrom(address, r.IntN(33))
		for _, text := range []string{address.String(), block.String()} {
			from := r.IntN(len(text))
			hidden := text[:from] + "((x))" + text[from+1+r.IntN(len(text)-from):]
			within, whole := addressWithin(hidden), netip.PrefixFrom(address, 32)
			if strings.Contains(text, "/") {
				within, whole = blockWithin(hidden), block.Masked()
			}
			if !within.IsValid() {
				continue
			}
			if told++; within.Bits() > whole.Bits() || !within.Contains(whole.Addr()) {
				t.Fatalf("%s may be %s, and is said to lie in %s", hidden, text, fmt.Sprint(within))
			}
		}
	}
	if told < 1000 {
		t.Errorf("only %d of the texts told something", told)
	}
}
