package workspace

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// DefaultConfig is the name of a config that is updated without one.
const DefaultConfig = "default"

// Change is one file that is to be deployed, uploaded, or made an environment of.
type Change struct {
	// Kind is what the file is for; empty: what the fleet file says of it, else
	// what its content says.
	Kind fleet.Kind
	// Director is the fleet file's name of the director that gets it; empty: the one
	// of which the fleet file says so.
	Director string
	// Name is that of the deployment or config; empty where nothing gives it. A
	// config without one is the director's default one.
	Name string
	// Path and Inputs are what is read. Nil inputs are those that the fleet file
	// gives the file, be it once or more often.
	Path   string
	Inputs *interpolate.Inputs
	// DirectorFlag is the command's option that names a director, for hints.
	DirectorFlag string
	// From is where Path and Inputs lie, if they are read under other names.
	From *Source
}

// Source is a file and what changes it, as it lies on the disk.
type Source struct {
	Path   string
	Inputs interpolate.Inputs
}

// WrongName says that a manifest's name is not the one of the command line, which
// bosh refuses.
type WrongName struct {
	// At is where the manifest's name stands; Wanted is that of the command line.
	At          place.Place
	Got, Wanted string
}

func (e *WrongName) Error() string {
	return fmt.Sprintf("%s: the manifest's name is %q, and -d says %q", e.At, e.Got, e.Wanted)
}

// Apply puts a change into the place of what it replaces, and marks it as what the
// run judges. directors are the names of those that get it.
//
// A file is known again by what it is, not by its path, and together with its
// inputs: one manifest may be many environments. What a director knows by name, a
// deployment or a config, is replaced by name. An environment of create-env has no
// name that anybody guards: an entry of its file with other inputs stays, unless
// the director is named and has no other one of that file. A file that no entry of the
// named director has stands for the one environment with its name.
//
// The error is a *trouble.Trouble where the change cannot be read, or it cannot be told
// what it replaces, or a *WrongName.
func (w *Workspace) Apply(c Change) (changed *Workspace, directors []string, err error) {
	p := placing{w: w.clone(), change: &c, source: c.source()}
	if err := p.place(); err != nil {
		if unread := p.unreadable(); unread != nil {
			return nil, nil, unread
		}
		return nil, nil, err
	}
	return p.w, p.directors, nil
}

// unreadable says why the change cannot be read, nil if it can: that comes before any
// question about what it replaces, whose answer would not help.
func (p *placing) unreadable() error {
	_, err := p.w.Loader.LoadProven(p.change.Path, p.inputs())
	return err
}

// source is the change as it lies on the disk.
func (c *Change) source() Source {
	switch {
	case c.From != nil:
		return *c.From
	case c.Inputs != nil:
		return Source{c.Path, *c.Inputs}
	}
	return Source{Path: c.Path}
}

// placing is one change on its way into the fleet.
type placing struct {
	w         *Workspace
	change    *Change
	source    Source
	directors []string
}

// spot is an entry of the fleet.
type spot struct {
	director *fleet.Sources
	kind     fleet.Kind
	entry    *fleet.SourceFile
}

// place finds the change's place and puts it there.
func (p *placing) place() error {
	if p.change.Director != "" && p.named() == nil {
		return p.trouble("it has "+strings.Join(p.w.Names(), ", "), "the fleet file has no director %q", p.change.Director)
	}
	ofFile := p.spots()
	known := p.withInputs(ofFile)
	switch {
	case len(known) > 0:
		for _, s := range known {
			if err := p.take(s); err != nil {
				return err
			}
		}
		return nil
	case p.named() != nil:
		return p.add(ofFile)
	case len(ofFile) == 1 && ofFile[0].kind != fleet.CreateEnv && ofFile[0].entry.Inputs.Empty():
		// The fleet file leaves open what the director gets beside the file.
		p.change.Director, p.change.Kind = ofFile[0].director.Name, ofFile[0].kind
		return p.add(ofFile)
	case len(ofFile) > 0:
		return p.otherInputs(ofFile)
	}
	if sameFile(p.change.Path, p.w.Path) {
		return p.trouble("ipguard lint, without a file, lints all that it names", "%s is the fleet file: no director gets it", p.change.Path)
	}
	return p.trouble(p.hint(p.kindOf(&fleet.SourceFile{Path: p.change.Path, Inputs: p.inputs()})), "%s is not in the fleet file: whose is it?", p.change.Path)
}

// named is the director that is given; without a fleet file it is the only one.
func (p *placing) named() *fleet.Sources {
	if p.w.Path == "" && len(p.w.Fleet.Directors) == 1 {
		return &p.w.Fleet.Directors[0]
	}
	if p.change.Director == "" {
		return nil
	}
	return p.w.Director(p.change.Director)
}

