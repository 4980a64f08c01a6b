//go:build !race

package acd

import (
	"encoding/json"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ndp"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// script is what a fuzzer makes of a run: each byte says what happens next.
type script []byte

func (s *script) next(n int) int {
	if len(*s) == 0 || n <= 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b) % n
}

func pick[T any](s *script, of ...T) T { return of[s.next(len(of))] }

// bytes takes up to n bytes as they are.
func (s *script) bytes(n int) []byte {
	b := (*s)[:min(n, len(*s))]
	*s = (*s)[len(b):]
	return b
}

func (s *script) mac() frame.MAC {
	return pick(s, macB, macN, macG, macA, macA2, macVRRP, frame.MAC{2, 0, 0, 0, 0, byte(s.next(40))})
}

// frame makes a frame that may or may not be about the subjects of a round.
func (s *script) frame(t *testing.T) []byte {
	four := func() netip.Addr { return pick(s, own4, gateway4, neighbour4, forbidden4, unspecified) }
	six := func() netip.Addr { return pick(s, own6, gateway6, forbidden6) }
	var b []byte
	var err error
	switch s.next(6) {
	case 0, 1:
		m := s.mac()
		b = arpBytes(t, m, pick(s, macA, frame.BroadcastMAC), pick(s, arp.OperationReply, arp.OperationRequest), m, four(), macA, four())
	case 2:
		b = arpBytes(t, s.mac(), macA, arp.OperationReply, s.mac(), four(), macA, four())
	case 3:
		b, err = frame.Announcement(s.mac(), six())
	case 4:
		b, err = frame.Probe(s.mac(), pick(s, own4, own6), frame.MAC{}, nil)
	default:
		return s.bytes(60)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// heard is what a round was told, judged by nothing but the fields of frames.
type heard struct {
	claims   map[netip.Addr]map[frame.MAC]int // by stations that speak for themselves
	foreign  map[netip.Addr]bool              // claimed by anybody but this host
	controls bool
	failed   bool
}

func (h *heard) note(f frame.Frame, err error) {
	claimed, ok := f.Claims()
	if err != nil || f.VLAN != 0 || !ok || f.Kind > frame.NeighborAdvertisement {
		return
	}
	ours := stationA.Host[f.SenderMAC] || stationA.Host[f.Source]
	if !ours {
		h.foreign[claimed] = true
	}
	if !ours && f.Source == f.SenderMAC {
		if h.claims[claimed] == nil {
			h.claims[claimed] = map[frame.MAC]int{}
		}
		h.claims[claimed][f.SenderMAC]++
	}
	if claimed == gateway4 || claimed == gateway6 || claimed == neighbour4 {
		h.controls = true
	}
}

// mayBeConflict reports whether one station said often enough that it has a.
func (h *heard) mayBeConflict(a netip.Addr) bool {
	for _, n := range h.claims[a] {
		if n > confirmations {
			return true
		}
	}
	return false
}

// FuzzRound plays a segment on which anything may be said: a round comes to its
// end, what it sends claims nothing, and it calls no address free or in conflict
// without the evidence.
func FuzzRound(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 1, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 4})
	f.Add([]byte{0, 1, 0, 2, 0, 0, 1, 4, 0, 0, 0, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := script(b)
		subjects := []Subject{{Address: own4, Tentative: s.next(2) == 1, Moves: s.next(2) == 1}, {Address: own6}}
		r := NewRound(RoundConfig{
			Station: stationA, Subjects: subjects, Gateways: []netip.Addr{gateway4, gateway6}, Neighbours: []netip.Addr{neighbour4},
			Forbidden: []netip.Addr{forbidden4, forbidden6}, Carrier: true, Timing: FastTiming(), Random: noRandom, Nonce: ndp.NewNonce,
		}, start)
		h := heard{claims: map[netip.Addr]map[frame.MAC]int{}, foreign: map[netip.Addr]bool{}}
		now := start
		settled := map[int]Result{}
		step := func() (more bool) {
			checkSent(t, r.Due(now))
			for i, x := range r.Results() {
				checkResult(t, x, &h, settled, i)
			}
			_, more = r.Next()
			return more
		}
		for len(s) > 0 {
			switch s.next(8) {
			case 0:
				now, _ = r.Next()
			case 1:
				r.Failed()
				h.failed = true
			case 2:
				now = now.Add(time.Duration(s.next(256)) * time.Millisecond)
			default:
				b := s.frame(t)
				parsed, err := frame.Parse(b)
				h.note(parsed, err)
				r.Receive(parsed, err, now)
			}
			step()
		}
		for range FastTiming().Probes + 1 {
			now, _ = r.Next()
			if !step() {
				return
			}
		}
		t.Fatal("the round does not end")
	})
}

