package link

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
)

var (
	macA = frame.MAC{0, 0x50, 0x56, 0, 0, 0xa}
	macB = frame.MAC{0, 0x50, 0x56, 0, 0, 0xb}
)

// run runs a filter without its common head, whose extensions the virtual
// machine of x/net does not know; those are tested on real links.
func run(t *testing.T, f Filter, b []byte) bool {
	t.Helper()
	vm, err := bpf.NewVM(f)
	if err != nil {
		t.Fatal(err)
	}
	n, err := vm.Run(b)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func addr(last int) netip.Addr { return netip.AddrFrom4([4]byte{10, 9, byte(last >> 8), byte(last)}) }

// TestFiltersAgreeWithJudge: a frame that the kernel drops must be one that the
// judge would not count, for sets of every size from none to many.
func TestFiltersAgreeWithJudge(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	station := acd.Station{MAC: macA, Host: map[frame.MAC]bool{macA: true}}
	for size := range 40 {
		var own4, own6 []netip.Addr
		for range size {
			a := addr(random.IntN(64))
			own4 = append(own4, a)
			six := netip.MustParseAddr("2001:db8::").As16()
			copy(six[12:], a.AsSlice())
			own6 = append(own6, netip.AddrFrom16(six))
		}
		arp, neighbours := AboutARP(own4, nil), AboutNeighbors(own6, nil)
		for range 300 {
			sender, target := addr(random.IntN(64)), addr(random.IntN(64))
			agree(t, arp, own4, station, someFrame(t, random, sender, target))
			six := func(a netip.Addr) netip.Addr {
				b := netip.MustParseAddr("2001:db8::").As16()
				copy(b[12:], a.AsSlice())
				return netip.AddrFrom16(b)
			}
			agree(t, neighbours, own6, station, someFrame(t, random, six(sender), six(target)))
		}
	}
}

func someFrame(t *testing.T, random *rand.Rand, sender, target netip.Addr) []byte {
	t.Helper()
	var b []byte
	var err error
	switch random.IntN(3) {
	case 0:
		b, err = frame.Probe(macB, target, frame.MAC{}, nil)
	case 1:
		b, err = frame.Request(macB, sender, target, frame.MAC{})
	case 2:
		b, err = frame.Announcement(macB, sender)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func agree(t *testing.T, f Filter, own []netip.Addr, station acd.Station, b []byte) {
	t.Helper()
	parsed, err := frame.Parse(b)
	want := false
	for _, a := range own {
		v := acd.Judge(parsed, err, station, acd.Subject{Address: a})
		want = want || v.Foreign() || v == acd.Probe
	}
	if got := run(t, f, b); got != want {
		t.Errorf("of %v: kernel accepts %v, judge %v: %+v", own, got, want, parsed)
	}
}

func TestForeign(t *testing.T) {
	inventory := map[netip.Addr][]frame.MAC{}
	for i := range 100 {
		inventory[addr(i)] = []frame.MAC{macA, {2, 0, 0, 0, 0, byte(i)}}
	}
	for i := range 120 {
		for _, m := range []frame.MAC{macA, macB, {2, 0, 0, 0, 0, byte(i)}, {0, 0x50, 0x56, 0, 0, 0xc}} {
			b, err := frame.Request(m, addr(i), addr(200), macA)
			if err != nil {
				t.Fatal(err)
			}
			foreign := i < 100 && m != macA && m != frame.MAC{2, 0, 0, 0, 0, byte(i)}
			if got := run(t, ForeignARP(inventory), b); got != foreign {
				t.Errorf("%s at %s: %v", addr(i), m, got)
			}
			packet := make([]byte, 34)
			copy(packet[6:], m[:])
			copy(packet[26:], addr(i).AsSlice())
			if got := run(t, ForeignIPv4(inventory), packet); got != foreign {
				t.Errorf("packet of %s from %s: %v", addr(i), m, got)
			}
		}
	}
}

// TestForeignIPv6: packets by source, and neighbour messages whoever sends them.
func TestForeignIPv6(t *testing.T) {
	six := func(prefix string, last int) netip.Addr {
		b := netip.MustParseAddr(prefix).As16()
		b[15] = byte(last)
		return netip.AddrFrom16(b)
	}
	inventory := map[netip.Addr][]frame.MAC{addr(1): {macA}}
	for i := range 100 {
		inventory[six("2001:db8::", i)] = []frame.MAC{macA}
	}
	inventory[six("2001:db8:9::", 7)] = []frame.MAC{macB} // ends as one of the others
	f := ForeignIPv6(inventory)
	packet := func(m frame.MAC, from netip.Addr, next byte) []byte {
		b := make([]byte, 14+40+24)
		copy(b[6:], m[:])
		b[14+6] = next
		source := from.As16()
		copy(b[14+8:], source[:])
		return b
	}
	for i := range 120 {
		for _, m := range []frame.MAC{macA, macB} {
			want := i < 100 && m != macA || i == 7
			for _, next := range []byte{17, 58} { // UDP, and an ICMPv6 message of type 0
				if got := run(t, f, packet(m, six("2001:db8::", i), next)); got != want {
					t.Errorf("packet %d of %d from %s: %v", next, i, m, got)
				}
			}
			na, err := frame.Announcement(m, six("2001:db8::", i))
			if err != nil {
				t.Fatal(err)
			}
			ns, err := frame.Request(m, six("2001:db8::", i), six("2001:db8::", 200), frame.MAC{})
			if err != nil {
				t.Fatal(err)
			}
			if run(t, f, na) != (i < 100) || run(t, f, ns) != (i < 100) {
				t.Errorf("neighbour messages of %d from %s", i, m)
			}
		}
	}
}

func TestNeighbors(t *testing.T) {
	na, err := frame.Announcement(macB, netip.MustParseAddr("2001:db8::1"))
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[byte]bool{135: true, 136: true, 129: true, 128: false, 134: false} {
		na[14+40] = kind
		if got := run(t, Neighbors(), na); got != want {
			t.Errorf("icmpv6 type %d: %v", kind, got)
		}
	}
	na[14+40], na[14+6] = 136, 6
	if run(t, Neighbors(), na) {
		t.Error("accepts tcp")
	}
}

// TestPeers: what a peer answers gets through, what it asks does not.
func TestPeers(t *testing.T) {
	own, peer := []netip.Addr{addr(1)}, []netip.Addr{addr(9)}
	asks, err := frame.Request(macB, addr(9), addr(200), frame.MAC{})
	if err != nil {
		t.Fatal(err)
	}
	answers := append([]byte{}, asks...)
	answers[14+7] = arpReply
	if run(t, AboutARP(own, peer), asks) || !run(t, AboutARP(own, peer), answers) || run(t, AboutARP(own, nil), answers) {
		t.Error("peer's frames")
	}
	six := netip.MustParseAddr("2001:db8::9")
	says, err := frame.Announcement(macB, six)
	if err != nil {
		t.Fatal(err)
	}
	if !run(t, AboutNeighbors(nil, []netip.Addr{six}), says) || run(t, AboutNeighbors(nil, nil), says) {
		t.Error("peer's advertisement")
	}
}

// TestTooLong: a program that the kernel would refuse becomes an open one.
func TestTooLong(t *testing.T) {
	var many []netip.Addr
	for i := range 5000 {
		many = append(many, addr(i))
	}
	raw, err := AboutARP(many, nil).Assemble()
	if err != nil {
		t.Fatal(err)
	}
	if want := len(ours) + 1; len(raw) != want {
		t.Errorf("%d instructions, want %d", len(raw), want)
	}
	raw, err = AboutARP(many[:200], nil).Assemble()
	if err != nil || len(raw) < 200 || len(raw) > maxProgram {
		t.Errorf("%d instructions, %v", len(raw), err)
	}
}

func TestARPFrom(t *testing.T) {
	for _, prefix := range []string{"10.9.0.0/24", "10.9.0.0/16", "0.0.0.0/0", "10.9.0.7/32"} {
		p := netip.MustParsePrefix(prefix)
		for _, a := range []netip.Addr{addr(7), addr(300), netip.MustParseAddr("192.0.2.1")} {
			b, err := frame.Announcement(macB, a)
			if err != nil {
				t.Fatal(err)
			}
			if got := run(t, ARPFrom(p), b); got != p.Contains(a) {
				t.Errorf("%s in %s: %v", a, p, got)
			}
		}
	}
}
