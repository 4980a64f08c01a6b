package link

import (
	"net/netip"
	"testing"
)

func TestExclusion(t *testing.T) {
	e, err := ParseExclusion([]string{"docker*", "veth?"}, []string{"169.254.0.0/16", "10.9.0.7", "fe80::/10"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"docker0": true, "docker": true, "veth1": true, "veth12": false, "eth0": false, "": false} {
		if got := e.Interface(name); got != want {
			t.Errorf("interface %q: %v", name, got)
		}
	}
	for text, want := range map[string]bool{"169.254.3.4": true, "10.9.0.7": true, "10.9.0.8": false, "fe80::1": true, "2001:db8::1": false} {
		if got := e.Address(netip.MustParseAddr(text)); got != want {
			t.Errorf("address %s: %v", text, got)
		}
	}
	if none := (Exclusion{}); none.Interface("eth0") || none.Address(netip.MustParseAddr("10.9.0.7")) {
		t.Error("nothing was to be left out")
	}
	for _, wrong := range []struct{ interfaces, addresses []string }{
		{interfaces: []string{"["}}, {interfaces: []string{""}}, {addresses: []string{"10.9.0.0/33"}}, {addresses: []string{""}},
		{addresses: []string{"fe80::1%eth0"}}, {addresses: []string{"10.9.0.7-10.9.0.9"}},
	} {
		if _, err := ParseExclusion(wrong.interfaces, wrong.addresses); err == nil {
			t.Errorf("%v was read", wrong)
		}
	}
}
