package bosh

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// Placement says to which instance groups an addon goes: to those that include takes and
// exclude does not (addon/addon.rb, addon/filter.rb).
type Placement struct {
	// Addon is the addon's name.
	Addon string
	// Variable hides a part of it, at a place; empty where none does.
	Variable string
	At       place.Place

	include, exclude filter
}

// Answer is an answer that may hide.
type Answer uint8

// The answers, in the order in which the least of several is the one to all of them.
const (
	No Answer = iota
	Maybe
	Yes
)

func answer(yes bool) Answer {
	if yes {
		return Yes
	}
	return No
}

// filter is one of the two; all of its conditions have to hold.
type filter struct {
	conditions map[string]condition
	// hides says that there may be others.
	hides bool
}

// condition is a list of names of which one has to be the group's.
type condition struct {
	names []string
	// hides says that there may be others.
	hides bool
}

// filterKeys are the keys of a filter, and those in the elements of their lists; empty
// where these are the names themselves. Of a job the name decides, whatever its release.
var filterKeys = []struct{ key, below string }{
	{"deployments", ""}, {"instance_groups", ""}, {"networks", ""}, {"azs", ""}, {"teams", ""}, {lifecycleKey, ""}, {"jobs", "name"}, {"stemcell", "os"},
}

// lifecycleKey has one name, where the others have lists.
const lifecycleKey = "lifecycle"

// placementOf reads the placement of an addon; nil where it goes to all groups. Addons of
// a manifest know no teams.
func placementOf(addon source.Value, inManifest bool) *Placement {
	p := &Placement{Addon: addon.Field("name").Text(), At: addon.Place()}
	p.include, p.exclude = p.filter(addon.Field("include")), p.filter(addon.Field("exclude"))
	if open := addon.OpenKey(); open.Present() {
		p.behind(open)
		p.include.hides, p.exclude.hides = p.include.hides || !addon.Has("include"), p.exclude.hides || !addon.Has("exclude")
	}
	if inManifest {
		delete(p.include.conditions, "teams")
		delete(p.exclude.conditions, "teams")
	}
	if !p.include.hides && !p.exclude.hides && len(p.include.conditions)+len(p.exclude.conditions) == 0 {
		return nil
	}
	return p
}

func (p *Placement) filter(v source.Value) filter {
	f := filter{conditions: map[string]condition{}}
	switch {
	case !v.Present() || v.Kind() == source.Nil:
		return f
	case !v.IsMap() || v.OpenKey().Present():
		p.behind(v)
		p.behind(v.OpenKey())
		f.hides = true
	}
	for _, k := range filterKeys {
		given := v.Field(k.key)
		items := given.Items()
		if k.key == lifecycleKey && given.Text() != "" {
			items = []source.Value{given}
		}
		hidden := given.Present() && given.Kind() != source.Nil && !given.IsList() && k.key != lifecycleKey
		if len(items) == 0 && !hidden {
			continue // an empty list is no condition
		}
		p.behind(given)
		f.conditions[k.key] = p.condition(items, k.below, hidden)
	}
	return f
}

// condition reads the elements of a list, of which the names may stand below a key.
func (p *Placement) condition(items []source.Value, below string, hidden bool) condition {
	c := condition{hides: hidden}
	for _, item := range items {
		if below != "" && !hides(item) {
			item = item.Field(below)
		}
		c.hides = c.hides || !item.IsScalar()
		c.names = append(c.names, item.Text())
		p.behind(item)
	}
	return c
}

// behind notes the variable of a value.
func (p *Placement) behind(v source.Value) {
	if name, ok := VariableIn(v.Text()); ok && p.Variable == "" {
		p.Variable, p.At = name, v.Place()
	}
}

