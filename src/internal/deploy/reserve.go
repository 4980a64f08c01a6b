package deploy

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/place"
)

// reserveGroup reserves the addresses of a group's instances, in the order in
// which a director updates them (instance_plan_sorter.rb): the first instance,
// the rest of its zone, then zone by zone.
func (r *run) reserveGroup(g *plannedGroup) {
	if !g.sound {
		return
	}
	plans := slices.Clone(g.plans)
	slices.SortStableFunc(plans, func(a, b *instancePlan) int { return cmp.Compare(a.instance.index, b.instance.index) })
	if len(plans) > 0 {
		first := plans[0]
		class := func(p *instancePlan) int {
			switch p.az {
			case first.az:
				return 0
			case "":
				return 1
			}
			return 2
		}
		slices.SortStableFunc(plans[1:], func(a, b *instancePlan) int {
			return cmp.Or(cmp.Compare(class(a), class(b)), r.cc.CompareZones(a.az, b.az))
		})
	}
	full := map[*plannedNetwork]bool{}
	wants := make([][]*reservation, len(plans))
	for i, plan := range plans {
		wants[i] = r.reconcile(plan)
	}
	markDrawn(plans, wants)
	for i, plan := range plans {
		for _, want := range wants[i] {
			if full[want.network] {
				continue
			}
			if !r.reserve(g, plan, want) && !want.static {
				full[want.network] = true // the others would fail in the same way
			}
		}
	}
}

// markDrawn marks the dynamic addresses of which nobody can say who gets which: in
// one zone a director gives them out by the ids of the instances, which it draws.
// The bootstrap instance comes first; of a new group it is the one with index 0.
func markDrawn(plans []*instancePlan, wants [][]*reservation) {
	type share struct {
		network *plannedNetwork
		az      string
	}
	alone := map[share]int{}
	isNew := true
	for _, plan := range plans {
		isNew = isNew && plan.past == nil
	}
	each := func(do func(s share, want *reservation)) {
		for i, plan := range plans {
			if i == 0 && isNew {
				continue
			}
			for _, want := range wants[i] {
				if !want.static {
					do(share{want.network, plan.az}, want)
				}
			}
		}
	}
	each(func(s share, _ *reservation) { alone[s]++ })
	each(func(s share, want *reservation) { want.drawn = alone[s] > 1 })
}

// predictErrand tells which addresses an errand asks for. They are reserved when
// it runs first, not by the deploy.
func (r *run) predictErrand(g *plannedGroup) {
	for _, plan := range g.plans {
		for _, want := range plan.wants {
			if want.static && want.network.network.Type == bosh.Manual {
				r.predict(g, plan, want, want.address, StaticAddress)
			}
		}
	}
}

// reserve reserves one address (ip_provider/ip_provider.rb). It returns false
// where it reported a problem.
func (r *run) reserve(g *plannedGroup, plan *instancePlan, want *reservation) bool {
	switch n := want.network.network; {
	case n.Type == bosh.Dynamic:
		return true
	case n.Type == bosh.VIP && !want.static:
		return r.reserveVIP(g, plan, want)
	case n.Type == bosh.VIP:
		return r.reserveStatic(g, plan, want, VIPAddress)
	case want.static:
		return r.checkStaticReservation(g, want) && r.reserveStatic(g, plan, want, StaticAddress)
	}
	return r.reserveDynamic(g, plan, want)
}

// checkStaticReservation reports an address that its subnet restricts.
func (r *run) checkStaticReservation(g *plannedGroup, want *reservation) bool {
	for _, s := range r.having(want.network.network, want.address.Base, want.address.V6) {
		if !s.Range.IsValid() {
			continue
		}
		block := ipaddr.FromPrefix(s.Range)
		inside, err := block.Includes(want.address)
		if err != nil {
			r.Add(bosh.RulePrefix, err.Class, want.at, "instance group %q cannot have %s on network %q: a director compares it with the IPv4 subnet %s first", g.Name, want.address.Words(), want.network.Name, s.Range).
				WithCure("keep IPv4 and IPv6 subnets in networks of their own")
			return false
		}
		if !inside {
			continue
		}
		if pool := r.pool(s); pool.restricted.Contains(want.address.Base) {
			p := r.Add(bosh.RuleStaticIPReserved, "NetworkReservationIpReserved", want.at, "instance group %q asks for %s on network %q, which %s", g.Name, want.address.Words(), want.network.Name, r.restriction(s, want.address.Base)).
				About(want.address)
			r.cureReserved(p, s, g, want)
			return false
		}
		return true
	}
	r.Add(bosh.RuleStaticIPOutsidePool, "NetworkReservationIpOutsideSubnet", want.at, "instance group %q asks for %s, which is in no subnet of network %q", g.Name, want.address.Words(), want.network.Name).About(want.address).
		Instead = r.instead(g, want.network.network, "")
	return false
}

