// Package changed asks git which files a change touches: those that differ between the
// working tree and the commit that the change began at, and those that git does not
// know. What git cannot tell of a file, because it ignores it, or because the file lies
// elsewhere, counts as changed: a file is passed over only if it is proven to be as it
// was.
package changed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/gitcommand"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Files are the files that a change touches.
type Files struct {
	// Base is the commit that the change began at, shortened, and Of what it was found
	// by: a revision as it was given, or the name of a branch.
	Base, Of string
	top      string // of the working tree, without links
	// changed are paths below top, with slashes: files, and folders that are links or
	// submodules. same are those that git compared, and that are in changed if they differ.
	changed, same map[string]bool
}

// mainBranches are those that a change is taken to have left, the likeliest first.
var mainBranches = []string{"origin/HEAD", "origin/main", "origin/master", "@{upstream}", "main", "master"}

// Since returns the files that changed in the repository of a folder since a revision,
// or rather since the commit at which HEAD left it. Without one that is the main branch:
// of the remote origin, else the upstream branch, else main or master of the repository
// itself, else HEAD, if there is something that was not committed. The error is a
// *trouble.Trouble.
func Since(ctx context.Context, folder, revision string) (*Files, error) {
	g := git{ctx: ctx, folder: folder}
	top, err := g.line("rev-parse", "--show-toplevel")
	if err != nil {
		return nil, fail("lint all: leave --changed out", "what changed is unknown: %s", reason(err, "this is no git repository"))
	}
	if top, err = filepath.EvalSymlinks(filepath.FromSlash(top)); err != nil {
		return nil, fail("", "what changed is unknown: %s", err)
	}
	g.folder = top
	if _, ok := g.commit("HEAD"); !ok {
		return nil, fail("lint all: leave --changed out", "what changed is unknown: the repository has no commit yet")
	}
	f := &Files{top: top, changed: map[string]bool{}, same: map[string]bool{}}
	base, err := f.base(&g, revision)
	if err != nil {
		return nil, err
	}
	if err := f.compare(&g, base); err != nil {
		return nil, err
	}
	if f.Of == "HEAD" && revision == "" && len(f.changed) == 0 {
		return nil, fail("name the commit before the change: --changed REV",
			"what changed is unknown: nothing is uncommitted, and there is no branch main or master, nor a remote's")
	}
	if f.Base, err = g.line("rev-parse", "--short", base); err != nil {
		f.Base = base[:min(len(base), 12)]
	}
	return f, nil
}

// base finds the commit that the change began at.
func (f *Files) base(g *git, revision string) (string, error) {
	names := mainBranches
	if revision != "" {
		names = []string{revision}
	}
	for _, name := range names {
		commit, ok := g.commit(name)
		if !ok {
			continue
		}
		f.Of = name
		base, err := g.line("merge-base", commit, "HEAD")
		if err == nil && base != "" {
			return base, nil
		}
		if shallow, _ := g.line("rev-parse", "--is-shallow-repository"); shallow == "true" {
			return "", fail("fetch the history: git fetch --unshallow (fetch-depth: 0 in GitHub Actions, GIT_DEPTH: 0 in GitLab CI)",
				"what changed is unknown: the clone is shallow, and does not reach where this commit left %s", name)
		}
		return "", fail("name a commit of this history: --changed REV", "what changed is unknown: this commit and %s have no common one", name)
	}
	if revision != "" {
		hint := "git log --oneline lists commits"
		if shallow, _ := g.line("rev-parse", "--is-shallow-repository"); shallow == "true" {
			hint = "the clone is shallow: git fetch --unshallow fetches the others"
		}
		return "", fail(hint, "there is no commit %q", revision)
	}
	f.Of = "HEAD"
	commit, _ := g.commit("HEAD")
	return commit, nil
}

