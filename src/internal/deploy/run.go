package deploy

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/place"
)

// run is one deploy.
type run struct {
	*director
	m  *bosh.Manifest
	cc *bosh.CloudConfig
	// groups are those that can be planned; the others have problems that were
	// reported.
	groups    []*plannedGroup
	addresses []PredictedAddress
	obsolete  []*instance // of the manifest's past, not in it any more
	last      bool        // nothing is deployed behind it
	planned   int         // instances of the groups so far
	sources   map[string]migrationSource
	renamed   map[*plannedGroup]string // which group they may have been
	// incomplete are the networks of which something could not be read.
	incomplete map[*bosh.Network]bool
	// full is how many subnets at the front of those of a network and zone have nothing
	// left to give out: what is held is held until the deploy is through.
	full map[networkInZone]int
	// gaveVIP is where in a subnet's static the search for a free address ended.
	gaveVIP map[*bosh.Subnet]staticPosition
	doubts  []Doubt
}

// plannedGroup is a group with its networks found.
type plannedGroup struct {
	*bosh.Group
	index     int
	networks  []*plannedNetwork
	sound     bool // everything that planning needs is known
	crowd     bool // it is, and there are too many instances to plan each
	plans     []*instancePlan
	hidesPast bool // some instance of the past may be its own, since its former name hides
}

// plannedNetwork is a group's use of a network.
type plannedNetwork struct {
	*bosh.GroupNetwork
	entry   int
	network *bosh.Network
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
	kept     []*reservation // which the instance has, and wants no more
}

// reservation is one address that an instance is to get.
type reservation struct {
	network *plannedNetwork
	static  bool
	address ipaddr.Addr // of a static one; of a dynamic one once it is reserved
	at      place.Place
	subnet  *bosh.Subnet // that a static one was found in
	unsure  bool         // it may be one that an instance without a VM has
	drawn   bool         // which instance gets it depends on ids that the director draws
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
		r.At = bosh.Order{Stage: bosh.StagePlacement, Group: g.index}
		existing := r.migrate(g, past)
		g.hidesPast = r.hidesPast(g, past)
		if g.sound {
			r.place(g, existing)
		} else if !g.crowd {
			r.locateStatic(g, g.static()) // for what it reports
		}
		r.checkFamilies(existing)
	}
	r.collectObsolete(past)
	r.At.Group = len(r.groups)
	r.checkFamilies(r.obsolete)
	for _, g := range r.groups {
		r.At = bosh.Order{Stage: bosh.StageReservation, Group: g.index}
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
		r.At = bosh.Order{Stage: bosh.StageSettings, Group: g.index}
		if g.Lifecycle != "errand" {
			r.checkSettings(g)
		}
	}
	if !r.refused() {
		r.tellMoves()
	}
	r.checkUnshown()
	r.remember()
	if missing := r.predictCompilation(); r.last {
		r.warnCompilation(missing)
		r.warnHotSwaps()
	}
	return r.addresses
}

// compilationTold reports whether it was told of the cloud-config already that the
// network serves no zone at all, since compilation needs one: one mistake.
func (r *run) compilationTold(n *bosh.Network, own bosh.NetworkZones) bool {
	c := r.cc.Compilation
	return c != nil && c.Network == n.Name && r.zones.Has(c.AZ) && !own.Serve([]string{c.AZ}) && slices.Equal(own.Names, []string{""})
}

// refused reports whether the deploy has failed.
func (r *run) refused() bool {
	return slices.ContainsFunc(r.Problems, bosh.Problem.Refusal)
}

