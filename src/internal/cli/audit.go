package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/audit"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/trouble"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

type auditFlags struct {
	fleet, color, failOn         string
	formats, directors, verdicts []string
	allowStale, allowUnseen      bool
}

func newAuditCommand(streams Streams) *cobra.Command {
	var flags auditFlags
	cmd := &cobra.Command{
		Use:   "audit [SEGMENT|NETWORK|CIDR]",
		Short: "hold what files promise against what directors granted, address by address",
		Long: `audit holds the files of the fleet against the snapshots of its directors, and
tells of each address that is not on both sides the same:

  drift        promised to one and granted to another, or granted twice, or the
               file gives an instance group one address and the director another
  ghost        granted to a machine that no file describes
  unprotected  promised and granted to nobody: nobody keeps off it
  orphan       held by a VM that belongs to no instance any more

with both owners, both places and what to do. What directors choose by themselves,
from the pools that the files give them, is agreed; --verdict agreed shows it.

Bookings count: what somebody else booked, what was given back and is still in use,
and what was booked and never seen.

Drift and ghosts are errors, and so is what somebody else may be handed out;
orphans and what only waits for a deploy are warnings, errands that have not run
are infos.

Exit codes: 0 nothing at or above --fail-on, 1 something, 2 wrong usage,
3 something that can meet the question could not be compared: a snapshot is missing,
too old or does not show all, no file tells what was promised, or it hides.`,
		Example: `  ipguard audit
  ipguard audit vlan-52 --director promo
  ipguard audit 10.8.52.0/24 --verdict drift,ghost
  ipguard audit --format csv=audit.csv --format text`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("ask for one after the other", "audit takes one segment, network or range, and got %d", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return runAudit(&flags, strings.Join(args, ""), streams)
		},
	}
	f := cmd.Flags()
	addFleetFlag(cmd, &flags.fleet)
	f.StringArrayVar(&flags.directors, "director", nil, "judge only this director; may be repeated")
	f.StringSliceVar(&flags.verdicts, "verdict", nil, "tell only these verdicts: "+verdictNames()+" or all (default: all but agreed)")
	f.StringArrayVar(&flags.formats, "format", []string{"text"}, "FORMAT or FORMAT=FILE: text, json or csv; may be repeated")
	addFailOnFlag(cmd, &flags.failOn)
	f.BoolVar(&flags.allowStale, "allow-stale", false, "take snapshots that are older than their max_age as they are")
	f.BoolVar(&flags.allowUnseen, "allow-unseen", false, "take it that directors do not show everything, as to a client without bosh.admin")
	addColorFlag(cmd, &flags.color)
	return cmd
}

func verdictNames() string {
	var names []string
	for _, v := range audit.Verdicts() {
		names = append(names, v.String())
	}
	return strings.Join(names, ", ")
}

func runAudit(flags *auditFlags, name string, streams Streams) error {
	a := &auditing{flags: flags, streams: streams}
	if err := a.check(); err != nil {
		return err
	}
	if err := a.read(); err != nil {
		return err
	}
	scope, err := a.scope(name)
	if err != nil {
		return err
	}
	return a.tell(scope)
}

// auditing is one run of audit.
type auditing struct {
	flags    *auditFlags
	streams  Streams
	outputs  []auditOutput
	shown    map[audit.Verdict]bool
	failOn   lint.Severity
	fleet    *workspace.Workspace
	sides    *survey.Sides
	result   *audit.Result
	failures []trouble.Trouble
	// notes are what is taken as it is.
	notes []string
}

// check judges the flags.
func (a *auditing) check() error {
	var err error
	if a.outputs, err = parseAuditFormats(a.flags.formats); err != nil {
		return err
	}
	if a.failOn, err = parseSeverity(a.flags.failOn); err != nil {
		return err
	}
	if a.shown, err = parseVerdicts(a.flags.verdicts); err != nil {
		return err
	}
	return checkColor(a.flags.color)
}

var auditFormats = []string{"text", "json", "csv"}

// auditOutput is one --format; file is empty for standard output.
type auditOutput struct{ format, file string }

func parseAuditFormats(texts []string) ([]auditOutput, error) {
	var list []auditOutput
	var files []string
	for _, text := range texts {
		format, file, toFile := strings.Cut(text, "=")
		if !slices.Contains(auditFormats, format) || toFile && file == "" {
			return nil, usage("write --format csv or --format csv=FILE", "--format takes text, json or csv, and got %q", text)
		}
		list, files = append(list, auditOutput{format, file}), append(files, file)
	}
	return list, oneToStdout(files)
}