// spots are the entries of the file, whatever their inputs.
func (p *placing) spots() []spot {
	var found []spot
	wanted := fileAt(p.source.Path)
	for i := range p.w.Fleet.Directors {
		d := &p.w.Fleet.Directors[i]
		if p.change.Director != "" && d.Name != p.change.Director {
			continue
		}
		for _, kind := range fleet.Kinds() {
			if p.change.Kind != "" && kind != p.change.Kind {
				continue
			}
			list := *d.Files(kind)
			for j := range list {
				if wanted.is(list[j].Path) {
					found = append(found, spot{d, kind, &list[j]})
				}
			}
		}
	}
	return found
}

// withInputs are those entries that are changed as the change is.
func (p *placing) withInputs(spots []spot) []spot {
	var same []spot
	used := usesIn(p.texts())
	for _, s := range spots {
		otherName := s.kind == fleet.Deployments && p.change.Name != "" && s.entry.Name != "" && s.entry.Name != p.change.Name
		if !otherName && (p.change.Inputs == nil || sameInputs(s.entry.Inputs, p.source.Inputs, used)) {
			same = append(same, s)
		}
	}
	return same
}

// texts are those in which variables of the change may be used. What cannot be read
// the survey says.
func (p *placing) texts() [][]byte {
	in := p.inputs()
	var texts [][]byte
	for _, path := range slices.Concat([]string{p.change.Path}, in.OpsFiles, in.VarsFiles) {
		if text, err := p.w.Fleet.Snapshots.Files.Read(path); err == nil {
			texts = append(texts, text)
		}
	}
	for _, kv := range in.Vars {
		texts = append(texts, []byte(kv.Value))
	}
	return texts
}

// take judges an entry as what it is.
func (p *placing) take(s spot) error {
	s.entry.Path, s.entry.Target = p.change.Path, true
	if p.change.Inputs != nil {
		s.entry.Inputs, s.entry.Lacking = *p.change.Inputs, nil
	}
	p.directors = append(p.directors, s.director.Name)
	return p.checkName(s.kind, s.entry)
}

// inputs are those that are given.
func (p *placing) inputs() interpolate.Inputs {
	if p.change.Inputs == nil {
		return interpolate.Inputs{}
	}
	return *p.change.Inputs
}

// add gives the director a file that its entries do not have with these inputs.
func (p *placing) add(ofFile []spot) error {
	d := p.named()
	entry := fleet.SourceFile{Path: p.change.Path, Inputs: p.inputs(), Target: true}
	kind := p.kindOf(&entry)
	p.directors = append(p.directors, d.Name)
	switch kind {
	case fleet.CloudConfigs, fleet.RuntimeConfigs:
		return p.addConfig(d, kind, entry)
	case fleet.CreateEnv:
		switch len(ofFile) {
		case 0:
			return p.addEnvironment(d, entry)
		case 1:
			return p.take(ofFile[0]) // the director is named: it is this one, changed
		default:
			return p.otherInputs(ofFile)
		}
	}
	if err := p.checkName(kind, &entry); err != nil {
		return err
	}
	list := d.Files(kind)
	*list = append(*list, entry)
	return nil
}

// addEnvironment puts an environment of create-env into the place of the director's own
// of that name: the director is named, and the file may be a copy of the one that the
// fleet file names, or what bosh interpolate makes of it.
func (p *placing) addEnvironment(d *fleet.Sources, entry fleet.SourceFile) error {
	if err := p.checkName(fleet.CreateEnv, &entry); err != nil {
		return err
	}
	list := d.Files(fleet.CreateEnv)
	name := p.nameOf(&entry)
	var same []int
	var paths, maybe []string
	for i := range *list {
		other := p.nameOf(&(*list)[i])
		_, hides := bosh.VariableIn(other)
		switch {
		case name == "" || !bosh.MayBeOne(name, other):
		case hides || name != other:
			maybe = append(maybe, (*list)[i].Path)
		default:
			same, paths = append(same, i), append(paths, (*list)[i].Path)
		}
	}
	switch {
	case len(same) > 1:
		return p.troubleAt(d.At, "lint it under the path that the fleet file names, or give them names of their own",
			"director %s has %d create-env manifests named %s, %s: which one does %s replace?", d.Name, len(same), name, strings.Join(paths, ", "), p.change.Path)
	case len(same) == 1:
		(*list)[same[0]] = entry
	case len(maybe) > 0:
		return p.troubleAt(d.At, "lint it under the path that the fleet file names, or give the names their values in the fleet file, as create-env does: vars: {…}",
			"director %s has create-env manifests whose names may be one with that of %s, since a variable hides one of them, %s: does it replace one?", d.Name, p.change.Path, strings.Join(maybe, ", "))
	default:
		*list = append(*list, entry)
	}
	return nil
}

// nameOf is the name in a manifest, with variables that have no value; empty if it has none.
func (p *placing) nameOf(entry *fleet.SourceFile) string {
	doc := entry.Document
	if doc == nil {
		var err error
		if doc, err = p.w.Loader.LoadProven(entry.Path, entry.Inputs); err != nil {
			return "" // the survey says what is wrong with it
		}
	}
	return doc.Root().Field("name").Text()
}

