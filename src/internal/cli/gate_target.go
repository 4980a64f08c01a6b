package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/environment"
	"github.com/ipguard/ipguard/src/internal/gate"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// judge lints the change in the place of what the fleet knows of it. The error is
// wrong usage, which nothing overrides.
func (g *gateRun) judge() (lint.Result, error) {
	defer showProgress(g.streams, g.files)()
	g.request = emptyRequest(g.files, g.streams)
	inputs, err := g.inputs()
	if err != nil {
		return lint.Result{}, err
	}
	path, err := g.fleetFile()
	if err != nil {
		return lint.Result{}, err
	}
	if err := g.request.readFleet(path, nil, g.files, g.streams); err != nil {
		return lint.Result{}, err
	}
	entry := survey.Entry{Path: g.names[0], Inputs: inputs, Target: true}
	refusal, err := g.place(entry)
	if err != nil {
		return lint.Result{}, err
	}
	if refusal != nil {
		if g.request.path != "" || len(g.request.failures) == 0 {
			g.request.failures = append(g.request.failures, *refusal)
		}
		return lint.NewResult(nil, g.request.failures, lint.Summary{}), nil
	}
	judged, _ := judgeRequest(g.request, g.files, g.streams)
	return judged.Result, nil
}

// inputs are the ops and variables of the command line, read already.
func (g *gateRun) inputs() (interpolate.Inputs, error) {
	vars, err := pairs("-v", g.change.VarKVs)
	if err != nil {
		return interpolate.Inputs{}, err
	}
	in := interpolate.Inputs{Vars: vars, VarsEnv: g.change.VarsEnvs}
	for i, f := range g.change.Files() {
		switch f.Role {
		case gate.OpsFile:
			in.OpsFiles = append(in.OpsFiles, g.names[i])
		case gate.VarsFile:
			in.VarsFiles = append(in.VarsFiles, g.names[i])
		case gate.VarFile:
			in.VarFiles = append(in.VarFiles, interpolate.KV{Name: f.Name, Value: g.names[i]})
		case gate.Store:
			in.VarsStore = g.names[i]
		}
	}
	return in, nil
}

// place puts the entry where the fleet has its former self. refusal says why it
// cannot be told where that is.
func (g *gateRun) place(entry survey.Entry) (refusal *trouble.Trouble, err error) {
	if g.change.Kind == gate.CreateEnv {
		return g.placeCreateEnv(entry)
	}
	if g.options.director != "" {
		return nil, usage("leave it out", "--ipguard-director is for create-env: bosh %s goes to the director of its environment", g.change.Command)
	}
	if g.change.Environment == "" {
		return nil, usage("bosh -e ENVIRONMENT, or set BOSH_ENVIRONMENT", "bosh %s is not told which director is meant", g.change.Command)
	}
	director, refusal, err := g.directorOf()
	if err != nil || refusal != nil {
		return refusal, err
	}
	g.director = director.Name
	switch g.change.Kind {
	case gate.Deployment:
		return nil, g.placeDeployment(director, entry)
	case gate.RuntimeConfig:
		return g.placeConfig(director, &director.RuntimeConfigs, "runtime configs", entry), nil
	}
	return g.placeConfig(director, &director.CloudConfigs, "cloud-configs", entry), nil
}

// directorOf is the fleet's director at the environment.
func (g *gateRun) directorOf() (*survey.Director, *trouble.Trouble, error) {
	config, err := environment.Load(g.change.ConfigPath)
	if err != nil {
		return nil, nil, incomplete("", "%s", err)
	}
	asked, err := config.Address(g.change.Environment)
	if err != nil {
		return nil, nil, incomplete("", "%s", err)
	}
	var there, known []string
	for _, d := range g.request.fleet.File.Directors {
		target := d.Environment.Target.Value
		if target == "" {
			known = append(known, d.Name.Value+" without an environment")
			continue
		}
		address, err := config.Address(target)
		if err != nil {
			known = append(known, d.Name.Value+" at "+target)
			continue
		}
		known = append(known, d.Name.Value+" at "+address)
		if address == asked {
			there = append(there, d.Name.Value)
		}
	}
	refuse := func(hint, format string, args ...any) *trouble.Trouble {
		return &trouble.Trouble{Message: fmt.Sprintf(format, args...), At: place.Place{File: g.request.path}, Hint: hint}
	}
	switch len(there) {
	case 0:
		return nil, refuse("it has "+strings.Join(known, ", ")+"; give the one that is meant environment: "+g.change.Environment,
			"no director here is that of the environment %s (%s)", g.change.Environment, asked), nil
	case 1:
		i := slices.IndexFunc(g.request.fleet.Directors, func(d survey.Director) bool { return d.Name == there[0] })
		if i < 0 {
			return nil, refuse("", "director %s could not be read", there[0]), nil
		}
		return &g.request.fleet.Directors[i], nil, nil
	}
	return nil, refuse("keep one of them", "directors %s are one: all are at %s", strings.Join(there, " and "), asked), nil
}

