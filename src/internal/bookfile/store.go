package bookfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/plural"
)

// Store keeps bookings in the commits of a git checkout.
type Store struct {
	// Folder is the fleet file's.
	Folder string
	// Environ is git's environment.
	Environ []string
	// Push makes a push of the compare-and-swap: what was committed counts when the
	// remote took it.
	Push bool
	// Branch, if set, is where the bookings go instead of the current branch, which
	// stays as it is: for branches that nobody may push to.
	Branch string
	// Consent says that somebody has to agree to what goes to Branch, so that it must be
	// none of those that count already.
	Consent bool
	// Seen is the commit whose files the asker knows (Head); empty: the one that is
	// checked out when the store is asked for the Author.
	Seen string
	// Moved is called, before a change, when another commit is checked out by now and
	// anything differs but the bookings that the change is given: the files, or the
	// bookings of other pools. own says that only bookings of this store came since.
	Moved func(own bool)
	// Beside is called, before a change, with the bookings of all other pools on Branch,
	// which the checkout does not show.
	Beside func(*Bookings)
	// Waiting is called with what git is at, where that takes long.
	Waiting func(what string)
	// Patience is how long the remote may keep git waiting, and others the lock; 0: two
	// minutes.
	Patience time.Duration
	// Committed is called with each commit that counts.
	Committed func(commit string)
	// Sleep waits between tries to push; time.Sleep if it is nil.
	Sleep func(time.Duration)

	mu sync.Mutex
	// own is the last commit of this store, where nobody else's came since Seen.
	own string
}

// How often and how patiently a push is tried again that came too late.
const (
	mostTries    = 40
	firstPause   = 20 * time.Millisecond
	longestPause = 2 * time.Second
	// mostAlike is how often it is tried while the remote stays as it is.
	mostAlike = 10
)

// errLate says that somebody else was faster: all has to be looked at again. So it is
// with errLocked, as long as git's own lock comes and goes.
var (
	errLate   = errors.New("somebody else was faster")
	errLocked = fmt.Errorf("%w: git has locked the index", errLate)
)

// Records returns what the last commit has of a pool.
func (s *Store) Records(ctx context.Context, pool string) (*ledger.Records, error) {
	c, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	base, err := s.base(ctx, c)
	if err != nil {
		return nil, err
	}
	tree, err := c.readPool(ctx, base, pool)
	if err != nil {
		return nil, err
	}
	return tree.records, nil
}

// Update commits the entries that change returns, as ledger.Store says. Whoever uses
// the same checkout waits; whoever pushed first is seen.
func (s *Store) Update(ctx context.Context, pool string, change func(*ledger.Records) ([]ledger.Entry, error)) error {
	c, err := s.open(ctx)
	if err != nil {
		return err
	}
	unlock, err := lock(ctx, c)
	if err != nil {
		return err
	}
	defer unlock()
	c.clean()
	tip, same := "", 0
	for try := range mostTries {
		err = s.try(ctx, c, pool, change)
		if !errors.Is(err, errLate) {
			return err
		}
		if same++; c.follows == nil || c.follows.tip != tip || errors.Is(err, errLocked) {
			same = 0
		}
		if c.follows != nil {
			tip = c.follows.tip
		}
		if same == mostAlike {
			return stop("compare git remote get-url "+c.follows.remote.String()+" with git remote get-url --push "+c.follows.remote.String(),
				"%s refuses what is pushed as out of date, and shows nothing newer: nothing was booked", c.follows.remote)
		}
		if err := s.pause(ctx, try); err != nil {
			return err
		}
	}
	if errors.Is(err, errLocked) {
		return stop("wait for the git that runs here; if none does, one was killed: remove "+filepath.Join(c.private, "index.lock"),
			"git has locked the checkout's index all the time: nothing was booked here")
	}
	return stop("try again: others book at the same time, or git cannot write to the remote",
		"somebody else was faster %s: nothing was booked", plural.Of(mostTries, "time"))
}

