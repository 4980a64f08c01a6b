package cli

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/wirelab"
)

// What the engine decides is tested in played time, in package watch. Here are those
// cases again in which it rests on what real kernels and programs do.

// writeGuard writes a configuration that guards addresses whose stations are learned.
func writeGuard(t *testing.T, addresses ...netip.Prefix) string {
	t.Helper()
	text := "inventory:\n"
	for _, a := range addresses {
		text += "  " + a.Addr().String() + ":\n"
	}
	file := filepath.Join(t.TempDir(), "guard.yml")
	check(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// TestKeepalivedSplitBrain: two keepalived that hear nothing of each other both keep
// the address; each of the two hosts says so, and so does a third.
func TestKeepalivedSplitBrain(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip", "nft", "keepalived", "unshare", "mount")
	nodes := [2]*node{
		newNode(t, s, "n1", wirelab.Station(0x51), netip.MustParsePrefix("10.9.0.51/24")),
		newNode(t, s, "n2", wirelab.Station(0x52), netip.MustParsePrefix("10.9.0.52/24")),
	}
	args := []string{"--interface", "eth0", "--check-every", "0", "--vip", cluster.Addr().String()}
	watchers := []*watcher{startWatch(t, nodes[0].Host, args...), startWatch(t, nodes[1].Host, args...), startWatch(t, s.d, args...)}
	keepalived.start(t, nodes)(0)
	await(t, "the first node has the address", func() bool { return nodes[0].has() && !nodes[1].has() })
	for _, n := range nodes {
		for _, rule := range []string{
			"add table ip cut", "add chain ip cut input { type filter hook input priority 0; }", "add rule ip cut input ip protocol 112 drop",
		} {
			check(t, n.Run("nft", rule))
		}
	}
	await(t, "both have the address", func() bool { return nodes[0].has() && nodes[1].has() })
	for i, w := range watchers {
		l := w.await("address conflict", "address", cluster.Addr().String(), "how", "split-brain")
		if m := l["mac"]; i < 2 && m != nodes[1-i].mac.String() || m != nodes[0].mac.String() && m != nodes[1].mac.String() {
			t.Errorf("watch %d names %v", i+1, l)
		}
	}
}

// TestReplacedMachine: a machine is deleted, and another one with another MAC takes
// its place, as when BOSH recreates it. The guard learns it; a clone beside it is a
// conflict.
func TestReplacedMachine(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	vm := netip.MustParsePrefix("10.9.0.50/24")
	w := startWatch(t, s.d, "--interface", "eth0", "--check-every", "0", "--probe-every", "-1s", "--config", writeGuard(t, vm))
	announce := func(h *wirelab.Host, m frame.MAC) { check(t, h.Inject(must(frame.Announcement(m, vm.Addr())))) }
	first := add(t, s.Lab, "vm1", wirelab.Station(0x61), vm)
	announce(first, wirelab.Station(0x61))
	w.await("station learned", "mac", wirelab.Station(0x61).String())
	check(t, first.SetLink(false))
	second := add(t, s.Lab, "vm2", wirelab.Station(0x62), vm)
	announce(second, wirelab.Station(0x62))
	w.await("address moved: its former station is silent", "mac", wirelab.Station(0x62).String(), "former_mac", wirelab.Station(0x61).String())
	w.silent(0, "address suspect", "address conflict")
	clone := add(t, s.Lab, "clone", wirelab.Station(0x63), vm)
	announce(clone, wirelab.Station(0x63))
	w.await("address conflict", "mac", wirelab.Station(0x63).String(), "beside", wirelab.Station(0x62).String())
}

// TestTwoCards: a Linux host with two cards in the segment answers by both for both
// of its addresses. That is one machine, to a scan and to a guard.
func TestTwoCards(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	one, two := netip.MustParsePrefix("10.9.0.20/24"), netip.MustParsePrefix("10.9.0.21/24")
	cards := [2]frame.MAC{wirelab.Station(0x71), wirelab.Station(0x72)}
	m := add(t, s.Lab, "m", cards[0], one)
	check(t, s.Connect(m, cards[1], two))
	stdout, stderr, code := ipguard(t, s.a, "scan", "10.9.0.0/24", "--format", "json", "--rate", "5000")
	for _, h := range readScan(t, stdout, stderr).Hosts {
		if (h.Address == one.Addr() || h.Address == two.Addr()) && (h.Status != "unknown" || len(h.Stations) != 2) {
			t.Errorf("scan: %+v", h)
		}
	}
	if code != 0 {
		t.Errorf("scan ended with %d", code)
	}
	w := startWatch(t, s.d, "--interface", "eth0", "--check-every", "0", "--probe-every", "-1s", "--config", writeGuard(t, one, two))
	for _, a := range []netip.Prefix{one, two} {
		check(t, m.Inject(arpFrom(t, cards[0], a.Addr(), peer.Addr())))
		w.await("station learned", "address", a.Addr().String(), "mac", cards[0].String())
	}
	for _, a := range []netip.Prefix{one, two} {
		check(t, m.Inject(arpFrom(t, cards[1], a.Addr(), peer.Addr())))
		w.await("two stations answer for the same addresses: probably one machine with two cards", "address", a.Addr().String(), "mac", cards[1].String())
	}
	w.silent(0, "address suspect", "address conflict")
	for _, l := range w.seen {
		if l["state"] == "suspect" || l["state"] == "conflict" {
			t.Errorf("%v", l)
		}
	}
}

// TestFabric: who answers for every address is a proxy to the watch, and no second
// owner.
func TestFabric(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	fabric := add(t, s.Lab, "fabric", macB)
	stop, err := fabric.Listen(func(f frame.Frame, _ time.Time) {
		if f.Kind == frame.ARPRequest && f.SenderMAC != macB {
			check(t, fabric.Inject(arpReplyFrom(t, macB, f)))
		}
	})
	check(t, err)
	defer func() { check(t, stop()) }()
	w := startWatch(t, s.a, "--interface", "eth0", "--check-every", "0", "--probe-every", "1s", "--exclude", "fe80::/10")
	w.await("address proxy", "address", victim.Addr().String(), "mac", macB.String())
	w.silent(4*time.Second, "address suspect", "address conflict")
}

// arpReplyFrom answers a question, whatever it is for.
func arpReplyFrom(t *testing.T, m frame.MAC, f frame.Frame) []byte {
	t.Helper()
	p, err := arp.NewPacket(arp.OperationReply, m[:], f.Target, f.SenderMAC[:], f.Sender)
	check(t, err)
	payload, err := p.MarshalBinary()
	check(t, err)
	e := ethernet.Frame{Source: m[:], Destination: f.SenderMAC[:], EtherType: ethernet.EtherTypeARP, Payload: payload}
	return must(e.MarshalBinary())
}

// TestPlannedAddressMoves: a virtual address that only the fleet's plan knows of may
// move: that another host takes it is nothing, even if both have it for a while.
func TestPlannedAddressMoves(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	dir := promised(t)
	manifest, err := os.ReadFile(filepath.Join(dir, "db.yml"))
	check(t, err)
	withVIP := strings.Replace(string(manifest), "jobs: []", "jobs: [{name: keepalived, release: x, properties: {keepalived: {vip: "+cluster.Addr().String()+"}}}]", 1)
	check(t, os.WriteFile(filepath.Join(dir, "db.yml"), []byte(withVIP), 0o600))
	check(t, s.a.AddAddress(cluster))
	w := startWatch(t, s.a, "--interface", "eth0", "--check-every", "0", "--probe-every", "-1s", "--fleet", filepath.Join(dir, "ipguard.yml"))
	w.await("addresses that move are known from the plan", "addresses", "1")
	time.Sleep(3 * time.Second) // while an address is new, nothing is said in any case
	other := add(t, s.Lab, "o", macO, cluster)
	check(t, other.Inject(must(frame.Announcement(macO, cluster.Addr()))))
	w.silent(2500*time.Millisecond, "address suspect", "address conflict")
	check(t, s.a.DeleteAddress(cluster))
	w.await("address left", "address", cluster.Addr().String())
	w.silent(200*time.Millisecond, "address suspect", "address conflict")
}
