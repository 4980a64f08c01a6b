package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

var (
	macA, macB, macG   = frame.MAC{0, 0x50, 0x56, 0, 0, 0xa}, frame.MAC{0, 0x50, 0x56, 0, 0, 0xb}, frame.MAC{0, 0x50, 0x56, 0, 0, 0x1}
	own, gateway, idle = netip.MustParseAddr("10.9.0.191"), netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("10.9.0.40")
	own6               = netip.MustParseAddr("2001:db8:9::bf")
)

// station answers for an address as Linux does.
type station struct {
	mac     frame.MAC
	address netip.Addr
}

// wire is a segment that lives in memory; it is the socket of this host on it.
type wire struct {
	net.PacketConn // for what is never called
	stations       []station
	heard          chan []byte
	broken         bool // nothing can be sent
}

func newWire(stations ...station) *wire {
	return &wire{stations: stations, heard: make(chan []byte, 1000)}
}

func (w *wire) WriteTo(b []byte, _ net.Addr) (int, error) {
	if w.broken {
		return 0, errors.New("no buffer space available")
	}
	f, err := frame.Parse(b)
	if err != nil {
		return 0, err
	}
	for _, s := range w.stations {
		if f.Target != s.address || !f.Destination.IsGroup() && f.Destination != s.mac {
			continue
		}
		reply, err := s.reply(f)
		if err != nil {
			return 0, err
		}
		w.heard <- reply
	}
	return len(b), nil
}

func (s station) reply(f frame.Frame) ([]byte, error) {
	if s.address.Is6() {
		return frame.Announcement(s.mac, s.address)
	}
	p, err := arp.NewPacket(arp.OperationReply, s.mac[:], s.address, f.SenderMAC[:], f.Sender)
	if err != nil {
		return nil, err
	}
	payload, err := p.MarshalBinary()
	if err != nil {
		return nil, err
	}
	e := ethernet.Frame{Source: s.mac[:], Destination: f.SenderMAC[:], EtherType: ethernet.EtherTypeARP, Payload: payload}
	return e.MarshalBinary()
}

func (w *wire) ReadFrom(b []byte) (int, net.Addr, error) {
	heard, open := <-w.heard
	if !open {
		return 0, nil, net.ErrClosed
	}
	return copy(b, heard), nil, nil
}

func (w *wire) Close() error { close(w.heard); return nil }

// host has one interface with an address of each family, and a loopback.
func host() (link.Host, error) {
	return link.Host{MACs: map[frame.MAC]bool{macA: true}, Interfaces: []link.Interface{
		{Index: 1, Name: "lo", Up: true, Carrier: true, Addresses: []link.Address{{Prefix: netip.MustParsePrefix("127.0.0.1/8")}}},
		{
			Index: 2, Name: "eth0", MAC: macA, Up: true, Carrier: true, Wire: true, Gateways: []netip.Addr{gateway},
			Addresses: []link.Address{{Prefix: netip.PrefixFrom(own, 24)}, {Prefix: netip.PrefixFrom(own6, 64), DADFailed: true}},
		},
	}}, nil
}

// on makes the options run on the segment. Answers come at once; the wait is for
// a machine that has no time for this process.
func (w *wire) on(o Options) Options {
	o.Timing = acd.Timing{Probes: 3, MinGap: time.Millisecond, MaxGap: 2 * time.Millisecond, Wait: time.Second}
	o.Host = host
	o.Open = func(_ link.Interface, protocols []link.Protocol, _ []frame.MAC) (*link.Port, error) {
		sockets := map[link.Protocol]net.PacketConn{}
		for _, p := range protocols {
			sockets[p] = &wire{stations: w.stations, heard: make(chan []byte, 1000), broken: w.broken}
		}
		return link.NewPort(sockets), nil
	}
	return o
}

