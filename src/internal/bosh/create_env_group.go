package bosh

import (
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/source"
)

// readEnvGroups reads the one group of a create-env manifest.
func (r *manifestReader) readEnvGroups() {
	groups, jobs := r.plainList(r.doc, "instance_groups"), r.plainList(r.doc, "jobs")
	key := "instance_groups"
	if len(groups) > 0 && len(jobs) > 0 {
		r.refuse(r.doc.Field("jobs"), "the manifest has jobs and instance_groups; only one may be there")
	}
	if len(groups) == 0 {
		groups = jobs
		if r.doc.Has("jobs") {
			key = "jobs"
		}
	}
	if len(groups) != 1 && !hides(r.doc.Field("instance_groups")) && !hides(r.doc.Field("jobs")) {
		at := r.doc
		if v := r.doc.Field(key); v.Present() {
			at = v
		}
		r.refuse(at, "the manifest has %d instance groups; create-env makes exactly one", len(groups))
	}
	for i, v := range groups {
		r.At.Group = i
		if !r.hidden(v, "the instance group of the create-env manifest") {
			r.readEnvGroup(v)
		}
	}
}

func (r *manifestReader) readEnvGroup(v source.Value) {
	g := &Group{At: v.Place(), AZsAt: v.Place(), Lifecycle: "service", spec: v}
	r.m.Groups = append(r.m.Groups, g)
	name, ok := r.plain(v, "name")
	if ok && strings.TrimSpace(name) == "" {
		r.refuse(v, "the instance group has no name")
	} else if ok {
		g.Name, g.At = name, v.Field("name").Place()
	}
	if instances := v.Field("instances"); instances.Present() {
		n, ok := instances.Int()
		if ok {
			g.Instances, g.InstancesAt = int(min(max(n, -1), 1<<30)), instances.Place()
		}
		if n != 1 && !r.hidden(instances, "instances of %s", g.Name) {
			r.refuse(instances, "instances of %q must be 1", g.Name).WithCure("instances: 1")
		}
	} else {
		r.refuse(v, "instances of %q is missing; it must be 1", g.Name).WithCure("instances: 1")
	}
	if lifecycle, ok := r.plain(v, "lifecycle"); ok && lifecycle != "" && v.Field("lifecycle").Raw() != "service" {
		r.refuse(v.Field("lifecycle"), "the lifecycle of %q must be service", g.Name)
	}
	r.checkEnvPool(v, g)
	for _, job := range append(v.Field("jobs").Items(), v.Field("templates").Items()...) {
		if hides(job) {
			g.addJob(job, job.Text(), "")
		} else if name := job.Field("name"); name.Text() != "" {
			g.addJob(name, name.Text(), job.Field("release").Text())
		}
	}
	if jobs := v.Field("jobs"); hides(jobs) {
		g.addJob(jobs, jobs.Text(), "")
	}
	networks := r.plainList(v, "networks")
	if len(networks) == 0 && !hides(v.Field("networks")) {
		r.refuse(v, "instance group %q has no networks", g.Name)
	}
	g.NetworksHidden = g.NetworksHidden || hides(v.Field("networks"))
	for _, n := range networks {
		if r.hidden(n, "a network of %s", g.Name) {
			g.NetworksHidden = true
			continue
		}
		r.readEnvGroupNetwork(n, g)
	}
	if !g.NetworksHidden {
		r.checkEnvDefaults(g)
	}
}

func (r *manifestReader) checkEnvPool(v source.Value, g *Group) {
	pool, ok := r.plain(v, "resource_pool")
	if !ok {
		return
	}
	if strings.TrimSpace(pool) == "" {
		r.refuse(v, "instance group %q names no resource_pool", g.Name)
		return
	}
	if _, ok := r.resourcePool(pool); !ok && !r.poolsHidden() {
		at := v.Field("resource_pool")
		r.refuse(at, "instance group %q names the resource pool %q, which is not defined", g.Name, at)
	}
}

// poolsHidden reports whether there may be resource pools that nobody can see.
func (r *manifestReader) poolsHidden() bool {
	pools := r.doc.Field("resource_pools")
	return hides(pools) || slices.ContainsFunc(pools.Items(), func(p source.Value) bool { return hides(p) || hides(p.Field("name")) })
}

