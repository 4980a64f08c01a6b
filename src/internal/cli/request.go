package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// request is what a run of lint has to read: the fleet as its file tells it,
// with the manifests of the command line in the place of their former selves.
type request struct {
	fleet    survey.Fleet
	path     string // of the fleet file; empty with --no-fleet
	loader   *interpolate.Loader
	failures []trouble.Trouble
}

// newRequest reads the fleet file and puts the arguments into it.
func newRequest(flags *lintFlags, args []string, changed func(string) bool, files *source.Files, streams Streams) (*request, error) {
	inputs, err := flags.inputs.inputs()
	if err != nil {
		return nil, err
	}
	if err := flags.check(args, changed); err != nil {
		return nil, err
	}
	args, flags.cloudConfigs = shownPaths(args), shownPaths(flags.cloudConfigs)
	r := emptyRequest(files, streams)
	r.fleet.Strict = flags.strict
	r.fleet.Snapshots.AllowStale, r.fleet.Snapshots.CanAllow = flags.allowStale, true
	t := &targets{request: r, flags: flags, inputs: inputs, given: anyChanged(changed, inputFlagNames)}
	if flags.fleet.none {
		return r, t.alone(args)
	}
	if err := r.readFleet(flags.fleet.path, args, files, streams); err != nil {
		return nil, err
	}
	return r, t.inFleet(args)
}

// emptyRequest has no director yet, and what a fleet without a fleet file has.
func emptyRequest(files *source.Files, streams Streams) *request {
	r := &request{loader: interpolate.NewLoader(files, streams.Environ)}
	r.fleet.File = &fleet.File{}
	r.fleet.Snapshots = survey.Snapshots{Files: files, Now: streams.now()}
	r.fleet.VIPs = bosh.DefaultPatterns()
	return r
}

func shownPaths(paths []string) []string {
	shown := make([]string, len(paths))
	for i, path := range paths {
		shown[i] = fleet.Shown(path)
	}
	return shown
}

var inputFlagNames = []string{"var", "var-file", "vars-file", "vars-env", "vars-store", "ops-file"}

func anyChanged(changed func(string) bool, names []string) bool {
	for _, name := range names {
		if changed(name) {
			return true
		}
	}
	return false
}

// check judges flags that need each other.
func (f *lintFlags) check(args []string, changed func(string) bool) error {
	switch {
	case f.fleet.none && changed("fleet"):
		return usage("leave one of them out", "--fleet and --no-fleet contradict each other")
	case f.fleet.none && len(args) == 0 && len(f.cloudConfigs) == 0:
		return usage("ipguard lint --no-fleet -c CLOUD-CONFIG MANIFEST", "--no-fleet needs a manifest")
	case len(args) == 0 && !f.fleet.none && (anyChanged(changed, inputFlagNames) || changed("cloud-config") || changed("create-env") ||
		changed("deployment") || changed("director") || changed("director-version")):
		return usage("name the manifest: ipguard lint [FLAGS] MANIFEST", "these flags are about a manifest, and none is given")
	case f.createEnv && len(f.cloudConfigs) > 0:
		return usage("leave -c out", "create-env reads no cloud-config")
	case f.deployment != "" && len(args) > 1:
		return usage("lint the manifests one by one", "-d names one deployment, and %d manifests are given", len(args))
	}
	stdin := 0
	for _, arg := range append(append([]string{}, args...), f.cloudConfigs...) {
		if arg == "-" {
			stdin++
		}
	}
	if stdin > 1 {
		return usage("give the others as files", "standard input can only be read once")
	}
	return nil
}

// findFleetFile returns the path as it is shown, or, if it is empty, what
// IPGUARD_FLEET says, else that of the fleet file that covers start.
func findFleetFile(path, start string, streams Streams) (string, error) {
	if path == "" {
		path, _ = streams.env("IPGUARD_FLEET")
	}
	if path != "" {
		return fleet.Shown(path), nil
	}
	found, ok, err := fleet.Find(start)
	if err != nil {
		return "", incomplete("", "cannot look for %s: %s", fleet.FileName, err)
	}
	if !ok {
		return "", incomplete("write one with ipguard init, name it with --fleet FILE, or lint a manifest by itself with --no-fleet",
			"no %s from here up to the root of the repository", fleet.FileName)
	}
	return found, nil
}

// readFleet reads the fleet file at path, or the one that covers the first
// argument, into the request.
func (r *request) readFleet(path string, args []string, files *source.Files, streams Streams) error {
	start := "."
	if len(args) > 0 && args[0] != "-" {
		start = args[0]
	}
	path, err := findFleetFile(path, start, streams)
	if err != nil {
		return err
	}
	file, errs := fleet.Load(files, path)
	r.fail(errs)
	whole := len(errs) == 0
	if file == nil {
		return nil
	}
	r.path = path
	resolved, errs := file.Resolve()
	r.fail(errs)
	r.use(file, resolved)
	for i := range r.fleet.Directors {
		r.fleet.Directors[i].Unresolved = r.fleet.Directors[i].Unresolved || !whole
	}
	return nil
}

