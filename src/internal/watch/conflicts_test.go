package watch

import (
	"net/netip"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
)

// within fails unless the line was said, and not later than d after from.
func (s *sim) within(d time.Duration, from time.Time, text string, pairs ...string) {
	s.t.Helper()
	for _, l := range s.lines {
		same := l.text == text && !l.at.Before(from)
		for i := 0; i < len(pairs); i += 2 {
			same = same && l.about[pairs[i]] == pairs[i+1]
		}
		if same && l.at.Sub(from) <= d {
			return
		}
		if same {
			s.t.Errorf("%q %v was said after %s, later than %s", text, pairs, l.at.Sub(from), d)
			return
		}
	}
	s.t.Errorf("%q %v was not said", text, pairs)
}

// quiet fails if there was any alarm.
func (s *sim) quiet() {
	s.t.Helper()
	for _, l := range s.alarms() {
		s.t.Errorf("after %s: %s %v", l.at.Sub(simStart), l.text, l.about)
	}
}

// TestSplitBrain: a member whose pair keeps the address too, and a guard of a pair
// of which both keep it, name it within the time of a handover and a little more;
// a list of stations that may have it blinds nobody.
func TestSplitBrain(t *testing.T) {
	const bound = acd.HandoverTime + 3*time.Second
	list := []frame.MAC{simMAC(simMe), simMAC(0x20), simMAC(0x21)}
	for name, moving := range map[string]Moving{"any station": {simVIP: nil}, "listed stations": {simVIP: list}} {
		t.Run("member, "+name, func(t *testing.T) {
			s := newSim(t, 1)
			s.addresses = append(s.addresses, simVIP)
			s.start(Options{Moving: moving, Defence: acd.DefendAlways})
			s.pass(time.Minute)
			pair := s.add(0x20, simVIP)
			at := s.now
			s.announce(pair, simVIP)
			s.pass(time.Minute)
			s.within(bound, at, "address conflict", "address", simVIP.String(), "how", "split-brain", "mac", pair.mac.String())
			if s.announced > 0 {
				t.Error("an address that moves was defended")
			}
		})
		t.Run("guard, "+name, func(t *testing.T) {
			s := newSim(t, 1)
			one := s.add(0x20, simVIP)
			s.start(Options{Moving: moving})
			s.after(time.Second, func() { s.announce(one, simVIP) })
			s.pass(time.Minute)
			two := s.add(0x21, simVIP)
			at := s.now
			s.announce(two, simVIP)
			s.pass(time.Minute)
			s.within(bound, at, "address conflict", "address", simVIP.String(), "how", "split-brain", "mac", two.mac.String(), "beside", one.mac.String())
		})
	}
	t.Run("before the watch began", func(t *testing.T) {
		s := newSim(t, 1)
		s.add(0x20, simVIP)
		s.add(0x21, simVIP)
		s.start(Options{Moving: Moving{simVIP: nil}})
		s.pass(time.Minute)
		s.within(bound+firstProbe, simStart, "address conflict", "address", simVIP.String())
	})
	t.Run("a station that is not listed", func(t *testing.T) {
		s := newSim(t, 1)
		s.addresses = append(s.addresses, simVIP)
		s.start(Options{Moving: Moving{simVIP: list}})
		s.pass(time.Minute)
		rogue := s.add(0xb, simVIP)
		at := s.now
		s.announce(rogue, simVIP)
		s.pass(time.Minute)
		s.within(2*time.Second, at, "address conflict", "address", simVIP.String(), "mac", rogue.mac.String())
	})
}

// TestManyMoveAtOnce: 300 addresses come from another host in one burst, and go
// again; and while they are here they share the checks of the way back.
func TestManyMoveAtOnce(t *testing.T) {
	for _, declared := range []bool{true, false} {
		s := newSim(t, 2)
		s.bits = 16
		o := Options{Defence: acd.DefendAlways}
		var vips []netip.Addr
		for i := range 300 {
			vips = append(vips, netip.AddrFrom4([4]byte{10, 9, byte(1 + i/250), byte(1 + i%250)}))
		}
		if declared {
			o.Moving = Moving{}
			for _, a := range vips {
				o.Moving[a] = nil
			}
		}
		pair := s.add(0x20, vips...)
		s.start(o)
		s.pass(time.Minute)
		for _, a := range vips {
			s.take(a)
		}
		s.after(50*time.Millisecond, func() { pair.has = nil })
		s.pass(2 * time.Minute)
		echoes := s.echoed
		s.pass(2 * time.Minute)
		if rate := float64(s.echoed-echoes) / 120; rate > checksPerSecond+1 {
			t.Errorf("declared %v: %.1f echoes a second", declared, rate)
		}
		pair.has = vips
		for _, a := range vips {
			s.announce(pair, a)
			s.after(20*time.Millisecond, func() { s.drop(a) })
		}
		s.pass(2 * time.Minute)
		s.quiet()
		if len(s.sent) > 0 || s.announced > 0 {
			t.Errorf("declared %v: announced %d times, and for %v that had left", declared, s.announced, s.sent)
		}
	}
}

