//go:build !race

package acd

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/ndp"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// TestJudge is the list of frames that mean something, or nothing, about an
// address; each has misled some tool before.
func TestJudge(t *testing.T) {
	ask := func(from frame.MAC, sender netip.Addr) []byte {
		return arpBytes(t, from, frame.BroadcastMAC, arp.OperationRequest, from, sender, frame.MAC{}, own4)
	}
	must := func(b []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	tagged := func(b []byte, vlan byte) []byte {
		return append(append(append([]byte{}, b[:12]...), 0x81, 0, 0, vlan), b[12:]...)
	}
	claim := arpReply(t, macB, own4, macA, unspecified)
	configured, tentative := Subject{Address: own4}, Subject{Address: own4, Tentative: true}
	shared := Subject{Address: own4, Sharing: Sharing{MACs: []frame.MAC{macB}}}
	vrrp := Subject{Address: own4, Sharing: Sharing{VRRP: true}}
	six := Subject{Address: own6}
	byVRRP := arpBytes(t, macVRRP, frame.BroadcastMAC, arp.OperationRequest, macVRRP, own4, frame.MAC{}, own4)
	for _, test := range []struct {
		name    string
		bytes   []byte
		subject Subject
		want    Verdict
	}{
		{"reply of another station", claim, configured, Claim},
		{"announcement of another station", must(frame.Announcement(macB, own4)), configured, Claim},
		{"another station asks for the gateway in our name", must(frame.Request(macB, own4, gateway4, frame.MAC{})), configured, Claim},
		{"the same, by unicast", must(frame.Request(macB, own4, gateway4, macA)), configured, Claim},
		{"a neighbour asks for us", ask(macN, neighbour4), configured, Question},
		{"a neighbour asks for us while we only probe", ask(macN, neighbour4), tentative, Question},
		{"a probe for an address that we have: device tracking, another's detection", ask(macB, unspecified), configured, Probe},
		{"a probe for an address that we want", ask(macB, unspecified), tentative, Rival},
		{"a probe by unicast for an address that we want",
			arpBytes(t, macB, macA, arp.OperationRequest, macB, unspecified, frame.MAC{}, own4), tentative, Probe},
		{"a probe in another station's name",
			arpBytes(t, macB, frame.BroadcastMAC, arp.OperationRequest, macN, unspecified, frame.MAC{}, own4), tentative, Probe},
		{"our second interface answers for our address", arpReply(t, macA2, own4, macA, unspecified), configured, Own},
		{"our own frame comes back from a hub", must(frame.Announcement(macA, own4)), configured, Echo},
		{"our own probe comes back from a hub", ask(macA, unspecified), configured, Echo},
		{"a bridge passes our claim on in its own frame",
			arpBytes(t, macB, frame.BroadcastMAC, arp.OperationRequest, macA2, own4, frame.MAC{}, own4), configured, Own},
		{"ethernet source and sender differ: a load balancer",
			arpBytes(t, macB, macA, arp.OperationReply, frame.MAC{2, 0xbf, 10, 9, 0, 191}, own4, macA, unspecified), configured, Suspect},
		{"declared to be shared with that station", claim, shared, Shared},
		{"virtual router, declared", byVRRP, vrrp, Shared},
		{"virtual router, not declared: the address alone proves nothing", byVRRP, configured, Claim},
		{"the other router's physical address is not its virtual one", claim, vrrp, Claim},
		{"other vlan", tagged(claim, 5), configured, OtherVLAN},
		{"priority tag", tagged(claim, 0), configured, Claim},
		{"another address", arpReply(t, macB, neighbour4, macA, unspecified), configured, Unrelated},
		{"cut short", claim[:40], configured, Malformed},
		{"reverse arp of a live migration", append([]byte{255, 255, 255, 255, 255, 255, 0, 0x50, 0x56, 0, 0, 0xb, 0x80, 0x35}, claim[14:]...), configured, Unrelated},

		{"advertisement of another station", must(frame.Announcement(macB, own6)), six, Claim},
		{"solicitation in our name", must(frame.Request(macB, own6, gateway6, frame.MAC{})), six, Claim},
		{"duplicate address detection for what we have", must(frame.Probe(macB, own6, frame.MAC{}, ndp.NewNonce())), six, Probe},
		{"duplicate address detection for what we want", must(frame.Probe(macB, own6, frame.MAC{}, ndp.NewNonce())), Subject{Address: own6, Tentative: true}, Rival},
		{"a neighbour solicits us", must(frame.Request(macN, gateway6, own6, macA)), six, Question},
		{"our own advertisement comes back", must(frame.Announcement(macA, own6)), six, Echo},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := frame.Parse(test.bytes)
			if got := Judge(f, err, stationA, test.subject); got != test.want {
				t.Errorf("%v, want %v (%+v, %v)", got, test.want, f, err)
			}
		})
	}
}

