package fleet

import (
	"cmp"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Kind says what a file of a director is: the key that names it.
type Kind string

// The kinds of files.
const (
	CloudConfigs   Kind = "cloud_configs"
	RuntimeConfigs Kind = "runtime_configs"
	Deployments    Kind = "deployments"
	CreateEnv      Kind = "create_env"
)

// Kinds are all kinds, in the order in which a fleet file has them.
func Kinds() []Kind { return []Kind{CloudConfigs, RuntimeConfigs, Deployments, CreateEnv} }

// Sources are one director and the files that are known of it, as every run gets them:
// from a fleet file, a command line, or what was pushed to a server.
type Sources struct {
	Name string
	// Version is the director's, e.g. "282.1.4"; empty means the newest.
	Version string
	// CPI is the name of the director's CPI; empty where the fleet file does not
	// tell it.
	CPI string
	// IgnoreMissingGateway, ManagedNetworks and NoConfigServer are settings of
	// the director.
	IgnoreMissingGateway, ManagedNetworks, NoConfigServer bool
	// Addresses are of the machine that the director runs on.
	Addresses []bosh.Block
	// Reached are addresses by which the director is reached, as far as they are given.
	Reached      []ReachedAt
	CloudConfigs []SourceFile
	// RuntimeConfigs are read for virtual addresses.
	RuntimeConfigs []SourceFile
	Deployments    []SourceFile
	CreateEnvs     []SourceFile
	// Server is the URL at which a server tells what the director has; empty: the files
	// do.
	Server string
	// Pushed is what a server was told of a director of this name, beside what the files
	// say; nil: nothing.
	Pushed *SnapshotFile
	// Damaged says that what a team pushed of it is not on the server as it was pushed.
	Damaged bool
	// Snapshot is what the director said about itself; nil if there is none.
	Snapshot *SnapshotFile
	// Unresolved says that the fleet file names files of this director, even if
	// none of them was found; that they are missing is said already.
	Unresolved bool
	// Lost are the kinds of files of which the fleet file names some that were not found;
	// that they are missing is said already.
	Lost []Kind
	// At is where the fleet file names the director.
	At place.Place
}

// SourceFile is one file with what changes it before it is used. All paths of a fleet
// file are as short as they can be from the working directory.
type SourceFile struct {
	Path string
	// Name is the deployment's name where it is known better than from the
	// manifest; usually empty. A config with a name stands in place of the
	// director's config of that name, one without in place of all.
	Name   string
	Inputs interpolate.Inputs
	// Lacking is the first of its vars and ops files that is not there; nil if there
	// are all. What the file says without it is not known.
	Lacking *trouble.Trouble
	// At is the line of the fleet file that names it; nowhere for a file named
	// on the command line.
	At place.Place
	// Document is the file if it was read already.
	Document *source.Document
	// Target marks what a run judges.
	Target bool
}

// SnapshotFile is the file in which a director's answers were kept. It need not exist.
type SnapshotFile struct {
	Path string
	// At is the line of the fleet file that names it.
	At place.Place
	// Pushed says that it is what a team told a server: what the team's own fleet file says
	// of its addresses stands in it.
	Pushed bool
	// Server is that of the director; empty where what is at Path is no copy.
	Server string
	// MaxAge is how old it may be; 0: any age.
	MaxAge   time.Duration
	MaxAgeAt place.Place
}

// Shown is the name by which people find the file.
func (f *SnapshotFile) Shown() string { return cmp.Or(f.Server, f.Path) }

// Resolve follows the paths and globs of the file. A path that does not exist
// and a glob that matches nothing are errors at their place; the rest is
// resolved all the same. Directors are in the order of the file.
//
// A glob takes neither hidden files nor the fleet file nor what the fleet file
// names as something else: a path that it gives, or, for globs of manifests, what
// a glob of configs takes. A file that one director lists several times is used
// once, an explicit entry before a glob; several deployments of one manifest are
// told apart by their names.
func (f *File) Resolve() ([]Sources, []*trouble.Trouble) {
	base, err := filepath.Abs(filepath.Dir(f.Path))
	if err != nil {
		return nil, []*trouble.Trouble{{At: place.Place{File: f.Path}, Message: err.Error()}}
	}
	r := &resolver{base: base, fleetFile: filepath.Join(base, filepath.Base(f.Path)), tracked: trackedBelow(repositoryOf(base)), named: map[string][]Kind{}, hasPools: len(f.Pools) > 0}
	if wd, err := os.Getwd(); err == nil {
		r.wd = wd
	}
	for i := range f.Directors {
		r.noteNames(&f.Directors[i])
	}
	var directors []Sources
	var named []*Director // side by side with directors
	for i := range f.Directors {
		d := &f.Directors[i]
		if d.Name.Value == "" {
			continue // nothing can be said of whom nobody can name
		}
		directors, named = append(directors, r.director(d)), append(named, d)
	}
	// Once all configs are known: no glob of manifests takes one.
	for i, d := range named {
		s := &directors[i]
		s.Deployments, s.CreateEnvs = r.filesOf(s, d, Deployments), r.filesOf(s, d, CreateEnv)
	}
	return directors, sorted(r.errs)
}

// director is what can be said of a director before its manifests are looked for.
func (r *resolver) director(d *Director) Sources {
	s := Sources{
		Name: d.Name.Value, Version: d.Version.Value, CPI: d.CPI.Value, Server: d.Server, Pushed: d.Pushed, Damaged: d.Damaged, At: d.At,
		IgnoreMissingGateway: d.IgnoreMissingGateway, ManagedNetworks: d.ManagedNetworks, NoConfigServer: d.NoConfigServer,
		Unresolved: len(d.CloudConfigs)+len(d.RuntimeConfigs)+len(d.Deployments)+len(d.CreateEnv) > 0,
	}
	s.CloudConfigs, s.RuntimeConfigs = r.filesOf(&s, d, CloudConfigs), r.filesOf(&s, d, RuntimeConfigs)
	for _, a := range d.Addresses {
		s.Addresses = append(s.Addresses, a.Block)
	}
	s.Reached = d.Environment.reached()
	if d.Snapshot.Value != "" {
		s.Snapshot = &SnapshotFile{
			Path: shownFrom(r.wd, r.absolute(d.Snapshot.Value)), Server: d.Server, Pushed: d.Server != "", At: d.Snapshot.At, MaxAge: d.MaxAge.Length, MaxAgeAt: d.MaxAge.At,
		}
	}
	return s
}

// filesOf are the files of one kind; that some entry of it leads to none is noted.
func (r *resolver) filesOf(s *Sources, d *Director, kind Kind) []SourceFile {
	before := len(r.errs)
	list := r.files(d, kind)
	if len(r.errs) > before {
		s.Lost = append(s.Lost, kind)
	}
	return list
}

// ReachedAt is an address by which a director is reached: its own in its URL, or that of
// the proxy on the way.
type ReachedAt struct {
	bosh.Block
	Proxy bool
	// Via is the host of the proxy on the way to the address, a name or an address; empty
	// where there is none, or where it is the user's own machine, whose tunnel may lead
	// anywhere.
	Via string
}

// reached are the addresses in the URLs. A name, or an alias, is none.
func (e *Environment) reached() []ReachedAt {
	var list []ReachedAt
	for _, t := range []struct {
		url   Text
		proxy bool
	}{{e.Target, false}, {e.Proxy, true}} {
		address, err := netip.ParseAddr(bosh.HostOf(t.url.Value))
		if err != nil || address.Zone() != "" || !address.IsGlobalUnicast() {
			continue
		}
		address = address.Unmap()
		at := ReachedAt{Block: bosh.Block{Range: netipx.IPRangeFrom(address, address), At: t.url.At}, Proxy: t.proxy}
		if !t.proxy {
			at.Via = e.via()
		}
		list = append(list, at)
	}
	return list
}

// via is the host of the proxy, unless that is the user's own machine.
func (e *Environment) via() string {
	host := strings.ToLower(strings.TrimSuffix(bosh.HostOf(e.Proxy.Value), "."))
	if address, err := netip.ParseAddr(host); err == nil {
		if address = address.Unmap(); address.IsLoopback() || address.IsUnspecified() {
			return ""
		}
		return address.String()
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return ""
	}
	return host
}

// Files are the director's files of a kind.
func (s *Sources) Files(kind Kind) *[]SourceFile {
	switch kind {
	case CloudConfigs:
		return &s.CloudConfigs
	case RuntimeConfigs:
		return &s.RuntimeConfigs
	case Deployments:
		return &s.Deployments
	}
	return &s.CreateEnvs
}

// PathOf is the path that a text of the file means, as it is shown to the user.
func (f *File) PathOf(t Text) (string, error) {
	base, err := filepath.Abs(filepath.Dir(f.Path))
	if err != nil {
		return "", err
	}
	r := resolver{base: base}
	return shown(r.absolute(t.Value)), nil
}

// inputFile is the kind of an ops file or a vars file, for the globs' sake.
const inputFile Kind = "input"

type resolver struct {
	base      string // absolute folder of the fleet file
	wd        string // the working directory, empty if it is gone; there may be thousands of paths to show
	fleetFile string
	tracked   tracked
	// named holds what the fleet file names without a glob, and all configs, by
	// absolute path.
	named map[string][]Kind
	// hasPools says that there may be bookings, which no glob takes.
	hasPools bool
	errs     []*trouble.Trouble
}

// entry is what Config and Manifest have in common.
type entry struct {
	path, name Text
	inputs     *Inputs
	at         place.Place
}

func (d *Director) entries(kind Kind) []entry {
	var list []entry
	switch kind {
	case CloudConfigs, RuntimeConfigs:
		configs := d.CloudConfigs
		if kind == RuntimeConfigs {
			configs = d.RuntimeConfigs
		}
		for i := range configs {
			c := &configs[i]
			list = append(list, entry{c.Config, Text{}, &c.Inputs, c.At})
		}
	case Deployments, CreateEnv:
		manifests := d.Deployments
		if kind == CreateEnv {
			manifests = d.CreateEnv
		}
		for i := range manifests {
			m := &manifests[i]
			list = append(list, entry{m.Manifest, m.Name, &m.Inputs, m.At})
		}
	}
	return list
}

// noteNames remembers what a director names explicitly, and as what.
func (r *resolver) noteNames(d *Director) {
	note := func(t Text, kind Kind) {
		if t.Value != "" {
			path := r.absolute(t.Value)
			r.named[path] = append(r.named[path], kind)
		}
	}
	note(d.Snapshot, inputFile)
	note(d.Environment.CACert, inputFile)
	for _, kind := range Kinds() {
		for _, e := range d.entries(kind) {
			note(e.path, kind)
			for _, t := range slices.Concat(e.inputs.OpsFiles, e.inputs.VarsFiles, slices.Collect(maps.Values(e.inputs.VarFiles))) {
				note(t, inputFile)
			}
			note(e.inputs.VarsStore, inputFile)
		}
	}
}

// candidate is a file that an entry leads to.
type candidate struct {
	SourceFile
	absolute string
	explicit bool // named without a glob
}

// files follows the entries of one kind of a director.
func (r *resolver) files(d *Director, kind Kind) []SourceFile {
	byPath := map[string][]candidate{}
	for _, e := range d.entries(kind) {
		for _, c := range r.candidates(kind, e) {
			byPath[c.absolute] = append(byPath[c.absolute], c)
		}
	}
	var files []SourceFile
	for _, path := range slices.Sorted(maps.Keys(byPath)) {
		if kind == CloudConfigs || kind == RuntimeConfigs {
			r.named[path] = append(r.named[path], kind)
		}
		files = append(files, r.once(d, byPath[path])...)
	}
	slices.SortStableFunc(files, func(a, b SourceFile) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Name, b.Name))
	})
	return files
}

