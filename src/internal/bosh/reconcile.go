package bosh

import "slices"

// reconcile lets an instance keep addresses that it has and returns what it
// still wants (network_planner/reservation_reconciler.rb).
func (r *run) reconcile(plan *instancePlan) []*reservation {
	if plan.past == nil {
		return plan.wants
	}
	wants := slices.Clone(plan.wants)
	for _, h := range plan.past.addresses {
		network, zones, static, ok := r.existingReservation(h)
		if !ok || !zonesMatch(zones, plan.az) {
			continue
		}
		i := slices.IndexFunc(wants, func(w *reservation) bool { return r.canKeep(w, h, network, plan) })
		if i < 0 || !r.sameKind(wants[i], h, network, static) {
			continue
		}
		want := wants[i]
		wants = slices.Delete(wants, i, i+1)
		r.takeOver(plan, h.address, want.network.Name, static)
		kind := DynamicAddress
		switch {
		case want.network.network.Type == VIP:
			kind = VIPAddress
		case static:
			kind = StaticAddress
		}
		r.addPrediction(want.network.Name, plan.instance.group, plan.instance.index, plan.az, h.address, kind, want.at)
	}
	return wants
}

// existingReservation finds the network in which an address can stay: its own,
// or any other in which it may be reserved.
func (r *run) existingReservation(h heldAddress) (n *Network, zones []string, static, ok bool) {
	own := r.networks[h.network]
	if own != nil && (own.Type == Dynamic || own.Type == VIP && len(own.Subnets) == 0) {
		return own, nil, true, true
	}
	candidates := r.cc.Networks
	if own != nil {
		candidates = append([]*Network{own}, candidates...)
	}
	for _, n := range candidates {
		if n.Type == Dynamic {
			continue
		}
		for _, s := range n.Subnets {
			if r.reservable(n, s, h.address) {
				return n, s.AZs, n.Type == Manual && r.pool(s).isStatic(h.address.base), true
			}
		}
	}
	return nil, nil, false, false
}

func (r *run) reservable(n *Network, s *Subnet, a ipaddr) bool {
	pool := r.pool(s)
	if n.Type == VIP {
		return pool.static.contains(a.base)
	}
	if !pool.known || pool.block.v6 != a.v6 || pool.restricted.contains(a.base) {
		return false
	}
	return !a.base.less(pool.block.base) && !pool.block.last().less(a.last())
}

func zonesMatch(zones []string, az string) bool {
	if len(zones) == 0 && az == "" {
		return true
	}
	return az != "" && slices.Contains(zones, az)
}

// canKeep reports whether a want could be met by an address of a network.
func (r *run) canKeep(w *reservation, h heldAddress, network *Network, plan *instancePlan) bool {
	if w.static && w.address != h.address {
		return false
	}
	if w.network.network == network {
		return true
	}
	if w.network.network.Type == Dynamic || network.Type == Dynamic {
		return false
	}
	return slices.ContainsFunc(w.network.network.Subnets, func(s *Subnet) bool {
		if plan.past.az != "" && s.AZs != nil && !slices.Contains(s.AZs, plan.past.az) {
			return false
		}
		return r.reservable(w.network.network, s, h.address)
	})
}

// sameKind reports whether both are dynamic, both static or both vip.
func (r *run) sameKind(w *reservation, h heldAddress, network *Network, static bool) bool {
	if network.Type == VIP && w.network.network.Type == VIP {
		return true
	}
	return w.static == static
}
