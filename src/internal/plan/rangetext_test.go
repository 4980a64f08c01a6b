//go:build !race

package plan

import (
	"net/netip"
	"testing"

	"go4.org/netipx"
)

func TestRangeText(t *testing.T) {
	tests := []struct{ from, to, want string }{
		{"10.8.52.191", "10.8.52.191", "10.8.52.191"},
		{"10.8.52.0", "10.8.52.255", "10.8.52.0/24"},
		{"10.8.52.4", "10.8.52.5", "10.8.52.4/31"},
		{"10.8.52.5", "10.8.52.6", "10.8.52.5-10.8.52.6"},
		{"10.8.52.2", "10.8.52.254", "10.8.52.2-10.8.52.254"},
		{"0.0.0.0", "255.255.255.255", "0.0.0.0/0"},
		{"2001:db8::", "2001:db8:0:ffff:ffff:ffff:ffff:ffff", "2001:db8::/48"},
		{"2001:db8::1", "2001:db8::1", "2001:db8::1"},
		{"2001:db8::1", "2001:db8::ffff", "2001:db8::1-2001:db8::ffff"},
	}
	for _, tt := range tests {
		r := netipx.IPRangeFrom(netip.MustParseAddr(tt.from), netip.MustParseAddr(tt.to))
		if got := RangeText(r); got != tt.want {
			t.Errorf("RangeText(%v) = %q, want %q", r, got, tt.want)
		}
	}
}

func TestRangeTextOfNothing(t *testing.T) {
	one, two := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	for _, r := range []netipx.IPRange{{}, netipx.IPRangeFrom(two, one), netipx.IPRangeFrom(one, netip.IPv6LinkLocalAllNodes())} {
		if got := RangeText(r); got != "" {
			t.Errorf("RangeText(%v) = %q, want nothing for an invalid range", r, got)
		}
	}
}
