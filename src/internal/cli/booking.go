package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/booking"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/spelling"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// writeFlags are those of commands that write bookings.
type writeFlags struct {
	answerFlags
	push   bool
	branch string
	// consent says that the branch is for somebody to agree to.
	consent bool
	why     string
	scans   []string
}

func (f *writeFlags) add(cmd *cobra.Command) {
	f.answerFlags.add(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.push, "push", false, "push at once: what the remote took is booked for all")
	flags.StringVar(&f.branch, "branch", "", "commit to this branch, not to the current one: for branches that nobody may push to")
	flags.StringVar(&f.why, "why", "", "a reason, or a ticket, that is written beside it")
	flags.StringArrayVar(&f.scans, "scan", nil, "`file` with the JSON of ipguard scan: who answered has the address; may be repeated")
}

// desk is where bookings are made: what the fleet's files say, and the store.
type desk struct {
	*picture
	flags   *writeFlags
	streams Streams
	store   *stores
	scans   []answer.Scan
	// by is who books, and commit the last commit that was made.
	by, commit string
	// server is the URL of the server that has written bookings, and written how many
	// events it wrote.
	server  string
	written int
	// granted is the request that was found approved, and was booked by asking for it.
	granted *grantedRequest
	// scopes are what whoever books may do on the server.
	scopes []string
	// seen is the commit whose files were read. moved says that they changed since, and
	// foreign that it was not by bookings of this desk alone.
	seen           string
	moved, foreign bool
	// previewed are the addresses that a dry run would have booked by now.
	previewed []previewed
	// beside are the bookings of other pools on the branch that is booked on.
	beside []bookfile.PoolBookings
	// kept are addresses that the server gives to nobody, by what it knows.
	kept []keptBack
}

// keptBack is an address that the server gives to nobody, and its words why.
type keptBack struct {
	address netip.Prefix
	why     string
}

// grantedRequest says what was booked of a request, and how many addresses by asking for it.
type grantedRequest struct {
	text  string
	given int
}

// notFree takes notice of an address that the server gives to nobody, and reports whether
// that is news.
func (d *desk) notFree(address netip.Prefix, why string) bool {
	if slices.ContainsFunc(d.kept, func(k keptBack) bool { return k.address == address }) {
		return false
	}
	d.kept = append(d.kept, keptBack{address, why})
	return true
}

// world is what the ledger needs to know to answer an owner.
func (d *desk) world(pool *ledger.Pool, owner string) *ledger.World {
	w := d.look(pool).World(owner)
	if len(d.kept) == 0 {
		return w
	}
	free := make([]*netipx.IPSet, len(w.Free)) // those of the look are shared
	for i, set := range w.Free {
		var rest netipx.IPSetBuilder
		rest.AddSet(set)
		for _, k := range d.kept {
			rest.RemovePrefix(k.address)
		}
		free[i], _ = rest.IPSet() // prefixes and sets make no error
	}
	w.Free = free
	w.Own = slices.DeleteFunc(w.Own, func(o ledger.Own) bool {
		return slices.ContainsFunc(d.kept, func(k keptBack) bool { return k.address == o.Range })
	})
	return w
}

// openDesk reads the fleet and finds the repository.
func openDesk(ctx context.Context, flags *writeFlags, streams Streams) (*desk, error) {
	if err := flags.check(); err != nil {
		return nil, err
	}
	seen := bookfile.Head(ctx, folderOf(flags.fleet), streams.Environ)
	read, err := readPicture(flags.fleet, streams)
	if err != nil {
		return nil, err
	}
	d := &desk{picture: read, flags: flags, streams: streams, seen: seen}
	if d.Path == "" || d.lacksServer() {
		return nil, d.unread()
	}
	scanned, err := readScans(flags.scans, read.files, streams)
	if err != nil {
		return nil, err
	}
	d.scans = scanned.scans
	if len(scanned.failures) > 0 {
		return nil, incomplete(scanned.failures[0].Hint, "%s", scanned.failures[0].Message)
	}
	return d, d.openStore(ctx)
}

