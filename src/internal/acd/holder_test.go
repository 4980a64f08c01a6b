//go:build !race

package acd

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
)

var (
	other4 = netip.MustParseAddr("10.9.0.21")
	macC   = frame.MAC{0, 0x50, 0x56, 0, 0, 0xcc}
)

// guarded plays a Holder on a segment whose stations answer for what they have.
type guarded struct {
	holder  *Holder
	now     time.Time
	has     map[frame.MAC][]netip.Addr // who answers for what; nil for a proxy
	proxies map[frame.MAC]bool
	silent  map[frame.MAC]bool // does not answer, but speaks
	loss    func() bool        // of each frame; may be nil
	states  []State
	events  []HolderNews
	related []netip.Addr
	first   time.Time // of the first conflict
}

func newGuarded(c HolderConfig, learned ...frame.MAC) *guarded {
	c.Address, c.MAC = own4, macG
	return &guarded{
		holder: NewHolder(c, learned, Memory{}, start), now: start,
		has: map[frame.MAC][]netip.Addr{}, proxies: map[frame.MAC]bool{}, silent: map[frame.MAC]bool{},
	}
}

func (g *guarded) lost() bool { return g.loss != nil && g.loss() }

func (g *guarded) note(changes []Change) {
	for _, c := range changes {
		g.states = append(g.states, c.New)
		if c.New >= Conflicted && g.first.IsZero() {
			g.first = c.At
		}
	}
	g.events = append(g.events, g.holder.News()...)
	for _, b := range g.holder.Frames() {
		f, err := frame.Parse(b)
		if err != nil || f.SenderMAC != macG {
			panic(fmt.Sprint(f, err))
		}
		if _, claims := f.Claims(); claims {
			panic("a guard claims an address")
		}
		for m, addresses := range g.has {
			meant := f.Destination == m || f.Destination.IsGroup()
			answers := slices.Contains(addresses, f.Target) || g.proxies[m]
			if meant && answers && !g.silent[m] && !g.lost() && !g.lost() {
				g.heard(f.Target, m)
			}
		}
	}
}

func (g *guarded) heard(a netip.Addr, m frame.MAC) {
	g.holder.Answered(a, m)
	if a == own4 {
		e := Evidence{Verdict: Claim, How: "arp-reply", Reply: true, MAC: m, Source: m}
		g.note(g.holder.Hear(e, func() []netip.Addr { return g.related }, g.now))
	}
}

// speak has a station claim the address of itself.
func (g *guarded) speak(m frame.MAC) {
	if g.lost() {
		return
	}
	e := Evidence{Verdict: Claim, How: "arp-request", MAC: m, Source: m}
	g.note(g.holder.Hear(e, func() []netip.Addr { return g.related }, g.now))
}

func (g *guarded) pass(d time.Duration) {
	for end := g.now.Add(d); ; {
		next := g.holder.Next()
		if next.IsZero() || next.After(end) {
			g.now = end
			return
		}
		if !next.Before(g.now) {
			g.now = next
		}
		g.note(g.holder.Tick(g.now))
		if n := g.holder.Next(); !n.IsZero() && !n.After(g.now) {
			panic("the holder waits for what is over")
		}
	}
}

func (g *guarded) worst() State {
	worst := Clean
	for _, s := range g.states {
		worst = max(worst, s)
	}
	return worst
}

