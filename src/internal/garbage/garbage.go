// Package garbage says how often Go's garbage collector runs while much is read.
package garbage

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
)

// Limit is the size of the heap, in bytes, from which on a run collects its garbage as
// often as needed.
const Limit = 768 << 20

// CollectLess makes the collector run rarely, up to a heap of limit bytes, and
// returns what undoes it. Parsing leaves little behind of what it allocates: a
// quarter of the time would go into looking for garbage. With GOGC set the user
// decides.
func CollectLess(limit int64) (undo func()) {
	const percent = 400
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	oldPercent, oldLimit := debug.SetGCPercent(percent), debug.SetMemoryLimit(limit)
	return func() {
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
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Kind() == metrics.KindUint64 {
		CollectLess(spare + 2*int64(live[0].Value.Uint64()))
	}
}
