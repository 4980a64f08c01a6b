package cli

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/addressmap"
	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/changed"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/report"
)

// mapFlags is the command line of map.
type mapFlags struct {
	fleet, html, color, format string
}

func newMapCommand(streams Streams) *cobra.Command {
	var flags mapFlags
	cmd := &cobra.Command{
		Use:   "map [SEGMENT]",
		Short: "draw who has which addresses, segment by segment",
		Long: `map draws the address space of the fleet: for each segment one line for each /24,
with a bar that tells static addresses, virtual addresses, VMs of create-env,
pools and reserved ranges apart, and marks what lint calls a conflict.

With --html it writes one page that holds everything and loads nothing: a grid
for each /24, by kind or by director, with search, details for each address and what
to do about a conflict. It tells when and of which commit it was made; with
SOURCE_DATE_EPOCH the same files make the same page.

--format json prints one object: version (1; it changes when a field goes or means
something else), segments (segment, assumed, subnets, claims with kind, addresses,
owner and place, conflicts with rule, message, addresses and suggestion), hidden (how
much nobody can see), and failures.

SEGMENT is a name that the map shows, a network, or an address in the segment; of a
CIDR what lies in it is drawn. Without it, all segments are drawn. Text and page are
bounded, and say what of a large fleet they leave out; JSON has everything.

Exit codes: 0 drawn, whatever the conflicts (ipguard lint judges), 2 wrong usage,
3 something could not be read or hides behind a variable: the map lacks it.`,
		Example: `  ipguard map
  ipguard map vlan-52
  ipguard map 10.8.52.0/22
  ipguard map --format json
  ipguard map --html map.html`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("ipguard map SEGMENT", "map takes one segment, and got %d", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return runMap(&flags, strings.Join(args, ""), streams)
		},
	}
	addFleetFlag(cmd, &flags.fleet)
	cmd.Flags().StringVar(&flags.format, "format", "text", "text or json: each segment with its subnets, claims and conflicts")
	cmd.Flags().StringVar(&flags.html, "html", "", "write a page to this file, in place of text to the terminal")
	addColorFlag(cmd, &flags.color)
	return cmd
}

func runMap(flags *mapFlags, name string, streams Streams) error {
	if err := checkColor(flags.color); err != nil {
		return err
	}
	if err := checkFormat(flags.format); err != nil {
		return err
	}
	if flags.html != "" && flags.format == "json" {
		return usage("leave one of them out", "--html writes a page, and --format json no page")
	}
	read, err := readPicture(flags.fleet, streams)
	if err != nil {
		return err
	}
	segments, err := read.segmentsNamed(name)
	if err != nil {
		return err
	}
	m := addressmap.Build(read.Facts.Plan, read.findings(read.Facts, streams))
	if name != "" {
		names := map[string]bool{}
		for _, g := range segments {
			names[g.Name] = true
		}
		m.Keep(func(s *addressmap.Segment) bool { return names[s.Name] })
	}
	if part, ok := answer.ParseRange(name); ok && part.From() != part.To() {
		m.Within(part)
	}
	if err := flags.write(m, read, streams); err != nil {
		return err
	}
	if err := report.WriteFailures(streams.Stderr, slices.Concat(read.failures, read.Unread), report.Options{}); err != nil {
		return incomplete("", "cannot write to standard error: %s", err)
	}
	hidden := read.blindSpots()
	if len(hidden) > 0 {
		fmt.Fprintf(streams.Stderr, "ipguard: %s drawn in the ranges that are known, and may be elsewhere; the first at %s: %s\nhint: ipguard lint tells which\n",
			hiding(len(hidden)), legible.Text(hidden[0].At.String()), legible.Text(hidden[0].Text()))
	}
	if len(read.failures)+len(hidden) > 0 {
		return exitCode(ExitIncomplete)
	}
	return nil
}

func hiding(n int) string {
	if n == 1 {
		return "1 part of the fleet hides, and is"
	}
	return plural.Of(n, "part") + " of the fleet hide, and are"
}

// write draws the map to standard output, or into the page.
func (f *mapFlags) write(m *addressmap.Map, read *picture, streams Streams) error {
	if f.format == "json" {
		if err := addressmap.WriteJSON(streams.Stdout, m, len(read.blindSpots()), slices.Concat(read.failures, read.Unread), read.stale()); err != nil {
			return incomplete("", "cannot write to standard output: %s", err)
		}
		return nil
	}
	if f.html == "" {
		var options addressmap.TextOptions
		options.Color, options.Width = terminal(f.color, streams)
		if err := addressmap.WriteText(streams.Stdout, m, options); err != nil {
			return incomplete("", "cannot write to standard output: %s", err)
		}
		return nil
	}
	made, err := streams.madeAt()
	if err != nil {
		return err
	}
	commit := changed.Head(context.Background(), filepath.Dir(read.Path))
	var page bytes.Buffer
	err = addressmap.WriteHTML(&page, m, addressmap.PageOptions{Version: versionText(), Made: made, Commit: commit, Failures: slices.Concat(read.failures, read.Unread), Hidden: len(read.blindSpots())})
	if err != nil {
		return incomplete("", "cannot write the page %s: %s", f.html, err)
	}
	if err := writeOutput("page", f.html, streams.names.Shown(page.Bytes()), streams); err != nil {
		return err
	}
	fmt.Fprintf(streams.Stderr, "ipguard: wrote %s\n", f.html)
	return nil
}

// madeAt is what a page tells as its time: that of SOURCE_DATE_EPOCH, so that it can be
// made again byte by byte, else the clock's.
// https://reproducible-builds.org/specs/source-date-epoch/
func (s Streams) madeAt() (time.Time, error) {
	epoch, given := s.env("SOURCE_DATE_EPOCH")
	if !given || epoch == "" {
		return s.now(), nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, usage("write seconds since 1970", "SOURCE_DATE_EPOCH is no number of seconds: %q", epoch)
	}
	return time.Unix(seconds, 0), nil
}

// blindSpots are what hides and may be an address.
func (p *picture) blindSpots() []*plan.BlindSpot {
	var list []*plan.BlindSpot
	for i := range p.Facts.Plan.BlindSpots {
		if spot := &p.Facts.Plan.BlindSpots[i]; len(spot.May) > 0 {
			list = append(list, spot)
		}
	}
	return list
}
