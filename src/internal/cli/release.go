package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/netip"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/report"
)

type releaseFlags struct {
	writeFlags
	dryRun, all bool
}

func newReleaseCommand(streams Streams) *cobra.Command {
	var flags releaseFlags
	cmd := &cobra.Command{
		Use:   "release ADDRESS|OWNER...",
		Short: "give addresses back that were booked",
		Long: `release gives addresses back: each rests for the pool's quarantine, and is then given to
others. What a file declares, a director granted or a scan saw is kept, and it is said who
has it. --dry-run shows what would be done.

OWNER is a whole name, or the beginning of some: director/deployment. A pool, all of a
director and a CIDR are refused without --all.

Exit codes: 0 all were given back, 1 some are kept since they are in use, 2 wrong usage, 3
something could not be read, or the repository is in no state to commit or push.`,
		Example: `  ipguard release 10.8.52.190
  ipguard release promo/pgpool --dry-run
  ipguard release lb/frontend --push --why "moved to the cloud"`,
		Args: someArgs("release", "ipguard release 10.8.52.190"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runChange(cmd.Context(), &flags, args, streams,
				func(d *desk, pool *ledger.Pool, rs *ledger.Records, w *ledger.World, ranges []netip.Prefix) ([]ledger.Changed, []ledger.Entry, error) {
					return ledger.Release(pool, rs, w, ranges, d.by, flags.why)
				})
		},
	}
	flags.add(cmd)
	flags.addOwn(cmd)
	return cmd
}

func (f *releaseFlags) addOwn(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "show what would be done, and write nothing")
	cmd.Flags().BoolVar(&f.all, "all", false, "also what stands for many: a pool, all of a director, a CIDR")
}

func someArgs(command, example string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage(example, "%s is not told which addresses or owners are meant", command)
		}
		return nil
	}
}

// change does something to some bookings of a pool.
type change func(d *desk, pool *ledger.Pool, rs *ledger.Records, w *ledger.World, ranges []netip.Prefix) ([]ledger.Changed, []ledger.Entry, error)

// runChange does something to all bookings that the arguments select, pool by pool.
func runChange(ctx context.Context, flags *releaseFlags, args []string, streams Streams, do change) error {
	d, err := openDesk(ctx, &flags.writeFlags, streams)
	if err != nil {
		return err
	}
	// What cannot be seen may be who uses an address: nothing is freed then.
	if failures := slices.Concat(d.failures, d.Unread); len(failures) > 0 {
		d.failures = failures
		return d.unread()
	}
	chosen, err := d.choose(ctx, args, flags.all)
	if err != nil {
		return err
	}
	// All or nothing: what would be refused of any pool is refused before the first is written.
	if _, err := d.changePools(ctx, chosen, true, do); err != nil {
		if told := (*ending)(nil); errors.As(err, &told) {
			told.Message += "; nothing was changed"
		}
		return err
	}
	out := report.Changes{DryRun: flags.dryRun}
	done, failed := d.changePools(ctx, chosen, flags.dryRun, do)
	if failed != nil && len(done) == 0 {
		return failed
	}
	out.Done, out.Book = done, d.standing()
	err = flags.write(streams,
		func(w io.Writer, options report.Options) error { return report.WriteChanges(w, out, options) },
		func(w io.Writer) error { return report.WriteChangesJSON(w, out) }, nil, true)
	switch {
	case err != nil:
		return err
	case failed != nil: // others are at work, or the server went away in between: what is done is told
		return failed
	case slices.ContainsFunc(done, func(c report.ChangedBooking) bool { return len(c.Kept) > 0 }):
		return exitCode(ExitFindings)
	}
	return nil
}

// changePools does something to what was chosen, pool by pool, and says what was done, also
// where it fails.
func (d *desk) changePools(ctx context.Context, chosen *choice, dryRun bool, do change) (done []report.ChangedBooking, err error) {
	matched := map[string]bool{}
	for _, pool := range d.ledgerPools() {
		changed, err := d.changePool(ctx, pool, dryRun, chosen, matched, do)
		if err != nil {
			return done, err
		}
		for _, c := range changed {
			item := report.ChangedBooking{Pool: pool.Name, Before: c.Before, After: c.After}
			for _, u := range c.Kept {
				item.Kept = append(item.Kept, u.Text)
			}
			done = append(done, item)
		}
	}
	for _, a := range chosen.args {
		if !matched[a] {
			if pool, file := d.lostPool(a); pool != "" {
				return done, usage(nameBack, "%q stands for a booking of pool %s, which %s does not have", a, pool, file)
			}
			return done, usage("ipguard bookings lists what is booked", "nobody has booked %q", a)
		}
	}
	return done, nil
}

func (d *desk) changePool(ctx context.Context, pool *ledger.Pool, dryRun bool, chosen *choice, matched map[string]bool, do change) ([]ledger.Changed, error) {
	var changed []ledger.Changed
	apply := func(rs *ledger.Records) (entries []ledger.Entry, err error) {
		if err := d.refresh(); err != nil {
			return nil, err
		}
		var ranges []netip.Prefix
		for _, b := range rs.Sorted() {
			if b.State.Taken() && chosen.has(pool.Name, b, matched) {
				ranges = append(ranges, b.Range)
			}
		}
		if err := chosen.check(); err != nil {
			return nil, err
		}
		changed = nil
		if len(ranges) == 0 {
			return nil, nil
		}
		if err := d.notAMember(pool); err != nil {
			return nil, err
		}
		for _, r := range ranges {
			if team := cmp.Or(rs.At(r).Team, pool.Teams[0]); d.Central.Has(pool.Name) && !d.may("teams", team, "book") {
				return nil, incomplete("name what is yours, or ask somebody of that team", "%s of pool %s counts for team %s: you have no scope ipguard.teams.%s.book", ledger.RangeText(r), pool.Name, team, team)
			}
		}
		changed, entries, err = do(d, pool, rs, d.look(pool).World(""), ranges)
		if err != nil {
			return nil, usage("see ipguard bookings", "%s", err)
		}
		return entries, nil
	}
	if err := d.update(ctx, pool, dryRun, apply); err != nil {
		return nil, err
	}
	return changed, nil
}
