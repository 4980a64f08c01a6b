package bookfile

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/atomicfile"
)

// A fast-forward writes the files of the checkout first, then the index, then the
// branch. It outlives a killed ipguard (apart), but not the power: so where it begins
// is written down before, and whoever has the lock next waits for its end, or, where
// nobody ends it, takes back what it wrote. Bookings were committed as they were then
// (checkClean), so what stands in their files since is the work of git.

// journal is the file that tells of a fast-forward: FROM TO PID.
const journal = "ipguard-forward"

// lockWait is how often it is looked whether the lock is free, or a fast-forward at its
// end.
const lockWait = 15 * time.Millisecond

// How long the end of a fast-forward is waited for: of one that runs, and of one of
// which nobody knows that.
const (
	longestForward = time.Minute
	shortForward   = 3 * time.Second
)

// begin writes down that the checkout goes from one commit to another.
func (c *checkout) begin(from, to string, pid int) error {
	text := fmt.Sprintf("%s %s %d\n", from, to, pid)
	if err := os.WriteFile(filepath.Join(c.private, journal), []byte(text), 0o600); err != nil {
		return fmt.Errorf("cannot write into the repository: %w", err)
	}
	return nil
}

// end says that nothing is under way any more. That it fails is found out next time.
func (c *checkout) end() { _ = os.Remove(filepath.Join(c.private, journal)) }

// recover ends what a killed process began. Whoever calls it has the lock.
func (c *checkout) recover(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(c.private, journal))
	if err != nil {
		return nil // there was none, as always
	}
	defer c.end()
	fields := strings.Fields(string(text))
	if len(fields) != 3 { // the writing of it was cut off: nothing had begun
		return nil
	}
	from, to := fields[0], fields[1]
	pid, _ := strconv.Atoi(fields[2]) // 0: not known
	began := time.Now()
	for {
		head, _, err := c.has(ctx, "HEAD")
		if err != nil {
			return err
		}
		if head != from {
			return nil // it came to its end
		}
		waited := time.Since(began)
		if c.checkClean(ctx) == nil || waited > longestForward || waited > shortForward && (pid == 0 || !alive(pid)) {
			return c.takeBack(ctx, from, to)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockWait):
		}
	}
}

// takeBack takes back what a fast-forward wrote into the files of bookings: what one
// has of its new text from the beginning on.
func (c *checkout) takeBack(ctx context.Context, from, to string) error {
	out, err := c.feed(ctx, nil, nil, "diff", "--name-only", "-z", "--no-renames", from, to, "--", ":(top)"+c.prefix+Folder)
	if err != nil {
		return nil // the commit never came to be
	}
	root, err := c.run(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(string(out), "\x00") {
		path := filepath.Join(root, filepath.FromSlash(name))
		if info, err := os.Lstat(path); name == "" || err != nil || !info.Mode().IsRegular() {
			continue
		}
		written, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		after, err := c.feed(ctx, nil, nil, "cat-file", "blob", to+":"+name)
		if err != nil || !bytes.HasPrefix(after, written) {
			continue // somebody else wrote it since
		}
		before, err := c.feed(ctx, nil, nil, "cat-file", "blob", from+":"+name)
		switch {
		case err == nil && !bytes.Equal(before, written):
			err = atomicfile.Write(path, atomicfile.Shared, before) // whole, also where the disk is full
		case err != nil:
			err = os.Remove(path)
		}
		if err != nil {
			return fmt.Errorf("cannot take back what a booking began: %w", err)
		}
	}
	// The index may know some of the new files already.
	_, _ = c.run(ctx, "reset", "--quiet", from, "--", ":(top)"+c.prefix+Folder)
	return nil
}
