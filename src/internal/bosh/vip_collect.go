package bosh

import (
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/source"
)

// This file takes the addresses out of a property that a pattern matches.

// collect takes the addresses of a matching property.
func (f *vipFinder) collect(scope propertyScope, path []propertyName, v source.Value) {
	if !f.mayLook(v) {
		return
	}
	switch {
	case v.IsList():
		scope.beside = slices.ContainsFunc(v.Items(), holdsAddress)
		for _, item := range v.Items() {
			f.collect(scope, path, item)
		}
	case v.IsMap():
		scope.beside = false
		f.collectMap(scope, path, v)
	case v.Kind() != source.Nil:
		f.collectText(scope, path, v)
	}
}

// holdsAddress reports whether a value is a text with an address or a network in it.
func holdsAddress(v source.Value) bool {
	if !v.IsScalar() {
		return false
	}
	list, networks, _ := virtualAddresses(v.Raw(), false)
	return len(list) > 0 || len(networks) > 0
}

// collectWhole takes the addresses of what is named an address. There a number is one, too,
// which directors hand to the job as it is: a gap.
func (f *vipFinder) collectWhole(scope propertyScope, path []propertyName, v source.Value) {
	f.collect(scope, path, v)
	for _, item := range append(v.Items(), v) {
		if isNumberOfAddress(item) {
			f.vips.Gaps = append(f.vips.Gaps, scope.gapAt(path, item))
		}
	}
}

// gapAt is the gap of what stands in a property.
func (s propertyScope) gapAt(path []propertyName, v source.Value) Gap {
	property := strings.Join(append(s.below[:len(s.below):len(s.below)], shown(path)...), ".")
	return Gap{Hides: HidesProperties, GroupName: s.group, Property: property, What: s.describe("property " + property), At: v.Place()}
}

// collectMap takes from {ip: …, interface: …} what is named an address, and
// from {web: …, db: …} and {10.0.0.5: {dev: eth0}} everything. A network beside an address
// is where that is.
func (f *vipFinder) collectMap(scope propertyScope, path []propertyName, v source.Value) {
	found, unresolved, gaps := len(f.vips.Found), len(f.vips.Unresolved), len(f.vips.Gaps)
	f.collectNamed(scope, path, v)
	if len(f.vips.Found) > found || len(f.vips.Unresolved) > unresolved {
		kept := slices.DeleteFunc(slices.Clone(f.vips.Gaps[gaps:]), Gap.IsNetwork)
		f.vips.Gaps = append(f.vips.Gaps[:gaps], kept...)
	}
}

// addressKeys are those of maps that stand for one address, or several, with something beside.
var addressKeys = []string{"ip", "ips", "ip_address", "addr", "address", "addresses", "cidr"}

func (f *vipFinder) collectNamed(scope propertyScope, path []propertyName, v source.Value) {
	named := false
	for _, name := range addressKeys {
		if v.Has(name) {
			named = true
			f.collectWhole(scope, append(path[:len(path):len(path)], nameOf(name)), v.Field(name))
		}
	}
	if named {
		return
	}
	for key, value := range v.Fields() {
		open := hasVariable(key.Raw())
		if !open {
			f.collectText(scope, path, key)
		}
		found, gaps := len(f.vips.Found), len(f.vips.Gaps)
		f.collect(scope, append(path[:len(path):len(path)], nameOfKey(key)), value)
		if open && len(f.vips.Found) == found && len(f.vips.Gaps) == gaps {
			f.collectText(scope, path, key) // it is no name of what is below
		}
	}
}

func (f *vipFinder) collectText(scope propertyScope, path []propertyName, v source.Value) {
	gap := scope.gapAt(path, v)
	if gap.Template = TemplateIn(v.Raw()); gap.Template != "" {
		f.vips.Gaps = append(f.vips.Gaps, gap)
		return
	}
	variables := variablesOf(v.Raw())
	for _, variable := range variables {
		gap.Variable = variable
		f.vips.Unresolved = append(f.vips.Unresolved, Unresolved{Variable: variable, What: gap.What, At: gap.At})
		f.vips.Gaps = append(f.vips.Gaps, gap)
	}
	ranges, networks, strange := virtualAddresses(v.Raw(), scope.beside)
	for _, r := range ranges {
		f.vips.Found = append(f.vips.Found, PropertyAddress{Range: r, Property: gap.Property, Group: scope.group, Job: scope.job, At: gap.At})
	}
	if len(variables) > 0 {
		return
	}
	for _, r := range networks {
		gap.Found = append(gap.Found, PropertyAddress{Range: r, Property: gap.Property, Group: scope.group, Job: scope.job, At: gap.At})
	}
	if strange || len(networks) > 0 {
		f.vips.Gaps = append(f.vips.Gaps, gap)
	}
}
