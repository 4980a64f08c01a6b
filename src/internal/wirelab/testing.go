//go:build linux

package wirelab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

const inside = "IPGUARD_WIRELAB_INSIDE"

// Main runs the tests of a package that needs labs. Without root it runs them
// again in a user namespace of their own, where they may make networks; where
// that is forbidden too, the tests find out in ForTest. program, if any, is what
// the test binary does when ForTest's hosts start it as a command.
func Main(m *testing.M, program func() int) int {
	if program != nil && os.Getenv(asProgram) != "" {
		return program()
	}
	if os.Getenv(inside) != "" {
		// Tests that talk over the loopback find it as everywhere else.
		if err := upLoopback(); err != nil {
			fmt.Fprintln(os.Stderr, "the loopback of the test's own namespace stays down:", err)
			return 1
		}
	}
	sharedtest.ExitAtOnce()
	sharedtest.WaitSideBySide()
	if os.Geteuid() == 0 || os.Getenv(inside) != "" {
		return m.Run()
	}
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Env = append(os.Environ(), inside+"=yes")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	err := c.Run()
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		return failed.ExitCode()
	case err != nil:
		fmt.Fprintln(os.Stderr, "no user namespace:", err)
		return m.Run()
	}
	return 0
}

func upLoopback() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(lo)
}

// ForTest returns a lab that is closed at the end of the test. Where none can be
// made the test is skipped; if CI is "true" it fails. programs are commands that
// the test needs besides.
func ForTest(t testing.TB, programs ...string) *Lab {
	t.Helper()
	l, err := New()
	if err != nil {
		sharedtest.Unavailable(t, "network namespaces cannot be made here: %v", err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	sharedtest.Programs(t, programs...)
	return l
}

// asProgram marks the environment of a test binary that plays the program.
const asProgram = "IPGUARD_WIRELAB_PROGRAM"

// Program returns a command that runs the test binary as the program that was
// given to Main.
func Program(args ...string) *exec.Cmd {
	c := exec.Command("/proc/self/exe", args...)
	c.Env = append(os.Environ(), asProgram+"=yes")
	return c
}
