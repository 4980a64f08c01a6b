package acd

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// The constants of ongoing detection.
const (
	defendInterval = 10 * time.Second // RFC 5227, 1.1: DEFEND_INTERVAL
	flapWindow     = time.Minute      // changes of owner within it count together
	flapChanges    = 3                // this many of them are flapping
	holdTime       = 5 * time.Second  // a claim after this much silence takes the address anew
	settleTime     = time.Minute      // silence that turns a conflict into a latched one
	departTime     = time.Second      // an address that may leave this host is given so long before a claim counts
	askedTime      = 3 * time.Second  // a reply within it after our question may be a proxy's
	confirmEvery   = time.Second      // a claimant is not asked more often
	burstTime      = time.Second      // claims within it after a defence are one utterance with what was defended
	repairEvery    = time.Second      // peers are not told more often where we are
	maxStations    = 8                // claimants remembered; others are counted together
)

// GraceTime is how long the claims of an address's former owner and of its new one
// may overlap.
const GraceTime = 3 * time.Second

// HandoverTime is how long two stations may both have an address that moves
// between them. A handover overlaps for milliseconds to a few seconds; more is a
// split brain.
const HandoverTime = 10 * time.Second

// DefaultLatch is how long a conflict is remembered without a claim: the rogue
// of the incident spoke every 15 minutes.
const DefaultLatch = time.Hour

// Memory is what a Detector knows; it survives a restart as JSON.
type Memory struct {
	State     State     `json:"state"`
	Since     time.Time `json:"since"`
	LastClaim time.Time `json:"last_claim"`
	// LastFirm is the newest claim whose sender spoke for itself.
	LastFirm time.Time `json:"last_firm_claim"`
	// LastProxied is when a station that answers for everything last answered.
	LastProxied time.Time `json:"last_proxied,omitzero"`
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
	// Nobodys is an address of the subnet that nobody can have, for the negative
	// control; invalid if there is none.
	Nobodys netip.Addr
	// MayLeave marks an address that this host has besides its own: it may be just
	// about to move away, though nobody has declared that it does.
	MayLeave bool
}

// Detector follows one address on one interface.
type Detector struct {
	config      DetectorConfig
	memory      Memory
	began       time.Time
	holder      frame.MAC   // who took the address last
	heard       time.Time   // when that was last claimed
	changes     []time.Time // of owner, within flapWindow
	asked       time.Time   // when anybody was last asked
	confirmed   time.Time   // when a claimant was last asked because of its claim
	again       []reminder
	defended    time.Time
	surrendered bool      // DefendOnce has stopped
	defendAt    time.Time // a defence that waits for defendInterval
	repaired    time.Time
	queue       [][]byte
	pending     []weighing
	control     *inquiry                // who answers for an address that nobody can have
	controlled  time.Time               // when that was last asked
	unasked     map[frame.MAC]bool      // stations that claimed of themselves: no proxies
	proxies     map[frame.MAC]time.Time // stations that answer for everything
	overlaps    overlaps
}

// weighing is a claim that waits: for the answer to a control question, or for the
// address to leave.
type weighing struct {
	evidence Evidence
	until    time.Time
	count    int // 1 or 2: more prove no more
}

