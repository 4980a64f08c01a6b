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
func (b *builder) deployment(director string, m *bosh.Manifest, known networks, kind plan.Kind) {
	claimed := false
	for _, g := range m.Groups {
		for _, n := range g.Networks {
			owner := plan.Owner{Director: director, Deployment: m.Name, InstanceGroup: g.Name, Network: n.Name}
			blocks := n.Static
			if kind == plan.CreateEnvVM && len(blocks) > 1 {
				blocks = blocks[:1] // the CLI hands only the first one to the CPI
			}
			index := 0
			for _, block := range blocks {
				if b.static(kind, owner, known[n.Name], block, index) {
					claimed = true
				}
				index += instances(block)
			}
		}
	}
	for _, vip := range m.VIPs {
		owner := plan.Owner{Director: director, Deployment: m.Name, InstanceGroup: vip.Group, Property: vip.Property}
		b.property(owner, groupNetworks(m, vip.Group, known), vip)
	}
	if m.Form == bosh.CreateEnv && !claimed {
		b.contacts(director, m, known)
	}
}

// static adds one entry of static_ips: its part in each subnet of its network.
// What lies in no subnet is refused by the director; that is a problem of the
// manifest, not a claim.
func (b *builder) static(kind plan.Kind, owner plan.Owner, subnets []subnet, block bosh.Block, index int) bool {
	added := false
	for _, s := range subnets {
		switch s.kind {
		case bosh.VIP:
			b.add(plan.VIP, owner, s.Subnet, block.Range, block.At)
			return true
		case bosh.Manual:
			r, ok := within(s.read.Range, block.Range)
			if !ok {
				continue
			}
			if bits := s.read.Prefix; bits > 0 && bits < r.From().BitLen() && r.From() == r.To() {
				r = netipx.RangeOfPrefix(netip.PrefixFrom(r.From(), bits).Masked())
			}
			b.add(kind, owner, s.Subnet, r, block.At)
			b.plan.Claims[len(b.plan.Claims)-1].Index = index
			added = true
		}
	}
	return added
}

// instances is how many instances get an address from the block; blocks that no
// group could fill count as one.
func instances(block bosh.Block) int {
	if size := plan.Size(block.Range); size.IsInt64() && size.Int64() < 1<<16 {
		return int(size.Int64())
	}
	return 1
}

// groupNetworks are the networks of one group first, then all others: a virtual
// address usually lies in a network of the group that carries it.
func groupNetworks(m *bosh.Manifest, group string, known networks) networks {
	mine := networks{}
	for _, g := range m.Groups {
		if g.Name != group {
			continue
		}
		for _, n := range g.Networks {
			mine[n.Name] = known[n.Name]
		}
	}
	if len(mine) == 0 {
		return known
	}
	mine[""] = known.all()
	return mine
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

// property adds a virtual address that was found in a property.
func (b *builder) property(owner plan.Owner, known networks, vip bosh.PropertyAddress) {
	s := known.containing(vip.Address)
	if s != nil {
		owner.Network = s.Network
	}
	b.add(plan.VIP, owner, s, netipx.IPRangeFrom(vip.Address, vip.Address), vip.At)
}

// contacts adds the addresses by which create-env reaches a VM that no
// static_ips gives an address: its network is dynamic, but the operator knows
// where it will be.
func (b *builder) contacts(director string, m *bosh.Manifest, known networks) {
	var seen []netip.Addr
	for _, c := range m.Contacts {
		if slices.Contains(seen, c.Address) {
			continue
		}
		seen = append(seen, c.Address)
		owner := plan.Owner{Director: director, Deployment: m.Name, Property: c.Property}
		if len(m.Groups) > 0 {
			owner.InstanceGroup = m.Groups[0].Name
		}
		s := known.containing(c.Address)
		if s != nil {
			owner.Network = s.Network
		}
		b.add(plan.CreateEnvVM, owner, s, netipx.IPRangeFrom(c.Address, c.Address), c.At)
	}
}

// own adds an address of the director's machine.
func (b *builder) own(director string, known networks, block bosh.Block) {
	s := known.containing(block.Range.From())
	owner := plan.Owner{Director: director}
	if s != nil {
		owner.Network = s.Network
	}
	b.add(plan.DirectorOwn, owner, s, block.Range, block.At)
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
