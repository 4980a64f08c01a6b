//go:build !race

package atomicfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

const fullVariable = "IPGUARD_TEST_FULL_DISK"

// TestFullDisk writes to a disk without room: the old file stays and nothing is left
// beside. The disk is a tmpfs in a mount namespace of its own.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(fullVariable); dir != "" {
		onFullDisk(t, dir)
		return
	}
	sharedtest.InOwnMounts(t, fullVariable+"="+t.TempDir())
}

func onFullDisk(t *testing.T, dir string) {
	sharedtest.MountSmall(t, dir, "size=64k")
	file := filepath.Join(dir, "file")
	old := bytes.Repeat([]byte("old\n"), 8<<10) // half the disk
	if err := Write(file, Private, old); err != nil {
		t.Fatal(err)
	}
	large := make([]byte, 48<<10)
	for name, write := range map[string]func() error{
		"write":    func() error { return Write(file, Shared, large) },
		"exchange": func() error { return Exchange(file, old, large) },
		"create":   func() error { return Create(filepath.Join(dir, "new"), Shared, large) },
	} {
		if err := write(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v, want %v", name, err, syscall.ENOSPC)
		}
		holds(t, file, string(old), 0o600)
		onlyFiles(t, dir, "file")
	}
}
