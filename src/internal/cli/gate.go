package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/gate"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/regularfile"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/trouble"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// Exit codes of ipguard bosh where there is no bosh: those of a shell.
const (
	exitCannotRun = 126
	exitNoBosh    = 127
)

func newGateCommand(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "bosh ARGS...",
		Short: "run bosh, but not a deploy that lint refuses",
		Long: `ipguard bosh ARGS... does what bosh ARGS... does, with two exceptions.

Before deploy, update-cloud-config, update-runtime-config, update-config (cloud and
runtime) and create-env it lints exactly what bosh would get, and if lint does not
end with exit code 0, bosh is not run. What was linted is what bosh gets, even if
files change in between.

And it takes options of its own, anywhere before a --:

  --ipguard-fleet FILE        fleet file (default: $IPGUARD_FLEET, else ipguard.yml, from
                              the manifest's folder upward, then from here)
  --ipguard-director NAME     director of a create-env manifest that the fleet file
                              does not name, or names more than once
  --ipguard-override REASON   run bosh although lint refuses; only where the fleet file
                              has gate.override_log, to which this is written
  --ipguard-push              push what is booked for the deploy: of pools with book: on-deploy
                              its static addresses are booked before bosh runs

The director is the one of the fleet file whose environment is bosh's. The real bosh
is the first on the PATH that is not ipguard, or what IPGUARD_BOSH names. A script of
that name may be a wrapper of either: one that leads back to ipguard is passed over.`,
		Example: `  alias bosh='ipguard bosh'
  ipguard bosh -e promo -d pgpool deploy pgpool.yml -l vars.yml
  ipguard bosh -e promo update-cloud-config <(bosh int cloud.yml -o lab.yml)
  ipguard bosh -d pgpool deploy pgpool.yml --ipguard-override "the other side is gone, ticket 4711"`,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runGate(cmd.Context(), args, streams)
		},
	}
}

func runGate(ctx context.Context, args []string, streams Streams) error {
	options, args, err := splitGateOptions(args)
	if err != nil {
		return err
	}
	earlier := gate.FindEarlier(streams.Environ)
	program, err := findBosh(streams, earlier)
	if err != nil {
		return err
	}
	change, err := gate.Parse(args)
	if err != nil {
		var refused *gate.ParseError
		if errors.As(err, &refused) {
			err = incomplete(refused.Hint, "%s", refused)
		}
		return notRun(err)
	}
	if change != nil && earlier.Judged != "" && !earlier.Let(change) {
		return end(exitCannotRun, "name the real bosh with IPGUARD_BOSH",
			"%s runs ipguard, and adds arguments each time; bosh was not run", earlier.Scripts[len(earlier.Scripts)-1])
	}
	g := &gateRun{}
	if change != nil && earlier.Judged == "" {
		g = &gateRun{streams: streams, options: options, change: change, files: streams.files(), seen: bookfile.Head(ctx, folderOf(options.fleet), streams.Environ)}
		if args, err = g.pass(args); err != nil {
			return notRun(err)
		}
		if change, err = gate.Parse(args); err != nil {
			return notRun(incomplete("", "%s", err))
		}
		if slices.Contains(args, "--dry-run") { // nothing is deployed, so nothing is taken
			g.bookings = nil
		}
		if err := g.book(ctx); err != nil {
			return notRun(err)
		}
	}
	err = program.Run(args, earlier.Environ(streams.Environ, program, change))
	g.giveBack(ctx) // bosh did not begin
	return end(exitCannotRun, "name another one with IPGUARD_BOSH", "cannot run %s: %s", program.Path, err)
}

// notRun says of an error that stands alone what became of the command.
func notRun(err error) error {
	var told *ending
	if errors.As(err, &told) {
		told.Message += "; bosh was not run"
	}
	return err
}

// gateOptions are the gate's own options.
type gateOptions struct {
	fleet, director, reason string
	override, push          bool
}

// gatePrefix begins every option that is not bosh's.
const gatePrefix = "--ipguard-"