// lacksServer reports whether the fleet file names a server of which nothing is known:
// which pools are in git, it alone could tell.
func (p *picture) lacksServer() bool { return p.Central == nil && p.Fleet.File.Server.URL.Value != "" }

// openStore finds the repository, or the server, and who books. A fleet file all of
// whose pools are the server's needs no repository.
func (d *desk) openStore(ctx context.Context) (err error) {
	d.store = &stores{central: d.Central, git: &bookfile.Store{
		Folder: folderOf(d.Path), Environ: d.streams.Environ, Push: d.flags.push, Branch: d.flags.branch,
		Consent: d.flags.consent, Seen: d.seen,
		Moved:     func(own bool) { d.moved, d.foreign = true, d.foreign || !own },
		Beside:    func(others *bookfile.Bookings) { d.moved, d.beside = true, others.Pools },
		Waiting:   func(what string) { fmt.Fprintf(d.streams.Stderr, "ipguard: waiting for %s\n", what) },
		Committed: func(commit string) { d.commit = commit },
	}}
	if d.Central != nil {
		asked, err := d.streams.serverStore(ctx, d.Fleet.File, func(n int) { d.written += n }, d.notFree)
		if err != nil {
			return storeError(err)
		}
		d.store.server, d.server, d.by, d.scopes = asked.store, asked.url, asked.who, asked.scopes
		if d.flags.branch != "" && !d.hasOwnPools() {
			return usage("leave it out", "--branch is for pools in git, and all are the server's")
		}
	}
	if d.Central == nil || d.hasOwnPools() {
		if d.by, err = d.store.git.Author(ctx); errors.Is(err, bookfile.ErrNoBranchName) {
			return usage("--branch book-api", "--branch %s: %s", place.Name(d.flags.branch), err)
		} else if errors.Is(err, bookfile.ErrCounts) {
			return usage("name another branch, for a pull request", "--branch %s: %s", place.Name(d.flags.branch), err)
		} else if err != nil {
			return storeError(err)
		}
	}
	return nil
}

// hasOwnPools reports whether a pool is kept in git.
func (d *desk) hasOwnPools() bool {
	for i := range d.Fleet.File.Pools {
		if !d.Central.Has(d.Fleet.File.Pools[i].Key()) {
			return true
		}
	}
	return false
}

// standing is whether what was done to bookings counts for others already.
func (d *desk) standing() report.Book {
	b := report.Book{Branch: d.flags.branch, Pushed: d.flags.push, Now: d.now(), Commit: d.commit}
	if d.Central != nil && d.commit == "" {
		b.Server, b.Written, b.Branch, b.Pushed = d.server, d.written > 0, "", false
	}
	return b
}

// unread ends a command that cannot book, since something of the fleet as a whole
// could not be read.
func (d *desk) unread() error {
	if err := report.WriteFailures(d.streams.Stderr, d.failures, report.Options{}); err != nil {
		return incomplete("", "cannot write to standard error: %s", err)
	}
	return incomplete("see above", "something could not be read: nothing was booked")
}

// storeError is what keeps the store from working, as the end of a command.
func storeError(err error) error {
	var told *ending
	if errors.As(err, &told) {
		return err
	}
	if errors.Is(err, bookfile.ErrCounts) { // found out while the remote was asked
		return usage("name another branch, for a pull request", "--branch: %s", err)
	}
	t := trouble.Of(err)
	return &ending{trouble.Trouble{Message: (&trouble.Trouble{Message: t.Message, At: t.At}).Error(), Hint: t.Hint}, ExitIncomplete}
}

// now is the time in which bookings are kept: to the second.
func (d *desk) now() time.Time { return d.streams.now().UTC().Truncate(time.Second) }

