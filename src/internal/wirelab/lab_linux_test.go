package wirelab

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
)

func TestMain(m *testing.M) { os.Exit(Main(m, nil)) }

var (
	macA = frame.MAC{0, 0x50, 0x56, 0, 0, 0xa}
	macB = frame.MAC{0, 0x50, 0x56, 0, 0, 0xb}
	macD = frame.MAC{0, 0x50, 0x56, 0, 0, 0xd}

	victim   = netip.MustParsePrefix("10.9.0.191/24")
	director = netip.MustParsePrefix("10.9.0.1/24")
)

// patience is far longer than anything here takes.
const patience = time.Minute

// scene is a lab with the victim and its director.
func scene(t *testing.T, programs ...string) (l *Lab, a, d *Host) {
	t.Helper()
	l = ForTest(t, programs...)
	a, err := l.Host("a", macA, victim)
	check(t, err)
	d, err = l.Host("d", macD, director)
	check(t, err)
	return l, a, d
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ear collects what a host hears.
type ear struct {
	t      *testing.T
	frames chan frame.Frame
}

func listen(t *testing.T, h *Host) ear {
	t.Helper()
	e := ear{t, make(chan frame.Frame, 1000)}
	stop, err := h.Listen(func(f frame.Frame, _ time.Time) { e.frames <- f })
	check(t, err)
	t.Cleanup(func() { check(t, stop()) })
	return e
}

// await returns the first frame that matches, and all that came before.
func (e ear) await(what string, match func(frame.Frame) bool) (before []frame.Frame) {
	e.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case f := <-e.frames:
			if match(f) {
				return before
			}
			before = append(before, f)
		case <-timeout:
			e.t.Fatalf("%s was not heard; %+v were", what, before)
		}
	}
}

func question(t *testing.T, from frame.MAC, target netip.Addr) []byte {
	t.Helper()
	b, err := frame.Probe(from, target, frame.MAC{}, nil)
	check(t, err)
	return b
}

// mark makes questions that nobody else asks.
func mark(n byte) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, n}) }

// TestSegment: what one host sends another hears as it was, and nobody who is
// unplugged, isolated or on another segment.
func TestSegment(t *testing.T) {
	l, a, d := scene(t)
	ears := listen(t, d)
	marked := func(n byte) func(frame.Frame) bool {
		return func(f frame.Frame) bool {
			return f.Target == mark(n) && f.SenderMAC == macA && f.Kind == frame.ARPRequest
		}
	}
	check(t, a.Inject(question(t, macA, mark(1))))
	ears.await("the first question", marked(1))

	other := ForTest(t)
	far, err := other.Host("far", macB)
	check(t, err)
	check(t, far.Inject(question(t, macB, mark(2))))
	check(t, l.Unplug(a, 0, true))
	err = a.Inject(question(t, macA, mark(3)))
	check(t, l.Unplug(a, 0, false))
	check(t, a.Inject(question(t, macA, mark(4))))
	for _, f := range ears.await("the question after the plug is back", marked(4)) {
		if f.Target == mark(2) || f.Target == mark(3) {
			t.Errorf("heard %+v (unplugged: %v)", f, err)
		}
	}

	check(t, l.Isolate(0))
	check(t, l.Isolate(1))
	o, err := l.Host("o", macB)
	check(t, err)
	check(t, a.Inject(question(t, macA, mark(5)))) // two isolated ports
	check(t, o.Inject(question(t, macA, mark(6))))
	for _, f := range ears.await("the question of who is not isolated", marked(6)) {
		if f.Target == mark(5) {
			t.Error("an isolated link heard another")
		}
	}
}