func (r *manifestReader) readEnvGroupNetwork(v source.Value, g *Group) {
	n := &GroupNetwork{At: v.Place(), spec: v}
	name, ok := r.plain(v, "name")
	if field := v.Field("name"); field.Present() {
		n.At = field.Place()
	}
	n.Name = name
	if !ok {
		n.Name = v.Field("name").Text() // which is known by its variable
	}
	network := r.m.Own.Network(name)
	switch {
	case !ok:
	case strings.TrimSpace(name) == "":
		r.refuse(v, "a network of instance group %q has no name", g.Name)
	case network == nil && r.m.Own.NetworksHidden:
	case network == nil:
		r.Add(RuleUnknownNetwork, "", n.At, "instance group %q uses the network %q, which is not defined", g.Name, name).
			WithCure("%s", NearestCure(name, r.m.Own.NetworkNames()))
	}
	g.Networks = append(g.Networks, n)
	if field := v.Field("static_ips"); field.Present() {
		n.StaticAt, n.StaticGiven = field.Place(), field.Kind() != source.Nil
	}
	for _, item := range r.plainList(v, "static_ips") {
		r.readEnvAddress(item, g, n, network)
	}
	n.Incomplete = n.StaticGiven && !v.Field("static_ips").IsList()
	g.NetworksHidden = g.NetworksHidden || hides(v.Field("default"))
	for _, item := range r.plainList(v, "default") {
		if r.hidden(item, "a default of %s", g.Name) {
			g.NetworksHidden = true
			continue
		}
		n.Default = append(n.Default, item.Text())
		if text := item.Text(); text != "dns" && text != "gateway" {
			r.Add(RuleNetworkDefaults, "", item.Place(), "default of network %q is dns or gateway, not %q", name, item)
		}
	}
}

func (r *manifestReader) readEnvAddress(v source.Value, g *Group, n *GroupNetwork, network *Network) {
	if r.hidden(v, "static_ips of %s on network %s", g.Name, n.Name) {
		n.Incomplete = true
		return
	}
	a, ok := parseGoIP(v.Raw())
	if !ok || !v.IsScalar() {
		n.Incomplete = true
		r.Add(RuleInvalidIPFormat, "", v.Place(), "static_ips of %q: %q is no single address; create-env takes neither blocks nor ranges", g.Name, v)
		return
	}
	n.Static = append(n.Static, Block{Range: netipx.IPRangeFrom(a, a), At: v.Place()})
	if len(n.Static) == 2 {
		r.Warn(RuleCreateEnvAddress, v.Place(), "create-env uses the first of static_ips only; %s has no effect", a).WithCure("remove it")
	}
	if network == nil || network.Type != Manual {
		return
	}
	var ranges []string
	for _, s := range network.Subnets {
		switch {
		case !s.Range.IsValid():
			return // which was said
		case s.Range.Contains(a):
			r.warnEnvAddress(a, v, n, s)
			return
		}
		ranges = append(ranges, s.Range.String())
	}
	if len(ranges) > 0 {
		p := r.Add(RuleStaticIPOutsidePool, "", v.Place(), "%s is outside the range %s of network %q", a, strings.Join(ranges, ", "), n.Name)
		p.Range = netipx.IPRangeFrom(a, a)
		p.Instead = &Instead{For: "the VM", Network: n.Name}
		for _, s := range network.Subnets {
			p.Instead.Subnets = append(p.Instead.Subnets, s.Range)
		}
	}
}

// warnEnvAddress reports an address that its subnet needs for itself: the CLI
// looks at the range only.
func (r *manifestReader) warnEnvAddress(a netip.Addr, v source.Value, n *GroupNetwork, s *Subnet) {
	block := ipaddr.FromPrefix(s.Range)
	var p *Problem
	switch {
	case a == s.Gateway:
		p = r.Warn(RuleCreateEnvAddress, v.Place(), "%s is the gateway of network %q", a, n.Name)
	case ipaddr.NumberOf(a) == block.Base:
		p = r.Warn(RuleCreateEnvAddress, v.Place(), "%s is the network address of %s", a, s.Range)
	case ipaddr.NumberOf(a) == block.Last() && a.Is4():
		p = r.Warn(RuleCreateEnvAddress, v.Place(), "%s is the broadcast address of %s", a, s.Range)
	default:
		return
	}
	p.Range = netipx.IPRangeFrom(a, a)
}

func (r *manifestReader) checkEnvDefaults(g *Group) {
	for _, property := range requiredDefaults {
		count := 0
		for _, n := range g.Networks {
			for _, d := range n.Default {
				if d == property {
					count++
				}
			}
		}
		if count > 1 {
			r.Add(RuleNetworkDefaults, "", g.At, "instance group %q has several networks that are the default for %s", g.Name, property)
		}
		if count == 0 && len(g.Networks) > 1 {
			r.Add(RuleNetworkDefaults, "", g.At, "instance group %q has several networks and none is the default for %s", g.Name, property).
				WithCure("default: [%s]", property)
		}
	}
}
