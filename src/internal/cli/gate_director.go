package cli

import (
	"context"
	"time"

	"github.com/ipguard/ipguard/src/internal/collect"
	"github.com/ipguard/ipguard/src/internal/environment"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// identifyTimeout is how long a director may take to say who it is.
const identifyTimeout = 15 * time.Second

// directorOf is the name of the fleet's director at the environment of the command
// line.
func (g *gateRun) directorOf() (string, *trouble.Trouble, error) {
	config, err := environment.Load(g.change.ConfigPath)
	if err != nil {
		return "", nil, incomplete("", "%s", err)
	}
	var known []environment.Known
	for _, d := range g.fleet.Fleet.File.Directors {
		known = append(known, environment.Known{
			Name: d.Name.Value, Target: d.Environment.Target.Value, Proxy: d.Environment.Proxy.Value,
			UUID: func() string { return uuidOf(g.fleet.Director(d.Name.Value)) },
		})
	}
	asked := environment.Asked{Target: g.change.Environment, UUID: func() (string, error) { return g.askUUID(config) }}
	asked.Proxy, _ = g.streams.env("BOSH_ALL_PROXY")
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		value, _ := g.streams.env(name)
		asked.Exceptions = asked.Exceptions || value != ""
	}
	name, err := config.Whose(asked, known)
	if err != nil {
		t := trouble.Of(err)
		t.At = place.Place{File: g.fleet.Path}
		return "", &t, nil
	}
	if g.fleet.Director(name) == nil {
		return "", &trouble.Trouble{Message: "director " + name + " could not be read", At: place.Place{File: g.fleet.Path}}, nil
	}
	return name, nil, nil
}

// uuidOf is the UUID in a director's snapshot; empty if there is none that can be
// read.
func uuidOf(d *fleet.Sources) string {
	if d == nil || d.Snapshot == nil {
		return ""
	}
	head, err := snapshot.ReadHead(d.Snapshot.Path)
	if err != nil {
		return "" // which the survey says
	}
	return head.Director.UUID
}

// askUUID asks the director that bosh would go to who it is.
func (g *gateRun) askUUID(config *environment.Config) (string, error) {
	access, err := config.Anonymous(environment.Wanted{Target: g.change.Environment, CACert: g.change.CACert}, func(name string) string {
		value, _ := g.streams.env(name)
		return value
	})
	if err != nil {
		return "", err
	}
	return collect.Identify(context.Background(), access, identifyTimeout)
}