// checkSent holds a round to asking without claiming.
func checkSent(t *testing.T, frames [][]byte) {
	t.Helper()
	for _, b := range frames {
		f, err := frame.Parse(b)
		if err != nil || !f.IsProbe() || f.SenderMAC != macA {
			t.Fatalf("sent %+v, %v", f, err)
		}
	}
}

func checkResult(t *testing.T, x Result, h *heard, settled map[int]Result, i int) {
	t.Helper()
	if before, ok := settled[i]; ok && (before.Outcome != x.Outcome || before.Reason != x.Reason) {
		t.Fatalf("%v (%s) became %v (%s)", before.Outcome, before.Reason, x.Outcome, x.Reason)
	}
	if _, ok := settled[i]; ok || x.Outcome == 0 {
		return
	}
	settled[i] = x
	switch {
	case len(x.Claims) > maxClaims:
		t.Fatalf("%d claims are remembered", len(x.Claims))
	case x.Outcome == Free && (h.foreign[x.Subject.Address] || !h.controls || h.failed):
		t.Fatalf("%s is free: claimed %v, controls %v, failed %v", x.Subject.Address, h.foreign[x.Subject.Address], h.controls, h.failed)
	case (x.Outcome == Conflict || x.Outcome == Held) && !h.mayBeConflict(x.Subject.Address):
		t.Fatalf("%v of %s after %v", x.Outcome, x.Subject.Address, h.claims[x.Subject.Address])
	case x.Outcome == Held && !(x.Subject.Moves && x.Subject.Tentative):
		t.Fatalf("%s is held, and does not move", x.Subject.Address)
	}
}

// FuzzDetector drives a detector by any evidence, ticks and restarts.
func FuzzDetector(f *testing.F) {
	f.Add([]byte{1, 60, 2, 0, 0, 0, 0, 2, 0, 0, 0, 1, 255, 3})
	f.Add([]byte{0, 5, 2, 0, 0, 1, 0, 1, 40, 2, 0, 0, 1, 0, 1, 40, 2, 0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := script(b)
		config := DetectorConfig{Subject: Subject{Address: own4}, MAC: macA, Defence: Defence(s.next(3)), Latch: 20 * time.Minute}
		switch s.next(4) {
		case 1:
			config.MayLeave = true
		case 2:
			config.Subject.Moves = true
		case 3:
			config.Nobodys = forbidden4
		}
		d := NewDetector(config, Memory{}, start)
		run := detectorRun{t: t, config: config, now: start}
		for len(s) > 0 {
			switch s.next(6) {
			case 0:
				run.now = run.now.Add(time.Duration(s.next(256)) * 100 * time.Millisecond)
			case 1:
				run.now = run.now.Add(time.Duration(s.next(256)) * 10 * time.Second)
			case 2:
				run.observe(d, &s)
			case 3:
				d = run.restart(d)
			case 4:
				d.Probe(run.now)
			case 5:
				d.NobodyAnswered(s.mac(), run.now)
			}
			run.tick(d)
			run.checkFrames(d)
			if len(d.Memory().Claimants) > maxStations {
				t.Fatalf("%d claimants are remembered", len(d.Memory().Claimants))
			}
		}
	})
}

// detectorRun is one run of FuzzDetector and what was seen in it.
type detectorRun struct {
	t        *testing.T
	config   DetectorConfig
	now      time.Time
	firm     int // claims of stations that spoke for themselves
	first    map[frame.MAC]time.Time
	defended time.Time
	repaired time.Time
}

func (r *detectorRun) observe(d *Detector, s *script) {
	m := s.mac()
	e := Evidence{Verdict: pick(s, Claim, Suspect), How: "arp-reply", MAC: m, Source: m, Proven: s.next(8) == 1}
	if e.Verdict == Suspect {
		e.Source, e.Proven = macN, false
	} else {
		r.firm++
	}
	if s.next(2) == 1 {
		e.Peer = gateway4
	}
	e.Reply = s.next(2) == 1
	if r.first == nil {
		r.first = map[frame.MAC]time.Time{}
	}
	if _, spoke := r.first[m]; !spoke && e.Verdict == Claim {
		r.first[m] = r.now
	}
	before := d.Memory().State
	d.Observe(e, r.now)
	waits := r.config.MayLeave || r.config.Subject.Moves || e.Reply
	switch after := d.Memory().State; {
	case after >= Conflicted && before < Latched && r.config.Subject.Moves && e.Verdict == Claim && r.now.Sub(r.first[m]) < HandoverTime:
		r.t.Fatalf("%v %v after the station's first word: a handover may take longer", after, r.now.Sub(r.first[m]))
	case waits:
	case after < Suspected:
		r.t.Fatalf("%v right after a claim", after)
	case after > before && after > Suspected && r.firm == 0:
		r.t.Fatalf("%v, and nobody spoke for himself", after)
	case after >= Conflicted && before < Latched && r.firm < 2 && !e.Proven:
		r.t.Fatalf("%v after one claim", after)
	}
}