// reminder is a claimant to be asked again.
type reminder struct {
	at      time.Time
	station frame.MAC
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
	return &Detector{
		config: config, memory: memory, began: now,
		unasked: map[frame.MAC]bool{}, proxies: map[frame.MAC]time.Time{}, overlaps: overlaps{},
	}
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
func (d *Detector) Probe(now time.Time) { d.ask(frame.MAC{}, now) }

func (d *Detector) ask(destination frame.MAC, now time.Time) {
	if d.config.MAC.IsZero() {
		return
	}
	d.asked = now
	if b, err := frame.Probe(d.config.MAC, d.config.Subject.Address, destination, nil); err == nil {
		d.queue = append(d.queue, b)
	}
}

// Observe weighs one piece of evidence, at once or after what it has to wait for.
func (d *Detector) Observe(e Evidence, now time.Time) []Change {
	if until, ok := d.proxies[e.MAC]; ok && e.Reply && now.Before(until) {
		return d.proxied(e, now)
	}
	wait, later := d.controls(e, now)
	if later {
		return nil
	}
	if d.config.MayLeave && !d.overlapping(e) && d.memory.State < Conflicted {
		if now.Sub(d.began) < GraceTime && !e.Source.IsZero() {
			// It may have had it until now. What it says after the grace counts.
			d.remind(e.Source, d.began, GraceTime+confirmEvery/10)
			return nil
		}
		wait = max(wait, departTime)
	}
	if wait == 0 {
		return d.weigh(e, now)
	}
	d.hold(e, now.Add(wait))
	return nil
}

// controls begins the negative control for a station that may be a proxy, and
// returns how long its claim has to wait. Everybody is asked at once, so that one
// control serves all who have answered; there is not more than one a second, and who
// answers between two is asked again. Who claims an address without being asked, or
// another way than by an answer, is no proxy.
func (d *Detector) controls(e Evidence, now time.Time) (wait time.Duration, later bool) {
	if e.MAC.IsZero() || d.config.MAC.IsZero() || !d.config.Nobodys.IsValid() {
		return 0, false
	}
	answer := e.Reply && !d.asked.IsZero() && now.Sub(d.asked) < askedTime
	if !answer && e.Verdict == Claim && len(d.unasked) < maxStations {
		d.unasked[e.MAC] = true
	}
	switch {
	case !answer || d.unasked[e.MAC]:
		return 0, false
	case d.control != nil:
		return max(d.control.ends().Sub(now), 0), false
	case !d.controlled.IsZero() && now.Sub(d.controlled) < confirmEvery:
		d.remind(e.Source, d.controlled, confirmEvery)
		return 0, true
	}
	d.controlled = now
	d.control = newInquiry(d.config.MAC, quick(), now,
		question{d.config.Nobodys, frame.MAC{}}, question{d.config.Nobodys, e.Source}, question{d.config.Subject.Address, e.Source})
	d.queue = append(d.queue, d.control.due(now)...)
	return d.control.ends().Sub(now), false
}

// Nobodys is the address of the negative control.
func (d *Detector) Nobodys() netip.Addr { return d.config.Nobodys }

// NobodyAnswered notes that a station answered for an address that nobody can
// have: it answers for everything.
func (d *Detector) NobodyAnswered(station frame.MAC, now time.Time) {
	if len(d.proxies) >= maxStations {
		maps.DeleteFunc(d.proxies, func(_ frame.MAC, until time.Time) bool { return !now.Before(until) })
	}
	if _, known := d.proxies[station]; known || len(d.proxies) < maxStations {
		d.proxies[station] = now.Add(d.config.Latch)
	}
}

func (d *Detector) hold(e Evidence, until time.Time) {
	i := slices.IndexFunc(d.pending, func(w weighing) bool { return w.evidence.MAC == e.MAC && w.evidence.Verdict == e.Verdict })
	switch {
	case i >= 0:
		d.pending[i].count = 2
	case len(d.pending) < maxStations:
		d.pending = append(d.pending, weighing{evidence: e, until: until, count: 1})
	}
}

// Weighing reports whether Tick will weigh a claim that has waited. Whether the
// address is still ours has to be looked up before.
func (d *Detector) Weighing(now time.Time) bool {
	return slices.ContainsFunc(d.pending, func(w weighing) bool { return !now.Before(w.until) })
}

func (d *Detector) weighPending(now time.Time) (changes []Change) {
	due := d.pending
	d.pending = nil
	for _, w := range due {
		if now.Before(w.until) {
			d.pending = append(d.pending, w)
			continue
		}
		if until, ok := d.proxies[w.evidence.MAC]; ok && w.evidence.Reply && now.Before(until) {
			changes = append(changes, d.proxied(w.evidence, now)...)
			continue
		}
		for range w.count {
			changes = append(changes, d.weigh(w.evidence, now)...)
		}
	}
	return changes
}

func (d *Detector) proxied(e Evidence, now time.Time) []Change {
	e.How = "proxy"
	d.memory.Claims[e.How]++
	d.memory.LastProxied = now
	return d.pass(max(d.memory.State, Proxied), e, now)
}

// overlapping reports whether the claim is one of two stations between which the
// address moves.
func (d *Detector) overlapping(e Evidence) bool {
	s := d.config.Subject
	member := len(s.Sharing.MACs) == 0 || s.Sharing.Allows(e.MAC)
	return s.Moves && member && !e.MAC.IsZero() && e.Verdict == Claim
}

// weigh takes a claim for what it is.
func (d *Detector) weigh(e Evidence, now time.Time) []Change {
	if !d.overlapping(e) {
		return d.accept(e, now)
	}
	switch d.overlaps.note(e.MAC, now) {
	case split:
		e.How, e.Proven = "split-brain", true
	case handover:
		return nil
	}
	return d.accept(e, now)
}

// accept believes a claim.
func (d *Detector) accept(e Evidence, now time.Time) []Change {
	repeated := d.note(e, now)
	if e.Verdict == Claim { // a suspect speaks for somebody who may not be there
		d.noteOwner(e, now)
		d.defend(e, now)
	}
	grace := now.Sub(d.began) < GraceTime
	if !repeated && !e.Source.IsZero() && now.Sub(d.confirmed) >= confirmEvery {
		d.confirmed = now
		d.ask(e.Source, now)
		d.remind(e.Source, now, confirmEvery, 3*time.Second, 10*time.Second)
	}
	if grace {
		d.remind(e.Source, d.began, GraceTime+confirmEvery/10)
	}
	next := d.memory.State
	switch {
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

// remind has a claimant be asked again some times after from.
func (d *Detector) remind(station frame.MAC, from time.Time, after ...time.Duration) {
	if station.IsZero() || d.config.MAC.IsZero() {
		return
	}
	for _, a := range after {
		r := reminder{from.Add(a), station}
		near := func(x reminder) bool { return x.station == station && x.at.Sub(r.at).Abs() < confirmEvery/2 }
		if len(d.again) < 4*maxStations && !slices.ContainsFunc(d.again, near) {
			d.again = append(d.again, r)
		}
	}
}

func (d *Detector) askAgain(now time.Time) {
	d.again = slices.DeleteFunc(d.again, func(r reminder) bool {
		if now.Before(r.at) {
			return false
		}
		d.ask(r.station, now)
		return true
	})
	for _, station := range d.overlaps.due(now) {
		d.ask(station, now)
	}
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

// Next returns when Tick has something to do; zero means not before the next
// observation.
func (d *Detector) Next() time.Time {
	next := d.defendAt
	earlier := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, w := range d.pending {
		earlier(w.until)
	}
	if d.control != nil {
		earlier(d.control.next())
	}
	for _, r := range d.again {
		earlier(r.at)
	}
	if t := d.overlaps.next(); !t.IsZero() {
		earlier(t)
	}
	switch d.memory.State {
	case Conflicted, Flapping:
		earlier(d.memory.LastClaim.Add(settleTime))
	case Suspected, Latched:
		earlier(d.memory.LastClaim.Add(d.config.Latch))
	case Proxied:
		earlier(d.memory.LastProxied.Add(d.config.Latch))
	}
	return next
}

// Tick does what time brings: claims that have waited, questions asked again, a
// late defence, and states that end by silence.
func (d *Detector) Tick(now time.Time) []Change {
	if d.control != nil {
		d.queue = append(d.queue, d.control.due(now)...)
		if d.control.over(now) {
			d.control = nil
		}
	}
	d.askAgain(now)
	return append(d.weighPending(now), d.settle(now)...)
}

func (d *Detector) settle(now time.Time) []Change {
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
	case s == Proxied && now.Sub(d.memory.LastProxied) >= d.config.Latch:
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