// addConfig puts a config into the place of the director's own of that name: where
// only a snapshot knows them, by name; else the one that is made from the same
// file, or the only one.
func (p *placing) addConfig(d *fleet.Sources, kind fleet.Kind, entry fleet.SourceFile) error {
	list := d.Files(kind)
	name := p.change.Name
	if name == "" {
		name = DefaultConfig
	}
	ofFile := p.indexOf(*list)
	switch {
	case len(*list) == 0 && d.Snapshot != nil:
		entry.Name = name
		*list = []fleet.SourceFile{entry}
	case ofFile >= 0 && name == DefaultConfig:
		(*list)[ofFile] = entry
	case ofFile >= 0:
		return p.troubleAt((*list)[ofFile].At, "write the vars and ops files there as bosh gets them",
			"director %s has %s with other vars and ops files: whether that is the config %s is unknown", d.Name, p.change.Path, name)
	case name != DefaultConfig:
		*list = append(*list, entry)
	case len(*list) <= 1:
		*list = []fleet.SourceFile{entry}
	default:
		var paths []string
		for _, c := range *list {
			paths = append(paths, c.Path)
		}
		what := map[fleet.Kind]string{fleet.CloudConfigs: "cloud-configs", fleet.RuntimeConfigs: "runtime configs"}[kind]
		return p.troubleAt(d.At, "update it from the file that the fleet file names",
			"director %s has the %s %s: which one does %s replace?", d.Name, what, strings.Join(paths, ", "), p.change.Path)
	}
	return nil
}

// indexOf returns which entry is of the change's file; -1 for none.
func (p *placing) indexOf(list []fleet.SourceFile) int {
	wanted := fileAt(p.source.Path)
	for i := range list {
		if wanted.is(list[i].Path) {
			return i
		}
	}
	return -1
}

// otherInputs says that the fleet has the file, but not as it is used here.
func (p *placing) otherInputs(ofFile []spot) error {
	var owners []string
	for _, s := range ofFile {
		owners = append(owners, s.director.Name)
	}
	return p.trouble(p.hint(ofFile[0].kind), "%s with these vars and ops files is not in the fleet file, which has it for %s with others: is this the same one?",
		p.change.Path, strings.Join(owners, " and "))
}

// kindOf reads a file and says what it is for. What is wrong with it the survey
// says.
func (p *placing) kindOf(entry *fleet.SourceFile) fleet.Kind {
	if p.change.Kind != "" {
		return p.change.Kind
	}
	doc, err := p.w.Loader.LoadProven(entry.Path, entry.Inputs)
	if err != nil {
		return fleet.Deployments
	}
	entry.Document = doc
	root := doc.Root()
	switch {
	case root.Has("cloud_provider"):
		return fleet.CreateEnv
	case bosh.IsCloudConfig(root):
		return fleet.CloudConfigs
	case bosh.IsRuntimeConfig(root):
		return fleet.RuntimeConfigs
	}
	return fleet.Deployments
}

// checkName holds the manifest's name against the one of the command line, as bosh
// deploy does.
func (p *placing) checkName(kind fleet.Kind, entry *fleet.SourceFile) error {
	if p.change.Name == "" || kind == fleet.CloudConfigs || kind == fleet.RuntimeConfigs {
		return nil
	}
	if entry.Lacking != nil {
		return nil // the survey says so
	}
	if entry.Document == nil {
		doc, err := p.w.Loader.LoadProven(entry.Path, entry.Inputs)
		if err != nil {
			return nil // the survey says what is wrong with it
		}
		entry.Document = doc
	}
	root := entry.Document.Root()
	if name := root.Field("name"); name.Raw() != p.change.Name {
		at := name.Place()
		if !name.Present() {
			at = root.Place()
		}
		return &WrongName{At: at, Got: name.Text(), Wanted: p.change.Name}
	}
	return nil
}

func (p *placing) trouble(hint, format string, args ...any) error {
	return p.troubleAt(place.Place{File: p.w.Path}, hint, format, args...)
}

func (p *placing) troubleAt(at place.Place, hint, format string, args ...any) error {
	return &trouble.Trouble{Message: fmt.Sprintf(format, args...), At: at, Hint: hint}
}

// Override is what a run takes in place of what the fleet file says of a director.
type Override struct {
	// Version is the director's; empty: that of the fleet file.
	Version string
	// CloudConfigs stand in place of all of the director's, unless there are none.
	CloudConfigs []fleet.SourceFile
}

// Override applies an override to some directors.
func (w *Workspace) Override(directors []string, o Override) *Workspace {
	w = w.clone()
	for _, name := range directors {
		d := w.Director(name)
		if o.Version != "" {
			d.Version = o.Version
		}
		if len(o.CloudConfigs) > 0 {
			d.CloudConfigs = o.CloudConfigs
		}
	}
	return w
}
