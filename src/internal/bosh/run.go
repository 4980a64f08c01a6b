package bosh

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/place"
)

// run is one deploy.
type run struct {
	*director
	m  *Manifest
	cc *CloudConfig
	// groups are those that can be planned; the others have problems that were
	// reported.
	groups    []*plannedGroup
	addresses []PredictedAddress
	obsolete  []*instance // of the manifest's past, not in it any more
	last      bool        // nothing is deployed behind it
	planned   int         // instances of the groups so far
	sources   map[string]migrationSource
	// incomplete are the networks of which something could not be read.
	incomplete map[*Network]bool
}

// plannedGroup is a group with its networks found.
type plannedGroup struct {
	*Group
	index    int
	networks []*plannedNetwork
	sound    bool // everything that planning needs is known
	crowd    bool // it is, and there are too many instances to plan each
	plans    []*instancePlan
}

// plannedNetwork is a group's use of a network.
type plannedNetwork struct {
	*GroupNetwork
	entry   int
	network *Network
}

// isStatic reports whether addresses are asked for.
func (n *plannedNetwork) isStatic() bool { return n.StaticGiven }

// instancePlan is what will become of one instance.
type instancePlan struct {
	instance *instance
	past     *instance // which it was; nil for a new one
	az       string
	placed   bool // az is decided
	wants    []*reservation
}

// reservation is one address that an instance is to get.
type reservation struct {
	network *plannedNetwork
	static  bool
	address ipaddr // of a static one; of a dynamic one once it is reserved
	at      place.Place
	subnet  *Subnet // that a static one was found in
}

// maxInstances is how many instances of a group are planned one by one. No
// director manages as many; the limit keeps a mistyped number from taking all
// memory. What is beyond is said (checkCrowd).
const maxInstances = 10_000

// maxPlanned is the same for all groups of a manifest.
const maxPlanned = 50_000

func (r *run) deploy() []PredictedAddress {
	past := r.deployments[r.m.Name]
	for i, g := range r.m.Groups {
		r.groups = append(r.groups, r.bind(g, i))
	}
	for _, g := range r.groups {
		r.at = order{stage: stagePlacement, group: g.index}
		existing := r.migrate(g, past)
		if g.sound {
			r.place(g, existing)
		} else if !g.crowd {
			r.locateStatic(g, g.static()) // for what it reports
		}
	}
	r.collectObsolete(past)
	for _, g := range r.groups {
		r.at = order{stage: stageReservation, group: g.index}
		switch {
		case g.Lifecycle == "errand":
			r.predictErrand(g)
		case g.crowd:
			r.checkCrowd(g)
		default:
			r.reserveGroup(g)
		}
	}
	for _, g := range r.groups {
		r.at = order{stage: stageSettings, group: g.index}
		if g.Lifecycle != "errand" {
			r.checkSettings(g)
		}
	}
	r.remember()
	if missing := r.predictCompilation(); r.last {
		r.warnCompilation(missing)
		r.warnHotSwaps()
	}
	return r.addresses
}

// bind finds the networks and zones of a group.
func (r *run) bind(g *Group, index int) *plannedGroup {
	p := &plannedGroup{Group: g, index: index, sound: g.InstancesAt.IsValid() && !g.AZsUnknown}
	for i, n := range g.Networks {
		r.at = order{stage: stageManifest, group: index, step: stepNetworks, entry: i}
		if network := r.lookUp(g, n); network != nil {
			p.networks = append(p.networks, &plannedNetwork{GroupNetwork: n, entry: i, network: network})
		} else {
			p.sound = false
		}
		p.sound = p.sound && !n.Incomplete && (!n.StaticGiven || countOf(n.Static) == u128{0, uint64(max(g.Instances, 0))})
	}
	if len(p.networks) == 0 {
		p.sound = false
	}
	r.at = order{stage: stageManifest, group: index, step: stepZones}
	r.checkZones(p)
	if p.sound && (g.Instances > maxInstances || r.planned+g.Instances > maxPlanned) {
		p.sound, p.crowd = false, true
	} else if p.sound {
		r.planned += max(g.Instances, 0)
	}
	return p
}

