package bosh

import (
	"cmp"
	"slices"
)

// place decides for each instance of a group its zone and, where addresses are
// asked for, which one it gets (deployment_plan/instance_planner.rb and
// placement_planner/plan.rb).
func (r *run) place(g *plannedGroup, existing []*instance) {
	existing = slices.Clone(existing)
	slices.SortStableFunc(existing, func(a, b *instance) int { return cmp.Compare(a.index, b.index) })
	if static := g.static(); len(static) > 0 {
		g.sound = r.placeStatic(g, static, existing)
	} else {
		r.placeBalanced(g, existing)
	}
	if g.sound {
		r.planVIPs(g)
	}
	if !g.sound {
		g.plans = nil
	}
}

// static are the networks on which the group asks for addresses.
func (g *plannedGroup) static() []*plannedNetwork {
	var list []*plannedNetwork
	for _, n := range g.networks {
		if n.network.Type != VIP && n.isStatic() {
			list = append(list, n)
		}
	}
	return list
}

// placeBalanced spreads instances evenly over the zones. Of zones with equally
// few it prefers one that has instances already, then the first by name
// (placement_planner/availability_zone_picker.rb, balancer.rb, tie_strategy.rb).
func (r *run) placeBalanced(g *plannedGroup, existing []*instance) {
	byZone := map[string][]*instance{}
	for _, i := range existing {
		az := g.zoneOf(i)
		byZone[az] = append(byZone[az], i)
	}
	azs := uniqueZones(g.AZs)
	placed := map[string]int{}
	var taken, fresh []*instancePlan
	for range max(g.Instances, 0) {
		az := ""
		if len(azs) > 0 {
			az = slices.MinFunc(azs, func(a, b string) int {
				return cmp.Or(cmp.Compare(placed[a], placed[b]), compareBool(len(byZone[b]) > 0, len(byZone[a]) > 0), cmp.Compare(a, b))
			})
		}
		placed[az]++
		plan := &instancePlan{az: az, placed: true}
		if list := byZone[az]; len(list) > 0 {
			plan.past, byZone[az] = list[0], list[1:]
			taken = append(taken, plan)
		} else {
			fresh = append(fresh, plan)
		}
	}
	g.plans = append(taken, fresh...)
	r.number(g)
	for _, plan := range g.plans {
		for _, n := range g.networks {
			if n.network.Type != VIP {
				plan.wants = append(plan.wants, &reservation{network: n, at: n.At})
			}
		}
	}
}

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func uniqueZones(azs []string) []string {
	var list []string
	for _, az := range azs {
		if !slices.Contains(list, az) {
			list = append(list, az)
		}
	}
	return list
}

// number makes the instances: existing ones keep their index, new ones get the
// lowest that is free.
func (r *run) number(g *plannedGroup) {
	used := map[int]bool{}
	for _, p := range g.plans {
		if p.past != nil && p.past.group == g.Name {
			used[p.past.index] = true
		}
	}
	next := 0
	for _, p := range g.plans {
		p.instance = &instance{deployment: r.m.Name, group: g.Name, az: p.az}
		if p.past != nil && p.past.group == g.Name {
			p.instance.index = p.past.index
			continue
		}
		for used[next] {
			next++
		}
		used[next] = true
		p.instance.index = next
	}
}

// planVIPs adds what instances want of vip networks
// (network_planner/vip_planner.rb).
func (r *run) planVIPs(g *plannedGroup) {
	for _, n := range g.networks {
		if n.network.Type != VIP {
			continue
		}
		global := len(n.network.Subnets) > 0
		if global && n.isStatic() && len(n.Static) > 0 {
			g.sound = false
			r.add(RuleVIPNetwork, "NetworkReservationVipMisconfigured", n.StaticAt,
				"instance group %q asks for static_ips on the vip network %q, whose subnets list the addresses already", g.Name, n.Name).
				cure("keep them in one place")
			continue
		}
		if global {
			for _, plan := range g.plans {
				plan.wants = append(plan.wants, &reservation{network: n, at: n.At})
			}
			continue
		}
		r.planGivenVIPs(g, n)
	}
}

// planGivenVIPs gives the addresses of static_ips in order; an instance keeps
// one that it has.
func (r *run) planGivenVIPs(g *plannedGroup, n *plannedNetwork) {
	list := staticAddresses(n)
	if !n.isStatic() && len(g.plans) > 0 {
		g.sound = false
		r.add(RuleVIPNetwork, classAddressFamily, n.At, "instance group %q is on the vip network %q and asks for no static_ips, and the network has no subnets to take addresses from", g.Name, n.Name).
			cure("static_ips: one address for each instance")
		return
	}
	var without []*instancePlan
	for _, plan := range g.plans {
		i := -1
		if plan.past != nil {
			i = slices.IndexFunc(list, func(s staticAddress) bool {
				return slices.ContainsFunc(plan.past.addresses, func(h heldAddress) bool {
					return h.network == n.Name && h.address.base == s.n && h.address.v6 == s.v6
				})
			})
		}
		if i < 0 {
			without = append(without, plan)
			continue
		}
		r.wantStatic(g, plan, n, list[i])
		list = slices.Delete(list, i, i+1)
	}
	for i, plan := range without {
		if i < len(list) {
			r.wantStatic(g, plan, n, list[i])
		}
	}
}
