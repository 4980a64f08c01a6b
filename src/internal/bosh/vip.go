package bosh

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// maxPropertyValues is how many property values of one manifest are looked at,
// aliases expanded; real manifests have some thousands.
const maxPropertyValues = 1_000_000

// FindVIPs finds the virtual addresses in the job properties of a manifest of
// any form, or of a runtime config: of jobs, instance groups, addons and of the
// whole manifest. A matching property may hold an address, an address with a
// mask, several of them in one text, a list, or a map. Addresses that no
// segment carries (loopback, link-local, unspecified, multicast) are no virtual
// addresses, nor is anything that is no address, such as a host name.
//
// A ((variable)) in such a property is an Unresolved, and what another tool has yet to fill
// in is a gap. The error, a *trouble.Trouble, says that the aliases of the properties stand
// for more values than can be looked at; what was found until then is returned all the same.
func FindVIPs(manifest source.Value, patterns Patterns) (VIPs, error) {
	f := newVIPFinder(patterns)
	f.inManifest = !IsRuntimeConfig(manifest)
	var everyJob receivers
	for _, key := range []string{"instance_groups", "jobs"} {
		groups := manifest.Field(key)
		for _, group := range groups.Items() {
			everyJob.add(f.searchGroup(group.Field("name").Text(), group, groupKeys))
		}
		everyJob.expect(groups)
	}
	f.searchAddons(manifest.Field("addons"))
	f.overlooked(propertyScope{}, manifest, "addons", manifestKeys, f.searchAddons)
	f.searchShared(propertyScope{}, manifest, manifestKeys, everyJob)
	return f.vips, f.err
}

// searchAddons searches addons, of a manifest or a runtime config. No addon is an instance
// group, and its jobs have nothing of a manifest's properties.
func (f *vipFinder) searchAddons(list source.Value) {
	f.expect(propertyScope{}, list, list.IsList(), "addons")
	for _, addon := range list.Items() {
		f.expect(propertyScope{}, addon, addon.IsMap(), "an addon")
		found, gaps := len(f.vips.Found), len(f.vips.Gaps)
		f.searchGroup("", addon, addonKeys)
		f.vips.place(found, gaps, func() *Placement { return placementOf(addon, f.inManifest) })
	}
}

// place says of what was found from there on, and of the gaps, which groups have it.
func (v *VIPs) place(found, gaps int, placement func() *Placement) {
	if len(v.Found) == found && len(v.Gaps) == gaps {
		return
	}
	p := placement()
	for i := range v.Found[found:] {
		v.Found[found+i].Placement = p
	}
	for i := range v.Gaps[gaps:] {
		v.Gaps[gaps+i].Placement = p
	}
}

// VIPs are the virtual addresses of one document.
type VIPs struct {
	Found []PropertyAddress
	// Unresolved are those behind variables.
	Unresolved []Unresolved
	// Gaps are where such addresses may hide, those behind variables included.
	Gaps []Gap
	// UnreadIDs are the places of ids of virtual routers that are none.
	UnreadIDs []place.Place
}

// Written are the addresses that are written, those among them of which it hides whether they
// count.
func (v VIPs) Written() iter.Seq[PropertyAddress] {
	return func(yield func(PropertyAddress) bool) {
		for _, g := range append([]Gap{{Found: v.Found}}, v.Gaps...) {
			for _, a := range g.Found {
				if !yield(a) {
					return
				}
			}
		}
	}
}

// expect notes a gap where v, which may hold properties, has not the form that it
// should have, and says of one behind a variable that it hides.
func (f *vipFinder) expect(scope propertyScope, v source.Value, asItShould bool, what string) {
	if asItShould || !v.Present() || v.Kind() == source.Nil {
		return
	}
	gap := Gap{Hides: HidesProperties, GroupName: scope.group, What: scope.describe(what), At: v.Place()}
	if gap.isBehind(v.Text()) && !v.IsOpenKey() { // of which readers of the document tell
		f.vips.Unresolved = append(f.vips.Unresolved, Unresolved{Variable: gap.Variable, What: gap.What, At: gap.At})
	}
	f.vips.Gaps = append(f.vips.Gaps, gap)
}