func (r *run) lookUp(g *Group, n *GroupNetwork) *Network {
	if _, ok := variableIn(n.Name); ok {
		return nil // which the reader said
	}
	network := r.networks[n.Name]
	if network == nil {
		r.at.part = partLookup
		r.add(RuleUnknownNetwork, "JobUnknownNetwork", n.At, "instance group %q uses the network %q, which is not defined", g.Name, n.Name).
			cure("%s", nearestCure(n.Name, networkNames(r.cc)))
		return nil
	}
	if network.Type == Dynamic && n.StaticAt.IsValid() {
		r.at.part = partDynamic
		r.add(RuleDynamicNetwork, "JobStaticIPNotSupportedOnDynamicNetwork", n.StaticAt,
			"instance group %q asks for static_ips on the dynamic network %q, where the IaaS chooses addresses", g.Name, n.Name).
			cure("remove static_ips, also where it is null")
		return nil
	}
	if network.Type != Manual && network.Type != Dynamic && network.Type != VIP {
		return nil // its type was reported
	}
	return network
}

// checkZones checks the group's zones against its networks
// (deployment_plan/instance_group_availability_zone_parser.rb).
func (r *run) checkZones(g *plannedGroup) {
	if g.AZsUnknown {
		return
	}
	azs := g.AZs
	if azs == nil {
		azs = []string{""}
	}
	for _, n := range g.networks {
		own := r.zonesOf(n.network)
		if own.serve(azs) || r.hasHiddenZones(n.network) {
			continue
		}
		g.sound = false
		p := r.add(RuleAvailabilityZone, "JobNetworkMissingRequiredAvailabilityZone", g.AZsAt,
			"instance group %q is in %s, and network %q serves %s", g.Name, joinZones(azs), n.Name, joinZones(own.names))
		switch {
		case g.AZs == nil:
			p.cure("azs: one or more of %s", joinZones(own.names))
		case slices.Equal(own.names, []string{""}):
			p.cure("remove azs, or give each subnet of %s an az", n.Name)
		default:
			p.cure("name only zones that the network serves")
		}
	}
	r.at.entry = 2
	for _, az := range g.AZs {
		if az == "" || az[:1] == otherZone {
			g.sound = false
			continue
		}
		if r.zones.has(az) || r.m.Own != nil {
			continue
		}
		g.sound = false
		r.add(RuleAvailabilityZone, "JobUnknownAvailabilityZone", g.AZsAt, "instance group %q is in availability zone %q, which is not defined", g.Name, az).
			cure("%s", r.zones.cure(az))
	}
	if g.AZs != nil && len(g.AZs) == 0 {
		g.sound = false
	}
}

// hasHiddenZones reports whether a subnet's zones hide behind a variable.
func (r *run) hasHiddenZones(n *Network) bool {
	return slices.ContainsFunc(n.Subnets, func(s *Subnet) bool { return s.Incomplete && s.AZs == nil && s.AZsAt != s.At })
}

// collectObsolete keeps the instances of groups that are not there any more:
// they hold their addresses until the deploy is through.
func (r *run) collectObsolete(past *deployment) {
	if past == nil {
		return
	}
	kept := map[*instance]bool{}
	for _, g := range r.groups {
		for _, p := range g.plans {
			kept[p.past] = true
		}
	}
	for _, i := range past.instances {
		if !kept[i] {
			r.obsolete = append(r.obsolete, i)
		}
	}
}

// remember writes what the deploy made of the deployment.
func (r *run) remember() {
	var now, released []*instance
	for _, g := range r.groups {
		for _, p := range g.plans {
			now = append(now, p.instance)
			if p.past != nil {
				released = append(released, p.past)
			}
		}
	}
	r.forget(r.m.Name, now, append(released, r.obsolete...))
}
