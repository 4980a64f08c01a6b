package acd

import (
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// peerModel is how the peer of a ReturnPath test behaves: whether it answers
// ARP, and where its echoes go.
type peerModel struct {
	up       bool
	echoes   bool
	cache    frame.MAC // where it sends what is for us
	rogue    bool      // takes the cache again at once
	losing   int       // so many echoes get lost on the way
	slow     bool      // echoes arrive after the timeout
	question func(PathQuestion)
}

// check plays one check and returns its finding.
func (p *peerModel) check(t *testing.T, r *ReturnPath) PathFinding {
	t.Helper()
	for round := range 10 {
		now := r.Next()
		questions, finding := r.Due(now)
		if finding != 0 {
			return finding
		}
		for _, q := range questions {
			if p.question != nil {
				p.question(q)
			}
			switch {
			case !p.up:
			case q == AskStation:
				r.Resolved(macG)
			case q == AskAsOwner && !p.rogue:
				p.cache = macA
			case q == AskEcho && p.losing > 0:
				p.losing--
			case q == AskEcho && p.echoes && p.cache == macA && !p.slow:
				if f := r.Echoed(r.Sequence(), now.Add(time.Millisecond)); f != 0 {
					return f
				}
			}
		}
		if p.slow && round == 1 { // the answer to the first comes after the second was sent
			return r.Echoed(r.Sequence()-1, now)
		}
	}
	t.Fatal("the check does not end")
	return 0
}

func TestReturnPath(t *testing.T) {
	good := peerModel{up: true, echoes: true, cache: macA}
	for _, test := range []struct {
		name string
		peer peerModel
		want PathFinding
	}{
		{"good", good, PathGood},
		{"stolen", peerModel{up: true, echoes: true, cache: macB}, PathStolen},
		{"stolen and taken again", peerModel{up: true, echoes: true, cache: macB, rogue: true}, PathLost},
		{"down", peerModel{}, PeerSilent},
		{"one packet lost", peerModel{up: true, echoes: true, cache: macA, losing: 1}, PathGood},
		{"slow", peerModel{up: true, echoes: true, cache: macA, slow: true}, PathGood},
	} {
		r := NewReturnPath(5*time.Second, 200*time.Millisecond, start)
		first := good
		if f := first.check(t, r); f != PathGood {
			t.Fatalf("%s: at first %v", test.name, f)
		}
		begin := r.Next()
		if f := test.peer.check(t, r); f != test.want {
			t.Errorf("%s: %v, want %v", test.name, f, test.want)
		}
		if r.Last() != test.want {
			t.Errorf("%s: remembered as %v", test.name, r.Last())
		}
		if took := r.Next().Sub(begin) - 5*time.Second; took < 0 || took > 600*time.Millisecond {
			t.Errorf("%s: took %v", test.name, took)
		}
	}
}

func TestReturnPathNotLearned(t *testing.T) {
	deaf := peerModel{up: true, cache: macA}
	if f := deaf.check(t, NewReturnPath(time.Second, 100*time.Millisecond, start)); f != PathUnknown {
		t.Errorf("a peer that never answers an echo: %v", f)
	}
	stolen := peerModel{up: true, echoes: true, cache: macB}
	if f := stolen.check(t, NewReturnPath(time.Second, 100*time.Millisecond, start)); f != PathStolen {
		t.Errorf("stolen before we came: %v", f)
	}
}

// TestReturnPathIsGentle: a good path costs one echo, and the peer is told where
// we are only after it was shown to be there.
func TestReturnPathIsGentle(t *testing.T) {
	r := NewReturnPath(time.Second, 100*time.Millisecond, start)
	var asked []PathQuestion
	p := peerModel{up: true, echoes: true, cache: macA, question: func(q PathQuestion) { asked = append(asked, q) }}
	p.check(t, r)
	if len(asked) != 1 || asked[0] != AskEcho {
		t.Errorf("asked %v", asked)
	}
	if f := r.Echoed(r.Sequence(), start); f != 0 {
		t.Errorf("an echo between checks: %v", f)
	}
	asked = nil
	down := peerModel{question: func(q PathQuestion) { asked = append(asked, q) }}
	down.check(t, r)
	for _, q := range asked {
		if q == AskAsOwner {
			t.Error("told a peer that does not answer")
		}
	}
}
