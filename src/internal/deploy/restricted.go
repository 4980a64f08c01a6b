package deploy

import (
	"net/netip"
	"strings"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
)

// restriction says why a subnet never hands an address out, as a predicate:
// "is the gateway".
func (r *run) restriction(s *bosh.Subnet, n ipaddr.Number) string {
	pool := r.pool(s)
	switch {
	case n == pool.block.Base:
		return "is the network's own address"
	case n == pool.block.Last():
		return "is the broadcast address"
	case s.Gateway.IsValid() && n == ipaddr.NumberOf(s.Gateway):
		return "is the gateway"
	}
	for _, a := range r.Opts.DirectorIPs {
		if a.Is6() == pool.block.V6 && ipaddr.NumberOf(a) == n {
			return "is the director's own"
		}
	}
	return "its subnet reserves"
}

// isReserved reports whether the subnet restricts an address by reserved alone.
func (r *run) isReserved(s *bosh.Subnet, n ipaddr.Number) bool {
	return r.restriction(s, n) == "its subnet reserves"
}

const (
	// proposals is how many addresses a cure names.
	proposals = 3
	// proposalSteps is how far from an address others are looked for.
	proposalSteps = 4096
)

// otherStatic proposes static addresses of the network that nobody has and the
// manifest does not ask for, those nearest to the given one first; "" where there are
// none, or where something hides.
func (r *run) otherStatic(n *bosh.Network, near netip.Addr) string {
	if r.hasHidden(n) {
		return ""
	}
	free := r.freeStatic(n)
	var found []string
	try := func(a netip.Addr) {
		if len(found) < proposals && a.IsValid() && free(a) {
			found = append(found, a.String())
		}
	}
	for up, down, i := near.Next(), near.Prev(), 0; i < proposalSteps && len(found) < proposals; i++ {
		try(up)
		try(down)
		up, down = up.Next(), down.Prev()
	}
	for _, s := range n.Subnets {
		for _, block := range s.Static {
			for a, i := block.Range.From(), 0; len(found) == 0 && i < proposalSteps && block.Range.Contains(a); i++ {
				try(a)
				a = a.Next()
			}
		}
	}
	if len(found) == 0 {
		return ""
	}
	return "use " + strings.Join(found, " or ") + ": static, and used by nobody"
}

// freeStatic tells which addresses of the network are free for static_ips.
func (r *run) freeStatic(n *bosh.Network) func(netip.Addr) bool {
	var asked []bosh.Block
	for _, g := range r.m.Groups {
		for _, use := range g.Networks {
			asked = append(asked, use.Static...)
		}
	}
	return func(a netip.Addr) bool {
		for _, block := range asked {
			if block.Range.Contains(a) {
				return false
			}
		}
		number := ipaddr.NumberOf(a)
		if r.taken.of(a.Is6()).Contains(number) {
			return false
		}
		for _, s := range n.Subnets {
			if s.Range.IsValid() && s.Range.Contains(a) {
				pool := r.pool(s)
				return pool.isStatic(number) && !pool.restricted.Contains(number)
			}
		}
		return false
	}
}
