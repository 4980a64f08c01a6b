package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/atomicfile"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

type bookFlags struct {
	writeFlags
	owner, team   string
	count         int
	contiguous    bool
	addresses     []string
	until         string
	hold          bool
	beyondQuota   bool
	request       bool
	vars          string
	ops, network  string
	countWasGiven bool
}

func newBookCommand(streams Streams) *cobra.Command {
	var flags bookFlags
	cmd := &cobra.Command{
		Use:     "book WHERE --for OWNER",
		Aliases: []string{"reserve"},
		Short:   "take addresses of a pool that was delegated, for sure and at once",
		Long: `book takes addresses for an owner, writes that down beside the fleet file, and commits
it. WHERE is a pool of the fleet file (its name, else TEAM or TEAM/PURPOSE), or what a pool
delegates addresses of: DIRECTOR/NETWORK, a segment, a CIDR. OWNER is
director/deployment/instance-group[/index], or a free name such as lb/frontend.

Who asks again for the same owner gets the same addresses. With --push, a push decides:
what the remote took is booked for all, and who came too late gets another address. On a
branch that nobody may push to, --branch NAME commits to another one, for a pull request.

What the owner uses already is booked first. No address is given that a file, a director
or a blind spot may have. A booking ends (--until), but not while its address is in use.

Exit codes: 0 the addresses are the owner's, 1 no, with the reason, 2 wrong usage, 3
something could not be read, or the repository is in no state to commit or push.`,
		Example: `  ipguard book promo --for promo/pgpool/pgpool -n 2 --push
  ipguard book vlan-52 --for lb/frontend --until 90d --why "ticket 4711"
  ipguard book promo --for promo/pgpool/pgpool --vars pgpool_ips
  ipguard book dr --for dr-west/director/bosh --address 10.8.52.240
  ipguard book promo --for promo/web/api --ops static.yml --branch book-api --push
  ipguard book promo --for promo/big/web -n 30 --request --why "ticket 4712"`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("ipguard book promo --for promo/pgpool/pgpool", "book takes one pool, network, segment or range, and got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			flags.countWasGiven = cmd.Flags().Changed("number")
			return runBook(cmd.Context(), &flags, args[0], streams)
		},
	}
	flags.add(cmd)
	f := cmd.Flags()
	f.StringVar(&flags.owner, "for", "", "whose the addresses are: director/deployment/instance-group[/index], or a free name")
	f.StringVar(&flags.team, "team", "", "whose quota they count for (default: the pool's own team)")
	f.IntVarP(&flags.count, "number", "n", 1, "how many addresses the owner wants to have")
	f.BoolVar(&flags.contiguous, "contiguous", false, "addresses that follow each other")
	f.StringArrayVar(&flags.addresses, "address", nil, "this address and no other; may be repeated")
	f.StringVar(&flags.until, "until", "", "when it ends: 24h, 14d, 2027-01-31 (its end) or never (default: as the pool says, else 14d)")
	f.BoolVar(&flags.hold, "hold", false, "hold it for an hour only, until it is booked for the same owner")
	f.BoolVar(&flags.beyondQuota, "beyond-quota", false, "more than the pool's quota: only with --branch, for somebody of the pool's owners to merge")
	f.BoolVar(&flags.request, "request", false, "where the quota says no, ask the pool's owners: for pools on a server (see ipguard requests)")
	f.StringVar(&flags.vars, "vars", "", "print a vars file with this variable: the address, or a list of several")
	f.StringVar(&flags.ops, "ops", "", "write an ops `file` that sets the owner's static_ips")
	f.StringVar(&flags.network, "network", "", "the owner's network, for --ops, where the files do not tell it")
	return cmd
}

func (f *bookFlags) checkBook() (holder ledger.Holder, err error) {
	if f.owner == "" {
		return holder, usage("--for director/deployment/instance-group, or a name such as --for lb/frontend", "book is not told whose the address will be")
	}
	if holder, err = ledger.ParseHolder(f.owner); err != nil {
		return holder, usage("--for director/deployment/instance-group[/index]", "--for: %s", err)
	}
	switch {
	case f.beyondQuota && f.branch == "":
		return holder, usage("add --branch NAME: somebody of the pool's owners agrees by merging it", "--beyond-quota needs --branch")
	case f.beyondQuota && f.request:
		return holder, usage("--request is for pools on a server, --beyond-quota for those in git", "--beyond-quota and --request exclude each other")
	case f.vars != "" && f.format != "text":
		return holder, usage("leave one of them out", "--vars and --format json both go to standard output")
	case f.network != "" && f.ops == "":
		return holder, usage("add --ops FILE", "--network is for --ops")
	}
	return holder, f.checkOps(holder)
}

func runBook(ctx context.Context, flags *bookFlags, name string, streams Streams) error {
	holder, err := flags.checkBook()
	if err != nil {
		return err
	}
	exactly, err := parseBlocks("--address", flags.addresses)
	if err != nil {
		return err
	}
	until, endless, err := parseUntil(flags.until, streams.now().UTC())
	if err != nil {
		return err
	}
	count := flags.count
	if len(exactly) > 0 && !flags.countWasGiven {
		count = len(exactly)
	}
	flags.consent = flags.beyondQuota
	d, err := openDesk(ctx, &flags.writeFlags, streams)
	if err != nil {
		return err
	}
	if len(d.failures) > 0 {
		return d.unread()
	}
	at, err := d.findPool(name, flags.team)
	if none := (*errNotDelegated)(nil); errors.As(err, &none) {
		return d.tell(flags, report.Book{For: holder.String(), Now: d.now(), Refusal: &report.BookRefusal{
			Reason: ledger.NotDelegated, Message: none.Error(), Hint: "ask whoever plans the range, or see who has it: ipguard who " + name,
		}}, holder)
	}
	if err != nil {
		return err
	}
	team, no := d.teamFor(at.pool, flags.team)
	if no != "" {
		return d.tell(flags, report.Book{Pool: at.pool.Name, For: holder.String(), Now: d.now(), Refusal: &report.BookRefusal{
			Reason: ledger.NotOfTeam, Message: no, Hint: noMember,
		}}, holder)
	}
	ask := ledger.Ask{
		For: holder, Team: team, Count: count, Contiguous: flags.contiguous, Exactly: exactly, Within: at.within,
		Until: until, Endless: endless, Hold: flags.hold, BeyondQuota: flags.beyondQuota, By: d.by, Why: flags.why,
	}
	return d.book(ctx, flags, at, ask)
}

