package bosh

import (
	"strings"

	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/spelling"
)

// manifestGaps finds the gaps of the manifest that m was read from.
func manifestGaps(doc source.Value, m *Manifest, opts Options) []Gap {
	g := &gaps{opts: opts}
	defer m.forget()
	if !doc.IsMap() {
		g.add(Gap{Hides: HidesGroups}, doc, "a manifest")
		return g.list
	}
	if m.Own != nil {
		of, n := &gaps{opts: opts}, optional
		if m.Form == CreateEnv {
			n = required
		}
		for _, item := range of.items(doc, "networks", Gap{Hides: HidesNetworks}, n, "the networks of the manifest") {
			if !item.IsMap() {
				of.add(Gap{Hides: HidesNetworks}, item, "a network")
			}
		}
		of.networks(m.Own)
		m.Own.Gaps = of.list
	}
	g.eitherKey(doc, "instance_groups", Gap{Hides: HidesGroups}, "instance_groups of the manifest")
	for _, key := range []string{"instance_groups", "jobs"} {
		for _, item := range g.items(doc, key, Gap{Hides: HidesGroups}, optional, "%s of the manifest", key) {
			if !item.IsMap() {
				g.add(Gap{Hides: HidesGroups}, item, "an element of %s", key)
			}
		}
	}
	if !doc.Field("instance_groups").Present() && !doc.Field("jobs").Present() {
		g.noGroups(doc, m)
	}
	for _, group := range m.Groups {
		g.group(m, group)
	}
	if m.Form == CreateEnv {
		g.contact(doc)
	}
	return g.list
}

// noGroups finds out whether a manifest without instance groups is meant to have none: a
// director takes one that has a name.
func (g *gaps) noGroups(doc source.Value, m *Manifest) {
	for key, value := range doc.Fields() {
		if value.IsList() && isMeant(key.Text(), "instance_groups", manifestKeys) {
			gap := Gap{Hides: HidesGroups, Meant: "instance_groups"}
			g.add(gap, key, "instance_groups of the manifest")
			g.list[len(g.list)-1].Variable = ""
			return
		}
	}
	if m.Form == CreateEnv || !doc.Has("name") {
		g.add(Gap{Hides: HidesGroups}, doc, "the instance groups of the manifest")
	}
}

func (g *gaps) group(m *Manifest, group *Group) {
	in := Gap{Hides: HidesUses, Group: group}
	n := required
	if m.Form == V1 {
		n = optional // its resource pool may name the network
	}
	g.eitherKey(group.spec, "networks", in, "the networks of %s", group.Name)
	for _, item := range g.items(group.spec, "networks", in, n, "the networks of %s", group.Name) {
		if name := item.Field("name"); !item.IsMap() || !name.Present() || !name.IsScalar() || name.Kind() == source.Nil {
			g.add(in, item, "a network of %s", group.Name)
		}
	}
	for _, use := range group.Networks {
		g.use(m, group, use)
	}
}

// use finds the gaps of a group's use of a network.
func (g *gaps) use(m *Manifest, group *Group, use *GroupNetwork) {
	in := func(part Part) Gap { return Gap{Hides: part, Group: group, Use: use} }
	if name := use.spec.Field("name"); hides(name) {
		g.add(in(HidesUseName), name, "the name of a network of %s", group.Name)
	}
	static := use.spec.Field("static_ips")
	what := "static_ips of " + group.Name + " on network " + use.Name
	if m.Form == CreateEnv {
		g.envAddresses(in(HidesStaticIPs), static, what)
	} else if static.Kind() != source.Bool || static.Bool() {
		g.blocks(in(HidesStaticIPs), static, "%s", what)
	}
	g.eitherKey(use.spec, "static_ips", in(HidesStaticIPs), "%s", what)
	if static.Present() {
		return
	}
	for key, value := range use.spec.Fields() {
		meant, ok := mistakenUseKeys[strings.ToLower(key.Text())]
		if !ok {
			meant, ok = spelling.Nearest(key.Text(), useKeys)
		}
		if ok && meant == "static_ips" && !isUseKey(key.Text()) {
			gap := in(HidesStaticIPs)
			gap.Meant, gap.Blocks = meant, readableBlocks(value)
			g.add(gap, key, "%s", what)
			g.list[len(g.list)-1].Variable = ""
		}
	}
}

// useKeys are the keys of a group's use of a network.
var useKeys = []string{"name", "static_ips", "default", "nic_group"}

// mistakenUseKeys are keys that people wrote for those that there are.
var mistakenUseKeys = map[string]string{
	"static": "static_ips", "ips": "static_ips", "ip": "static_ips", "ip_address": "static_ips", "ip_addresses": "static_ips",
	"addresses": "static_ips", "address": "static_ips", "static_addresses": "static_ips", "static_ranges": "static_ips", "staticips": "static_ips", "static-ips": "static_ips",
}

func isUseKey(key string) bool {
	for _, k := range useKeys {
		if k == key {
			return true
		}
	}
	return false
}

// envAddresses finds the entries of static_ips that create-env cannot read. It
// uses the first one only.
func (g *gaps) envAddresses(in Gap, v source.Value, what string) {
	switch {
	case !v.Present() || v.Kind() == source.Nil:
	case !v.IsList():
		g.add(in, v, "%s", what)
	default:
		items := v.Items()
		if len(items) == 0 {
			return
		}
		if _, ok := parseGoIP(items[0].Raw()); !ok {
			g.add(in, items[0], "%s", what)
		}
	}
}

// contact finds hosts of create-env's way to its VM that cannot be read. A name in
// place of an address hides nothing: no address is claimed by it.
func (g *gaps) contact(doc source.Value) {
	provider := doc.Field("cloud_provider")
	if provider.Present() && !provider.IsMap() && provider.Kind() != source.Nil {
		g.add(Gap{Hides: HidesContact}, provider, "cloud_provider")
	}
	if mbus := provider.Field("mbus"); hides(mbus) {
		if host := HostOf(mbus.Raw()); hasVariable(host) {
			g.add(Gap{Hides: HidesContact, Property: "cloud_provider.mbus"}, mbus, "cloud_provider.mbus")
			g.list[len(g.list)-1].isBehind(host) // not what the password is behind
		}
	}
	tunnel := provider.Field("ssh_tunnel")
	if tunnel.Present() && !tunnel.IsMap() && tunnel.Kind() != source.Nil {
		g.add(Gap{Hides: HidesContact}, tunnel, "cloud_provider.ssh_tunnel")
	}
	if host := tunnel.Field("host"); hides(host) {
		g.add(Gap{Hides: HidesContact, Property: "cloud_provider.ssh_tunnel.host"}, host, "cloud_provider.ssh_tunnel.host")
	}
}
