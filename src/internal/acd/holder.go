package acd

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// HolderEvent is something that a Holder learned and that is no conflict.
type HolderEvent uint8

// The events.
const (
	// Learned: the first station that has the address.
	Learned HolderEvent = iota + 1
	// Moved: the former station is silent when it is asked, and the new one speaks:
	// the machine was replaced, or the address moved.
	Moved
	// TwoCards: both stations answer for the same addresses: one machine with two
	// cards in the segment.
	TwoCards
	// ProxyFound: the station answers for an address that nobody can have.
	ProxyFound
)

var holderEventNames = [...]string{Learned: "learned", Moved: "moved", TwoCards: "two-cards", ProxyFound: "proxy"}

// String is the event's name in logs and metrics.
func (e HolderEvent) String() string {
	if int(e) < len(holderEventNames) && holderEventNames[e] != "" {
		return holderEventNames[e]
	}
	return "unknown"
}

// HolderNews is one event and the stations that it is about.
type HolderNews struct {
	Event    HolderEvent
	Old, New frame.MAC
}

// HolderConfig says what a Holder follows.
type HolderConfig struct {
	Address netip.Addr
	// MAC is our own, to ask from.
	MAC frame.MAC
	// Declared stations may have the address; none means that it is learned who has
	// it.
	Declared []frame.MAC
	// Moves marks an address that moves between stations.
	Moves bool
	// Nobodys is an address of the subnet that nobody can have; invalid if there is
	// none.
	Nobodys netip.Addr
	Latch   time.Duration
}

// Holder follows an address that others have. That a second station speaks for it
// is no conflict by itself: machines are replaced, addresses move, and a machine
// may have two cards. So whoever had the address is asked, by itself, and so is
// who speaks for it now; a conflict is only what both say.
type Holder struct {
	config   HolderConfig
	detector *Detector
	stations []frame.MAC // that have the address
	inquiry  *inquiry
	related  []netip.Addr // what else the stations may answer for, of this inquiry
	speakers []speaker    // that this inquiry is about
	settles  time.Time    // when it may be over before its time; zero when that has passed
	overlaps overlaps
	proxies  map[frame.MAC]time.Time
	silence  int               // how many inquiries in a row nobody answered who has the address
	hidden   map[frame.MAC]int // how many inquiries a station did not answer that spoke before
	queue    [][]byte
	news     []HolderNews
}

// speaker is a station that spoke for the address.
type speaker struct {
	evidence Evidence
	count    int // 1 or 2: more prove no more
}

// NewHolder starts with what was learned and remembered before.
func NewHolder(config HolderConfig, learned []frame.MAC, memory Memory, now time.Time) *Holder {
	h := &Holder{config: config, overlaps: overlaps{}, proxies: map[frame.MAC]time.Time{}, hidden: map[frame.MAC]int{}}
	// It is nobody's former address: there is no grace.
	h.detector = NewDetector(DetectorConfig{Subject: Subject{Address: config.Address}, Latch: config.Latch}, memory, now.Add(-GraceTime))
	h.stations = slices.DeleteFunc(slices.Clone(learned), func(m frame.MAC) bool { return !h.mayHold(m) })
	if h.fixed() {
		h.stations = slices.Clone(config.Declared)
	}
	return h
}

// fixed reports whether it was declared which stations have the address. Of one
// that moves, the declared ones may have it, one after the other.
func (h *Holder) fixed() bool { return len(h.config.Declared) > 0 && !h.config.Moves }

func (h *Holder) mayHold(m frame.MAC) bool {
	return len(h.config.Declared) == 0 || slices.Contains(h.config.Declared, m)
}

// Reconfigure changes who may have the address and keeps what is known.
func (h *Holder) Reconfigure(config HolderConfig) {
	declared := slices.Equal(config.Declared, h.config.Declared) && config.Moves == h.config.Moves
	h.config = config
	if !declared && h.fixed() {
		h.stations = slices.Clone(config.Declared)
	}
}

// Nobodys is the address of the negative control.
func (h *Holder) Nobodys() netip.Addr { return h.config.Nobodys }

// Memory returns a copy of what is known.
func (h *Holder) Memory() Memory { return h.detector.Memory() }

// Stations are those that have the address.
func (h *Holder) Stations() []frame.MAC { return slices.Clone(h.stations) }

// Asking returns the addresses that stations are being asked for: every answer for
// them has to be handed to Answered.
func (h *Holder) Asking() (addresses []netip.Addr) {
	if h.inquiry == nil {
		return nil
	}
	for _, q := range h.inquiry.questions {
		if !slices.Contains(addresses, q.address) {
			addresses = append(addresses, q.address)
		}
	}
	return addresses
}

