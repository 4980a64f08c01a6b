package changed

import "context"

// Head names the commit that the working tree of a folder is at, shortened, and says if
// something in it was changed since; empty if there is no commit or git cannot tell.
func Head(ctx context.Context, folder string) string {
	g := git{ctx: ctx, folder: folder}
	commit, err := g.line("rev-parse", "--short", "--verify", "--quiet", "HEAD")
	if err != nil || commit == "" {
		return ""
	}
	differing, err := g.output("status", "--porcelain", "-z", "--untracked-files=no")
	switch {
	case err != nil:
		return commit + " (git cannot tell whether something was changed since)"
	case len(differing) > 0:
		return commit + " with changes that are not committed"
	}
	return commit
}