// splitGateOptions takes the gate's own options out of bosh's arguments.
func splitGateOptions(args []string) (o gateOptions, boshs []string, err error) {
	values := map[string]*string{"fleet": &o.fleet, "director": &o.director, "override": &o.reason}
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			return o, append(boshs, args[i:]...), nil
		}
		option, ok := strings.CutPrefix(args[i], gatePrefix)
		if !ok {
			boshs = append(boshs, args[i])
			continue
		}
		name, text, given := strings.Cut(option, "=")
		if name == "push" && !given {
			o.push = true
			continue
		}
		value := values[name]
		if value == nil {
			return o, nil, usage("they are --ipguard-fleet, --ipguard-director, --ipguard-override and --ipguard-push", "unknown option %s%s", gatePrefix, name)
		}
		if !given && i+1 < len(args) {
			i++
			text = args[i]
		}
		if strings.TrimSpace(text) == "" || strings.HasPrefix(text, "-") && !given {
			return o, nil, usage("see ipguard help bosh", "%s%s takes a value", gatePrefix, name)
		}
		*value = text
		o.override = o.override || name == "override"
	}
	return o, boshs, nil
}

func findBosh(streams Streams, earlier gate.Earlier) (*gate.Program, error) {
	named, _ := streams.env("IPGUARD_BOSH")
	path, _ := streams.env("PATH")
	program, passed := gate.Find(named, path, earlier)
	if program != nil {
		return program, nil
	}
	missing := &ending{trouble.Trouble{Message: "bosh: command not found", Hint: "install bosh, or name it with IPGUARD_BOSH"}, exitNoBosh}
	if named != "" {
		missing.Message = "IPGUARD_BOSH is " + named + ", which is no program"
	}
	if len(passed) > 0 {
		missing.Message += "; " + strings.Join(passed, ", ") + " would only run ipguard again"
	}
	return nil, missing
}

// gateRun judges one change.
type gateRun struct {
	streams Streams
	options gateOptions
	change  *gate.Change
	files   *source.Files
	// texts and names are those of the change's files, in their order: nil is a
	// vars store that is not there yet.
	texts [][]byte
	names []string
	// fleet is with the change, before without it; survey is what was read of fleet.
	fleet, before *workspace.Workspace
	survey        *survey.Survey
	// seen is the commit whose files were read; empty where there is none.
	seen string
	// bookings are to be made before bosh runs.
	bookings []deployBooking
	// director is the fleet's, or what the command line says if there is none.
	director string
}

// pass lints the change, and returns the arguments with which bosh gets what was
// linted. The error says why it gets nothing.
func (g *gateRun) pass(args []string) ([]string, error) {
	if err := g.read(); err != nil {
		return nil, err
	}
	result, err := g.judge()
	if err != nil {
		return nil, err
	}
	g.takeBookings(&result)
	refused, err := g.tell(result)
	if err != nil {
		return nil, err
	}
	if refused != nil {
		if err := g.override(result, refused); err != nil {
			return nil, err
		}
	}
	return g.hold(args)
}

// read reads each file of the command line, once.
func (g *gateRun) read() error {
	for _, f := range g.change.Files() {
		name := g.nameOf(f)
		text, err := g.readFile(f, name)
		if err != nil {
			var placed *trouble.Trouble
			if errors.As(err, &placed) {
				return incomplete(placed.Hint, "%s: %s", placed.At.File, placed.Message)
			}
			return err
		}
		g.texts, g.names = append(g.texts, text), append(g.names, name)
	}
	return nil
}

func (g *gateRun) readFile(f gate.File, name string) ([]byte, error) {
	if g.change.InPlace(f) {
		info, err := os.Stat(f.Path)
		switch {
		case f.Role == gate.Store && errors.Is(err, fs.ErrNotExist):
			return nil, nil
		case err == nil && !info.Mode().IsRegular():
			return nil, incomplete("write it to a file", "%s: bosh opens its %s more than once, and this is no file: it cannot be told what it would get",
				name, f.Role)
		}
	}
	if f.Path == "-" {
		return g.files.Read(f.Path)
	}
	return g.files.ReadAs(name, f.Path)
}

// nameOf is how a file is shown. No two have the same name, also where bosh and
// the system disagree about what a path means, behind symbolic links.
func (g *gateRun) nameOf(f gate.File) string {
	if f.Role == gate.Store {
		return f.Path // whose absence is looked at again
	}
	name := fleet.Shown(f.Path)
	for i, other := range g.change.Files()[:len(g.names)] {
		if g.names[i] == name && other.Path != f.Path {
			return f.Path
		}
	}
	return name
}

