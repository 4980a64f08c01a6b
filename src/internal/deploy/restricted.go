package deploy

import (
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

// instead wishes for another address of a network for a group.
func (r *run) instead(g *plannedGroup, n *bosh.Network, otherwise string) *bosh.Instead {
	wish := &bosh.Instead{For: g.Name, Group: g.Name, Network: n.Name, Else: otherwise}
	subnets := n.Subnets
	if len(g.AZs) > 0 {
		subnets = nil
		for _, az := range g.AZs {
			subnets = append(subnets, r.subnetsFor(n, az)...)
		}
	}
	for _, s := range subnets {
		if s.Range.IsValid() {
			wish.Subnets = append(wish.Subnets, s.Range)
		}
	}
	return wish
}