// book asks the ledger, and tells what it says.
func (d *desk) book(ctx context.Context, flags *bookFlags, at where, ask ledger.Ask) error {
	answered, err := d.ask(ctx, at.pool, ask)
	if err != nil {
		return err
	}
	out := d.standing()
	out.Pool, out.For, out.Bookings, out.New = at.pool.Name, ask.For.String(), answered.Bookings, answered.New
	out.Notes = d.notes(ask.For.Owner, answered.Bookings)
	if d.granted != nil {
		out.New, out.Notes = out.New+d.granted.given, append([]string{d.granted.text}, out.Notes...)
	}
	if answered.Refusal == nil {
		return d.tell(flags, out, ask.For)
	}
	if blind := d.blindRefusal(at.pool, ask, answered.Refusal); len(blind) > 0 {
		if err := report.WriteFailures(d.streams.Stderr, blind, report.Options{}); err != nil {
			return incomplete("", "cannot write to standard error: %s", err)
		}
		return incomplete("see above", "nothing was booked: an address that is free may be one that somebody has who cannot be seen")
	}
	out.Refusal = d.refusal(at, ask, answered.Refusal)
	if d.granted != nil {
		out.Refusal.Lines = append(out.Refusal.Lines, d.granted.text)
	}
	if answered.Refusal.Reason == ledger.OverQuota && (flags.request || d.Central.Has(at.pool.Name)) {
		return d.request(ctx, flags, at, ask, out)
	}
	return d.tell(flags, out, ask.For)
}

// ask books in the store, on what is known when the store writes.
func (d *desk) ask(ctx context.Context, pool *ledger.Pool, ask ledger.Ask) (ledger.Answer, error) {
	var answered ledger.Answer
	err := d.store.Update(ctx, pool.Name, func(rs *ledger.Records) (entries []ledger.Entry, err error) {
		if err := d.refresh(); err != nil {
			return nil, err
		}
		if len(d.failures) > 0 {
			return nil, d.unread()
		}
		answered, entries, err = ledger.Book(pool, rs, d.world(pool, ask.For.Owner), ask)
		if err != nil {
			return nil, usage("see ipguard book --help", "%s", err)
		}
		return entries, nil
	})
	if err != nil {
		return ledger.Answer{}, storeError(err)
	}
	return answered, nil
}

// blindRefusal is what nobody could see, if it is only for its sake that the answer
// is no.
func (d *desk) blindRefusal(pool *ledger.Pool, ask ledger.Ask, r *ledger.Refusal) []trouble.Trouble {
	switch r.Reason {
	case ledger.Exhausted, ledger.NoRun, ledger.NotFree:
		return d.blindIn(pool)
	}
	return nil
}

// notes say where the addresses may be used besides having them.
func (d *desk) notes(owner string, bookings []ledger.Booking) []string {
	name := plan.ReadOwnerName(owner)
	if name.Parts < 2 {
		return nil
	}
	var notes []string
	for _, s := range d.Facts.Plan.Subnets {
		if s.Director != name.Director || s.Deployment != "" || !s.Range.IsValid() {
			continue
		}
		var missing []string
		for _, b := range bookings {
			if s.Range.Contains(b.Range.Addr()) && !d.inStatic(s.Director, b.Range) {
				missing = append(missing, ledger.RangeText(b.Range))
			}
		}
		if len(missing) > 0 && !d.isCreateEnv(owner) {
			notes = append(notes, fmt.Sprintf("for static_ips, network %s needs it in static: of the subnet at %s: [%s]", answer.Network(s), s.At, strings.Join(missing, ", ")))
		}
	}
	return notes
}

// tell writes the answer in the form that was asked for, and ends with its code.
func (d *desk) tell(flags *bookFlags, out report.Book, holder ledger.Holder) error {
	ranges := make([]netip.Prefix, len(out.Bookings))
	for i, b := range out.Bookings {
		ranges[i] = b.Range
	}
	if out.Refusal == nil && flags.ops != "" {
		text, err := d.opsFile(flags.network, holder, ranges)
		if err != nil {
			return err
		}
		if err := flags.checkOps(holder); err != nil { // somebody may have written it since
			return err
		}
		if err := atomicfile.Write(flags.ops, atomicfile.Shared, text); err != nil {
			return incomplete("", "it is booked, but %s cannot be written: %s", flags.ops, err)
		}
	}
	streams := d.streams
	if flags.vars != "" {
		streams.Stdout = d.streams.Stderr // standard output is the vars file alone
	}
	err := flags.write(streams,
		func(w io.Writer, options report.Options) error { return report.WriteBook(w, out, options) },
		func(w io.Writer) error { return report.WriteBookJSON(w, out) }, nil, true)
	if err != nil {
		return err
	}
	if out.Refusal != nil {
		return exitCode(ExitFindings)
	}
	if flags.vars != "" {
		if err := report.WriteVars(d.streams.Stdout, flags.vars, ranges); err != nil {
			return incomplete("", "cannot write to standard output: %s", err)
		}
	}
	return nil
}
