package bookfile

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// sparse says of the bookings that git knows and keeps out of the checkout (git
// sparse-checkout, git update-index --skip-worktree) that they cannot be seen. What is
// merely deleted was deleted by somebody.
func (b *Bookings) sparse(folder string) {
	if !mayBeSparse(folder) {
		return
	}
	r := &repository{dir: folder, env: os.Environ()}
	out, err := r.run(context.Background(), "ls-files", "-t", "-z", "--", Folder)
	if err != nil {
		return // no git, or no repository of it: the files are all there is
	}
	for entry := range strings.SplitSeq(out, "\x00") {
		name, skipped := strings.CutPrefix(entry, "S ")
		if !skipped {
			continue
		}
		at := place.Place{File: filepath.Join(folder, filepath.FromSlash(name))}
		if _, err := os.Lstat(at.File); err == nil {
			continue
		}
		pool, _ := poolOf(path.Base(path.Dir(name)))
		t := Trouble{Pool: pool, Trouble: trouble.Trouble{
			At: at, Message: "git keeps this booking out of the checkout, so that nobody sees it here",
			Hint: "git sparse-checkout add " + Folder + ", or git update-index --no-skip-worktree FILE and git restore FILE",
		}}
		t.Range, _ = rangeOf(path.Base(name))
		b.Troubles = append(b.Troubles, t)
	}
}

// mayBeSparse tells most checkouts at a glance, without a run of git: those without
// bookings that git was never told to leave anything out of.
func mayBeSparse(folder string) bool {
	private := gitFolder(folder)
	if private == "" {
		return false
	}
	for _, path := range []string{filepath.Join(private, "info", "sparse-checkout"), filepath.Join(folder, Folder)} {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}

// gitFolder is where git keeps what belongs to a checkout alone; empty where there is none.
func gitFolder(folder string) string {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return ""
	}
	for {
		at := filepath.Join(folder, ".git")
		if info, err := os.Stat(at); err == nil && info.IsDir() {
			return at
		}
		if text, err := os.ReadFile(at); err == nil { // of a linked checkout, or a submodule
			private := strings.TrimSpace(strings.TrimPrefix(string(text), "gitdir:"))
			if !filepath.IsAbs(private) {
				private = filepath.Join(folder, private)
			}
			return private
		}
		above := filepath.Dir(folder)
		if above == folder {
			return ""
		}
		folder = above
	}
}
