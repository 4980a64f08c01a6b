package bosh

import (
	"cmp"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
)

// CheckNetworks reports what a director accepts of its networks as a whole and
// yet is wrong: networks that overlap, static pools that no deployment uses, a
// version that hands out reserved addresses. manifests are all of the director's
// deployments; where there are none, no pool is called unused.
func CheckNetworks(cc *CloudConfig, manifests []*Manifest, opts Options) []Problem {
	r := &Report{Opts: opts}
	if cc == nil {
		return nil
	}
	r.warnOverlappingNetworks(cc)
	r.warnUnusedPools(cc, manifests)
	r.warnLeaks(cc)
	return r.Problems
}

// warnOverlappingNetworks reports each subnet that overlaps one of another
// network. Blocks overlap only where one holds the other, so in the order of
// their first addresses, larger ones first, the holders form a stack.
func (r *Report) warnOverlappingNetworks(cc *CloudConfig) {
	type owned struct {
		*Subnet
		network *Network
		index   int
	}
	var list []owned
	for _, n := range cc.Networks {
		for _, s := range n.Subnets {
			if n.Type == Manual && s.Range.IsValid() {
				list = append(list, owned{s, n, len(list)})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b owned) int {
		return cmp.Or(a.Range.Addr().Compare(b.Range.Addr()), cmp.Compare(a.Range.Bits(), b.Range.Bits()))
	})
	var holders []owned
	for _, s := range list {
		for len(holders) > 0 && !holders[len(holders)-1].Range.Overlaps(s.Range) {
			holders = holders[:len(holders)-1]
		}
		i := slices.IndexFunc(holders, func(h owned) bool { return h.network != s.network })
		holders = append(holders, s)
		if i < 0 {
			continue
		}
		first, second := holders[i], s
		if second.index < first.index {
			first, second = second, first
		}
		p := r.Warn(RuleOverlappingNetworks, second.RangeAt, "network %q (%s) overlaps network %q (%s) at %s: what one reserves the other may hand out, and they share one table of addresses",
			second.network.Name, second.Range, first.network.Name, first.Range, first.RangeAt)
		p.WithCure("make one network of the two, or reserve in each what the other hands out")
		p.Range = netipx.RangeOfPrefix(s.Range)
	}
}

// warnUnusedPools reports static lists of which no deployment uses an address.
func (r *Report) warnUnusedPools(cc *CloudConfig, manifests []*Manifest) {
	if len(manifests) == 0 {
		return
	}
	wanted, unknown := map[string]bool{}, map[string]bool{}
	for _, m := range manifests {
		for _, g := range m.Groups {
			for _, n := range g.Networks {
				unknown[n.Name] = unknown[n.Name] || n.Incomplete
				unknown[""] = unknown[""] || hasVariable(n.Name)
				wanted[n.Name] = wanted[n.Name] || len(n.Static) > 0
			}
		}
	}
	if unknown[""] {
		return
	}
	for _, n := range cc.Networks {
		// A network of which one zone's pool is used is as it should be: the
		// others wait for the day on which the group grows.
		if n.Type != Manual || hasVariable(n.Name) || unknown[n.Name] || wanted[n.Name] {
			continue
		}
		for _, s := range n.Subnets {
			if len(s.Static) > 0 && !s.Incomplete {
				r.Warn(RuleUnusedStaticPool, s.StaticAt, "no deployment asks for a static address of network %q, and nobody else can have those of the subnet %s", n.Name, s.Range).
					WithCure("remove static, or shorten it")
			}
		}
	}
}

// warnLeaks reports reserved blocks that directors from v282.0.10 to v282.1.8
// may forget: those that begin at an address that is restricted by itself (the
// set of restricted addresses took the two for one).
func (r *Report) warnLeaks(cc *CloudConfig) {
	if r.Opts.before(prefixDelegation) || !r.Opts.before(leakFixed) {
		return
	}
	for _, n := range cc.Networks {
		for _, s := range n.Subnets {
			if n.Type == Manual && s.Range.IsValid() {
				r.warnLeaksOf(n, s)
			}
		}
	}
}

func (r *Report) warnLeaksOf(n *Network, s *Subnet) {
	block := ipaddr.FromPrefix(s.Range)
	singles := []ipaddr.Number{block.Base, block.Last()}
	if s.Gateway.IsValid() {
		singles = append(singles, ipaddr.NumberOf(s.Gateway))
	}
	for _, a := range r.Opts.DirectorIPs {
		if a.Is6() == block.V6 {
			singles = append(singles, ipaddr.NumberOf(a))
		}
	}
	for _, b := range s.Reserved {
		for _, p := range b.Range.Prefixes() {
			if a := ipaddr.FromPrefix(p); !a.Single() && slices.Contains(singles, a.Base) {
				r.Warn(RuleLeakyReserved, b.At, "this director's version, %s, may hand out addresses of %s although network %q reserves it: versions from 282.0.10 to 282.1.8 forget such blocks",
					strings.TrimPrefix(r.Opts.DirectorVersion, "v"), a.Prefix(), n.Name).
					WithCure("upgrade the director to v282.1.9 or newer").About(a)
			}
		}
	}
}
