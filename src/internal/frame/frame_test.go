//go:build !race

package frame

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/ndp"
)

var (
	macA  = MAC{0x00, 0x50, 0x56, 0x00, 0x00, 0x0a}
	macB  = MAC{0x00, 0x50, 0x56, 0x00, 0x00, 0x0b}
	addr4 = netip.MustParseAddr("10.8.52.191")
	addr6 = netip.MustParseAddr("2001:db8::bf")
	equal = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
)

// bytesOf reads hex with spaces and line breaks.
func bytesOf(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	probeHead = "ffffffffffff 00505600000a 0806"
	arpFixed  = "0001 0800 06 04 0001"
	arpProbe  = probeHead + arpFixed + "00505600000a 00000000 000000000000 0a0834bf"
)

func TestParseARP(t *testing.T) {
	for _, test := range []struct {
		name, bytes string
		want        Frame
	}{
		{"probe", arpProbe, Frame{Source: macA, Destination: BroadcastMAC, Kind: ARPRequest,
			Sender: netip.IPv4Unspecified(), SenderMAC: macA, Target: addr4}},
		{"probe with padding", arpProbe + strings.Repeat("00", 18), Frame{Source: macA, Destination: BroadcastMAC,
			Kind: ARPRequest, Sender: netip.IPv4Unspecified(), SenderMAC: macA, Target: addr4}},
		{"reply from a sender that is not the ethernet source",
			"00505600000a 00505600000b 0806 0001 0800 06 04 0002 02bf00000001 0a0834bf 00505600000a 00000000",
			Frame{Source: macB, Destination: macA, Kind: ARPReply, Sender: addr4,
				SenderMAC: MAC{2, 0xbf, 0, 0, 0, 1}, Target: netip.IPv4Unspecified()}},
		{"vlan 5", "ffffffffffff 00505600000a 8100 0005 0806" + arpFixed + "00505600000a 0a0834bf 000000000000 0a0834bf",
			Frame{Source: macA, Destination: BroadcastMAC, VLAN: 5, Kind: ARPRequest, Sender: addr4, SenderMAC: macA, Target: addr4}},
		{"priority tag", "ffffffffffff 00505600000a 8100 6000 0806" + arpFixed + "00505600000a 0a0834bf 000000000000 0a0834bf",
			Frame{Source: macA, Destination: BroadcastMAC, Kind: ARPRequest, Sender: addr4, SenderMAC: macA, Target: addr4}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse(bytesOf(t, test.bytes))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, equal); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct {
		name, bytes string
		want        error
	}{
		{"nothing", "", ErrMalformed},
		{"ethernet header cut short", "ffffffffffff00505600000a08", ErrMalformed},
		{"group as ethernet source", "ffffffffffff 01005e000001 0806" + arpFixed, ErrMalformed},
		{"arp cut short", arpProbe[:len(arpProbe)-2], ErrMalformed},
		{"arp of token ring", probeHead + "0006 0800 06 04 0001 00505600000a 00000000 000000000000 0a0834bf", ErrUnsupported},
		{"arp with an eight byte hardware address", probeHead + "0001 0800 08 04 0001" + strings.Repeat("01", 24), ErrMalformed},
		{"arp with a sixteen byte protocol address", probeHead + "0001 0800 06 10 0001" + strings.Repeat("01", 44), ErrMalformed},
		{"inverse arp", probeHead + "0001 0800 06 04 0008 00505600000a 0a0834bf 000000000000 0a0834bf", ErrUnsupported},
		{"reverse arp", "ffffffffffff 00505600000a 8035 0001 0800 06 04 0003 00505600000a 00000000 00505600000a 00000000", ErrUnsupported},
		{"sender hardware address zero", probeHead + arpFixed + "000000000000 0a0834bf 000000000000 0a0834bf", ErrMalformed},
		{"sender hardware address broadcast", probeHead + arpFixed + "ffffffffffff 0a0834bf 000000000000 0a0834bf", ErrMalformed},
		{"reply from 0.0.0.0", probeHead + "0001 0800 06 04 0002 00505600000a 00000000 000000000000 0a0834bf", ErrMalformed},
		{"sender 255.255.255.255", probeHead + arpFixed + "00505600000a ffffffff 000000000000 0a0834bf", ErrMalformed},
		{"sender multicast", probeHead + arpFixed + "00505600000a e0000001 000000000000 0a0834bf", ErrMalformed},
		{"vlan tag without its ethertype", "ffffffffffff 00505600000a 8100 0005", ErrMalformed},
		{"vlan 4095", "ffffffffffff 00505600000a 8100 0fff 0806" + arpFixed, ErrMalformed},
		{"ipv4 header cut short", "ffffffffffff 00505600000a 0800 45000014", ErrMalformed},
		{"lldp", "0180c200000e 00505600000a 88cc 0207", ErrUnsupported},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse(bytesOf(t, test.bytes))
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			if got != (Frame{}) {
				t.Errorf("a frame with facts: %+v", got)
			}
		})
	}
}

