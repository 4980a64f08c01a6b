package acd

import (
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
	// AskStation asks who has the peer's address, without claiming ours. The
	// answer comes to us whatever the peer's cache says, and changes nothing.
	AskStation
	// AskAsOwner asks the same as the owner of our address, of that station
	// alone: the peer then knows our station again.
	AskAsOwner
)

// PathFinding is the outcome of one check.
type PathFinding uint8

// The findings.
const (
	// PathGood: the peer's answers reach us.
	PathGood PathFinding = iota + 1
	// PathStolen: the peer was there, its answers went elsewhere, and came to us
	// again as soon as it was told where we are. Somebody had our address.
	PathStolen
	// PathLost: as before, but its answers did not come back. Whoever has our
	// address may have taken it again at once, or the peer's echoes stopped.
	PathLost
	// PeerSilent: the peer answers nothing at all; it may be down.
	PeerSilent
	// PathUnknown: the peer is there and has never answered an echo; this method
	// is blind with this peer.
	PathUnknown
)

var pathNames = [...]string{PathGood: "good", PathStolen: "stolen", PathLost: "lost", PeerSilent: "peer-silent", PathUnknown: "no-echo"}

// String is the finding's name in logs and metrics.
func (f PathFinding) String() string {
	if int(f) < len(pathNames) && pathNames[f] != "" {
		return pathNames[f]
	}
	return "pending"
}

// ReturnPath checks by and by whether what a peer sends to our address reaches
// us. It finds the rogue that no station but the peer can hear: one that renews
// the peer's cache by unicast.
type ReturnPath struct {
	every, timeout time.Duration
	stage          uint8 // 0 between checks, else the number of the echo that is awaited
	sequence       uint16
	next           time.Time
	station        frame.MAC // of the peer, heard in this check
	learned        bool      // the peer has answered an echo at least once
	last           PathFinding
}

// NewReturnPath checks first at start and then once per interval. timeout is how
// long an answer may take; a check lasts three timeouts at most.
func NewReturnPath(every, timeout time.Duration, start time.Time) *ReturnPath {
	return &ReturnPath{every: every, timeout: timeout, next: start}
}

// Next returns when Due has to be called again.
func (r *ReturnPath) Next() time.Time { return r.next }

// Last returns the newest finding; zero before the first.
func (r *ReturnPath) Last() PathFinding { return r.last }

// Sequence is the number that the newest AskEcho carries.
func (r *ReturnPath) Sequence() uint16 { return r.sequence }

// Station is that of the peer, for AskAsOwner.
func (r *ReturnPath) Station() frame.MAC { return r.station }

// Due returns the questions to ask at now, and the finding if the check is over.
func (r *ReturnPath) Due(now time.Time) ([]PathQuestion, PathFinding) {
	if now.Before(r.next) {
		return nil, 0
	}
	switch r.stage {
	case 0:
		r.station = frame.MAC{}
		return r.echo(1, now), 0
	case 1:
		return append(r.echo(2, now), AskStation), 0
	case 2:
		if r.station.IsZero() {
			return nil, r.end(PeerSilent, now)
		}
		return append([]PathQuestion{AskAsOwner}, r.echo(3, now)...), 0
	}
	if r.learned {
		return nil, r.end(PathLost, now)
	}
	return nil, r.end(PathUnknown, now)
}

func (r *ReturnPath) echo(stage uint8, now time.Time) []PathQuestion {
	r.stage, r.next = stage, now.Add(r.timeout)
	r.sequence++
	return []PathQuestion{AskEcho}
}

// Echoed notes the answer to an echo of this check. It returns the finding.
func (r *ReturnPath) Echoed(sequence uint16, now time.Time) PathFinding {
	if r.stage == 0 || r.sequence-sequence >= uint16(r.stage) {
		return 0
	}
	r.learned = true
	// Only the echo that was asked for after the peer was told proves a theft; a
	// late answer to an earlier one proves a slow way.
	if r.stage == 3 && sequence == r.sequence {
		return r.end(PathStolen, now)
	}
	return r.end(PathGood, now)
}

// Resolved notes that a station said that it has the peer's address.
func (r *ReturnPath) Resolved(station frame.MAC) {
	if r.stage == 2 {
		r.station = station
	}
}

func (r *ReturnPath) end(f PathFinding, now time.Time) PathFinding {
	r.stage, r.last, r.next = 0, f, now.Add(r.every)
	return f
}
