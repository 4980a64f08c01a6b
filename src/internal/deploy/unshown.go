package deploy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/plural"
)

// unshown are instances without a VM. The rows of the table ip_addresses that they
// may have are in no answer of the director: an instance that is stopped hard, or
// whose VM was deleted, keeps its addresses, and a deploy that was refused leaves
// those that it had planned (jobs/update_deployment.rb).
type unshown struct {
	instance *instance
	dep      *Deployment
}

// mayHoldOn reports whether the instance may have a row for an address of a network
// that its deployment knew. A deployment that never succeeded may know any.
func (u unshown) mayHoldOn(name string) bool {
	if u.dep.Manifest == nil {
		return true
	}
	g := u.dep.Manifest.Group(u.instance.group)
	return g == nil || slices.ContainsFunc(g.Networks, func(n *bosh.GroupNetwork) bool { return n.Name == name && !n.StaticGiven })
}

// checkUnshown says where the outcome depends on what the director does not show:
// where fewer addresses are left than instances may hold, and where an address is
// asked for that one of them may have been given.
func (r *run) checkUnshown() {
	if len(r.unshown) == 0 || r.refused() {
		return
	}
	for _, g := range r.groups {
		for _, n := range g.networks {
			if n.network.Type != bosh.Manual || g.Lifecycle == "errand" {
				continue
			}
			if n.isStatic() {
				r.checkUnshownStatic(g, n)
			} else {
				r.checkUnshownPool(g, n)
			}
		}
	}
}

// checkUnshownPool compares what a network has left with what may be held.
func (r *run) checkUnshownPool(g *plannedGroup, n *plannedNetwork) {
	zones := map[string]bool{}
	for _, plan := range g.plans {
		for _, want := range plan.wants {
			if want.network == n && want.subnet != nil {
				zones[plan.az] = true
			}
		}
	}
	for _, az := range sortedKeys(zones) {
		subnets := r.subnetsFor(n.network, az)
		free, known := r.countFree(&bosh.Network{Subnets: subnets}, nil)
		holders := r.holdersOn(n, subnets)
		if !known || uint64(len(holders)) <= free {
			continue
		}
		r.doubts = append(r.doubts, Doubt{
			Message: fmt.Sprintf("whether network %s has enough addresses for %s of %s is unknown: behind this deploy it has %s, and the director does not show what %s of instances without a VM hold: %s",
				n.Name, g.Name, r.m.Name, plural.Of(int(free), "free address"), plural.Of(len(holders), "address"), nameAll(holders)),
			At: n.At,
		})
		return
	}
}

// holdersOn are the instances that may hold an address of some subnets, but for those
// that this deploy keeps: they have what they are given.
func (r *run) holdersOn(n *plannedNetwork, subnets []*bosh.Subnet) []unshown {
	var list []unshown
	for _, u := range r.unshown {
		served := u.instance.az == "" || slices.ContainsFunc(subnets, func(s *bosh.Subnet) bool { return s.AZs == nil || slices.Contains(s.AZs, u.instance.az) })
		if served && u.mayHoldOn(n.Name) && !r.keeps(u.instance) {
			list = append(list, u)
		}
	}
	return list
}

// mayBeHeld reports whether an instance without a VM may hold an address of a subnet.
func (r *run) mayBeHeld(n *plannedNetwork, s *bosh.Subnet) bool {
	return slices.ContainsFunc(r.unshown, func(u unshown) bool {
		return u.mayHoldOn(n.Name) && (u.instance.az == "" || s.AZs == nil || slices.Contains(s.AZs, u.instance.az))
	})
}

func (r *run) keeps(i *instance) bool {
	return slices.ContainsFunc(r.groups, func(g *plannedGroup) bool {
		return slices.ContainsFunc(g.plans, func(p *instancePlan) bool { return p.past == i })
	})
}

// checkUnshownStatic looks for addresses that are new to the deployment and that the
// cloud-config of an unshown instance let be given out without being asked for.
func (r *run) checkUnshownStatic(g *plannedGroup, n *plannedNetwork) {
	for _, plan := range g.plans {
		for _, want := range plan.wants {
			if want.network != n || !want.static || plan.past != nil && slices.ContainsFunc(plan.past.addresses, func(h heldAddress) bool { return h.address == want.address }) {
				continue
			}
			for _, u := range r.unshown {
				if r.keeps(u.instance) || !r.wasDynamic(u, want.address) {
					continue
				}
				r.doubts = append(r.doubts, Doubt{
					Message: fmt.Sprintf("whether %s is free for %s of %s is unknown: the director does not show what %s holds, which has no VM", want.address.Words(), g.Name, r.m.Name, u.instance),
					At:      want.at,
				})
				return
			}
		}
	}
}

// wasDynamic reports whether an address was in what the networks of an unshown
// instance hand out by themselves.
func (r *run) wasDynamic(u unshown, a ipaddr.Addr) bool {
	cc := u.dep.CloudConfig
	if cc == nil {
		cc = r.cc
	}
	for _, n := range cc.Networks {
		if n.Type != bosh.Manual || !u.mayHoldOn(n.Name) {
			continue
		}
		for _, s := range n.Subnets {
			if r.reservable(n, s, a) && !r.pool(s).isStatic(a.Base) {
				return true
			}
		}
	}
	return false
}

func nameAll(list []unshown) string {
	var names []string
	for _, u := range list {
		names = append(names, u.instance.String())
	}
	if more := len(names) - mostSentences; more > 0 {
		names = append(names[:mostSentences], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

func sortedKeys(set map[string]bool) []string {
	var keys []string
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
