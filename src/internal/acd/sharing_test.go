//go:build !race

package acd

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/frame"
)

func TestParseSharing(t *testing.T) {
	for text, want := range map[string]Sharing{
		"10.9.0.191":                        {VRRP: true},
		"10.9.0.191=vrrp":                   {VRRP: true},
		"10.9.0.191=00:50:56:00:00:0b":      {MACs: []frame.MAC{macB}},
		"10.9.0.191=vrrp,00:50:56:00:00:0b": {VRRP: true, MACs: []frame.MAC{macB}},
		"2001:db8::1=00:50:56:00:00:0b":     {MACs: []frame.MAC{macB}},
	} {
		address, got, err := ParseSharing(text)
		if err != nil || address != netip.MustParseAddr(text[:len(address.String())]) {
			t.Errorf("%q: %v, %v", text, address, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	for _, text := range []string{"", "10.9.0.191=", "10.9.0.300", "10.9.0.191=00:50", "10.9.0.191=,vrrp"} {
		if _, _, err := ParseSharing(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}