// parseVerdicts reads --verdict; nothing means all that is not agreed.
func parseVerdicts(names []string) (map[audit.Verdict]bool, error) {
	shown := map[audit.Verdict]bool{}
	for _, v := range audit.Verdicts() {
		shown[v] = len(names) == 0 && v != audit.Agreed || slices.Contains(names, "all") || slices.Contains(names, v.String())
	}
	for _, name := range names {
		known := func(v audit.Verdict) bool { return v.String() == name }
		if name != "all" && !slices.ContainsFunc(audit.Verdicts(), known) {
			return nil, usage("write --verdict drift,ghost", "--verdict takes %s or all, and got %q", verdictNames(), name)
		}
	}
	return shown, nil
}

// read reads the fleet from both sides and compares them.
func (a *auditing) read() error {
	files := a.streams.files()
	defer showProgress(a.streams, files)()
	var err error
	if a.fleet, err = openFleet(a.flags.fleet, workspace.Mode{AllowStale: a.flags.allowStale, CanAllowStale: true}, files, a.streams); err != nil {
		return err
	}
	if err := a.checkDirectors(); err != nil {
		return err
	}
	a.sides = survey.ReadSides(a.fleet.Fleet, a.fleet.Loader)
	a.failures = slices.Concat(a.fleet.Troubles, a.sides.Failures)
	for _, s := range a.sides.Stale {
		a.notes = append(a.notes, s.Message)
	}
	directors := make([]audit.Director, len(a.sides.Sides))
	for i := range a.sides.Sides {
		directors[i] = a.director(i)
	}
	a.result = audit.Compare(directors, a.fleet.Fleet.Externals, a.fleet.Fleet.File.SegmentsOf, audit.Bookings{
		Claims: a.sides.Booked, Over: a.sides.Over, BlindSpots: a.sides.UnreadBookings, Now: a.fleet.Fleet.Snapshots.Now,
	})
	contradictions, _ := a.fleet.Fleet.File.CheckSegments(slices.Concat(a.result.Promised.Subnets, a.result.Granted.Subnets), nil)
	a.failures = append(a.failures, trouble.All(contradictions)...)
	return nil
}

// checkDirectors refuses names that the fleet file does not have.
func (a *auditing) checkDirectors() error {
	for _, name := range a.flags.directors {
		if err := knownDirector(a.fleet, name); err != nil {
			return err
		}
	}
	return nil
}

// judged reports whether the director is one of those to judge: if none is named, those of
// the fleet file. What the server knows of others was made of their files, which are not
// here; whoever has them judges them.
func (a *auditing) judged(name string) bool {
	if len(a.flags.directors) == 0 {
		return !a.ofServer(name)
	}
	return slices.Contains(a.flags.directors, name)
}

// ofServer reports whether the server alone knows a director.
func (a *auditing) ofServer(name string) bool {
	d := a.fleet.Director(name)
	return d != nil && d.Server != ""
}

// director is one director for the comparison.
func (a *auditing) director(i int) audit.Director {
	s := &a.sides.Sides[i]
	return audit.Director{Name: s.Name, At: s.At, Promised: s.Promised, Granted: s.Granted, Lost: s.Lost, Partial: s.Partial || a.lacksFiles(i), Unread: s.Unread}
}

// lacksFiles reports whether something is wrong with the fleet file's entry of a
// director, such as a path that leads nowhere: what stands between it and the
// next one.
func (a *auditing) lacksFiles(i int) bool {
	from, to := a.sides.Sides[i].At, a.sides.Sides[i].At
	to.Line = 1 << 30
	if i+1 < len(a.sides.Sides) {
		to = a.sides.Sides[i+1].At
	}
	return slices.ContainsFunc(a.fleet.Troubles, func(f trouble.Trouble) bool {
		return f.At.File == from.File && f.At.Compare(from) >= 0 && f.At.Compare(to) < 0
	})
}

// reaches reports whether a director has, or may have, an address that was asked for.
func (a *auditing) reaches(side *survey.Side, scope func(*plan.Claim) bool) bool {
	known := false
	for _, p := range []*plan.Plan{a.result.Promised, a.result.Granted} {
		for _, s := range p.Subnets {
			if s.Director != side.Name || !s.Range.IsValid() {
				continue
			}
			if known = true; scope(&plan.Claim{Range: netipx.RangeOfPrefix(s.Range), Subnet: s}) {
				return true
			}
		}
		for _, spot := range p.BlindSpots {
			if spot.Owner.Director == side.Name && slices.ContainsFunc(spot.May, func(c plan.Claim) bool { return scope(&c) }) {
				return true
			}
		}
	}
	return !known
}