// TestHolder: each way in which a second station may speak for an address.
func TestHolder(t *testing.T) {
	mine := []netip.Addr{own4}
	for _, test := range []struct {
		name   string
		config HolderConfig
		play   func(*guarded)
		worst  State
		last   HolderEvent // zero if none
		has    []frame.MAC
	}{
		{"a machine is replaced", HolderConfig{}, func(g *guarded) {
			delete(g.has, macA)
			g.pass(5 * time.Second)
			g.has[macB] = mine
			for range 20 {
				g.speak(macB)
				g.pass(5 * time.Second)
			}
		}, Clean, Moved, []frame.MAC{macB}},
		{"replaced within a moment", HolderConfig{}, func(g *guarded) {
			delete(g.has, macA)
			g.has[macB] = mine
			g.speak(macB)
			g.pass(time.Minute)
		}, Clean, Moved, []frame.MAC{macB}},
		{"handovers of an address of which nobody has said that it moves", HolderConfig{}, func(g *guarded) {
			for i := range 20 {
				to, from := macB, macA
				if i%2 == 1 {
					to, from = macA, macB
				}
				delete(g.has, from)
				g.has[to] = mine
				for range 5 {
					g.speak(to)
				}
				g.pass(4 * time.Second)
			}
		}, Clean, Moved, []frame.MAC{macA}},
		{"both speak", HolderConfig{}, func(g *guarded) {
			g.has[macB] = mine
			g.speak(macB)
			g.pass(time.Minute)
		}, Conflicted, Learned, []frame.MAC{macA}},
		{"a second one that does not answer, once", HolderConfig{}, func(g *guarded) {
			g.speak(macB)
			g.pass(time.Minute)
		}, Suspected, Learned, []frame.MAC{macA}},
		{"a second one that does not answer, every quarter of an hour", HolderConfig{}, func(g *guarded) {
			for range 2 {
				g.speak(macB)
				g.pass(15 * time.Minute)
			}
		}, Conflicted, Learned, []frame.MAC{macA}},
		{"a station that was not named, beside the one that was", HolderConfig{Declared: []frame.MAC{macA}}, func(g *guarded) {
			g.has[macB] = mine
			g.speak(macB)
			g.pass(time.Minute)
		}, Conflicted, 0, []frame.MAC{macA}},
		{"a station that was not named, instead of the one that was", HolderConfig{Declared: []frame.MAC{macA}}, func(g *guarded) {
			delete(g.has, macA)
			g.has[macB] = mine
			for range 20 {
				g.speak(macB)
				g.pass(5 * time.Second)
			}
		}, Suspected, 0, []frame.MAC{macA}},
		{"one machine with two cards", HolderConfig{}, func(g *guarded) {
			g.related = []netip.Addr{other4}
			g.has[macA], g.has[macB] = []netip.Addr{own4, other4}, []netip.Addr{own4, other4}
			for range 3 {
				g.speak(macB)
				g.pass(time.Minute)
			}
		}, Clean, TwoCards, []frame.MAC{macA, macB}},
		{"two machines, each with another address besides", HolderConfig{}, func(g *guarded) {
			g.related = []netip.Addr{other4, neighbour4}
			g.has[macA], g.has[macB] = []netip.Addr{own4, other4}, []netip.Addr{own4, neighbour4}
			g.speak(macB)
			g.pass(time.Minute)
		}, Conflicted, Learned, []frame.MAC{macA}},
		{"a fabric that answers for everything", HolderConfig{Nobodys: forbidden4}, func(g *guarded) {
			g.has[macB], g.proxies[macB] = nil, true
			g.heard(own4, macB)
			g.pass(time.Minute)
			g.heard(own4, macB)
			g.pass(time.Minute)
		}, Proxied, ProxyFound, []frame.MAC{macA}},
		{"handovers of an address that moves", HolderConfig{Moves: true}, func(g *guarded) {
			for i := range 20 {
				to, from := macB, macA
				if i%2 == 1 {
					to, from = macA, macB
				}
				g.has[to] = mine
				g.speak(to)
				g.pass(time.Duration(i%4) * time.Second) // both have it for so long
				delete(g.has, from)
				g.speak(to)
				g.pass(30 * time.Second)
			}
		}, Clean, Moved, []frame.MAC{macA}},
		{"split brain of an address that moves", HolderConfig{Moves: true}, func(g *guarded) {
			g.has[macB] = mine
			g.speak(macB)
			g.pass(time.Minute)
		}, Conflicted, Learned, []frame.MAC{macA}},
		{"split brain of a declared pair", HolderConfig{Moves: true, Declared: []frame.MAC{macA, macB}}, func(g *guarded) {
			g.has[macB] = mine
			g.speak(macB)
			g.pass(time.Minute)
		}, Conflicted, Learned, []frame.MAC{macA}},
		{"a third one takes the address of a declared pair", HolderConfig{Moves: true, Declared: []frame.MAC{macA, macB}}, func(g *guarded) {
			g.has[macC] = mine
			g.speak(macC)
			g.pass(5 * time.Second)
		}, Conflicted, Learned, []frame.MAC{macA}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGuarded(test.config)
			g.has[macA] = mine
			g.speak(macA)
			g.pass(time.Second)
			test.play(g)
			if got := g.worst(); got != test.worst {
				t.Errorf("%v, want %v: %v", got, test.worst, g.states)
			}
			var last HolderEvent
			if len(g.events) > 0 {
				last = g.events[len(g.events)-1].Event
			}
			if last != test.last {
				t.Errorf("last learned %v of %v, want %v", last, g.events, test.last)
			}
			if got := g.holder.Stations(); !slices.Equal(got, test.has) {
				t.Errorf("%v have it, want %v", got, test.has)
			}
		})
	}
}

// TestHolderSoak: an hour of replaced machines and of handovers on a segment that
// loses up to 30 % of the frames: no conflict. Then a second owner at a random
// moment: found, and its station named.
func TestHolderSoak(t *testing.T) {
	mine := []netip.Addr{own4}
	for _, moves := range []bool{false, true} {
		for _, percent := range []int{0, 5, 15, 30} {
			missed := 0
			const hosts = 40
			for seed := range uint64(hosts) {
				random := rand.New(rand.NewPCG(seed, 3))
				g := newGuarded(HolderConfig{Moves: moves, Nobodys: forbidden4})
				g.loss = func() bool { return random.IntN(100) < percent }
				current := macA
				g.has[current] = mine
				g.speak(current)
				for n := byte(1); g.now.Before(at(time.Hour)); n++ {
					next := frame.MAC{0, 0x50, 0x56, 1, 0, n}
					if moves { // a pair
						next = []frame.MAC{macA, macB}[n%2]
					}
					if moves { // a short time with both, or with none
						g.has[next] = mine
						g.speak(next)
						g.pass(time.Duration(random.IntN(2000)) * time.Millisecond)
					}
					delete(g.has, current)
					g.pass(time.Duration(random.IntN(5000)) * time.Millisecond)
					g.has[next], current = mine, next
					for range 20 { // as an agent announces itself
						g.speak(current)
						g.pass(5 * time.Second)
					}
				}
				if g.worst() != Clean {
					t.Errorf("moves %v, %d %% lost, seed %d: %v without a second owner", moves, percent, seed, g.worst())
					continue
				}
				g.pass(time.Duration(random.IntN(600)) * time.Second)
				theft := g.now
				g.has[macC] = mine
				for range 12 {
					g.speak(macC)
					g.pass(HandoverTime)
				}
				if g.first.IsZero() || !slices.ContainsFunc(g.holder.Memory().Claimants, func(c Claimant) bool { return c.MAC == macC || c.MAC == current }) {
					missed++
				} else if took := g.first.Sub(theft); percent == 0 && took > map[bool]time.Duration{false: time.Second, true: HandoverTime + 2*time.Second}[moves] {
					t.Errorf("moves %v: found after %v", moves, took)
				}
			}
			if missed > percent/10 {
				t.Errorf("moves %v, %d %% lost: %d of %d second owners were missed", moves, percent, missed, hosts)
			}
		}
	}
}
