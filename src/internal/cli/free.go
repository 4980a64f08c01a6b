package cli

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/spelling"
)

// maxFree is the most addresses that free names at once.
const maxFree = 65536

type freeFlags struct {
	answerFlags
	count         int
	contiguous    bool
	static        bool
	team, purpose string
	why           []string
	scans         []string
	incomplete    bool
}

func newFreeCommand(streams Streams) *cobra.Command {
	var flags freeFlags
	cmd := &cobra.Command{
		Use:   "free [SEGMENT|NETWORK|CIDR|POOL]",
		Short: "propose addresses that nobody has and nobody hands out",
		Long: `free proposes addresses of a segment, a network or a range that no director owns,
no pool can hand out and nobody uses, and tells what that rests on. With pools in
the fleet file it proposes only what they delegate, and needs no other argument.

An address that a network reserves is kept off by its director, so it is free;
but somebody had a reason to reserve it, which may stand in no file. Those come
last, and only where no pool delegates them.

Files cannot tell who is there without being in any file. With --scan, the result of
ipguard scan is evidence too: who answered has the address, and only addresses are
proposed that were asked for and silent.

Exit codes: 0 as many as asked for, 1 fewer (or, with --why, not free), 2 wrong
usage, 3 something could not be read or hides behind a variable: then no address
is proposed, since it may be taken.`,
		Example: `  ipguard free vlan-52
  ipguard free 10.8.52.0/24 -n 3
  ipguard free promo/default --static          for static_ips of that network
  ipguard free --team database --purpose vip   from that team's pools
  ipguard free database-vip                    from the pool of that name
  ipguard free vlan-52 -n 16 --contiguous
  ipguard free vlan-52 --why 10.8.52.191
  ipguard free vlan-52 --scan seen.json        written by ipguard scan vlan-52 --format json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("ask for one after the other", "free takes one segment, network or range, and got %d", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return runFree(&flags, strings.Join(args, ""), streams)
		},
	}
	flags.add(cmd)
	f := cmd.Flags()
	f.IntVarP(&flags.count, "number", "n", 1, "how many addresses")
	f.BoolVar(&flags.contiguous, "contiguous", false, "addresses that follow each other")
	f.BoolVar(&flags.static, "static", false, "addresses that the network gives to static_ips: for a manifest of its own director")
	f.StringVar(&flags.team, "team", "", "only from pools of this team")
	f.StringVar(&flags.purpose, "purpose", "", "only from pools for this purpose")
	f.StringArrayVar(&flags.why, "why", nil, "tell why this address is free or is not; may be repeated")
	f.StringArrayVar(&flags.scans, "scan", nil, "`file` with the JSON of ipguard scan (- for standard input); may be repeated")
	f.BoolVar(&flags.incomplete, "allow-incomplete", false, "propose addresses even if something could not be read")
	return cmd
}

func runFree(flags *freeFlags, name string, streams Streams) error {
	if err := flags.check(); err != nil {
		return err
	}
	if flags.count < 1 || flags.count > maxFree {
		return usage("", "-n takes a number from 1 to %d, and got %d", maxFree, flags.count)
	}
	why, err := parseAddresses(flags.why)
	if err != nil {
		return err
	}
	read, err := readPicture(flags.fleet, streams)
	if err != nil {
		return err
	}
	question, err := flags.question(name, read)
	if err != nil {
		return err
	}
	seen, err := readScans(flags.scans, read.files, streams)
	if err != nil {
		return err
	}
	question.Scans = seen.scans
	return flags.answer(read, question, seen, why, streams)
}

func parseAddresses(texts []string) ([]netip.Addr, error) {
	var list []netip.Addr
	for _, text := range texts {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return nil, usage("--why 10.8.52.191", "--why takes an address, and got %q", text)
		}
		list = append(list, a.Unmap())
	}
	return list, nil
}

// answer looks for addresses, or judges those of --why.
func (f *freeFlags) answer(read *picture, q answer.Question, seen evidence, why []netip.Addr, streams Streams) error {
	p := read.Facts.Plan
	q.AllowUnsure = f.incomplete
	out := report.Free{Question: q, Offers: answer.Free(p, q), Scans: seen.told, Failures: slices.Concat(read.failures, seen.failures)}
	if err := seen.checkForeign(answer.Foreign(p, q), out.Segments); err != nil {
		return err
	}
	out.Stale = read.stale()
	if read.Central != nil {
		out.Server, out.AsOf = read.Central.URL, read.Central.AsOf
	}
	out.Files, out.Said = read.filesOf(out.Directors), read.saidBy(out.Directors)
	out.Withheld = len(out.Failures) > 0 && !f.incomplete
	whole := len(out.Failures) == 0
	enough := len(out.Offers.Offers) >= q.Count
	if !enough && len(why) == 0 {
		out.Hidden = out.Blind
	}
	for _, a := range why {
		v := answer.Why(p, q, a)
		out.Verdicts = append(out.Verdicts, v)
		out.Hidden = append(out.Hidden, v.Hidden()...)
		enough = (len(v.Obstacles) == 0 || v.Unsure()) && (enough || len(out.Verdicts) == 1)
	}
	if len(out.Hidden) > 0 {
		enough, whole = enough || len(why) == 0, false
	}
	err := f.write(streams,
		func(w io.Writer, options report.Options) error { return report.WriteFree(w, out, options) },
		func(w io.Writer) error { return report.WriteFreeJSON(w, out) },
		out.Failures, whole)
	if err == nil && !enough {
		return exitCode(ExitFindings)
	}
	return err
}

// question turns the command line into a question.
func (f *freeFlags) question(name string, read *picture) (answer.Question, error) {
	q := answer.Question{Count: f.count, Contiguous: f.contiguous, Static: f.static, Pools: read.pools}
	if f.team != "" || f.purpose != "" {
		q.Wanted = func(p *answer.Pool) bool {
			return (f.team == "" || p.Team == f.team) && (f.purpose == "" || p.Purpose == f.purpose)
		}
		if err := f.checkPools(read, q); err != nil {
			return q, err
		}
	}
	var err error
	if name == "" {
		q.Scope, err = poolScope(read, q)
		return q, err
	}
	q.Scope, err = answer.Find(read.Facts.Plan, name)
	switch notFound, ambiguous := (*answer.NotFound)(nil), (*answer.Ambiguous)(nil); {
	case errors.As(err, &ambiguous):
		return q, usage("name one of them: "+someOf(ambiguous.Choices), "%s", err)
	case errors.As(err, &notFound) && !f.static && slices.ContainsFunc(read.pools, func(p answer.Pool) bool { return p.Name == name }):
		among := q.Wanted
		q.Wanted = func(p *answer.Pool) bool { return p.Name == name && (among == nil || among(p)) }
		q.Scope, err = poolScope(read, q)
		return q, err
	case errors.As(err, &notFound):
		for i := range read.pools {
			notFound.Known = append(notFound.Known, read.pools[i].Name)
		}
		return q, read.unknownName(notFound)
	case f.static && len(networksOf(q.Scope.Subnets)) > 1:
		return q, usage("name one of them: "+someOf(networksOf(q.Scope.Subnets)), "--static is about one network, and %q stands for %d", name, len(networksOf(q.Scope.Subnets)))
	}
	return q, nil
}

// firstUnread is what could not be read first.
func (p *picture) firstUnread() string {
	if len(p.failures) == 0 {
		return "see ipguard lint for what could not be read"
	}
	return "ipguard lint tells all that could not be read, and first: " + p.failures[0].Message
}

// unknownName is a wrong usage, but for a fleet of which something could not be
// read: that may be where the name stands.
func (p *picture) unknownName(e *answer.NotFound) error {
	hint := "the fleet has " + someOf(e.Known)
	if len(e.Known) == 0 {
		hint = "the fleet has no network with a range"
	}
	if near, ok := spelling.Nearest(e.Name, e.Known); ok {
		hint = "did you mean " + near + "?"
	}
	if len(p.failures) > 0 || len(p.Facts.Plan.BlindSpots) > 0 {
		return incomplete(p.firstUnread(), "%s, as far as it could be read", e)
	}
	return usage(hint, "%s", e)
}

// someOf lists names, but no more than a line can hold.
func someOf(names []string) string {
	const most = 8
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// checkPools refuses a team or a purpose that no pool has.
func (f *freeFlags) checkPools(read *picture, q answer.Question) error {
	var known []string
	for i := range read.pools {
		if q.Wanted(&read.pools[i]) {
			return nil
		}
		known = append(known, read.pools[i].Label())
	}
	if len(known) == 0 && len(read.failures) > 0 {
		return incomplete(read.firstUnread(), "no pool is known, as far as the fleet could be read")
	}
	if len(known) == 0 {
		return usage("leave --team and --purpose out, or add pools to "+read.Path, "the fleet file has no pools")
	}
	if len(read.failures) > 0 {
		return incomplete(read.firstUnread(), "no pool that could be read is of that team and purpose")
	}
	return usage("the fleet file has pools of "+strings.Join(known, "; "), "no pool of the fleet file is of that team and purpose")
}

// poolScope is all subnets that a wanted pool lies in.
func poolScope(read *picture, q answer.Question) (answer.Scope, error) {
	var scope answer.Scope
	if len(q.Pools) == 0 && !q.Static && len(read.failures) > 0 {
		return scope, incomplete(read.firstUnread(), "no pool is known, as far as the fleet could be read")
	}
	if len(q.Pools) == 0 || q.Static {
		return scope, usage("ipguard free SEGMENT, ipguard free 10.8.52.0/24", "free needs a segment, a network or a range")
	}
	for _, s := range read.Facts.Plan.Subnets {
		if s.Range.IsValid() && slices.ContainsFunc(q.Pools, func(p answer.Pool) bool {
			return (q.Wanted == nil || q.Wanted(&p)) && (p.Segment == "" || p.Segment == s.Segment) &&
				slices.ContainsFunc(p.Ranges, netipx.RangeOfPrefix(s.Range).Overlaps)
		}) {
			scope.Subnets = append(scope.Subnets, s)
		}
	}
	if len(scope.Subnets) == 0 && len(read.failures)+len(read.Facts.Plan.BlindSpots) > 0 {
		return scope, incomplete(read.firstUnread(), "no network that could be read holds an address of these pools")
	}
	if len(scope.Subnets) == 0 {
		return scope, usage("compare the pools with the networks of the cloud-configs", "no network of the fleet holds an address of these pools")
	}
	return scope, nil
}

// networksOf names the networks of subnets, sorted.
func networksOf(subnets []*plan.Subnet) []string {
	var names []string
	for _, s := range subnets {
		names = append(names, answer.Network(s))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// filesOf lists the fleet file and all files of some directors, with what
// changes them, in the order in which they are named.
func (p *picture) filesOf(directors []string) []string {
	files := []string{p.Path}
	for _, d := range p.Fleet.Directors {
		if !slices.Contains(directors, d.Name) {
			continue
		}
		for _, list := range [][]fleet.SourceFile{d.CloudConfigs, d.RuntimeConfigs, d.Deployments, d.CreateEnvs} {
			for _, e := range list {
				files = append(files, e.Path)
				files = append(files, e.Inputs.OpsFiles...)
				files = append(files, e.Inputs.VarsFiles...)
				for _, v := range e.Inputs.VarFiles {
					files = append(files, v.Value)
				}
				if e.Inputs.VarsStore != "" {
					files = append(files, e.Inputs.VarsStore)
				}
			}
		}
	}
	return files
}

// saidBy are the snapshots of some directors.
func (p *picture) saidBy(directors []string) []report.Said {
	var list []report.Said
	for _, t := range p.Said {
		if slices.Contains(directors, t.Director) {
			list = append(list, report.Said(t))
		}
	}
	return list
}
