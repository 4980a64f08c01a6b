//go:build !race

package acd

import (
	"net/netip"
	"testing"
	"time"

	"github.com/mdlayher/arp"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// four is a round for own4 with all controls.
func four() RoundConfig {
	return RoundConfig{
		Station: stationA, Subjects: []Subject{{Address: own4}}, Gateways: []netip.Addr{gateway4},
		Forbidden: []netip.Addr{forbidden4}, Carrier: true, Timing: FastTiming(),
	}
}

func six() RoundConfig {
	c := four()
	c.Subjects, c.Gateways, c.Forbidden = []Subject{{Address: own6}}, []netip.Addr{gateway6}, []netip.Addr{forbidden6}
	return c
}

func TestRound(t *testing.T) {
	gateway := host(macG, gateway4, gateway6)
	announced, err := frame.Announcement(macB, own4)
	if err != nil {
		t.Fatal(err)
	}
	hub := func(t testing.TB, f frame.Frame) [][]byte { // gives back what it gets
		b, err := frame.Probe(f.SenderMAC, f.Target, f.Destination, nil)
		if err != nil {
			t.Fatal(err)
		}
		return [][]byte{b}
	}
	mismatch := func(t testing.TB, f frame.Frame) [][]byte {
		if f.Target != own4 {
			return nil
		}
		return [][]byte{arpBytes(t, macB, f.SenderMAC, arp.OperationReply, frame.MAC{2, 0xbf, 0, 0, 0, 1}, own4, f.SenderMAC, f.Sender)}
	}
	rival, err := frame.Probe(macB, own4, frame.MAC{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*RoundConfig)) RoundConfig {
		c := four()
		change(&c)
		return c
	}
	moving := with(func(c *RoundConfig) { c.Subjects[0].Tentative, c.Subjects[0].Moves = true, true })
	for _, test := range []struct {
		name     string
		config   RoundConfig
		stations []station
		want     Outcome
		reason   Reason
	}{
		{"free", four(), []station{gateway}, Free, ""},
		{"free, proven by a neighbour where there is no gateway", with(func(c *RoundConfig) {
			c.Gateways, c.Neighbours = nil, []netip.Addr{neighbour4}
		}), []station{host(macN, neighbour4)}, Free, ""},
		{"twin", four(), []station{gateway, host(macB, own4)}, Conflict, ""},
		{"twin that is also the neighbour we ask", with(func(c *RoundConfig) { c.Neighbours = []netip.Addr{neighbour4} }),
			[]station{gateway, host(macN, neighbour4, own4)}, Conflict, ""},
		{"twin with no gateway to ask", with(func(c *RoundConfig) { c.Gateways = nil }), []station{host(macB, own4)}, Conflict, ""},
		{"twin behind a gateway that answers for everything", four(), []station{everything(macG), host(macB, own4)}, Conflict, ""},
		{"a gateway answers for everything: a cloud's fabric", four(), []station{everything(macG)}, ProxyAnswers, ""},
		{"the gateway answers for this address alone", four(), []station{host(macG, gateway4, own4)}, Inconclusive, GatewayAnswers},
		{"linux proxy arp", four(), []station{gateway, proxyARP(macG)}, Free, ""},
		{"two interfaces in one segment", four(), []station{gateway, host(macA2, own4)}, Free, ""},
		{"a hub", four(), []station{gateway, hub}, Free, ""},
		{"no carrier", with(func(c *RoundConfig) { c.Carrier = false }), []station{gateway}, Inconclusive, NoCarrier},
		{"isolated port: nobody answers", four(), nil, Inconclusive, NoControl},
		{"an announcement is heard, but our questions are not", four(), []station{says(mustAnnounce(t, macG, gateway4))}, Inconclusive, NoControl},
		{"nobody to ask", with(func(c *RoundConfig) { c.Gateways = nil }), nil, Inconclusive, NobodyToAsk},
		{"claimed once, then silent: a dying predecessor", four(), []station{gateway, says(announced)}, Inconclusive, Unconfirmed},
		{"sender differs from source", four(), []station{gateway, mismatch}, Inconclusive, MismatchedClaim},
		{"shared with the twin", with(func(c *RoundConfig) { c.Subjects[0].Sharing = Sharing{MACs: []frame.MAC{macB}} }),
			[]station{gateway, host(macB, own4)}, SharedByRule, ""},
		{"shared with one, taken by another", with(func(c *RoundConfig) { c.Subjects[0].Sharing = Sharing{MACs: []frame.MAC{macN}} }),
			[]station{gateway, host(macN, own4), host(macB, own4)}, Conflict, ""},
		{"switch probes for us", four(), []station{gateway, says(rival)}, Free, ""},
		{"somebody probes for what we want", with(func(c *RoundConfig) { c.Subjects[0].Tentative = true }),
			[]station{gateway, says(rival)}, Inconclusive, RivalProbe},
		{"an address that moves, and nobody has it", moving, []station{gateway}, Free, ""},
		{"an address that moves, held", moving, []station{gateway, host(macB, own4)}, Held, ""},
		{"an address that moves, held where nobody else can be asked", with(func(c *RoundConfig) {
			c.Subjects[0].Tentative, c.Subjects[0].Moves, c.Gateways = true, true, nil
		}), []station{host(macB, own4)}, Held, ""},
		{"an address that moves, held by two", moving, []station{gateway, host(macB, own4), host(macN, own4)}, Conflict, ""},
		{"an address that moves, held by us and another", with(func(c *RoundConfig) { c.Subjects[0].Moves = true }),
			[]station{gateway, host(macB, own4)}, Conflict, ""},
		{"an address that moves, held by one and claimed by a dying one", moving,
			[]station{gateway, host(macB, own4), says(mustAnnounce(t, macN, own4))}, Inconclusive, Unconfirmed},
		{"an address that moves, held behind a proxy", moving, []station{everything(macG), host(macB, own4)}, Held, ""},
		{"ipv6 free", six(), []station{gateway}, Free, ""},
		{"ipv6 silent, though the gateway of ipv4 answers", func() RoundConfig {
			c := six()
			c.Gateways = append(c.Gateways, gateway4)
			return c
		}(), []station{host(macG, gateway4)}, Inconclusive, NoControl},
		{"ipv6 without a gateway of its own", func() RoundConfig {
			c := six()
			c.Gateways = []netip.Addr{gateway4}
			return c
		}(), []station{host(macG, gateway4)}, Free, ""},
		{"ipv6 twin", six(), []station{gateway, host(macB, own6)}, Conflict, ""},
		{"ipv6 proxy", six(), []station{everything(macG)}, ProxyAnswers, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, results := play(t, test.config, test.stations...)
			got := results[0]
			if got.Outcome != test.want || got.Reason != test.reason {
				t.Errorf("%v (%s), want %v (%s); claims %+v", got.Outcome, got.Reason, test.want, test.reason, got.Claims)
			}
		})
	}
}