// TestReplacedAcrossRestart: a machine is replaced while the watch does not run; it
// knows the former station from the state file.
func TestReplacedAcrossRestart(t *testing.T) {
	for _, dies := range []bool{true, false} {
		s := newSim(t, 3)
		s.guard(simOther)
		before := s.add(0x30, simOther)
		s.start(Options{})
		s.announce(before, simOther)
		s.pass(time.Minute)
		s.within(time.Second, simStart, "station learned", "mac", before.mac.String())
		after := s.add(0x31, simOther)
		before.gone = dies
		at := s.now
		s.start(Options{}) // with what is remembered
		s.announce(after, simOther)
		s.pass(time.Minute)
		if dies {
			s.quiet()
			s.within(2*time.Second, at, "address moved: its former station is silent", "mac", after.mac.String(), "former_mac", before.mac.String())
			if n := s.said("address moved"); n != 1 {
				t.Errorf("said %d times", n)
			}
		} else {
			s.within(time.Second, at, "address conflict", "mac", after.mac.String(), "beside", before.mac.String())
		}
	}
}

// TestRogueFromTheBeginning: one that was there before the watch is in conflict just
// after the grace, however large the segment is.
func TestRogueFromTheBeginning(t *testing.T) {
	for _, bits := range []int{24, 20, 16} {
		s := newSim(t, 4)
		s.bits = bits
		rogue := s.add(0xb, simVictim)
		s.start(Options{})
		s.pass(time.Minute)
		s.within(acd.GraceTime+afterGrace+time.Second, simStart, "address conflict", "address", simVictim.String(), "mac", rogue.mac.String())
	}
}

// TestNoEcho: a gateway that ceases to answer echoes is called that, is no alarm,
// and what it says afterwards is believed again.
func TestNoEcho(t *testing.T) {
	s := newSim(t, 5)
	s.start(Options{})
	s.pass(time.Minute)
	answers := s.gateway().echoes
	s.gateway().echoes = nil
	at := s.now
	s.pass(10 * time.Minute)
	s.within(7*time.Second, at, "return path", "peer", simGateway.String(), "finding", "no-echo")
	s.gateway().echoes = answers
	at = s.now
	s.pass(time.Minute)
	s.within(6*time.Second, at, "return path", "peer", simGateway.String(), "finding", "good")
	s.quiet()
}

// TestProxy: a fabric that answers for every address is called that, once; and a
// second owner beside it is found.
func TestProxy(t *testing.T) {
	s := newSim(t, 6)
	fabric := s.add(0x60)
	fabric.everybody = true
	s.start(Options{})
	s.pass(30 * time.Minute)
	s.quiet()
	s.within(5*time.Second, simStart, "address proxy", "address", simVictim.String(), "mac", fabric.mac.String())
	if n := s.said("address proxy"); n != 1 {
		t.Errorf("said %d times", n)
	}
	rogue := s.add(0xb, simVictim)
	at := s.now
	s.pass(3 * time.Minute)
	s.within(2*time.Minute, at, "address conflict", "mac", rogue.mac.String())
}

// TestSharedHasNoPath: an address that others may have too is no reason to tell a
// peer where we are.
func TestSharedHasNoPath(t *testing.T) {
	s := newSim(t, 7)
	s.start(Options{Shared: map[netip.Addr]acd.Sharing{simVictim: {VRRP: true}}})
	s.pass(time.Minute)
	if s.echoed > 0 {
		t.Errorf("%d echoes", s.echoed)
	}
}

// TestSharedAtTheSameTime: that two have an address which was declared to be shared is
// no alarm, and said once: it may have been meant to move.
func TestSharedAtTheSameTime(t *testing.T) {
	s := newSim(t, 8)
	s.addresses = append(s.addresses, simVIP)
	pair := s.add(0x20, simVIP)
	s.start(Options{Shared: map[netip.Addr]acd.Sharing{simVIP: {MACs: []frame.MAC{pair.mac}}}})
	s.pass(10 * time.Minute)
	s.quiet()
	const text = "a station that may share the address has it at the same time"
	s.within(4*time.Minute, simStart, text, "address", simVIP.String(), "mac", pair.mac.String())
	if n := s.said(text); n != 1 {
		t.Errorf("said %d times", n)
	}
}
