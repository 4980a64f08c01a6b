package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ignore"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// lintFlags is the command line of lint. The flags that bosh has too have
// bosh's names and mean the same.
type lintFlags struct {
	fleet        fleetFlags
	inputs       inputFlags
	output       outputFlags
	director     string
	deployment   string
	createEnv    bool
	cloudConfigs []string
	strict       bool
	allowStale   bool
	version      string
	changed      string
	fix, diff    bool
}

// sinceMain is what --changed without a revision is.
const sinceMain = "the main branch"

func newLintCommand(streams Streams) *cobra.Command {
	var flags lintFlags
	cmd := &cobra.Command{
		Use:   "lint [MANIFEST...]",
		Short: "refuse manifests and cloud-configs whose addresses belong to another director",
		Long: `lint reads the fleet file (ipguard.yml) and every manifest and cloud-config that
it names, and reports which addresses two directors claim, with file, line and
column of both sides.

Without arguments it judges the whole fleet. With a manifest it judges that
manifest as the deploy that it would be: in place of the fleet's entry for the
same file, or the same director and deployment name. A cloud-config is judged
the same way, as the update that it would be. The flags -v, -l, -o, --var-file,
--vars-env and --vars-store mean what they mean to bosh deploy. One manifest may
be many environments: given inputs must be those that the fleet file has for the
manifest, or --director says whose it is.

With --fix it first writes what has exactly one safe cure: the order of a range that
ends before it begins, and the lines of reserved that ipguard fence proposes. Nothing
else in the files changes, and nothing is written by which the fleet would get a
finding that it did not have. --diff shows it.

With --changed it judges the manifests and cloud-configs that a change touches, as
git knows it: those that differ between the working tree and the commit at which
HEAD left REV, with all their ops and vars files. Without REV that is the main branch
(of the remote origin, else the upstream branch, else main or master), so that what
is not committed counts as well. A changed cloud-config brings all deployments of
its director with it; after a change of the fleet file, a snapshot or a booking the
whole fleet is judged. What git cannot tell of a file (ignored, elsewhere) counts as
changed; if it can tell nothing (a shallow clone, no repository), the exit code is 3.`,
		Example: `  ipguard lint                                   the whole fleet
  ipguard lint promo/pgpool.yml                  one deploy, against all others
  ipguard lint --director dr-west dr-west/director.yml -l vars.yml -o move.yml
  ipguard lint --director promo cloud-config.yml the update of a cloud-config
  ipguard lint --no-fleet -c cloud-config.yml manifest.yml
  ipguard lint --changed                         what this branch touches
  ipguard lint --changed HEAD~1                  what the last commit touched
  ipguard lint --format json > findings.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLint(&flags, args, cmd.Flags().Changed, streams)
		},
	}
	flags.add(cmd)
	return cmd
}

func (flags *lintFlags) add(cmd *cobra.Command) {
	flags.fleet.add(cmd)
	flags.inputs.add(cmd)
	flags.output.add(cmd)
	f := cmd.Flags()
	f.BoolVar(&flags.output.addresses, "show-addresses", false, "tell the addresses that the judged deploys would take")
	f.StringVar(&flags.director, "director", "", "director of manifests that the fleet file does not name")
	f.StringVarP(&flags.deployment, "deployment", "d", "", "deployment name that the manifest must have, as for bosh deploy")
	f.BoolVar(&flags.createEnv, "create-env", false, "the manifests are for bosh create-env")
	f.StringArrayVarP(&flags.cloudConfigs, "cloud-config", "c", nil, "cloud-config of the director, in place of those of the fleet file; may be repeated")
	f.BoolVar(&flags.strict, "strict", false, "what hides behind an unresolved variable, or what a director did not show, is an error")
	f.BoolVar(&flags.allowStale, "allow-stale", false, "a snapshot older than the fleet file's max_age is a warning")
	flags.addFix(f)
	f.StringVar(&flags.changed, "changed", "", "judge what changed since REV, or since this branch left the main one")
	f.Lookup("changed").NoOptDefVal = sinceMain
	f.StringVar(&flags.version, "director-version", "", "version of the director, e.g. 282.1.4 (default: the fleet file's, else the newest)")
}

// predicted are the addresses that the judged deploys would take.
func predicted(read *survey.Survey, targetsOnly bool) []lint.Address {
	var list []lint.Address
	kept := keptByNetwork(read.Facts.Plan)
	for _, p := range read.Predicted {
		if targetsOnly && !p.Target {
			continue
		}
		for _, a := range p.Addresses {
			if slices.ContainsFunc(kept[[2]string{p.Director, a.Network}], func(r netipx.IPRange) bool { return r.Contains(a.IP.Addr()) }) {
				continue // the cloud refuses it: kept-by-cloud tells of that
			}
			list = append(list, lint.Address{
				Director: p.Director, Deployment: p.Deployment,
				Network: a.Network, InstanceGroup: a.InstanceGroup, Index: a.Index, AZ: a.AZ, IP: a.IP, Unsure: a.Unsure, Kind: string(a.Kind),
			})
		}
	}
	return list
}

// keptByNetwork are the addresses that clouds keep, by director and network.
func keptByNetwork(p *plan.Plan) map[[2]string][]netipx.IPRange {
	kept := map[[2]string][]netipx.IPRange{}
	for i := range p.Claims {
		if c := &p.Claims[i]; c.Kind == plan.CloudKept {
			key := [2]string{c.Owner().Director, c.Owner().Network}
			kept[key] = append(kept[key], c.Range)
		}
	}
	return kept
}

func runLint(flags *lintFlags, args []string, changed func(string) bool, streams Streams) error {
	outputs, err := flags.output.parse()
	if err != nil {
		return err
	}
	if done, err := flags.fixFirst(args, changed, outputs, streams); done || err != nil {
		return err
	}
	var result *judged
	var files *source.Files
	err = streams.besideServer(func(s Streams, read *source.Files) (err error) {
		files = read
		result, err = flags.judge(args, changed, files, s)
		return err
	})
	if err != nil {
		return err
	}
	result.Stale = staleOf(result.workspace)
	return outputs.write(result.Result, files, streams)
}

// staleOf is the silence of the fleet file's server.
func staleOf(w *workspace.Workspace) *lint.Stale {
	if w == nil || w.Central == nil || w.Central.Stale == nil {
		return nil
	}
	stale := lint.Stale(*w.Central.Stale)
	return &stale
}

// judged is what lint has to say, and whether it looked at all of the fleet.
type judged struct {
	lint.Result
	// whole says that everything was judged and could be read.
	whole     bool
	workspace *workspace.Workspace
}

// judge lints what the command line says.
func (f *lintFlags) judge(args []string, changed func(string) bool, files *source.Files, streams Streams) (*judged, error) {
	defer showProgress(streams, files)()
	if changed("changed") {
		return f.judgeChanged(args, changed, files, streams)
	}
	w, refusal, err := f.workspace(args, changed, files, streams)
	if err != nil {
		return nil, err
	}
	if refusal != nil {
		return &judged{Result: refused(w, refusal), workspace: w}, nil
	}
	j, read := judgeFleet(w, files, streams)
	if f.output.addresses {
		j.Addresses = predicted(read, len(args) > 0)
	}
	return j, nil
}

// judgeFleet lints what a workspace holds.
func judgeFleet(w *workspace.Workspace, files *source.Files, streams Streams) (*judged, *survey.Survey) {
	of := w.Fleet
	of.Elsewhere = w.Elsewhere()
	read := survey.Read(of, w.Loader)
	j := judgeSurvey(w, read, files, streams)
	if len(j.Findings)+len(j.Failures) == 0 {
		return j, read
	}
	// What is said beside a finding, such as which address is free, takes more than to
	// know that there is one.
	if thorough := read.Thorough(); thorough != read {
		return judgeSurvey(w, thorough, files, streams), thorough
	}
	return j, read
}

// judgeSurvey lints what was read of a workspace.
func judgeSurvey(w *workspace.Workspace, read *survey.Survey, files *source.Files, streams Streams) *judged {
	if !read.Facts.Targets.Part() {
		read.Facts.Unlisted = w.Unlisted()
	}
	except := exceptions(w.Fleet.File, files)
	doubts, accepted := read.Facts.Doubts(ignore.Accepting(except, streams.today()))
	failures := slices.Concat(w.Troubles, read.Failures)
	for _, d := range doubts {
		failures = append(failures, d.Trouble())
	}
	seen := ignore.All
	switch {
	case read.Facts.Targets.Part():
		seen = ignore.Part
	case len(failures) > 0:
		seen = ignore.AllThatCouldBeRead
	}
	findings := append(lint.Run(read.Facts, lint.Rules()), accepted...)
	findings, count := ignore.Judge(findings, except, streams.today(), seen)
	findings, elsewhere := read.Facts.Targets.Apart(findings)
	j := &judged{Result: lint.NewResult(findings, failures, read.Summary), whole: seen == ignore.All, workspace: w}
	j.Summary.Accepted = count
	if url := w.Elsewhere(); url != "" {
		j.Elsewhere = lint.ElsewhereOf(url, elsewhere)
	}
	return j
}

// exceptions are the comments in all files that were read, and what the fleet
// file allows.
func exceptions(file *fleet.File, files *source.Files) ignore.Exceptions {
	var e ignore.Exceptions
	files.Each(func(name string, text []byte) {
		if name == "-" || !strings.HasPrefix(name, "-") { // values of flags have no comments
			e.Directives = append(e.Directives, ignore.Scan(name, text)...)
		}
	})
	e.Allowances = workspace.Allowances(file)
	return e
}
