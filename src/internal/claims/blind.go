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
	networks *bosh.Gap // some of them as a whole; nil: none
	names    map[*bosh.Network]bool
	subnets  map[*bosh.Network]*bosh.Gap
}

func (h hiddenParts) nameOf(n *bosh.Network) string {
	if h.names[n] {
		return nameless
	}
	return n.Name
}

// note remembers what hides of a cloud-config.
func (b *builder) note(cc *bosh.CloudConfig) hiddenParts {
	h := hiddenParts{names: map[*bosh.Network]bool{}, subnets: map[*bosh.Network]*bosh.Gap{}}
	for i := range cc.Gaps {
		gap := &cc.Gaps[i]
		switch gap.Hides {
		case bosh.HidesNetworks:
			h.networks = gap
		case bosh.HidesNetworkName:
			h.names[gap.Network] = true
		case bosh.HidesSubnets:
			h.subnets[gap.Network] = gap
		case bosh.HidesNetworkType: // a dynamic network may have its cloud_properties beside it
			if len(gap.Network.Subnets) == 0 && h.subnets[gap.Network] == nil {
				h.subnets[gap.Network] = gap
			}
		case bosh.HidesRange:
			b.ranges[gap.Subnet] = gap
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
	// parted is how many ranges are what may hide in subnets less their siblings.
	parted int
}

// mostParted is how many such ranges there may be: a thousand subnets that hide beside a
// thousand that do not would make a million. Behind it what hides may lie in a sibling, too,
// for all that is said of it.
const mostParted = 50_000

// add adds a spot for a gap.
func (b *blindSpots) add(owner plan.Owner, gap bosh.Gap, may []plan.Claim) {
	if tool := bosh.TemplateIn("((" + gap.Variable + "))"); tool != "" {
		gap.Template, gap.Variable = tool, ""
	}
	spot := plan.BlindSpot{Owner: owner, What: gap.What, Variable: gap.Variable, At: gap.At, May: may, Reason: plan.Refused}
	switch {
	case gap.Template != "":
		spot.Reason = plan.Unreadable
		spot.Message = bosh.TemplateText(gap.What, gap.Template)
		spot.Hint = bosh.TemplateHint(gap.Template)
	case gap.Meant != "":
		spot.Reason = plan.Overlooked
		spot.Hint = "did you mean " + gap.Meant + "?"
	case gap.Variable != "":
		spot.Reason = plan.NoValue
	case gap.IsNetwork():
		spot.Reason = plan.Ambiguous
	case gap.Hides == bosh.HidesProperties && gap.Property != "":
		spot.Reason = plan.Unreadable
	}
	for i := range spot.May {
		spot.May[i].At = gap.At
	}
	b.plan.BlindSpots = append(b.plan.BlindSpots, spot)
}

// oncePerTemplate forgets templates of which nothing more is known, from a spot of the plan on,
// where another spot says what the same one hides.
func (b *blindSpots) oncePerTemplate(from int) {
	known := map[place.Place]bool{}
	for _, s := range b.plan.BlindSpots[from:] {
		known[s.At] = known[s.At] || len(s.May) > 0
	}
	kept := slices.DeleteFunc(b.plan.BlindSpots[from:], func(s plan.BlindSpot) bool {
		return s.Reason == plan.Unreadable && len(s.May) == 0 && s.At.IsValid() && known[s.At]
	})
	b.plan.BlindSpots = b.plan.BlindSpots[:from+len(kept)]
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
	unknown.Segment, unknown.Perhaps = b.segmentsOf(hiddenBut(*unknown, hiddenBy(&gap)))
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
		may = claimsIn(plan.Gateway, owner, s, inWithin(inner(gap.Subnet), gap.Within))
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
	if gap.Within.IsValid() {
		set.Intersect(inWithin(plan.Everywhere(), gap.Within))
	}
	for _, sibling := range gap.Network.Subnets {
		if sibling.Range.IsValid() && b.parted < mostParted {
			set.RemovePrefix(sibling.Range)
		}
	}
	b.parted += len(built(clone(&set)).Ranges())
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

// inWithin is what of a set lies in the block that something hidden is in, if that is known.
func inWithin(set *netipx.IPSet, within netip.Prefix) *netipx.IPSet {
	if !within.IsValid() {
		return set
	}
	var block, both netipx.IPSetBuilder
	block.AddPrefix(within)
	both.AddSet(set)
	both.Intersect(built(&block))
	return built(&both)
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
	held := owner.Held()
	for _, r := range set.Ranges() {
		list = append(list, plan.Claim{Range: r, Kind: kind, Holder: held, Subnet: s})
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

// unread adds a source that could not be read.
func (b *blindSpots) unread(u Unread) {
	owner := plan.Owner{Director: b.director.Name, Deployment: u.Deployment}
	spot := plan.BlindSpot{Owner: owner, Reason: u.Reason, Message: u.Message, Hint: u.Hint, Excerpt: u.Excerpt, At: u.At, Judged: u.Judged}
	shared := &plan.Subnet{Director: owner.Director}
	b.unreadNetworks(u.Source, owner)
	switch u.Source {
	case CloudConfigSource, DirectorSource:
		spot.May = b.unknownNetwork(owner, shared, true)
		vip := owner
		vip.Property = "a property"
		spot.May = append(spot.May, claimsIn(plan.VIP, vip, nil, plan.Everywhere())...)
		if u.Source == DirectorSource {
			spot.May = append(spot.May, claimsIn(plan.Static, owner, shared, plan.Everywhere())...)
			mayRunDirector(spot.May)
		}
	case RuntimeConfigSource:
		spot.May = b.properties(owner, b.shared, b.shared)
	case DeploymentSource, LeasesSource:
		spot.May = b.anyGroup(plan.Static, owner, b.shared)
		mayRunDirector(spot.May)
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

// unreadNetworks keeps in mind that there may be any networks where a source could not be read.
func (b *builder) unreadNetworks(source Source, owner plan.Owner) {
	switch source {
	case DirectorSource:
		b.unknown(plan.Subnet{Director: owner.Director}, notRead)
		owner.Deployment = notRead
	case CloudConfigSource:
		owner.Deployment = ""
	case DeploymentSource, CreateEnvSource:
		owner.Deployment = cmp.Or(owner.Deployment, notRead)
	default:
		return
	}
	b.unknown(plan.Subnet{Director: owner.Director, Deployment: owner.Deployment}, notRead)
}
