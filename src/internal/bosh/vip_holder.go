package bosh

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// This file says of which properties a whole map that hides may hold virtual addresses. Any
// property may hold a map with a vip in it, but passwords and certificates, of which every
// manifest has dozens, are no such thing, and nothing but their names tells them apart.

// holders are programs that give machines virtual addresses, and the words of their
// configuration. Their properties stand below such a name: vip below keepalived.
var holders = []string{
	"keepalived", "vrrp", "vrrpd", "vrrp_instance", "vrrp_instances", "virtual_router", "carp", "ucarp", "vip_manager",
	"pgpool", "watchdog", "pacemaker", "corosync", "haproxy", "ha_proxy",
}

// instances is the list of a holder's addresses, each with what belongs to it.
const instances = "instances"

// holding are the patterns that are paths, of those that find addresses and of those that
// find the ids of their routers.
func holding(patterns Patterns) []Pattern {
	list := slices.Clone(patterns.Find)
	for _, r := range routerProperties {
		if p, err := ParsePattern(r.pattern()); err == nil {
			list = append(list, p)
		}
	}
	return slices.DeleteFunc(list, func(p Pattern) bool { return len(p.names) < 2 })
}

// isHolder reports whether the property at path, of one of jobs, hides and would hold virtual
// addresses below: by its name; by that of its job, which has all of its properties there; or
// because a pattern goes on from there.
func (f *vipFinder) isHolder(jobs []string, path []propertyName, value *yaml.Node) bool {
	if !hidesWhole(value) || matchAny(f.patterns.Ignore, jobs, path, true) {
		return false
	}
	name := path[len(path)-1]
	if len(path) > 1 && name.is(instances) && slices.ContainsFunc(holders, path[len(path)-2].is) {
		return true
	}
	return slices.ContainsFunc(holders, name.is) ||
		hasHolder(name) && slices.ContainsFunc(jobs, func(job string) bool { return nameOf(job).plain == name.plain }) ||
		slices.ContainsFunc(f.holding, func(p Pattern) bool { return p.goesOn(jobs, path) })
}

// mayBeHolder is isHolder for any jobs and any path that ends in the name.
func (f *vipFinder) mayBeHolder(key string, value *yaml.Node) bool {
	if !hidesWhole(value) {
		return false
	}
	name := nameOf(key)
	return hasHolder(name) || name.is(instances) || slices.ContainsFunc(f.holding, func(p Pattern) bool { return slices.ContainsFunc(p.names[:len(p.names)-1], name.match) })
}

// hidesWhole reports whether a text stands for a whole value, whatever that is.
func hidesWhole(value *yaml.Node) bool {
	return value != nil && value.Kind == yaml.ScalarNode &&
		(isWholeVariable(value.Value) || isUnfilled(value.Value) || toBeFilledIn().MatchString(value.Value))
}

// hasHolder reports whether the name of a holder is part of a name, as in haproxy-keepalived.
func hasHolder(name propertyName) bool {
	return slices.ContainsFunc(holders, func(holder string) bool { return strings.Contains(name.plain, holder) })
}

// is reports whether the name is a word, in one spelling or the other.
func (n propertyName) is(word string) bool { return n.written == word || n.plain == word }

// goesOn reports whether the pattern leads from the end of a path to names below it. One that
// may be any name says nothing about a property: it would make an address of each password.
func (p Pattern) goesOn(jobs []string, path []propertyName) bool {
	for above := p; len(above.names) > 1; {
		above.names = above.names[:len(above.names)-1]
		if last := above.names[len(above.names)-1].String(); last != "*" && above.match(jobs, path, false) {
			return true
		}
	}
	return false
}
