//go:build unix

package bookfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// lock keeps all other bookings of the repository's checkouts on this machine out. A
// process that is killed has it no more.
func lock(ctx context.Context, c *checkout) (unlock func(), err error) {
	path := filepath.Join(c.common, "ipguard-bookings.lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot write into the repository: %w", err)
	}
	defer c.notice("another process that books in this repository")()
	for began := time.Now(); ; {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil // which unlocks
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("cannot lock the repository's bookings: %w", err), file.Close())
		}
		if time.Since(began) > longer*c.patience {
			return nil, errors.Join(stop("see who has "+path+" open, such as by fuser", "another process books in this repository and does not end: nothing was booked here"), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), file.Close())
		case <-time.After(lockWait):
		}
	}
}

// tryLock locks a file, and reports whether it was free. The lock ends with the last
// process that has the file open by this opening.
func tryLock(file *os.File) bool {
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// apart starts a command in a process group of its own: who ends ipguard by a key or
// by its group does not end git between two of its files.
func apart(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}
