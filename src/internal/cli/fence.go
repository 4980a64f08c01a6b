package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/fence"
	"github.com/ipguard/ipguard/src/internal/fencetext"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/survey"
)

// fenceFlags is the command line of fence.
type fenceFlags struct {
	fleet  string
	fix    bool
	color  string
	format string
}

func newFenceCommand(streams Streams) *cobra.Command {
	var flags fenceFlags
	cmd := &cobra.Command{
		Use:   "fence [SEGMENT]",
		Short: "compute the reserved lines that keep directors of one segment apart",
		Long: `fence computes the smallest change of reserved: lines after which no two
directors of a segment can hand out the same address, and no director one that
somebody else uses: VMs of create-env, virtual addresses, gateways, DNS servers,
externals. It prints the change as a diff for each file; --fix writes it, and
changes nothing else in the files.

Every address that is in use stays where it is. Addresses that two directors may
hand out by themselves stay with one of them: as few lines as can be, then as few
addresses taken away as can be; the director that uses fewer of them gives way,
of equals the one whose name is later. Everybody keeps what his manifests need.

SEGMENT is a name that ipguard map shows, a network, or an address or CIDR in the
segment. Without it, all segments are fenced.

--format json prints one object: version (1; it changes when a field goes or means
something else), changes (director, deployment, network, subnet, file, line, column,
reserved, and by_hand: why --fix cannot write it), conflicts that are left for people
(rule, message), pools that are short, unknown, and failures: what could not be read,
and what hides.

Exit codes: 0 nothing is left to do, 1 lines are to be added or something is for
people to decide, 3 something could not be read or decided. With --fix nothing is
written as long as a file cannot be read.`,
		Example: `  ipguard fence                       what would keep all directors apart
  ipguard fence vlan-70               in one segment
  ipguard fence 10.8.52.0/22 --fix    and write it
  ipguard fence | git apply           or let git do so, where the diff hides nothing
  ipguard fence --format json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("ipguard fence SEGMENT", "fence takes one segment, and got %d", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return runFence(&flags, strings.Join(args, ""), streams)
		},
	}
	addFleetFlag(cmd, &flags.fleet)
	cmd.Flags().BoolVar(&flags.fix, "fix", false, "write the change into the files")
	cmd.Flags().StringVar(&flags.format, "format", "text", "text (a diff) or json: the changes, and what is left for people")
	addColorFlag(cmd, &flags.color)
	return cmd
}

// fencing is one run of fence.
type fencing struct {
	*picture
	streams Streams
	// subnets are those to fence, nil for all; there says in which prefixes they are.
	subnets map[*plan.Subnet]bool
	there   map[subnetOf]bool
	fence   *fence.Fence
	edits   *fencetext.Edits
	color   bool
	// json prints the fence for programs, in place of diffs.
	json bool
	// texts stand in the place of files on the disk, by path.
	texts map[string][]byte
	// refused says that a director would refuse the edited files.
	refused bool
}

func runFence(flags *fenceFlags, name string, streams Streams) error {
	if err := checkColor(flags.color); err != nil {
		return err
	}
	if err := checkFormat(flags.format); err != nil {
		return err
	}
	read, err := readPicture(flags.fleet, streams)
	if err != nil {
		return err
	}
	run := &fencing{picture: read, streams: streams, json: flags.format == "json"}
	run.color, _ = terminal(flags.color, streams)
	if name != "" {
		segments, err := read.segmentsNamed(name)
		if err != nil {
			return err
		}
		run.subnets, run.there = subnetsOf(segments), map[subnetOf]bool{}
		for s := range run.subnets {
			run.there[subnetOf{s.Director, s.Deployment, s.Range.Masked()}] = true
		}
	}
	if err := report.WriteFailures(streams.Stderr, slices.Concat(read.failures, read.Unread), report.Options{}); err != nil {
		return incomplete("", "cannot write to standard error: %s", err)
	}
	if err := run.compute(); err != nil {
		return err
	}
	return run.finish(flags.fix)
}

// within reports whether a subnet is to be fenced.
func (r *fencing) within(s *plan.Subnet) bool {
	return r.subnets == nil || r.subnets[s]
}

// compute works out the fence and the edits, and checks them.
func (r *fencing) compute() error {
	r.fence = fence.Compute(r.Facts.Plan, r.Facts.Needs, r.within)
	var err error
	r.edits, err = fencetext.Edit(r.fence.Changes, fencetext.Files{Read: r.files.Read, Uses: r.uses()})
	if err != nil {
		return incomplete("", "%s", err)
	}
	return r.check()
}

// uses returns a function that counts how often the fleet uses a file as a
// config or manifest.
func (r *fencing) uses() func(path string) int {
	counts := map[string]int{}
	real := func(path string) string {
		if resolved, err := filepath.EvalSymlinks(path); err == nil {
			path = resolved
		}
		if absolute, err := filepath.Abs(path); err == nil {
			path = absolute
		}
		return path
	}
	for _, d := range r.Fleet.Directors {
		for _, list := range [][]fleet.SourceFile{d.CloudConfigs, d.RuntimeConfigs, d.Deployments, d.CreateEnvs} {
			for _, e := range list {
				counts[real(e.Path)]++
			}
		}
	}
	return func(path string) int { return counts[real(path)] }
}

// check reads the fleet once more with the edited texts: each pool must be what
// was computed, and no director may refuse what it did not refuse before.
func (r *fencing) check() error {
	if len(r.edits.Files) == 0 {
		return nil
	}
	files := source.NewFiles(strings.NewReader(""))
	files.Names = r.streams.names
	for path, text := range r.texts {
		files.Keep(path, text)
	}
	var changes []fence.Change
	for _, f := range r.edits.Files {
		files.Keep(f.Path, f.After)
		changes = append(changes, f.Changes...)
	}
	after := survey.Read(r.Fleet, interpolate.NewLoader(files, r.streams.Environ))
	expected := fence.Apply(r.Facts.Plan, changes)
	if wrong := fence.Differing(expected, after.Facts.Plan); len(wrong) > 0 {
		return incomplete("add the lines by hand; an ops file may undo what is written here",
			"written into the files, the lines would not have their effect on %s (%s): nothing is proposed", wrong[0].Label(), wrong[0].At)
	}
	known := map[string]bool{}
	for _, f := range directorErrors(r.Facts) {
		known[f.Rule+f.Message] = true
	}
	refused := slices.DeleteFunc(directorErrors(after.Facts), func(f lint.Finding) bool { return known[f.Rule+f.Message] })
	r.refused = len(refused) > 0
	tellSome(r, refused, "refusal", func(f lint.Finding) { r.say("with these lines a director would refuse: %s", f.Message) })
	return nil
}

// directorErrors are the findings that a director would answer with an error.
func directorErrors(facts *lint.Facts) []lint.Finding {
	rules := slices.DeleteFunc(slices.Clone(lint.Rules()), func(r lint.Rule) bool { return r.Family != lint.FamilyDirector })
	var list []lint.Finding
	asDirectors := *facts
	asDirectors.Severities = nil // a director refuses what it refuses
	for _, f := range lint.Run(&asDirectors, rules) {
		if f.Severity == lint.Error {
			list = append(list, f)
		}
	}
	return list
}

// say writes a line to standard error.
func (r *fencing) say(format string, args ...any) {
	lines := strings.Split(fmt.Sprintf(format, args...), "\n")
	for i := range lines {
		lines[i] = legible.Text(lines[i])
	}
	fmt.Fprintf(r.streams.Stderr, "ipguard: %s\n", strings.Join(lines, "\n"))
}
