package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/blame"
	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/spelling"
)

func newWhoCommand(streams Streams) *cobra.Command {
	var flags answerFlags
	cmd := &cobra.Command{
		Use:   "who IP|RANGE|CIDR|NAME...",
		Short: "tell who has an address, in every segment, and where that is written",
		Long: `who names everybody who claims an address: the instance that asks for it, the VM
made by create-env, the job property that holds it, the network that may hand it
out or keeps off it; in every segment, with file and line, and in a git checkout
with the author and the day of the line's last change. If nobody has it, who
names the nearest claims. Of a name (a director, deployment, instance group,
network, property or owner of external addresses, or DIRECTOR/DEPLOYMENT,
DIRECTOR/NETWORK, DEPLOYMENT/GROUP) it tells all that it claims.

Exit codes: 0 answered, 2 wrong usage, 3 something could not be read or hides
behind a variable, so that there may be more.`,
		Example: `  ipguard who 10.8.52.191
  ipguard who 10.8.52.191 10.8.52.128/28
  ipguard who 10.8.52.180-10.8.52.199
  ipguard who pgpool promo/default
  ipguard who 10.8.52.191 --format json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("ipguard who 10.8.52.191", "who needs an address, a range, a CIDR or a name")
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
	if err := checkQuestions(args); err != nil {
		return err
	}
	read, err := readPicture(flags.fleet, streams)
	if err != nil {
		return err
	}
	who := report.Who{Failures: read.failures, Stale: read.stale()}
	for _, arg := range args {
		h, err := read.who(arg)
		if err != nil {
			return err
		}
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

// rangeForm is what was meant to be addresses, be they right or not.
var rangeForm = lazyregexp.New(`^[0-9a-fA-F:.]*[.:][0-9a-fA-F:.]*( *- *[0-9a-fA-F:.]+|/[0-9]+)?$|^[0-9a-fA-F]+([.:][0-9a-fA-F]*)+`)

// asRange reads an address, a CIDR or a range.
func asRange(arg string) (netipx.IPRange, bool) {
	if r, ok := answer.ParseRange(arg); ok {
		return r, true
	}
	r, err := netipx.ParseIPRange(strings.ReplaceAll(arg, " ", ""))
	return r, err == nil && r.IsValid()
}

// checkQuestions refuses what looks like addresses and is none.
func checkQuestions(args []string) error {
	for _, arg := range args {
		if _, ok := asRange(arg); ok || arg != "" && !rangeForm().MatchString(arg) {
			continue
		}
		if first, last, ok := strings.Cut(arg, "-"); ok {
			if _, swapped := asRange(last + "-" + first); swapped {
				return usage("ipguard who "+strings.TrimSpace(last)+"-"+strings.TrimSpace(first), "%q ends before it begins", arg)
			}
		}
		return usage("write 10.8.52.191, 10.8.52.180-10.8.52.199, 10.8.52.0/24 or a name", "%q is neither an address nor a CIDR or range", arg)
	}
	return nil
}

// who answers one question.
func (p *picture) who(arg string) (answer.Holders, error) {
	if r, ok := asRange(arg); ok {
		return answer.Who(p.Facts.Plan, p.pools, r), nil
	}
	h, others := answer.WhoNamed(p.Facts.Plan, arg)
	if others == nil || slices.Contains(p.Names(), arg) {
		return h, nil
	}
	hint := "ipguard map shows who there is"
	if near, ok := spelling.Nearest(arg, others); ok {
		hint = "did you mean ipguard who " + near + "?"
	}
	if len(p.failures)+len(p.Unread) > 0 {
		return h, incomplete(hint, "nobody who could be read is called %q, and not everything could be: ipguard lint tells what", arg)
	}
	return h, usage(hint, "%q is neither an address nor a CIDR, nor the name of anybody who has addresses", arg)
}

// blameTime is how long git may take to tell the authors of all lines. The
// answer does not need them.
const blameTime = 2 * time.Second

// changes asks git for the last change of each line that the answer shows.
func changes(ctx context.Context, answers []answer.Holders, streams Streams) func(place.Place) (report.Change, bool) {
	var lines []blame.Line
	seen := map[blame.Line]bool{}
	for _, h := range answers {
		for _, at := range h.Places() {
			if line := (blame.Line{File: at.File, Line: at.Line}); at.IsValid() && !seen[line] {
				seen[line] = true
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