// propertyScope says whose properties are searched.
type propertyScope struct {
	group string
	job   string      // whose properties they are; empty for those of several
	jobs  []string    // all that see the properties
	named place.Place // where the job's name stands; none of several
	below []string    // what goes before a path in messages
	// beside says that the value is an element of a list that has an address.
	beside bool
}

type vipFinder struct {
	patterns Patterns
	// holding are those patterns that are paths: what is above their last name holds addresses.
	holding []Pattern
	// inManifest says that addons are those of a manifest.
	inManifest bool
	// endings caches whether some pattern may end in a property's name.
	endings map[string]bool
	// promising caches, for anchored nodes, whether such a name is below: it
	// keeps aliases from being searched once for each way that leads to them.
	promising map[*yaml.Node]bool
	// looked is how many values were looked at, of at most this many.
	looked, most int
	vips         VIPs
	err          error
}

func newVIPFinder(patterns Patterns) *vipFinder {
	return &vipFinder{patterns: patterns, holding: holding(patterns), endings: map[string]bool{}, promising: map[*yaml.Node]bool{}, most: maxPropertyValues}
}

// search looks through properties, if a name in them is worth it.
func (f *vipFinder) search(scope propertyScope, properties source.Value) {
	f.expect(scope, properties, properties.IsMap(), "properties")
	if n := properties.Node(); n != nil && f.isPromising(n) {
		f.walk(scope, nil, properties)
	}
}

// isPromising reports whether a property below n has a name in which a pattern
// may end. Most manifests have none, and this is cheaper than a walk.
func (f *vipFinder) isPromising(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Anchor == "" {
		return f.hasPromisingChild(n)
	}
	known, ok := f.promising[n]
	if !ok {
		f.promising[n] = false // until it is known, and against aliases in circles
		known = f.hasPromisingChild(n)
		f.promising[n] = known
	}
	return known
}

func (f *vipFinder) hasPromisingChild(n *yaml.Node) bool {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if f.mayEndIn(keyText(child)) || f.mayBeHolder(keyText(child), n.Content[i+1]) {
				return true
			}
		} else if child.Kind != yaml.ScalarNode && f.isPromising(child) {
			return true
		}
	}
	return false
}

func keyText(key *yaml.Node) string {
	if key.Kind == yaml.AliasNode {
		return key.Alias.Value
	}
	return key.Value
}

func (f *vipFinder) mayEndIn(name string) bool {
	known, ok := f.endings[name]
	if !ok {
		known = f.patterns.mayEndIn(name)
		f.endings[name] = known
	}
	return known
}

// walk visits v, the property at path, and what is below it.
func (f *vipFinder) walk(scope propertyScope, path []propertyName, v source.Value) {
	if !f.mayLook(v) {
		return
	}
	for _, item := range v.Items() {
		f.walkChild(scope, path, item)
	}
	for key, value := range v.Fields() {
		name, property := key.Raw(), nameOfKey(key)
		below := append(path[:len(path):len(path)], property)
		if f.mayEndIn(name) && f.withDots(scope, path, key, value) {
			continue
		}
		if f.mayEndIn(name) && f.patterns.match(scope.jobs, below) {
			before, gaps := len(f.vips.Found), len(f.vips.Gaps)
			f.collectWhole(scope, below, value)
			f.setHiddenRouters(f.vips.Gaps[gaps:], scope.jobs, below, v)
			if found := f.vips.Found[before:]; len(found) > 0 && f.setRouters(found, scope, below, v) {
				f.doubtRouters(found, scope, below, value)
			}
			continue
		}
		if (slices.ContainsFunc(below, propertyName.hides) || slices.ContainsFunc(scope.jobs, isHiddenJob)) && f.mayEndIn(name) && f.patterns.mayMatch(scope.jobs, below) {
			f.perhaps(scope, below, key, value, v)
		}
		if f.isHolder(scope.jobs, below, value.Node()) {
			f.expect(scope, value, false, "property "+strings.Join(shown(below), "."))
			f.mayRoute(scope.jobs, below)
		}
		f.walkChild(scope, below, value)
	}
}

