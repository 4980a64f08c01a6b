package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

const fullVariable = "IPGUARD_TEST_FULL_DISK"

// noMount is the exit code of the process inside if it may not mount.
const noMount = 77

// TestFullDisk writes to a disk without room: the old file stays and nothing is left
// beside. The disk is a tmpfs in a mount namespace of its own.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(fullVariable); dir != "" {
		onFullDisk(t, dir)
		return
	}
	inside := exec.Command(os.Args[0], "-test.run=^TestFullDisk$")
	inside.Env = append(os.Environ(), fullVariable+"="+t.TempDir())
	inside.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := inside.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == noMount:
		sharedtest.Unavailable(t, "no file system of its own for a full disk: %s", out)
	case errors.As(err, &exit):
		t.Errorf("on a full disk: %v\n%s", err, out)
	case err != nil:
		sharedtest.Unavailable(t, "no namespace of its own for a full disk: %v", err)
	}
}

func onFullDisk(t *testing.T, dir string) {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		fmt.Println(err)
		os.Exit(noMount)
	}
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