// Author is who books, as git would write it into a commit: "Jane Doe <jane@example.com>".
func (s *Store) Author(ctx context.Context) (string, error) {
	c, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	if _, known, err := c.has(ctx, s.Seen); err != nil || !known { // of another repository, or not told
		if s.Seen, _, err = c.has(ctx, "HEAD"); err != nil {
			return "", err
		}
	}
	ident, err := c.run(ctx, "var", "GIT_AUTHOR_IDENT")
	if err != nil {
		return "", stop(`git config user.name "Your Name"; git config user.email you@example.com`, "git does not know who books: %s", err)
	}
	return ident[:strings.LastIndexByte(ident, '>')+1], nil
}

// pause waits the longer the more tries failed, and never as long as others.
func (s *Store) pause(ctx context.Context, try int) error {
	most := min(firstPause<<min(try, 10), longestPause)
	pause := most/4 + rand.N(most)
	if s.Sleep != nil {
		s.Sleep(pause)
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pause):
		return nil
	}
}

// try is one attempt, from the newest state to a commit that counts.
func (s *Store) try(ctx context.Context, c *checkout, pool string, change func(*ledger.Records) ([]ledger.Entry, error)) error {
	if err := c.judge(ctx, s.Branch != ""); err != nil {
		return err
	}
	if err := c.recover(ctx); err != nil {
		return err
	}
	if err := c.checkClean(ctx); err != nil {
		return err
	}
	up, err := s.newest(ctx, c)
	if err != nil {
		return err
	}
	base, err := s.base(ctx, c)
	if err != nil {
		return err
	}
	if err := s.checkWhole(ctx, c, base); err != nil {
		return err
	}
	tree, err := c.readPool(ctx, base, pool)
	if err != nil {
		return err
	}
	if err := s.tell(ctx, c, base, pool); err != nil {
		return err
	}
	entries, err := change(tree.records)
	if err != nil || len(entries) == 0 {
		return err
	}
	if err := tree.records.Clone().Add(entries); err != nil {
		return err
	}
	files, err := tree.appended(entries)
	if err != nil {
		return err
	}
	commit, err := c.commit(ctx, base, files, subject(pool, entries))
	if err != nil {
		return err
	}
	if err := s.publish(ctx, c, up, base, commit); err != nil {
		return err
	}
	s.wrote(base, commit)
	if s.Committed != nil {
		s.Committed(commit)
	}
	return nil
}

// base is the commit that bookings are added to; empty in a repository without one.
func (s *Store) base(ctx context.Context, c *checkout) (string, error) {
	if s.Branch != "" {
		if commit, ok, err := c.has(ctx, "refs/heads/"+s.Branch); ok || err != nil {
			return commit, err
		}
	}
	commit, _, err := c.has(ctx, "HEAD")
	return commit, err
}

// tree is what one commit has of a pool.
type tree struct {
	prefix, pool string
	records      *ledger.Records
	texts        map[netip.Prefix][]byte
}

// readPool reads the files of one pool out of a commit.
func (c *checkout) readPool(ctx context.Context, commit, pool string) (*tree, error) {
	t := &tree{prefix: c.prefix, pool: pool, records: &ledger.Records{}, texts: map[netip.Prefix][]byte{}}
	if commit == "" {
		return t, nil
	}
	for _, above := range []string{Folder, path.Join(Folder, FolderOf(pool))} {
		kind, err := c.run(ctx, "ls-tree", "--full-tree", "--format=%(objecttype)", commit, "--", c.prefix+above)
		if err != nil {
			return nil, err
		}
		if kind != "" && kind != "tree" {
			return nil, stop("make it a folder of the repository: a booking there would go astray", "%s is no folder in the last commit", c.prefix+above)
		}
	}
	folder := path.Join(Folder, FolderOf(pool))
	out, err := c.feed(ctx, nil, nil, "ls-tree", "-z", "--full-tree", commit, "--", c.prefix+folder+"/")
	if err != nil {
		return nil, err
	}
	var names, ids []string
	for line := range strings.SplitSeq(string(out), "\x00") {
		head, name, ok := strings.Cut(line, "\t")
		fields := strings.Fields(head)
		if base := path.Base(name); !ok || len(fields) != 3 || strings.HasPrefix(base, ".") || strings.HasSuffix(base, ".md") {
			continue
		}
		if fields[1] != "blob" || fields[0] == "120000" {
			return nil, stop("take it away", "%s is no file of a booking", name)
		}
		names, ids = append(names, name), append(ids, fields[2])
	}
	blobs, err := c.blobs(ctx, ids)
	if err != nil {
		return nil, err
	}
	return t, t.read(names, blobs)
}

