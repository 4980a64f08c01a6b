package bookfile

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/place"
)

// What is chosen rests on more than the records of its own pool: the manifests, and the
// bookings of all other pools. Here the store makes sure that none of it is older than
// the commit that it adds to.

// Head is the commit that is checked out in a folder; empty where there is none.
func Head(ctx context.Context, folder string, environ []string) string {
	commit, _, _ := (&repository{dir: folder, env: environ}).has(ctx, "HEAD")
	return commit
}

// tell says what differs by now from what the asker has seen.
func (s *Store) tell(ctx context.Context, c *checkout, base, pool string) error {
	head, _, err := c.has(ctx, "HEAD")
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Moved != nil && head != s.Seen {
		changed := "all"
		if s.Seen != "" {
			changed, err = c.run(ctx, "diff", "--name-only", s.Seen, head, "--", ":(top)", ":(exclude)"+path.Join(Folder, FolderOf(pool)))
		}
		if err != nil || changed != "" {
			s.Moved(head == s.own)
			s.Seen, s.own = head, ""
		}
	}
	if s.Beside == nil || s.Branch == "" || base == head {
		return nil
	}
	others, err := c.readOthers(ctx, base, pool)
	if err == nil {
		s.Beside(others)
	}
	return err
}

// wrote notes a commit of this store.
func (s *Store) wrote(base, commit string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.Branch != "": // the checkout stays as it is
	case base == s.Seen || base == s.own:
		s.own = commit
	default:
		s.own = ""
	}
}

// readOthers reads the bookings of all pools but one out of a commit.
func (c *checkout) readOthers(ctx context.Context, commit, but string) (*Bookings, error) {
	b := &Bookings{}
	if commit == "" {
		return b, nil
	}
	out, err := c.feed(ctx, nil, nil, "ls-tree", "-z", "--full-tree", "--name-only", commit, "--", c.prefix+Folder+"/")
	if err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(string(out), "\x00") {
		pool, ok := poolOf(path.Base(name))
		if name == "" || !ok || pool == but || strings.HasSuffix(name, ".md") {
			continue
		}
		tree, err := c.readPool(ctx, commit, pool)
		if err != nil {
			return nil, err
		}
		list := PoolBookings{Pool: pool}
		for booking := range tree.records.All() {
			list.Records = append(list.Records, ledger.Record{Range: booking.Range, Events: tree.records.Record(booking.Range).Events})
		}
		b.Pools = append(b.Pools, list)
	}
	return b, nil
}

// ErrCounts says that nobody has to agree to what goes to a branch.
var ErrCounts = errors.New("what is committed to this branch counts at once, and nobody has to agree")

// checkConsent refuses a branch that counts already, where somebody has to agree.
func (s *Store) checkConsent(ctx context.Context, c *checkout) error {
	if !s.Consent {
		return nil
	}
	counting := []string{c.counting}
	if merge, err := c.run(ctx, "config", "--get", "branch."+string(c.branch)+".merge"); err == nil {
		counting = append(counting, strings.TrimPrefix(merge, "refs/heads/"))
	}
	heads, err := c.run(ctx, "for-each-ref", "--format=%(symref)", "refs/remotes/*/HEAD")
	if err != nil {
		return err
	}
	for ref := range strings.Lines(heads) {
		if parts := strings.SplitN(strings.TrimSpace(ref), "/", 4); len(parts) == 4 { // refs/remotes/origin/main
			counting = append(counting, parts[3])
		}
	}
	if _, ok, err := c.has(ctx, "refs/heads/"+s.Branch); err != nil || ok {
		usual, _ := c.run(ctx, "config", "--get", "init.defaultBranch") // not set: the two usual names
		counting = append(counting, usual, "main", "master")
	}
	if slices.Contains(counting, s.Branch) {
		return ErrCounts
	}
	return nil
}

// checkWhole refuses to add to a commit that lacks bookings which count already: those of
// the checkout, and those of the branch of the remote that all others are merged into.
// They would be given again, and found out late.
func (s *Store) checkWhole(ctx context.Context, c *checkout, base string) error {
	head, _, err := c.has(ctx, "HEAD")
	if err != nil {
		return err
	}
	on := c.branch
	if s.Branch != "" {
		on = place.Name(s.Branch)
	}
	for _, other := range [][2]string{{string(c.branch), head}, {c.counting, c.countingTip}} {
		lacks, err := c.lacks(ctx, base, other[1])
		if err != nil {
			return err
		}
		if lacks {
			return stop("merge it, or book on a new branch with --branch NAME",
				"branch %s lacks bookings that %s has: nothing was booked", on, place.Name(other[0]))
		}
	}
	return nil
}

// lacks reports whether a commit lacks changes of bookings that another has.
func (c *checkout) lacks(ctx context.Context, commit, other string) (bool, error) {
	if other == "" || commit == other {
		return false, nil
	}
	if commit == "" {
		return true, nil
	}
	since, err := c.run(ctx, "merge-base", commit, other)
	if exitedWith(err, 1) { // nothing in common
		since, err = c.run(ctx, "hash-object", "-t", "tree", "--stdin") // the empty tree
	}
	if err != nil || since == other {
		return false, err
	}
	changed, err := c.run(ctx, "diff", "--name-only", "-z", "--no-renames", since, other, "--", Folder)
	if err != nil || changed == "" {
		return false, err
	}
	args := []string{"diff", "--quiet", commit, other, "--"}
	for name := range strings.SplitSeq(strings.TrimSuffix(changed, "\x00"), "\x00") {
		args = append(args, ":(top,literal)"+name)
	}
	if len(args) > mostNames {
		args = append(args[:5], Folder)
	}
	_, err = c.run(ctx, args...)
	if exitedWith(err, 1) {
		return true, nil
	}
	return false, err
}

// mostNames is how many names git is given as arguments.
const mostNames = 1000

// defaultPatience is how long a remote may keep git waiting, and others the lock.
const defaultPatience = 2 * time.Minute

// noticeAfter is after which time it is said what takes so long.
const noticeAfter = 5 * time.Second

func (s *Store) patience() time.Duration {
	if s.Patience > 0 {
		return s.Patience
	}
	return defaultPatience
}

// notice is called when waiting for something begins, and done when that ends.
func (s *Store) notice(what string) (done func()) {
	if s.Waiting == nil {
		return func() {}
	}
	timer := time.AfterFunc(min(noticeAfter, s.patience()/2), func() { s.Waiting(what) })
	return func() { timer.Stop() }
}

// errSilent says that a remote kept git waiting for too long.
var errSilent = errors.New("it does not answer")

// remotely runs a git that speaks with a remote, for a bounded time.
func (c *checkout) remotely(ctx context.Context, up *upstream, patience time.Duration, args ...string) (string, error) {
	defer c.notice("the remote " + up.remote.String())()
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errSilent)
	defer cancel()
	cmd := c.command(ctx, nil, nil, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // so that it ends its own programs
	cmd.WaitDelay = 2 * time.Second
	out, err := output(cmd, args)
	if err != nil && context.Cause(ctx) == errSilent {
		err = fmt.Errorf("%w for %s", errSilent, patience)
	}
	return strings.TrimSuffix(string(out), "\n"), err
}
