package link

import (
	"net/netip"
	"testing"
)

func TestExclusion(t *testing.T) {
	e, err := ParseExclusion([]string{"docker*", "veth?"}, []string{"169.254.0.0/16", "10.9.0.7", "fe80::/10"}, []string{"br*"})
	if err != nil {
		t.Fatal(err)
	}
	outer := func(name string) Interface { return Interface{Name: name, Wire: true} }
	inner := func(name string) Interface {
		return Interface{Name: name, Wire: true, Inside: "a bridge without ports"}
	}
	for _, test := range []struct {
		at          Interface
		named       []string
		takes, kept bool
	}{
		{outer("eth0"), nil, true, false},
		{outer("docker0"), nil, false, false},
		{outer("veth1"), nil, false, false},
		{outer("veth12"), nil, true, false},
		{Interface{Name: "tun0"}, nil, false, false},
		{inner("virbr0"), nil, false, true},
		{inner("br0"), nil, true, false},
		{inner("docker0"), nil, false, false},
		{inner("virbr0"), []string{"virbr0"}, true, false},
		{inner("virbr0"), []string{"eth0"}, false, false},
		{outer("eth0"), []string{"virbr0"}, false, false},
		{outer("docker0"), []string{"docker0"}, false, false},
	} {
		if takes, kept := e.Takes(test.at, test.named), e.KeptInside(test.at, test.named); takes != test.takes || kept != test.kept {
			t.Errorf("%s (%s) of %v: takes %v, kept inside %v", test.at.Name, test.at.Inside, test.named, takes, kept)
		}
	}
	for text, want := range map[string]bool{"169.254.3.4": true, "10.9.0.7": true, "10.9.0.8": false, "fe80::1": true, "2001:db8::1": false} {
		if got := e.Address(netip.MustParseAddr(text)); got != want {
			t.Errorf("address %s: %v", text, got)
		}
	}
	if none := (Exclusion{}); !none.Takes(outer("eth0"), nil) || none.Takes(inner("br0"), nil) || none.Address(netip.MustParseAddr("10.9.0.7")) {
		t.Error("nothing was to be left out but what leads nowhere")
	}
	for _, wrong := range []struct{ interfaces, addresses, included []string }{
		{interfaces: []string{"["}}, {interfaces: []string{""}}, {included: []string{"["}}, {addresses: []string{"10.9.0.0/33"}}, {addresses: []string{""}},
		{addresses: []string{"fe80::1%eth0"}}, {addresses: []string{"10.9.0.7-10.9.0.9"}},
	} {
		if _, err := ParseExclusion(wrong.interfaces, wrong.addresses, wrong.included); err == nil {
			t.Errorf("%v was read", wrong)
		}
	}
}
