package bookfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/place"
)

// checkout is a repository in a state in which something can be booked.
type checkout struct {
	*repository
	// private is the folder that this checkout has for itself (.git), and common
	// what it shares with the other checkouts of the repository.
	private, common string
	// branch is the current one.
	branch place.Name
	// prefix is the fleet file's folder in the repository, with slashes: empty or
	// ending in one.
	prefix string
	// follows is where bookings are pushed to, and current, for a branch aside, what the
	// current branch follows, once that was found out.
	follows, current *upstream
	// counting is the branch that the remote shows to everybody, into which others are
	// merged, and countingTip its commit; empty where that is not known.
	counting, countingTip string
	patience              time.Duration
	// notice is called when waiting for something begins.
	notice func(what string) (done func())
}

// inTheMiddle are the files by which git remembers what it has not finished.
var inTheMiddle = [][2]string{
	{"rebase-merge", "rebase"}, {"rebase-apply", "rebase"}, {"MERGE_HEAD", "merge"},
	{"CHERRY_PICK_HEAD", "cherry-pick"}, {"REVERT_HEAD", "revert"},
}

// open looks at the repository of the fleet file's folder.
func (s *Store) open(ctx context.Context) (*checkout, error) {
	r := &repository{dir: s.Folder, env: s.Environ}
	c := &checkout{repository: r, patience: s.patience(), notice: s.notice}
	out, err := r.run(ctx, "rev-parse", "--is-inside-work-tree", "--absolute-git-dir", "--git-common-dir", "--show-prefix")
	var failed *gitError
	if errors.As(err, &failed) {
		if strings.Contains(failed.stderr, "not a git repository") {
			return nil, stop("bookings are commits: git init, or keep the fleet file in the repository of its manifests",
				"%s is in no git repository", s.Folder)
		}
		if strings.Contains(failed.stderr, "dubious ownership") {
			return nil, stop("run it as the user whose checkout it is, or add the folder to safe.directory of git's configuration",
				"git does not trust the repository of %s: another user owns it", s.Folder)
		}
	}
	if err != nil {
		return nil, err
	}
	lines := strings.Split(out+"\n\n\n", "\n")
	if lines[0] != "true" {
		return nil, stop("book from a checkout of it", "%s is in a repository without a checkout", s.Folder)
	}
	c.private, c.common, c.prefix = lines[1], lines[2], lines[3]
	if !filepath.IsAbs(c.common) {
		c.common = filepath.Join(s.Folder, c.common)
	}
	if err := c.judge(ctx, s.Branch != ""); err != nil {
		return nil, err
	}
	if err := c.judgeAside(ctx, s.Branch); err != nil {
		return nil, err
	}
	return c, s.checkConsent(ctx, c)
}

// ErrNoBranchName says that git takes no branch of that name.
var ErrNoBranchName = errors.New("this is no name of a branch")

// judgeAside refuses a branch that is none, and one that is checked out: its files would
// stay as they were, and the next commit there would take the booking back.
func (c *checkout) judgeAside(ctx context.Context, branch string) error {
	if branch == "" {
		return nil
	}
	if _, err := c.run(ctx, "check-ref-format", "--branch", branch); err != nil || branch == "HEAD" || strings.HasPrefix(branch, "refs/") || strings.Contains(branch, "@{") {
		return ErrNoBranchName
	}
	out, err := c.run(ctx, "worktree", "list", "--porcelain")
	if err != nil {
		return err
	}
	folder := ""
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "worktree "); ok {
			folder = rest
		}
		if line == "branch refs/heads/"+branch {
			return stop("book there without --branch, or on another branch", "branch %s is checked out in %s: nothing was booked", place.Name(branch), folder)
		}
	}
	return nil
}

// judge refuses states in which a commit would go astray.
func (c *checkout) judge(ctx context.Context, aside bool) error {
	for _, f := range inTheMiddle {
		if _, err := os.Stat(filepath.Join(c.private, f[0])); err == nil {
			return stop("git "+f[1]+" --continue, or git "+f[1]+" --abort", "the repository is in the middle of a %s: nothing was booked", f[1])
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	branch, err := c.run(ctx, "symbolic-ref", "--quiet", "HEAD")
	switch {
	case exitedWith(err, 1) && !aside:
		return stop("git switch BRANCH, or book on a branch of its own with --branch NAME",
			"no branch is checked out (detached HEAD): a booking here would be lost")
	case err != nil && !exitedWith(err, 1):
		return err
	}
	c.branch = place.Name(strings.TrimPrefix(branch, "refs/heads/"))
	return nil
}

// checkClean refuses bookings that were changed and not committed: they would be
// lost, or count for some and not for others.
func (c *checkout) checkClean(ctx context.Context) error {
	out, err := c.run(ctx, "--no-optional-locks", "status", "--porcelain=v1", "-z", "--untracked-files=all", "--", Folder)
	if err != nil {
		return err
	}
	if first, _, _ := strings.Cut(out, "\x00"); len(first) > 3 {
		return stop("commit it, or take it back: git restore --staged --worktree FILE, git clean FILE",
			"%s was changed and is not committed: nothing was booked", first[3:])
	}
	return nil
}