// withDots notes the addresses of a property whose key is a path, keepalived.vip, as specs
// of jobs write it. Directors find no such property, but whoever wrote it means one.
// It reports whether there is something to note.
func (f *vipFinder) withDots(scope propertyScope, path []propertyName, key, v source.Value) bool {
	parts := strings.Split(key.Raw(), ".")
	below := append(path[:len(path):len(path)], namesOf(parts)...)
	if len(parts) == 1 || hasVariable(key.Raw()) || !f.patterns.match(scope.jobs, below) {
		return false
	}
	if !key.MayBeShown() {
		for i := range parts {
			parts[i], below[len(path)+i].shown = source.Unknown, source.Unknown
		}
	}
	property := strings.Join(append(scope.below[:len(scope.below):len(scope.below)], shown(below)...), ".")
	gap := Gap{Hides: HidesProperties, GroupName: scope.group, Property: property, What: scope.describe("property " + property), At: key.Place()}
	gap.Meant = strings.Join(parts, ": {") + ": …" + strings.Repeat("}", len(parts)-1)
	return f.asGap(gap, func() { f.collect(scope, below, v) })
}

// asGap searches, and puts a gap in the place of what was found. It reports whether
// that was something; where some of it hides, the gap may hold anything.
func (f *vipFinder) asGap(gap Gap, search func()) bool {
	found, gaps, unresolved := len(f.vips.Found), len(f.vips.Gaps), len(f.vips.Unresolved)
	search()
	gap.Found = slices.Clone(f.vips.Found[found:])
	holds := len(gap.Found) > 0 || len(f.vips.Gaps) > gaps
	for _, inner := range f.vips.Gaps[gaps:] {
		if len(inner.Found) == 0 || inner.IsNetwork() {
			gap.Found = nil
			break
		}
		gap.Found = append(gap.Found, inner.Found...)
	}
	f.vips = VIPs{Found: f.vips.Found[:found], Gaps: f.vips.Gaps[:gaps], Unresolved: f.vips.Unresolved[:unresolved], UnreadIDs: f.vips.UnreadIDs}
	if holds {
		f.vips.Gaps = append(f.vips.Gaps, gap)
	}
	return holds
}

// perhaps notes the addresses of a property that is one of virtual addresses if the
// variables in its path, or in the names of its jobs, have the values for it. beside is the
// map that it stands in.
func (f *vipFinder) perhaps(scope propertyScope, path []propertyName, key, v, beside source.Value) {
	found, gaps, unresolved := len(f.vips.Found), len(f.vips.Gaps), len(f.vips.Unresolved)
	f.collect(scope, path, v)
	if v.IsMap() { // such as that of a cluster: its variables are no addresses
		f.vips.Gaps, f.vips.Unresolved = f.vips.Gaps[:gaps], f.vips.Unresolved[:unresolved]
	}
	written := slices.Clone(f.vips.Found[found:])
	f.vips.Found = f.vips.Found[:found]
	if len(written) == 0 || len(f.vips.Gaps) > gaps {
		return // what is behind variables may be anything, and that is said
	}
	property := strings.Join(append(scope.below[:len(scope.below):len(scope.below)], shown(path)...), ".")
	gap := Gap{Hides: HidesProperties, GroupName: scope.group, Property: property, Found: written, What: scope.describe("property " + property), At: key.Place()}
	variable := gap.isBehind(property)
	for _, job := range scope.jobs {
		variable = variable || gap.Template == "" && gap.isBehind(job)
	}
	f.setRouters(gap.Found, scope, path, beside)
	f.vips.Gaps = append(f.vips.Gaps, gap)
	if variable {
		f.vips.Unresolved = append(f.vips.Unresolved, Unresolved{Variable: gap.Variable, What: gap.What, At: gap.At})
	}
}

func (f *vipFinder) walkChild(scope propertyScope, path []propertyName, v source.Value) {
	n := v.Node()
	if v.IsScalar() || (n.Anchor != "" && !f.isPromising(n)) {
		return
	}
	f.walk(scope, path, v)
}

// mayLook counts a value and reports whether it may still be looked at.
func (f *vipFinder) mayLook(v source.Value) bool {
	f.looked++
	if f.looked > f.most && f.err == nil {
		f.err = &trouble.Trouble{At: v.Place(),
			Message: fmt.Sprintf("the aliases of the properties stand for more than %d values; virtual addresses in them may be missed", f.most)}
	}
	return f.err == nil
}

// describe names a property of the scope: "property vip of job keepalived in haproxy".
func (s propertyScope) describe(property string) string {
	what := property
	if s.job != "" {
		what += " of job " + s.job
	}
	if s.group != "" {
		what += " in " + s.group
	}
	return what
}