// neighbor builds a valid advertisement or solicitation and lets the case
// spoil one byte; 14 bytes of Ethernet, 40 of IPv6, then ICMPv6.
func TestParseNeighborRefuses(t *testing.T) {
	advertisement, err := Announcement(macB, addr6)
	if err != nil {
		t.Fatal(err)
	}
	solicitation, err := Probe(macB, addr6, MAC{}, ndp.NewNonce())
	if err != nil {
		t.Fatal(err)
	}
	const icmp = 14 + 40
	for _, test := range []struct {
		name  string
		frame []byte
		spoil func(b []byte) []byte
	}{
		{"hop limit 254: forwarded by a router", advertisement, func(b []byte) []byte { b[14+7] = 254; return b }},
		{"code 1", advertisement, func(b []byte) []byte { b[icmp+1] = 1; return b }},
		{"checksum", advertisement, func(b []byte) []byte { b[icmp+2] ^= 1; return b }},
		{"option of length zero", advertisement, func(b []byte) []byte { b[icmp+25] = 0; return fixChecksum(b) }},
		{"solicited flag sent to a group", advertisement, func(b []byte) []byte { b[icmp+4] |= 0x40; return fixChecksum(b) }},
		{"target is a group", advertisement, func(b []byte) []byte { b[icmp+8] = 0xff; return fixChecksum(b) }},
		{"advertisement from ::", advertisement, func(b []byte) []byte { clear(b[14+8 : 14+24]); return fixChecksum(b) }},
		{"link-layer option zero", advertisement, func(b []byte) []byte { clear(b[icmp+26 : icmp+32]); return fixChecksum(b) }},
		{"payload longer than the frame", advertisement, func(b []byte) []byte { b[14+4] = 1; return b }},
		{"solicitation from :: to all nodes", solicitation, func(b []byte) []byte {
			copy(b[14+24:14+40], netip.IPv6LinkLocalAllNodes().AsSlice())
			return fixChecksum(b)
		}},
		{"source is a group", solicitation, func(b []byte) []byte { b[14+8] = 0xff; return fixChecksum(b) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Parse(test.frame); err != nil {
				t.Fatalf("before it was spoiled: %v", err)
			}
			spoiled := test.spoil(append([]byte(nil), test.frame...))
			if got, err := Parse(spoiled); !errors.Is(err, ErrMalformed) {
				t.Errorf("parsed as %+v, %v", got, err)
			}
		})
	}
}

