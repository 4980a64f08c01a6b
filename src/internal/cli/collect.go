package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/collect"
	"github.com/ipguard/ipguard/src/internal/environment"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/reach"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

type collectFlags struct {
	fleet, config string
	timeout       time.Duration
	full          bool
	newDirector   bool
}

func newCollectCommand(streams Streams) *cobra.Command {
	var flags collectFlags
	cmd := &cobra.Command{
		Use:   "collect [DIRECTOR...]",
		Short: "ask live directors which addresses they granted, and write a snapshot of each",
		Long: `collect asks the directors of the fleet file that have an environment, or those
named, and writes what each says about its addresses to its snapshot: networks,
which instance group is on which, the addresses of all VMs, virtual addresses in
job properties. Nothing else of manifests and configs is kept, so that no secret
reaches the disk. ipguard lint reads the snapshots like any other file.

How to log in comes from the fleet file (environment), else from BOSH_CLIENT,
BOSH_CLIENT_SECRET, BOSH_CA_CERT and BOSH_ALL_PROXY, else from bosh's own
configuration file. The scope bosh.read is enough; orphaned VMs are only shown to
bosh.admin.

A director that does not answer keeps its old snapshot; all others are written,
and the exit code is 3. So does one that says to be another than its snapshot is
of, or to be one of the others: its environment leads to the wrong director. For a
director that was made anew, --new-director takes the other. A snapshot in which
nothing has changed is left as it is.`,
		Example: `  ipguard collect
  ipguard collect promo dr-west
  ipguard collect --full --timeout 20m promo`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCollect(cmd.Context(), &flags, args, streams)
		},
	}
	f := cmd.Flags()
	addFleetFlag(cmd, &flags.fleet)
	f.StringVar(&flags.config, "config", "", "bosh's configuration file (default: $BOSH_CONFIG, else "+environment.DefaultConfig+")")
	f.DurationVar(&flags.timeout, "timeout", 5*time.Minute, "how long one director may take")
	f.BoolVar(&flags.newDirector, "new-director", false, "take it that the named directors were made anew, and are others than their snapshots are of")
	f.BoolVar(&flags.full, "full", false, "let each director run a task for each deployment, which also sees VMs that wait to be swapped in")
	return cmd
}

func runCollect(ctx context.Context, flags *collectFlags, names []string, streams Streams) error {
	if flags.timeout <= 0 {
		return usage("write --timeout 5m", "--timeout must be longer than nothing")
	}
	if flags.newDirector && len(names) == 0 {
		return usage("name them: ipguard collect --new-director NAME", "--new-director needs the directors that were made anew")
	}
	c := &collector{streams: streams, files: streams.files(), newDirector: flags.newDirector}
	if err := c.read(flags, names); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	line := newStatusLine(streams)
	progress := func(p collect.Progress) { line.show(func() string { return collectingText(p) }) }
	collect.Run(ctx, c.targets, collect.Options{
		Keep: workspace.Keep(c.fleet), Full: flags.full, Timeout: flags.timeout, Config: c.config, Now: streams.now, Progress: progress,
	}, func(r collect.Result) { c.store(r) })
	line.end()
	c.storeHeld()
	return c.tell()
}

func collectingText(p collect.Progress) string {
	return fmt.Sprintf("collecting: %d of %d directors, %d of %d deployments", p.DirectorsDone, p.Directors, p.DeploymentsDone, p.Deployments)
}

// collector is one run of collect.
type collector struct {
	streams Streams
	files   *source.Files
	fleet   *fleet.File
	config  *environment.Config
	targets []collect.Target
	places  map[string]placeOfSnapshot // by director
	done    map[string]string          // what was written, by director
	// kept are the UUIDs that the snapshots on disk are of, by director of the fleet
	// file; told are those of the directors that have answered.
	kept, told map[string]string
	// held are results that nothing on disk confirms: they wait for all others.
	held        []collect.Result
	newDirector bool
	failures    []trouble.Trouble
	// unasked are directors that had not told everything when the user gave up.
	unasked []string
}

// placeOfSnapshot is where a director's snapshot goes.
type placeOfSnapshot struct {
	director *fleet.Director
	path     string
}

func (c *collector) read(flags *collectFlags, names []string) error {
	path, err := c.streams.findFleetFile(flags.fleet, nil)
	if err != nil {
		return err
	}
	var errs []*trouble.Trouble
	if c.fleet, errs = fleet.Load(c.files, path); c.fleet == nil {
		return incomplete(errs[0].Hint, "%s", errs[0])
	}
	c.failures = trouble.All(errs)
	if c.config, err = loadBoshConfig(flags.config, c.streams); err != nil {
		return err
	}
	c.places, c.done, c.told = map[string]placeOfSnapshot{}, map[string]string{}, map[string]string{}
	c.kept = keptUUIDs(c.fleet)
	asked, err := c.directors(path, names)
	for _, d := range asked {
		c.add(d)
	}
	return err
}

// loadBoshConfig reads bosh's configuration file.
func loadBoshConfig(path string, streams Streams) (*environment.Config, error) {
	if path == "" {
		path, _ = streams.env("BOSH_CONFIG")
	}
	if path == "" {
		path = environment.DefaultConfig
	}
	config, err := environment.Load(path)
	if err != nil {
		return nil, incomplete("", "%s", err)
	}
	return config, nil
}

