package fleet

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plural"
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

// Resolved is a fleet file whose paths and globs were followed.
type Resolved struct {
	// Directors are in the order of the fleet file.
	Directors []ResolvedDirector
}

// ResolvedDirector is one director and its files, each kind sorted by path and name.
type ResolvedDirector struct {
	Director       *Director
	CloudConfigs   []SourceFile
	RuntimeConfigs []SourceFile
	Deployments    []SourceFile
	CreateEnv      []SourceFile
	// Snapshot is the path of the director's snapshot, which need not exist;
	// empty if the fleet file names none.
	Snapshot string
}

// SourceFile is one existing file and what the bosh CLI would get beside it. All
// paths are as short as they can be from the working directory.
type SourceFile struct {
	Path string
	// Name is the deployment's name if the fleet file gives it.
	Name   string
	Inputs interpolate.Inputs
	// Lacking is the first of its vars and ops files that is not there; nil if there
	// are all. What the file says without it is not known.
	Lacking *trouble.Trouble
	// At is the entry of the fleet file.
	At place.Place
}

// Resolve follows the paths and globs of the file. A path that does not exist
// and a glob that matches nothing are errors at their place; the rest is
// resolved all the same.
//
// A glob takes neither hidden files nor the fleet file nor what the fleet file
// names as something else: a path that it gives, or, for globs of manifests, what
// a glob of configs takes. A file that one director lists several times is used
// once, an explicit entry before a glob; several deployments of one manifest are
// told apart by their names.
func (f *File) Resolve() (*Resolved, []*trouble.Trouble) {
	base, err := filepath.Abs(filepath.Dir(f.Path))
	if err != nil {
		return &Resolved{}, []*trouble.Trouble{{At: place.Place{File: f.Path}, Message: err.Error()}}
	}
	r := &resolver{base: base, fleetFile: filepath.Join(base, filepath.Base(f.Path)), named: map[string][]Kind{}, hasPools: len(f.Pools) > 0}
	if wd, err := os.Getwd(); err == nil {
		r.wd = wd
	}
	for i := range f.Directors {
		r.noteNames(&f.Directors[i])
	}
	resolved := &Resolved{}
	for i := range f.Directors {
		d := &f.Directors[i]
		if d.Name.Value == "" {
			continue // nothing can be said of whom nobody can name
		}
		resolved.Directors = append(resolved.Directors, ResolvedDirector{
			Director: d, CloudConfigs: r.files(d, CloudConfigs), RuntimeConfigs: r.files(d, RuntimeConfigs),
		})
	}
	for i := range resolved.Directors {
		d := &resolved.Directors[i]
		d.Deployments = r.files(d.Director, Deployments)
		d.CreateEnv = r.files(d.Director, CreateEnv)
		if d.Director.Snapshot.Value != "" {
			d.Snapshot = shownFrom(r.wd, r.absolute(d.Director.Snapshot.Value))
		}
	}
	return resolved, sorted(r.errs)
}

// Files are the director's files of a kind.
func (d *ResolvedDirector) Files(kind Kind) []SourceFile {
	switch kind {
	case CloudConfigs:
		return d.CloudConfigs
	case RuntimeConfigs:
		return d.RuntimeConfigs
	case Deployments:
		return d.Deployments
	}
	return d.CreateEnv
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
