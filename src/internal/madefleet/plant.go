package madefleet

import (
	"fmt"
	"net/netip"
)

// PlantedKind says how two directors came to claim one address.
type PlantedKind string

// The kinds of planted conflicts; they take turns.
const (
	// StaticTwice is an address in static_ips of both.
	StaticTwice PlantedKind = "static address twice"
	// StaticInPool is a static address that the other may hand out unasked.
	StaticInPool PlantedKind = "static address in another's dynamic pool"
	// VirtualTwice is one virtual address in job properties of both.
	VirtualTwice PlantedKind = "virtual address twice"
	// OwnInPool is the VM of one director, which create-env made, among the
	// addresses that the other may hand out unasked.
	OwnInPool PlantedKind = "create-env VM in another's dynamic pool"
)

// plant makes n conflicts between neighbours. Each thing is used once.
func plant(directors []*director, n int) ([]Planted, error) {
	kinds := []func(*planter, pairOfDirectors) (Planted, bool){
		(*planter).staticTwice, (*planter).staticInPool, (*planter).virtualTwice, (*planter).ownInPool,
	}
	p := &planter{used: map[any]bool{}}
	pairs := neighbours(directors)
	var planted []Planted
	for fruitless := 0; len(planted) < n; p.turn++ {
		if fruitless >= len(pairs)*len(kinds) {
			return nil, fmt.Errorf("%d conflicts: only %d fit into a fleet of this size", n, len(planted))
		}
		if one, ok := kinds[p.turn%len(kinds)](p, pairs[p.turn/len(kinds)%len(pairs)]); ok {
			planted = append(planted, one)
			fruitless = 0
		} else {
			fruitless++
		}
	}
	return planted, nil
}

// pairOfDirectors are two of one site. The wrong one is made to err.
type pairOfDirectors struct{ wrong, right *director }

func neighbours(directors []*director) []pairOfDirectors {
	var pairs []pairOfDirectors
	for _, a := range directors {
		for _, b := range directors {
			if a != b && a.shared && a.site == b.site {
				pairs = append(pairs, pairOfDirectors{wrong: a, right: b})
			}
		}
	}
	return pairs
}

type planter struct {
	turn int
	used map[any]bool // addresses, groups and directors
}

// claim is a static address and the manifest that asks for it.
type claim struct {
	file    string
	address netip.Addr
}

func (p *planter) planted(kind PlantedKind, a netip.Addr, pair pairOfDirectors, wrong, right string) (Planted, bool) {
	p.used[a] = true
	return Planted{
		Kind: kind, Address: a,
		Directors: [2]string{pair.wrong.name, pair.right.name},
		Files:     [2]string{wrong, right},
	}, true
}

func (p *planter) staticTwice(pair pairOfDirectors) (Planted, bool) {
	right, ok := p.unusedStatic(pair.right)
	if !ok {
		return Planted{}, false
	}
	group, file, ok := p.unusedGroup(pair.wrong)
	if !ok {
		return Planted{}, false
	}
	pair.wrong.networks[0].subnets[0].steal(right.address, true)
	if len(group.static) == 0 {
		group.instances = 0
	}
	group.static = append(group.static, right.address)
	group.instances++
	return p.planted(StaticTwice, right.address, pair, file, right.file)
}

func (p *planter) staticInPool(pair pairOfDirectors) (Planted, bool) {
	right, ok := p.unusedStatic(pair.right)
	if !ok {
		return Planted{}, false
	}
	pair.wrong.networks[0].subnets[0].steal(right.address, false)
	return p.planted(StaticInPool, right.address, pair, pair.wrong.networksFile(), right.file)
}

func (p *planter) virtualTwice(pair pairOfDirectors) (Planted, bool) {
	var address netip.Addr
	var file string
	for _, dep := range pair.right.deployments {
		for _, g := range dep.groups {
			if g.virtual.IsValid() && !p.used[g.virtual] && !address.IsValid() {
				address, file = g.virtual, pair.right.manifestFile(dep)
			}
		}
	}
	if !address.IsValid() {
		return Planted{}, false
	}
	group, wrongFile, ok := p.unusedGroup(pair.wrong)
	if !ok {
		return Planted{}, false
	}
	group.virtual, group.router = address, 255
	return p.planted(VirtualTwice, address, pair, wrongFile, file)
}

func (p *planter) ownInPool(pair pairOfDirectors) (Planted, bool) {
	if p.used[pair.wrong] {
		return Planted{}, false
	}
	p.used[pair.wrong] = true
	pool := pair.right.networks[0].subnets[0]
	address := pool.at(pool.staticLast + 10 + uint64(pair.wrong.slot))
	pair.wrong.own = address
	return p.planted(OwnInPool, address, pair, pair.wrong.ownFile(), pair.right.networksFile())
}

// unusedStatic finds a static address of the director's own share of the first
// subnet that takes part in no conflict.
func (p *planter) unusedStatic(d *director) (claim, bool) {
	share := d.networks[0].subnets[0]
	for _, dep := range d.deployments {
		if dep.templated {
			continue
		}
		for _, g := range dep.groups {
			for _, a := range g.static {
				if share.owns(a) && !p.used[a] {
					return claim{file: d.manifestFile(dep), address: a}, true
				}
			}
		}
	}
	return claim{}, false
}

// unusedGroup finds a group of the default network that takes part in no
// conflict, and its file. Every such group has zone z1.
func (p *planter) unusedGroup(d *director) (*group, string, bool) {
	for _, dep := range d.deployments {
		for _, g := range dep.groups {
			if dep.templated || p.used[g] || g.network != d.networks[0] || g.virtual.IsValid() {
				continue
			}
			p.used[g] = true
			return g, d.manifestFile(dep), true
		}
	}
	return nil, "", false
}