// restart passes the memory on as the state file does.
func (r *detectorRun) restart(d *Detector) *Detector {
	b, err := json.Marshal(d.Memory())
	if err != nil {
		r.t.Fatal(err)
	}
	var m Memory
	if err := json.Unmarshal(b, &m); err != nil {
		r.t.Fatal(err)
	}
	r.defended, r.repaired = time.Time{}, time.Time{} // it forgets when it defended
	return NewDetector(r.config, m, r.now)
}

// tick ticks as often as the detector wants: it must not want it for ever.
func (r *detectorRun) tick(d *Detector) {
	for range 4 {
		d.Tick(r.now)
		if next := d.Next(); next.IsZero() || next.After(r.now) {
			return
		}
	}
	r.t.Fatalf("in state %v the detector waits for %v before now", d.Memory().State, r.now.Sub(d.Next()))
}

func (r *detectorRun) checkFrames(d *Detector) {
	for _, b := range d.Frames() {
		f, err := frame.Parse(b)
		if err != nil || f.SenderMAC != macA {
			r.t.Fatalf("sent %+v, %v", f, err)
		}
		if _, announces := f.Claims(); !announces {
			continue
		}
		if r.config.Defence == NeverDefend || r.config.Subject.Moves {
			r.t.Fatal("defended, and never should")
		}
		if f.Target != own4 { // a peer is told
			if !r.repaired.IsZero() && r.now.Sub(r.repaired) < repairEvery {
				r.t.Fatalf("told a peer after %v", r.now.Sub(r.repaired))
			}
			r.repaired = r.now
			continue
		}
		if !r.defended.IsZero() && r.now.Sub(r.defended) < defendInterval {
			r.t.Fatalf("defended after %v", r.now.Sub(r.defended))
		}
		r.defended = r.now
	}
}

// FuzzReturnPath drives checks by answers that may come at any time: a check ends
// in time, calls a theft only what it has seen all of, and is gentle.
func FuzzReturnPath(f *testing.F) {
	f.Add([]byte{0, 0, 2, 0, 0, 0, 1, 0})
	f.Add([]byte{0, 0, 0, 0, 1, 1, 0, 0, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := script(b)
		r := NewReturnPath(testEvery, testTimeout, start)
		now, run := start, pathRun{t: t}
		for len(s) > 0 {
			switch s.next(5) {
			case 0:
				now = r.Next()
			case 1:
				now = now.Add(time.Duration(s.next(256)) * time.Millisecond)
			case 2:
				back := uint16(s.next(40)) - 1 // of the future, the newest, and before
				run.answered(r.Sequence() - back)
				run.ended(r.Echoed(r.Sequence()-back, now))
			case 3:
				m := s.mac()
				run.resolved = run.resolved || run.asked[AskStation] && m == macG
				run.ended(r.Resolved(m, now))
			case 4:
				run.ended(r.Resolved(frame.MAC{}, now))
			}
			r.SentTo(macG)
			questions, finding := r.Due(now)
			run.ask(questions, r.Sequence())
			run.ended(finding)
			if !r.Next().After(now) {
				t.Fatalf("waits for %v before now", now.Sub(r.Next()))
			}
		}
	})
}

// pathRun is what was asked and answered in one check, kept as plainly as can be.
type pathRun struct {
	t              *testing.T
	asked          map[PathQuestion]bool
	before, after  []uint16 // echoes before and after the peer was told
	early, back    map[uint16]bool
	resolved, ever bool
}

func (r *pathRun) ask(questions []PathQuestion, sequence uint16) {
	for _, q := range questions {
		if r.asked == nil {
			r.asked, r.early, r.back = map[PathQuestion]bool{}, map[uint16]bool{}, map[uint16]bool{}
		}
		r.asked[q] = true
		switch {
		case q == AskEcho && r.asked[AskAsOwner]:
			r.after = append(r.after, sequence)
		case q == AskEcho:
			r.before = append(r.before, sequence)
		case q == AskAsOwner && !r.resolved:
			r.t.Fatal("told a peer that does not answer")
		}
	}
	if len(r.before) > 1+maxRun || len(r.after) > returning {
		r.t.Fatalf("%d and %d echoes in one check", len(r.before), len(r.after))
	}
}