// tell says on standard error what lint has against the change. refused is nil if
// that is nothing.
func (g *gateRun) tell(result lint.Result) (refused, err error) {
	result.Findings, result.Failures = lint.Folded(result.Findings), trouble.Few(result.Failures)
	toStderr := g.streams
	toStderr.Stdout = g.streams.Stderr
	format, _, err := report.ParseFormat("text")
	if err != nil {
		return nil, err
	}
	out := &outputs{failOn: lint.Error, color: "auto"}
	switch refusal := out.code(result); {
	case refusal != nil && result.Summary.Directors == 0: // nothing was judged
		return refusal, report.WriteFailures(g.streams.Stderr, result.Failures, report.Options{})
	case refusal != nil:
		return refusal, out.writeOne(output{format: format}, result, g.files, toStderr)
	}
	result.Findings = slices.DeleteFunc(result.Findings, func(f lint.Finding) bool {
		return f.Severity < lint.Warning && f.Rule != lint.HiddenAddressID && f.Rule != bosh.RuleMovedInstances
	})
	if len(result.Findings) == 0 {
		return nil, nil
	}
	if format, _, err = report.ParseFormat("concise"); err != nil {
		return nil, err
	}
	return nil, out.writeOne(output{format: format}, result, g.files, toStderr)
}

// override lets a refused change pass if the fleet file allows it, and the log of
// it is on the disk.
func (g *gateRun) override(result lint.Result, refused error) error {
	log := g.fleet.Fleet.File.Gate.OverrideLog
	what := g.what()
	if !g.options.override {
		hint := ""
		if log.Value != "" {
			hint = "\nhint: --ipguard-override REASON runs it all the same, and is written to " + log.Value
		}
		fmt.Fprintf(g.streams.Stderr, "ipguard: %s was not run%s\n", what, hint)
		return refused
	}
	if log.Value == "" {
		return incomplete("gate: {override_log: FILE} there allows it", "the fleet file does not allow an override")
	}
	path, err := g.fleet.Fleet.File.PathOf(log)
	if err == nil {
		err = g.overrideOf(result).Log(path)
	}
	if err != nil {
		return incomplete("", "the override cannot be written to the log: %s", err)
	}
	fmt.Fprintf(g.streams.Stderr, "ipguard: overridden (%s), as %s now says: running %s\n", g.options.reason, path, what)
	return nil
}

func (g *gateRun) what() string {
	return strings.TrimSpace("bosh " + g.change.Command + " " + g.change.Name)
}

func (g *gateRun) overrideOf(result lint.Result) gate.Override {
	shown := g.streams.shown
	o := gate.Override{
		Time: g.streams.now().UTC(), Command: g.change.Command, Director: shown(cmp.Or(g.director, g.change.Environment)),
		Name: shown(g.change.Name), Path: g.names[0], Reason: g.options.reason,
	}
	for _, f := range lint.Folded(result.Findings) {
		if f.Severity >= lint.Error {
			o.Findings = append(o.Findings, f.Rule+": "+shown(f.Told()))
		}
	}
	for _, f := range trouble.Few(result.Failures) {
		o.Failures = append(o.Failures, shown(f.Message))
	}
	return o
}

// hold keeps what was linted and puts it in the place of its files. A file that
// bosh must find where it is has to be as it was.
func (g *gateRun) hold(args []string) ([]string, error) {
	files := g.change.Files()
	paths := make([]string, len(files))
	for i, f := range files {
		if g.change.InPlace(f) {
			if err := unchanged(f.Path, g.texts[i]); err != nil {
				return nil, incomplete("run it again", "%s: %s", g.names[i], err)
			}
			continue
		}
		var err error
		if paths[i], err = gate.Hold(g.texts[i]); err != nil {
			return nil, incomplete("", "cannot keep %s for bosh: %s", g.names[i], err)
		}
	}
	args, err := gate.Substitute(args, g.change, paths)
	if err != nil {
		return nil, incomplete("", "%s", err)
	}
	return args, nil
}

// unchanged fails if a file is not what it was; nil: it was not there.
func unchanged(path string, before []byte) error {
	now, err := regularfile.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && before == nil:
		return nil
	case err != nil:
		return err
	case before == nil || !bytes.Equal(now, before):
		return errors.New("it changed while it was linted")
	}
	return nil
}

// fleetFile is the fleet file for the change.
func (g *gateRun) fleetFile() (string, error) {
	search := g.streams.search(g.options.fleet, []string{g.change.Files()[0].Path})
	search.Flag = "--ipguard-fleet"
	path, ok, err := g.streams.searched(search)
	if err == nil && !ok {
		err = incomplete("name it with IPGUARD_FLEET or --ipguard-fleet FILE", "no %s was found for %s", fleet.FileName, g.what())
	}
	return path, err
}