// Frames returns what is to be sent now, each once.
func (h *Holder) Frames() [][]byte {
	frames := h.queue
	h.queue = nil
	return frames
}

// News returns what was learned since the last call.
func (h *Holder) News() []HolderNews {
	news := h.news
	h.news = nil
	return news
}

// Probe asks everybody for the address: two that have it by then show themselves.
func (h *Holder) Probe() {
	if b, err := frame.Probe(h.config.MAC, h.config.Address, frame.MAC{}, nil); err == nil {
		h.queue = append(h.queue, b)
	}
}

// Hear notes that a station speaks for the address. related returns other addresses
// that it or the stations that have this one are known for, and of which they are
// asked, too: one machine answers for all of its addresses by all of its cards.
func (h *Holder) Hear(e Evidence, related func() []netip.Addr, now time.Time) []Change {
	if until, ok := h.proxies[e.MAC]; ok && !now.Before(until) {
		delete(h.proxies, e.MAC)
	} else if ok && e.Reply {
		return h.detector.proxied(e, now)
	}
	switch {
	case slices.Contains(h.stations, e.MAC):
		h.Answered(h.config.Address, e.MAC)
		return nil
	case len(h.stations) == 0 && h.mayHold(e.MAC) && e.Verdict == Claim:
		h.become(Learned, frame.MAC{}, e.MAC)
		return nil
	case e.Verdict == Suspect, len(h.stations) == 0:
		e.Verdict = Suspect // of a station that may not be there, or beside nobody
		return h.detector.accept(e, now)
	}
	if h.inquiry != nil {
		h.inquiry.hear(h.config.Address, e.MAC)
	}
	i := slices.IndexFunc(h.speakers, func(s speaker) bool { return s.evidence.MAC == e.MAC })
	switch {
	case i >= 0:
		h.speakers[i].count = 2
	case len(h.speakers) < maxStations:
		h.speakers = append(h.speakers, speaker{e, 1})
	}
	if h.inquiry == nil {
		h.inquire(related(), now)
	}
	return nil
}

// Answered notes that a station says that it has an address of Asking.
func (h *Holder) Answered(address netip.Addr, station frame.MAC) {
	if h.inquiry != nil {
		h.inquiry.hear(address, station)
	}
}

// inquire asks all stations that have the address and all that speak for it.
func (h *Holder) inquire(related []netip.Addr, now time.Time) {
	h.related = nil
	stations := slices.Clone(h.stations)
	var questions []question
	for _, s := range h.speakers {
		stations = append(stations, s.evidence.MAC)
		questions = append(questions, question{h.config.Nobodys, s.evidence.MAC})
	}
	for m := range h.overlaps {
		if !slices.Contains(stations, m) {
			stations = append(stations, m)
		}
	}
	for _, m := range stations {
		questions = append(questions, question{h.config.Address, m})
	}
	for _, a := range related[:min(len(related), maxRelated)] {
		if a == h.config.Address {
			continue
		}
		h.related = append(h.related, a)
		for _, m := range stations {
			questions = append(questions, question{a, m})
		}
	}
	h.inquiry, h.settles = newInquiry(h.config.MAC, thorough(), now, questions...), now.Add(settledAfter)
	h.queue = append(h.queue, h.inquiry.due(now)...)
}

// maxRelated bounds the other addresses that stations are asked for.
const maxRelated = 4

// Next returns when Tick has something to do; zero means not before the next
// observation.
func (h *Holder) Next() time.Time {
	next := h.detector.Next()
	earlier := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if h.inquiry != nil {
		earlier(h.inquiry.next())
		earlier(h.settles)
		return next
	}
	earlier(h.overlaps.next())
	return next
}

// settledAfter is how long who answers at all is waited for.
const settledAfter = 150 * time.Millisecond

// Tick does what time brings.
func (h *Holder) Tick(now time.Time) (changes []Change) {
	changes = h.detector.Tick(now)
	if h.inquiry == nil && len(h.overlaps.due(now)) > 0 {
		h.inquire(nil, now)
	}
	if h.inquiry == nil {
		return changes
	}
	h.queue = append(h.queue, h.inquiry.due(now)...)
	if !now.Before(h.settles) {
		h.settles = time.Time{}
	}
	if !h.inquiry.over(now) && !h.settled(now) {
		return changes
	}
	q, speakers := h.inquiry, h.speakers
	h.inquiry, h.speakers = nil, nil
	if h.silence++; len(h.heldBy(q)) > 0 {
		h.silence = 0
	}
	for _, s := range speakers {
		changes = append(changes, h.judge(q, s, now)...)
	}
	changes = append(changes, h.judgeOverlaps(q, now)...)
	h.overlaps.due(now) // they have just been asked
	return changes
}