// bind finds the networks and zones of a group.
func (r *run) bind(g *bosh.Group, index int) *plannedGroup {
	p := &plannedGroup{Group: g, index: index, sound: g.InstancesAt.IsValid() && !g.AZsUnknown && !g.NetworksHidden}
	for i, n := range g.Networks {
		r.At = bosh.Order{Stage: bosh.StageManifest, Group: index, Step: bosh.StepNetworks, Entry: i}
		if network := r.lookUp(g, n); network != nil {
			p.networks = append(p.networks, &plannedNetwork{GroupNetwork: n, entry: i, network: network})
			p.sound = p.sound && !hidesZones(network)
		} else {
			p.sound = false
		}
		p.sound = p.sound && !n.Incomplete && (!n.StaticGiven || bosh.CountOf(n.Static) == ipaddr.Low(uint64(max(g.Instances, 0))))
	}
	if len(p.networks) == 0 {
		p.sound = false
	}
	r.At = bosh.Order{Stage: bosh.StageManifest, Group: index, Step: bosh.StepZones}
	r.checkZones(p)
	if p.sound && (g.Instances > maxInstances || r.planned+g.Instances > maxPlanned) {
		p.sound, p.crowd = false, true
	} else if p.sound {
		r.planned += max(g.Instances, 0)
	}
	return p
}

func (r *run) lookUp(g *bosh.Group, n *bosh.GroupNetwork) *bosh.Network {
	if _, ok := bosh.VariableIn(n.Name); ok {
		return nil // which the reader said
	}
	network := r.networks[n.Name]
	if network == nil && r.cc.NetworksHidden {
		return nil // it may be one of those that hide
	}
	if network == nil {
		r.At.Part = bosh.PartLookup
		r.Add(bosh.RuleUnknownNetwork, "JobUnknownNetwork", n.At, "instance group %q uses the network %q, which is not defined", g.Name, n.Name).
			WithCure("%s", bosh.NearestCure(n.Name, r.cc.NetworkNames()))
		return nil
	}
	if network.Type == bosh.Dynamic && n.StaticAt.IsValid() {
		r.At.Part = bosh.PartDynamic
		r.Add(bosh.RuleDynamicNetwork, "JobStaticIPNotSupportedOnDynamicNetwork", n.StaticAt,
			"instance group %q asks for static_ips on the dynamic network %q, where the IaaS chooses addresses", g.Name, n.Name).
			WithCure("remove static_ips, also where it is null")
		return nil
	}
	if network.Type != bosh.Manual && network.Type != bosh.Dynamic && network.Type != bosh.VIP {
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
		if own.Serve(azs) {
			continue
		}
		g.sound = false
		if r.compilationTold(n.network, own) {
			continue
		}
		p := r.Add(bosh.RuleAvailabilityZone, "JobNetworkMissingRequiredAvailabilityZone", g.AZsAt,
			"instance group %q is in %s, and network %q serves %s", g.Name, bosh.JoinZones(azs), n.Name, bosh.JoinZones(own.Names))
		switch {
		case g.AZs == nil:
			p.WithCure("azs: one or more of %s", bosh.JoinZones(own.Names))
		case slices.Equal(own.Names, []string{""}):
			p.WithCure("remove azs, or %s", n.network.CureZones(azs))
		default:
			p.WithCure("name only zones that the network serves")
		}
	}
	r.At.Entry = 2
	for _, az := range g.AZs {
		if az == "" || az[:1] == bosh.OtherZone {
			g.sound = false
			continue
		}
		if r.zones.Has(az) || r.m.Own != nil {
			continue
		}
		g.sound = false
		r.Add(bosh.RuleAvailabilityZone, "JobUnknownAvailabilityZone", g.AZsAt, "instance group %q is in availability zone %q, which is not defined", g.Name, az).
			WithCure("%s", r.zones.Cure(az))
	}
	if g.AZs != nil && len(g.AZs) == 0 {
		g.sound = false
	}
}

// hidesZones reports whether some of a network's zones hide, with whole subnets or
// alone: then it is not known where an instance gets its address.
func hidesZones(n *bosh.Network) bool {
	return n.Hidden || slices.ContainsFunc(n.Subnets, func(s *bosh.Subnet) bool { return s.ZonesHidden })
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