func (r *request) fail(errs []*trouble.Trouble) {
	r.failures = append(r.failures, trouble.All(errs)...)
}

// use takes over what the fleet file says.
func (r *request) use(file *fleet.File, resolved *fleet.Resolved) {
	for i := range resolved.Directors {
		d := &resolved.Directors[i]
		r.fleet.Directors = append(r.fleet.Directors, survey.Director{
			Name: d.Director.Name.Value, Version: d.Director.Version.Value, At: d.Director.At,
			CPI: d.Director.CPI.Value, IgnoreMissingGateway: d.Director.IgnoreMissingGateway, ManagedNetworks: d.Director.ManagedNetworks,
			NoConfigServer: d.Director.NoConfigServer,
			Addresses:      addressBlocks(d.Director.Addresses),
			CloudConfigs:   entries(d.CloudConfigs), RuntimeConfigs: entries(d.RuntimeConfigs),
			Deployments: entries(d.Deployments), CreateEnvs: entries(d.CreateEnv),
			Snapshot:   snapshotFile(d),
			Unresolved: len(d.Director.CloudConfigs)+len(d.Director.RuntimeConfigs)+len(d.Director.Deployments)+len(d.Director.CreateEnv) > 0,
		})
	}
	for _, e := range file.External {
		external := claims.External{Owner: e.Owner.Value, Segment: e.Segment.Value}
		for _, a := range e.Addresses {
			external.Blocks = append(external.Blocks, a.Block)
		}
		r.fleet.Externals = append(r.fleet.Externals, external)
	}
	r.fleet.VIPs = file.VIPPatterns()
	r.fleet.File = file
	r.fleet.Snapshots.Wanted = keepOf(file)
}

func snapshotFile(d *fleet.ResolvedDirector) *survey.SnapshotFile {
	if d.Snapshot == "" {
		return nil
	}
	return &survey.SnapshotFile{
		Path: d.Snapshot, At: d.Director.Snapshot.At, MaxAge: d.Director.MaxAge.Length, MaxAgeAt: d.Director.MaxAge.At,
	}
}

func addressBlocks(addresses []fleet.Address) []bosh.Block {
	var blocks []bosh.Block
	for _, a := range addresses {
		blocks = append(blocks, a.Block)
	}
	return blocks
}

func entries(files []fleet.SourceFile) []survey.Entry {
	list := make([]survey.Entry, len(files))
	for i, f := range files {
		list[i] = survey.Entry{Path: f.Path, Name: f.Name, Inputs: f.Inputs, At: f.At}
	}
	return list
}

// targets puts the manifests of the command line into a request.
type targets struct {
	request *request
	flags   *lintFlags
	inputs  interpolate.Inputs
	given   bool // inputs were given on the command line
}

// alone makes a fleet of the arguments and nothing else.
func (t *targets) alone(args []string) error {
	director := survey.Director{Name: t.flags.director, Version: t.flags.version}
	for _, path := range t.flags.cloudConfigs {
		director.CloudConfigs = append(director.CloudConfigs, survey.Entry{Path: path, Inputs: t.cloudConfigInputs(), Target: len(args) == 0})
	}
	for _, path := range args {
		entry := survey.Entry{Path: path, Inputs: t.inputs, Target: true}
		kind, err := t.kindOf(&entry)
		if err != nil {
			return err
		}
		*listOf(&director, kind) = append(*listOf(&director, kind), entry)
	}
	t.request.fleet.Directors = []survey.Director{director}
	return nil
}

// cloudConfigInputs are what changes a -c cloud-config: its variables may be
// given by the same flags, its ops are its own.
func (t *targets) cloudConfigInputs() interpolate.Inputs {
	inputs := t.inputs
	inputs.OpsFiles = nil
	return inputs
}

// inFleet puts each argument in the place of what the fleet file says of it.
func (t *targets) inFleet(args []string) error {
	for _, path := range args {
		if err := t.place(path); err != nil {
			return err
		}
	}
	return nil
}

func (t *targets) place(path string) error {
	if found, err := t.placeByPath(path); found || err != nil {
		return err
	}
	if t.flags.director == "" {
		if t.request.path == "" || len(t.request.failures) > 0 {
			return nil // the fleet file could not be read whole; that is said already
		}
		return usage("name its director with --director NAME, or add it to "+t.request.path,
			"%s is not in the fleet file: whose is it?", path)
	}
	director, err := t.directorNamed(t.flags.director)
	if err != nil {
		return err
	}
	entry := survey.Entry{Path: path, Inputs: t.inputs, Target: true}
	kind, err := t.kindOf(&entry)
	if err != nil {
		return err
	}
	if kind == fleet.CloudConfigs || kind == fleet.RuntimeConfigs {
		return t.placeConfig(director, kind, entry)
	}
	t.overrideDirector(director)
	*listOf(director, kind) = append(*listOf(director, kind), entry)
	return nil
}

