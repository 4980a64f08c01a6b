package bosh

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/source"
)

// This file says which groups get what a cloud-config lets VMs answer for: those that
// choose the VM type or extension that has it.

// typeList is a list of a cloud-config of whose elements groups choose.
type typeList struct {
	// key is the list's own, choice the one in a group by which it chooses.
	key, choice string
	// word is what an element is called.
	word string
}

// typeLists are the lists whose elements' cloud_properties go to VMs; of resource_pools, it
// is old manifests that choose.
var typeLists = []typeList{
	{"vm_types", "vm_type", "vm type"},
	{"vm_extensions", "vm_extensions", "vm extension"},
	{"resource_pools", "resource_pool", "resource pool"},
}

// choice is what a group chooses of a list.
type choice struct {
	// names are LeftOut where nothing is known of one.
	names []string
	// hidden is where one of them hides; nil where none does.
	hidden *Gap
}

// readChoices reads what a group chooses.
func (r *manifestReader) readChoices(v source.Value, g *Group) {
	g.choices = map[string]choice{}
	for _, list := range typeLists {
		chosen := v.Field(list.choice)
		if open := v.OpenKey(); !v.Has(list.choice) {
			chosen = open // it may be that key
		}
		var c choice
		for _, item := range append(chosen.Items(), chosen) {
			if item.Kind() == source.Absent || item.Kind() == source.Nil || item.IsList() {
				continue
			}
			name := item.Text()
			if !item.IsScalar() || item.IsOpenKey() {
				name = LeftOut
			}
			c.names = append(c.names, name)
			if c.hidden == nil && (hides(item) || name == LeftOut) {
				c.hidden = &Gap{What: "the " + list.choice + " of " + g.Name, At: item.Place()}
				c.hidden.isBehind(item.Text())
			}
		}
		g.choices[list.key] = c
	}
}

// chooses reports whether a group of a manifest has the element of that name, of a list of
// the cloud-config. Manifests with networks of their own know no cloud-config.
func (m *Manifest) chooses(g *Group, list, name string) Answer {
	if m.hasOwnNetworks() {
		return No
	}
	return isAny(name, g.choices[list].names)
}

func (m *Manifest) hasOwnNetworks() bool { return m.Own != nil && len(m.Own.Networks) > 0 }

// placementOfType is that of an element of a list of a cloud-config. No group can choose one
// that has no name.
func placementOfType(element source.Value, list typeList) *Placement {
	name := element.Field("name")
	p := &Placement{What: list.word + " " + name.Text(), At: element.Place(), list: list.key}
	var of condition
	if open := element.OpenKey(); open.Present() && !name.Present() {
		p.behind(open)
		p.What, of.hides = "a "+list.word, true
	}
	if name.Present() {
		p.behind(name)
		of.names = []Job{{Name: name.Text()}}
	}
	p.include.conditions = map[string]condition{list.key: of}
	return p
}

// HiddenIn is what hides whether something of a cloud-config is a group's, in the group, or,
// for a nil group, in the manifest; nil where nothing does.
func (p *Placement) HiddenIn(m *Manifest, g *Group) *Gap {
	switch {
	case p.list == "":
		return nil // which groups hide may have of an addon, the group's own gap tells
	case g != nil:
		return g.choices[p.list].hidden
	case m.hasOwnNetworks():
		return nil
	}
	if i := slices.IndexFunc(m.Gaps, func(gap Gap) bool { return gap.Hides == HidesGroups }); i >= 0 {
		return &m.Gaps[i]
	}
	return nil
}

// FindCloudConfigVIPs finds the addresses that a cloud-config lets VMs answer
// for beside their own: allowed_address_pairs in the cloud_properties of
// vm_types and vm_extensions (the OpenStack CPI's way to allow VRRP), and of
// the resource_pools of old ones. They are those of groups that choose them.
func FindCloudConfigVIPs(cloudConfig source.Value) (VIPs, error) {
	f := newVIPFinder(Patterns{Find: []Pattern{{names: []wildcard{{addressPairs}}}}})
	for _, list := range typeLists {
		for _, element := range flat(cloudConfig.Field(list.key).Items()) {
			found, gaps := len(f.vips.Found), len(f.vips.Gaps)
			name, properties := element.Field("name").Text(), element.Field("cloud_properties")
			scope := propertyScope{below: []string{list.key, name, "cloud_properties"}}
			f.expectPairs(scope, properties, list.word+" "+name)
			if properties.IsMap() {
				f.search(scope, properties)
			}
			f.vips.place(found, gaps, func() *Placement { return placementOfType(element, list) })
		}
	}
	// A VM that is allowed a whole network may route for it, and need have no address there.
	f.vips.Gaps = slices.DeleteFunc(f.vips.Gaps, Gap.IsNetwork)
	return f.vips, f.err
}

// expectPairs makes gaps of what is in the place of allowed_address_pairs, and is nothing that
// the CPI reads: an address, a list of them, or maps that have one each.
func (f *vipFinder) expectPairs(scope propertyScope, properties source.Value, of string) {
	gaps := len(f.vips.Gaps)
	f.expect(scope, properties, properties.IsMap(), "cloud_properties of "+of)
	pairs := properties.Field(addressPairs)
	for _, pair := range append(pairs.Items(), pairs) {
		isPair := pair.Kind() == source.String || pair.IsList() || pair.IsMap() && (pair.OpenKey().Present() || slices.ContainsFunc(addressKeys, pair.Has))
		f.expect(scope, pair, isPair, addressPairs+" of "+of)
	}
	for i := range f.vips.Gaps[gaps:] {
		f.vips.Gaps[gaps+i].Property = addressPairs
	}
}

// addressPairs is the property of a VM's cloud_properties that holds such addresses.
const addressPairs = "allowed_address_pairs"

// CountEverywhere takes what a cloud-config has for that of whatever machines there are,
// where nobody told what groups choose.
func (v VIPs) CountEverywhere() VIPs {
	v.Found, v.Gaps = slices.Clone(v.Found), slices.Clone(v.Gaps)
	for i := range v.Found {
		v.Found[i].Placement = nil
	}
	for i := range v.Gaps {
		v.Gaps[i].Placement = nil
	}
	return v
}