// refresh reads the fleet again if the checkout moved on.
func (d *desk) refresh() error {
	if !d.moved {
		return nil
	}
	read, err := readPicture(d.flags.fleet, d.streams)
	if err != nil {
		return err
	}
	if len(d.beside) > 0 {
		read.Fleet.Bookings = slices.Concat(read.Fleet.Bookings, d.beside)
		read = newPicture(read.Workspace, read.files)
	}
	d.picture, d.moved = read, false
	return nil
}

// update has a change of a pool's bookings made; a dry run only asks what it would do.
func (d *desk) update(ctx context.Context, pool *ledger.Pool, dryRun bool, change func(*ledger.Records) ([]ledger.Entry, error)) error {
	if !dryRun {
		if err := d.store.Update(ctx, pool.Name, change); err != nil {
			return storeError(err)
		}
		return nil
	}
	rs, err := d.store.Records(ctx, pool.Name)
	if err != nil {
		return storeError(err)
	}
	_, err = change(rs)
	return err
}

// look is a look at the plan for a pool.
func (d *desk) look(pool *ledger.Pool) *booking.Look {
	return &booking.Look{Plan: d.Facts.Plan, Pool: pool, Now: d.now(), Scans: d.scans}
}

// ledgerPools are all pools of the fleet file that could be read.
func (p *picture) ledgerPools() []*ledger.Pool {
	var list []*ledger.Pool
	for i := range p.Fleet.File.Pools {
		if pool := survey.PoolOf(&p.Fleet.File.Pools[i]); len(pool.Ranges) > 0 {
			list = append(list, pool)
		}
	}
	return list
}

// where is what WHERE stands for: a pool, and the part of it that was asked for.
type where struct {
	pool   *ledger.Pool
	within []netipx.IPRange
}

// errNotDelegated says that no pool delegates what was asked for.
type errNotDelegated struct{ name string }

func (e *errNotDelegated) Error() string { return "no pool delegates an address of " + e.name }

// findPool returns what WHERE stands for: a pool by its name or its team, else the
// pool that delegates addresses of a network, a segment or a CIDR.
func (p *picture) findPool(name, team string) (where, error) {
	pools := p.ledgerPools()
	if len(pools) == 0 {
		if len(p.failures) > 0 {
			return where{}, incomplete(p.firstUnread(), "the fleet file has no pools, as far as it could be read")
		}
		return where{}, usage("add pools: to "+p.Path+" (ipguard init proposes some, ipguard schema tells the keys)", "the fleet file has no pools: nobody delegated an address")
	}
	for _, fits := range []func(*ledger.Pool) bool{
		func(o *ledger.Pool) bool { return o.Name == name },
		func(o *ledger.Pool) bool { return slices.Contains(o.Teams, name) },
	} {
		named := slices.DeleteFunc(slices.Clone(pools), func(o *ledger.Pool) bool { return !fits(o) })
		if len(named) == 1 {
			return where{pool: named[0]}, nil
		}
		if len(named) > 1 {
			return where{}, ambiguousPools(name, named)
		}
	}
	scope, err := answer.Find(p.Facts.Plan, name)
	switch notFound, ambiguous := (*answer.NotFound)(nil), (*answer.Ambiguous)(nil); {
	case errors.As(err, &ambiguous):
		return where{}, usage("name one of them: "+someOf(ambiguous.Choices), "%s", err)
	case errors.As(err, &notFound):
		for _, o := range pools {
			notFound.Known = append(notFound.Known, o.Name)
		}
		return where{}, p.unknownPool(notFound)
	}
	return p.poolOf(scope, pools, team)
}

func ambiguousPools(name string, pools []*ledger.Pool) error {
	var names []string
	for _, o := range pools {
		names = append(names, o.Name)
	}
	return usage("name one of them: "+someOf(names), "%q stands for %d pools", name, len(pools))
}

