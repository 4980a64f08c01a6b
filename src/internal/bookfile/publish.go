package bookfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/place"
)

// upstream is where a branch is pushed to.
type upstream struct {
	remote place.Name
	branch string
	// url is where pushes of the remote go, as the configuration has it.
	url string
	// tracking is the ref that notes the remote's branch; empty if none does.
	tracking string
	// tip is the remote's commit as of the last fetch; empty where it has no such branch.
	tip string
}

// newest brings the checkout up to what the remote has, if bookings are pushed.
func (s *Store) newest(ctx context.Context, c *checkout) (*upstream, error) {
	if !s.Push {
		return nil, nil
	}
	up := c.follows
	if up == nil {
		var err error
		if up, err = c.upstream(ctx, s.Branch); err != nil {
			return nil, err
		}
		c.follows = up
	}
	if s.Branch != "" && c.current == nil {
		if current, err := c.upstream(ctx, ""); err == nil && current.remote == up.remote { // else there is nothing to be behind of
			c.current = current
		}
	}
	if err := c.fetch(ctx, up, c.current); err != nil {
		return nil, err
	}
	if err := s.checkConsent(ctx, c); err != nil {
		return nil, err
	}
	if s.Branch == "" {
		return up, s.followRemote(ctx, c, up)
	}
	if c.current != nil {
		if err := s.catchUp(ctx, c, c.current); err != nil {
			return nil, err
		}
	}
	return up, s.followBranch(ctx, c, up)
}

// upstream is the one of the current branch, or of a branch aside.
func (c *checkout) upstream(ctx context.Context, aside string) (*upstream, error) {
	up := &upstream{branch: aside}
	remote, err := c.run(ctx, "config", "--get", "branch."+string(c.branch)+".remote")
	if err != nil && !exitedWith(err, 1) {
		return nil, err
	}
	if remote == "" && aside != "" { // from a detached HEAD, or a branch that is not followed
		remotes, err := c.run(ctx, "remote")
		if err != nil {
			return nil, err
		}
		if list := strings.Fields(remotes); len(list) == 1 {
			remote = list[0]
		}
	}
	if remote == "" {
		return nil, stop("git push -u origin "+c.branch.String()+", or book without --push", "branch %s follows no branch of a remote: there is nowhere to push to", c.branch)
	}
	if remote == "." {
		return nil, stop("git branch --set-upstream-to origin/"+c.branch.String()+", or book without --push", "branch %s follows a branch of this repository: there is nowhere to push to", c.branch)
	}
	up.remote, up.url = place.Name(remote), remote
	for _, key := range []string{"pushurl", "url"} {
		urls, err := c.run(ctx, "config", "--get-all", "remote."+remote+"."+key)
		if err != nil || urls == "" {
			continue
		}
		if n := strings.Count(urls, "\n") + 1; n > 1 {
			return nil, stop("give the one that decides a remote of its own, and let the branch follow that", "pushes to %s go to %d places, and one alone can decide who is first", up.remote, n)
		}
		if withoutSecrets(urls) == urls { // or all who list processes would see it
			up.url = urls
		}
		break
	}
	if aside == "" {
		merge, err := c.run(ctx, "config", "--get", "branch."+string(c.branch)+".merge")
		if err != nil {
			return nil, stop(fmt.Sprintf("git push -u %s %s", up.remote, c.branch), "branch %s follows no branch of %s", c.branch, up.remote)
		}
		up.branch = strings.TrimPrefix(merge, "refs/heads/")
		if ref, err := c.run(ctx, "rev-parse", "--symbolic-full-name", "@{upstream}"); err == nil {
			up.tracking = ref // else it is noted by the next fetch
		}
	}
	return up, nil
}

// fetch asks the remote for branches, and for the one that it shows to everybody. It
// changes no ref: a lock of git's that a killed process leaves would disturb everybody
// who works here.
func (c *checkout) fetch(ctx context.Context, ups ...*upstream) error {
	ups = slices.DeleteFunc(ups, func(up *upstream) bool { return up == nil })
	remote := ups[0]
	args := []string{"ls-remote", "--symref", string(remote.remote), "HEAD"}
	for _, up := range ups {
		args = append(args, "refs/heads/"+up.branch)
	}
	out, err := c.remotely(ctx, remote, c.patience, args...)
	if err != nil {
		return unreachable(remote, err)
	}
	tips := tipsOf(out)
	c.counting, c.countingTip = strings.TrimPrefix(tips["ref"], "refs/heads/"), tips["HEAD"]
	args = []string{"-c", "gc.auto=0", "-c", "maintenance.auto=false", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=", string(remote.remote)}
	refs := map[string]string{tips["ref"]: c.countingTip}
	for _, up := range ups {
		up.tip = tips["refs/heads/"+up.branch]
		refs["refs/heads/"+up.branch] = up.tip
	}
	wanted := len(args)
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		if known, err := c.knows(ctx, refs[ref]); err != nil {
			return err
		} else if !known && ref != "" {
			args = append(args, ref)
		}
	}
	if len(args) == wanted {
		return nil
	}
	if _, err := c.remotely(ctx, remote, longer*c.patience, args...); err != nil {
		return unreachable(remote, err)
	}
	// Between the two it may have moved on; what was asked for came with it, but
	// where somebody forced a push.
	for _, tip := range refs {
		if known, err := c.knows(ctx, tip); err != nil || !known {
			return cmp.Or(err, errLate)
		}
	}
	return nil
}

