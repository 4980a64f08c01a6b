package deploy

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/place"
)

// staticAddress is one address of static_ips and the zones that it can be in.
type staticAddress struct {
	n       ipaddr.Number
	v6      bool
	subnet  *bosh.Subnet
	zones   []string // "" for none
	network string
	claimed bool
	dropped bool // an instance that goes away has it
	at      place.Place
}

// staticPlacement holds the addresses by network name: two uses of one network
// share a list (placement_planner/networks_to_static_ips.rb).
type staticPlacement struct {
	*run
	g      *plannedGroup
	static []*plannedNetwork
	names  []string
	lists  map[string][]*staticAddress
	// same lists the uses of one address on all networks.
	same map[ipaddr.Addr][]*staticAddress
	// free is where to look for the next free address of a network and zone.
	free     map[networkZone]int
	existing []*instance
	// placed counts the instances of each zone.
	placed map[string]int
}

type networkZone struct{ network, az string }

const anyZone = bosh.OtherZone

// placeStatic spreads the instances of a group by their addresses
// (placement_planner/static_ips_availability_zone_picker.rb). It returns whether
// that was possible.
func (r *run) placeStatic(g *plannedGroup, static []*plannedNetwork, existing []*instance) bool {
	p, ok := r.locateStatic(g, static)
	if !ok || !p.checkDesiredZones() || !p.placeExisting(existing) || !p.distribute() {
		return false
	}
	known := len(g.plans) // which are complete
	for len(g.plans) < g.Instances {
		g.plans = append(g.plans, &instancePlan{})
	}
	r.number(g)
	for i, plan := range g.plans {
		if i >= known && !p.completePlan(plan) {
			return false
		}
		plan.instance.az = plan.az
	}
	return true
}

// locateStatic finds the subnets of all addresses that a group asks for.
func (r *run) locateStatic(g *plannedGroup, static []*plannedNetwork) (*staticPlacement, bool) {
	p := &staticPlacement{run: r, g: g, static: static, lists: map[string][]*staticAddress{},
		same: map[ipaddr.Addr][]*staticAddress{}, free: map[networkZone]int{}, placed: map[string]int{}}
	ok := true
	for _, n := range static {
		ok = p.locate(n) && ok
	}
	return p, ok
}

// staticAddresses are the single addresses of static_ips in order.
func staticAddresses(n *plannedNetwork) []staticAddress {
	var list []staticAddress
	for _, b := range n.Static {
		s := b.Span()
		for a := s.First; len(list) < maxInstances; a = a.Inc() {
			list = append(list, staticAddress{n: a, v6: b.Range.From().Is6(), at: b.At})
			if a == s.Last {
				break
			}
		}
	}
	return list
}

// locate finds the subnet of each address.
func (p *staticPlacement) locate(n *plannedNetwork) bool {
	desired := p.g.AZs
	if desired == nil {
		desired = []string{""}
	}
	if !slices.Contains(p.names, n.Name) {
		p.names = append(p.names, n.Name)
		p.lists[n.Name] = nil
	}
	complete := !n.network.Hidden && !slices.ContainsFunc(n.network.Subnets, func(s *bosh.Subnet) bool { return s.Incomplete })
	ok := true
	served := map[*bosh.Subnet][]string{}
	outside := outsiders{p: p, n: n}
	for _, a := range staticAddresses(n) {
		subnet := p.staticSubnet(n.network, a)
		if subnet == nil {
			if complete {
				outside.add(a)
			}
			ok = false
			continue
		}
		a.subnet, a.network = subnet, n.Name
		zones, known := served[subnet]
		if !known {
			zones = zonesServed(subnet, desired)
			served[subnet] = zones
		}
		a.zones = zones // never changed in place
		p.lists[n.Name] = append(p.lists[n.Name], &a)
		p.same[a.address()] = append(p.same[a.address()], &a)
	}
	outside.report()
	return ok
}

