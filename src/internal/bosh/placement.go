package bosh

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// Placement says to which instance groups something goes that is no group's own: an addon to
// those that include takes and exclude does not (addon/addon.rb, addon/filter.rb), the
// cloud_properties of a VM type to those that choose it.
type Placement struct {
	// What names it, such as "addon keepalived".
	What string
	// Variable hides a part of it, at a place; empty where none does.
	Variable string
	At       place.Place

	include, exclude filter
	// list is the one of the cloud-config that it is of; empty for an addon.
	list string
}

// Answer is an answer that may hide.
type Answer uint8

// The answers, in the order in which the least of several is the one to all of them.
const (
	No Answer = iota
	Maybe
	Yes
)

// filter is one of the two; all of its conditions have to hold.
type filter struct {
	conditions map[string]condition
	// hides says that there may be others.
	hides bool
}

// condition is a list of what a group may have, of which it has to have one.
type condition struct {
	names []Job // names alone, but for jobs
	// hides says that there may be others.
	hides bool
}

// filterKeys are the keys of a filter, and those in the elements of their lists; empty
// where these are the names themselves. A job is named with its release.
var filterKeys = []struct{ key, below string }{
	{"deployments", ""}, {"instance_groups", ""}, {"networks", ""}, {"azs", ""}, {"teams", ""}, {lifecycleKey, ""}, {jobsKey, "name"}, {"stemcell", "os"},
}

// lifecycleKey has one name, where the others have lists.
const lifecycleKey = "lifecycle"

const jobsKey = "jobs"

// placementOf reads the placement of an addon; nil where it goes to all groups. Addons of
// a manifest know no teams.
func placementOf(addon source.Value, inManifest bool) *Placement {
	p := &Placement{What: "addon " + addon.Field("name").Text(), At: addon.Place()}
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
		f.conditions[k.key] = p.condition(items, k.key, k.below, hidden)
	}
	return f
}

// condition reads the elements of a list, of which the names may stand below a key. A
// director refuses jobs without a name or a release.
func (p *Placement) condition(items []source.Value, key, below string, hidden bool) condition {
	c := condition{hides: hidden}
	for _, item := range items {
		name, release := item, source.Value{}
		if below != "" && !hides(item) {
			name = item.Field(below)
		}
		if key == jobsKey && name.IsScalar() {
			release = item.Field("release")
			c.hides = c.hides || !release.IsScalar()
		}
		c.hides = c.hides || !name.IsScalar()
		text := name.Text()
		if key == lifecycleKey {
			text = wordOf(name, "service", "errand")
		}
		c.names = append(c.names, Job{Name: text, Release: release.Text()})
		p.behind(name)
		p.behind(release)
	}
	return c
}

// behind notes the variable of a value.
func (p *Placement) behind(v source.Value) {
	if name, ok := VariableIn(v.Text()); ok && p.Variable == "" {
		p.Variable, p.At = name, v.Place()
	}
}

// Takes reports whether it goes to a group of a manifest. Which networks there are
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
	var names []string
	for _, n := range c.names {
		names = append(names, n.Name)
	}
	if c.hides || slices.ContainsFunc(names, hasVariable) {
		return nil
	}
	return names
}

// NamesOthers reports whether the addon is for deployments or jobs that none of these
// manifests has, of whatever release: jobs come from other addons, too.
func (p *Placement) NamesOthers(manifests []*Manifest) bool {
	lacks := func(key string, has func(m *Manifest, name Job) bool) bool {
		return slices.ContainsFunc(p.include.conditions[key].names, func(name Job) bool {
			return !slices.ContainsFunc(manifests, func(m *Manifest) bool { return has(m, name) })
		})
	}
	return lacks("deployments", func(m *Manifest, name Job) bool { return isOne(name.Name, m.Name) == Yes }) ||
		lacks(jobsKey, func(m *Manifest, job Job) bool {
			return slices.ContainsFunc(m.Groups, func(g *Group) bool {
				return slices.ContainsFunc(g.Jobs, func(j Job) bool { return j.Name == job.Name })
			})
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
		if key == jobsKey {
			best = max(best, hasJob(name, of.Group.Jobs))
		} else {
			best = max(best, of.has(key, name.Name))
		}
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
	case "stemcell":
		if g.os == "" {
			return Maybe
		}
		return isOne(name, g.os)
	}
	if key != "teams" {
		return of.Manifest.chooses(g, key, name)
	}
	return Maybe // the teams of a deployment stand in no file
}

// hasJob reports whether a job is one of the list, by its name and its release
// (deployment_plan/instance_group.rb, has_job?).
func hasJob(job Job, list []Job) Answer {
	best := No
	for _, other := range list {
		best = max(best, min(isOne(job.Name, other.Name), isRelease(job.Release, other.Release)))
	}
	return best
}

// isRelease is isOne for releases, of which either may be told by nobody.
func isRelease(a, b string) Answer {
	if a == "" || b == "" {
		return Maybe
	}
	return isOne(a, b)
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
