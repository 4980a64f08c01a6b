package watch

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
)

// trouble is a cause of false alarms that is played for an hour.
type trouble struct {
	name string
	// begin sets it up; what it has happen goes on until the end.
	begin func(s *sim) Options
	// lossy says that frames get lost, so that a rogue may be found later.
	lossy bool
	// blind says that the way back proves nothing here: the peer's echoes fail by
	// themselves.
	blind bool
}

// gatewayEchoes replaces what the gateway does with echoes.
func gatewayEchoes(echoes func(s *sim) func(time.Time) bool) func(s *sim) Options {
	return func(s *sim) Options {
		s.gateway().echoes = echoes(s)
		return Options{}
	}
}

func troubles() []trouble {
	list := []trouble{{name: "nothing", begin: func(*sim) Options { return Options{} }}}
	for _, percent := range []int{1, 5, 15, 30} {
		list = append(list,
			trouble{name: fmt.Sprintf("%d %% of all frames lost", percent), lossy: true, blind: percent > 15, begin: func(s *sim) Options { s.loss = percent; return Options{} }},
			trouble{name: fmt.Sprintf("%d %% of the gateway's echoes lost", percent), lossy: true, begin: gatewayEchoes(func(s *sim) func(time.Time) bool {
				return func(time.Time) bool { return s.random.IntN(100) >= percent }
			})})
	}
	return append(list,
		trouble{name: "the gateway ceases to answer echoes", blind: true, begin: gatewayEchoes(func(s *sim) func(time.Time) bool {
			ceases := s.now.Add(time.Duration(s.random.IntN(1800)) * time.Second)
			return func(now time.Time) bool { return now.Before(ceases) }
		})},
		trouble{name: "a limit of one echo a second, used by others", blind: true, begin: gatewayEchoes(func(s *sim) func(time.Time) bool {
			last := s.now
			return func(now time.Time) bool {
				if passed := now.Sub(last).Seconds(); s.random.Float64() > passed/4 {
					return false
				}
				last = now
				return true
			}
		})},
		trouble{name: "gateways that fail over", blind: true, begin: func(s *sim) Options {
			second := s.add(0xe)
			second.cache = map[netip.Addr]frame.MAC{}
			active, standby := s.gateway(), second
			s.every(3*time.Minute, func() {
				ready := s.now.Add(time.Duration(s.random.IntN(3000)) * time.Millisecond)
				standby.echoes = func(now time.Time) bool { return now.After(ready) }
				active.has, standby.has = nil, []netip.Addr{simGateway}
				active, standby = standby, active
				a := active
				s.after(time.Duration(s.random.IntN(1000))*time.Millisecond, func() { s.announce(a, simGateway) })
			})
			return Options{}
		}},
		trouble{name: "a director that drops connections when it is busy", begin: func(s *sim) Options {
			director := s.add(0x70, simOther)
			director.cache = map[netip.Addr]frame.MAC{}
			busy := s.now
			s.every(20*time.Second, func() { busy = s.now.Add(time.Duration(s.random.IntN(8000)) * time.Millisecond) })
			director.echoes = func(now time.Time) bool { return now.After(busy) || s.random.IntN(3) == 0 }
			return Options{Peers: []Peer{{simOther, 25555}}}
		}},
		trouble{name: "a director that drops all connections for a while", begin: func(s *sim) Options {
			director := s.add(0x70, simOther)
			director.cache = map[netip.Addr]frame.MAC{}
			busy := s.now
			s.every(20*time.Second, func() { busy = s.now.Add(time.Duration(s.random.IntN(8000)) * time.Millisecond) })
			director.echoes = func(now time.Time) bool { return now.After(busy) }
			return Options{Peers: []Peer{{simOther, 25555}}}
		}},
		trouble{name: "a fabric that answers for every address", begin: func(s *sim) Options {
			s.gateway().everybody = true
			return Options{}
		}},
		trouble{name: "handovers of a declared address", begin: func(s *sim) Options { return handovers(s, Options{Moving: Moving{simVIP: nil}}, 1500) }},
		trouble{name: "handovers of an address that nobody declared", begin: func(s *sim) Options { return handovers(s, Options{}, 20) }},
		trouble{name: "handovers elsewhere, guarded", begin: func(s *sim) Options {
			s.guard(simVIP)
			return elsewhere(s, Options{}, 0)
		}},
		trouble{name: "handovers elsewhere of a declared address, guarded", begin: func(s *sim) Options { return elsewhere(s, Options{Moving: Moving{simVIP: nil}}, 3000) }},
		trouble{name: "machines that are replaced, guarded", begin: recreates},
		trouble{name: "addresses that come and go", begin: churn},
		trouble{name: "a machine with two cards, guarded", begin: twoCards},
	)
}

