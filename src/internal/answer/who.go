package answer

import (
	"maps"
	"math/big"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/seal"
)

// Holders is everybody who has part in some addresses.
type Holders struct {
	Asked netipx.IPRange
	// Name was asked for in place of addresses; empty if it was not.
	Name string
	// Segments are those with a subnet around what was asked or a claim on it,
	// in the order of the plan; last the unknown one.
	Segments []Held
	// Nearest are the closest addresses in use or in a pool, if Nobody has what was
	// asked: before and behind it, in its segments, or else in the whole plan.
	Nearest []plan.Claim
	// Pools are delegations that hold some of it.
	Pools []Pool
	// Blind are the spots that may have some of it.
	Blind []*plan.BlindSpot
}

// Held is what one segment knows about some addresses.
type Held struct {
	Segment
	// Claims are sorted: in use, gateways and resolvers, pools, reservations. If
	// one address was asked for, a claim of several instances is narrowed to the
	// one that gets it.
	Claims []plan.Claim
}

// InUse, Infrastructure and MayHandOut count the claims of addresses that
// somebody has, of gateways and resolvers, and of pools that they are in.
func (h *Holders) InUse() int { return h.count(plan.Kind.InUse) }
func (h *Holders) Infrastructure() int {
	return h.count(func(k plan.Kind) bool { return infrastructure(k) && k != plan.CloudKept })
}
func (h *Holders) MayHandOut() int { return h.count(plan.Kind.Pool) }

// KeptByCloud counts the claims of a cloud on addresses that it gives to no VM.
func (h *Holders) KeptByCloud() int {
	return h.count(func(k plan.Kind) bool { return k == plan.CloudKept })
}

// Booked counts the bookings, each once: one whose pool moved is taken in two segments.
func (h *Holders) Booked() int {
	type booking struct {
		pool string
		of   netipx.IPRange
	}
	seen := map[booking]bool{}
	for _, segment := range h.Segments {
		for i := range segment.Claims {
			if c := &segment.Claims[i]; c.Kind == plan.Booked {
				seen[booking{c.Detail.Booking.Pool, c.Range}] = true
			}
		}
	}
	return len(seen)
}

// Nobody reports whether nobody has what was asked, or may get it.
func (h *Holders) Nobody() bool {
	return h.InUse()+h.Infrastructure()+h.KeptByCloud()+h.Booked()+h.MayHandOut() == 0
}

// count counts claims, each once: one that may be in two segments is in both.
func (h *Holders) count(counts func(plan.Kind) bool) int {
	seen := map[plan.Claim]bool{}
	for _, segment := range h.Segments {
		for _, c := range segment.Claims {
			if counts(c.Kind) {
				seen[c] = true
			}
		}
	}
	return len(seen)
}

// Title is what was asked for.
func (h *Holders) Title() string {
	if h.Name != "" {
		return h.Name
	}
	return plan.RangeText(h.Asked)
}

// called are the names by which an owner is asked for: each part, and parts that tell
// equal ones apart.
func called(o plan.Owner) []string {
	names := []string{o.Director, o.Deployment, o.InstanceGroup, o.Network, o.Property}
	join := func(parts ...string) {
		if !slices.Contains(parts, "") {
			names = append(names, strings.Join(parts, "/"))
		}
	}
	join(o.Director, o.Deployment)
	join(o.Director, o.Network)
	join(o.Deployment, o.InstanceGroup)
	join(o.Director, o.Deployment, o.InstanceGroup)
	return slices.DeleteFunc(names, func(n string) bool { return n == "" })
}

// WhoNamed returns what a director, deployment, instance group, network, property or
// holder of external addresses has, by its name, or by DIRECTOR/DEPLOYMENT,
// DIRECTOR/NETWORK or DEPLOYMENT/GROUP. If nobody has the name, others are those that
// there are.
func WhoNamed(p *plan.Plan, name string) (h Holders, others []string) {
	h = Holders{Name: name}
	bySubnet := map[*plan.Subnet][]plan.Claim{}
	known, found := map[string]bool{}, false
	note := func(o plan.Owner) (named bool) {
		for _, n := range called(o) {
			known[n] = true
			named = named || seal.Same(n, name)
		}
		found = found || named
		return named
	}
	for i := range p.Claims {
		c := &p.Claims[i]
		if note(c.Owner()) {
			bySubnet[c.Subnet] = append(bySubnet[c.Subnet], *c)
		}
	}
	h.place(newOrder(p), bySubnet, ranged(p, func(s *plan.Subnet) bool { return bySubnet[s] != nil }))
	for i := range p.BlindSpots {
		spot := &p.BlindSpots[i]
		if note(spot.Owner) && len(spot.May) > 0 {
			h.Blind = append(h.Blind, spot)
		}
	}
	if found {
		return h, nil
	}
	return h, slices.Sorted(maps.Keys(known))
}

// place puts claims into the segments of the subnets around them, sorted.
func (h *Holders) place(o *order, bySubnet map[*plan.Subnet][]plan.Claim, around []*plan.Subnet) {
	for _, segment := range o.segmentsOf(around) {
		held := Held{Segment: segment}
		for _, s := range segment.Subnets {
			held.Claims = append(held.Claims, bySubnet[s]...)
		}
		h.Segments = append(h.Segments, held)
	}
	h.addRangeless(o, bySubnet)
	for i := range h.Segments {
		sortClaims(h.Segments[i].Claims)
	}
}