// cureReserved says how a group can have an address in place of one that its subnet
// restricts.
func (r *run) cureReserved(p *bosh.Problem, s *bosh.Subnet, g *plannedGroup, want *reservation) {
	otherwise := "choose another address, and let static end before it"
	if r.isReserved(s, want.address.Base) {
		otherwise, p.Cure = "", "take it out of reserved"
	}
	p.Instead = r.instead(g, want.network.network, otherwise)
}

func (r *run) reserveStatic(g *plannedGroup, plan *instancePlan, want *reservation, kind AddressKind) bool {
	holder := r.hold(plan.instance, want.address, want.network.Name, true)
	if holder != nil && r.mayBePast(g, holder) {
		r.takeOver(plan, want.address, want.network.Name, true)
		r.predict(g, plan, want, want.address, kind)
		return true
	}
	if holder != nil && holder != plan.past && holder != plan.instance && r.toldRename(g, holder) {
		return false // one renamed group is one mistake, however many addresses it has
	}
	if holder != nil && holder != plan.past && holder != plan.instance {
		r.Add(bosh.RuleStaticIPTwice, "NetworkReservationAlreadyInUse", want.at, "instance group %q asks for %s, which %s has", g.Name, want.address.Words(), holder).
			WithCure("%s", r.cureTaken(g, plan, holder)).About(want.address)
		return false
	}
	if holder == plan.past && holder != nil {
		r.takeOver(plan, want.address, want.network.Name, true)
	}
	if kind == StaticAddress && want.subnet != nil && !r.pool(want.subnet).isStatic(want.address.Base) {
		r.Add(bosh.RulePrefix, "NetworkReservationWrongType", want.at, "instance group %q gets %s on network %q, which no subnet lists as static: the network's first subnet gives out blocks of /%d", g.Name, want.address.Words(), want.network.Name, want.address.Bits).
			WithCure("give all subnets of the network the same prefix").About(want.address)
		return false
	}
	r.predict(g, plan, want, want.address, kind)
	return true
}

// takeOver moves an address from what an instance was to what it becomes.
func (r *run) takeOver(plan *instancePlan, a ipaddr.Addr, network string, static bool) {
	r.held[a] = plan.instance
	plan.instance.addresses = append(plan.instance.addresses, heldAddress{a, network, static})
}

func (r *run) reserveDynamic(g *plannedGroup, plan *instancePlan, want *reservation) bool {
	if r.hasHidden(want.network.network) || g.hidesPast {
		return true // what is free there cannot be told, or what the instance has
	}
	key := networkInZone{want.network.network, plan.az}
	subnets := r.subnetsFor(want.network.network, plan.az)
	for i := r.full[key]; i < len(subnets); i++ {
		s := subnets[i]
		if class := r.poolError(s); class != "" {
			r.reportPoolError(g, want, s, class)
			return false
		}
		pool := r.pool(s)
		a, ok := pool.allocate(r.taken.of(pool.block.V6))
		if !ok {
			r.noteFull(key, i)
			continue
		}
		r.hold(plan.instance, a, want.network.Name, false)
		want.address, want.subnet, want.unsure = a, s, r.mayBeHeld(want.network, s)
		r.predict(g, plan, want, a, DynamicAddress)
		return true
	}
	r.notEnough(g, plan, want, "network")
	return false
}

// networkInZone is a network in a zone; "" is none in particular.
type networkInZone struct {
	network *bosh.Network
	az      string
}

// noteFull notes that the subnet at i has nothing to give, if that holds of all before it.
func (r *run) noteFull(key networkInZone, i int) {
	if r.full == nil {
		r.full = map[networkInZone]int{}
	}
	if r.full[key] == i {
		r.full[key] = i + 1
	}
}

// hasHidden reports whether something about a subnet could not be read.
func (r *run) hasHidden(n *bosh.Network) bool {
	hidden, ok := r.incomplete[n]
	if !ok {
		hidden = n.Hidden || slices.ContainsFunc(n.Subnets, func(s *bosh.Subnet) bool { return s.Incomplete || s.ZonesHidden || !s.Range.IsValid() })
		if r.incomplete == nil {
			r.incomplete = map[*bosh.Network]bool{}
		}
		r.incomplete[n] = hidden
	}
	return hidden
}

// poolError is the class of the error that a director raises when it looks for
// a free block: of a bad prefix, of a range that begins at 0 (it asks for the
// address before), or of IPv6 addresses below 2^32, which it takes for IPv4.
func (r *run) poolError(s *bosh.Subnet) string {
	if s.PrefixError != "" {
		return s.PrefixError
	}
	if r.Opts.Single() {
		return ""
	}
	switch pool := r.pool(s); {
	case pool.block.Base.IsZero():
		return ipaddr.ClassInvalidAddress
	case pool.block.V6 && pool.block.Base.IsV4() && pool.bits() > 32:
		return ipaddr.ClassInvalidPrefix
	}
	return ""
}