// candidates follows one entry.
func (r *resolver) candidates(kind Kind, e entry) []candidate {
	if e.path.Value == "" {
		return nil // it could not be read, which was said
	}
	paths, explicit := r.follow(kind, e.path)
	told := len(r.errs)
	inputs := r.inputs(e.inputs)
	var lacking *trouble.Trouble
	if len(r.errs) > told && len(paths) > 0 {
		lacking = r.errs[told]
		r.errs = slices.Delete(r.errs, told, told+1) // who reads the file tells of it
	}
	if !explicit && e.name.Value != "" && len(paths) > 1 {
		r.fail(e.name.At, "list the manifests one by one to name their deployments",
			"one name for the %s that %s matches", plural.Of(len(paths), "file"), quoted(e.path.Value))
		e.name = Text{}
	}
	list := make([]candidate, len(paths))
	for i, path := range paths {
		list[i] = candidate{
			SourceFile: SourceFile{Path: shownFrom(r.wd, path), Name: e.name.Value, Inputs: inputs, Lacking: lacking, At: e.at},
			absolute:   path, explicit: explicit,
		}
	}
	return list
}

// once decides which of several entries for one file count.
func (r *resolver) once(d *Director, list []candidate) []SourceFile {
	if slices.ContainsFunc(list, func(c candidate) bool { return c.explicit }) {
		list = slices.DeleteFunc(list, func(c candidate) bool { return !c.explicit })
	}
	kept := []SourceFile{list[0].SourceFile}
	for _, c := range list[1:] {
		same := slices.IndexFunc(kept, func(k SourceFile) bool { return k.Name == c.Name || k.Name == "" || c.Name == "" })
		switch {
		case same < 0: // another deployment of the same manifest
			kept = append(kept, c.SourceFile)
		case kept[same].Name != c.Name || !sameInputs(kept[same].Inputs, c.Inputs):
			r.fail(c.At, "keep one of the entries, or give each its name if they are two deployments",
				"%s is listed for director %s at %s already, with other inputs or another name; that entry counts",
				c.Path, quoted(d.Name.Value), kept[same].At)
		}
	}
	return kept
}
