package cli

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/inventory"
	"github.com/ipguard/ipguard/src/internal/scan"
)

const scanLong = `Asks, for each address of a segment, which stations answer, and lists every one.

IPv4 is swept by ARP probes, which change no cache and find the twin of this
host's own address too. Each probe is a broadcast that a switch copies to all of
its ports: the rate is limited, and more than 5000 a second is sent only to who
owns the network. IPv6 is not swept: all hosts are asked for an echo at once, and
each address that the fleet promises or this host has is probed.

If a fleet file is found, or named with --fleet, each address is known, unknown,
promised but silent, or answered by two stations. A segment is named as in the
fleet file, by its network, or by its id, such as VLAN-52.

Exit codes: 0 done, 1 an address has two stations, 2 usage, 3 not done, or
something of the fleet could not be read.`

type scanFlags struct {
	device, format, fleet string
	shared                []string
	rate                  int
	own                   bool
	listen                time.Duration
}

func newScanCommand(streams Streams) *cobra.Command {
	var f scanFlags
	c := &cobra.Command{
		Use:   "scan CIDR|SEGMENT",
		Short: "list which stations answer for the addresses of a segment",
		Long:  scanLong,
		Example: `  ipguard scan 10.8.52.0/24
  ipguard scan vlan-52
  ipguard scan 10.8.52.0/24 --format json > seen.json
  ipguard scan vlan-52 --shared 10.8.52.200=vrrp
  ipguard scan fe80::/64 --interface eth0`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("ipguard scan 10.8.52.0/24", "scan takes one CIDR or one segment, and got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			shared, err := parseSharings(f.shared)
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(c.Context())
			defer stop()
			return f.run(ctx, args[0], shared, streams)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.device, "interface", "", "scan from this `interface`")
	flags.IntVar(&f.rate, "rate", scan.DefaultRate, "probes per second; 0 as fast as possible")
	flags.BoolVar(&f.own, "i-own-this-network", false, "allow more than 5000 probes a second")
	flags.DurationVar(&f.listen, "listen", 1500*time.Millisecond, "how long to listen for IPv6 hosts")
	flags.StringArrayVar(&f.shared, "shared", nil, "`ADDRESS[=MAC,...]` that several may have; vrrp stands for virtual routers")
	flags.StringVar(&f.fleet, "fleet", "", "fleet `file` (default: ipguard.yml, from here upward to the git root, if there is one)")
	flags.StringVar(&f.format, "format", "text", "text, json or csv")
	return c
}

func (f scanFlags) check() error {
	switch {
	case f.rate < 0:
		return usage("", "--rate %d is negative", f.rate)
	case !f.own && (f.rate == scan.Unlimited || f.rate > scan.MaxRate):
		return usage("if it is yours, say --i-own-this-network", "more than %d probes a second may flood a segment", scan.MaxRate)
	case f.format != "text" && f.format != "json" && f.format != "csv":
		return usage("", "--format %q is none of text, json and csv", f.format)
	case f.listen < 100*time.Millisecond:
		return usage("", "--listen %s is less than 100ms", f.listen)
	}
	return nil
}

// run scans, and holds what answers against the fleet's plan, if there is one.
func (f scanFlags) run(ctx context.Context, target string, shared map[netip.Addr]acd.Sharing, streams Streams) error {
	read, err := promises{f.fleet, streams}.read()
	if err != nil {
		return err
	}
	area, err := areaOf(target, read)
	if err != nil {
		return err
	}
	twice := 0
	for i, prefix := range area.prefixes {
		o := scan.Options{Prefix: prefix, Segment: area.segment, Interface: f.device, Rate: f.rate, Listen: f.listen, Inventory: area.inventory, Shared: shared}
		n, err := f.one(ctx, o, i == 0, streams)
		if err != nil {
			return err
		}
		twice += n
	}
	var gaps error
	if read != nil {
		var scanned []netipx.IPRange
		for _, prefix := range area.prefixes {
			scanned = append(scanned, netipx.RangeOfPrefix(prefix))
		}
		gaps = read.gaps(scanned...)
	}
	if gaps != nil {
		fmt.Fprintf(streams.Stderr, "ipguard: %s\n", gaps)
	}
	switch {
	case twice > 0:
		return exitCode(ExitFindings)
	case gaps != nil:
		return exitCode(ExitIncomplete)
	}
	return nil
}

// one scans one prefix, writes the result, and returns how many addresses have
// two stations. first says that no result was written before.
func (f scanFlags) one(ctx context.Context, o scan.Options, first bool, streams Streams) (twice int, err error) {
	line := newStatusLine(streams)
	o.Progress = func(done, total, found int) { line.show(func() string { return scanningText(done, total, found) }) }
	r, err := scan.Run(ctx, o)
	line.end()
	if err != nil {
		return 0, endOfWire(ExitIncomplete, err)
	}
	write := map[string]func(scan.Result, io.Writer) error{
		"text": scan.Result.WriteText, "json": scan.Result.WriteJSON, "csv": func(r scan.Result, w io.Writer) error { return r.WriteCSV(w, first) },
	}[f.format]
	if err := write(r, streams.Stdout); err != nil {
		return 0, incomplete("", "cannot write to standard output: %s", err)
	}
	if !r.Complete {
		return 0, incomplete("", "interrupted")
	}
	return r.Count(scan.Twice), nil
}

// area is what is to be scanned, and what the plan says of it.
type area struct {
	prefixes  []netip.Prefix
	segment   string // the plan's name; empty for a CIDR
	inventory inventory.Inventory
}

// areaOf returns what target stands for: of a segment the plan tells only what may
// lie in it, of a CIDR all. read may be nil.
func areaOf(target string, read *picture) (area, error) {
	prefix, err := netip.ParsePrefix(target)
	switch {
	case err == nil && read == nil:
		return area{prefixes: []netip.Prefix{prefix}}, nil
	case err == nil:
		return area{prefixes: []netip.Prefix{prefix}, inventory: inventory.New(read.Facts.Plan)}, nil
	case read == nil:
		return area{}, usage("write a CIDR such as 10.8.52.0/24, or name the fleet file with --fleet FILE",
			"%q is no CIDR, and without a fleet file no segment is known", target)
	}
	segments, err := read.segmentsNamed(target)
	if err != nil {
		return area{}, err
	}
	if len(segments) != 1 {
		return area{}, usage("name one of them by a CIDR", "%q stands for %d segments", target, len(segments))
	}
	found := area{segment: segments[0].Name, inventory: inventory.Of(read.Facts.Plan, segments[0].Subnets)}
	for _, s := range segments[0].Subnets {
		if s.Range.IsValid() && !slices.Contains(found.prefixes, s.Range) {
			found.prefixes = append(found.prefixes, s.Range)
		}
	}
	if len(found.prefixes) == 0 {
		return area{}, usage("name its addresses by a CIDR", "no network of segment %q has a range", target)
	}
	slices.SortFunc(found.prefixes, netip.Prefix.Compare)
	return found, nil
}

const barWidth = 30

// scanningText is numbers, and a bar that a narrow terminal may cut off.
func scanningText(done, total, found int) string {
	share := float64(done) / float64(max(1, total))
	filled := min(barWidth, int(barWidth*share))
	return fmt.Sprintf("%3.0f %%  %d found  [%-*s]", 100*share, found, barWidth, strings.Repeat("#", filled))
}
