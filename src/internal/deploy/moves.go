package deploy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
)

// tellMoves says which instances that the director told of would lose an address
// by the deploy, and why: one sentence for each, one piece of information for each
// group.
func (r *run) tellMoves() {
	for _, g := range r.groups {
		var sentences []string
		var first ipaddr.Addr
		for _, plan := range g.plans {
			if plan.past == nil || !plan.past.told {
				continue
			}
			lost, gained := difference(plan.past.addresses, plan.instance.addresses), difference(plan.instance.addresses, plan.past.addresses)
			if len(lost) <= dynamicNetworks(g) { // of which the IaaS gives addresses
				continue
			}
			if len(sentences) == 0 {
				first = lost[0].address
			}
			sentences = append(sentences, r.moveWords(g, plan, lost, gained))
		}
		replaced := r.replacedWords(g)
		if len(sentences) == 0 && len(replaced) > 0 {
			first = replaced[0].addresses[0].address
		}
		for _, i := range replaced {
			sentences = append(sentences, fmt.Sprintf("%s, which has %s, is deleted, and a new instance is made", i.name(), addressWords(i.addresses)))
		}
		if len(sentences) > 0 {
			r.Inform(bosh.RuleMovedInstances, g.At, "%s", joinSentences(sentences)).About(first)
		}
	}
}

func dynamicNetworks(g *plannedGroup) (n int) {
	for _, network := range g.networks {
		if network.network != nil && network.network.Type == bosh.Dynamic {
			n++
		}
	}
	return n
}

// moveWords says what one instance loses and gets.
func (r *run) moveWords(g *plannedGroup, plan *instancePlan, lost, gained []heldAddress) string {
	text := fmt.Sprintf("%s loses %s", plan.past.name(), addressWords(lost))
	if why := r.whyLost(lost[0].address); why != "" && !r.asksIn(g, lost[0].network) {
		text += ", " + why + ","
	}
	switch {
	case len(gained) == 0:
		return text + " and gets no other"
	case r.uncertain(g, plan, gained):
		return text + " and gets another"
	}
	return text + " and gets " + addressWords(gained)
}

// asksIn reports whether the group asks for addresses of a network: then it asks no
// more for what an instance loses.
func (r *run) asksIn(g *plannedGroup, network string) bool {
	return slices.ContainsFunc(g.networks, func(n *plannedNetwork) bool { return n.Name == network && n.isStatic() })
}

// uncertain reports whether which of some addresses an instance gets depends on
// what the director draws.
func (r *run) uncertain(g *plannedGroup, plan *instancePlan, gained []heldAddress) bool {
	return slices.ContainsFunc(gained, func(h heldAddress) bool {
		return slices.ContainsFunc(plan.wants, func(w *reservation) bool { return w.address == h.address && w.drawn })
	})
}

// whyLost says what the networks are now that keeps an address from staying; empty
// if nothing does.
func (r *run) whyLost(a ipaddr.Addr) string {
	why := "which no subnet has any more"
	for _, n := range r.cc.Networks {
		if n.Type != bosh.Manual {
			continue
		}
		for _, s := range n.Subnets {
			pool := r.pool(s)
			switch {
			case !pool.known || pool.block.V6 != a.V6 || a.Base.Less(pool.block.Base) || pool.block.Last().Less(a.Base):
			case pool.restricted.Contains(a.Base):
				why = "which network " + n.Name + " reserves"
			case pool.static.Contains(a.Base):
				return "which is a static one of network " + n.Name
			default:
				return ""
			}
		}
	}
	return why
}

// replacedWords are the instances that the deploy deletes though the group needs as
// many as there were: those that are in a wrong zone.
func (r *run) replacedWords(g *plannedGroup) []*instance {
	fresh := 0
	for _, plan := range g.plans {
		if plan.past == nil {
			fresh++
		}
	}
	var list []*instance
	for _, i := range r.obsolete {
		if len(list) < fresh && i.told && i.group == g.Name && len(i.addresses) > 0 {
			list = append(list, i)
		}
	}
	return list
}

// difference are the addresses of one list that another lacks.
func difference(list, other []heldAddress) []heldAddress {
	var only []heldAddress
	for _, h := range list {
		if !slices.ContainsFunc(other, func(o heldAddress) bool { return o.address == h.address }) {
			only = append(only, h)
		}
	}
	return only
}

func addressWords(list []heldAddress) string {
	var words []string
	for _, h := range list {
		words = append(words, h.address.Words())
	}
	return strings.Join(words, " and ")
}

// mostSentences is how many instances a group's information names.
const mostSentences = 8

func joinSentences(list []string) string {
	if more := len(list) - mostSentences; more > 0 {
		list = append(slices.Clone(list[:mostSentences]), fmt.Sprintf("and so do %d more", more))
	}
	return strings.Join(list, "; ")
}