func mustAnnounce(t testing.TB, m frame.MAC, a netip.Addr) []byte {
	t.Helper()
	b, err := frame.Announcement(m, a)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRoundMoments: a twin is called after three round trips, a free address
// when the last wait is over, and an unsettled neighbour does not hold it up.
func TestRoundMoments(t *testing.T) {
	config := four()
	config.Subjects = []Subject{{Address: own4}, {Address: netip.MustParseAddr("10.9.0.192")}}
	_, results := play(t, config, host(macG, gateway4), host(macB, own4))
	if took := results[0].Settled.Sub(start); took > (1+confirmations)*roundTrip {
		t.Errorf("the twin was called after %v", took)
	}
	if got := results[0].Claims; len(got) != 1 || got[0].MAC != macB || got[0].Source != macB || got[0].Count != 1+confirmations {
		t.Errorf("claims %+v", got)
	}
	if took, want := results[1].Settled.Sub(start), 200*time.Millisecond; results[1].Outcome != Free || took < want || took > want+10*time.Millisecond {
		t.Errorf("%v after %v, want free after %v", results[1].Outcome, took, want)
	}
}

func TestRoundFailedSend(t *testing.T) {
	r := NewRound(RoundConfig{Station: stationA, Subjects: []Subject{{Address: own4}}, Gateways: []netip.Addr{gateway4},
		Carrier: true, Timing: FastTiming(), Random: noRandom}, start)
	r.Due(start)
	r.Failed()
	f, err := frame.Parse(arpReply(t, macG, gateway4, macA, unspecified))
	r.Receive(f, err, start)
	for now, more := r.Next(); more; now, more = r.Next() {
		r.Due(now)
	}
	if got := r.Results()[0]; got.Outcome != Inconclusive || got.Reason != SendFailed {
		t.Errorf("%v (%s)", got.Outcome, got.Reason)
	}
}

// TestRoundOwnNonce: our own detection comes back through a loop (RFC 7527)
// with the MAC of a bridge that rewrote it.
func TestRoundOwnNonce(t *testing.T) {
	config := six()
	config.Subjects[0].Tentative = true
	r, results := play(t, config, host(macG, gateway6))
	if results[0].Outcome != Free {
		t.Fatalf("%v", results[0].Outcome)
	}
	for nonce := range r.nonces {
		f := frame.Frame{Source: macB, Destination: frame.MulticastMAC(own6), Kind: frame.NeighborSolicitation,
			Sender: netip.IPv6Unspecified(), SenderMAC: macB, Target: own6, Nonce: nonce}
		if v := r.Receive(f, nil, start); v != Echo {
			t.Errorf("our own nonce: %v", v)
		}
	}
	if len(r.nonces) == 0 {
		t.Error("no nonce was sent")
	}
}

func TestRoundManyLiars(t *testing.T) {
	var liars []station
	for i := range 100 {
		liars = append(liars, says(mustAnnounce(t, frame.MAC{2, 0, 0, 0, 1, byte(i)}, own4)))
	}
	_, results := play(t, four(), append(liars, host(macG, gateway4))...)
	if n := len(results[0].Claims); n != maxClaims {
		t.Errorf("%d stations remembered, want %d", n, maxClaims)
	}
	if results[0].Outcome != Inconclusive {
		t.Errorf("%v", results[0].Outcome)
	}
}