// handovers has the address move between this host and another, each of which
// announces it and has it for some milliseconds beside the other.
func handovers(s *sim, o Options, overlap int) Options {
	pair := s.add(0x20)
	here := false
	s.every(40*time.Second, func() {
		both := time.Duration(s.random.IntN(overlap)) * time.Millisecond
		if here {
			pair.has = []netip.Addr{simVIP}
			for i := range 5 {
				s.after(time.Duration(i)*time.Millisecond, func() { s.announce(pair, simVIP) })
				s.after(5*time.Second, func() { s.announce(pair, simVIP) })
			}
			s.after(both, func() { s.drop(simVIP) })
		} else {
			s.take(simVIP)
			s.after(both, func() { pair.has = nil })
		}
		here = !here
	})
	return o
}

// elsewhere has it move between two other machines.
func elsewhere(s *sim, o Options, overlap int) Options {
	one, two := s.add(0x20, simVIP), s.add(0x21)
	s.after(time.Second, func() { s.announce(one, simVIP) })
	s.every(20*time.Second, func() {
		one, two = two, one
		old := two
		s.after(time.Duration(s.random.IntN(overlap+1))*time.Millisecond, func() { old.has = nil })
		if overlap == 0 {
			old.has = nil
		}
		one.has = []netip.Addr{simVIP}
		now := one
		for i := range 5 {
			s.after(time.Duration(i)*time.Millisecond, func() { s.announce(now, simVIP) })
			s.after(5*time.Second, func() { s.announce(now, simVIP) })
		}
	})
	return o
}

// recreates replaces a guarded machine by one with another MAC, which announces
// itself as an agent does; and restarts the watch now and then.
func recreates(s *sim) Options {
	s.guard(simOther)
	current := s.add(0x30, simOther)
	s.after(time.Second, func() { s.announce(current, simOther) })
	n := byte(0x31)
	s.every(4*time.Minute, func() {
		current.gone = true
		s.after(time.Duration(s.random.IntN(30))*time.Second, func() {
			current = s.add(n, simOther)
			n++
			for i := range 20 {
				m := current
				s.after(time.Duration(i)*5*time.Second, func() { s.announce(m, simOther) })
			}
		})
	})
	return Options{}
}

// churn has a dozen addresses come and go, some of which others had before.
func churn(s *sim) Options {
	other := s.add(0x40)
	s.every(time.Minute, func() {
		for i := range byte(12) {
			a := netip.AddrFrom4([4]byte{10, 9, 0, 100 + i})
			if slices.Contains(s.addresses, a) {
				s.drop(a)
				other.has = append(other.has, a)
				s.after(time.Millisecond, func() { s.announce(other, a) })
				continue
			}
			other.has = slices.DeleteFunc(other.has, func(x netip.Addr) bool { return x == a })
			s.take(a)
		}
	})
	return Options{}
}

// twoCards is a machine that answers for both of its addresses by both cards.
func twoCards(s *sim) Options {
	second := netip.MustParseAddr("10.9.0.51")
	s.guard(simOther)
	s.guard(second)
	cards := []*machine{s.add(0x50, simOther, second), s.add(0x51, simOther, second)}
	s.every(7*time.Second, func() {
		s.ask(cards[s.random.IntN(2)], []netip.Addr{simOther, second}[s.random.IntN(2)], simVictim, frame.MAC{})
	})
	return Options{}
}

// revalidate has the watching kernel ask for its gateway now and then, as it does;
// that heals the gateway's cache.
func revalidate(s *sim) {
	s.after(time.Duration(30+s.random.IntN(30))*time.Second, func() {
		me := &machine{mac: simMAC(simMe)}
		s.ask(me, simVictim, simGateway, s.neighbour[simGateway])
		revalidate(s)
	})
}

