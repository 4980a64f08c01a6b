package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/blame"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/report"
)

func newWhoCommand(streams Streams) *cobra.Command {
	var flags answerFlags
	cmd := &cobra.Command{
		Use:   "who IP|CIDR...",
		Short: "tell who has an address, in every segment, and where that is written",
		Long: `who names everybody who claims an address: the instance that asks for it, the VM
made by create-env, the job property that holds it, the network that may hand it
out or keeps off it; in every segment, with file and line, and in a git checkout
with the author and the day of the line's last change. If nobody has it, who
names the nearest claims.

Exit codes: 0 answered, 2 wrong usage, 3 something could not be read or hides
behind a variable, so that there may be more.`,
		Example: `  ipguard who 10.8.52.191
  ipguard who 10.8.52.191 10.8.52.128/28
  ipguard who 10.8.52.191 --format json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("ipguard who 10.8.52.191", "who needs an address or a CIDR")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runWho(cmd.Context(), &flags, args, streams)
		},
	}
	flags.add(cmd)
	return cmd
}

func runWho(ctx context.Context, flags *answerFlags, args []string, streams Streams) error {
	if err := flags.check(); err != nil {
		return err
	}
	asked, err := parseRanges(args)
	if err != nil {
		return err
	}
	read, err := readPicture(flags.fleet, streams)
	if err != nil {
		return err
	}
	who := report.Who{Failures: read.failures}
	for _, r := range asked {
		h := answer.Who(read.Facts.Plan, read.pools, r)
		who.Holders = append(who.Holders, h)
		for _, spot := range h.Blind {
			if !slices.Contains(who.Hidden, spot) {
				who.Hidden = append(who.Hidden, spot)
			}
		}
	}
	who.Changed = changes(ctx, who.Holders, streams)
	return flags.write(streams,
		func(w io.Writer, options report.Options) error { return report.WriteWho(w, who, options) },
		func(w io.Writer) error { return report.WriteWhoJSON(w, who) },
		who.Failures, len(who.Failures)+len(who.Hidden) == 0)
}

func parseRanges(args []string) ([]netipx.IPRange, error) {
	var list []netipx.IPRange
	for _, arg := range args {
		r, ok := answer.ParseRange(arg)
		if !ok {
			return nil, usage("write 10.8.52.191 or 10.8.52.0/24", "%q is neither an address nor a CIDR", arg)
		}
		list = append(list, r)
	}
	return list, nil
}

// blameTime is how long git may take to tell the authors of all lines. The
// answer does not need them.
const blameTime = 2 * time.Second

// changes asks git for the last change of each line that the answer shows.
func changes(ctx context.Context, answers []answer.Holders, streams Streams) func(place.Place) (report.Change, bool) {
	var lines []blame.Line
	for _, h := range answers {
		for _, at := range h.Places() {
			if line := (blame.Line{File: at.File, Line: at.Line}); at.IsValid() && !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, blameTime)
	defer cancel()
	found, complete := blame.Lines(ctx, lines)
	if !complete {
		fmt.Fprintf(streams.Stderr, "ipguard: git blame took longer than %s; some authors are not told\n", blameTime)
	}
	return func(at place.Place) (report.Change, bool) {
		c, ok := found[blame.Line{File: at.File, Line: at.Line}]
		return report.Change{Author: c.Author, Commit: c.Commit, When: c.When}, ok
	}
}
