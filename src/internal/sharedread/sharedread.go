// Package sharedread answers all who ask at the same time by one reading.
//
// Everybody is answered by a reading that began after they asked: as new as one of their
// own, at a fraction of the cost. While one reading is under way, those who come wait for
// the next.
package sharedread

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Reader shares readings of one kind of thing. The zero value is ready; it is not copied.
type Reader[K comparable, V any] struct {
	mu      sync.Mutex
	busy    bool
	waiting []*reading[K, V]
}

// reading is one, and those who wait for it.
type reading[K comparable, V any] struct {
	keys   []K
	known  map[K]bool
	values map[K]V
	err    error
	done   chan struct{}
}

// Read reads what stands behind keys, each once. What it leaves out is the zero value.
type Read[K comparable, V any] func(ctx context.Context, keys []K) (map[K]V, error)

// most is how many keys one reading is about, and longest how long it may take.
const (
	most    = 1024
	longest = 30 * time.Second
)

// Get returns what stands behind a key. The reading is nobody's own: who goes away does
// not end the others'. So read has to be the same for all who ask. The value is shared,
// and must not be changed.
func (r *Reader[K, V]) Get(ctx context.Context, key K, read Read[K, V]) (v V, err error) {
	mine := r.join(key, read)
	select {
	case <-mine.done:
		return mine.values[key], mine.err
	case <-ctx.Done():
		return v, ctx.Err()
	}
}

// GetAll is Get for several keys, each once; those that read leaves out are not in it.
func (r *Reader[K, V]) GetAll(ctx context.Context, keys []K, read Read[K, V]) (map[K]V, error) {
	found := make(map[K]V, len(keys))
	for i, mine := range r.joinAll(keys, read) {
		select {
		case <-mine.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if mine.err != nil {
			return nil, mine.err
		}
		if v, ok := mine.values[keys[i]]; ok {
			found[keys[i]] = v
		}
	}
	return found, nil
}

// join adds a key to the next reading, which begins at once if none is under way.
func (r *Reader[K, V]) join(key K, read Read[K, V]) *reading[K, V] {
	return r.joinAll([]K{key}, read)[0]
}

// joinAll adds keys to the next reading, or to as many as they need, and returns the
// reading of each.
func (r *Reader[K, V]) joinAll(keys []K, read Read[K, V]) (list []*reading[K, V]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		list = append(list, r.add(key))
	}
	if !r.busy && len(keys) > 0 {
		r.busy = true
		go r.work(read)
	}
	return list
}

// add adds a key to the last reading that has not begun.
func (r *Reader[K, V]) add(key K) *reading[K, V] {
	if n := len(r.waiting); n == 0 || len(r.waiting[n-1].keys) >= most {
		r.waiting = append(r.waiting, &reading[K, V]{known: map[K]bool{}, done: make(chan struct{})})
	}
	next := r.waiting[len(r.waiting)-1]
	if !next.known[key] {
		next.known[key] = true
		next.keys = append(next.keys, key)
	}
	return next
}

// work reads until nobody waits.
func (r *Reader[K, V]) work(read Read[K, V]) {
	for {
		next := r.next()
		if next == nil {
			return
		}
		next.read(read)
		close(next.done)
	}
}

func (r *Reader[K, V]) next() *reading[K, V] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 {
		r.busy = false
		return nil
	}
	next := r.waiting[0]
	r.waiting = r.waiting[1:]
	return next
}

// read fills the reading in. One that panics must not take the program with it: it is
// nobody's request that could recover.
func (g *reading[K, V]) read(read Read[K, V]) {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	defer func() {
		if reason := recover(); reason != nil {
			g.values, g.err = nil, fmt.Errorf("a reading failed: %v", reason)
		}
	}()
	g.values, g.err = read(ctx, g.keys)
}
