package cli

import (
	"strings"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/gate"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/trouble"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// judge lints the change in the place of what the fleet knows of it. The error is
// wrong usage, which nothing overrides.
func (g *gateRun) judge() (lint.Result, error) {
	defer showProgress(g.streams, g.files)()
	path, err := g.fleetFile()
	if err != nil {
		return lint.Result{}, err
	}
	g.fleet = workspace.Open(path, g.streams.reading(g.files, workspace.Mode{}))
	change, refusal, err := g.asked()
	if err != nil {
		return lint.Result{}, err
	}
	g.director = change.Director
	if refusal == nil {
		w, directors, placeErr := g.fleet.Apply(change)
		if placeErr == nil {
			g.before, g.fleet, g.director = g.fleet, w, strings.Join(directors, ", ")
			judged, read := judgeFleet(w, g.files, g.streams)
			g.survey = read
			return judged.Result, nil
		}
		if refusal, err = placeRefusal(placeErr); err != nil {
			return lint.Result{}, err
		}
	}
	return refused(g.fleet, refusal), nil
}

// kinds are what the commands' files are in a fleet.
var kinds = map[gate.Kind]fleet.Kind{
	gate.Deployment: fleet.Deployments, gate.CloudConfig: fleet.CloudConfigs, gate.RuntimeConfig: fleet.RuntimeConfigs, gate.CreateEnv: fleet.CreateEnv,
}

// asked is the change that the command line asks for. refusal says why it cannot be
// told whose it is.
func (g *gateRun) asked() (c workspace.Change, refusal *trouble.Trouble, err error) {
	read, err := g.inputs(g.names)
	if err != nil {
		return c, nil, err
	}
	files := g.change.Files()
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = f.Path
	}
	lying, err := g.inputs(paths)
	if err != nil {
		return c, nil, err
	}
	c = workspace.Change{
		Kind: kinds[g.change.Kind], Director: g.options.director, Name: g.change.Name, Path: g.names[0], Inputs: &read,
		From: &workspace.Source{Path: paths[0], Inputs: lying}, DirectorFlag: gatePrefix + "director",
	}
	if g.change.Kind == gate.CreateEnv {
		return c, nil, knownDirector(g.fleet, c.Director)
	}
	switch {
	case g.options.director != "":
		return c, nil, usage("leave it out", "--ipguard-director is for create-env: bosh %s goes to the director of its environment", g.change.Command)
	case g.change.Environment == "":
		return c, nil, usage("bosh -e ENVIRONMENT, or set BOSH_ENVIRONMENT", "bosh %s is not told which director is meant", g.change.Command)
	case g.change.Kind == gate.Deployment && g.change.Name == "":
		return c, nil, usage("bosh -d NAME deploy MANIFEST, or set BOSH_DEPLOYMENT", "bosh deploy is not told the deployment's name")
	}
	c.Director, refusal, err = g.directorOf()
	return c, refusal, err
}

// inputs are the ops and variables of the command line, whose files have these paths.
func (g *gateRun) inputs(paths []string) (interpolate.Inputs, error) {
	vars, err := pairs("-v", g.change.VarKVs)
	if err != nil {
		return interpolate.Inputs{}, err
	}
	in := interpolate.Inputs{Vars: vars, VarsEnv: g.change.VarsEnvs}
	for i, f := range g.change.Files() {
		switch f.Role {
		case gate.OpsFile:
			in.OpsFiles = append(in.OpsFiles, paths[i])
		case gate.VarsFile:
			in.VarsFiles = append(in.VarsFiles, paths[i])
		case gate.VarFile:
			in.VarFiles = append(in.VarFiles, interpolate.KV{Name: f.Name, Value: paths[i]})
		case gate.Store:
			in.VarsStore = paths[i]
		}
	}
	return in, nil
}