// Who returns the holders of the addresses of asked.
func Who(p *plan.Plan, pools []Pool, asked netipx.IPRange) Holders {
	h := Holders{Asked: asked}
	bySubnet := map[*plan.Subnet][]plan.Claim{}
	for i := range p.Claims {
		if c := &p.Claims[i]; c.Range.IsValid() && c.Range.Overlaps(asked) {
			bySubnet[c.Subnet] = append(bySubnet[c.Subnet], narrowed(c, asked))
		}
	}
	around := ranged(p, func(s *plan.Subnet) bool {
		return bySubnet[s] != nil || netipx.RangeOfPrefix(s.Range).Overlaps(asked)
	})
	h.place(newOrder(p), bySubnet, around)
	for i := range p.BlindSpots {
		spot := &p.BlindSpots[i]
		if slices.ContainsFunc(spot.May, func(c plan.Claim) bool { return c.Range.Overlaps(asked) }) {
			h.Blind = append(h.Blind, spot)
		}
	}
	if h.Nobody() {
		h.Nearest = nearest(p, asked, around)
	}
	for i := range pools {
		if slices.ContainsFunc(pools[i].Ranges, asked.Overlaps) {
			h.Pools = append(h.Pools, pools[i])
		}
	}
	return h
}

// addRangeless adds the claims that lie in no subnet's range: those of external
// addresses and of vip networks. Where the fleet file does not tell their
// segment it is not known.
func (h *Holders) addRangeless(o *order, bySubnet map[*plan.Subnet][]plan.Claim) {
	add := func(name string, claims []plan.Claim) {
		if len(claims) == 0 {
			return
		}
		i := slices.IndexFunc(h.Segments, func(held Held) bool { return held.Name == name })
		if i < 0 {
			i = len(h.Segments)
			h.Segments = append(h.Segments, Held{Segment: Segment{Name: name}})
		}
		h.Segments[i].Claims = append(h.Segments[i].Claims, claims...)
	}
	for _, s := range o.rangeless {
		add(s.Segment, bySubnet[s])
	}
	add("", bySubnet[nil])
	// What lies in one of several subnets, or in one that hides, is in no list.
	var unlisted []plan.Claim
	for s, claims := range bySubnet {
		if s != nil && !o.listed[s] {
			unlisted = append(unlisted, claims...)
		}
	}
	add("", unlisted)
}

// narrowed returns the claim, cut to the one instance that asked is about.
func narrowed(c *plan.Claim, asked netipx.IPRange) plan.Claim {
	cut := *c
	single := c.Subnet == nil || c.Subnet.Prefix == 0 || c.Subnet.Prefix == c.Range.From().BitLen()
	if c.Kind != plan.Static || !single || asked.From() != asked.To() {
		return cut
	}
	offset := plan.Size(netipx.IPRangeFrom(c.Range.From(), asked.From()))
	if !offset.IsInt64() || offset.Int64() > 1<<16 {
		return cut
	}
	cut.Range, cut.Index = asked, c.IndexAt(int(offset.Int64())-1)
	cut.SetIndexes(nil)
	return cut
}

// nearest returns the claims closest to asked that somebody has or may hand out,
// one before it and one behind it.
func nearest(p *plan.Plan, asked netipx.IPRange, near []*plan.Subnet) []plan.Claim {
	reach := newContacts(near)
	var before, behind *plan.Claim
	for i := range p.Claims {
		c := &p.Claims[i]
		counts := c.Range.IsValid() && (c.Kind.InUse() || c.Kind.Pool()) && c.Range.From().BitLen() == asked.From().BitLen()
		if !counts || len(near) > 0 && !reach.meet(c.Subnet) {
			continue
		}
		switch {
		case c.Range.To().Less(asked.From()) && (before == nil || before.Range.To().Less(c.Range.To())):
			before = c
		case asked.To().Less(c.Range.From()) && (behind == nil || c.Range.From().Less(behind.Range.From())):
			behind = c
		}
	}
	var list []plan.Claim
	for _, c := range []*plan.Claim{before, behind} {
		if c != nil {
			list = append(list, *c)
		}
	}
	return list
}

// Distance is how far a claim is from the asked addresses, in addresses; 0 where
// they overlap.
func (h *Holders) Distance(c *plan.Claim) *big.Int {
	var gap netipx.IPRange
	switch {
	case c.Range.To().Less(h.Asked.From()):
		gap = netipx.IPRangeFrom(c.Range.To(), h.Asked.From())
	case h.Asked.To().Less(c.Range.From()):
		gap = netipx.IPRangeFrom(h.Asked.To(), c.Range.From())
	default:
		return new(big.Int)
	}
	d := plan.Size(gap)
	return d.Sub(d, big.NewInt(1))
}

// directorsOf lists the directors of subnets, sorted.
func directorsOf(subnets []*plan.Subnet) []string {
	var list []string
	for _, s := range subnets {
		if s.Director != "" {
			list = append(list, s.Director)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Places are the places of all claims of the answer, each once.
func (h *Holders) Places() []place.Place {
	seen := map[place.Place]bool{}
	var list []place.Place
	add := func(claims []plan.Claim) {
		for _, c := range claims {
			if at := c.At.Told(); !seen[at] {
				seen[at] = true
				list = append(list, at)
			}
		}
	}
	for _, segment := range h.Segments {
		add(segment.Claims)
	}
	add(h.Nearest)
	return list
}
