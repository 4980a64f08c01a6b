package madefleet

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
)

// director is one director and all that it has.
type director struct {
	name     string
	site     string
	networks []*network
	// own is the address of the director's own VM, in the first subnet.
	own         netip.Addr
	deployments []*deployment
	seed        uint64
	index       int
	// asWritten directors use no ops files and variables.
	asWritten bool
	// shared tells sites with VLANs and neighbours from lone cloud networks.
	shared bool
	// slot numbers the directors of a site from 0.
	slot int
	vips int // how many virtual addresses were given away
}

// network is one network of a cloud-config. Without subnets it is a vip network.
type network struct {
	name    string
	subnets []*subnet
}

// deployment is one manifest.
type deployment struct {
	name   string
	index  int // among those of all directors
	groups []*group
	// templated: variables and ops files stand between the manifest and the
	// deployment.
	templated bool
}

// group is one instance group.
type group struct {
	name      string
	network   *network
	azs       []string
	instances int
	pinned    bool // wants static addresses, as far as there are any
	static    []netip.Addr
	elastic   []netip.Addr // on the vip network
	// virtual is an address in the properties of a keepalived job; router is
	// its virtual router id.
	virtual netip.Addr
	router  int
	jobs    int
}

const (
	// Lone directors take one in ten; the others fill sites of four, each of
	// which has a 10.x.0.0/16 below 10.250.0.0.
	loneEvery    = 10
	slotsPerSite = 4
	maxDirectors = 1000

	// One deployment in so many is large, of medium size, templated.
	largeEvery    = 50
	mediumEvery   = 5
	templateEvery = 20
)

var zones = []string{"z1", "z2", "z3"}

// layOut decides everything but the words: who has which addresses.
func layOut(size Size) ([]*director, error) {
	directors := make([]*director, size.Directors)
	for i := range directors {
		directors[i] = newDirector(i, size)
	}
	for i := range size.Deployments {
		d := directors[i%len(directors)]
		d.deployments = append(d.deployments, newDeployment(i, len(d.deployments), d))
	}
	left := size.StaticAddresses
	for i, d := range directors {
		// Deployments are dealt out in turn, so only the last directors can
		// have none, and these get no addresses.
		share := 0
		if n := min(size.Deployments, size.Directors); i < n {
			share = left / (n - i)
		}
		left -= share
		if err := d.dealAddresses(share); err != nil {
			return nil, err
		}
	}
	if left > 0 {
		return nil, fmt.Errorf("%d static addresses, but no deployment to take them", size.StaticAddresses)
	}
	return directors, nil
}

func newDirector(index int, size Size) *director {
	d := &director{name: fmt.Sprintf("director-%03d", index), index: index, seed: size.Seed, asWritten: size.AsWritten}
	if index%loneEvery == loneEvery-1 {
		d.buildLone()
		return d
	}
	neighbour := index - index/loneEvery
	d.buildShared(neighbour/slotsPerSite, neighbour%slotsPerSite)
	return d
}

// buildShared gives the director its quarter of a site's VLANs.
func (d *director) buildShared(site, slot int) {
	d.shared, d.slot, d.site = true, slot, fmt.Sprintf("site-%03d", site)
	vlan := func(third, bits int, name string, azs ...string) *subnet {
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(site), byte(third), 0}), bits)
		return sharedSubnet(prefix, slot, fmt.Sprintf("name: VLAN-%03d-%s", site, name), azs...)
	}
	d.networks = []*network{
		{name: "default", subnets: []*subnet{
			vlan(0, 19, "z1", "z1"), vlan(32, 19, "z2", "z2"), vlan(64, 19, "z3", "z3"),
		}},
		{name: "services", subnets: []*subnet{vlan(96, 19, "services", zones...)}},
		{name: "compilation", subnets: []*subnet{vlan(128, 21, "compilation", zones...)}},
	}
	if site%5 == 0 {
		prefix := netip.MustParsePrefix(fmt.Sprintf("fd00:10:%x::/64", site))
		d.networks = append(d.networks, &network{name: "services-v6", subnets: []*subnet{
			sharedSubnet(prefix, slot, fmt.Sprintf("name: VLAN-%03d-v6", site), zones...),
		}})
	}
	d.own = d.networks[0].subnets[0].at(240 + uint64(slot))
}