// fixChecksum makes the ICMPv6 checksum of b right again, by trying the sum
// that validChecksum is to judge.
func fixChecksum(b []byte) []byte {
	length := int(b[14+4])<<8 | int(b[14+5])
	message := b[14+40 : 14+40+length]
	message[2], message[3] = 0, 0
	var sum uint32
	pseudo := append(append([]byte(nil), b[14+8:14+40]...), 0, 0, b[14+4], b[14+5], 0, 0, 0, 58)
	all := append(pseudo, message...)
	for i := 0; i+1 < len(all); i += 2 {
		sum += uint32(all[i])<<8 | uint32(all[i+1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	message[2], message[3] = byte(^sum>>8), byte(^sum)
	return b
}

func TestBuiltFramesParse(t *testing.T) {
	nonce := ndp.NewNonce()
	must := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	own6 := netip.MustParseAddr("fe80::250:56ff:fe00:a")
	group := MulticastMAC(netip.MustParseAddr("ff02::1:ff00:bf"))
	for _, test := range []struct {
		name  string
		bytes []byte
		want  Frame
	}{
		{"arp probe", must(Probe(macA, addr4, MAC{}, nil)), Frame{Source: macA, Destination: BroadcastMAC, Kind: ARPRequest,
			Sender: netip.IPv4Unspecified(), SenderMAC: macA, Target: addr4}},
		{"arp probe to one station", must(Probe(macA, addr4, macB, nil)), Frame{Source: macA, Destination: macB, Kind: ARPRequest,
			Sender: netip.IPv4Unspecified(), SenderMAC: macA, Target: addr4}},
		{"arp request", must(Request(macA, addr4, addr4.Next(), macB)), Frame{Source: macA, Destination: macB, Kind: ARPRequest,
			Sender: addr4, SenderMAC: macA, Target: addr4.Next()}},
		{"arp announcement", must(Announcement(macA, addr4)), Frame{Source: macA, Destination: BroadcastMAC, Kind: ARPRequest,
			Sender: addr4, SenderMAC: macA, Target: addr4}},
		{"duplicate address detection", must(Probe(macA, addr6, MAC{}, nonce)), Frame{Source: macA, Destination: group,
			Kind: NeighborSolicitation, Sender: netip.IPv6Unspecified(), SenderMAC: macA, Target: addr6, Nonce: nonce.String()}},
		{"solicitation", must(Request(macA, own6, addr6, macB)), Frame{Source: macA, Destination: macB,
			Kind: NeighborSolicitation, Sender: own6, SenderMAC: macA, Target: addr6}},
		{"advertisement", must(Announcement(macA, addr6)), Frame{Source: macA, Destination: MAC{0x33, 0x33, 0, 0, 0, 1},
			Kind: NeighborAdvertisement, Sender: addr6, SenderMAC: macA, Target: addr6}},
		{"all-nodes echo", must(AllNodesEcho(macA, own6, 7, 1)), Frame{Source: macA, Destination: MAC{0x33, 0x33, 0, 0, 0, 1},
			Kind: IPv6, Sender: own6, SenderMAC: macA, Target: netip.IPv6LinkLocalAllNodes()}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if len(test.bytes) < 60 {
				t.Errorf("%d bytes, Ethernet wants 60", len(test.bytes))
			}
			got, err := Parse(test.bytes)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, equal); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestClaims(t *testing.T) {
	for _, test := range []struct {
		name  string
		frame Frame
		want  netip.Addr
		probe bool
	}{
		{"probe", Frame{Kind: ARPRequest, Sender: netip.IPv4Unspecified(), Target: addr4}, netip.Addr{}, true},
		{"request claims its sender, not its target", Frame{Kind: ARPRequest, Sender: addr4, Target: addr4.Next()}, addr4, false},
		{"advertisement claims its target", Frame{Kind: NeighborAdvertisement, Sender: addr6.Next(), Target: addr6}, addr6, false},
		{"solicitation claims its source", Frame{Kind: NeighborSolicitation, Sender: addr6, Target: addr6.Next()}, addr6, false},
	} {
		got, ok := test.frame.Claims()
		if ok != test.want.IsValid() || ok && got != test.want {
			t.Errorf("%s: claims %v, want %v", test.name, got, test.want)
		}
		if test.frame.IsProbe() != test.probe {
			t.Errorf("%s: IsProbe is %v", test.name, !test.probe)
		}
	}
}

// TestEveryLength gives Parse each valid frame cut at, and stretched to, every
// length that Ethernet knows. A cut one must be refused, a padded one read.
func TestEveryLength(t *testing.T) {
	for _, whole := range [][]byte{bytesOf(t, arpProbe), must6(t)} {
		want, err := Parse(whole)
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n <= 1514; n++ {
			b := make([]byte, n)
			copy(b, whole)
			got, err := Parse(b)
			switch {
			case n < len(whole) && err == nil:
				t.Errorf("%d of %d bytes parsed as %+v", n, len(whole), got)
			case n >= len(whole) && (err != nil || got != want):
				t.Errorf("%d bytes: %+v, %v", n, got, err)
			}
		}
	}
}

func must6(t testing.TB) []byte {
	t.Helper()
	b, err := Announcement(macB, addr6)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzParse holds Parse to three promises: no panic; an error leaves no facts;
// a frame that was accepted has a usable sender.
func FuzzParse(f *testing.F) {
	f.Add(bytesOf(f, arpProbe))
	f.Add(must6(f))
	f.Add(bytesOf(f, "ffffffffffff 00505600000a 8100 0005 0806"))
	f.Add(bytesOf(f, "ffffffffffff 00505600000a 88a8 0005 8100 0006 0806"+arpFixed))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Parse(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUnsupported) {
				t.Errorf("untyped error %v", err)
			}
			if got != (Frame{}) {
				t.Errorf("refused, but with facts: %+v", got)
			}
			return
		}
		if got.Kind == 0 || !got.Sender.IsValid() || !got.Target.IsValid() || got.Source.IsGroup() {
			t.Errorf("accepted without its facts: %+v", got)
		}
		if got.Kind.IsARP() && (got.SenderMAC.IsZero() || got.SenderMAC == BroadcastMAC) {
			t.Errorf("accepted from no station: %+v", got)
		}
	})
}