// compare notes what differs from a commit, and what git looked at.
func (f *Files) compare(g *git, base string) error {
	differing, err := g.list("diff", "--name-only", "-z", "--no-renames", "--ignore-submodules=none", base, "--")
	if err != nil {
		return fail("", "what changed is unknown: %s", reason(err, "git diff fails"))
	}
	untracked, err := g.list("ls-files", "-z", "--others", "--exclude-standard")
	if err != nil {
		return fail("", "what changed is unknown: %s", reason(err, "git ls-files fails"))
	}
	tracked, err := g.list("ls-files", "-z", "-v", "--cached")
	if err != nil {
		return fail("", "what changed is unknown: %s", reason(err, "git ls-files fails"))
	}
	for _, path := range slices.Concat(differing, untracked) {
		f.changed[strings.TrimSuffix(path, "/")] = true // a repository of its own ends with a slash
	}
	for _, entry := range tracked {
		if path, ok := strings.CutPrefix(entry, "H "); ok { // else git was told not to look
			f.same[path] = true
		}
	}
	return nil
}

// Has reports whether the file at a path changed, or may have.
func (f *Files) Has(path string) bool {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return true
	}
	real, err := filepath.EvalSymlinks(absolute)
	if err != nil {
		return true // it is not there any more
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(absolute))
	if err != nil {
		return true
	}
	for _, way := range []string{absolute, filepath.Join(folder, filepath.Base(absolute)), real} {
		if below, ok := f.below(way); ok && onTheWay(f.changed, below) {
			return true
		}
	}
	below, ok := f.below(real)
	return !ok || !onTheWay(f.same, below)
}

// below is a path as git writes it; ok is false if it is not below the working tree.
func (f *Files) below(path string) (below string, ok bool) {
	below, err := filepath.Rel(f.top, path)
	if err != nil || below == ".." || strings.HasPrefix(below, ".."+string(filepath.Separator)) {
		return "", false
	}
	return filepath.ToSlash(below), true
}

// onTheWay reports whether a path or a folder that it leads through is in a set.
func onTheWay(set map[string]bool, path string) bool {
	for {
		if set[path] {
			return true
		}
		i := strings.LastIndexByte(path, '/')
		if i < 0 {
			return false
		}
		path = path[:i]
	}
}

// git runs git in a folder.
type git struct {
	ctx    context.Context
	folder string
}

func (g *git) output(args ...string) ([]byte, error) {
	cmd := gitcommand.New(g.ctx, g.folder, append([]string{"-c", "core.quotePath=false"}, args...)...)
	cmd.WaitDelay = 100 * time.Millisecond // for a child of git that keeps the pipe
	return cmd.Output()
}

func (g *git) line(args ...string) (string, error) {
	out, err := g.output(args...)
	return strings.TrimRight(string(out), "\r\n"), err
}

func (g *git) list(args ...string) ([]string, error) {
	out, err := g.output(args...)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	return strings.Split(string(bytes.TrimSuffix(out, []byte{0})), "\x00"), nil
}

// commit is the commit that a revision means.
func (g *git) commit(revision string) (string, bool) {
	hash, err := g.line("rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	return hash, err == nil && hash != ""
}

// reason is why git did not answer; its own words may have the user's paths in them.
func reason(err error, otherwise string) string {
	if errors.Is(err, exec.ErrNotFound) {
		return "there is no program git"
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if bytes.Contains(exit.Stderr, []byte("dubious ownership")) {
			return "git does not trust this repository, which belongs to somebody else (safe.directory)"
		}
		return otherwise
	}
	return err.Error()
}

func fail(hint, format string, args ...any) error {
	return &trouble.Trouble{Message: fmt.Sprintf(format, args...), Hint: hint}
}

// Paths are the absolute paths of what changed, files that are gone included.
func (f *Files) Paths() []string {
	var list []string
	for path := range f.changed {
		list = append(list, filepath.Join(f.top, filepath.FromSlash(path)))
	}
	slices.Sort(list)
	return list
}