// zonesServed are the zones of a subnet that are among those desired, each once.
func zonesServed(s *bosh.Subnet, desired []string) []string {
	zones := s.AZs
	if zones == nil {
		zones = []string{""}
	}
	wanted := make(map[string]bool, len(desired))
	for _, az := range desired {
		wanted[az] = true
	}
	var list []string
	for _, az := range zones {
		if wanted[az] {
			list = append(list, az)
			wanted[az] = false
		}
	}
	return list
}

// address is the single address, whatever the prefix.
func (a *staticAddress) address() ipaddr.Addr {
	if a.v6 {
		return ipaddr.Addr{V6: true, Base: a.n, Bits: 128}
	}
	return ipaddr.Addr{Base: a.n, Bits: 32}
}

func (p *staticPlacement) staticSubnet(n *bosh.Network, a staticAddress) *bosh.Subnet {
	for _, s := range p.having(n, a.n, a.v6) {
		if s.Range.IsValid() && s.Range.Addr().Is6() == a.v6 && p.pool(s).isStatic(a.n) {
			return s
		}
	}
	return nil
}

// checkDesiredZones checks that each address can be in a zone of the group.
func (p *staticPlacement) checkDesiredZones() bool {
	ok := true
	for _, name := range p.names {
		for _, a := range p.lists[name] {
			if len(a.zones) > 0 {
				continue
			}
			ok = false
			address := ipaddr.AddrOf(a.n, a.v6)
			var problem *bosh.Problem
			if p.g.AZs == nil {
				problem = p.Add(bosh.RuleAvailabilityZone, "JobInvalidAvailabilityZone", p.g.AZsAt, "instance group %q names no azs, and the subnet of %s does", p.g.Name, address)
			} else {
				problem = p.Add(bosh.RuleAvailabilityZone, "JobStaticIpsFromInvalidAvailabilityZone", a.at, "instance group %q is in %s, and its address %s in %s",
					p.g.Name, bosh.JoinZones(p.g.AZs), address, bosh.JoinZones(a.subnet.AZs))
			}
			problem.Range = ipaddr.RangeOf(ipaddr.Span{First: a.n, Last: a.n}, a.v6)
		}
	}
	return ok
}

// distribute decides for addresses that can be in several zones, so that all
// networks have as many in each.
func (p *staticPlacement) distribute() bool {
	d := distribution{networks: make([][]*staticAddress, len(p.names))}
	for i, name := range p.names {
		p.lists[name] = slices.DeleteFunc(p.lists[name], func(a *staticAddress) bool { return a.dropped })
		d.networks[i] = p.lists[name]
	}
	clear(p.free)
	switch d.run() {
	case unevenZones:
		p.Add(bosh.RuleStaticIPPlacement, "InstanceGroupNetworkInstanceIpMismatch", p.static[0].StaticAt,
			"the static_ips of instance group %q cannot be spread evenly: its networks have different numbers of addresses in each availability zone", p.g.Name).
			WithCure("give each instance addresses of one availability zone on all networks")
		return false
	case tooManyZones:
		p.Warn(bosh.RuleStaticIPPlacement, p.static[0].StaticAt, "the static_ips of instance group %q can be spread over the zones in too many ways to try; no addresses are predicted", p.g.Name)
		return false
	}
	return true
}

// completePlan gives an instance what it lacks, network by network.
func (p *staticPlacement) completePlan(plan *instancePlan) bool {
	cards := map[int]*bosh.Subnet{}
	for _, n := range p.g.networks {
		if n.network.Type == bosh.VIP {
			continue
		}
		if !n.isStatic() {
			plan.wants = append(plan.wants, &reservation{network: n, at: n.At})
			continue
		}
		if slices.ContainsFunc(plan.wants, func(w *reservation) bool { return w.static && w.network.network == n.network && plan.past != nil }) {
			continue
		}
		var like *bosh.Subnet
		if n.NICGroup != nil {
			like = cards[*n.NICGroup]
		}
		a := p.choose(plan, n, like)
		if a == nil {
			return p.cannotChoose(n, like)
		}
		if n.NICGroup != nil && like == nil {
			cards[*n.NICGroup] = a.subnet
		}
		if !plan.placed {
			p.settle(plan, p.leastUsed(a.zones))
		}
		p.claim(a, plan.az)
		if !p.wantStatic(p.g, plan, n, *a) {
			return false
		}
	}
	return true
}

