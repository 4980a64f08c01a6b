package claims

import (
	"fmt"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// manifest adds what hides of a manifest with those networks.
func (b *blindSpots) manifest(m *bosh.Manifest, known networks) {
	owner := plan.Owner{Director: b.director.Name, Deployment: m.Name}
	b.config(owner, m.Own, m.Form != bosh.CreateEnv)
	for _, gap := range m.Gaps {
		b.manifestGap(owner, m, gap, known)
	}
	for _, vip := range m.VIPs {
		owner.Property, owner.InstanceGroup = vip.Property, vip.Group
		if vip.Placement != nil {
			b.mayBePlaced(owner, b.placesIn(vip.Placement, m, known), known, vip)
		} else {
			b.mayBePlaced(owner, groupPlaces(m, vip.Group, known), known, vip)
		}
	}
	owner.Property, owner.InstanceGroup = "", ""
	if m.Form == bosh.CreateEnv {
		b.untold(owner, m, known)
	}
}

// untold adds the addresses of a VM of create-env that no file tells: without static_ips
// create-env sends none to the CPI, and whoever chooses one, such as a DHCP server, asks no
// director. A cloud that makes its networks itself gives out none that is in use there; on
// a dynamic network nobody expects to know it. An address by which the VM is reached tells it.
func (b *blindSpots) untold(owner plan.Owner, m *bosh.Manifest, known networks) {
	for _, g := range m.Groups {
		for _, use := range g.Networks {
			if len(use.Static) > 0 || slices.ContainsFunc(m.Gaps, func(gap bosh.Gap) bool { return mayTell(gap, use) }) {
				continue
			}
			of := owner
			of.InstanceGroup, of.Network = g.Name, use.Name
			subnets := known.of(use)
			if _, hides := bosh.VariableIn(use.Name); hides {
				subnets = known.all()
			}
			for _, s := range subnets {
				reached := slices.ContainsFunc(m.Contacts, func(c bosh.PropertyAddress) bool { return s.Range.IsValid() && s.Range.Contains(c.Range.From()) })
				if s.kind == bosh.Dynamic || s.kind == bosh.VIP || s.Identity.Closed || reached {
					continue
				}
				b.plan.BlindSpots = append(b.plan.BlindSpots, plan.BlindSpot{
					Owner: of, Reason: plan.Untold, At: use.At, May: located(claimsIn(plan.CreateEnvVM, of, s.Subnet, chosenIn(s.read)), use.At),
					Message: fmt.Sprintf("no file tells the address of the create-env VM %s on network %s", m.Name, use.Name),
					Hint:    "write it, as static_ips: [ADDRESS] of that network",
				})
			}
		}
	}
}

// mayTell reports whether a gap is told of that hides the address of a VM on a network.
func mayTell(gap bosh.Gap, use *bosh.GroupNetwork) bool {
	switch gap.Hides {
	case bosh.HidesGroups, bosh.HidesUses, bosh.HidesContact:
		return true
	case bosh.HidesStaticIPs:
		return gap.Use == use
	}
	return false
}

func located(list []plan.Claim, at place.Place) []plan.Claim {
	for i := range list {
		list[i].At = at
	}
	return list
}

// chosenIn are the addresses that somebody may choose for a VM in a subnet.
func chosenIn(read *bosh.Subnet) *netipx.IPSet {
	var set netipx.IPSetBuilder
	set.AddSet(rangeOf(read))
	if read.Gateway.IsValid() {
		set.Remove(read.Gateway)
	}
	if r := netipx.RangeOfPrefix(read.Range); read.Range.IsValid() && plan.Size(r).BitLen() > 2 {
		set.Remove(r.From())
		set.Remove(r.To())
	}
	return built(&set)
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
		if gap.Placement == nil {
			may = b.ofProperty(owner, groupPlaces(m, gap.GroupName, known).all(), known, gap)
		} else if places := b.placesIn(gap.Placement, m, known); !places.none() {
			may = b.ofProperty(owner, places.all(), known, gap)
		}
	case bosh.HidesContact:
		owner.Property = gap.Property
		may = b.contact(owner, m, known)
	}
	if gap.Group == nil || gap.Group.MayRunDirector() {
		mayRunDirector(may)
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
	may := b.apart(func() {
		for _, block := range gap.Blocks {
			b.static(kind, owner, list, block, indexes{}, 0)
		}
	})
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
	return b.apart(func() {
		for _, s := range known.all() {
			for _, block := range use.Static {
				if s.mayGive(kind, block) {
					b.static(kind, owner, []subnet{s}, block, indexes{}, 0)
				}
			}
		}
	})
}

// apart returns the claims that add makes, without the plan's having them.
func (b *blindSpots) apart(add func()) []plan.Claim {
	before := len(b.plan.Claims)
	add()
	made := slices.Clone(b.plan.Claims[before:])
	b.plan.Claims = b.plan.Claims[:before]
	return made
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
	whole := !s.read.Range.IsValid() && (s.read.At == place.Place{}) // a subnet that hides as a whole
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
	switch {
	case gap.Hides == 0:
		return nil
	case len(gap.Found) == 0:
		return routed(b.properties(owner, mine, known), mine, gap.Routers)
	}
	return b.apart(func() {
		for _, vip := range gap.Found {
			b.property(owner, mine, known, vip)
		}
	})
}

// routed says of what a property may hold that its address has virtual routers: they speak in
// the networks of those that have the property.
func routed(may []plan.Claim, mine networks, of []bosh.Router) []plan.Claim {
	if len(of) == 0 {
		return may
	}
	detail := &plan.Detail{Routers: routersOf(of)}
	own := mine.all()
	isOwn := func(c plan.Claim) bool {
		return slices.ContainsFunc(own, func(s subnet) bool { return s.Subnet == c.Subnet })
	}
	everywhere := !slices.ContainsFunc(may, isOwn) // nobody tells the ranges of their networks
	for i := range may {
		if everywhere || isOwn(may[i]) {
			may[i].Detail = detail
		}
	}
	return may
}

// properties is any virtual address in the segments of some networks; all other
// networks of the director are known.
func (b *blindSpots) properties(owner plan.Owner, mine, known networks) []plan.Claim {
	if owner.Property == "" {
		owner.Property = "a property" // no director knows of what stands in one
	}
	among := b.among(mine)
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
