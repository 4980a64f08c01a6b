package claims

import (
	"net/netip"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// Reached is an address by which a director is reached: somebody has it.
type Reached struct {
	bosh.Block
	// Proxy tells that the machine is one on the way to the director.
	Proxy bool
}

// reached claims the addresses by which directors are reached, where nothing else says
// who has them: the machine is in the plan already if a manifest makes it, a director
// granted it, or a virtual address leads to it. Against the machine of another director's
// create-env it is claimed all the same, if that surely runs no director.
//
// What is outside of the director's networks may be translated on the way, and tells
// nothing of a segment.
func (b *builder) reached(directors []Director) {
	var wanted []netip.Addr
	for i := range directors {
		for _, r := range directors[i].Reached {
			wanted = append(wanted, r.Range.From())
		}
	}
	if len(wanted) == 0 {
		return
	}
	slices.SortFunc(wanted, netip.Addr.Compare)
	wanted = slices.Compact(wanted)
	others := b.othersAt(directors, wanted)
	for i := range directors {
		d := &directors[i]
		for _, r := range d.Reached {
			address := r.Range.From()
			s := b.subnetOf(d.Name, address)
			held := others[address]
			if s == nil || held.surely || held.maybe && r.Proxy || slices.Contains(held.directors, d.Name) {
				continue
			}
			owner := plan.Owner{Director: d.Name, Network: s.Network}
			if r.Proxy {
				owner.Property = "proxy"
			}
			b.add(plan.DirectorOwn, owner, s, r.Range, r.At)
			held.surely = true // of two directors that are reached there, the first one says so
			others[address] = held
		}
	}
}

// holders are those who have an address.
type holders struct {
	// surely tells that one of them is the machine, or may be; maybe that all are VMs of
	// create-env that run no director.
	surely, maybe bool
	// directors are those of the VMs.
	directors []string
}

func (b *builder) othersAt(directors []Director, wanted []netip.Addr) map[netip.Addr]holders {
	plain := map[plan.Owner]bool{}
	for i := range directors {
		for _, m := range directors[i].CreateEnvs {
			plain[plan.Owner{Director: directors[i].Name, Deployment: m.Name}] = runsNoDirector(m)
		}
	}
	at := map[netip.Addr]holders{}
	for i := range b.plan.Claims {
		c := &b.plan.Claims[i]
		if !c.Kind.InUse() {
			continue
		}
		first, _ := slices.BinarySearchFunc(wanted, c.Range.From(), netip.Addr.Compare)
		for _, address := range wanted[first:] {
			if !c.Range.Contains(address) {
				break
			}
			h, owner := at[address], c.Owner()
			if c.Kind == plan.CreateEnvVM && plain[plan.Owner{Director: owner.Director, Deployment: owner.Deployment}] {
				h.maybe, h.directors = true, append(h.directors, owner.Director)
			} else {
				h.surely = true
			}
			at[address] = h
		}
	}
	return at
}

// runsNoDirector reports whether all jobs of a VM are known, and none is a director.
func runsNoDirector(m *bosh.Manifest) bool {
	return len(m.Groups) > 0 && len(m.Gaps) == 0 && !slices.ContainsFunc(m.Groups, (*bosh.Group).MayRunDirector)
}

// subnetOf returns the subnet of the director's own networks that an address lies in.
func (b *builder) subnetOf(director string, address netip.Addr) *plan.Subnet {
	for _, s := range b.plan.Subnets {
		if s.Director == director && s.Range.IsValid() && s.Range.Contains(address) {
			return s
		}
	}
	return nil
}