// read makes records of the files.
func (t *tree) read(names []string, blobs [][]byte) error {
	list, errs := make([]ledger.Record, len(names)), make([]error, len(names))
	sideBySide(len(names), func(i int) {
		r, ok := rangeOf(path.Base(names[i]))
		if !ok {
			errs[i] = stop("take it away", "%s is no file of a booking", names[i])
			return
		}
		list[i], errs[i] = parse(strings.TrimPrefix(names[i], t.prefix), r, blobs[i])
	})
	for i, err := range errs {
		if err != nil {
			return err
		}
		t.texts[list[i].Range] = blobs[i]
	}
	var err error
	t.records, err = ledger.NewRecords(list)
	return err
}

// blobs are the contents of objects, in their order.
func (c *checkout) blobs(ctx context.Context, ids []string) ([][]byte, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	out, err := c.feed(ctx, nil, []byte(strings.Join(ids, "\n")+"\n"), "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	list := make([][]byte, len(ids))
	for i, id := range ids {
		head, rest, _ := bytes.Cut(out, []byte("\n"))
		text, ok := strings.CutPrefix(string(head), id+" blob ")
		size, err := strconv.Atoi(text)
		if !ok || err != nil || size < 0 || len(rest) < size+1 {
			return nil, fmt.Errorf("git cat-file: %q was not expected", head)
		}
		list[i], out = rest[:size:size], rest[size+1:]
	}
	return list, nil
}

// appended are the new texts of the files that get entries, by their paths in the
// repository.
func (t *tree) appended(entries []ledger.Entry) (map[string][]byte, error) {
	byRange := map[netip.Prefix][]ledger.Event{}
	for _, e := range entries {
		byRange[e.Range] = append(byRange[e.Range], e.Event)
	}
	files := map[string][]byte{}
	for r, events := range byRange {
		text, err := appended(t.texts[r], t.pool, r, events)
		if err != nil {
			return nil, err
		}
		files[t.prefix+PathOf(t.pool, r)] = text
	}
	return files, nil
}

// verbs are what a commit says of its events.
var verbs = map[ledger.What]string{
	ledger.WasHeld: "Hold", ledger.WasBooked: "Book", ledger.WasAdopted: "Adopt", ledger.WasRenewed: "Renew",
	ledger.WasReleased: "Release", ledger.WasExpired: "Expire", ledger.WasFreed: "Free",
}

// subject is the commit's message: what was asked for in the first line, and all of
// it below.
func subject(pool string, entries []ledger.Entry) string {
	last := entries[len(entries)-1]
	asked := slices.DeleteFunc(slices.Clone(entries), func(e ledger.Entry) bool { return e.Event.What != last.Event.What })
	addresses := map[netip.Prefix]bool{}
	for _, e := range asked {
		addresses[e.Range] = true
	}
	text := fmt.Sprintf("%s %s of %s for %s\n", verbs[last.Event.What], ledger.RangeText(last.Range), pool, last.Event.Owner)
	if n := len(slices.Collect(maps.Keys(addresses))); n > 1 {
		text = fmt.Sprintf("%s %s of %s\n", verbs[last.Event.What], plural.Of(n, "address"), pool)
	}
	if len(entries) > 1 {
		text += "\n"
		for _, e := range entries {
			text += fmt.Sprintf("%s %s (%s)\n", e.Event.What, ledger.RangeText(e.Range), ledger.Holder{Owner: e.Event.Owner, Number: e.Event.Number})
		}
	}
	return text
}
