package garbage

import (
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
