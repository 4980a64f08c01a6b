package cli

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/booking"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/survey"
)

type bookingsFlags struct {
	answerFlags
	mine, unused, all bool
	ending            string
}

func newBookingsCommand(streams Streams) *cobra.Command {
	var flags bookingsFlags
	cmd := &cobra.Command{
		Use:   "bookings [POOL|OWNER|ADDRESS...]",
		Short: "list what is booked, by whom, until when, and whether it is used",
		Long: `bookings lists the bookings of all pools, or of the pools, owners and addresses that are
named. An owner may be the beginning of one: promo, promo/pgpool.

Exit codes: 0, 2 wrong usage, 3 something could not be read.`,
		Example: `  ipguard bookings
  ipguard bookings --mine --ending 7d
  ipguard bookings promo --unused
  ipguard bookings --format csv >bookings.csv`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runBookings(cmd.Context(), &flags, args, streams)
		},
	}
	flags.add(cmd)
	f := cmd.Flags()
	f.Lookup("format").Usage = "text, json or csv"
	f.BoolVar(&flags.mine, "mine", false, "only those that I booked, by git's name and address, or by the server's")
	f.StringVar(&flags.ending, "ending", "", "only those that end within this time, such as 7d")
	f.BoolVar(&flags.unused, "unused", false, "only those whose address no file and no director has")
	f.BoolVar(&flags.all, "all", false, "those that are over, too")
	return cmd
}

func runBookings(ctx context.Context, flags *bookingsFlags, args []string, streams Streams) error {
	asCSV := flags.format == "csv"
	if !asCSV {
		if err := flags.check(); err != nil {
			return err
		}
	}
	var ending time.Duration
	if flags.ending != "" {
		var ok bool
		if ending, ok = fleet.ParseDuration(flags.ending); !ok {
			return usage("write it as 90m, 24h or 7d", "--ending takes a length of time, and got %q", flags.ending)
		}
	}
	read, err := readPicture(flags.fleet, streams)
	if err != nil {
		return err
	}
	me := ""
	switch {
	case flags.mine && read.lacksServer():
		return (&desk{picture: read, streams: streams}).unread()
	case flags.mine && read.Central != nil:
		asked, err := streams.serverStore(ctx, read.Fleet.File, nil, nil)
		if err != nil {
			return storeError(err)
		}
		me = asked.who
	case flags.mine:
		store := &bookfile.Store{Folder: folderOf(read.Path), Environ: streams.Environ}
		if me, err = store.Author(ctx); err != nil {
			return storeError(err)
		}
	}
	list, err := read.bookings(args, streams.now())
	if err != nil {
		return err
	}
	list.List = slices.DeleteFunc(list.List, func(l report.BookingLine) bool {
		over := !l.State.Taken() && (l.State != ledger.Quarantined || l.Rested(list.Now))
		return flags.mine && l.By != me || flags.unused && (len(l.Users) > 0 || !l.State.Taken()) ||
			flags.ending != "" && (!l.State.Taken() || l.Until.IsZero() || len(l.Users) > 0 || l.Until.Sub(list.Now) > ending) ||
			over && !flags.all
	})
	failures := slices.Concat(read.failures, read.Unread)
	list.Failures, list.Stale = failures, read.stale()
	asJSON := func(w io.Writer) error { return report.WriteBookingsJSON(w, list) }
	if asCSV {
		flags.format = "json" // the machine's form
		asJSON = func(w io.Writer) error { return report.WriteBookingsCSV(w, list) }
	}
	return flags.write(streams,
		func(w io.Writer, options report.Options) error { return report.WriteBookings(w, list, options) },
		asJSON, failures, len(failures) == 0)
}

// bookings are the bookings of the fleet's files, those of some names only if there
// are names.
func (p *picture) bookings(names []string, now time.Time) (report.Bookings, error) {
	out := report.Bookings{Now: now}
	read := bookfile.Read(p.files, folderOf(p.Path))
	matched := map[string]bool{}
	for _, folder := range slices.Concat(read.Pools, p.Fleet.Bookings) {
		if folder.Moved {
			continue // they stand among the pool's others
		}
		look := p.lookOf(folder.Pool, now)
		for i := range folder.Records {
			b, err := folder.Records[i].Booking()
			if err != nil || !p.selected(names, folder.Pool, b, matched) {
				continue
			}
			line := report.BookingLine{Pool: folder.Pool, Booking: b}
			for _, u := range look.Users(b.Range, b.Owner) {
				line.Users = append(line.Users, u.Text)
			}
			out.List = append(out.List, line)
		}
	}
	slices.SortStableFunc(out.List, func(a, b report.BookingLine) int {
		return netipx.ComparePrefix(a.Range, b.Range)
	})
	for _, n := range names {
		if !matched[n] && len(p.Fleet.File.PoolsNamed(n)) == 0 && len(read.Troubles) == 0 {
			return out, usage("ipguard bookings lists all", "there is no booking of a pool, an owner or an address %q", n)
		}
	}
	return out, nil
}

// lookOf is a look for the pool of that name; of one that is not in the fleet file,
// at any segment.
func (p *picture) lookOf(pool string, now time.Time) *booking.Look {
	named := p.Fleet.File.PoolsNamed(pool)
	if len(named) == 0 {
		return &booking.Look{Plan: p.Facts.Plan, Pool: &ledger.Pool{Name: pool}, Now: now}
	}
	return &booking.Look{Plan: p.Facts.Plan, Pool: survey.PoolOf(named[0]), Now: now}
}

// selected reports whether a booking is of one of the names: a pool, an owner or its
// beginning, an address or a CIDR. It notes which names are of use.
func (p *picture) selected(names []string, pool string, b ledger.Booking, matched map[string]bool) bool {
	found := len(names) == 0
	for _, n := range names {
		if selects(n, pool, b) {
			matched[n], found = true, true
		}
	}
	return found
}

func selects(name, pool string, b ledger.Booking) bool {
	if ranges, err := parseBlocks("", []string{name}); err == nil { // whatever somebody called an owner
		return ranges[0].Overlaps(b.Range) && ranges[0].Bits() <= b.Range.Bits()
	}
	return name == pool || b.Named(name) || strings.HasPrefix(b.Owner, strings.TrimSuffix(name, "/")+"/")
}