func TestJudgePeer(t *testing.T) {
	packet := func(from frame.MAC) []byte {
		header := make([]byte, 20)
		header[0] = 0x45
		copy(header[12:], own4.AsSlice())
		copy(header[16:], gateway4.AsSlice())
		f := ethernet.Frame{Source: hardware(from), Destination: hardware(macA), EtherType: ethernet.EtherTypeIPv4, Payload: header}
		b, err := f.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	unicast, err := frame.Request(macB, own4, gateway4, macA)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		bytes []byte
		want  Verdict
	}{
		{"packet of the right station", packet(macN), Shared},
		{"packet of another station", packet(macB), Claim},
		{"unicast request that only the peer hears", unicast, Claim},
		{"packet of our own second interface", packet(macA2), Own},
		{"packet from another address", arpReply(t, macB, neighbour4, macA, unspecified), Unrelated},
		{"cut short", packet(macB)[:20], Malformed},
	} {
		f, err := frame.Parse(test.bytes)
		if got := JudgePeer(f, err, stationA, own4, []frame.MAC{macN}); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// TestNoVerdictFromNoise gives Judge random bytes of every length that Ethernet
// knows, and every valid claim cut short: none may pass for a conflict.
func TestNoVerdictFromNoise(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	claim := arpReply(t, macB, own4, macA, unspecified)
	for n := 0; n <= 1514; n++ {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		copy(b, claim[:min(n, 14)]) // so that most get past the Ethernet header
		f, err := frame.Parse(b)
		if v := Judge(f, err, stationA, Subject{Address: own4}); v.Foreign() {
			t.Errorf("%d random bytes: %v", n, v)
		}
	}
	for n := range 42 {
		f, err := frame.Parse(claim[:n])
		if v := Judge(f, err, stationA, Subject{Address: own4}); v != Malformed {
			t.Errorf("claim cut at %d bytes: %v", n, v)
		}
	}
}

// FuzzJudge checks that only a frame which parses, and names the address, can
// be held against it.
func FuzzJudge(f *testing.F) {
	f.Add(arpReply(f, macB, own4, macA, unspecified))
	f.Add(arpReply(f, macB, own4, macA, unspecified)[:41])
	announcement, err := frame.Announcement(macB, own6)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(announcement)
	f.Fuzz(func(t *testing.T, b []byte) {
		parsed, err := frame.Parse(b)
		for _, a := range []netip.Addr{own4, own6} {
			v := Judge(parsed, err, stationA, Subject{Address: a, Tentative: true})
			claimed, ok := parsed.Claims()
			if v.Foreign() && (err != nil || !ok || claimed != a || stationA.Host[parsed.SenderMAC]) {
				t.Errorf("%v from %+v, %v", v, parsed, err)
			}
			if err != nil && v != Malformed && v != Unrelated {
				t.Errorf("%v from bytes that do not parse", v)
			}
		}
	})
}
