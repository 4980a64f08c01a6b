package deploy

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
)

// checkSettings checks what fails when a director writes an instance's network
// settings, behind all reservations (network_settings of each network class).
func (r *run) checkSettings(g *plannedGroup) {
	if !g.sound || g.Instances <= 0 {
		return
	}
	for _, n := range g.networks {
		switch n.network.Type {
		case bosh.VIP:
			r.checkVIPDefaults(g, n)
		case bosh.Dynamic:
			r.checkDynamicSubnets(g, n)
		case bosh.Manual:
			r.checkSubnets(g, n)
		}
	}
}

// checkVIPDefaults reports a vip network that would be the default for dns or
// gateway, as an only network always is.
func (r *run) checkVIPDefaults(g *plannedGroup, n *plannedNetwork) {
	only := len(g.Networks) == 1
	if !only && !slices.ContainsFunc(n.Default, func(d string) bool { return d == "dns" || d == "gateway" }) {
		return
	}
	p := r.Add(bosh.RuleVIPNetwork, "NetworkReservationVipDefaultProvided", n.At, "the vip network %q cannot be the default for dns or gateway of instance group %q", n.Name, g.Name)
	if only {
		p.WithCure("add a manual or dynamic network to the group")
	} else {
		p.WithCure("move default to another network")
	}
}

func (r *run) checkDynamicSubnets(g *plannedGroup, n *plannedNetwork) {
	subnets := n.network.Subnets
	const class = "NoMethodError"
	if len(subnets) == 0 {
		r.Add(bosh.RuleDynamicNetwork, class, n.network.At, "the dynamic network %q has an empty list of subnets, and instance group %q uses it", n.Name, g.Name).
			WithCure("remove subnets, or list one")
		return
	}
	for _, plan := range g.plans {
		if plan.az == "" {
			continue
		}
		for _, s := range subnets {
			if s.AZs == nil && !s.Incomplete {
				r.Add(bosh.RuleDynamicNetwork, class, s.AZsAt, "this subnet of the dynamic network %q names no availability zone and stands before the one of %s, where instance group %q is", n.Name, plan.az, g.Name).
					WithCure("az: %s", plan.az)
				return
			}
			if s.Serves(plan.az) {
				break
			}
		}
	}
}

// checkSubnets reports addresses whose subnet a director does not find again, or
// finds with another prefix than that of the network's first subnet, with which
// static addresses are kept.
func (r *run) checkSubnets(g *plannedGroup, n *plannedNetwork) {
	if r.Opts.Single() {
		return
	}
	for _, plan := range g.plans {
		for _, w := range slices.Concat(plan.wants, plan.kept) {
			if w.network == n && w.subnet != nil && !r.findsAgain(g, w) {
				return // the others are likely to be the same
			}
		}
	}
}

func (r *run) findsAgain(g *plannedGroup, w *reservation) bool {
	for _, s := range w.network.network.Subnets {
		if s == w.subnet {
			break
		}
		if !s.Range.IsValid() {
			continue
		}
		if _, err := ipaddr.FromPrefix(s.Range).Includes(w.address); err != nil {
			r.Add(bosh.RulePrefix, err.Class, s.RangeAt, "network %q has the IPv4 subnet %s before the IPv6 subnet %s, in which instance group %q is: a director cannot compare the two", w.network.Name, s.Range, w.subnet.Range, g.Name).
				WithCure("keep IPv4 and IPv6 subnets in networks of their own")
			return false
		}
	}
	if r.pool(w.subnet).bits() == w.address.Bits {
		return true
	}
	r.Add(bosh.RulePrefix, "NetworkReservationInvalidPrefix", w.at, "instance group %q gets %s on network %q, whose subnet %s gives out blocks of /%d", g.Name, w.address.Prefix(), w.network.Name, w.subnet.Range, r.pool(w.subnet).bits()).
		WithCure("give all subnets of the network the same prefix").About(w.address)
	return false
}
