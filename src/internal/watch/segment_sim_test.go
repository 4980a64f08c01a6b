package watch

import (
	"container/heap"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"golang.org/x/net/bpf"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

// This file is a segment that is played: the daemon as it is, with its kernel, its
// clock and its wire replaced. Machines answer ARP and echoes as Linux does, as far
// as a second owner is concerned; filters are run as the kernel runs them.

var (
	simStart   = time.Date(2017, 6, 1, 12, 0, 0, 0, time.UTC)
	simVictim  = netip.MustParseAddr("10.9.0.191")
	simGateway = netip.MustParseAddr("10.9.0.1")
	simVIP     = netip.MustParseAddr("10.9.0.200")
	simOther   = netip.MustParseAddr("10.9.0.50")
)

func simMAC(n byte) frame.MAC { return frame.MAC{0, 0x50, 0x56, 0, 0, n} }

const (
	simMe      = 0xa // the host that watches
	simLatency = 100 * time.Microsecond
)

// machine is another station of the segment.
type machine struct {
	mac       frame.MAC
	has       []netip.Addr
	silent    bool // answers no ARP
	everybody bool // answers ARP for every address
	cache     map[netip.Addr]frame.MAC
	echoes    func(now time.Time) bool // and connections; nil: never
	gone      bool
}

// sim is the segment, and what the watching host's kernel knows.
type sim struct {
	t         testing.TB
	random    *rand.Rand
	now       time.Time
	events    events
	machines  []*machine
	loss      int // percent of the frames
	addresses []netip.Addr
	gateways  []netip.Addr
	neighbour map[netip.Addr]frame.MAC // the watching kernel's table
	wires     []*simWire
	heard     func(own, peer netip.Addr, sequence uint16)
	d         *daemon
	lines     []simLine
	sent      map[netip.Addr]int // frames that claim an address that the host has not
	announced int                // announcements of the host
	echoed    int                // echo requests sent
	bits      int                // of the subnet
	telling   bool
}

type simLine struct {
	at    time.Time
	text  string
	about map[string]string
}

type event struct {
	at time.Time
	n  int
	do func()
}

type events struct {
	list []event
	n    int
}

func (e *events) Len() int { return len(e.list) }
func (e *events) Less(i, j int) bool {
	a, b := e.list[i], e.list[j]
	return a.at.Before(b.at) || a.at.Equal(b.at) && a.n < b.n
}
func (e *events) Swap(i, j int) { e.list[i], e.list[j] = e.list[j], e.list[i] }
func (e *events) Push(x any)    { e.list = append(e.list, x.(event)) }
func (e *events) Pop() any {
	x := e.list[len(e.list)-1]
	e.list = e.list[:len(e.list)-1]
	return x
}

// after has something happen after d.
func (s *sim) after(d time.Duration, do func()) {
	s.events.n++
	heap.Push(&s.events, event{s.now.Add(d), s.events.n, do})
}

// every has something happen again and again.
func (s *sim) every(d time.Duration, do func()) {
	s.after(d, func() { do(); s.every(d, do) })
}

// simWire is a simulated host's sockets on eth0.
type simWire struct {
	s       *sim
	handle  func(link.Received)
	filters map[link.Protocol]*bpf.VM
	closed  bool
}

func (w *simWire) Send(b []byte) error {
	f, err := frame.Parse(b)
	if err != nil {
		w.s.t.Fatalf("sent %x: %v", b, err)
	}
	if a, claims := f.Claims(); claims && !slices.Contains(w.s.addresses, a) {
		w.s.sent[a]++
	} else if claims && f.Target == a {
		w.s.announced++
	}
	w.s.transmit(b, nil)
	return nil
}
func (w *simWire) Receive(handle func(link.Received), _ func(error)) { w.handle = handle }
func (w *simWire) SetFilters(filters map[link.Protocol]link.Filter) error {
	for p, f := range filters {
		vm, err := bpf.NewVM(f)
		if err != nil {
			return err
		}
		w.filters[p] = vm
	}
	return nil
}
func (w *simWire) Drops() (uint32, error) { return 0, nil }
func (w *simWire) Close() error           { w.closed = true; return nil }

// transmit carries a frame to everybody that it is for, but from, and loses some.
func (s *sim) transmit(b []byte, from *machine) {
	to, err := frame.Parse(b)
	if err != nil {
		s.t.Fatalf("on the wire: %x: %v", b, err)
	}
	lost := func() bool { return s.random.IntN(100) < s.loss }
	for _, m := range s.machines {
		if m != from && !m.gone && (to.Destination == m.mac || to.Destination.IsGroup()) && !lost() {
			s.after(simLatency, func() { s.hear(m, to) })
		}
	}
	if from == nil || to.Destination != simMAC(simMe) && !to.Destination.IsGroup() || lost() {
		return
	}
	s.after(simLatency, func() {
		s.learn(to)
		for _, w := range s.wires {
			protocol := link.Protocol(binary.BigEndian.Uint16(b[12:14]))
			if vm := w.filters[protocol]; w.handle != nil && !w.closed && vm != nil {
				if n, err := vm.Run(b); err == nil && n > 0 {
					w.handle(link.Received{Frame: to, At: s.now})
				}
			}
		}
	})
}

// learn is what the watching kernel makes of ARP: it changes entries that it has.
func (s *sim) learn(f frame.Frame) {
	if a, ok := f.Claims(); ok && f.Kind.IsARP() && s.neighbour[a] != (frame.MAC{}) && !slices.Contains(s.addresses, a) {
		s.neighbour[a] = f.SenderMAC
	}
}

// hear is what a machine does about an ARP frame (RFC 826).
func (s *sim) hear(m *machine, f frame.Frame) {
	if m.gone || !f.Kind.IsARP() {
		return
	}
	mine := slices.Contains(m.has, f.Target)
	if a, ok := f.Claims(); ok && m.cache != nil {
		if _, known := m.cache[a]; known || mine {
			m.cache[a] = f.SenderMAC
		}
	}
	if f.Kind == frame.ARPRequest && !m.silent && (mine || m.everybody) && f.SenderMAC != m.mac {
		s.transmit(arpPacket(s.t, m.mac, f.SenderMAC, arp.OperationReply, f.Target, f.SenderMAC, f.Sender), m)
	}
}

func arpPacket(t testing.TB, source, destination frame.MAC, op arp.Operation, sender netip.Addr, targetMAC frame.MAC, target netip.Addr) []byte {
	t.Helper()
	p, err := arp.NewPacket(op, source[:], sender, targetMAC[:], target)
	if err == nil {
		var b []byte
		if b, err = p.MarshalBinary(); err == nil {
			f := ethernet.Frame{Source: source[:], Destination: destination[:], EtherType: ethernet.EtherTypeARP, Payload: b}
			if b, err = f.MarshalBinary(); err == nil {
				return b
			}
		}
	}
	t.Fatal(err)
	return nil
}

// announce has a machine say that it has an address; ask has it ask for another's,
// by broadcast or of one station alone.
func (s *sim) announce(m *machine, a netip.Addr) {
	s.transmit(arpPacket(s.t, m.mac, frame.BroadcastMAC, arp.OperationRequest, a, frame.MAC{}, a), m)
}

func (s *sim) ask(m *machine, a, target netip.Addr, of frame.MAC) {
	if of.IsZero() {
		of = frame.BroadcastMAC
	}
	s.transmit(arpPacket(s.t, m.mac, of, arp.OperationRequest, a, frame.MAC{}, target), m)
}

// simEchoes are the watching host's echo sockets.
type simEchoes struct{ s *sim }

func (e simEchoes) Close() error { return nil }
func (e simEchoes) send(_ int, own, peer netip.Addr, sequence uint16) error {
	if !slices.Contains(e.s.addresses, own) {
		return fmt.Errorf("%s is not here", own)
	}
	e.s.echo(own, peer, func() { e.s.heard(own, peer, sequence) })
	return nil
}

// echo asks a peer for an answer from own, which goes to whom its cache names.
func (s *sim) echo(own, peer netip.Addr, answered func()) {
	s.echoed++
	if s.neighbour[peer].IsZero() {
		for _, m := range s.machines {
			if slices.Contains(m.has, peer) && !m.gone {
				s.neighbour[peer] = m.mac
			}
		}
	}
	lostThere, lostBack := s.random.IntN(100) < s.loss, s.random.IntN(100) < s.loss
	lost := lostThere || lostBack
	for _, m := range s.machines {
		if m.mac != s.neighbour[peer] || m.gone || !slices.Contains(m.has, peer) || m.echoes == nil || lost || !m.echoes(s.now) {
			continue
		}
		if m.cache[own].IsZero() {
			m.cache[own] = simMAC(simMe) // it asks, and is told
		}
		if m.cache[own] == simMAC(simMe) {
			s.after(2*simLatency, answered)
		}
	}
}

// simLog keeps what the daemon says.
type simLog struct{ s *sim }

func (l simLog) Enabled(context.Context, slog.Level) bool { return true }
func (l simLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l simLog) WithGroup(string) slog.Handler            { return l }
func (l simLog) Handle(_ context.Context, r slog.Record) error {
	line := simLine{l.s.now, r.Message, map[string]string{}}
	r.Attrs(func(a slog.Attr) bool { line.about[a.Key] = a.Value.String(); return true })
	l.s.lines = append(l.s.lines, line)
	return nil
}

// newSim is a segment with the watching host and a gateway that answers.
func newSim(t testing.TB, seed uint64) *sim {
	s := &sim{
		t: t, random: rand.New(rand.NewPCG(seed, 5)), now: simStart, addresses: []netip.Addr{simVictim}, gateways: []netip.Addr{simGateway},
		neighbour: map[netip.Addr]frame.MAC{}, sent: map[netip.Addr]int{}, bits: 24,
	}
	s.machines = []*machine{{mac: simMAC(0xd), has: []netip.Addr{simGateway}, cache: map[netip.Addr]frame.MAC{}, echoes: func(time.Time) bool { return true }}}
	return s
}

func (s *sim) gateway() *machine { return s.machines[0] }

func (s *sim) add(n byte, has ...netip.Addr) *machine {
	m := &machine{mac: simMAC(n), has: has}
	s.machines = append(s.machines, m)
	return m
}

func (s *sim) host() (link.Host, error) {
	i := link.Interface{Index: 1, Name: "eth0", MAC: simMAC(simMe), Up: true, Carrier: true, Wire: true, Gateways: s.gateways}
	for _, a := range s.addresses {
		i.Addresses = append(i.Addresses, link.Address{Prefix: netip.PrefixFrom(a, s.bits)})
	}
	return link.Host{Interfaces: []link.Interface{i}, MACs: map[frame.MAC]bool{i.MAC: true}}, nil
}

// start begins the watch.
func (s *sim) start(o Options) {
	o.CheckTimeout, o.Latch, o.Log = 200*time.Millisecond, acd.DefaultLatch, slog.New(simLog{s})
	if o.CheckEvery == 0 {
		o.CheckEvery = 5 * time.Second
	}
	c, err := readConfig(o)
	if err != nil {
		s.t.Fatal(err)
	}
	for a := range s.d0().Inventory {
		c.Inventory[a] = s.d0().Inventory[a]
	}
	memory, _ := readMemory("")
	if s.d != nil {
		memory = s.d.memory
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(cancel)
	s.d, s.wires = newDaemon(ctx, o, c, memory), nil
	s.d.kernel = kernel{
		now: func() time.Time { return s.now }, readHost: s.host,
		holds: func(_ int, _ frame.MAC, a netip.Addr) (bool, bool, error) {
			held := slices.Contains(s.addresses, a)
			return held, held, nil
		},
		open: func(link.Interface, ...link.Protocol) (wire, error) {
			w := &simWire{s: s, filters: map[link.Protocol]*bpf.VM{}}
			s.wires = append(s.wires, w)
			return w, nil
		},
		station: func(_ int, a netip.Addr) (frame.MAC, error) { return s.neighbour[a], nil },
		echoes: func(_ bool, heard func(own, peer netip.Addr, sequence uint16)) (echoes, error) {
			s.heard = heard
			return simEchoes{s}, nil
		},
		connect: func(_ context.Context, own netip.Addr, peer Peer, _ time.Duration, answered func()) {
			s.echo(own, peer.Address, answered)
		},
		random: func(d time.Duration) time.Duration { return time.Duration(s.random.Int64N(int64(d))) },
	}
	if err := s.d.reconcile(); err != nil {
		s.t.Fatal(err)
	}
}

// d0 is the configuration that a test has set before the start.
func (s *sim) d0() *Config {
	if s.d == nil {
		s.d = &daemon{config: Config{Inventory: map[netip.Addr][]frame.MAC{}}, memory: remembered{Learned: map[netip.Addr][]frame.MAC{}}}
	}
	return &s.d.config
}

func (s *sim) guard(a netip.Addr, macs ...frame.MAC) { s.d0().Inventory[a] = macs }

// pass lets time pass.
func (s *sim) pass(d time.Duration) {
	end := s.now.Add(d)
	for {
		s.work()
		next, due := s.d.next(), true
		if len(s.events.list) > 0 && s.events.list[0].at.Before(next) {
			next, due = s.events.list[0].at, false
		}
		if next.After(end) {
			s.now = end
			return
		}
		if next.After(s.now) {
			s.now = next
		}
		if due {
			s.d.due(s.now)
		} else {
			heap.Pop(&s.events).(event).do()
		}
	}
}

// work runs what the daemon was told to do.
func (s *sim) work() {
	for {
		select {
		case f := <-s.d.work:
			f(s.now)
		default:
			return
		}
	}
}

// take gives the host an address, or takes it away; the kernel tells of it.
func (s *sim) take(a netip.Addr) {
	s.addresses = append(s.addresses, a)
	s.tell()
}

// tell has the kernel tell of changes, once for a burst.
func (s *sim) tell() {
	if s.telling {
		return
	}
	s.telling = true
	s.after(time.Duration(s.random.IntN(60))*time.Millisecond, func() { s.telling = false; s.d.refresh() })
}

func (s *sim) drop(a netip.Addr) {
	s.addresses = slices.DeleteFunc(s.addresses, func(x netip.Addr) bool { return x == a })
	s.after(time.Duration(s.random.IntN(60))*time.Millisecond, func() { s.d.removed(1, a) })
	s.tell()
}

// alarms are the lines that somebody would be woken by.
func (s *sim) alarms() (alarms []simLine) {
	for _, l := range s.lines {
		if strings.HasPrefix(l.text, "address ") && slices.Contains([]string{"suspect", "conflict", "flapping"}, l.about["state"]) {
			alarms = append(alarms, l)
		}
	}
	return alarms
}

// said counts lines of the log.
func (s *sim) said(text string, pairs ...string) (n int) {
	for _, l := range s.lines {
		same := strings.HasPrefix(l.text, text)
		for i := 0; i < len(pairs); i += 2 {
			same = same && l.about[pairs[i]] == pairs[i+1]
		}
		if same {
			n++
		}
	}
	return n
}
