package claims

import (
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// This file says what may hide: for each gap that a reader left, the claims that
// any value there could make. They follow from the same director's rules as the
// claims of what is written, and are made of the same parts: a value that the
// director would refuse makes none.
//
//	static_ips          static of the network; of a bare vip network, any address
//	static_ips of create-env   the range
//	a range             everything but what the subnet reserves, and its siblings
//	reserved            the range less what else is reserved
//	static              nothing that is not handed out anyway, one way or the other
//	a property          any address in the segments of its group
//	instances, zones    nothing: what they use is handed out already

// Unread is a source of a director that could not be read as a whole.
type Unread struct {
	Source Source
	// Deployment is the name of what could not be read, where it is known.
	Deployment    string
	Reason        plan.Reason
	Message, Hint string
	Excerpt       string // as of trouble.Trouble
	At            place.Place
	// Judged says that the run was to judge it.
	Judged bool
}

// Source is a kind of source.
type Source uint8

// The sources.
const (
	CloudConfigSource Source = iota + 1
	RuntimeConfigSource
	DeploymentSource
	CreateEnvSource
	// LeasesSource is what a director granted beside what its files say; its
	// networks are known.
	LeasesSource
	// DirectorSource is all that a director has.
	DirectorSource
)

// parts is a set of bosh.Part.
type parts uint32

func (p parts) has(part bosh.Part) bool { return p&(1<<part) != 0 }

// hiddenParts are what hides of a cloud-config's networks.
type hiddenParts struct {
	networks bool // some of them as a whole
	names    map[*bosh.Network]bool
	subnets  map[*bosh.Network]bool
}

func (h hiddenParts) nameOf(n *bosh.Network) string {
	if h.names[n] {
		return nameless
	}
	return n.Name
}

// note remembers what hides of a cloud-config.
func (b *builder) note(cc *bosh.CloudConfig) hiddenParts {
	h := hiddenParts{names: map[*bosh.Network]bool{}, subnets: map[*bosh.Network]bool{}}
	for _, gap := range cc.Gaps {
		switch gap.Hides {
		case bosh.HidesNetworks:
			h.networks = true
		case bosh.HidesNetworkName:
			h.names[gap.Network] = true
		case bosh.HidesSubnets:
			h.subnets[gap.Network] = true
		}
		if gap.Subnet != nil && gap.Meant == "" {
			b.parts[gap.Subnet] |= 1 << gap.Hides
		}
	}
	return h
}

// blindSpots makes those of one director.
type blindSpots struct {
	*builder
	director *Director
	own      []bosh.Block
	shared   networks
}

// add adds a spot for a gap.
func (b *blindSpots) add(owner plan.Owner, gap bosh.Gap, may []plan.Claim) {
	spot := plan.BlindSpot{Owner: owner, What: gap.What, Variable: gap.Variable, At: gap.At, May: may, Reason: plan.Refused}
	switch {
	case gap.Template != "":
		spot.Reason = plan.Unreadable
		spot.Message = gap.What + " is a template of " + gap.Template + ", which nobody has filled in"
		spot.Hint = bosh.TemplateHint(gap.Template)
	case gap.Meant != "":
		spot.Reason = plan.Overlooked
		spot.Hint = "did you mean " + gap.Meant + "?"
	case gap.Variable != "":
		spot.Reason = plan.NoValue
	case gap.Hides == bosh.HidesProperties && gap.Property != "":
		spot.Reason = plan.Unreadable
	}
	for i := range spot.May {
		spot.May[i].At = gap.At
	}
	b.plan.BlindSpots = append(b.plan.BlindSpots, spot)
}

// config adds what hides of a cloud-config, or of a manifest's own networks.
// handsOut is false for create-env.
func (b *blindSpots) config(owner plan.Owner, cc *bosh.CloudConfig, handsOut bool) {
	if cc == nil {
		return
	}
	for _, gap := range cc.Gaps {
		b.configGap(owner, cc, gap, handsOut)
	}
}

func (b *blindSpots) configGap(owner plan.Owner, cc *bosh.CloudConfig, gap bosh.Gap, handsOut bool) {
	if gap.Network != nil {
		owner.Network = gap.Network.Name
	}
	unknown := &plan.Subnet{Director: owner.Director, Deployment: owner.Deployment, Network: owner.Network}
	var s *plan.Subnet
	if gap.Subnet != nil {
		s = b.made[gap.Subnet]
	}
	var may []plan.Claim
	switch gap.Hides {
	case bosh.HidesNetworks:
		may = b.unknownNetwork(owner, unknown, handsOut)
	case bosh.HidesNetworkType:
		for _, read := range gap.Network.Subnets {
			may = append(may, b.pending[read]...)
		}
	case bosh.HidesSubnets:
		switch gap.Network.Type {
		case bosh.VIP:
			may = claimsIn(plan.StaticPool, owner, unknown, plan.Everywhere())
		case bosh.Dynamic:
		default:
			may = b.unknownNetwork(owner, unknown, handsOut)
		}
	case bosh.HidesRange:
		may = b.unknownRange(owner, s, gap, handsOut)
	case bosh.HidesGateway:
		may = claimsIn(plan.Gateway, owner, s, inner(gap.Subnet))
	case bosh.HidesDNS:
		may = claimsIn(plan.DNS, owner, s, rangeOf(gap.Subnet))
		if gap.Meant != "" {
			may = blockClaims(plan.DNS, owner, s, gap.Blocks)
		}
	case bosh.HidesStatic:
		if gap.Network.Type != bosh.VIP {
			may = slices.Clone(b.pending[gap.Subnet])
			break
		}
		may = claimsIn(plan.StaticPool, owner, s, plan.Everywhere())
		if gap.Meant != "" {
			may = blockClaims(plan.StaticPool, owner, s, gap.Blocks)
		}
	case bosh.HidesReserved, bosh.HidesPrefix:
		may = slices.Clone(b.pending[gap.Subnet])
		if gap.Hides == bosh.HidesPrefix {
			may = append(may, b.widened(s)...)
		}
	case bosh.HidesProperties:
		may = b.ofProperty(owner, b.shared, b.shared, gap)
	}
	b.add(owner, gap, may)
}

// unknownNetwork may be any network.
func (b *blindSpots) unknownNetwork(owner plan.Owner, s *plan.Subnet, handsOut bool) []plan.Claim {
	may := claimsIn(plan.Gateway, owner, s, plan.Everywhere())
	if !handsOut {
		return append(may, claimsIn(plan.DNS, owner, s, plan.Everywhere())...)
	}
	var set netipx.IPSetBuilder
	set.AddSet(plan.Everywhere())
	removeBlocks(&set, b.own)
	return append(may, claimsIn(plan.DynamicPool, owner, s, built(&set))...)
}

// unknownRange is what a subnet may hand out whose range hides: nothing that it
// reserves, that is its gateway or that lies in another subnet of its network
// (NetworkOverlappingSubnets). Its static addresses, which the director finds in
// the range, are handed out for certain, though on request only.
func (b *blindSpots) unknownRange(owner plan.Owner, s *plan.Subnet, gap bosh.Gap, handsOut bool) []plan.Claim {
	read := gap.Subnet
	var set netipx.IPSetBuilder
	set.AddSet(plan.Everywhere())
	if read.Gateway.IsValid() {
		set = netipx.IPSetBuilder{}
		set.AddPrefix(netip.PrefixFrom(read.Gateway, 0).Masked())
		set.Remove(read.Gateway)
	}
	for _, sibling := range gap.Network.Subnets {
		if sibling.Range.IsValid() {
			set.RemovePrefix(sibling.Range)
		}
	}
	var may []plan.Claim
	if !read.Gateway.IsValid() {
		may = claimsIn(plan.Gateway, owner, s, built(clone(&set)))
	}
	may = append(may, blockClaims(plan.DNS, owner, s, read.DNS)...)
	if !handsOut {
		return may
	}
	removeBlocks(&set, read.Reserved)
	removeBlocks(&set, b.own)
	if !b.parts[read].has(bosh.HidesStatic) {
		removeBlocks(&set, read.Static)
	}
	may = append(may, claimsIn(plan.DynamicPool, owner, s, built(&set))...)
	return append(may, blockClaims(plan.StaticPool, owner, s, read.Static)...)
}

func clone(set *netipx.IPSetBuilder) *netipx.IPSetBuilder {
	var copied netipx.IPSetBuilder
	copied.AddSet(built(set))
	set.AddSet(built(&copied))
	return &copied
}

func removeBlocks(set *netipx.IPSetBuilder, blocks []bosh.Block) {
	for _, block := range blocks {
		set.RemoveRange(block.Range)
	}
}

// widened are the blocks that static addresses of s may be, if each of them is a
// block of unknown length.
func (b *blindSpots) widened(s *plan.Subnet) []plan.Claim {
	if s == nil || !s.Range.IsValid() {
		return nil
	}
	return []plan.Claim{{Range: netipx.RangeOfPrefix(s.Range), Kind: plan.Static, Holder: &plan.Owner{Director: s.Director, Network: s.Network}, Subnet: s}}
}

// rangeOf are the addresses of a subnet; all where its range hides.
func rangeOf(read *bosh.Subnet) *netipx.IPSet {
	if !read.Range.IsValid() {
		return plan.Everywhere()
	}
	var set netipx.IPSetBuilder
	set.AddPrefix(read.Range)
	return built(&set)
}

// inner are the addresses that a gateway may have: none of static, and neither the
// first nor the last.
func inner(read *bosh.Subnet) *netipx.IPSet {
	var set netipx.IPSetBuilder
	set.AddSet(rangeOf(read))
	if read.Range.IsValid() {
		set.Remove(read.Range.Masked().Addr())
		set.Remove(netipx.PrefixLastIP(read.Range))
	}
	return built(&set)
}

// claimsIn are claims for each range of a set.
func claimsIn(kind plan.Kind, owner plan.Owner, s *plan.Subnet, set *netipx.IPSet) []plan.Claim {
	var list []plan.Claim
	for _, r := range set.Ranges() {
		list = append(list, plan.Claim{Range: r, Kind: kind, Holder: owner.Held(), Subnet: s})
	}
	return list
}

func blockClaims(kind plan.Kind, owner plan.Owner, s *plan.Subnet, blocks []bosh.Block) []plan.Claim {
	var list []plan.Claim
	for _, block := range blocks {
		list = append(list, plan.Claim{Range: block.Range, Kind: kind, Holder: owner.Held(), Subnet: s})
	}
	return list
}

// manifest adds what hides of a manifest with those networks.
func (b *blindSpots) manifest(m *bosh.Manifest, known networks) {
	owner := plan.Owner{Director: b.director.Name, Deployment: m.Name}
	b.config(owner, m.Own, m.Form != bosh.CreateEnv)
	for _, gap := range m.Gaps {
		b.manifestGap(owner, m, gap, known)
	}
}

func (b *blindSpots) manifestGap(owner plan.Owner, m *bosh.Manifest, gap bosh.Gap, known networks) {
	if gap.Group != nil {
		owner.InstanceGroup = gap.Group.Name
	}
	kind := plan.Static
	if m.Form == bosh.CreateEnv {
		kind = plan.CreateEnvVM
	}
	var may []plan.Claim
	switch gap.Hides {
	case bosh.HidesGroups:
		may = b.anyGroup(kind, owner, known)
	case bosh.HidesUses:
		may = b.asked(kind, owner, b.versions(m, known).all())
	case bosh.HidesUseName:
		may = b.askedSomewhere(kind, owner, gap.Use, known)
	case bosh.HidesStaticIPs:
		owner.Network = gap.Use.Name
		may = b.askedOn(m, kind, owner, gap, known)
	case bosh.HidesProperties:
		owner.InstanceGroup, owner.Property = gap.GroupName, gap.Property
		may = b.ofProperty(owner, groupNetworks(m, gap.GroupName, known), known, gap)
	case bosh.HidesContact:
		owner.Property = gap.Property
		may = b.contact(owner, m, known)
	}
	b.add(owner, gap, may)
}

// anyGroup is whatever a group may ask for and have in its properties.
func (b *blindSpots) anyGroup(kind plan.Kind, owner plan.Owner, known networks) []plan.Claim {
	may := b.asked(kind, owner, known.all())
	return append(may, b.properties(owner, known, known)...)
}

// versions are the networks that a deployment has, and those that its next deploy
// would get.
func (b *blindSpots) versions(m *bosh.Manifest, known networks) networks {
	if m.Own != nil {
		return known
	}
	both := networks{}
	for _, version := range []networks{known, b.shared} {
		for name, list := range version {
			for _, s := range list {
				if !slices.ContainsFunc(both[name], func(o subnet) bool { return o.Subnet == s.Subnet }) {
					both[name] = append(both[name], s)
				}
			}
		}
	}
	return both
}

// askedOn is what hides in static_ips of a group on a network.
func (b *blindSpots) askedOn(m *bosh.Manifest, kind plan.Kind, owner plan.Owner, gap bosh.Gap, known networks) []plan.Claim {
	all := b.versions(m, known)
	list, ok := all[gap.Use.Name]
	if _, hidden := bosh.VariableIn(gap.Use.Name); hidden {
		list = all.all()
	} else if !ok {
		list = all[nameless]
	}
	if len(gap.Blocks) == 0 {
		return b.asked(kind, owner, list)
	}
	before := len(b.plan.Claims)
	for _, block := range gap.Blocks {
		b.static(kind, owner, list, block, indexes{}, 0)
	}
	may := slices.Clone(b.plan.Claims[before:])
	b.plan.Claims = b.plan.Claims[:before]
	if len(may) == 0 {
		may = b.asked(kind, owner, list)
	}
	return may
}

// askedSomewhere is what a group asks for on a network whose name hides. Where
// only one network can give it, it is no secret.
func (b *blindSpots) askedSomewhere(kind plan.Kind, owner plan.Owner, use *bosh.GroupNetwork, known networks) []plan.Claim {
	if !use.StaticGiven || len(known.of(use)) > 0 {
		return nil
	}
	before := len(b.plan.Claims)
	for _, s := range known.all() {
		for _, block := range use.Static {
			if s.mayGive(kind, block) {
				b.static(kind, owner, []subnet{s}, block, indexes{}, 0)
			}
		}
	}
	may := slices.Clone(b.plan.Claims[before:])
	b.plan.Claims = b.plan.Claims[:before]
	return may
}

// asked is what a group may ask those subnets for.
func (b *blindSpots) asked(kind plan.Kind, owner plan.Owner, subnets []subnet) []plan.Claim {
	var may []plan.Claim
	for _, s := range subnets {
		of := owner
		of.Network = s.Network
		switch {
		case s.kind == bosh.Dynamic && kind == plan.CreateEnvVM:
			may = append(may, claimsIn(kind, of, s.Subnet, plan.Everywhere())...)
		case s.kind == bosh.Dynamic, s.kind == bosh.VIP && !s.bare:
		case s.kind == bosh.VIP:
			may = append(may, claimsIn(plan.VIP, of, s.Subnet, plan.Everywhere())...)
		case kind == plan.CreateEnvVM:
			may = append(may, claimsIn(kind, of, s.Subnet, rangeOf(s.read))...)
		default:
			may = append(may, claimsIn(kind, of, s.Subnet, b.onRequest(s))...)
		}
	}
	return may
}

// onRequest are the addresses that a manual subnet gives to who asks for them.
func (b *blindSpots) onRequest(s subnet) *netipx.IPSet {
	hidden := b.parts[s.read]
	var set netipx.IPSetBuilder
	whole := !s.read.Range.IsValid() && (s.At == place.Place{}) // a subnet that hides as a whole
	switch {
	case hidden.has(bosh.HidesStatic) || whole:
		set.AddSet(rangeOf(s.read))
		removeBlocks(&set, s.read.Reserved)
	default:
		for _, block := range s.read.Static {
			set.AddRange(block.Range)
		}
		if s.read.Range.IsValid() {
			set.Intersect(rangeOf(s.read))
			set.RemoveSet(restrictedSet(s.read, b.own))
		}
	}
	removeBlocks(&set, b.own)
	return built(&set)
}

// ofProperty is what a property may hold: what is written there, if it is one of
// virtual addresses, or any address.
func (b *blindSpots) ofProperty(owner plan.Owner, mine, known networks, gap bosh.Gap) []plan.Claim {
	if len(gap.Blocks) == 0 {
		return b.properties(owner, mine, known)
	}
	before := len(b.plan.Claims)
	for _, block := range gap.Blocks {
		b.property(owner, mine, known, bosh.PropertyAddress{Range: block.Range, At: block.At})
	}
	may := slices.Clone(b.plan.Claims[before:])
	b.plan.Claims = b.plan.Claims[:before]
	return may
}

// properties is any virtual address in the segments of some networks; all other
// networks of the director are known.
func (b *blindSpots) properties(owner plan.Owner, mine, known networks) []plan.Claim {
	if owner.Property == "" {
		owner.Property = "a property" // no director knows of what stands in one
	}
	among := mine.among()
	var rest netipx.IPSetBuilder
	rest.AddSet(plan.Everywhere())
	var may []plan.Claim
	in := func(list []subnet, counts func(subnet) bool) {
		for _, s := range list {
			if !s.Range.IsValid() || !counts(s) {
				continue
			}
			of := owner
			of.Network = s.Network
			may = append(may, plan.Claim{Range: netipx.RangeOfPrefix(s.Range), Kind: plan.VIP, Holder: of.Held(), Subnet: s.Subnet})
			rest.RemovePrefix(s.Range)
		}
	}
	in(mine.all(), func(subnet) bool { return true })
	in(known.all(), func(s subnet) bool {
		return !slices.ContainsFunc(mine.all(), func(o subnet) bool { return o.Subnet == s.Subnet }) &&
			(among == nil || plan.ContactOf(among, s.Subnet).Relation != plan.Isolated)
	})
	return append(may, claimsIn(plan.VIP, owner, among, built(&rest))...)
}

// contact is where a VM of create-env may be that nothing else tells the address
// of.
func (b *blindSpots) contact(owner plan.Owner, m *bosh.Manifest, known networks) []plan.Claim {
	for _, g := range m.Groups {
		for _, n := range g.Networks {
			if n.StaticGiven {
				return nil
			}
		}
	}
	var rest netipx.IPSetBuilder
	rest.AddSet(plan.Everywhere())
	var may []plan.Claim
	for _, s := range known.all() {
		if s.Range.IsValid() {
			may = append(may, claimsIn(plan.CreateEnvVM, owner, s.Subnet, rangeOf(s.read))...)
			rest.RemovePrefix(s.Range)
		}
	}
	return append(may, claimsIn(plan.CreateEnvVM, owner, nil, built(&rest))...)
}

// unread adds a source that could not be read.
func (b *blindSpots) unread(u Unread) {
	owner := plan.Owner{Director: b.director.Name, Deployment: u.Deployment}
	spot := plan.BlindSpot{Owner: owner, Reason: u.Reason, Message: u.Message, Hint: u.Hint, Excerpt: u.Excerpt, At: u.At, Judged: u.Judged}
	shared := &plan.Subnet{Director: owner.Director}
	switch u.Source {
	case CloudConfigSource, DirectorSource:
		spot.May = b.unknownNetwork(owner, shared, true)
		vip := owner
		vip.Property = "a property"
		spot.May = append(spot.May, claimsIn(plan.VIP, vip, nil, plan.Everywhere())...)
		if u.Source == DirectorSource {
			spot.May = append(spot.May, claimsIn(plan.Static, owner, shared, plan.Everywhere())...)
		}
	case RuntimeConfigSource:
		spot.May = b.properties(owner, b.shared, b.shared)
	case DeploymentSource, LeasesSource:
		spot.May = b.anyGroup(plan.Static, owner, b.shared)
	case CreateEnvSource:
		apart := &plan.Subnet{Director: owner.Director, Deployment: nameless + u.Message}
		for _, kind := range []plan.Kind{plan.CreateEnvVM, plan.VIP, plan.Gateway, plan.DNS} {
			spot.May = append(spot.May, claimsIn(kind, owner, apart, plan.Everywhere())...)
		}
	}
	for i := range spot.May {
		spot.May[i].At = u.At
	}
	b.plan.BlindSpots = append(b.plan.BlindSpots, spot)
}
