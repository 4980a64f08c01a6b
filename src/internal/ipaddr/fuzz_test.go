//go:build !race

package ipaddr

import (
	"net/netip"
	"testing"
)

// Every CIDR block that Go reads, Ruby's IPAddr reads too, and as the same block.
func FuzzParseIPAddr(f *testing.F) {
	for _, s := range []string{"10.0.0.5/24", "2001:db8::1/64", "::ffff:10.0.0.1/100", "1:2:3:4:5:6:7::/128", "10.0.0.0/255.255.255.0", "[::1]/0", "fe80::1%eth0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Parse(s)
		want, goErr := netip.ParsePrefix(s)
		if goErr == nil && (err != nil || got.Prefix() != want.Masked()) {
			t.Errorf("%q: %v %v, Go reads %v", s, got, err, want.Masked())
		}
		if err != nil {
			return
		}
		if again, err := Parse(got.Prefix().String()); err != nil || again != got {
			t.Errorf("%q: %v, read again %v %v", s, got, again, err)
		}
	})
}