// placeDeployment adds a deployment, which takes the place of any of its name.
func (g *gateRun) placeDeployment(d *survey.Director, entry survey.Entry) error {
	if g.change.Name == "" {
		return usage("bosh -d NAME deploy MANIFEST, or set BOSH_DEPLOYMENT", "bosh deploy is not told the deployment's name")
	}
	doc, err := g.request.loader.Load(entry.Path, entry.Inputs)
	if err == nil { // else the survey says what is wrong with it
		entry.Document = doc
		if name := doc.Root().Field("name"); name.Text() != g.change.Name {
			return usage("bosh deploy refuses this as well", "%s: the manifest's name is %q, and -d says %q", name.Place(), name.Text(), g.change.Name)
		}
	}
	d.Deployments = append(d.Deployments, entry)
	return nil
}

// placeConfig puts a config into the place of its former self in list, the
// director's configs of that kind: the director's own of that name where only a
// snapshot knows them, else the file at its path, or the only one.
func (g *gateRun) placeConfig(d *survey.Director, list *[]survey.Entry, kind string, entry survey.Entry) *trouble.Trouble {
	same := func(c survey.Entry) bool { return samePath(c.Path, g.change.Files()[0].Path) }
	i := slices.IndexFunc(*list, same)
	switch {
	case i >= 0:
		(*list)[i] = entry
	case len(*list) == 0 && d.Snapshot != nil:
		entry.Name = g.change.Name
		*list = []survey.Entry{entry}
	case g.change.Name != defaultConfig:
		*list = append(*list, entry)
	case len(*list) > 1:
		var paths []string
		for _, c := range *list {
			paths = append(paths, c.Path)
		}
		return &trouble.Trouble{
			Message: fmt.Sprintf("director %s has the %s %s: which one does %s replace?", d.Name, kind, strings.Join(paths, ", "), entry.Path),
			At:      d.At, Hint: "update it from the file that the fleet file names",
		}
	default:
		*list = []survey.Entry{entry}
	}
	return nil
}

// createEnvEntry is one of a fleet's create-env manifests.
type createEnvEntry struct {
	director *survey.Director
	entry    *survey.Entry
}

// placeCreateEnv puts a create-env manifest in the place of the fleet's entry for
// its path. One file may be several environments, told apart by their inputs.
func (g *gateRun) placeCreateEnv(entry survey.Entry) (*trouble.Trouble, error) {
	var named *survey.Director
	if g.options.director != "" {
		var err error
		if named, err = (&targets{request: g.request}).directorNamed(g.options.director); err != nil {
			return nil, err
		}
	}
	found := g.createEnvs(named)
	if len(found) > 1 {
		found = slices.DeleteFunc(found, func(c createEnvEntry) bool { return !sameInputs(c.entry.Inputs, entry.Inputs) })
	}
	at := place.Place{File: g.request.path}
	switch {
	case len(found) == 1:
		g.director = found[0].director.Name
		found[0].entry.Path, found[0].entry.Inputs, found[0].entry.Target = entry.Path, entry.Inputs, true
		return nil, nil
	case len(g.createEnvs(named)) > 1:
		return &trouble.Trouble{
			Message: entry.Path + " is several environments here, and none of them has these vars and ops files alone", At: at,
			Hint: "write the vars and ops files there as they are given to bosh, or name the director with --ipguard-director NAME",
		}, nil
	case named != nil:
		g.director = named.Name
		named.CreateEnvs = append(named.CreateEnvs, entry)
		return nil, nil
	}
	return &trouble.Trouble{
		Message: entry.Path + " is no director's create-env manifest here: whose is it?", At: at,
		Hint: "add it to create_env of its director, or name the director with --ipguard-director NAME",
	}, nil
}

// createEnvs are the fleet's entries for the manifest, those of one director if it
// is named.
func (g *gateRun) createEnvs(named *survey.Director) []createEnvEntry {
	var found []createEnvEntry
	for i := range g.request.fleet.Directors {
		d := &g.request.fleet.Directors[i]
		for j := range d.CreateEnvs {
			if (named == nil || named == d) && samePath(d.CreateEnvs[j].Path, g.change.Files()[0].Path) {
				found = append(found, createEnvEntry{d, &d.CreateEnvs[j]})
			}
		}
	}
	return found
}

// sameInputs reports whether the same files change a manifest.
func sameInputs(a, b interpolate.Inputs) bool {
	same := func(a, b []string) bool { return slices.EqualFunc(a, b, samePath) }
	return same(a.OpsFiles, b.OpsFiles) && same(a.VarsFiles, b.VarsFiles) &&
		slices.EqualFunc(a.VarFiles, b.VarFiles, func(a, b interpolate.KV) bool { return a.Name == b.Name && samePath(a.Value, b.Value) }) &&
		(a.VarsStore == b.VarsStore || samePath(a.VarsStore, b.VarsStore))
}

// samePath reports whether two paths lead to one file.
func samePath(a, b string) bool {
	if first, err := os.Stat(a); err == nil {
		if second, err := os.Stat(b); err == nil {
			return os.SameFile(first, second)
		}
	}
	first, err := filepath.Abs(a)
	if err != nil {
		return false
	}
	second, err := filepath.Abs(b)
	return err == nil && first == second
}
