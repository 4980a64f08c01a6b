package deploy

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
)

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
		plan.kept = append(plan.kept, &reservation{network: want.network, static: static, address: h.address, at: want.at, subnet: r.subnetOf(want.network.network, h.address)})
		kind := DynamicAddress
		switch {
		case want.network.network.Type == bosh.VIP:
			kind = VIPAddress
		case static:
			kind = StaticAddress
		}
		index := plan.instance.index
		if plan.instance.unnamed {
			index = Untold
		}
		r.addPrediction(want.network.Name, plan.instance.group, index, plan.az, h.address, kind, want.at)
	}
	return wants
}

// existingReservation finds the network in which an address can stay: its own,
// or any other in which it may be reserved.
func (r *run) existingReservation(h heldAddress) (n *bosh.Network, zones []string, static, ok bool) {
	own := r.networks[h.network]
	if own != nil && (own.Type == bosh.Dynamic || own.Type == bosh.VIP && len(own.Subnets) == 0) {
		return own, nil, true, true
	}
	candidates := r.cc.Networks
	if own != nil {
		candidates = append([]*bosh.Network{own}, candidates...)
	}
	for _, n := range candidates {
		if n.Type == bosh.Dynamic {
			continue
		}
		for _, s := range n.Subnets {
			if r.reservable(n, s, h.address) {
				return n, s.AZs, n.Type == bosh.Manual && r.pool(s).isStatic(h.address.Base), true
			}
		}
	}
	return nil, nil, false, false
}

func (r *run) reservable(n *bosh.Network, s *bosh.Subnet, a ipaddr.Addr) bool {
	pool := r.pool(s)
	if n.Type == bosh.VIP {
		return pool.static.Contains(a.Base)
	}
	if !pool.known || pool.block.V6 != a.V6 || pool.restricted.Contains(a.Base) {
		return false
	}
	return !a.Base.Less(pool.block.Base) && !pool.block.Last().Less(a.Last())
}

// subnetOf is the subnet of a manual network in which an address may be kept.
func (r *run) subnetOf(n *bosh.Network, a ipaddr.Addr) *bosh.Subnet {
	if n.Type != bosh.Manual {
		return nil
	}
	for _, s := range n.Subnets {
		if r.reservable(n, s, a) {
			return s
		}
	}
	return nil
}

func zonesMatch(zones []string, az string) bool {
	if len(zones) == 0 && az == "" {
		return true
	}
	return az != "" && slices.Contains(zones, az)
}

// canKeep reports whether a want could be met by an address of a network.
func (r *run) canKeep(w *reservation, h heldAddress, network *bosh.Network, plan *instancePlan) bool {
	if w.static && w.address != h.address {
		return false
	}
	if w.network.network == network {
		return true
	}
	if w.network.network.Type == bosh.Dynamic || network.Type == bosh.Dynamic {
		return false
	}
	return slices.ContainsFunc(w.network.network.Subnets, func(s *bosh.Subnet) bool {
		if plan.past.az != "" && s.AZs != nil && !slices.Contains(s.AZs, plan.past.az) {
			return false
		}
		return r.reservable(w.network.network, s, h.address)
	})
}

// sameKind reports whether both are dynamic, both static or both vip.
func (r *run) sameKind(w *reservation, h heldAddress, network *bosh.Network, static bool) bool {
	if network.Type == bosh.VIP && w.network.network.Type == bosh.VIP {
		return true
	}
	return w.static == static
}
