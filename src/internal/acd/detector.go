package acd

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// State is what a Detector thinks of an address.
type State uint8

// The states, in the order of their gravity.
const (
	// Clean: no foreign claim within the time that conflicts are remembered.
	Clean State = iota
	// Latched: there was a conflict, and now there is silence. Rogues are silent
	// most of the time, so it is not over.
	Latched
	// Suspected: one claim that nobody has repeated yet.
	Suspected
	// Conflicted: claimed twice, or once and confirmed.
	Conflicted
	// Flapping: the owner changes again and again within a minute.
	Flapping
)

var stateNames = [...]string{Clean: "clean", Latched: "latched", Suspected: "suspect", Conflicted: "conflict", Flapping: "flapping"}

// String is the state's name in logs, metrics and the state file.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// States are the names of all states, by value.
func States() []string { return stateNames[:] }

// MarshalJSON writes the state's name.
func (s State) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// UnmarshalJSON reads the state's name.
func (s *State) UnmarshalJSON(b []byte) error {
	var name string
	if err := json.Unmarshal(b, &name); err != nil {
		return err
	}
	i := slices.Index(stateNames[:], name)
	if i < 0 {
		return fmt.Errorf("no state %q", name)
	}
	*s = State(i)
	return nil
}

// Defence says whether a Detector announces our ownership when it is attacked
// (RFC 5227, 2.4).
type Defence uint8

// The defences.
const (
	// NeverDefend only watches. The address stays as it is.
	NeverDefend Defence = iota
	// DefendOnce announces, and stops if the next claim comes within
	// defendInterval, but not in one burst with the first: (b) of RFC 5227, 2.4,
	// except that the address is kept.
	DefendOnce
	// DefendAlways announces, not more often than every defendInterval: (c) of
	// RFC 5227, 2.4.
	DefendAlways
)

// The constants of ongoing detection.
const (
	defendInterval = 10 * time.Second // RFC 5227, 1.1: DEFEND_INTERVAL
	flapWindow     = time.Minute      // changes of owner within it count together
	flapChanges    = 3                // this many of them are flapping
	holdTime       = 5 * time.Second  // a claim after this much silence takes the address anew
	settleTime     = time.Minute      // silence that turns a conflict into a latched one
	graceTime      = 3 * time.Second  // a new owner's claims and the old one's may overlap so long
	confirmEvery   = time.Second      // a claimant is not asked more often
	burstTime      = time.Second      // claims within it after a defence are one utterance with what was defended
	repairEvery    = time.Second      // peers are not told more often where we are
	maxStations    = 8                // claimants remembered; others are counted together
)

// DefaultLatch is how long a conflict is remembered without a claim: the rogue
// of the incident spoke every 15 minutes.
const DefaultLatch = time.Hour

// Evidence is one observation that speaks for a second owner.
type Evidence struct {
	// Verdict is Claim or Suspect.
	Verdict Verdict
	// How names the way it was seen: a frame.Kind, "return-path", "neighbour".
	How string
	// MAC is the claimant's; zero if it cannot be known.
	MAC, Source frame.MAC
	// Peer is the host that a claimant's question was for. It believes the claim
	// whatever it was told before (RFC 826). Invalid if there is none.
	Peer netip.Addr
	// Proven says that it needs no second observation.
	Proven bool
}