// longer is how much longer than an answer a transfer may take.
const longer = 3

// tipsOf are the refs of git ls-remote --symref; "ref" is what HEAD stands for.
func tipsOf(text string) map[string]string {
	tips := map[string]string{}
	for line := range strings.Lines(text) {
		value, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if target, ok := strings.CutPrefix(value, "ref: "); ok && name == "HEAD" {
			tips["ref"] = target
		} else if !ok {
			tips[name] = value
		}
	}
	return tips
}

// knows reports whether a commit is here; none is.
func (c *checkout) knows(ctx context.Context, commit string) (bool, error) {
	if commit == "" {
		return true, nil
	}
	_, known, err := c.has(ctx, commit)
	return known, err
}

func unreachable(up *upstream, err error) error {
	return stop("nothing was booked; without --push it is booked here alone, and counts for others when it is pushed",
		"the remote %s cannot be asked: %s", up.remote, err)
}

// followRemote fast-forwards the current branch to the remote's.
func (s *Store) followRemote(ctx context.Context, c *checkout, up *upstream) error {
	head, _, err := c.has(ctx, "HEAD")
	if err != nil || head == up.tip || up.tip == "" && head == "" {
		return err
	}
	if up.tip != "" && (head == "" || c.isAncestor(ctx, head, up.tip)) {
		return s.forward(ctx, c, head, up.tip)
	}
	if up.tip == "" || c.isAncestor(ctx, up.tip, head) {
		return stop("git push, and book again: a booking is pushed alone", "branch %s has commits that are not pushed yet: nothing was booked", c.branch)
	}
	return stop("git pull --rebase, git push, and book again", "branch %s and that of %s have diverged: nothing was booked", c.branch, up.remote)
}

// catchUp fast-forwards the current branch where bookings go to another one: what its
// remote has by now may forbid an address. Commits that are not pushed may stay.
func (s *Store) catchUp(ctx context.Context, c *checkout, up *upstream) error {
	head, _, err := c.has(ctx, "HEAD")
	switch {
	case err != nil || up.tip == "" || head == up.tip || c.isAncestor(ctx, up.tip, head):
		return err
	case c.isAncestor(ctx, head, up.tip):
		return s.forward(ctx, c, head, up.tip)
	}
	return stop("git pull --rebase, and book again", "branch %s and that of %s have diverged: nothing was booked", c.branch, up.remote)
}

// followBranch brings the branch aside to the remote's.
func (s *Store) followBranch(ctx context.Context, c *checkout, up *upstream) error {
	local, ok, err := c.has(ctx, "refs/heads/"+s.Branch)
	if err != nil || up.tip == "" || local == up.tip {
		return err
	}
	if ok && !c.isAncestor(ctx, local, up.tip) {
		return stop("git push "+up.remote.String()+" "+s.Branch+", or take another name", "branch %s and that of %s have diverged: nothing was booked", s.Branch, up.remote)
	}
	return c.moveBranch(ctx, s.Branch, local, up.tip)
}

func (c *checkout) isAncestor(ctx context.Context, a, b string) bool {
	_, err := c.run(ctx, "merge-base", "--is-ancestor", a, b)
	return err == nil
}

// forward fast-forwards the checkout from its HEAD to a commit.
func (s *Store) forward(ctx context.Context, c *checkout, head, commit string) error {
	if err := c.merge(ctx, head, commit); err != nil {
		now, _, headErr := c.has(ctx, "HEAD")
		switch {
		case headErr != nil:
			return headErr
		case now != head:
			return errLate // somebody commits here
		case isLocked(err):
			return errLocked
		}
		// What it wrote until then would look like somebody's own. Where it cannot be taken
		// back the next one does, who finds the journal.
		if head != "" && c.takeBack(context.WithoutCancel(ctx), head, commit) == nil {
			c.end()
		}
		hint := "commit or stash what was changed, and git pull"
		if failed := (*gitError)(nil); errors.As(err, &failed) && strings.Contains(failed.stderr, "No space left on device") {
			hint = "make room on the disk, and book again"
		}
		return stop(hint, "the checkout cannot be brought up to date: %s", err)
	}
	return nil
}