// buildLone gives the director a cloud network of its own.
func (d *director) buildLone() {
	d.site = fmt.Sprintf("account-%03d", d.index)
	part := func(third int, azs ...string) *subnet {
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 250, byte(third), 0}), 20)
		return wholeSubnet(prefix, fmt.Sprintf("subnet: subnet-%08x%02x", 0xa0000000+d.index, third), azs...)
	}
	d.networks = []*network{
		{name: "default", subnets: []*subnet{part(0, "z1"), part(16, "z2"), part(32, "z3")}},
		{name: "services", subnets: []*subnet{part(48, zones...)}},
		{name: "compilation", subnets: []*subnet{part(64, zones...)}},
		{name: "vip"},
	}
	d.own = d.networks[0].subnets[0].at(240)
}

// random returns a source of numbers for one purpose, so that a change of one
// part of the fleet leaves the others as they were.
func (d *director) random(purpose int) *rand.Rand {
	return rand.New(rand.NewPCG(d.seed, uint64(d.index)<<32|uint64(purpose)))
}

func newDeployment(index, number int, d *director) *deployment {
	r := d.random(number + 1)
	// The turns spread large, medium and templated ones over all directors, and
	// templated ones over all sizes.
	turn, templateTurn := number+7*d.index, 11*number+3*d.index
	dep := &deployment{
		name:      fmt.Sprintf("%s-%02d", pick(r, services), number),
		index:     index,
		templated: !d.asWritten && templateTurn%templateEvery == templateEvery/2,
	}
	groups, jobs := 1+r.IntN(4), 3
	switch {
	case turn%largeEvery == 0: // as large as cf-deployment
		groups, jobs = 22+r.IntN(12), 6
	case turn%mediumEvery == 0:
		groups, jobs = 6+r.IntN(7), 4
	}
	for i := range groups {
		g := &group{name: fmt.Sprintf("%s-%d", pick(r, services), i), jobs: 1 + r.IntN(jobs), pinned: i == 0 || r.IntN(10) < 6}
		g.network, g.azs = d.networkFor(r)
		dep.groups = append(dep.groups, g)
	}
	d.addVirtual(dep, r)
	return dep
}

// networkFor picks a group's network and zones.
func (d *director) networkFor(r *rand.Rand) (*network, []string) {
	switch n := r.IntN(20); {
	case n < 15:
		return d.networks[0], zones[:1+r.IntN(len(zones))]
	case n == 19 && d.shared && len(d.networks) > 3:
		return d.networks[3], zones
	default:
		return d.networks[1], zones
	}
}

// addVirtual gives some deployments a virtual address: by keepalived where the
// director shares a VLAN, else by a vip network (dealAddresses).
func (d *director) addVirtual(dep *deployment, r *rand.Rand) {
	const perDirector = 56 // offsets 16 to 239 of the first subnet, for 4 directors
	if !d.shared || len(dep.groups) < 3 || d.vips == perDirector || dep.templated {
		return
	}
	g := dep.groups[1+r.IntN(2)]
	g.network, g.azs = d.networks[0], zones[:1]
	g.router = 1 + d.slot*perDirector + d.vips
	g.virtual = d.networks[0].subnets[0].at(15 + uint64(g.router))
	d.vips++
}

// dealAddresses gives the director's groups n static addresses altogether.
func (d *director) dealAddresses(n int) error {
	r := d.random(0)
	var pinned []*group
	for _, dep := range d.deployments {
		for _, g := range dep.groups {
			g.instances = 1 + r.IntN(3)
			if g.pinned {
				pinned = append(pinned, g)
			}
		}
	}
	counts := map[*group]int{}
	for range n {
		counts[pinned[r.IntN(len(pinned))]]++
	}
	for _, g := range pinned {
		if err := g.takeStatic(counts[g], r); err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
	}
	d.dealElastic()
	return nil
}

// takeStatic takes n addresses from the subnets of the group's zones in turn.
func (g *group) takeStatic(n int, r *rand.Rand) error {
	for i := range n {
		subnets := g.network.subnets
		s := subnets[i%min(len(subnets), len(g.azs))]
		var skip uint64
		if i < len(subnets) {
			skip = r.Uint64N(3)
		}
		a, err := s.take(skip)
		if err != nil {
			return err
		}
		g.static = append(g.static, a)
	}
	if n > 0 {
		g.instances = n
	}
	return nil
}

// dealElastic gives the first group of every third deployment of a lone
// director public addresses on its vip network, 256 per director at most.
func (d *director) dealElastic() {
	if d.shared {
		return
	}
	given := 0
	public := &subnet{prefix: netip.MustParsePrefix("198.18.0.0/15")}
	for i, dep := range d.deployments {
		g := dep.groups[0]
		if i%3 != 0 || dep.templated || given+g.instances > 256 {
			continue
		}
		for range g.instances {
			g.elastic = append(g.elastic, public.at(uint64(d.index/loneEvery*256+given)))
			given++
		}
	}
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
