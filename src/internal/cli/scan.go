package cli

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/inventory"
	"github.com/ipguard/ipguard/src/internal/scan"
)

const scanLong = `Asks, for each address of a segment, which stations answer, and lists every one.

IPv4 is swept by ARP probes, which change no cache and find the twin of this
host's own address too. Each probe is a broadcast that a switch copies to all of
its ports: the rate is limited, and more than 5000 a second is sent only to who
owns the network. IPv6 is not swept: all hosts are asked for an echo at once.

With a plan of the fleet each address is known, unknown, promised but silent, or
answered by two stations.

Exit codes: 0 done, 1 an address has two stations, 2 usage, 3 not done.`

const (
	exitTwice   = 1
	exitNotDone = 3
)

type scanFlags struct {
	device, format string
	rate           int
	own            bool
	listen         time.Duration
}

// newScanCommand makes the command. segment finds the subnets and the plan of a
// segment by name; it may be nil, and prefixes alone can then be scanned.
func newScanCommand(segment func(name string) (inventory.Inventory, error)) *cobra.Command {
	var f scanFlags
	c := &cobra.Command{
		Use:   "scan PREFIX|SEGMENT",
		Short: "list which stations answer for the addresses of a segment",
		Long:  scanLong,
		Example: `  ipguard scan 10.8.52.0/24
  ipguard scan 10.8.52.0/24 --format json > seen.json
  ipguard scan fe80::/64 --interface eth0`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			targets, err := f.options(args[0], segment)
			if err != nil {
				return err
			}
			return f.run(c, targets)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.device, "interface", "", "scan from this `interface`")
	flags.IntVar(&f.rate, "rate", scan.DefaultRate, "probes per second; 0 as fast as possible")
	flags.BoolVar(&f.own, "i-own-this-network", false, "allow more than 5000 probes a second")
	flags.DurationVar(&f.listen, "listen", 1500*time.Millisecond, "how long to listen for IPv6 hosts")
	flags.StringVar(&f.format, "format", "text", "text, json or csv")
	return c
}

func (f scanFlags) options(target string, segment func(string) (inventory.Inventory, error)) ([]scan.Options, error) {
	switch {
	case f.rate < 0:
		return nil, usage("--rate %d is negative", f.rate)
	case !f.own && (f.rate == scan.Unlimited || f.rate > scan.MaxRate):
		return nil, usage("more than %d probes a second may flood a segment; if it is yours, say --i-own-this-network", scan.MaxRate)
	case f.format != "text" && f.format != "json" && f.format != "csv":
		return nil, usage("--format %q is none of text, json and csv", f.format)
	case f.listen < 100*time.Millisecond:
		return nil, usage("--listen %s is less than 100ms", f.listen)
	}
	o := scan.Options{Interface: f.device, Rate: f.rate, Listen: f.listen}
	var err error
	if o.Prefix, err = netip.ParsePrefix(target); err == nil {
		if segment != nil {
			o.Inventory, err = segment("")
		}
		return []scan.Options{o}, err
	}
	if segment == nil {
		return nil, usage("%q is no prefix such as 10.8.52.0/24", target)
	}
	if o.Inventory, err = segment(target); err != nil {
		return nil, err
	}
	var all []scan.Options
	for _, p := range o.Inventory.Prefixes() {
		o.Prefix = p
		all = append(all, o)
	}
	if len(all) == 0 {
		return nil, usage("%q is neither a prefix nor a segment of the fleet", target)
	}
	return all, nil
}

func (f scanFlags) run(c *cobra.Command, targets []scan.Options) error {
	twice, incomplete := 0, false
	for _, o := range targets {
		bar := progressBar(c.ErrOrStderr())
		o.Progress = bar.show
		r, err := scan.Run(c.Context(), o)
		bar.clear()
		if err != nil {
			return exitWith(exitNotDone, err)
		}
		write := map[string]func(scan.Result, io.Writer) error{
			"text": scan.Result.WriteText, "json": scan.Result.WriteJSON, "csv": scan.Result.WriteCSV,
		}[f.format]
		if err := write(r, c.OutOrStdout()); err != nil {
			return codeError{exitNotDone, fmt.Errorf("writing the result: %w", err)}
		}
		twice += r.Count(scan.Twice)
		incomplete = incomplete || !r.Complete
	}
	switch {
	case incomplete:
		return codeError{exitNotDone, errors.New("interrupted")}
	case twice > 0:
		return codeError{code: exitTwice}
	}
	return nil
}

// bar draws one line on a terminal, and nothing anywhere else.
type bar struct {
	out   io.Writer
	drawn time.Time
}

func progressBar(w io.Writer) *bar {
	if f, ok := w.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		return &bar{out: w}
	}
	return &bar{}
}

const barWidth = 30

func (b *bar) show(done, total, found int) {
	if b.out == nil || time.Since(b.drawn) < 100*time.Millisecond {
		return
	}
	b.drawn = time.Now()
	filled := barWidth * done / max(1, total)
	fmt.Fprintf(b.out, "\r[%-*s] %3d %%  %d found ", barWidth, "##############################"[:min(filled, barWidth)], 100*done/max(1, total), found)
}

func (b *bar) clear() {
	if b.out != nil {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}