func (r *run) reportPoolError(g *plannedGroup, want *reservation, s *bosh.Subnet, class string) {
	if s.PrefixError != "" {
		r.Add(bosh.RulePrefix, class, s.PrefixAt, "the subnet %s of network %q cannot give addresses to instance group %q: its prefix makes no block of it", s.Range, want.network.Name, g.Name).
			WithCure("prefix: a number from %d to %d", s.Range.Bits(), s.Range.Addr().BitLen())
		return
	}
	r.Add(bosh.RuleInvalidRange, class, s.RangeAt, "the subnet %s of network %q cannot give addresses to instance group %q: a director cannot count from its first address", s.Range, want.network.Name, g.Name).
		WithCure("use another range")
}

func (r *run) reserveVIP(g *plannedGroup, plan *instancePlan, want *reservation) bool {
	key := networkInZone{want.network.network, plan.az}
	for i := r.full[key]; i < len(want.network.network.Subnets); i++ {
		s := want.network.network.Subnets[i]
		if s.Incomplete {
			return true
		}
		if plan.az != "" && s.AZs == nil {
			r.Add(bosh.RuleVIPNetwork, "NoMethodError", s.At, "this subnet of the vip network %q names no azs, and instance group %q does", want.network.Name, g.Name).
				WithCure("azs: [%s]", plan.az)
			return false
		}
		if !s.Serves(plan.az) {
			r.noteFull(key, i)
			continue
		}
		if a, ok := r.freeVIP(s); ok {
			r.hold(plan.instance, a, want.network.Name, false)
			r.predict(g, plan, want, a, VIPAddress)
			return true
		}
		r.noteFull(key, i)
	}
	r.notEnough(g, plan, want, "vip network")
	return false
}

// staticPosition is a place in the static list of a subnet.
type staticPosition struct {
	entry int
	next  ipaddr.Number // of the entry, unless begun is false
	begun bool
	tries int // addresses before it
}

// freeVIP is the first address of static that nobody holds: the first address
// of a held block counts, not the block (ip_repo.rb, try_to_allocate_vip_ip).
func (r *run) freeVIP(s *bosh.Subnet) (ipaddr.Addr, bool) {
	if r.gaveVIP == nil {
		r.gaveVIP = map[*bosh.Subnet]staticPosition{}
	}
	at := r.gaveVIP[s]
	defer func() { r.gaveVIP[s] = at }()
	for at.entry < len(s.Static) && at.tries < maxInstances {
		block := s.Static[at.entry]
		list := block.Span()
		if !at.begun {
			at.next, at.begun = list.First, true
		}
		a := ipaddr.Addr{V6: block.Range.From().Is6(), Base: at.next, Bits: 32}
		if a.V6 {
			a.Bits = 128
		}
		if !r.heldAt(a) {
			return a, true
		}
		at.tries++
		if at.next == list.Last {
			at.entry, at.begun = at.entry+1, false
		} else {
			at.next = at.next.Inc()
		}
	}
	return ipaddr.Addr{}, false
}

// heldAt reports whether a block of any length that begins at a is held.
func (r *run) heldAt(a ipaddr.Addr) bool {
	if !r.taken.of(a.V6).Contains(a.Base) {
		return false
	}
	for bits := range a.Width() + 1 {
		if _, ok := r.held[ipaddr.Addr{V6: a.V6, Base: a.Base, Bits: bits}]; ok {
			return true
		}
	}
	return false
}

func (r *run) notEnough(g *plannedGroup, plan *instancePlan, want *reservation, what string) {
	at := want.at
	if g.InstancesAt.IsValid() && len(want.network.network.Subnets) > 0 {
		at = g.InstancesAt
	}
	where := ""
	if plan.az != "" {
		where = " in availability zone " + plan.az
	}
	r.Add(bosh.RuleNotEnoughAddresses, "NetworkReservationNotEnoughCapacity", at, "%s %q has no free address%s for %s/%d", what, want.network.Name, where, g.Name, plan.instance.index).
		WithCure("fewer instances, a larger range, or fewer reserved and static addresses")
}

func (r *run) predict(g *plannedGroup, plan *instancePlan, want *reservation, a ipaddr.Addr, kind AddressKind) {
	index := plan.instance.index
	if want.drawn || plan.instance.unnamed {
		index = Untold
	}
	r.addPrediction(want.network.Name, g.Name, index, plan.az, a, kind, want.at)
	r.addresses[len(r.addresses)-1].Unsure = want.unsure
}

func (r *run) addPrediction(network, group string, index int, az string, a ipaddr.Addr, kind AddressKind, at place.Place) {
	r.addresses = append(r.addresses, PredictedAddress{
		Network: network, InstanceGroup: group, Index: index, AZ: az, IP: netip.PrefixFrom(a.Addr(), a.Bits), Kind: kind, At: at,
	})
}
