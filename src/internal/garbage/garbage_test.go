package garbage

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// settings are those of the collector, which can only be read by setting them.
func settings() (percent int, limit int64) {
	percent = debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return percent, debug.SetMemoryLimit(-1)
}

func TestCollectLess(t *testing.T) {
	t.Setenv("GOGC", "")
	percent, limit := settings()
	undo := CollectLess(1 << 30)
	if p, l := settings(); p <= percent || l != 1<<30 {
		t.Errorf("%d %%, limit %d", p, l)
	}
	undo()
	if p, l := settings(); p != percent || l != limit {
		t.Errorf("afterwards %d %%, limit %d", p, l)
	}
	t.Setenv("GOGC", "50")
	defer CollectLess(1 << 30)()
	if p, l := settings(); p != percent || l == 1<<30 {
		t.Errorf("with GOGC: %d %%, limit %d", p, l)
	}
}

// TestCollectSeldom: what may be used grows with what is alive.
func TestCollectSeldom(t *testing.T) {
	t.Setenv("GOGC", "")
	percent, limit := settings()
	defer func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}()
	runtime.GC()
	CollectSeldom()
	_, little := settings()
	kept := make([]byte, 64<<20)
	runtime.GC()
	CollectSeldom()
	p, much := settings()
	if p <= percent || little < 256<<20 || much < little+120<<20 || much > little+140<<20 {
		t.Errorf("%d %%, limit %d, and with %d bytes more alive %d", p, little, len(kept), much)
	}
	runtime.KeepAlive(kept)
}

func TestRoom(t *testing.T) {
	if got := roomFor(100, 500); got != 500 {
		t.Errorf("a heap below the limit gets %d", got)
	}
	if got := roomFor(800, 500); got != 1000 {
		t.Errorf("a heap beyond the limit gets %d", got)
	}
}

// The limit follows a heap that needs more, until it is undone.
func TestCollectLessMakesRoom(t *testing.T) {
	t.Setenv("GOGC", "")
	_, before := settings()
	undo := CollectLess(1 << 20)
	held := make([]byte, 64<<20)
	grown := false
	for range 1000 {
		runtime.GC() // the finalizer runs some time after a collection
		if grown = debug.SetMemoryLimit(-1) >= 64<<20; grown {
			break
		}
	}
	if !grown {
		t.Errorf("limit %d with %d bytes in use", debug.SetMemoryLimit(-1), len(held))
	}
	runtime.KeepAlive(held)
	undo()
	for range 10 {
		runtime.GC()
	}
	if _, after := settings(); after != before {
		t.Errorf("limit %d afterwards, %d before", after, before)
	}
}
