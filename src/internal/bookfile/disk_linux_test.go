//go:build !race

package bookfile_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestFullDisk: a booking for which the disk has no room leaves nothing behind, and is
// made once there is some.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		sharedtest.Unavailable(t, "only root may mount a small disk")
	}
	first := checkout(t)
	disk := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1200k", "tmpfs", disk).CombinedOutput(); err != nil {
		sharedtest.Unavailable(t, "a small disk cannot be mounted: %s", out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", disk).CombinedOutput(); err != nil {
			t.Errorf("umount: %s", out)
		}
	})
	dir := filepath.Join(disk, "c")
	git(t, disk, "-c", "core.hooksPath=/dev/null", "clone", "-q", "--template=", first, dir)
	s, filling := at(dir), filepath.Join(disk, "filling")
	if _, err := take(s, "promo/web/first"); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for room := 64; room >= 0; room -= 4 {
		var now syscall.Statfs_t
		if err := syscall.Statfs(disk, &now); err != nil {
			t.Fatal(err)
		}
		free := int64(now.Bavail)*now.Bsize - int64(room)<<10
		if err := os.WriteFile(filling, make([]byte, max(free, 0)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := take(s, fmt.Sprintf("promo/web/w%d", 100-room))
		if state := git(t, dir, "--no-optional-locks", "status", "--porcelain"); state != "" {
			t.Errorf("with %d kB left: %v, and the checkout is left as\n%s", room, err, state)
		}
		if err := os.Remove(filling); err != nil {
			t.Fatal(err)
		}
		if err == nil {
			continue
		}
		refused++
		if _, err := take(s, fmt.Sprintf("promo/web/w%d", 100-room)); err != nil {
			t.Errorf("with room again, after %d kB: %v", room, err)
		}
	}
	if refused < 3 {
		t.Errorf("only %d bookings met a full disk", refused)
	}
}