// Claimant is a station that claimed the address.
type Claimant struct {
	MAC   frame.MAC `json:"mac"`
	How   string    `json:"how"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Count int       `json:"count"`
}

// Memory is what a Detector knows; it survives a restart as JSON.
type Memory struct {
	State     State     `json:"state"`
	Since     time.Time `json:"since"`
	LastClaim time.Time `json:"last_claim"`
	// LastFirm is the newest claim whose sender spoke for itself.
	LastFirm time.Time `json:"last_firm_claim"`
	// Claims counts claims by the way they were seen.
	Claims map[string]int `json:"claims"`
	// Claimants are at most maxStations; Others counts claims of any beyond.
	Claimants []Claimant `json:"claimants"`
	Others    int        `json:"others"`
	// OwnerChanges counts how often the address passed to another station.
	OwnerChanges int `json:"owner_changes"`
	Probes       int `json:"probes"`
	Echoes       int `json:"echoes"`
	Defences     int `json:"defences"`
	Repairs      int `json:"repairs"`
}

// Change is a passage from one state to another.
type Change struct {
	At       time.Time
	Old, New State
	// Evidence is what caused it; zero for a passage by time.
	Evidence Evidence
}

// DetectorConfig says what a Detector follows.
type DetectorConfig struct {
	Subject Subject
	// MAC is our own on the interface; zero for an address of another host,
	// which is then never probed or defended.
	MAC     frame.MAC
	Defence Defence
	Latch   time.Duration
}

// Detector follows one address on one interface.
type Detector struct {
	config      DetectorConfig
	memory      Memory
	began       time.Time
	holder      frame.MAC   // who took the address last
	heard       time.Time   // when that was last claimed
	changes     []time.Time // of owner, within flapWindow
	confirmed   time.Time   // when a claimant was last asked
	defended    time.Time
	surrendered bool      // DefendOnce has stopped
	defendAt    time.Time // a defence that waits for defendInterval
	repaired    time.Time
	queue       [][]byte
}

// NewDetector starts at now, with what an earlier one remembered.
func NewDetector(config DetectorConfig, memory Memory, now time.Time) *Detector {
	if config.Latch == 0 {
		config.Latch = DefaultLatch
	}
	if memory.Claims == nil {
		memory.Claims = map[string]int{}
	}
	if memory.Since.IsZero() {
		memory.Since = now
	}
	return &Detector{config: config, memory: memory, began: now}
}

// Reconfigure changes sharing, defence and latch and keeps what is known.
func (d *Detector) Reconfigure(config DetectorConfig) {
	if config.Latch == 0 {
		config.Latch = DefaultLatch
	}
	d.config = config
}

// Memory returns a copy of what is known.
func (d *Detector) Memory() Memory {
	m := d.memory
	m.Claimants = slices.Clone(m.Claimants)
	m.Claims = map[string]int{}
	for k, n := range d.memory.Claims {
		m.Claims[k] = n
	}
	return m
}

// Frames returns what is to be sent now, each once.
func (d *Detector) Frames() [][]byte {
	frames := d.queue
	d.queue = nil
	return frames
}

// Count notes a verdict that is no claim.
func (d *Detector) Count(v Verdict) {
	switch v {
	case Probe:
		d.memory.Probes++
	case Echo:
		d.memory.Echoes++
	}
}

// Probe queues one question for the address, to everybody.
func (d *Detector) Probe() { d.ask(frame.MAC{}) }

func (d *Detector) ask(destination frame.MAC) {
	if d.config.MAC.IsZero() {
		return
	}
	if b, err := frame.Probe(d.config.MAC, d.config.Subject.Address, destination, nil); err == nil {
		d.queue = append(d.queue, b)
	}
}

// Observe weighs one piece of evidence.
func (d *Detector) Observe(e Evidence, now time.Time) []Change {
	repeated := d.note(e, now)
	if e.Verdict == Claim { // a suspect speaks for somebody who may not be there
		d.noteOwner(e, now)
		d.defend(e, now)
	}
	if !repeated && !e.Source.IsZero() && now.Sub(d.confirmed) >= confirmEvery {
		d.confirmed = now
		d.ask(e.Source)
	}
	next := d.memory.State
	switch grace := now.Sub(d.began) < graceTime; {
	case len(d.changes) >= flapChanges && !grace:
		next = Flapping
	case (repeated || e.Proven) && e.Verdict == Claim && !grace:
		next = max(next, Conflicted)
	case next < Suspected:
		// A latched conflict that shows itself again is not merely suspected.
		next = Suspected
		if d.memory.State == Latched && e.Verdict == Claim {
			next = Conflicted
		}
	}
	return d.pass(next, e, now)
}

// note remembers a claim and reports whether it is the second that can be
// believed.
func (d *Detector) note(e Evidence, now time.Time) (repeated bool) {
	d.memory.Claims[e.How]++
	d.memory.LastClaim = now
	if e.Verdict == Claim {
		repeated = !d.memory.LastFirm.IsZero() && now.Sub(d.memory.LastFirm) < d.config.Latch
		d.memory.LastFirm = now
	}
	i := slices.IndexFunc(d.memory.Claimants, func(c Claimant) bool { return c.MAC == e.MAC })
	switch {
	case i >= 0:
		c := &d.memory.Claimants[i]
		c.Last, c.How = now, e.How
		c.Count++
	case len(d.memory.Claimants) < maxStations:
		d.memory.Claimants = append(d.memory.Claimants, Claimant{MAC: e.MAC, How: e.How, First: now, Last: now, Count: 1})
	default:
		d.memory.Others++
	}
	return repeated
}

// noteOwner counts a passage of the address: a claim by another station than the
// last holder, or by the same after so much silence that the peers have come
// back to us. Evidence without a MAC speaks of the last holder.
func (d *Detector) noteOwner(e Evidence, now time.Time) {
	same := e.MAC.IsZero() || e.MAC == d.holder
	silent := now.Sub(d.heard) >= holdTime
	d.heard = now
	if same && !silent {
		return
	}
	d.holder = e.MAC
	d.memory.OwnerChanges++
	d.changes = append(d.changes, now)
	d.changes = slices.DeleteFunc(d.changes, func(t time.Time) bool { return now.Sub(t) > flapWindow })
	if len(d.changes) > flapChanges {
		d.changes = d.changes[len(d.changes)-flapChanges:]
	}
}

// defend queues an announcement if the policy and the rate allow it. Where the
// rate does not, the peer that was asked is told by itself: a rogue that comes up
// announces itself and asks for its peer at once, and the announcement that
// answers the first is undone by the second.
func (d *Detector) defend(e Evidence, now time.Time) {
	shared := d.config.Subject.Sharing.Declared()
	if d.config.Defence == NeverDefend || d.config.MAC.IsZero() || shared {
		return
	}
	since := now.Sub(d.defended)
	recent := !d.defended.IsZero() && since < defendInterval
	switch {
	case d.surrendered:
	case recent && d.config.Defence == DefendOnce && since >= burstTime:
		d.surrendered = true
	case recent:
		if d.config.Defence == DefendAlways {
			d.defendAt = d.defended.Add(defendInterval)
		}
		d.repair(e.Peer, now)
	default:
		d.announce(now)
	}
}

// repair asks for the peer as the owner of the address, as every host does that
// speaks with it: the peer then knows our station again. It is no announcement, so
// that RFC 5227 does not say how often it may be; who attacks us gains no more
// than one such question a second.
func (d *Detector) repair(peer netip.Addr, now time.Time) {
	if !peer.IsValid() || !d.repaired.IsZero() && now.Sub(d.repaired) < repairEvery {
		return
	}
	if b, err := frame.Request(d.config.MAC, d.config.Subject.Address, peer, frame.MAC{}); err == nil {
		d.queue = append(d.queue, b)
		d.repaired = now
		d.memory.Repairs++
	}
}

func (d *Detector) announce(now time.Time) {
	d.defendAt = time.Time{}
	if b, err := frame.Announcement(d.config.MAC, d.config.Subject.Address); err == nil {
		d.queue = append(d.queue, b)
		d.defended, d.holder = now, d.config.MAC
		d.memory.Defences++
	}
}

// Surrendered reports whether DefendOnce has stopped defending.
func (d *Detector) Surrendered() bool { return d.surrendered }

// Next returns when Tick has something to do; zero means not before the next
// observation.
func (d *Detector) Next() time.Time {
	next := d.defendAt
	earlier := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	switch d.memory.State {
	case Conflicted, Flapping:
		earlier(d.memory.LastClaim.Add(settleTime))
	case Suspected, Latched:
		earlier(d.memory.LastClaim.Add(d.config.Latch))
	}
	return next
}

// Tick does what time brings: a late defence, and states that end by silence.
func (d *Detector) Tick(now time.Time) []Change {
	if !d.defendAt.IsZero() && !now.Before(d.defendAt) {
		d.announce(now)
	}
	silence := now.Sub(d.memory.LastClaim)
	switch s := d.memory.State; {
	case (s == Conflicted || s == Flapping) && silence >= settleTime:
		d.changes = nil
		return d.pass(Latched, Evidence{}, now)
	case (s == Suspected || s == Latched) && silence >= d.config.Latch:
		d.surrendered = false
		return d.pass(Clean, Evidence{}, now)
	}
	return nil
}

func (d *Detector) pass(next State, e Evidence, now time.Time) []Change {
	if next == d.memory.State {
		return nil
	}
	c := Change{At: now, Old: d.memory.State, New: next, Evidence: e}
	d.memory.State, d.memory.Since = next, now
	return []Change{c}
}

// Address returns what the detector follows.
func (d *Detector) Address() netip.Addr { return d.config.Subject.Address }

// Sharing returns who else may have the address.
func (d *Detector) Sharing() Sharing { return d.config.Subject.Sharing }