// placeByPath marks the fleet's own entries for a path, and gives them the
// inputs of the command line, if there are any.
func (t *targets) placeByPath(path string) (bool, error) {
	if path == "-" {
		return false, nil
	}
	wanted, err := filepath.Abs(path)
	if err != nil {
		return false, incomplete("", "%s: %s", path, err)
	}
	found := false
	for i := range t.request.fleet.Directors {
		d := &t.request.fleet.Directors[i]
		if t.flags.director != "" && d.Name != t.flags.director {
			continue
		}
		for _, kind := range fleet.Kinds() {
			list := *listOf(d, kind)
			for j := range list {
				if absolute, err := filepath.Abs(list[j].Path); err != nil || absolute != wanted {
					continue
				}
				found = true
				list[j].Path, list[j].Target = path, true
				if t.given {
					list[j].Inputs = t.inputs
				}
				t.overrideDirector(d)
				if err := t.checkName(&list[j]); err != nil {
					return true, err
				}
			}
		}
	}
	return found, nil
}

// directorNamed returns the fleet's director of that name.
func (t *targets) directorNamed(name string) (*survey.Director, error) {
	var names []string
	for i := range t.request.fleet.Directors {
		d := &t.request.fleet.Directors[i]
		if d.Name == name {
			return d, nil
		}
		names = append(names, d.Name)
	}
	return nil, usage("the fleet file has "+strings.Join(names, ", "), "the fleet file has no director %q", name)
}

// overrideDirector applies -c and --director-version.
func (t *targets) overrideDirector(d *survey.Director) {
	if t.flags.version != "" {
		d.Version = t.flags.version
	}
	if len(t.flags.cloudConfigs) == 0 {
		return
	}
	d.CloudConfigs = nil
	for _, path := range t.flags.cloudConfigs {
		d.CloudConfigs = append(d.CloudConfigs, survey.Entry{Path: path, Inputs: t.cloudConfigInputs()})
	}
}

// defaultConfig is the name of a config that is updated without one.
const defaultConfig = "default"

// placeConfig puts a cloud-config or runtime config that the fleet file does not
// name into the place of the director's only one.
func (t *targets) placeConfig(d *survey.Director, kind fleet.Kind, entry survey.Entry) error {
	t.overrideDirector(d)
	list := listOf(d, kind)
	switch {
	case len(*list) == 0 && d.Snapshot != nil:
		entry.Name = defaultConfig
		*list = []survey.Entry{entry}
		return nil
	case len(*list) <= 1:
		*list = []survey.Entry{entry}
		return nil
	}
	var paths []string
	for _, c := range *list {
		paths = append(paths, c.Path)
	}
	what, hint := "runtime configs", "lint the file under one of those paths"
	if kind == fleet.CloudConfigs {
		what, hint = "cloud-configs", hint+", or pass those that it does not replace with -c"
	}
	return usage(hint, "director %s has %d %s (%s): which one does %s replace?", d.Name, len(paths), what, strings.Join(paths, ", "), entry.Path)
}

// kindOf reads a file of the command line and says what it is for.
func (t *targets) kindOf(entry *survey.Entry) (fleet.Kind, error) {
	if t.flags.createEnv {
		return fleet.CreateEnv, t.checkName(entry)
	}
	doc, err := t.request.loader.Load(entry.Path, entry.Inputs)
	if err != nil {
		return fleet.Deployments, nil // the survey says what is wrong with it
	}
	entry.Document = doc
	root := doc.Root()
	switch {
	case root.Field("cloud_provider").Present():
		return fleet.CreateEnv, t.checkName(entry)
	case bosh.IsCloudConfig(root):
		return fleet.CloudConfigs, nil
	case bosh.IsRuntimeConfig(root):
		return fleet.RuntimeConfigs, nil
	default:
		return fleet.Deployments, t.checkName(entry)
	}
}

// checkName holds the manifest's name against -d, as bosh deploy does.
func (t *targets) checkName(entry *survey.Entry) error {
	if t.flags.deployment == "" {
		return nil
	}
	doc := entry.Document
	if doc == nil {
		var err error
		if doc, err = t.request.loader.Load(entry.Path, entry.Inputs); err != nil {
			return nil // the survey says what is wrong with it
		}
		entry.Document = doc
	}
	name := doc.Root().Field("name")
	if name.Text() == t.flags.deployment {
		return nil
	}
	return usage("bosh deploy refuses this as well", "%s: the manifest's name is %q, and -d says %q",
		fmt.Sprint(name.Place()), name.Text(), t.flags.deployment)
}

// listOf is the list of a director that holds files of a kind.
func listOf(d *survey.Director, kind fleet.Kind) *[]survey.Entry {
	switch kind {
	case fleet.CloudConfigs:
		return &d.CloudConfigs
	case fleet.RuntimeConfigs:
		return &d.RuntimeConfigs
	case fleet.CreateEnv:
		return &d.CreateEnvs
	default:
		return &d.Deployments
	}
}
