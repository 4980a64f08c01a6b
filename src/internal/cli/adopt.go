package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/booking"
	"github.com/ipguard/ipguard/src/internal/bookingcsv"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/report"
)

type adoptFlags struct {
	writeFlags
	dryRun bool
	csv    []string
	team   string
}

func newAdoptCommand(streams Streams) *cobra.Command {
	var flags adoptFlags
	cmd := &cobra.Command{
		Use:   "adopt [POOL...]",
		Short: "book what is in use already",
		Long: `adopt books, without an end, every address of the pools that a manifest declares or a
director granted and that nobody has booked, each for the owner that has it. --csv reads
them from a file: this program's own columns, or those of NetBox's or phpIPAM's export. What
nobody is known to use is booked so in a server's pool by who has the scope ipguard.admin.

The difference is shown first line by line; --dry-run shows it and writes nothing. What is
booked already stays as it is, so that a second time changes nothing. Where somebody else
has booked an address, nothing is done about it. In a pool of several teams on a server, what
directors use that the fleet file here does not have is left to those who push them, and in a
pool of other teams all is.

Exit codes: 0 all is booked, 1 some is in conflict or has an owner for whom nothing can be
booked, 2 wrong usage, 3 something could not be
read, or the repository is in no state to commit or push.`,
		Example: `  ipguard adopt --dry-run
  ipguard adopt promo --push
  ipguard adopt --csv netbox_ip_addresses.csv --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runAdopt(cmd.Context(), &flags, args, streams)
		},
	}
	flags.add(cmd)
	f := cmd.Flags()
	f.BoolVar(&flags.dryRun, "dry-run", false, "show the difference, and write nothing")
	f.StringVar(&flags.team, "team", "", "whose quota they count for (default: the pool's own team, or on a server yours)")
	f.StringArrayVar(&flags.csv, "csv", nil, "`file` with addresses and owners, with a header; may be repeated")
	return cmd
}

func runAdopt(ctx context.Context, flags *adoptFlags, args []string, streams Streams) error {
	d, err := openDesk(ctx, &flags.writeFlags, streams)
	if err != nil {
		return err
	}
	if failures := slices.Concat(d.failures, d.Unread); len(failures) > 0 {
		d.failures = failures
		return d.unread()
	}
	pools, err := d.poolsNamed(args)
	if err != nil {
		return err
	}
	if len(pools) == 0 {
		return usage("add pools: to "+d.Path, "the fleet file has no pools: nothing is delegated that could be adopted")
	}
	rows, err := d.readCSVs(flags.csv)
	if err != nil {
		return err
	}
	out := report.Adoptions{DryRun: flags.dryRun}
	conflict := false
	var failed error
	for _, pool := range pools {
		var adopted []ledger.Adoption
		if adopted, failed = d.adopt(ctx, pool, flags, rows); failed != nil {
			break
		}
		for _, a := range adopted {
			conflict = conflict || a.Status == ledger.AdoptConflict || a.Status == ledger.AdoptUnfit
			out.List = append(out.List, report.Adopted{Pool: pool.Name, Adoption: a})
		}
	}
	for _, row := range bookingcsv.OfNone(rows, pools) {
		out.List = append(out.List, report.Adopted{Pool: row.Pool, Adoption: ledger.Adoption{Found: row.Found, Status: ledger.AdoptOutside}})
	}
	if failed != nil && (flags.dryRun || !slices.ContainsFunc(out.List, func(a report.Adopted) bool { return a.Status == ledger.AdoptNew })) {
		return failed
	}
	out.Book = d.standing()
	unused := failed // what is written is told
	if flags.dryRun {
		unused = unusedOf(d, out.List)
	}
	err = flags.write(streams,
		func(w io.Writer, options report.Options) error { return report.WriteAdoptions(w, out, options) },
		func(w io.Writer) error { return report.WriteAdoptionsJSON(w, out) }, nil, true)
	if err == nil && unused != nil {
		return unused
	}
	if err == nil && conflict {
		return exitCode(ExitFindings)
	}
	return err
}

// adminScope is what whoever books for others what nobody is known to use needs on a server.
const adminScope = "ipguard.admin"

// unusedOf refuses what a table has for a server's pool and nobody is known to use, unless
// whoever runs this is of the network team; nil: there is no such.
func unusedOf(d *desk, list []report.Adopted) error {
	if slices.Contains(d.scopes, adminScope) {
		return nil
	}
	n, first := 0, report.Adopted{}
	for _, a := range list {
		if a.Status != ledger.AdoptNew || !d.Central.Has(a.Pool) {
			continue
		}
		i := slices.IndexFunc(d.ledgerPools(), func(p *ledger.Pool) bool { return p.Name == a.Pool })
		if i < 0 || slices.ContainsFunc(d.look(d.ledgerPools()[i]).Users(a.Found.Range, a.Found.For.Owner), func(u ledger.User) bool { return u.Is(a.Found.For.Owner) }) {
			continue
		}
		if n++; n == 1 {
			first = a
		}
	}
	if n == 0 {
		return nil
	}
	return incomplete("let the network team import the table, with the scope "+adminScope+"; without --csv what is in use is booked",
		"%s, such as %s for %s, would be booked though nobody is known to use it: on the server that needs the scope %s, which %s has not",
		plural.Of(n, "address"), ledger.RangeText(first.Found.Range), first.Found.For, adminScope, d.by)
}

// adopt books what of the pool is in use, or stands in rows of a file.
func (d *desk) adopt(ctx context.Context, pool *ledger.Pool, flags *adoptFlags, rows []bookingcsv.Row) ([]ledger.Adoption, error) {
	dryRun := flags.dryRun
	var adopted []ledger.Adoption
	var left []ledger.Found // to others
	to := "who pushes the director"
	scope := d.lacksScope(pool, flags.team)
	leaveAll := scope != "" && flags.team == "" && len(flags.csv) == 0
	if leaveAll {
		to = "who has the scope " + scope
	}
	defer func() { d.previewed = append(d.previewed, bookedNow(pool, adopted)...) }()
	apply := func(rs *ledger.Records) (entries []ledger.Entry, err error) {
		if err := d.refresh(); err != nil {
			return nil, err
		}
		look := d.look(pool)
		left = nil
		outside := d.ownersOfOthers()
		found := slices.DeleteFunc(look.Found(), func(f ledger.Found) bool {
			leaves := leaveAll || d.leavesToOthers(pool, f.For.Owner, outside)
			if leaves && rs.At(f.Range).Owner != f.For.Owner {
				left = append(left, f)
			}
			return leaves
		})
		if len(flags.csv) > 0 {
			left = nil
			found = bookingcsv.Of(rows, pool)
		}
		team, no := d.teamFor(pool, flags.team)
		if no != "" && len(found) > 0 && !dryRun {
			return nil, end(ExitFindings, noMember, "%s", no)
		}
		for i := range found {
			found[i].Team = cmp.Or(team, pool.Teams[0])
			if d.flags.why != "" {
				found[i].Why = d.flags.why
			}
		}
		world := look.World("")
		if dryRun {
			world = d.afterPreview(world, look)
		}
		adopted, entries, err = ledger.Adopt(pool, rs, world, found, d.by)
		if err != nil {
			return nil, usage("see ipguard adopt --help", "%s", err)
		}
		if scope != "" && len(entries) > 0 {
			return nil, incomplete("ask somebody of the team", "%s: %s has no scope %s", ledger.RangeText(entries[0].Range), d.by, scope)
		}
		for _, e := range entries {
			if err := d.mayBeOwner(e.Event.Owner, e.Range); len(flags.csv) == 0 && err != nil {
				return nil, err
			}
		}
		if !dryRun {
			var list []report.Adopted
			for _, a := range adopted {
				list = append(list, report.Adopted{Pool: pool.Name, Adoption: a})
			}
			if err := unusedOf(d, list); err != nil {
				return nil, err
			}
		}
		return entries, nil
	}
	err := d.update(ctx, pool, dryRun, apply)
	if err == nil && len(left) > 0 {
		fmt.Fprintf(d.streams.Stderr, "ipguard: %s of pool %s, such as %s for %s: left to %s\n",
			plural.Of(len(left), "address"), place.Name(pool.Name), ledger.RangeText(left[0].Range), place.Name(left[0].For.Owner), place.Name(to))
	}
	return adopted, err
}

// lacksScope is a scope without which nothing can be booked in a server's pool, for the team
// that was asked for or any of the pool's; empty where the token has one.
func (d *desk) lacksScope(pool *ledger.Pool, asked string) string {
	teams := pool.Teams
	if asked != "" {
		teams = []string{asked}
	}
	if !d.Central.Has(pool.Name) || len(teams) == 0 || slices.ContainsFunc(teams, func(t string) bool { return d.may("teams", t, "book") }) {
		return ""
	}
	return "ipguard.teams." + teams[0] + ".book"
}

// leavesToOthers reports whether an owner in a pool of several teams is of a director that others
// push, or among those outside of directors that others told: what it uses is theirs to book.
func (d *desk) leavesToOthers(pool *ledger.Pool, owner string, outside map[string]bool) bool {
	if len(pool.Teams) < 2 || !d.Central.Has(pool.Name) {
		return false
	}
	n, directors := plan.ReadOwnerName(owner), d.Fleet.File.Directors
	i := slices.IndexFunc(directors, func(o fleet.Director) bool { return o.Name.Value == n.Director })
	if n.Parts < 2 || i < 0 { // a free name may have slashes
		return outside[owner]
	}
	return directors[i].Server != "" && !d.may("directors", n.Director, "push")
}

// ownersOfOthers are the owners of addresses outside of directors of which the fleet file
// here says nothing.
func (d *desk) ownersOfOthers() map[string]bool {
	owners := map[string]bool{}
	for i := range d.Facts.Plan.Claims {
		if c := &d.Facts.Plan.Claims[i]; c.Kind == plan.External {
			owners[c.Owner().Property] = true
		}
	}
	for i := range d.Fleet.File.External {
		delete(owners, d.Fleet.File.External[i].Owner.Value)
	}
	return owners
}

// previewed is an address that would be booked by now, if it were not a dry run.
type previewed struct {
	pool    *ledger.Pool
	booking ledger.Booking
}

func bookedNow(pool *ledger.Pool, adopted []ledger.Adoption) []previewed {
	var list []previewed
	for _, a := range adopted {
		if a.Status == ledger.AdoptNew {
			list = append(list, previewed{pool, ledger.Booking{Range: a.Found.Range, State: ledger.Booked, Owner: a.Found.For.Owner, Number: a.Found.For.Number, At: a.Found.At}})
		}
	}
	return list
}

// afterPreview is a world in which what would have been adopted before is booked.
func (d *desk) afterPreview(w *ledger.World, look *booking.Look) *ledger.World {
	elsewhere := w.Elsewhere
	w.Elsewhere = func(r netip.Prefix) []ledger.Booking {
		list := elsewhere(r)
		for _, p := range d.previewed {
			if p.booking.Range.Overlaps(r) && look.Meets(p.pool) {
				list = append(list, p.booking)
			}
		}
		return list
	}
	return w
}

// readCSVs reads the files of --csv.
func (d *desk) readCSVs(paths []string) ([]bookingcsv.Row, error) {
	var rows []bookingcsv.Row
	for _, path := range paths {
		text, err := d.files.Read(path)
		if err != nil {
			return nil, storeError(err)
		}
		more, err := bookingcsv.Read(path, text)
		if err != nil {
			return nil, storeError(err)
		}
		rows = append(rows, more...)
	}
	return rows, nil
}
