package sharedtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// noMount is the exit code of a test inside of InOwnMounts that may not mount.
const noMount = 77

// InOwnMounts runs the test once more, alone, in a mount namespace of its own, where it may
// call MountSmall, with lines added to its environment by which it knows that. Root stays
// root there. It logs what that test prints, and fails if that fails.
func InOwnMounts(t *testing.T, environ ...string) {
	t.Helper()
	inside := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	inside.Env = append(os.Environ(), environ...)
	inside.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		inside.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
	}
	out, err := inside.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == noMount:
		Unavailable(t, "no file system of its own: %s", out)
	case errors.As(err, &exit):
		t.Errorf("in its own mount namespace: %v\n%s", err, out)
	case err != nil:
		Unavailable(t, "no mount namespace of its own: %v", err)
	default:
		t.Logf("%s", out)
	}
}

// MountSmall mounts a tmpfs with these options, such as size=64k, until the test ends. It is
// for tests inside of InOwnMounts.
func MountSmall(t *testing.T, dir, options string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		fmt.Println(err)
		os.Exit(noMount)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}
