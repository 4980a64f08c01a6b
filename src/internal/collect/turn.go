package collect

import (
	"context"
	"fmt"
	"sync"

	"github.com/ipguard/ipguard/src/internal/trouble"
)

// How much of the answers of all directors is in memory at a time. Short answers are
// free: each director gets few at a time. A long one waits for its turn, and a very long
// one for another turn, as soon as so much of it has come; both last until it is read
// and reduced. Who has the second turn waits for none, so that nobody waits for ever;
// a director that is slow with long answers has no more than one turn of each kind.
const (
	longAnswer     = 512 << 10 // bytes
	veryLongAnswer = 4 << 20
	longAtATime    = 3
)

// turns are those of a run.
type turns struct{ long, veryLong chan struct{} }

func newTurns() *turns {
	return &turns{long: make(chan struct{}, longAtATime), veryLong: make(chan struct{}, 1)}
}

// turn is that of one request.
type turn struct {
	turns *turns
	// own lets one answer of a director at a time be long.
	own  chan struct{}
	held []chan struct{}
}

// take waits until so many bytes may be held, or the context ends.
func (t *turn) take(ctx context.Context, size int) error {
	for _, step := range []struct {
		from int
		turn chan struct{}
	}{{longAnswer, t.own}, {longAnswer, t.turns.long}, {veryLongAnswer, t.turns.veryLong}}[len(t.held):] {
		if size <= step.from {
			return nil
		}
		select {
		case step.turn <- struct{}{}:
			t.held = append(t.held, step.turn)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// over says that nothing of the answer is held any more.
func (t *turn) over() {
	for _, held := range t.held {
		<-held
	}
	t.held = nil
}

// kept counts what is kept of all directors that are being asked.
type kept struct {
	mu    sync.Mutex
	of    map[*share]bool
	total int
}

// share is what is kept of one director, in bytes.
type share struct {
	kept *kept
	stop context.CancelCauseFunc
	size int
	// putOff says that the director was stopped for the sake of the others.
	putOff bool
}

func (s *share) isPutOff() bool {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	return s.putOff
}

func (k *kept) share(stop context.CancelCauseFunc) *share {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := &share{kept: k, stop: stop}
	k.of[s] = true
	return s
}

// add notes that so many bytes more are kept of a director. If all together take too
// much, the one that takes most is put off. One alone never is: maxKept is less.
func (s *share) add(size int) error {
	k := s.kept
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.of[s] {
		return context.Canceled // why, the context tells
	}
	s.size += size
	k.total += size
	if s.size > maxKept {
		return &trouble.Trouble{Message: fmt.Sprintf("what it tells of networks and addresses takes more than %d MiB", maxKept>>20)}
	}
	if k.total <= maxKeptOfAll {
		return nil
	}
	most := s
	for other := range k.of {
		if other.size > most.size {
			most = other
		}
	}
	k.forget(most)
	most.putOff = true
	most.stop(context.Canceled)
	return nil
}

// drop says that nothing is kept of a director any more.
func (s *share) drop() {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	s.kept.forget(s)
}

func (k *kept) forget(s *share) {
	if k.of[s] {
		k.total -= s.size
		delete(k.of, s)
	}
}