func TestRun(t *testing.T) {
	router, twin, twin6 := station{macG, gateway}, station{macB, own}, station{macB, own6}
	ours := []netip.Addr{own}
	for _, test := range []struct {
		name    string
		wire    *wire
		options Options
		code    int
		stdout  []string
	}{
		{"free", newWire(router), Options{Addresses: ours}, 0, []string{"free: 10.9.0.191 on eth0: nobody else answers", "10.9.0.1 answered"}},
		{"a twin", newWire(router, twin), Options{Addresses: ours}, 1,
			[]string{"conflict: 10.9.0.191 on eth0: another station has it: 00:50:56:00:00:0b (VMware), since ", "\n  00:50:56:00:00:0b: arp-reply, 3 times, first "}},
		{"everything", newWire(router, twin6), Options{}, 1, []string{"free: 10.9.0.191 on eth0", "conflict: 2001:db8:9::bf on eth0"}},
		{"nobody answers", newWire(), Options{Addresses: ours}, 3, []string{"inconclusive: 10.9.0.191 on eth0: nobody answers on this segment"}},
		{"nobody answers, which may pass", newWire(), Options{Addresses: ours, InconclusivePasses: true}, 0,
			[]string{"inconclusive: 10.9.0.191", "hint: nothing was proven; this is not counted as a failure"}},
		{"nothing can be sent", &wire{broken: true}, Options{Addresses: ours}, 3, []string{"inconclusive: 10.9.0.191 on eth0: the kernel did not send our probes"}},
		{"the gateway has it", newWire(router, station{macG, own}), Options{Addresses: ours}, 3, []string{"the gateway itself answers for it: 00:50:56:00:00:01"}},
		{"shared", newWire(router, twin), Options{Addresses: ours, Shared: map[netip.Addr]acd.Sharing{own: {MACs: []frame.MAC{macB}}}}, 0,
			[]string{"shared: 10.9.0.191 on eth0: shared as declared with 00:50:56:00:00:0b"}},
		{"one that is not ours", newWire(router), Options{Addresses: []netip.Addr{idle}}, 0, []string{"free: 10.9.0.40 on eth0"}},
		{"one that is not ours, and taken", newWire(router, station{macB, idle}), Options{Addresses: []netip.Addr{idle}}, 1, []string{"conflict: 10.9.0.40 on eth0", "hint: take another address"}},
		{"one that is out of reach", newWire(router), Options{Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.9"), own}}, 3,
			[]string{"inconclusive: 192.0.2.9: it lies in no subnet of this host's interfaces", "free: 10.9.0.191"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr strings.Builder
			code, err := Run(context.Background(), test.wire.on(test.options), &stdout, &stderr)
			if err != nil || code != test.code {
				t.Errorf("code %d, want %d; %v", code, test.code, err)
			}
			for _, want := range test.stdout {
				if !strings.Contains(stdout.String(), want) {
					t.Errorf("no %q in\n%s%s", want, stdout.String(), stderr.String())
				}
			}
		})
	}
}

// TestRunCannot: what keeps a probe from being made is an error, and never free.
func TestRunCannot(t *testing.T) {
	w := newWire(station{macG, gateway})
	for name, change := range map[string]func(*Options){
		"no such interface":   func(o *Options) { o.Interfaces = []string{"eth7"} },
		"no Ethernet":         func(o *Options) { o.Interfaces = []string{"lo"} },
		"no interfaces known": func(o *Options) { o.Host = func() (link.Host, error) { return link.Host{}, errors.New("netlink") } },
		"no rights": func(o *Options) {
			o.Open = func(link.Interface, []link.Protocol, []frame.MAC) (*link.Port, error) {
				return nil, link.ErrNotPermitted
			}
		},
	} {
		o := w.on(Options{Addresses: []netip.Addr{own}})
		change(&o)
		var stdout, stderr strings.Builder
		if code, err := Run(context.Background(), o, &stdout, &stderr); err == nil || code != ExitInconclusive || stdout.Len() > 0 {
			t.Errorf("%s: code %d, %v: %s", name, code, err, stdout.String())
		}
	}
	if code, err := Run(context.Background(), w.on(Options{Addresses: []netip.Addr{own}}), full{}, full{}); err == nil || code != ExitInconclusive {
		t.Errorf("nothing could be written: code %d, %v", code, err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestRunInterrupted: what was not settled is inconclusive, and said.
func TestRunInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout, stderr strings.Builder
	code, err := Run(ctx, newWire(station{macG, gateway}).on(Options{Addresses: []netip.Addr{own}}), &stdout, &stderr)
	if err != nil || code != ExitInconclusive || !strings.Contains(stdout.String(), "the probe was interrupted") {
		t.Errorf("code %d, %v: %s", code, err, stdout.String())
	}
}

// TestRunJSON: one document, with the station, and to whom the address is promised.
func TestRunJSON(t *testing.T) {
	var stdout bytes.Buffer
	var stderr strings.Builder
	var asked []netip.Addr
	o := newWire(station{macG, gateway}, station{macB, own}).on(Options{Addresses: []netip.Addr{own, idle}, JSON: true})
	o.Owners = func(addresses []netip.Addr) (map[netip.Addr][]string, error) {
		asked = addresses
		return map[netip.Addr][]string{own: {"director promo"}}, errors.New("the plan is incomplete")
	}
	code, err := Run(context.Background(), o, &stdout, &stderr)
	if err != nil || code != ExitConflict {
		t.Fatalf("code %d, %v: %s", code, err, stdout.String())
	}
	if len(asked) != 1 || asked[0] != own {
		t.Errorf("asked for the owners of %v", asked)
	}
	if stderr.String() != "ipguard: the plan is incomplete\n" {
		t.Errorf("stderr %q", stderr.String())
	}
	var d document
	decoder := json.NewDecoder(&stdout)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil || decoder.More() {
		t.Fatal(err)
	}
	results := map[netip.Addr]jsonFinding{}
	for _, r := range d.Results {
		results[r.Address] = r
	}
	twin, free := results[own], results[idle]
	if twin.Outcome != "conflict" || len(twin.Claims) != 1 || twin.Claims[0].MAC != macB || !twin.Claims[0].Believed || twin.Claims[0].Count != 3 ||
		len(twin.PromisedTo) != 1 || twin.ProbedAt == nil || twin.Tentative {
		t.Errorf("twin: %+v", twin)
	}
	if free.Outcome != "free" || !free.Tentative || len(free.Controls) != 1 || free.Controls[0].Address != gateway || free.SettledMS <= 0 {
		t.Errorf("free: %+v", free)
	}
}

// TestAskingAgain: one conflict that lasts is one line and a count, also if two
// stations answer in any order; one that changes is told anew.
func TestAskingAgain(t *testing.T) {
	var stdout, stderr strings.Builder
	r := newReporter(Options{RetryFor: 30 * time.Second}, &stdout, &stderr)
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	finding := func(again bool, macs ...frame.MAC) Finding {
		f := Finding{Address: own, Interface: "eth0", Outcome: acd.Conflict, Again: again, Since: since}
		for _, m := range macs {
			f.Claims = append(f.Claims, acd.ClaimSeen{MAC: m, Source: m, Believed: true})
		}
		return f
	}
	for n := range 10 {
		if n%2 == 0 {
			r.settled(finding(true, macB, macG))
		} else {
			r.settled(finding(true, macG, macB))
		}
	}
	for range 19 {
		r.settled(finding(true, macB))
	}
	r.settled(finding(false, macB))
	want := "10.9.0.191 on eth0: another station has it: 00:50:56:00:00:01 (VMware), 00:50:56:00:00:0b (VMware), since 2026-01-02T03:04:05Z; asking again, for 30s at most\n" +
		"10.9.0.191 on eth0: asked again 10 times, with the same answer\n" +
		"10.9.0.191 on eth0: another station has it: 00:50:56:00:00:0b (VMware), since 2026-01-02T03:04:05Z; asking again, for 30s at most\n" +
		"10.9.0.191 on eth0: asked again 19 times, with the same answer\n"
	if stderr.String() != want {
		t.Errorf("%s\nwant\n%s", stderr.String(), want)
	}
	if r.exitCode() != ExitConflict {
		t.Errorf("code %d", r.exitCode())
	}
}