// directors are those that were named, or all that have an environment.
func (c *collector) directors(path string, names []string) ([]*fleet.Director, error) {
	var asked []*fleet.Director
	var known []string
	for i := range c.fleet.Directors {
		d := &c.fleet.Directors[i]
		hasEnvironment := d.Environment.Target.Value != ""
		if hasEnvironment && (len(names) == 0 || slices.Contains(names, d.Name.Value)) {
			asked = append(asked, d)
		}
		known = append(known, d.Name.Value)
		if !hasEnvironment && slices.Contains(names, d.Name.Value) {
			return nil, usage("give it environment: and snapshot: there", "director %s has no environment in %s", d.Name.Value, path)
		}
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, usage("the fleet file has "+strings.Join(known, ", "), "the fleet file has no director %q", name)
		}
	}
	if len(asked) == 0 {
		return nil, usage("give the directors environment: and snapshot: there", "no director has an environment in %s", path)
	}
	return asked, nil
}

// add makes a target of a director, or notes why it cannot be one.
func (c *collector) add(d *fleet.Director) {
	fail := func(hint, format string, args ...any) {
		c.failures = append(c.failures, trouble.Trouble{
			Message: fmt.Sprintf("director %s: ", d.Name.Value) + fmt.Sprintf(format, args...), At: d.Environment.At, Hint: hint,
		})
	}
	if d.Snapshot.Value == "" {
		fail("add snapshot: snapshots/"+d.Name.Value+".json", "nothing says where its snapshot goes")
		return
	}
	path, err := c.fleet.PathOf(d.Snapshot)
	if err != nil {
		fail("", "%s", err)
		return
	}
	access, err := reach.Of(c.fleet, d, c.config, func(name string) string {
		value, _ := c.streams.env(name)
		return value
	})
	if err != nil {
		hint := ""
		if credentials := (*environment.CredentialsError)(nil); errors.As(err, &credentials) {
			hint = "name client and client_secret_env in the fleet file, set BOSH_CLIENT and BOSH_CLIENT_SECRET, or run bosh log-in"
		}
		fail(hint, "%s", err)
		return
	}
	c.places[d.Name.Value] = placeOfSnapshot{d, path}
	c.targets = append(c.targets, collect.Target{Name: d.Name.Value, Access: access})
}

func (c *collector) write(r collect.Result) {
	name, place := r.Target.Name, c.places[r.Target.Name]
	result, err := r.Snapshot.Write(place.path, refreshAfter(place.director))
	if err != nil {
		hint := ""
		if errors.Is(err, snapshot.ErrNoSnapshot) {
			hint = "remove it, or name another file in snapshot:"
		}
		c.refuse(name, hint, "cannot write %s: %s", place.path, err)
		return
	}
	c.done[name] = written(name, place.path, r.Snapshot, result)
}

// refuse says why a director's snapshot is not written.
func (c *collector) refuse(name, hint, format string, args ...any) {
	place := c.places[name]
	message := fmt.Sprintf("director %s: ", name) + fmt.Sprintf(format, args...) + keptOld(place.path)
	c.failures = append(c.failures, trouble.Trouble{Message: message, At: place.director.Environment.At, Hint: hint})
}

// refreshAfter is how old the time in an unchanged snapshot may be.
func refreshAfter(d *fleet.Director) time.Duration {
	if d.MaxAge.Length > 0 {
		return d.MaxAge.Length / 2
	}
	return 12 * time.Hour
}

// keptOld says what becomes of a director whose snapshot is not written.
func keptOld(path string) string {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "; it has no snapshot"
	}
	head, err := snapshot.ReadHead(path)
	if err != nil {
		return "; its old snapshot cannot be read"
	}
	return "; its snapshot of " + head.Collected.Format(time.RFC3339) + " stays"
}

func written(name, path string, s *snapshot.Snapshot, result snapshot.Result) string {
	vms := len(s.Orphans)
	for _, d := range s.Deployments {
		for _, vm := range d.VMs {
			if !vm.Absent {
				vms++
			}
		}
	}
	how := map[snapshot.Result]string{
		snapshot.Written: "written to " + path, snapshot.Refreshed: "unchanged in " + path, snapshot.Left: "unchanged in " + path,
	}[result]
	line := fmt.Sprintf("%s: %s, %s, %s\n", name, plural.Of(len(s.Deployments), "deployment"), plural.Of(vms, "VM"), how)
	for _, u := range s.NotShown() {
		line += fmt.Sprintf("%s: not seen: %s\n", name, u)
	}
	return line
}

// tell says what was written, in the order of the fleet file, and what was not.
func (c *collector) tell() error {
	for _, t := range c.targets {
		if err := printTo(c.streams.Stdout, "%s", c.done[t.Name]); err != nil {
			return err
		}
	}
	if n := len(c.unasked); n > 0 {
		slices.Sort(c.unasked)
		c.failures = append(c.failures, trouble.Trouble{
			Message: fmt.Sprintf("interrupted before %s had told everything; what they had told before stays: %s", plural.Of(n, "director"), someOf(c.unasked)),
		})
	}
	slices.SortStableFunc(c.failures, func(a, b trouble.Trouble) int { return a.At.Compare(b.At) })
	if err := report.WriteFailures(c.streams.Stderr, c.failures, report.Options{}); err != nil {
		return incomplete("", "cannot write to standard error: %s", err)
	}
	if len(c.failures) > 0 {
		return exitCode(ExitIncomplete)
	}
	return nil
}
