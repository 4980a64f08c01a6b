package deploy

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
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
		if n.network.Type != bosh.VIP && n.isStatic() {
			list = append(list, n)
		}
	}
	return list
}

// placeBalanced spreads instances evenly over the zones
// (placement_planner/availability_zone_picker.rb).
func (r *run) placeBalanced(g *plannedGroup, existing []*instance) {
	balance := newZoneBalance(uniqueZones(g.AZs), r.cc.CompareZones)
	for _, i := range existing {
		az := g.zoneOf(i)
		balance.existing[az] = append(balance.existing[az], i)
	}
	heap.Init(balance)
	var taken, fresh []*instancePlan
	for range max(g.Instances, 0) {
		az, past := balance.next()
		plan := &instancePlan{az: az, placed: true, past: past}
		if past != nil {
			taken = append(taken, plan)
		} else {
			fresh = append(fresh, plan)
		}
	}
	g.plans = append(taken, fresh...)
	r.number(g)
	for _, plan := range g.plans {
		for _, n := range g.networks {
			if n.network.Type != bosh.VIP {
				plan.wants = append(plan.wants, &reservation{network: n, at: n.At})
			}
		}
	}
}

// zoneBalance is a heap of zones: on top the one with the fewest instances; of
// several the one with the most instances of the past left, in the manifest's order
// of zones; where none has any, the first by name (placement_planner/balancer.rb,
// unplaced_existing_instances.rb, tie_strategy.rb).
type zoneBalance struct {
	names    []string
	order    map[string]int // of the manifest
	placed   map[string]int
	existing map[string][]*instance
	compare  func(a, b string) int
}

func newZoneBalance(names []string, compare func(a, b string) int) *zoneBalance {
	if len(names) == 0 {
		names = []string{""}
	}
	order := make(map[string]int, len(names))
	for i, name := range names {
		order[name] = i
	}
	return &zoneBalance{names: names, order: order, placed: map[string]int{}, existing: map[string][]*instance{}, compare: compare}
}

// next places one instance, if it can one of the past.
func (b *zoneBalance) next() (az string, past *instance) {
	az = b.names[0]
	if list := b.existing[az]; len(list) > 0 {
		past, b.existing[az] = list[0], list[1:]
	}
	b.placed[az]++
	heap.Fix(b, 0)
	return az, past
}

func (b *zoneBalance) Len() int      { return len(b.names) }
func (b *zoneBalance) Swap(i, j int) { b.names[i], b.names[j] = b.names[j], b.names[i] }
func (b *zoneBalance) Push(any)      {}
func (b *zoneBalance) Pop() any      { return nil }

func (b *zoneBalance) Less(i, j int) bool {
	x, y := b.names[i], b.names[j]
	if b.placed[x] != b.placed[y] {
		return b.placed[x] < b.placed[y]
	}
	left, other := len(b.existing[x]), len(b.existing[y])
	switch {
	case left != other:
		return left > other
	case left > 0:
		return b.order[x] < b.order[y]
	}
	return b.compare(x, y) < 0
}

func uniqueZones(azs []string) []string {
	seen := make(map[string]bool, len(azs))
	list := make([]string, 0, len(azs))
	for _, az := range azs {
		if !seen[az] {
			seen[az] = true
			list = append(list, az)
		}
	}
	return list
}

// number makes the instances: existing ones keep their index, new ones and those of
// other groups get the lowest that no instance of the group has, be it one that is
// to go (placement_planner/index_assigner.rb).
func (r *run) number(g *plannedGroup) {
	used := map[int]bool{}
	if past := r.deployments[r.m.Name]; past != nil {
		for _, i := range past.byGroup[g.Name] {
			used[i.index] = true
		}
	}
	next := 0
	for _, p := range g.plans {
		p.instance = &instance{deployment: r.m.Name, group: g.Name, az: p.az}
		if p.past != nil {
			p.instance.id, p.instance.told = p.past.id, p.past.told
		}
		if p.past != nil && p.past.group == g.Name {
			p.instance.index, p.instance.unnamed = p.past.index, p.past.unnamed
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
		if n.network.Type != bosh.VIP {
			continue
		}
		global := len(n.network.Subnets) > 0
		if global && n.isStatic() && len(n.Static) > 0 {
			g.sound = false
			r.Add(bosh.RuleVIPNetwork, "NetworkReservationVipMisconfigured", n.StaticAt,
				"instance group %q asks for static_ips on the vip network %q, whose subnets list the addresses already", g.Name, n.Name).
				WithCure("keep them in one place")
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
		r.Add(bosh.RuleVIPNetwork, ipaddr.ClassAddressFamily, n.At, "instance group %q is on the vip network %q and asks for no static_ips, and the network has no subnets to take addresses from", g.Name, n.Name).
			WithCure("static_ips: one address for each instance")
		return
	}
	var without []*instancePlan
	for _, plan := range g.plans {
		i := -1
		if plan.past != nil {
			i = slices.IndexFunc(list, func(s staticAddress) bool {
				return slices.ContainsFunc(plan.past.addresses, func(h heldAddress) bool {
					return h.network == n.Name && h.address.Base == s.n && h.address.V6 == s.v6
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
