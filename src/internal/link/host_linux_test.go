package link

import (
	"maps"
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestOwnStations: every link-layer address that a link has or had is ours: of a
// bond that of the bond, which its links wear, and the ones that they had before.
// Not every kernel can make a bond, so that this one is told of.
func TestOwnStations(t *testing.T) {
	bond := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	up := uint32(unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_BROADCAST)
	links := []netlink.Link{
		&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: 1, Name: "lo", RawFlags: up | unix.IFF_LOOPBACK, HardwareAddr: make(net.HardwareAddr, 6)}},
		&netlink.Bond{LinkAttrs: netlink.LinkAttrs{Index: 2, Name: "bond0", RawFlags: up, HardwareAddr: bond}},
		&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: 3, Name: "eth0", RawFlags: up, HardwareAddr: bond, PermHWAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1},
			MasterIndex: 2, Slave: &netlink.BondSlave{PermHardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 3}}}},
		&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: 4, Name: "eth1", RawFlags: up &^ unix.IFF_RUNNING, HardwareAddr: bond, PermHWAddr: net.HardwareAddr{2, 0, 0, 0, 0, 4}, MasterIndex: 2}},
		&netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{Index: 5, Name: "vrrp", RawFlags: up, HardwareAddr: net.HardwareAddr{0, 0, 0x5e, 0, 1, 7}, ParentIndex: 2}},
		&netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Index: 6, Name: "tun0", RawFlags: up | unix.IFF_POINTOPOINT | unix.IFF_NOARP}},
	}
	macs := map[frame.MAC]bool{}
	wires := map[string]bool{}
	for _, l := range links {
		i := readInterface(l, macs)
		wires[i.Name] = i.Wire
		if i.Carrier != (i.Name != "eth1") || !i.Up {
			t.Errorf("%s: up %v, carrier %v", i.Name, i.Up, i.Carrier)
		}
	}
	want := map[frame.MAC]bool{{2, 0, 0, 0, 0, 1}: true, {2, 0, 0, 0, 0, 3}: true, {2, 0, 0, 0, 0, 4}: true, {0, 0, 0x5e, 0, 1, 7}: true}
	if !maps.Equal(macs, want) {
		t.Errorf("own stations %v, want %v", macs, want)
	}
	if !maps.Equal(wires, map[string]bool{"lo": false, "bond0": true, "eth0": true, "eth1": true, "vrrp": true, "tun0": false}) {
		t.Errorf("wires %v", wires)
	}
}

// TestHolds: what is on the interface, what is on none, and an interface that has
// gone, which is an answer and no error.
func TestHolds(t *testing.T) {
	lo, err := netlink.LinkByName("lo")
	if err != nil || lo.Attrs().RawFlags&unix.IFF_UP == 0 {
		sharedtest.Unavailable(t, "no loopback here: %v", err)
	}
	home := netip.MustParseAddr("127.0.0.1")
	for _, test := range []struct {
		name         string
		index        int
		station      frame.MAC
		address      netip.Addr
		held, usable bool
	}{
		{"ours", lo.Attrs().Index, frame.MAC{}, home, true, true},
		{"of nobody here", lo.Attrs().Index, frame.MAC{}, netip.MustParseAddr("192.0.2.7"), false, false},
		{"of the other family", lo.Attrs().Index, frame.MAC{}, netip.MustParseAddr("2001:db8::7"), false, false},
		{"spoken for with another station", lo.Attrs().Index, frame.MAC{2}, home, false, false},
		{"an interface that has gone", 1 << 30, frame.MAC{}, home, false, false},
	} {
		held, usable, err := Holds(test.index, test.station, test.address)
		if err != nil || held != test.held || usable != test.usable {
			t.Errorf("%s: held %v, usable %v, %v", test.name, held, usable, err)
		}
	}
}
