// Package garbage says how often Go's garbage collector runs while much is read.
package garbage

import (
	"os"
	"runtime/debug"
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