// settled reports whether an inquiry can end before its time: somebody who has the
// address has answered, and it is known what the speakers are: they do not answer
// at all, or there is nothing else to ask them.
func (h *Holder) settled(now time.Time) bool {
	if now.Sub(h.inquiry.began) < settledAfter || len(h.heldBy(h.inquiry)) == 0 {
		return false
	}
	for _, s := range h.speakers {
		if len(h.related) > 0 && h.inquiry.says(h.config.Address, s.evidence.MAC) {
			return false
		}
	}
	return len(h.overlaps) == 0
}

// heldBy returns the stations that have the address and say so.
func (h *Holder) heldBy(q *inquiry) (stations []frame.MAC) {
	for _, m := range h.stations {
		if q.says(h.config.Address, m) {
			stations = append(stations, m)
		}
	}
	return stations
}

// judge says what a station is that spoke for the address.
func (h *Holder) judge(q *inquiry, s speaker, now time.Time) []Change {
	m, held := s.evidence.MAC, h.heldBy(q)
	says := q.says(h.config.Address, m)
	if says || len(h.hidden) >= maxStations {
		delete(h.hidden, m)
	} else {
		h.hidden[m]++
	}
	switch {
	case slices.Contains(h.stations, m):
		return nil // it has become one meanwhile
	case h.config.Nobodys.IsValid() && q.says(h.config.Nobodys, m):
		if len(h.proxies) < maxClaims {
			h.proxies[m] = now.Add(h.detector.config.Latch)
		}
		h.news = append(h.news, HolderNews{Event: ProxyFound, New: m})
		return h.detector.proxied(s.evidence, now)
	case !says && s.evidence.How == HowNeighbour:
		return nil // the kernel's memory of it, and no word of its own
	case len(held) == 0 && says && h.mayHold(m) && h.overlaps[m] == nil:
		h.move(m)
		return nil
	case len(held) == 0 && h.mayHold(m) && h.hidden[m] < maxStrays:
		return nil // nobody can be asked now: an address on its way, or lost frames
	case len(held) == 0:
		// Nobody but this station speaks, and it is not who was named, or it does not
		// repeat what it said.
		s.evidence.Verdict = Suspect
		return h.detector.accept(s.evidence, now)
	case says && h.oneMachine(q, held[0], m):
		h.stations = append(h.stations, m)
		h.news = append(h.news, HolderNews{TwoCards, held[0], m})
		return nil
	case h.config.Moves && h.mayHold(m):
		if h.overlaps.note(m, now) == stray {
			return h.conflict(s, held[0], now)
		}
		return nil // judgeOverlaps follows it
	}
	if says {
		s.count = 2
	}
	return h.conflict(s, held[0], now)
}

// move takes the station for the one that has the address now. However often that
// happens, two never had it at the same time.
func (h *Holder) move(m frame.MAC) {
	h.become(Moved, h.stations[0], m)
	h.detector.memory.OwnerChanges++
}

func (h *Holder) become(e HolderEvent, old, station frame.MAC) {
	h.stations = []frame.MAC{station}
	delete(h.overlaps, station)
	h.news = append(h.news, HolderNews{e, old, station})
}

func (h *Holder) conflict(s speaker, beside frame.MAC, now time.Time) (changes []Change) {
	s.evidence.Beside = beside
	for range s.count {
		changes = append(changes, h.detector.accept(s.evidence, now)...)
	}
	return changes
}

// judgeOverlaps follows stations that spoke for an address that moves while another
// had it.
func (h *Holder) judgeOverlaps(q *inquiry, now time.Time) (changes []Change) {
	for _, m := range slices.Collect(maps.Keys(h.overlaps)) {
		held := h.heldBy(q)
		if slices.Contains(h.stations, m) || !q.says(h.config.Address, m) {
			continue
		}
		e := Evidence{Verdict: Claim, How: "split-brain", MAC: m, Source: m, Proven: true}
		switch {
		case len(held) == 0 && h.silence >= 2: // once may be lost frames
			h.move(m)
		case len(held) == 0:
			h.overlaps[m].last = now
		case h.overlaps.note(m, now) == split:
			e.Beside = held[0]
			changes = append(changes, h.detector.accept(e, now)...)
		}
	}
	return changes
}

// oneMachine reports whether two stations are cards of one machine: each answers
// for all addresses that the other answers for, and there are two of these at
// least. Two machines that share one address each have others of their own, or
// none.
func (h *Holder) oneMachine(q *inquiry, a, b frame.MAC) bool {
	both := 0
	for _, other := range h.related {
		x, y := q.says(other, a), q.says(other, b)
		if x != y {
			return false
		}
		if x {
			both++
		}
	}
	return both > 0
}
