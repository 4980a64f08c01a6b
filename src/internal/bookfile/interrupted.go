package bookfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/atomicfile"
)

// A fast-forward writes the files of the checkout first, then the index, then the
// branch. It outlives a killed ipguard (apart), but not the power: so where it begins
// is written down before, and whoever has the lock next waits for its end, or, where
// nobody ends it, takes back what it wrote. That somebody does is told by a lock of the
// file in which it is written: git has it from its beginning to its end. Bookings were
// committed as they were then (checkClean), so what stands in their files since is the
// work of git.

// journal is the file that tells of a fast-forward: FROM TO.
const journal = "ipguard-forward"

// lockWait is how often it is looked whether the lock is free, or a fast-forward at its
// end.
const lockWait = 15 * time.Millisecond

// longestForward is how long the end of a fast-forward is waited for that runs.
const longestForward = time.Minute

// begin writes down that the checkout goes from one commit to another. The file is locked
// as long as it is open here, or in a process that got it.
func (c *checkout) begin(from, to string) (*os.File, error) {
	path := filepath.Join(c.private, journal)
	_ = os.Remove(path) // its lock may be one of a git that was waited for long enough
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write into the repository: %w", err)
	}
	if !tryLock(file) {
		err = errors.New("its file is locked")
	} else {
		_, err = fmt.Fprintf(file, "%s %s\n", from, to)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot write into the repository: %w", err), file.Close())
	}
	return file, nil
}

// end says that nothing is under way any more. That it fails is found out next time.
func (c *checkout) end() { _ = os.Remove(filepath.Join(c.private, journal)) }

// recover ends what a killed process began. Whoever calls it has the lock.
func (c *checkout) recover(ctx context.Context) error {
	file, err := os.Open(filepath.Join(c.private, journal))
	if err != nil {
		return nil // there was none, as always
	}
	defer file.Close()
	defer c.end()
	text, err := io.ReadAll(io.LimitReader(file, 1<<10))
	if err != nil {
		return fmt.Errorf("cannot read what a booking began: %w", err)
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 || !strings.HasSuffix(string(text), "\n") { // the writing of it was cut off: nothing had begun
		return nil
	}
	from, to := fields[0], fields[1]
	for began := time.Now(); ; {
		over := tryLock(file) || time.Since(began) > longestForward
		head, _, err := c.has(ctx, "HEAD")
		if err != nil {
			return err
		}
		if head != from {
			return nil // it came to its end
		}
		if over {
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
