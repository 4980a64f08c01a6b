package watch

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
)

const goodConfig = `shared: ["10.8.52.200=vrrp,00:50:56:00:00:0b"]
peers: [10.8.52.10, "10.8.52.11:25555", "[2001:db8::1]:443"]
inventory:
  10.8.52.191: 00:50:56:01:02:03
  10.8.52.192: [00:50:56:01:02:04, 00:50:56:01:02:05]
  10.8.52.190:
vips: [10.8.52.203, "10.8.52.204=00:50:56:01:02:06,00:50:56:01:02:07"]
`

func empty() Config {
	return Config{Shared: map[netip.Addr]acd.Sharing{}, Inventory: map[netip.Addr][]frame.MAC{}, Moving: Moving{}}
}

func TestConfig(t *testing.T) {
	got := empty()
	if err := got.parse([]byte(goodConfig)); err != nil {
		t.Fatal(err)
	}
	a := netip.MustParseAddr
	want := Config{
		Shared: map[netip.Addr]acd.Sharing{a("10.8.52.200"): {VRRP: true, MACs: []frame.MAC{{0, 0x50, 0x56, 0, 0, 0xb}}}},
		Peers:  []Peer{{Address: a("10.8.52.10")}, {a("10.8.52.11"), 25555}, {a("2001:db8::1"), 443}},
		Inventory: map[netip.Addr][]frame.MAC{
			a("10.8.52.191"): {{0, 0x50, 0x56, 1, 2, 3}}, a("10.8.52.190"): nil,
			a("10.8.52.192"): {{0, 0x50, 0x56, 1, 2, 4}, {0, 0x50, 0x56, 1, 2, 5}},
		},
		Moving: Moving{a("10.8.52.203"): nil, a("10.8.52.204"): {{0, 0x50, 0x56, 1, 2, 6}, {0, 0x50, 0x56, 1, 2, 7}}},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(x, y netip.Addr) bool { return x == y })); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{
		"unknown: 1", "vips: [x]", "vips: [10.8.52.203=x]", "vips: 1", "shared: [x]", "shared: 1", "peers: [10.8.52.10:0]", "peers: [x]",
		"inventory: {x: }", "inventory: {10.8.52.1: x}", "inventory: {10.8.52.1: {a: b}}", "[",
	} {
		c := empty()
		if err := c.parse([]byte(text)); err == nil {
			t.Errorf("%q was accepted as %+v", text, c)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(goodConfig))
	f.Add([]byte("inventory: {10.8.52.1: [[]]}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := empty()
		if c.parse(b) != nil {
			return
		}
		for a := range c.Inventory {
			if !a.IsValid() {
				t.Error("an address that is none")
			}
		}
		for _, p := range c.Peers {
			if !p.Address.IsValid() {
				t.Error("a peer that is none")
			}
		}
	})
}
