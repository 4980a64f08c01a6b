// Package garbage says how often Go's garbage collector runs while much is read.
package garbage

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// Limit is the size of the heap, in bytes, from which on a run collects its garbage as
// often as needed.
const Limit = 512 << 20

// percent is by how much more than what is alive a heap below its limit may grow.
const percent = 400

// CollectLess makes the collector run rarely, up to a heap of limit bytes, and
// returns what undoes it. Parsing leaves little behind of what it allocates: a
// quarter of the time would go into looking for garbage. A heap that needs more than
// the limit may grow by a quarter between two collections: at the limit, they would
// follow one another without end. With GOGC set the user decides.
func CollectLess(limit int64) (undo func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	oldPercent, oldLimit := debug.SetGCPercent(percent), debug.SetMemoryLimit(limit)
	r := &room{limit: limit}
	r.watch()
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.over = true
		debug.SetGCPercent(oldPercent)
		debug.SetMemoryLimit(oldLimit)
	}
}

// CollectSeldom makes the collector of a program that runs for long run rarely while
// little is alive: the heap may grow to four times more, or by 256 MiB and what is alive,
// whichever is less. It is called again now and then, for what is alive changes.
// With GOGC set the user decides.
func CollectSeldom() {
	const spare = 256 << 20
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(spare + 2*live())
	}
}

// room raises the limit where the heap needs more.
type room struct {
	mu    sync.Mutex
	limit int64
	over  bool
}

// watch looks at the heap after each collection: the collector calls the finalizer of
// what nobody holds.
func (r *room) watch() {
	runtime.SetFinalizer(&struct{ _ *room }{r}, func(*struct{ _ *room }) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.over {
			return
		}
		debug.SetMemoryLimit(roomFor(live(), r.limit))
		r.watch()
	})
}

// roomFor is the limit of a heap of which so many bytes are in use.
func roomFor(live, limit int64) int64 { return max(limit, live+live/4) }

// live is what the last collection left, in bytes.
func live() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(sample[0].Value.Uint64())
}
