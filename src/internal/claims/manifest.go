package claims

import (
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// deployment adds what a manifest's groups ask for and the virtual addresses of
// its properties. kind is what a static address of a manual network is.
func (b *builder) deployment(d *Director, m *bosh.Manifest, known networks, kind plan.Kind) {
	director := d.Name
	claimed := false
	b.stray = nil
	for _, g := range m.Groups {
		named := b.indexesOf(d, m, g, d.cloudConfigOf(m))
		for _, n := range g.Networks {
			owner := plan.Owner{Director: director, Deployment: m.Name, InstanceGroup: g.Name, Network: n.Name}
			blocks := n.Static
			if kind == plan.CreateEnvVM && len(blocks) > 1 {
				blocks = blocks[:1] // the CLI hands only the first one to the CPI
			}
			index := 0
			for _, block := range blocks {
				before := len(b.plan.Claims)
				if b.static(kind, owner, known.of(n), block, named, index) {
					claimed = true
				}
				if len(known.of(n)) > 0 || !d.networksUnread(m) {
					b.astray(kind, owner, m, n, known, block)
				}
				for i := range b.plan.Claims[before:] {
					c := &b.plan.Claims[before+i]
					c.Errand, c.RunsDirector = g.Lifecycle == "errand", kind == plan.Static && g.MayRunDirector()
				}
				index += instances(block)
			}
		}
	}
	for _, vip := range m.VIPs {
		owner := plan.Owner{Director: director, Deployment: m.Name, InstanceGroup: vip.Group, Property: vip.Property}
		known := b.orUnread(d, m, known)
		if vip.Placement == nil {
			b.placed(owner, groupPlaces(m, vip.Group, known), known, vip)
		} else {
			b.placed(owner, b.placesIn(vip.Placement, m, known), known, vip)
		}
	}
	if m.Form == bosh.CreateEnv {
		b.contacts(director, m, known, claimed)
	}
}

// static adds one entry of static_ips: its part in each subnet of its network.
// What lies in no subnet is refused by the director: that is no claim, and what it
// should have been is a blind spot (astray).
func (b *builder) static(kind plan.Kind, owner plan.Owner, subnets []subnet, block bosh.Block, named indexes, position int) bool {
	added := false
	for _, s := range subnets {
		switch s.kind {
		case bosh.Dynamic:
			if kind != plan.CreateEnvVM {
				continue // the director refuses it
			}
			b.add(kind, owner, s.Subnet, block.Range, block.At) // the CLI hands it to the CPI all the same
			return true
		case bosh.VIP:
			b.add(plan.VIP, owner, s.Subnet, block.Range, block.At)
			return true
		default:
			r, ok := within(s.read.Range, block.Range)
			if !ok {
				continue
			}
			if bits := s.read.Prefix; bits > 0 && bits < r.From().BitLen() && r.From() == r.To() {
				r = netipx.RangeOfPrefix(netip.PrefixFrom(r.From(), bits).Masked())
			}
			b.add(kind, owner, s.Subnet, r, block.At)
			named.name(&b.plan.Claims[len(b.plan.Claims)-1], position)
			added = true
		}
	}
	if added {
		return true
	}
	// Where a subnet's range hides, or all of it does, what lies in no other one can
	// only lie there.
	for _, s := range subnets {
		if s.kind != bosh.Dynamic && s.kind != bosh.VIP && !s.read.Range.IsValid() {
			b.add(kind, owner, s.Subnet, block.Range, block.At)
			named.name(&b.plan.Claims[len(b.plan.Claims)-1], position)
			return true
		}
	}
	return false
}

// of are the subnets of the network that a group uses. One that is not there, or
// whose name hides, may be any whose own name hides.
func (n networks) of(use *bosh.GroupNetwork) []subnet {
	if list, ok := n[use.Name]; ok {
		return list
	}
	if _, hidden := bosh.VariableIn(use.Name); !hidden {
		return n[nameless]
	}
	var list []subnet
	for _, s := range n.all() {
		if slices.ContainsFunc(use.Static, func(b bosh.Block) bool { return s.mayGive(plan.Static, b) }) {
			list = append(list, s)
		}
	}
	if len(list) > 1 {
		return nil // which of them hides
	}
	return list
}

// mayGive reports whether a group could ask the subnet for a block.
func (s subnet) mayGive(kind plan.Kind, block bosh.Block) bool {
	switch s.kind {
	case bosh.Dynamic:
		return kind == plan.CreateEnvVM
	case bosh.VIP:
		return s.bare
	}
	_, inside := within(s.read.Range, block.Range)
	return inside || !s.read.Range.IsValid()
}

// instances is how many instances get an address from the block; blocks that no
// group could fill count as one.
func instances(block bosh.Block) int {
	if size := plan.Size(block.Range); size.IsInt64() && size.Int64() < 1<<16 {
		return int(size.Int64())
	}
	return 1
}

// groupPlaces are the networks of one group, or all where it is none in
// particular: a virtual address lies in a segment of the machines that carry it.
func groupPlaces(m *bosh.Manifest, group string, known networks) places {
	var named []*bosh.Group
	for _, g := range m.Groups {
		if g.Name == group {
			named = append(named, g)
		}
	}
	p := newPlaces()
	p.take(named, known)
	return p
}

// inZonesOf are the subnets of a network that a group's instances are in, by its zones.
func inZonesOf(g *bosh.Group, list []subnet) []subnet {
	if g.AZsUnknown || len(g.AZs) == 0 {
		return list
	}
	apart := func(s subnet) bool {
		return len(s.read.AZs) > 0 && !s.read.ZonesHidden && !slices.ContainsFunc(s.read.AZs, func(az string) bool { return slices.Contains(g.AZs, az) })
	}
	if !slices.ContainsFunc(list, apart) {
		return list
	}
	if in := slices.DeleteFunc(slices.Clone(list), apart); len(in) > 0 {
		return in
	}
	return list
}

// networksOf are those of groups, or all where they have none. hides says that there is one
// more, which may be any.
func networksOf(groups []*bosh.Group, known networks) (mine networks, hides bool) {
	mine = networks{}
	for _, g := range groups {
		hides = hides || g.NetworksHidden && len(g.Networks) == 0
		for _, n := range g.Networks {
			if list := known.of(n); len(list) > 0 {
				mine[n.Name] = inZonesOf(g, list)
			} else if _, hidden := bosh.VariableIn(n.Name); hidden {
				hides = true
			}
		}
	}
	if len(mine) == 0 && !hides {
		return known, false
	}
	return mine, hides
}

// all returns every subnet, in the order of network names.
func (n networks) all() []subnet {
	names := make([]string, 0, len(n))
	for name := range n {
		names = append(names, name)
	}
	slices.Sort(names)
	var list []subnet
	for _, name := range names {
		if name != "" {
			list = append(list, n[name]...)
		}
	}
	return append(list, n[""]...)
}

// containing returns the first subnet whose range holds addr, or nil.
func (n networks) containing(addr netip.Addr) *plan.Subnet {
	for _, s := range n.all() {
		if s.Range.IsValid() && s.Range.Contains(addr) {
			return s.Subnet
		}
	}
	return nil
}

// property adds a virtual address that was found in a property. It lies in the
// networks of those that have the property, one for each segment, in another of the
// director's that may be the same segment, or somewhere in the segments of the former.
func (b *builder) property(owner plan.Owner, mine, known networks, vip bosh.PropertyAddress) {
	for _, s := range b.carriers(mine, known, vip.Range.From()) {
		if s != nil {
			owner.Network = s.Network
		}
		b.add(plan.VIP, owner, s, vip.Range, vip.At)
		b.plan.Claims[len(b.plan.Claims)-1].Detail = &plan.Detail{Routers: routersOf(vip.Routers)}
	}
}

func routersOf(list []bosh.Router) (routers []plan.Router) {
	for _, r := range list {
		routers = append(routers, plan.Router(r))
	}
	return routers
}

// carriers are the subnets that an address lies in, one for each segment that there may be;
// one that is nil where nothing is known.
func (b *builder) carriers(mine, known networks, addr netip.Addr) []*plan.Subnet {
	if list := mine.unlike(addr); len(list) > 0 {
		return list
	}
	return []*plan.Subnet{b.carrier(mine, known, addr)}
}

// unlike are the subnets whose range holds an address, one of those that nothing tells apart.
func (n networks) unlike(addr netip.Addr) (list []*plan.Subnet) {
	for _, s := range n.all() {
		if s.Range.IsValid() && s.Range.Contains(addr) && !slices.ContainsFunc(list, s.LikeOnWire) {
			list = append(list, s.Subnet)
		}
	}
	return list
}

// carrier is the subnet that an address lies in; nil where nothing is known.
func (b *builder) carrier(mine, known networks, addr netip.Addr) *plan.Subnet {
	if s := mine.containing(addr); s != nil {
		return s
	}
	among := b.among(mine)
	if s := known.containing(addr); s != nil && (among == nil || plan.ContactOf(among, s).Relation > plan.Unseen) {
		return s
	}
	return among
}

// among stands for any of the subnets; nil where there are none, or where nothing tells one
// of them from any other.
func (n networks) among() *plan.Subnet {
	var list []*plan.Subnet
	director := ""
	for _, s := range n.all() {
		if s.Subnet.Identity.ID == "" && s.Segment == "" && s.Subnet.Hides() == "" {
			return nil
		}
		list, director = append(list, s.Subnet), s.Director
	}
	if len(list) == 0 {
		return nil
	}
	return &plan.Subnet{Director: director, Among: list}
}

// among is the same one for the same subnets: a thousand addresses in them are kin.
func (b *builder) among(n networks) *plan.Subnet {
	s := n.among()
	if s == nil {
		return nil
	}
	for _, known := range b.amongs[s.Among[0]] {
		if slices.Equal(known.Among, s.Among) {
			return known
		}
	}
	b.amongs[s.Among[0]] = append(b.amongs[s.Among[0]], s)
	return s
}

// contacts adds the addresses by which create-env reaches a VM: where no static_ips
// gives it one, the operator knows where it will be all the same. Of a VM that has one,
// another address is its own only if it lies in its network; else something passes on.
func (b *builder) contacts(director string, m *bosh.Manifest, known networks, claimed bool) {
	var seen []netip.Addr
	for _, g := range m.Groups {
		for _, n := range g.Networks {
			for _, block := range n.Static {
				if claimed {
					seen = append(seen, block.Range.From())
				}
			}
		}
	}
	for _, c := range m.Contacts {
		address := c.Range.From()
		if slices.Contains(seen, address) || address.IsLoopback() { // of whoever asks
			continue
		}
		seen = append(seen, address)
		owner := plan.Owner{Director: director, Deployment: m.Name, Property: c.Property}
		if len(m.Groups) > 0 {
			owner.InstanceGroup = m.Groups[0].Name
		}
		s := known.containing(address)
		if s == nil && claimed {
			continue
		}
		if s == nil {
			s = b.outOfRanges(known)
		}
		if s != nil {
			owner.Network = s.Network
		}
		b.add(plan.CreateEnvVM, owner, s, c.Range, c.At)
	}
}

// outOfRanges is where an address is that lies in no range: in a subnet of which nobody tells
// the range; nil if there is none.
func (b *builder) outOfRanges(known networks) *plan.Subnet {
	open := networks{}
	for name, list := range known {
		for _, s := range list {
			if !s.Range.IsValid() {
				open[name] = append(open[name], s)
			}
		}
	}
	return b.among(open)
}

// own adds an address of the director's machine.
func (b *builder) own(director string, known networks, block bosh.Block) {
	on := known.unlike(block.Range.From())
	if len(on) == 0 {
		on = []*plan.Subnet{nil}
	}
	for _, s := range on {
		owner := plan.Owner{Director: director}
		if s != nil {
			owner.Network = s.Network
		}
		b.add(plan.DirectorOwn, owner, s, block.Range, block.At)
	}
}

// external adds addresses that the fleet file says somebody else holds.
func (b *builder) external(e External) {
	if len(e.Blocks) == 0 {
		return
	}
	for _, block := range e.Blocks {
		s := &plan.Subnet{Network: e.Owner, Segment: e.Segment, At: block.At}
		b.plan.Subnets = append(b.plan.Subnets, s)
		b.add(plan.External, plan.Owner{Property: e.Owner}, s, block.Range, block.At)
	}
}