func (r *pathRun) answered(sequence uint16) {
	switch {
	case slices.Contains(r.before, sequence):
		r.early[sequence] = true
	case slices.Contains(r.after, sequence):
		r.back[sequence] = true
	}
}

// ended holds a finding against what was seen.
func (r *pathRun) ended(f PathFinding) {
	if f == 0 {
		return
	}
	switch {
	case f == PathDiverted && (!r.ever || len(r.early) > 0 || len(r.before) <= minRun || len(r.back) < mustReturn):
		r.t.Fatalf("diverted: known %v, of %d before %d came, after %d", r.ever, len(r.before), len(r.early), len(r.back))
	case f == PathGood && len(r.early)+len(r.back) == 0:
		r.t.Fatal("good, and nothing came")
	case f == PathNoEcho && len(r.early)+len(r.back) > 0:
		r.t.Fatal("no echo, and one came")
	case f == PeerSilent && r.resolved:
		r.t.Fatal("silent, and it has answered")
	}
	*r = pathRun{t: r.t, ever: r.ever || len(r.early)+len(r.back) > 0}
}

// FuzzHolder has stations say anything about an address, at any moment and for
// others: what is sent claims nothing, what is remembered is bounded, and no conflict
// is called of which not two stations have spoken within what is remembered.
func FuzzHolder(f *testing.F) {
	f.Add([]byte{0, 0, 2, 0, 1, 3, 0, 1, 1, 1, 20, 3, 1, 1, 0, 2})
	f.Add([]byte{1, 0, 2, 0, 2, 1, 100, 2, 1, 3, 0, 0, 3, 0, 1, 1, 200, 2, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := script(b)
		config := HolderConfig{Address: own4, MAC: macG, Moves: s.next(2) == 1, Nobodys: forbidden4, Latch: 20 * time.Minute}
		if s.next(2) == 1 {
			config.Declared = []frame.MAC{macB, macN}
		}
		h := NewHolder(config, nil, Memory{}, start)
		now, spoke := start, map[frame.MAC]bool{}
		for _, m := range config.Declared { // who was named need not have spoken
			spoke[m] = !config.Moves
		}
		note := func(changes []Change) {
			for _, c := range changes {
				if c.New >= Conflicted && (!spoke[c.Evidence.MAC] || len(spoke) < 2) {
					t.Fatalf("%v by %+v, and only %v have spoken", c.New, c.Evidence, spoke)
				}
			}
		}
		for len(s) > 0 {
			m := pick(&s, macA, macB, macN, macC, frame.MAC{2, 0, 0, 0, 0, byte(s.next(40))})
			switch s.next(4) {
			case 0:
				now = now.Add(time.Duration(s.next(256)) * 10 * time.Millisecond)
			case 1:
				now = now.Add(time.Duration(s.next(256)) * time.Second)
			case 2:
				e := Evidence{Verdict: pick(&s, Claim, Claim, Suspect), How: pick(&s, "arp-request", HowNeighbour, "ipv4"), MAC: m, Source: m, Reply: s.next(2) == 1}
				spoke[m] = true
				note(h.Hear(e, func() []netip.Addr { return []netip.Addr{other4, neighbour4} }, now))
			case 3:
				a := pick(&s, own4, other4, neighbour4, forbidden4)
				spoke[m] = spoke[m] || a == own4
				h.Answered(a, m)
			}
			for range 8 { // it must not want it for ever
				note(h.Tick(now))
				if next := h.Next(); next.IsZero() || next.After(now) {
					break
				}
			}
			if next := h.Next(); !next.IsZero() && !next.After(now) {
				t.Fatalf("waits for %v before now", now.Sub(next))
			}
			for _, b := range h.Frames() {
				if f, err := frame.Parse(b); err != nil || !f.IsProbe() || f.SenderMAC != macG {
					t.Fatalf("sent %+v, %v", f, err)
				}
			}
			h.News()
			if n := len(h.Stations()) + len(h.overlaps) + len(h.speakers) + len(h.hidden); n > 5*maxStations || len(h.proxies) > maxClaims {
				t.Fatalf("%d stations are remembered, %d proxies", n, len(h.proxies))
			}
		}
	})
}
