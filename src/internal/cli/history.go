//go:build !vm

package cli

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

func newHistoryCommand(streams Streams) *cobra.Command {
	var flags answerFlags
	cmd := &cobra.Command{
		Use:   "history ADDRESS",
		Short: "tell what became of an address: every booking, and who wrote the lines that name it",
		Long: `history lists every event of an address that was ever booked, the oldest first, and who
has it now, with whoever changed that line last as git knows it. With server: in the fleet
file, also from when to when which director declared it or had granted it, as the server was
told.

Exit codes: 0 answered, 2 wrong usage, 3 something could not be read or hides behind a
variable, so that somebody may have it who is not told.`,
		Example: `  ipguard history 10.8.52.191`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("ipguard history 10.8.52.191", "history takes one address, and got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runHistory(cmd.Context(), &flags, args[0], streams)
		},
	}
	flags.add(cmd)
	return cmd
}

func runHistory(ctx context.Context, flags *answerFlags, name string, streams Streams) error {
	if err := flags.check(); err != nil {
		return err
	}
	asked, err := parseBlocks("history", []string{name})
	if err != nil {
		return err
	}
	ranges, err := parseRanges([]string{name})
	if err != nil {
		return err
	}
	read, err := readPicture(flags.fleet, streams)
	if err != nil {
		return err
	}
	holders := []answer.Holders{answer.Who(read.Facts.Plan, read.pools, ranges[0])}
	out := report.History{Asked: ledger.RangeText(asked[0]), Hidden: holders[0].Blind}
	for _, pool := range slices.Concat(bookfile.Read(read.files, folderOf(read.Path)).Pools, read.Fleet.Bookings) {
		for _, r := range pool.Records {
			if r.Range.Overlaps(asked[0]) && !pool.Moved {
				out.Pools = append(out.Pools, report.PoolHistory{Pool: pool.Pool, Record: r})
			}
		}
	}
	changed := changes(ctx, holders, streams)
	for _, segment := range holders[0].Segments {
		for i := range segment.Claims {
			c := &segment.Claims[i]
			if !c.Kind.InUse() && c.Kind != plan.Booked {
				continue
			}
			line := report.ClaimLine{Text: c.Kind.String() + ": " + c.Who(), Place: c.At.String()}
			if change, ok := changed(c.At); ok {
				line.Change = &change
			}
			out.Claims = append(out.Claims, line)
		}
	}
	failures := append(read.failures, read.Unread...)
	out.Unread = len(failures) > 0
	if read.Fleet.File.Server.URL.Value != "" {
		if err := held(ctx, &out, read.Fleet.File, streams); err != nil {
			failures = append(failures, trouble.Of(err))
		}
	}
	out.Failures, out.Stale = failures, read.stale()
	return flags.write(streams,
		func(w io.Writer, options report.Options) error { return report.WriteHistory(w, out, options) },
		func(w io.Writer) error { return report.WriteHistoryJSON(w, out) }, failures, len(failures)+len(out.Hidden) == 0)
}

// held asks the fleet file's server who had the address.
func held(ctx context.Context, out *report.History, file *fleet.File, streams Streams) error {
	client, err := streams.client(ctx, file)
	if err != nil {
		return err
	}
	list, all, err := client.Claims(ctx, out.Asked)
	if err != nil {
		return &trouble.Trouble{At: file.Server.At, Message: "who had " + out.Asked + " is not known: " + err.Error()}
	}
	out.HeldByServer, out.MoreHeld = true, !all
	moment := func(t *time.Time) time.Time {
		if t == nil {
			return time.Time{}
		}
		return *t
	}
	for _, c := range list {
		out.Held = append(out.Held, report.HeldLine{
			Range: c.Address, What: c.What, Director: c.Director, Owner: c.Owner, Since: c.Since, Unsure: moment(c.Unsure), Until: moment(c.Until),
		})
	}
	return nil
}
