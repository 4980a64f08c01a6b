package acd

import (
	"net/netip"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// question is whether a station has an address; a zero station stands for
// everybody.
type question struct {
	address netip.Addr
	station frame.MAC
}

// inquiry asks stations whether they have addresses, each station by itself, and
// notes which say so. A question claims nothing and changes no cache. A frame may
// be lost, so that silence means something only after the last time.
type inquiry struct {
	own       frame.MAC
	questions []question
	said      map[question]bool
	began     time.Time
	asked     int
	pace      []time.Duration // when to ask, and at last when to stop waiting
}

// thorough is the pace of an inquiry whose silence counts: a third of all frames
// may be lost, and one of five answers comes all the same.
func thorough() []time.Duration {
	return []time.Duration{0, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, 800 * time.Millisecond, 1100 * time.Millisecond}
}

// quick is the pace of an inquiry that holds up a verdict.
func quick() []time.Duration {
	return []time.Duration{0, 50 * time.Millisecond, 150 * time.Millisecond}
}

func newInquiry(own frame.MAC, pace []time.Duration, now time.Time, questions ...question) *inquiry {
	q := &inquiry{own: own, said: map[question]bool{}, began: now, pace: pace}
	for _, x := range questions {
		if x.address.IsValid() {
			q.questions = append(q.questions, x)
		}
	}
	return q
}

// due returns what to send at now: all questions that are still open.
func (q *inquiry) due(now time.Time) (frames [][]byte) {
	for q.asked < len(q.pace)-1 && !now.Before(q.began.Add(q.pace[q.asked])) {
		q.asked++
		frames = frames[:0]
		for _, x := range q.questions {
			if q.said[x] {
				continue
			}
			if b, err := frame.Probe(q.own, x.address, x.station, nil); err == nil {
				frames = append(frames, b)
			}
		}
	}
	return frames
}

// next is when due has something to send, or the inquiry is over.
func (q *inquiry) next() time.Time { return q.began.Add(q.pace[q.asked]) }

// over reports whether all was answered, or no answer is to be expected any more.
func (q *inquiry) over(now time.Time) bool {
	return q.allSaid() || q.asked == len(q.pace)-1 && !now.Before(q.next())
}

func (q *inquiry) allSaid() bool {
	for _, x := range q.questions {
		if !q.said[x] {
			return false
		}
	}
	return true
}

// hear notes that a station says that it has an address.
func (q *inquiry) hear(address netip.Addr, station frame.MAC) {
	q.said[question{address, station}] = true
	q.said[question{address, frame.MAC{}}] = true
}

// says reports whether the station has said so since the inquiry began.
func (q *inquiry) says(address netip.Addr, station frame.MAC) bool {
	return q.said[question{address, station}]
}

// ends is when no answer is waited for any more.
func (q *inquiry) ends() time.Time { return q.began.Add(q.pace[len(q.pace)-1]) }
