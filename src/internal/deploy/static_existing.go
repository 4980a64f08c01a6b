package deploy

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
)

// placeExisting keeps instances that hold one of the addresses, and reuses
// others where their zone has addresses left
// (static_ips_availability_zone_picker.rb, place_existing_instance_plans).
func (p *staticPlacement) placeExisting(existing []*instance) bool {
	p.existing = existing
	var others []*instance
	for _, i := range existing {
		kept := p.keptAddresses(i)
		switch {
		case len(kept) == 0:
			others = append(others, i)
		case len(p.g.plans) == p.g.Instances:
			p.drop(kept)
		case !p.keep(i, kept):
			return false
		}
	}
	for _, i := range others {
		if len(p.g.plans) < p.g.Instances && p.hasRoom(i) {
			p.reuse(i)
		}
	}
	for _, plan := range p.g.plans {
		if !p.completePlan(plan) {
			return false
		}
	}
	return true
}

type keptAddress struct {
	network *plannedNetwork
	held    heldAddress
}

// keptAddresses are the instance's addresses that the group asks for.
func (p *staticPlacement) keptAddresses(i *instance) []keptAddress {
	var kept []keptAddress
	for _, n := range p.static {
		for _, h := range i.addresses {
			if p.listed(n, h.address) != nil {
				kept = append(kept, keptAddress{n, h})
			}
		}
	}
	return kept
}

// listed finds an address among those that the group asks for on a network.
func (p *staticPlacement) listed(n *plannedNetwork, a ipaddr.Addr) *staticAddress {
	for _, s := range p.same[single(a)] {
		if s.network == n.Name {
			return s
		}
	}
	return nil
}

// single is the first address of a block.
func single(a ipaddr.Addr) ipaddr.Addr {
	a.Bits = a.Width()
	return a
}

func (p *staticPlacement) drop(kept []keptAddress) {
	for _, k := range kept {
		for _, a := range p.same[single(k.held.address)] {
			a.claimed, a.dropped = true, true
		}
	}
}

// keep plans an instance with the addresses that it has. It must stay in its
// zone.
func (p *staticPlacement) keep(i *instance, kept []keptAddress) bool {
	plan := &instancePlan{past: i}
	az := p.g.zoneOf(i)
	for _, k := range kept {
		a := p.listed(k.network, k.held.address)
		if a.claimed {
			continue
		}
		if !slices.Contains(a.zones, az) {
			if plan.placed {
				continue
			}
			p.Add(bosh.RuleStaticIPPlacement, "NetworkReservationError", a.at, "%s is held by %s in %s, and would move to %s", ipaddr.AddrOf(a.n, a.v6), i, bosh.ZoneWords(az), bosh.JoinZones(a.zones)).
				WithCure("%s", p.cureZone(i, p.existing)).About(single(k.held.address))
			return false
		}
		if !plan.placed {
			p.settle(plan, az)
		}
		p.claim(a, az)
		if !p.wantStatic(p.g, plan, k.network, *a) {
			return false
		}
	}
	p.g.plans = append(p.g.plans, plan)
	return true
}

// hasRoom reports whether every network has an address left in the zone of an
// instance.
func (p *staticPlacement) hasRoom(i *instance) bool {
	plan := &instancePlan{az: p.g.zoneOf(i), placed: true}
	return !slices.ContainsFunc(p.static, func(n *plannedNetwork) bool { return p.choose(plan, n, nil) == nil })
}

// reuse plans an instance with new addresses.
func (p *staticPlacement) reuse(i *instance) {
	plan := &instancePlan{past: i}
	p.settle(plan, p.g.zoneOf(i))
	p.g.plans = append(p.g.plans, plan)
	for _, n := range p.static {
		if a := p.choose(plan, n, nil); a != nil {
			p.claim(a, plan.az)
			p.wantStatic(p.g, plan, n, *a)
		}
	}
}
