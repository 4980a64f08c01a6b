//go:build !race

package acd

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/ndp"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// The cast of the tests: A is this host with a second interface A2, B a rogue,
// G the gateway, N a neighbour.
var (
	macA, macA2 = frame.MAC{0, 0x50, 0x56, 0, 0, 0xa}, frame.MAC{0, 0x50, 0x56, 0, 0, 0xa2}
	macB        = frame.MAC{0, 0x50, 0x56, 0, 0, 0xb}
	macG        = frame.MAC{0, 0x50, 0x56, 0, 0, 0x1}
	macN        = frame.MAC{0, 0x50, 0x56, 0, 0, 0x2}
	macVRRP     = frame.MAC{0, 0, 0x5e, 0, 1, 7}

	own4, own6  = netip.MustParseAddr("10.9.0.191"), netip.MustParseAddr("2001:db8:9::bf")
	gateway4    = netip.MustParseAddr("10.9.0.1")
	gateway6    = netip.MustParseAddr("2001:db8:9::1")
	neighbour4  = netip.MustParseAddr("10.9.0.2")
	forbidden4  = netip.MustParseAddr("10.9.0.0")
	forbidden6  = netip.MustParseAddr("2001:db8:9::5afe:c0de:1")
	stationA    = Station{MAC: macA, Host: map[frame.MAC]bool{macA: true, macA2: true}}
	start       = time.Date(2017, 6, 1, 12, 0, 0, 0, time.UTC)
	noRandom    = func(d time.Duration) time.Duration { return d / 2 }
	unspecified = netip.IPv4Unspecified()
)

// arpBytes makes any ARP frame, also those that the product never sends.
func arpBytes(t testing.TB, source, destination frame.MAC, op arp.Operation, senderMAC frame.MAC, sender netip.Addr, targetMAC frame.MAC, target netip.Addr) []byte {
	t.Helper()
	p, err := arp.NewPacket(op, senderMAC[:], sender, targetMAC[:], target)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	f := ethernet.Frame{Source: source[:], Destination: destination[:], EtherType: ethernet.EtherTypeARP, Payload: payload}
	b, err := f.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func arpReply(t testing.TB, from frame.MAC, sender netip.Addr, to frame.MAC, target netip.Addr) []byte {
	t.Helper()
	return arpBytes(t, from, to, arp.OperationReply, from, sender, to, target)
}

// station answers one frame with any number of others.
type station func(t testing.TB, f frame.Frame) [][]byte

// host answers as Linux does for each of its addresses: ARP by unicast, a
// duplicate address detection by an advertisement to all nodes.
func host(mac frame.MAC, addresses ...netip.Addr) station {
	return func(t testing.TB, f frame.Frame) (replies [][]byte) {
		for _, a := range addresses {
			replies = append(replies, answer(t, mac, a, f)...)
		}
		return replies
	}
}

// everything answers for every address whatsoever.
func everything(mac frame.MAC) station {
	return func(t testing.TB, f frame.Frame) [][]byte { return answer(t, mac, f.Target, f) }
}

// linux proxies: it stays silent to a probe and answers any other question.
func proxyARP(mac frame.MAC) station {
	return func(t testing.TB, f frame.Frame) [][]byte {
		if f.IsProbe() {
			return nil
		}
		return answer(t, mac, f.Target, f)
	}
}

func answer(t testing.TB, mac frame.MAC, address netip.Addr, f frame.Frame) [][]byte {
	t.Helper()
	reached := f.Destination == mac || f.Destination.IsGroup()
	if !reached || f.Target != address {
		return nil
	}
	switch f.Kind {
	case frame.ARPRequest:
		return [][]byte{arpReply(t, mac, address, f.SenderMAC, f.Sender)}
	case frame.NeighborSolicitation:
		b, err := frame.Announcement(mac, address)
		if err != nil {
			t.Fatal(err)
		}
		return [][]byte{b}
	}
	return nil
}

// says sends the frames once, when the first question of the round is heard.
func says(frames ...[]byte) station {
	return func(testing.TB, frame.Frame) [][]byte {
		out := frames
		frames = nil
		return out
	}
}

const roundTrip = 100 * time.Microsecond

// play runs a round against the stations and returns its results and how long
// after the start each was settled. Every answer takes one roundTrip.
func play(t testing.TB, config RoundConfig, stations ...station) (*Round, []Result) {
	t.Helper()
	if config.Random == nil {
		config.Random = noRandom
	}
	config.Nonce = ndp.NewNonce
	now := start
	r := NewRound(config, now)
	for range 1000 {
		next, more := r.Next()
		if !more {
			return r, r.Results()
		}
		sent := r.Due(now)
		if len(sent) == 0 {
			now = next
			continue
		}
		now = now.Add(roundTrip)
		for _, b := range sent {
			deliver(t, r, b, stations, now)
		}
	}
	t.Fatal("the round does not end")
	return nil, nil
}

func deliver(t testing.TB, r *Round, b []byte, stations []station, now time.Time) {
	t.Helper()
	question, err := frame.Parse(b)
	if err != nil {
		t.Fatalf("we sent what cannot be parsed: %v", err)
	}
	for _, s := range stations {
		for _, reply := range s(t, question) {
			f, err := frame.Parse(reply)
			r.Receive(f, err, now)
		}
	}
}

func hardware(m frame.MAC) net.HardwareAddr { return m[:] }