// comparable says what keeps a director from being judged, or judged whole.
func (a *auditing) comparable(s *survey.Side) {
	fail := func(hint, format string, args ...any) {
		a.failures = append(a.failures, trouble.Trouble{Message: fmt.Sprintf(format, args...), At: s.At, Hint: hint})
	}
	d := a.fleet.Director(s.Name)
	switch {
	case s.Silent:
	case s.Granted == nil && d.Snapshot != nil:
		for _, l := range s.Lost {
			a.failures = append(a.failures, trouble.Trouble{Message: l.Message, At: l.At, Hint: l.Hint, Excerpt: l.Excerpt})
		}
	case s.Granted == nil:
		fail("give it environment: and snapshot: in "+a.fleet.Path+", and run ipguard collect "+s.Name,
			"director %s has no snapshot: what it granted is unknown", s.Name)
	case s.Promised == nil || len(s.Promised.Deployments) == 0:
		if len(s.Granted.Deployments)+len(s.Granted.Leases) > 0 && !s.Partial {
			fail("name their manifests in deployments: of "+a.fleet.Path, "no file describes a deployment of director %s: what was promised is unknown", s.Name)
		}
	}
	for _, u := range s.Head.Unseen {
		if a.flags.allowUnseen {
			a.notes = append(a.notes, "director "+s.Name+" did not show "+u)
			continue
		}
		fail("collect with a client that may see it, or take it as it is with --allow-unseen", "director %s did not show %s", s.Name, u)
	}
	for _, w := range s.Withheld {
		if a.flags.allowUnseen {
			a.notes = append(a.notes, w.Message)
			continue
		}
		fail(w.Hint+", or take it as it is with --allow-unseen", "%s", w.Message)
	}
}

// known says of a director of others that nothing is known of it. Nobody here can mend
// what it does not show.
func (a *auditing) known(s *survey.Side) {
	switch {
	case s.Granted == nil && len(s.Lost) > 0:
		for _, l := range s.Lost {
			a.failures = append(a.failures, trouble.Trouble{Message: l.Message, At: l.At, Hint: l.Hint, Excerpt: l.Excerpt})
		}
	case s.Granted == nil:
		a.failures = append(a.failures, trouble.Trouble{
			Message: fmt.Sprintf("nobody has pushed director %s yet: what it granted is unknown", s.Name), At: s.At, Hint: "whoever has it runs ipguard push " + s.Name,
		})
	}
}

// scope returns whether a claim is one that was asked for by name.
func (a *auditing) scope(name string) (func(*plan.Claim) bool, error) {
	if name == "" {
		return func(*plan.Claim) bool { return true }, nil
	}
	if asked, ok := answer.ParseRange(name); ok {
		return func(c *plan.Claim) bool { return c.Range.Overlaps(asked) }, nil
	}
	all := &plan.Plan{Subnets: slices.Concat(a.result.Promised.Subnets, a.result.Granted.Subnets)}
	read := &picture{Survey: &survey.Survey{Facts: &lint.Facts{Plan: all}}, Workspace: a.fleet, failures: a.failures}
	segments, err := read.segmentsNamed(name)
	if err != nil {
		return nil, err
	}
	return func(c *plan.Claim) bool {
		return slices.ContainsFunc(segments, func(g *plan.Segment) bool { return mayBeIn(c, g) })
	}, nil
}

// mayBeIn reports whether a claim is in a segment, or, where its own is not known,
// has an address of it.
func mayBeIn(c *plan.Claim, g *plan.Segment) bool {
	has := func(s *plan.Subnet) bool { return s.Range.IsValid() && netipx.RangeOfPrefix(s.Range).Overlaps(c.Range) }
	switch {
	case c.Subnet == nil:
		return slices.ContainsFunc(g.Subnets, has)
	case c.Subnet.Range.IsValid():
		return g.Contains(c.Subnet)
	case c.Subnet.Segment != "":
		return c.Subnet.Segment == g.Name
	}
	return slices.ContainsFunc(g.Subnets, func(s *plan.Subnet) bool {
		return has(s) && plan.ContactOf(s, c.Subnet).Relation != plan.Isolated
	})
}

