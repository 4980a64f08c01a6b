package deploy

import (
	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
)

// checkFamilies reports IPv6 addresses of instances at which directors before
// prefix delegation fail: they look for a network that may still give such an
// address, one after the other, and cannot compare it with an IPv4 subnet
// (instance_network_reservations.rb, find_network; IPAddr#include?).
func (r *run) checkFamilies(existing []*instance) {
	if !r.Opts.Single() {
		return
	}
	for _, i := range existing {
		for _, h := range i.addresses {
			s := r.incomparable(h)
			if s == nil {
				continue
			}
			r.Add(bosh.RuleInvalidRange, ipaddr.ClassInvalidAddress, r.m.NameAt,
				"%s has %s, which no subnet may give any more: a director of this version, %s, looks for one and fails at the IPv4 subnet %s", i, h.address.Words(), r.Opts.DirectorVersion, s.Range).
				WithCure("let a subnet give %s until %s is gone or has another address, or upgrade the director", h.address.Words(), i).About(h.address)
			return
		}
	}
}

// incomparable returns the IPv4 subnet at which the search for an address's
// network fails; nil where it finds one before.
func (r *run) incomparable(h heldAddress) *bosh.Subnet {
	if !h.address.V6 {
		return nil
	}
	if own := r.networks[h.network]; own != nil && (own.Type != bosh.Manual || r.reservableIn(own, h.address)) {
		return nil
	}
	for _, n := range r.cc.Networks {
		if n.Type != bosh.Manual {
			continue
		}
		for _, s := range n.Subnets {
			if s.Range.IsValid() && s.Range.Addr().Is4() {
				return s
			}
			if r.reservable(n, s, h.address) {
				return nil
			}
		}
	}
	return nil
}

func (r *run) reservableIn(n *bosh.Network, a ipaddr.Addr) bool {
	for _, s := range n.Subnets {
		if r.reservable(n, s, a) {
			return true
		}
	}
	return false
}