// TestSoak: an hour of each cause of false alarms, on a host that would defend its
// addresses, and no alarm and no defence.
func TestSoak(t *testing.T) {
	for _, trouble := range troubles() {
		t.Run(trouble.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(2) {
				s := newSim(t, seed)
				o := trouble.begin(s)
				o.Defence = acd.DefendAlways
				s.start(o)
				revalidate(s)
				s.pass(time.Hour)
				for _, l := range s.alarms() {
					t.Errorf("seed %d, after %s: %s %v", seed, l.at.Sub(simStart), l.text, l.about)
				}
				if len(s.sent) > 0 || s.announced > 0 {
					t.Errorf("seed %d: announced %d times", seed, s.announced)
					t.Errorf("seed %d: frames for addresses that the host did not have: %v", seed, s.sent)
				}
			}
		})
	}
}

// rogueKind is how a second owner of the victim's address behaves.
type rogueKind struct {
	name                       string
	silent, unicast, announces bool
}

var rogueKinds = []rogueKind{
	{name: "normal"}, {name: "quiet"}, {name: "silent", silent: true}, {name: "cached", silent: true, unicast: true},
	{name: "qcached", unicast: true}, {name: "flapping", announces: true},
}

// speak is what its cron job does.
func (k rogueKind) speak(s *sim, r *machine) {
	switch {
	case k.announces:
		s.announce(r, simVictim)
		s.ask(r, simVictim, simGateway, frame.MAC{})
	case k.unicast:
		for _, m := range s.machines {
			if slices.Contains(m.has, simGateway) {
				s.ask(r, simVictim, simGateway, m.mac)
			}
		}
	default:
		s.ask(r, simVictim, simGateway, frame.MAC{})
	}
}

// TestSoakWithRogue: in the same hours, a second owner of each kind at a random
// moment, which speaks every quarter of an hour as that of the incident did. It is
// found: by listening at once, by the way back within a check and a second; and
// named where it shows itself.
func TestSoakWithRogue(t *testing.T) {
	for n, trouble := range troubles() {
		for m, kind := range rogueKinds {
			t.Run(trouble.name+"/"+kind.name, func(t *testing.T) {
				t.Parallel()
				findRogue(t, trouble, kind, uint64(n*len(rogueKinds)+m))
			})
		}
	}
}

func findRogue(t *testing.T, trouble trouble, kind rogueKind, seed uint64) {
	s := newSim(t, seed)
	s.start(trouble.begin(s))
	revalidate(s)
	s.pass(2*time.Minute + time.Duration(s.random.Int64N(int64(20*time.Minute))))
	rogue := s.add(0xb, simVictim)
	rogue.silent = kind.silent
	found := func() *simLine {
		for _, l := range s.alarms() {
			if l.about["address"] == simVictim.String() {
				return &l
			}
		}
		return nil
	}
	const utterances = 4
	var spoke []time.Time
	for range utterances {
		kind.speak(s, rogue)
		spoke = append(spoke, s.now)
		s.pass(15 * time.Minute)
	}
	l := found()
	hidden := kind.silent && kind.unicast
	switch {
	case l == nil && hidden && trouble.blind:
		return // nobody but the gateway can see this one
	case l == nil:
		t.Errorf("seed %d: not found", seed)
		return
	}
	bound := time.Second
	if kind.unicast {
		bound += s.d.options.CheckEvery
	}
	// A theft by unicast may heal by itself before the next check: the kernel asks
	// its gateway now and then.
	latest := 0
	if kind.unicast {
		latest = 1
	}
	if took := l.at.Sub(spoke[latest]); !trouble.lossy && !trouble.blind && took > bound {
		t.Errorf("seed %d: found %s after it spoke by %s, later than %s", seed, took, l.about["how"], bound)
	}
	if !hidden && !slices.ContainsFunc(s.alarms(), func(l simLine) bool { return l.about["mac"] == rogue.mac.String() }) {
		t.Errorf("seed %d: its station is not named: %v", seed, s.alarms())
	}
	if s.said("address conflict", "address", simVictim.String()) == 0 && !trouble.lossy && !trouble.blind {
		t.Errorf("seed %d: spoke %d times and is not in conflict: %v", seed, utterances, s.alarms())
	}
	for _, l := range s.alarms() {
		if l.about["address"] != simVictim.String() {
			t.Errorf("seed %d: alarm for another address: %v", seed, l)
		}
	}
}
