// Package claims makes the address plan out of what directors read.
//
// For each subnet it computes which addresses the director owns, in the terms of
// the director's own code (deployment_plan/manual_network_subnet.rb,
// ip_provider/ip_repo.rb):
//
//	restricted = first, last, gateway, reserved, the director machine's own addresses
//	dynamic    = range − restricted − static, in whole blocks of the subnet's prefix
//	static     = static − restricted, and the rest of the blocks that begin there
//
// and adds what stands in manifests: static_ips, virtual addresses, the VMs of
// create-env. Each claim keeps the place of the line that makes it.
package claims

import (
	"cmp"
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// Director is everything that was read of one director.
type Director struct {
	Name string
	// CPI is the name of the director's CPI, such as aws_cpi; empty if not known.
	CPI string
	// Addresses are of the machine that the director runs on.
	Addresses []bosh.Block
	// Reached are addresses by which it is reached, and that are no others' (reached.go).
	Reached     []Reached
	CloudConfig *bosh.CloudConfig
	// CloudVIPs are virtual addresses found in the cloud-configs and runtime configs,
	// CloudGaps where more of them may hide.
	CloudVIPs   []bosh.PropertyAddress
	CloudGaps   []bosh.Gap
	Deployments []*bosh.Manifest
	CreateEnvs  []*bosh.Manifest
	// Views are cloud-configs that the director works with beside CloudConfig.
	Views []View
	// Leases are what it granted, as it says itself. One that the manifest promises
	// in the very same way is no claim of its own, unless KeepLeases is set.
	Leases     []Lease
	KeepLeases bool
	// Indexes are, of deployments of which the director told them, the indexes of
	// instances by their addresses.
	Indexes map[string]map[netip.Addr]int
	// Externals are what was told with the director of addresses that are nobody's whom a
	// director knows.
	Externals []External
	// Unread is what could not be read as a whole.
	Unread []Unread
	// Lost are sources of which some could not be found, which is told elsewhere.
	Lost []Source
}

// SegmentsOf are the segment that the fleet file gives a subnet, or "", and those that it
// gives it perhaps.
type SegmentsOf func(*plan.Subnet) (segment string, perhaps plan.Perhaps)

// Build returns the plan of all directors.
func Build(directors []Director, externals []External, segmentsOf SegmentsOf) *plan.Plan {
	b := &builder{
		plan: &plan.Plan{}, segmentsOf: segmentsOf, commonIDs: commonIDs(directors),
		places: map[*bosh.Placement]places{}, amongs: map[*plan.Subnet][]*plan.Subnet{},
	}
	b.plan.Claims = make([]plan.Claim, 0, atMost(directors))
	for i := range directors {
		b.director(&directors[i])
	}
	for _, e := range Externals(externals, directors) {
		b.external(e)
	}
	b.reached(directors)
	b.hiddenJobs(directors)
	slices.Sort(b.plan.Directors)
	b.plan.Directors = slices.Compact(b.plan.Directors)
	return b.plan
}

// atMost is how many claims there may be of what is most of them, so that no list of
// millions is copied as it grows: the entries of static_ips, reserved and static, and
// as many gaps between those of one subnet.
func atMost(directors []Director) int {
	n := 0
	config := func(cc *bosh.CloudConfig) {
		if cc == nil {
			return
		}
		for _, network := range cc.Networks {
			for _, s := range network.Subnets {
				n += 2 * (len(s.Reserved) + len(s.Static) + 1)
			}
		}
	}
	for i := range directors {
		config(directors[i].CloudConfig)
		for _, m := range directors[i].Deployments {
			config(m.Own)
			for _, g := range m.Groups {
				for _, network := range g.Networks {
					n += len(network.Static)
				}
			}
		}
	}
	return n
}

type builder struct {
	plan       *plan.Plan
	segmentsOf SegmentsOf
	// commonIDs are, of values of cloud_properties that are kept back, those of the plan.
	commonIDs map[string]string
	// seen are the subnets of the director's cloud-configs, by what they say;
	// only kept where there are views.
	seen map[string]*plan.Subnet
	// holder is the owner of the last claim: claims of one owner follow one another.
	holder *plan.Owner
	// stray is of the last group's network that cannot give an address: its addresses
	// follow one another.
	stray *stray

	// amongs are the subnets that stand for any of several, by the first of these.
	amongs map[*plan.Subnet][]*plan.Subnet
	// places are those that are known already.
	places map[*bosh.Placement]places

	// made are the plan's subnets by those that were read, parts what hides of these, ranges
	// what hides their ranges, pending what they hand out if it does not hide.
	made   map[*bosh.Subnet]*plan.Subnet
	parts  map[*bosh.Subnet]parts
	ranges map[*bosh.Subnet]*bosh.Gap

	// unread stands for the networks of a director of which a source could not be read.
	unread  *subnet
	pending map[*bosh.Subnet][]plan.Claim
}

func (b *builder) director(d *Director) {
	if d.Name != "" {
		b.plan.Directors = append(b.plan.Directors, d.Name)
	}
	b.plan.Deployments += len(d.Deployments) + len(d.CreateEnvs)
	own := OwnAddresses(d)
	maybe := maybeDirectors(d)
	for _, m := range maybe {
		own = append(own, m.addresses...)
	}
	b.seen = nil
	b.made, b.parts, b.pending = map[*bosh.Subnet]*plan.Subnet{}, map[*bosh.Subnet]parts{}, map[*bosh.Subnet][]plan.Claim{}
	b.ranges, b.unread = map[*bosh.Subnet]*bosh.Gap{}, nil
	var shared networks
	if d.CloudConfig != nil {
		shared = b.networks(origin{director: d.Name, cpi: d.CPI}, d.CloudConfig, own, true)
		b.remember(d, shared)
	}
	blind := &blindSpots{builder: b, director: d, own: own, shared: shared}
	spots := len(b.plan.BlindSpots)
	blind.config(plan.Owner{Director: d.Name}, d.CloudConfig, true)
	blind.maybeDirectors(maybe)
	views := b.views(d, own)
	for _, v := range d.Views {
		blind.config(plan.Owner{Director: d.Name}, v.CloudConfig, true)
	}
	leases := newLeases(d)
	versions := map[string]uint8{}
	var all []deployed
	for _, m := range d.Deployments {
		before := len(b.plan.Claims)
		known := shared
		if view, ok := views[m.Name]; ok {
			known = view
		}
		if m.Form == bosh.V1 && m.Own != nil && (len(m.Own.Networks) > 0 || m.Own.NetworksHidden) {
			known = b.networks(origin{d.Name, m.Name, d.CPI}, m.Own, own, true)
		}
		all = append(all, deployed{m, b.orUnread(d, m, known)})
		b.deployment(d, m, known, plan.Static)
		for i := range b.plan.Claims[before:] {
			b.plan.Claims[before+i].Version = versions[m.Name]
		}
		if m.Name != "" {
			versions[m.Name]++
		}
		blind.manifest(m, known)
		b.leases(d, leases.take(m.Name), m, known)
	}
	b.leases(d, leases.rest(), nil, shared)
	for _, m := range d.CreateEnvs {
		if m.Own != nil {
			known := b.networks(origin{d.Name, m.Name, m.CPI}, m.Own, nil, false)
			b.deployment(d, m, known, plan.CreateEnvVM)
			blind.manifest(m, known)
		}
	}
	for _, block := range d.Addresses {
		b.own(d.Name, shared, block)
	}
	shared = b.orUnread(d, nil, shared)
	for _, vip := range d.CloudVIPs {
		owner, places := plan.Owner{Director: d.Name, Property: vip.Property}, b.placesAmong(vip.Placement, d, all, shared)
		b.placed(owner, places, shared, vip)
		blind.mayBePlaced(owner, places, shared, vip)
	}
	for _, gap := range d.CloudGaps {
		owner, places := plan.Owner{Director: d.Name, Property: gap.Property}, b.placesAmong(gap.Placement, d, all, shared)
		var may []plan.Claim
		if !places.none() {
			may = blind.ofProperty(owner, places.all(), shared, gap)
		}
		blind.add(owner, gap, may)
	}
	blind.oncePerTemplate(spots)
	for _, u := range d.Unread {
		blind.unread(u)
	}
	for _, lost := range d.Lost {
		b.unreadNetworks(lost, plan.Owner{Director: d.Name})
	}
}

// networks maps a network's name to its subnets.
type networks map[string][]subnet

type subnet struct {
	*plan.Subnet
	read *bosh.Subnet
	kind bosh.NetworkType
	// bare says of a vip network that it lists no addresses: groups may ask for any.
	bare bool
}

// origin is where subnets come from.
type origin struct {
	director, deployment string
	// cpi makes the subnets' VMs, unless availability zones name others.
	cpi string
}

// nameless is the name under which networks keeps the subnets of networks whose
// name hides, or that hide as a whole: any network may be one of them.
const nameless = "\x00"

// networks adds the subnets of a cloud-config and what they claim. handsOut is
// false for create-env, which takes the given address and no other.
func (b *builder) networks(from origin, cc *bosh.CloudConfig, own []bosh.Block, handsOut bool) networks {
	known := networks{}
	hidden := b.note(cc)
	for _, n := range cc.Networks {
		name := hidden.nameOf(n)
		for _, read := range n.Subnets {
			s := b.enlist(b.subnet(from, cc, n, read))
			b.made[read] = s
			known[name] = append(known[name], subnet{Subnet: s, read: read, kind: n.Type, bare: !handsOut && n.Type == bosh.VIP})
			b.claimSubnet(s, n, read, cc.Compilation, own, handsOut)
		}
		if len(n.Subnets) == 0 && n.Type == bosh.VIP && hidden.subnets[n] == nil {
			read := &bosh.Subnet{At: n.At}
			known[name] = append(known[name], subnet{Subnet: b.enlist(b.subnet(from, cc, n, read)), read: read, kind: n.Type, bare: true})
		}
		if gap := hidden.subnets[n]; gap != nil {
			known[name] = append(known[name], b.unseen(from, cc, n.Name, n.Type, gap))
		}
	}
	if hidden.networks != nil {
		known[nameless] = append(known[nameless], b.unseen(from, cc, "", bosh.Manual, hidden.networks))
	}
	return known
}

// unseen stands for subnets that hide as a whole, and with them in which segments they are.
func (b *builder) unseen(from origin, cc *bosh.CloudConfig, network string, kind bosh.NetworkType, gap *bosh.Gap) subnet {
	s := &plan.Subnet{Director: from.director, Deployment: from.deployment, Network: network, At: gap.At}
	if gap.Behind() != "" {
		if cc.ZonesHidden || slices.ContainsFunc(cc.AZs, func(az bosh.AZ) bool { return az.CPI != "" }) {
			from.cpi = ""
		}
		text := hiddenBy(gap)
		s.Identity = plan.IdentityOf(map[string]string{"": text}, from.cpi)
		s.Segment, s.Perhaps = b.segmentsOf(b.unknown(*s, text))
	} else {
		b.unknown(*s, hiddenBy(gap))
	}
	return subnet{Subnet: s, read: &bosh.Subnet{}, kind: kind}
}

// notRead stands where it is not known what does, as a variable's name would.
const notRead = "((not read))"

// hiddenBy is what stands in the place of what a gap hides.
func hiddenBy(gap *bosh.Gap) string {
	if variable := gap.Behind(); variable != "" {
		return "((" + variable + "))"
	}
	return notRead
}

// unknown is a subnet of which everything hides that s does not say. The plan keeps it,
// because nobody knows that no subnet is like it.
func (b *builder) unknown(s plan.Subnet, hides string) *plan.Subnet {
	unknown := hiddenBut(s, hides)
	b.plan.Unseen = append(b.plan.Unseen, unknown)
	return unknown
}

// hiddenBut is a subnet of which everything hides that s does not say.
func hiddenBut(s plan.Subnet, hides string) *plan.Subnet {
	s.Network = cmp.Or(s.Network, hides)
	s.RangeHidden, s.CloudProperties = hides, map[string]string{"": hides}
	return &s
}

// claimSubnet adds what a subnet says about its addresses.
func (b *builder) claimSubnet(s *plan.Subnet, n *bosh.Network, read *bosh.Subnet, c *bosh.Compilation, own []bosh.Block, handsOut bool) {
	owner := plan.Owner{Director: s.Director, Deployment: s.Deployment, Network: n.Name}
	switch n.Type {
	case bosh.Manual:
		b.manual(s, read, owner, own, poolKind(c, n, read), handsOut)
	case bosh.VIP:
		b.blocks(plan.StaticPool, owner, s, read.Static)
	case bosh.Dynamic:
	default: // its type hides: everything that it says of itself is as uncertain
		before := len(b.plan.Claims)
		b.manual(s, read, owner, own, plan.DynamicPool, handsOut)
		b.blocks(plan.StaticPool, owner, s, read.Static)
		b.setAside(read, before)
	}
}

// setAside takes the claims from the one with that number on for uncertain.
func (b *builder) setAside(read *bosh.Subnet, from int) {
	b.pending[read] = append(b.pending[read], b.plan.Claims[from:]...)
	b.plan.Claims = b.plan.Claims[:from]
}

// subnet makes the plan's subnet of what was read.
func (b *builder) subnet(from origin, cc *bosh.CloudConfig, n *bosh.Network, read *bosh.Subnet) *plan.Subnet {
	s := &plan.Subnet{
		Director: from.director, Deployment: from.deployment, Network: n.Name, Range: read.Range,
		Prefix: read.Prefix, PrefixAt: read.PrefixAt, Gateway: read.Gateway, Incomplete: read.Incomplete,
		At: read.At, ReservedAt: read.ReservedAt,
		Identity: identityOf(from, cc, read, b.withCommonIDs(read.CloudProperties)), CloudProperties: read.CloudProperties,
	}
	if gap := b.ranges[read]; gap != nil {
		s.RangeHidden, s.RangeWithin = hiddenBy(gap), gap.Within
	}
	if n.Type == bosh.VIP {
		s.Range = netip.Prefix{}
	}
	s.Segment, s.Perhaps = b.segmentsOf(s)
	return s
}

// identityOf says in which segment a subnet is. A zone may name another CPI than the
// director's by its entry in the cpi config, which is not read.
func identityOf(from origin, cc *bosh.CloudConfig, read *bosh.Subnet, properties map[string]string) plan.Identity {
	inZone := func(az bosh.AZ) bool { return slices.Contains(read.AZs, az.Name) }
	if slices.ContainsFunc(cc.AZs, func(az bosh.AZ) bool { return az.CPI != "" && inZone(az) }) {
		return plan.IdentityOf(properties, "")
	}
	id := plan.IdentityOf(properties, from.cpi)
	if _, hidden := bosh.VariableIn(from.cpi); hidden && id.Scheme == "" && id.Hidden == "" {
		return plan.OfHiddenCPI(from.cpi)
	}
	hidden := read.ZonesHidden && slices.ContainsFunc(cc.AZs, func(az bosh.AZ) bool { return az.CPI != "" })
	variable := read.ZoneVariable
	if cc.ZonesHidden && (read.ZonesHidden || slices.ContainsFunc(read.AZs, func(name string) bool {
		return !slices.ContainsFunc(cc.AZs, func(az bosh.AZ) bool { return az.Name == name })
	})) {
		hidden, variable = true, cmp.Or(cc.ZoneVariable, variable)
	}
	switch {
	case !hidden || id == plan.IdentityOf(properties, ""):
		return id
	case variable == "":
		return plan.IdentityOf(properties, "")
	}
	return plan.OfHiddenZone("((" + variable + "))")
}

// enlist puts a subnet into the plan.
func (b *builder) enlist(s *plan.Subnet) *plan.Subnet {
	b.plan.Subnets = append(b.plan.Subnets, s)
	return s
}

// poolKind is Compilation for a subnet that compilation VMs draw from.
func poolKind(c *bosh.Compilation, n *bosh.Network, s *bosh.Subnet) plan.Kind {
	if c != nil && c.Network == n.Name && (c.AZ == "" || len(s.AZs) == 0 || slices.Contains(s.AZs, c.AZ)) {
		return plan.Compilation
	}
	return plan.DynamicPool
}

func (b *builder) add(kind plan.Kind, owner plan.Owner, s *plan.Subnet, r netipx.IPRange, at place.Place) {
	if r.IsValid() {
		if b.holder == nil || *b.holder != owner {
			b.holder = owner.Held()
		}
		b.plan.Claims = append(b.plan.Claims, plan.Claim{Range: r, Kind: kind, Holder: b.holder, Subnet: s, At: at})
	}
}

func (b *builder) blocks(kind plan.Kind, owner plan.Owner, s *plan.Subnet, blocks []bosh.Block) {
	for _, block := range blocks {
		b.add(kind, owner, s, block.Range, block.At)
	}
}