// TestRogues: each kind shows of itself what it should. Who has to be silent was
// asked before somebody who answers.
func TestRogues(t *testing.T) {
	for _, kind := range RogueKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			l, _, d := scene(t, "nft")
			o, err := l.Host("o", frame.MAC{0, 0x50, 0x56, 0, 0, 0xe})
			check(t, err)
			r, err := l.Rogue(kind, macB, victim)
			check(t, err)
			answers, hearsD := listen(t, o), listen(t, d)
			check(t, o.Inject(question(t, frame.MAC{0, 0x50, 0x56, 0, 0, 0xe}, victim.Addr()), question(t, frame.MAC{0, 0x50, 0x56, 0, 0, 0xe}, director.Addr())))
			station := func(m frame.MAC) func(frame.Frame) bool {
				return func(f frame.Frame) bool { return f.Kind == frame.ARPReply && f.SenderMAC == m }
			}
			if kind != Silent && kind != Cached {
				answers.await("the rogue's answer", station(macB))
			} else {
				for _, f := range answers.await("the director's answer", station(macD)) {
					if f.SenderMAC == macB {
						t.Errorf("the rogue answered: %+v", f)
					}
				}
			}
			check(t, r.Speak(director.Addr(), macD))
			byRogue := func(f frame.Frame) bool {
				claimed, ok := f.Claims()
				return ok && claimed == victim.Addr() && f.SenderMAC == macB
			}
			// All of them reach the director, the cached ones it alone.
			hearsD.await("the rogue's claim", byRogue)
			check(t, d.Inject(question(t, macD, mark(1))))
			heard := false
			for _, f := range answers.await("the director's own question", func(f frame.Frame) bool { return f.Target == mark(1) }) {
				heard = heard || byRogue(f) && f.Destination.IsGroup()
			}
			if hidden := kind == Cached || kind == QCached; heard == hidden {
				t.Errorf("its broadcast was heard by others: %v", heard)
			}
		})
	}
}

// TestHeartbeat: a gap beyond what is tolerated is a stall, but for one beat.
func TestHeartbeat(t *testing.T) {
	begin := time.Date(2017, 6, 1, 12, 0, 0, 0, time.UTC)
	h := &Heartbeat{last: begin}
	for _, at := range []time.Duration{50, 100, 300, 1300, 1350} {
		h.note(begin.Add(at * time.Millisecond))
	}
	if h.stall != time.Second-beat || h.worst != time.Second {
		t.Errorf("stall %v, worst %v", h.stall, h.worst)
	}
	h.Reset()
	if h.stall != 0 || h.worst != 0 {
		t.Errorf("after a reset: stall %v, worst %v", h.stall, h.worst)
	}
}

// TestHeartbeatBeats: bytes come back for as long as the way is open, and the end
// of it is noticed.
func TestHeartbeatBeats(t *testing.T) {
	_, a, d := scene(t)
	h, err := StartHeartbeat(a, d, netip.AddrPortFrom(director.Addr(), 4222))
	check(t, err)
	last := func() time.Time {
		h.mutex.Lock()
		defer h.mutex.Unlock()
		return h.last
	}
	for begin, n, seen := time.Now(), 0, last(); n < 3; {
		if now := last(); now != seen {
			n, seen = n+1, now
		}
		if time.Since(begin) > patience {
			t.Fatalf("%d beats came back", n)
		}
		time.Sleep(time.Millisecond)
	}
	if stall, worst := h.Stop(); worst == 0 || stall > worst {
		t.Errorf("stall %v, worst %v", stall, worst)
	}
}

// TestHostsAreApart: what one host opens another cannot reach by its own loopback.
func TestHostsAreApart(t *testing.T) {
	_, a, d := scene(t)
	check(t, a.Do(func() error {
		listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9479})
		if err == nil {
			t.Cleanup(func() { check(t, listener.Close()) })
		}
		return err
	}))
	reach := func(h *Host) error {
		return h.Do(func() error {
			conn, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9479})
			if err == nil {
				conn.Close()
			}
			return err
		})
	}
	check(t, reach(a))
	if err := reach(d); err == nil {
		t.Error("the director reaches the victim's loopback")
	}
	if err := a.Run("ip", "nonsense"); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("a command that fails: %v", err)
	}
}