// isLocked reports whether git did not do it because of the index's lock.
func isLocked(err error) bool {
	var failed *gitError
	return errors.As(err, &failed) && strings.Contains(failed.stderr, "index.lock': File exists")
}

// merge fast-forwards the checkout, and says so where the next one finds it.
func (c *checkout) merge(ctx context.Context, head, commit string) error {
	args := []string{"-c", "gc.auto=0", "-c", "maintenance.auto=false", "merge", "--ff-only", "--quiet", commit}
	cmd := apart(c.command(context.WithoutCancel(ctx), nil, nil, args...))
	if head != "" { // else there is nothing to go back to
		file, err := c.begin(head, commit)
		if err != nil {
			return err
		}
		defer file.Close()
		cmd.ExtraFiles = []*os.File{file}
	}
	_, err := output(cmd, []string{"merge"})
	if err == nil || isLocked(err) {
		c.end()
	}
	return err
}

func (c *checkout) moveBranch(ctx context.Context, branch, from, to string) error {
	if from == "" {
		from = strings.Repeat("0", len(to))
	}
	_, err := c.run(ctx, "update-ref", "-m", "ipguard book", "refs/heads/"+branch, to, from)
	if err != nil && strings.Contains(err.Error(), "cannot lock ref") {
		return errLate
	}
	return err
}

// publish makes a commit count: for the remote first, which decides, then here.
func (s *Store) publish(ctx context.Context, c *checkout, up *upstream, base, commit string) error {
	if up != nil {
		if err := c.push(ctx, up, commit); err != nil {
			return err
		}
	}
	if s.Branch != "" {
		local, _, err := c.has(ctx, "refs/heads/"+s.Branch)
		if err != nil {
			return err
		}
		return c.moveBranch(ctx, s.Branch, local, commit)
	}
	err := s.forward(ctx, c, base, commit)
	if err != nil && up != nil {
		// It is booked, for all to see, and only this checkout does not have it yet.
		return stop("the booking counts: git pull brings it here", "the booking was pushed, but the checkout cannot be brought up to date: %s", err)
	}
	return err
}

// push moves the remote's branch from what it was to the commit, or fails with
// errLate if it is no longer what it was. It goes to the remote's URL, so that git
// notes nothing on the way (see fetch); note does.
func (c *checkout) push(ctx context.Context, up *upstream, commit string) error {
	target := "refs/heads/" + up.branch
	lease := "--force-with-lease=" + target + ":" + up.tip
	out, err := c.remotely(ctx, up, longer*c.patience, "push", "--porcelain", lease, up.url, commit+":"+target)
	if err == nil {
		c.note(ctx, up, commit)
		return nil
	}
	reason := ""
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "!") {
			reason = strings.TrimSpace(line[strings.LastIndexByte(line, '\t')+1:])
		}
	}
	for _, late := range []string{"[rejected]", "cannot lock ref", "failed to update ref", "reference already exists", "incorrect old value"} {
		if strings.Contains(reason, late) {
			return errLate
		}
	}
	if strings.Contains(reason, "[remote rejected]") {
		return stop("if nobody may push to it, book on a branch of its own with --branch NAME, and open a pull request for that",
			"%s does not take a push to %s: %s", up.remote, place.Name(up.branch), lastLines(reason+"\n"+strings.ReplaceAll(err.Error(), "git push: ", "")))
	}
	return c.askAgain(ctx, up, commit, err)
}

// askAgain finds out what became of a push of which nobody said that.
func (c *checkout) askAgain(ctx context.Context, up *upstream, commit string, failed error) error {
	out, err := c.remotely(ctx, up, c.patience, "ls-remote", string(up.remote), "refs/heads/"+up.branch)
	switch tip := tipsOf(out)["refs/heads/"+up.branch]; {
	case err != nil:
		return stop("run it again: who asks again for the same owner gets the same addresses",
			"whether the booking was pushed is not known, since %s cannot be asked: %s", up.remote, failed)
	case tip == commit:
		c.note(ctx, up, commit)
		return nil
	}
	return unreachable(up, failed)
}

// note says to git what the remote has now. That it fails is made good by the next
// fetch.
func (c *checkout) note(ctx context.Context, up *upstream, commit string) {
	if up.tracking != "" {
		args := []string{"update-ref", "-m", "ipguard book", up.tracking, commit}
		_, _ = output(apart(c.command(context.WithoutCancel(ctx), nil, nil, args...)), args)
	}
}
