package acd

import (
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// PathQuestion is what a ReturnPath wants to be sent.
type PathQuestion uint8

// The questions.
const (
	// AskEcho asks the peer for an echo (ICMP, or a TCP connection). The answer
	// comes to the station that the peer's cache names.
	AskEcho PathQuestion = iota + 1
	// AskStation asks the station that our own echoes go to whether it has the
	// peer's address, without claiming ours. The answer comes to us whatever the
	// peer's cache says, and changes nothing.
	AskStation
	// AskAnyStation asks everybody the same.
	AskAnyStation
	// AskAsOwner asks the same as the owner of our address, of the peer's station
	// alone: the peer then knows our station again.
	AskAsOwner
	// AskRival asks everybody who has our own address: one that has diverted the
	// peer may answer.
	AskRival
)

// PathFinding is the outcome of one check.
type PathFinding uint8

// The findings.
const (
	// PathGood: the peer's answers reach us.
	PathGood PathFinding = iota + 1
	// PathDiverted: the peer was there, all its answers went elsewhere for longer
	// than they ever stayed away by themselves, and came to us again at the moment
	// at which it was told where we are. Somebody had our address.
	PathDiverted
	// PathNoEcho: the peer is there and does not answer echoes. It may never have
	// done so, or have ceased: a firewall, a limit, another machine. It proves
	// nothing, and this method is blind with this peer.
	PathNoEcho
	// PeerSilent: the peer answers nothing at all; it may be down.
	PeerSilent
	// PeerMoved: another station than our echoes went to has the peer's address
	// now. The kernel will learn that; until then nothing is known.
	PeerMoved
)

var pathNames = [...]string{PathGood: "good", PathDiverted: "diverted", PathNoEcho: "no-echo", PeerSilent: "peer-silent", PeerMoved: "peer-moved"}

// String is the finding's name in logs and metrics.
func (f PathFinding) String() string {
	if int(f) < len(pathNames) && pathNames[f] != "" {
		return pathNames[f]
	}
	return "pending"
}

// The figures of an examination. Echoes are lost for many reasons, so that what
// counts is how many are lost in a row, compared with this peer's own past, and
// whether they return because the peer was told where we are and not by chance.
const (
	minRun          = 22 // echoes that must be lost in a row, all of them
	runFactor       = 3  // and so many times the longest run that ended by itself
	maxRun          = 60 // a peer that loses more than a third of these in a row is no witness
	returning       = 10 // echoes after the peer was told
	mustReturn      = 5  // of these must return,
	perhapsReturned = 3  // fewer say that it was no theft,
	lateReturn      = 2  // and the first of them at once, or where single echoes get lost among the first three
	spacings        = 10 // echoes within one timeout
	pathMemory      = 15 * time.Minute
	minSpacing      = 5 * time.Millisecond
	tellingPause    = time.Millisecond // before and after the peer is told
)

// pathStage is how far a check is.
type pathStage uint8

const (
	idle      pathStage = iota
	echoing             // one echo is awaited
	resolving           // it did not come; is the peer's station there?
	running             // it is; do all echoes get lost?
	telling             // all did; the peer is told next
	returned            // it was told; do they return?
)

// ReturnPath checks by and by whether what a peer sends to our address reaches
// us. It finds the rogue that no station but the peer can hear: one that renews
// the peer's cache by unicast.
//
// A lost echo claims nothing. It begins an examination: the station that our
// echoes go to must answer for the peer's address; from then on all echoes of a
// run must be lost, three times as many as were ever lost in a row, within an
// hour or so, without anybody's doing; and they must return within milliseconds after
// the peer was told where we are. An outage that ends by itself ends at another
// moment. The first such examination is one observation and not yet a proof.
type ReturnPath struct {
	every, timeout time.Duration
	stage          pathStage
	next           time.Time
	sequence       uint16 // of the newest echo
	checkFrom      uint16 // of the first echo of this check
	runFrom        uint16 // of the first of the run
	toldFrom       uint16 // of the first after the peer was told
	lastWait       time.Time
	asked          int       // how often for the station, in this check
	entry          frame.MAC // where our echoes go now
	witness        frame.MAC // where they went when one was last answered
	elsewhere      bool      // another station answered for the peer's address
	answered       [returning]bool
	count          int
	mute           bool // it has ceased to
	last           PathFinding
	silences       silences
}

// silences remembers the longest run of echoes that was lost without anybody's
// doing, for a quarter of an hour at least and half an hour at most.
type silences struct {
	recent, older int
	since         time.Time
}

func (s *silences) note(run int, now time.Time) {
	s.age(now)
	s.recent = max(s.recent, run)
}

func (s *silences) age(now time.Time) {
	switch passed := now.Sub(s.since); {
	case passed >= 2*pathMemory:
		*s = silences{since: now}
	case passed >= pathMemory:
		*s = silences{older: s.recent, since: now}
	}
}

func (s *silences) longest(now time.Time) int {
	s.age(now)
	return max(s.recent, s.older)
}

// NewReturnPath checks first at start and then once per interval. timeout is how
// long an answer may take; a check lasts five timeouts at most.
func NewReturnPath(every, timeout time.Duration, start time.Time) *ReturnPath {
	return &ReturnPath{every: every, timeout: timeout, next: start, silences: silences{since: start}}
}

// SetEvery changes the interval from the next check on.
func (r *ReturnPath) SetEvery(every time.Duration) { r.every = every }

// Next returns when Due has to be called again.
func (r *ReturnPath) Next() time.Time { return r.next }

// Last returns the newest finding; zero before the first.
func (r *ReturnPath) Last() PathFinding { return r.last }

// Examining reports whether an echo is missing and the reason is looked for.
func (r *ReturnPath) Examining() bool { return r.stage > echoing }

// Postpone puts the next check off, or what is to be done about an echo that may be
// missing. An examination goes on.
func (r *ReturnPath) Postpone(until time.Time) {
	if !r.Examining() && r.next.Before(until) {
		r.next = until
	}
}

// Sequence is the number that the newest AskEcho carries.
func (r *ReturnPath) Sequence() uint16 { return r.sequence }

// Station is that of the peer, for AskAsOwner and AskStation.
func (r *ReturnPath) Station() frame.MAC { return r.entry }

// SentTo notes the station that the kernel sends our echoes to; zero if it knows
// none, so that none was sent. It must be called before Due begins a check, and
// before it looks into a missing echo: for as long as Examining is false.
func (r *ReturnPath) SentTo(station frame.MAC) { r.entry = station }

func (r *ReturnPath) spacing() time.Duration { return max(minSpacing, r.timeout/spacings) }

// Due returns the questions to ask at now, and the finding if the check is over.
func (r *ReturnPath) Due(now time.Time) ([]PathQuestion, PathFinding) {
	if now.Before(r.next) {
		return nil, 0
	}
	switch r.stage {
	case idle:
		r.stage, r.next = echoing, now.Add(r.timeout)
		r.asked, r.elsewhere, r.answered, r.count = 0, false, [returning]bool{}, 0
		r.sequence++
		r.checkFrom = r.sequence
		return []PathQuestion{AskEcho}, 0
	case echoing, resolving:
		return r.resolve(now)
	case running:
		return r.run(now), 0
	case telling:
		r.stage, r.next = returned, now.Add(tellingPause)
		r.toldFrom = r.sequence + 1
		if r.brief() {
			return []PathQuestion{AskAsOwner}, 0
		}
		return []PathQuestion{AskRival, AskAsOwner}, 0
	}
	total := returning
	if r.brief() {
		total = 1
	}
	if sent := int(r.sequence - r.toldFrom + 1); sent < total {
		r.sequence++
		r.next = now.Add(r.spacing())
		if sent+1 == total { // by then no echo of the run can come any more
			r.next, r.lastWait = now.Add(r.timeout-time.Duration(sent)*r.spacing()), now.Add(r.timeout)
		}
		if sent > 0 && sent <= lateReturn && r.count == 0 { // what told the peer may have been lost
			return []PathQuestion{AskAsOwner, AskEcho}, 0
		}
		return []PathQuestion{AskEcho}, 0
	}
	if !r.proven(now) && now.Before(r.lastWait) {
		r.next = r.lastWait
		return nil, 0
	}
	return nil, r.conclude(now)
}

// resolve asks for the peer's station, twice, and gives up then.
func (r *ReturnPath) resolve(now time.Time) ([]PathQuestion, PathFinding) {
	r.stage = resolving
	r.asked++
	r.next = now.Add(r.timeout)
	switch {
	case r.asked <= 2 && r.entry.IsZero():
		return []PathQuestion{AskAnyStation}, 0
	case r.asked == 1:
		return []PathQuestion{AskStation}, 0
	case r.asked == 2:
		return []PathQuestion{AskStation, AskAnyStation}, 0
	case r.elsewhere && r.entry.IsZero(): // the kernel has not found it, and sent nothing
		return nil, r.end(PathNoEcho, now)
	case r.elsewhere:
		return nil, r.end(PeerMoved, now)
	}
	return nil, r.end(PeerSilent, now)
}

// run sends the next echo of the run, or ends it.
func (r *ReturnPath) run(now time.Time) []PathQuestion {
	r.sequence++
	r.next = now.Add(r.spacing())
	if int(r.sequence-r.runFrom)+1 >= r.runLength(now) {
		r.stage, r.next = telling, now.Add(tellingPause)
	}
	return []PathQuestion{AskEcho}
}

func (r *ReturnPath) runLength(now time.Time) int {
	return min(max(minRun, runFactor*r.silences.longest(now)), maxRun)
}

// proven reports whether enough echoes have returned, and at once.
func (r *ReturnPath) proven(now time.Time) bool {
	return !r.brief() && r.atOnce(now) && r.count >= mustReturn && runFactor*r.silences.longest(now) <= maxRun
}

// atOnce reports whether echoes returned as soon as the peer was told. Where single
// echoes get lost the first ones may.
func (r *ReturnPath) atOnce(now time.Time) bool {
	return slices.Contains(r.answered[:1+min(lateReturn, r.silences.longest(now))], true)
}

// conclude weighs what returned after the peer was told.
func (r *ReturnPath) conclude(now time.Time) PathFinding {
	if r.brief() {
		return r.end(PathNoEcho, now)
	}
	if r.proven(now) {
		return r.end(PathDiverted, now)
	}
	if !r.atOnce(now) || r.count < perhapsReturned { // else it is neither proof nor counter-proof
		r.silences.note(maxRun, now)
	}
	if r.count > 0 {
		return r.end(PathGood, now)
	}
	return r.end(PathNoEcho, now)
}

// Echoed notes the answer to an echo of this check. It returns the finding.
func (r *ReturnPath) Echoed(sequence uint16, now time.Time) PathFinding {
	if r.stage == idle || sequence-r.checkFrom > r.sequence-r.checkFrom {
		return 0
	}
	brief := r.brief()
	if i := sequence - r.toldFrom; r.stage == returned && i < returning && !brief {
		if !r.answered[i] {
			r.answered[i] = true
			r.count++
		}
		return 0
	}
	// An answer to anything before, however late, shows a slow way or a lossy one.
	if r.Examining() && !brief {
		lost := 1
		if r.stage >= running && sequence != r.checkFrom {
			lost += int(sequence - r.runFrom)
		}
		r.silences.note(lost, now)
	}
	return r.end(PathGood, now)
}

// Resolved notes that a station said that it has the peer's address. Due has to
// be called afterwards.
func (r *ReturnPath) Resolved(station frame.MAC, now time.Time) PathFinding {
	switch {
	case r.stage != resolving:
		return 0
	case station != r.entry:
		r.elsewhere = true
		return 0
	}
	r.stage, r.next, r.runFrom = running, now, r.sequence+1
	if r.brief() {
		r.stage = telling
	}
	return 0
}

// brief reports whether nothing can be proven with this peer now: its station has
// never answered an echo, or has ceased to. It is told where we are nevertheless,
// which mends what may be wrong, and asked for one echo.
func (r *ReturnPath) brief() bool { return r.witness.IsZero() || r.witness != r.entry || r.mute }

func (r *ReturnPath) end(f PathFinding, now time.Time) PathFinding {
	r.stage, r.last, r.next = idle, f, now.Add(r.every)
	if f == PathGood {
		r.witness = r.entry
	}
	r.mute = f == PathNoEcho || r.mute && f != PathGood
	return f
}