func anyClaim(it *audit.Item, fits func(*plan.Claim) bool) bool {
	for _, side := range [][]plan.Claim{it.Promised, it.Granted} {
		for i := range side {
			if fits(&side[i]) {
				return true
			}
		}
	}
	return false
}

// tell writes what is in scope. The error carries the exit code.
func (a *auditing) tell(scope func(*plan.Claim) bool) error {
	out := report.Audit{Counts: map[audit.Verdict]int{}, Stale: staleOf(a.fleet)}
	worst := lint.Severity(0)
	for _, it := range a.result.Items {
		if !anyClaim(&it, scope) || !slices.ContainsFunc(it.Directors(), a.judged) {
			continue
		}
		out.Counts[it.Verdict]++
		if a.shown[it.Verdict] {
			out.Items, worst = append(out.Items, it), max(worst, it.Severity)
		}
	}
	for _, c := range a.result.Unjudged {
		if a.judged(c.Owner().Director) && scope(&c) {
			out.Unjudged = append(out.Unjudged, c)
		}
	}
	for _, s := range a.sides.Sides {
		if s.Granted != nil && a.judged(s.Name) {
			out.Snapshots = append(out.Snapshots, report.AuditSnapshot{Director: s.Name, Collected: s.Head.Collected, Unseen: s.Head.Unseen})
		}
	}
	for i := range a.sides.Sides {
		switch s := &a.sides.Sides[i]; {
		case a.judged(s.Name) && a.reaches(s, scope):
			a.comparable(s)
		case len(a.flags.directors) == 0 && a.reaches(s, scope):
			a.known(s)
		}
	}
	for _, spot := range a.hidden(scope, out.Unjudged) {
		if spot.Message != "" {
			a.failures = append(a.failures, lint.Doubt{Spot: spot}.Trouble())
			continue
		}
		out.Hidden = append(out.Hidden, spot)
	}
	out.Failures = once(a.failures)
	if err := a.write(out); err != nil {
		return err
	}
	switch {
	case worst >= a.failOn:
		return exitCode(ExitFindings)
	case len(out.Failures)+len(out.Hidden)+len(out.Unjudged) > 0:
		return exitCode(ExitIncomplete)
	}
	return nil
}

// hidden are the blind spots that can meet what was asked for, and those because of
// which something was not judged.
func (a *auditing) hidden(scope func(*plan.Claim) bool, unjudged []plan.Claim) []*plan.BlindSpot {
	list := a.result.Doubts(audit.Asked{Judged: a.judged, Within: scope, Least: a.failOn})
	for _, c := range unjudged {
		for _, spot := range a.result.Behind(&c) {
			if !slices.Contains(list, spot) {
				list = append(list, spot)
			}
		}
	}
	a.noteOthers(list)
	return list
}

// noteOthers says in one line that there are blind spots that cannot meet what was
// asked for.
func (a *auditing) noteOthers(told []*plan.BlindSpot) {
	var others []*plan.BlindSpot
	for _, p := range []*plan.Plan{a.result.Promised, a.result.Granted} {
		for i := range p.BlindSpots {
			if spot := &p.BlindSpots[i]; len(spot.May) > 0 && !slices.Contains(told, spot) {
				others = append(others, spot)
			}
		}
	}
	if len(others) > 0 {
		a.notes = append(a.notes, fmt.Sprintf("parts that nobody can see, and that cannot matter here: %d, the first at %s", len(others), others[0].At))
	}
}

func (a *auditing) write(out report.Audit) error {
	writers := map[string]func(io.Writer, report.Options) error{
		"text": func(w io.Writer, options report.Options) error { return report.WriteAudit(w, out, options) },
		"json": func(w io.Writer, _ report.Options) error { return report.WriteAuditJSON(w, out) },
		"csv":  func(w io.Writer, _ report.Options) error { return report.WriteAuditCSV(w, out) },
	}
	for _, o := range a.outputs {
		if err := writeReport(o.format, o.file, a.flags.color, a.streams, report.Options{}, writers[o.format]); err != nil {
			return err
		}
	}
	if err := report.WriteFailures(a.streams.Stderr, out.Failures, report.Options{}); err != nil {
		return incomplete("", "cannot write to standard error: %s", err)
	}
	for _, n := range a.notes {
		fmt.Fprintf(a.streams.Stderr, "ipguard: %s\n", n)
	}
	return nil
}

// once leaves out failures that were told before: both sides read the snapshots.
func once(failures []trouble.Trouble) []trouble.Trouble {
	var list []trouble.Trouble
	for _, f := range failures {
		if !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	return list
}