// choose returns the first free address, in the instance's zone if it has one
// and with the cloud_properties of like.
func (p *staticPlacement) choose(plan *instancePlan, n *plannedNetwork, like *bosh.Subnet) *staticAddress {
	key := networkZone{n.Name, anyZone}
	if plan.placed {
		key.az = plan.az
	}
	list := p.lists[n.Name]
	skipping := true
	for i := p.free[key]; i < len(list); i++ {
		a := list[i]
		if a.claimed || plan.placed && !slices.Contains(a.zones, plan.az) {
			continue
		}
		if skipping { // what is claimed or elsewhere now stays so
			p.free[key], skipping = i, false
		}
		if like == nil || maps.Equal(like.CloudProperties, a.subnet.CloudProperties) {
			return a
		}
	}
	return nil
}

func (p *staticPlacement) cannotChoose(n *plannedNetwork, like *bosh.Subnet) bool {
	class := "NetworkReservationError"
	if p.Opts.Single() && len(p.g.plans) > 0 && p.g.plans[0].past != nil {
		class = "NoMethodError" // az_names of the address that it did not find
	}
	if like != nil {
		p.Add(bosh.RuleNICGroup, class, n.At, "network %q shares a network card with another network of instance group %q, and none of its addresses is in a subnet with the same cloud_properties", n.Name, p.g.Name)
	} else {
		p.Add(bosh.RuleStaticIPPlacement, class, n.StaticAt, "the static_ips of instance group %q on network %q do not suffice: an address was given twice, or is in another availability zone than the rest of its instance", p.g.Name, n.Name)
	}
	return false
}

// leastUsed is the zone with the fewest instances so far, the first of several.
func (p *staticPlacement) leastUsed(zones []string) string {
	return slices.MinFunc(zones, func(a, b string) int { return cmp.Compare(p.placed[a], p.placed[b]) })
}

// settle puts an instance into a zone.
func (p *staticPlacement) settle(plan *instancePlan, az string) {
	plan.az, plan.placed = az, true
	p.placed[az]++
}

// claim marks an address as given, on all networks that list it.
func (p *staticPlacement) claim(a *staticAddress, az string) {
	for _, other := range p.same[a.address()] {
		other.claimed, other.zones = true, []string{az}
	}
}

// wantStatic adds a reservation for one address, or the block that begins there:
// the length is that of the network's first subnet.
func (r *run) wantStatic(g *plannedGroup, plan *instancePlan, n *plannedNetwork, a staticAddress) bool {
	address := a.address()
	bits, class := r.networkPrefix(n.network, address.Width())
	if class == "" && bits > address.Width() {
		class = ipaddr.ClassInvalidPrefix
	}
	if class != "" {
		r.Add(bosh.RulePrefix, class, a.at, "instance group %q cannot have %s on network %q: the network's first subnet gives out blocks of /%d, of another family or of no valid length", g.Name, address.Addr(), n.Name, bits).
			WithCure("do not mix families or prefixes in one network")
		return false
	}
	plan.wants = append(plan.wants, &reservation{network: n, static: true, address: address.WithBits(bits), at: a.at, subnet: a.subnet})
	return true
}

// networkPrefix is the length by which static addresses of a network are kept.
func (r *run) networkPrefix(n *bosh.Network, width int) (bits int, errorClass string) {
	switch {
	case r.Opts.Single():
		return width, ""
	case n.Type == bosh.VIP || len(n.Subnets) == 0:
		return 32, ""
	}
	s := n.Subnets[0]
	return r.pool(s).bits(), s.PrefixError
}