func (p *picture) unknownPool(e *answer.NotFound) error {
	hint := "there are " + someOf(e.Known)
	if near, ok := spelling.Nearest(e.Name, e.Known); ok {
		hint = "did you mean " + near + "?"
	}
	if len(p.failures)+len(p.Unread) > 0 {
		return incomplete(p.firstUnread(), "no pool, segment, network or range is %q, as far as the fleet could be read", e.Name)
	}
	return usage(hint, "no pool, segment, network or range of the fleet is %q", e.Name)
}

// poolOf is the one pool that delegates addresses of a scope.
func (p *picture) poolOf(scope answer.Scope, pools []*ledger.Pool, team string) (where, error) {
	var within []netipx.IPRange
	for _, s := range scope.Subnets {
		within = append(within, netipx.RangeOfPrefix(s.Range))
	}
	if scope.Within.IsValid() {
		within = []netipx.IPRange{scope.Within}
	}
	var found []*ledger.Pool
	for _, o := range pools {
		delegated := o.In(scope.Subnets)
		if slices.ContainsFunc(within, delegated.OverlapsRange) && (team == "" || slices.Contains(o.Teams, team)) {
			found = append(found, o)
		}
	}
	switch len(found) {
	case 0:
		return where{}, &errNotDelegated{scope.Name}
	case 1:
		return where{pool: found[0], within: within}, nil
	}
	return where{}, ambiguousPools(scope.Name, found)
}

// parseUntil reads --until: a length (14d), a day (2027-01-31, its end) or never.
func parseUntil(text string, now time.Time) (until time.Time, endless bool, err error) {
	switch {
	case text == "":
		return time.Time{}, false, nil
	case text == "never":
		return time.Time{}, true, nil
	}
	if length, ok := fleet.ParseDuration(text); ok {
		return now.Add(length), false, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, false, usage("write it as 90m, 24h, 14d, 2027-01-31 or never", "--until takes a length of time or a day, and got %q", text)
	}
	return day.Add(24*time.Hour - time.Second), false, nil
}

// parseBlocks reads addresses and blocks.
func parseBlocks(flag string, texts []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range texts {
		if p, err := netip.ParsePrefix(text); err == nil && p == p.Masked() && !p.Addr().Is4In6() {
			list = append(list, p)
			continue
		}
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return nil, usage("write 10.8.52.190, or 10.8.52.16/28 for a block", "%s takes an address, and got %q", flag, text)
		}
		a = a.Unmap()
		list = append(list, netip.PrefixFrom(a, a.BitLen()))
	}
	return list, nil
}

// blindIn are the blind spots that may hold an address of a pool, as text.
func (d *desk) blindIn(pool *ledger.Pool) []trouble.Trouble {
	var list []trouble.Trouble
	seen := map[string]bool{}
	for _, r := range pool.Ranges {
		for spot := range d.Facts.Blindness.Reaching(&plan.Subnet{Segment: pool.Segment}, r) {
			t := lint.Doubt{Spot: spot}.Trouble()
			if key := t.Error(); !seen[key] {
				seen[key] = true
				list = append(list, t)
			}
		}
	}
	return list
}

// poolsNamed are the pools that arguments name; all of them for none.
func (p *picture) poolsNamed(args []string) ([]*ledger.Pool, error) {
	if len(args) == 0 {
		return p.ledgerPools(), nil
	}
	var list []*ledger.Pool
	for _, name := range args {
		w, err := p.findPool(name, "")
		var none *errNotDelegated
		if errors.As(err, &none) {
			return nil, usage("see pools: of "+p.Path, "%s", err)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, w.pool)
	}
	return list, nil
}

// folderOf is the fleet file's folder.
func folderOf(path string) string { return filepath.Dir(path) }

// usersText names users of an address for people.
func usersText(users []ledger.User) string {
	var texts []string
	for _, u := range users {
		texts = append(texts, u.Text)
	}
	return strings.Join(texts, ", ")
}

func placeText(b ledger.Booking) string {
	if !b.At.IsValid() {
		return ""
	}
	return fmt.Sprintf(" (%s)", b.At)
}
