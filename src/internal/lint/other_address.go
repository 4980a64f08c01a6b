package lint

import (
	"fmt"
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// others proposes addresses in place of those that a director refuses, to each
// problem another one first: whoever follows all advice must not use one twice.
type others struct {
	facts    *Facts
	proposed map[netip.Addr]bool
}

// cure is what to do about a problem that another address would solve.
func (o *others) cure(p *Problem) string {
	use := o.use(p)
	switch {
	case use == "" && p.Instead.Else != "":
		return p.Instead.Else
	case use != "" && p.Cure != "":
		return paragraphs(use, "or "+p.Cure)
	}
	return paragraphs(use, p.Cure)
}

// use proposes the nearest addresses that are free; empty if there are none.
func (o *others) use(p *Problem) string {
	var static, unclaimed, unowned []netipx.IPRange
	var subnets []*plan.Subnet
	for _, s := range o.facts.Plan.Subnets {
		if s.Director != p.Director || s.Deployment != "" && s.Deployment != p.Deployment || s.Network != p.Instead.Network || s.Past != "" ||
			!slices.Contains(p.Instead.Subnets, s.Range.Masked()) && !slices.Contains(p.Instead.Subnets, s.Range) {
			continue
		}
		subnets = append(subnets, s)
		static = append(static, o.facts.Space.UnusedStatic(s)...)
		if s.Deployment != "" {
			unclaimed = append(unclaimed, o.facts.unclaimed(s)...)
			unowned = append(unowned, o.facts.unowned(s)...)
		}
	}
	for _, kind := range []struct {
		free []netipx.IPRange
		why  string
	}{
		{static, "in the static range of network " + p.Instead.Network + ", and used by nobody"},
		{unclaimed, "claimed by nobody"},
		{unowned, "every director of the segment reserves it, and ipguard knows of nobody who uses it"},
	} {
		if list := o.nearest(kind.free, p.Range.From()); len(list) > 0 {
			owner := plan.Owner{Director: p.Director, Deployment: p.Deployment, InstanceGroup: p.Instead.Group}
			return paragraphs(fmt.Sprintf("use %s for %s: %s", alternatives(list), p.Instead.For, kind.why), o.facts.bookFirst(list, subnets, owner.Name()))
		}
	}
	return ""
}

// nearest are the free addresses nearest to one that were not proposed yet.
func (o *others) nearest(free []netipx.IPRange, near netip.Addr) []netip.Addr {
	free = slices.DeleteFunc(slices.Clone(free), func(r netipx.IPRange) bool { return r.From().Is4() != near.Is4() })
	slices.SortFunc(free, func(a, b netipx.IPRange) int { return a.From().Compare(b.From()) })
	list := slices.DeleteFunc(plan.Nearest(free, near, proposals+len(o.proposed)), func(a netip.Addr) bool { return o.proposed[a] })
	list = list[:min(len(list), proposals)]
	if len(list) > 0 {
		o.proposed[list[0]] = true
	}
	return list
}