// Takes reports whether the addon goes to a group of a manifest. Which networks there are
// says isNetwork: what else stands where one belongs is a mistake, and may have been any.
func (p *Placement) Takes(m *Manifest, g *Group, isNetwork func(name string) bool) Answer {
	of := placed{m, g, isNetwork}
	return min(p.include.takes(of, Yes), Yes-p.exclude.takes(of, No))
}

// placed is a group that an addon may go to.
type placed struct {
	*Manifest
	*Group
	isNetwork func(name string) bool
}

// Networks are those of which groups must have one; nil where that is not known.
func (p *Placement) Networks() []string {
	c := p.include.conditions["networks"]
	if c.hides || slices.ContainsFunc(c.names, hasVariable) {
		return nil
	}
	return c.names
}

// NamesOthers reports whether the addon is for deployments or jobs that none of these
// manifests has: jobs come from other addons, too.
func (p *Placement) NamesOthers(manifests []*Manifest) bool {
	lacks := func(key string, has func(m *Manifest, name string) Answer) bool {
		return slices.ContainsFunc(p.include.conditions[key].names, func(name string) bool {
			return !slices.ContainsFunc(manifests, func(m *Manifest) bool { return has(m, name) == Yes })
		})
	}
	return lacks("deployments", func(m *Manifest, name string) Answer { return isOne(name, m.Name) }) ||
		lacks("jobs", func(m *Manifest, name string) Answer {
			return answer(slices.ContainsFunc(m.Groups, func(g *Group) bool { return slices.Contains(g.Jobs, name) }))
		})
}

// takes reports whether a filter takes a group; empty is what one without conditions does.
func (f filter) takes(of placed, empty Answer) Answer {
	if len(f.conditions) == 0 && !f.hides {
		return empty
	}
	all := Yes
	if f.hides {
		all = Maybe
	}
	for key, c := range f.conditions {
		all = min(all, c.holds(key, of))
	}
	return all
}

// holds reports whether one of the names is the group's.
func (c condition) holds(key string, of placed) Answer {
	best := No
	if c.hides {
		best = Maybe
	}
	for _, name := range c.names {
		best = max(best, of.has(key, name))
	}
	return best
}

// has reports whether a group has what a filter names.
func (of placed) has(key, name string) Answer {
	g := of.Group
	switch key {
	case "deployments":
		return isOne(name, of.Manifest.Name)
	case "instance_groups":
		return isOne(name, g.Name)
	case "networks":
		best := No
		if g.NetworksHidden {
			best = Maybe
		}
		for _, use := range g.Networks {
			if best = max(best, isOne(name, use.Name)); !of.isNetwork(use.Name) {
				best = max(best, Maybe)
			}
		}
		return best
	case "azs":
		if g.AZsUnknown {
			return max(Maybe, isAny(name, g.AZs))
		}
		return isAny(name, g.AZs)
	case lifecycleKey:
		if g.lifecycleHidden {
			return Maybe
		}
		return isOne(name, g.Lifecycle)
	case "jobs":
		return isAny(name, g.Jobs)
	case "stemcell":
		if g.os == "" {
			return Maybe
		}
		return isOne(name, g.os)
	}
	return Maybe // the teams of a deployment stand in no file
}

func isAny(name string, list []string) Answer {
	best := No
	for _, other := range list {
		best = max(best, isOne(name, other))
	}
	return best
}

// isOne reports whether two names are one.
func isOne(a, b string) Answer {
	switch {
	case a == b && a != LeftOut:
		return Yes
	case a == LeftOut || b == LeftOut || (hasVariable(a) || hasVariable(b)) && MayBeOne(a, b):
		return Maybe
	}
	return No
}

// osOf is the operating system of a group's stemcell; empty where the manifest does not
// tell it.
func (r *manifestReader) osOf(v source.Value) string {
	alias := v.Field("stemcell").Text()
	for _, s := range r.doc.Field("stemcells").Items() {
		if os := s.Field("os").Text(); alias != "" && s.Field("alias").Text() == alias {
			return os
		}
	}
	return ""
}
