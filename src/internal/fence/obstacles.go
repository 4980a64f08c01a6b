package fence

import (
	"net/netip"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// collect finds the pools, what stands in their way, and what they contest.
func (b *builder) collect(p *plan.Plan, within func(*plan.Subnet) bool) {
	b.unknown = map[*plan.Subnet]bool{}
	used, held := setsOf{}, setsOf{}
	// Twins lose what the first of them does.
	twins := plan.TwinsOf(p.Subnets)
	b.twins = twins.Others(p.Subnets)
	later := func(c *plan.Claim) bool { return c.Subnet != nil && twins.FirstOf(c.Subnet) != c.Subnet }
	for i := range p.Claims {
		c := &p.Claims[i]
		switch {
		case later(c):
		case isDynamic(c):
			own := b.pool(c.Subnet)
			own.claims = append(own.claims, c)
		case c.Kind.InUse() && c.Subnet != nil:
			used.add(c)
			if c.Kind == plan.Lease || c.Kind == plan.Orphan {
				held.add(c)
			}
		}
	}
	for _, pool := range b.order {
		pool.used, pool.held = built(used[pool.subnet]), built(held[pool.subnet])
	}
	overlaps := p.Overlaps(relevant)
	deployed := deployedAt(overlaps)
	for _, o := range overlaps {
		if o.OnWire() && !later(o.A) && !later(o.B) {
			b.overlap(o, deployed, within)
		}
	}
	for _, pool := range b.order {
		pool.takeForced()
	}
}

func isDynamic(c *plan.Claim) bool {
	return (c.Kind == plan.DynamicPool || c.Kind == plan.Compilation) && c.Subnet != nil
}

func (b *builder) pool(s *plan.Subnet) *pool {
	p, ok := b.pools[s]
	if !ok {
		p = &pool{subnet: s, taken: &netipx.IPSet{}}
		b.pools[s] = p
		b.order = append(b.order, p)
	}
	return p
}

// setsOf gathers addresses by subnet.
type setsOf map[*plan.Subnet]*netipx.IPSetBuilder

func (m setsOf) add(c *plan.Claim) {
	if m[c.Subnet] == nil {
		m[c.Subnet] = &netipx.IPSetBuilder{}
	}
	m[c.Subnet].AddRange(c.Range)
}

// relevant keeps the pairs that decide what a pool may hand out, and those that
// tell who deploys a gateway or a DNS server.
func relevant(a, b *plan.Claim) bool {
	if a.Kind == plan.Reserved || b.Kind == plan.Reserved || a.Kind == plan.CloudKept || b.Kind == plan.CloudKept {
		return false
	}
	reference := func(c *plan.Claim) bool { return c.Kind == plan.Gateway || c.Kind == plan.DNS }
	return isDynamic(a) || isDynamic(b) || reference(a) && b.Kind.InUse() || reference(b) && a.Kind.InUse()
}

// ownAddress is an address as one director knows it.
type ownAddress struct {
	director string
	kind     plan.Kind
	address  netip.Addr
}

// deployedAt returns the gateways and DNS servers that a director itself
// deploys: it does not hand those out.
func deployedAt(overlaps []plan.Overlap) map[ownAddress]bool {
	deployed := map[ownAddress]bool{}
	for _, o := range overlaps {
		for _, pair := range [][2]*plan.Claim{{o.A, o.B}, {o.B, o.A}} {
			if pair[1].Kind.InUse() && !pair[0].Kind.Pool() {
				deployed[ownAddress{pair[1].Owner().Director, pair[0].Kind, o.Range.From()}] = true
			}
		}
	}
	return deployed
}

// overlap notes what one overlap means for the pools in it.
func (b *builder) overlap(o plan.Overlap, deployed map[ownAddress]bool, within func(*plan.Subnet) bool) {
	inside := func(s *plan.Subnet) bool { return within == nil || within(s) }
	if isDynamic(o.A) && isDynamic(o.B) {
		if o.Foreign() && inside(o.A.Subnet) && inside(o.B.Subnet) {
			b.contests = append(b.contests, &contest{b.pool(o.A.Subnet), b.pool(o.B.Subnet), o.Range})
		}
		return
	}
	for _, pair := range [][2]*plan.Claim{{o.A, o.B}, {o.B, o.A}} {
		own, other := pair[0], pair[1]
		if !isDynamic(own) || !inside(own.Subnet) || !inTheWay(own, other, o) {
			continue
		}
		if deployed[ownAddress{own.Owner().Director, other.Kind, o.Range.From()}] {
			continue
		}
		if other.Kind == plan.Gateway && own.Subnet.HidesGateway() {
			b.mayBeOwn = append(b.mayBeOwn, own.Subnet)
			continue
		}
		p := b.pool(own.Subnet)
		p.forced = append(p.forced, obstacle{o.Range, other})
	}
}

// blind finds the spots that may hide something that counts here: a pool that
// somebody is in the way of, or what is in the way of one.
func (b *builder) blind(p *plan.Plan, within func(*plan.Subnet) bool) []*plan.BlindSpot {
	var list []*plan.BlindSpot
	blindness := plan.NewBlindness(p)
	telling := hiddenPools(p)
	for i := range p.BlindSpots {
		spot := &p.BlindSpots[i]
		counts := false
		for m := range blindness.Meetings(spot) {
			if counts && len(telling) == len(b.unknown) {
				break // nothing more can be learned
			}
			if !m.OnWire() || !concerns(m.Overlap, within) {
				continue
			}
			counts = true
			for _, c := range []*plan.Claim{m.A, m.B} {
				if isDynamic(c) && c.Subnet.Range.IsValid() && (c == m.Hidden || m.With != nil) {
					b.unknown[c.Subnet] = true
				}
			}
		}
		if counts {
			list = append(list, spot)
		}
	}
	return list
}

// hiddenPools are the known subnets of which a part of what they hand out hides.
func hiddenPools(p *plan.Plan) map[*plan.Subnet]bool {
	list := map[*plan.Subnet]bool{}
	for i := range p.BlindSpots {
		for k := range p.BlindSpots[i].May {
			if c := &p.BlindSpots[i].May[k]; isDynamic(c) && c.Subnet.Range.IsValid() {
				list[c.Subnet] = true
			}
		}
	}
	return list
}

// concerns reports whether one of the two is a pool that is to be fenced and the
// other something that it must leave alone.
func concerns(o plan.Overlap, within func(*plan.Subnet) bool) bool {
	inside := func(c *plan.Claim) bool {
		return within == nil || c.Subnet == nil || !c.Subnet.Range.IsValid() || within(c.Subnet)
	}
	if !relevant(o.A, o.B) {
		return false
	}
	if isDynamic(o.A) && isDynamic(o.B) {
		return o.Foreign() && inside(o.A) && inside(o.B)
	}
	for _, pair := range [][2]*plan.Claim{{o.A, o.B}, {o.B, o.A}} {
		if own, other := pair[0], pair[1]; isDynamic(own) && inside(own) && inTheWay(own, other, o) {
			return true
		}
	}
	return false
}

// inTheWay reports whether a pool must leave what it has in common with another
// claim. It is what the rules of lint about pools ask for; the property test
// holds the two together.
func inTheWay(own, other *plan.Claim, o plan.Overlap) bool {
	switch other.Kind {
	case plan.VIP:
		return o.Foreign() || other.Owner().Property != "" // its own director reads no properties
	case plan.Gateway:
		return other.Subnet != own.Subnet
	case plan.DNS:
		return true
	case plan.StaticPool:
		return o.Foreign()
	case plan.Booked:
		// The owner's own director may be about to give it to just this owner.
		return other.Booking().State == plan.BookingTaken && other.Booking().Director() != own.Owner().Director
	default:
		return other.Kind.InUse() && o.Foreign() && !o.SameMachine()
	}
}

// takeForced takes from the pool what it must leave to others. What its own
// director granted stays: that two have it is for people to solve.
func (p *pool) takeForced() {
	var set netipx.IPSetBuilder
	for _, o := range p.forced {
		set.AddRange(o.at)
	}
	set.RemoveSet(p.held)
	p.taken = built(&set)
}

// open is what the pool may still hand out, in whole blocks, and its director has not
// granted already; sorted and disjoint.
func (p *pool) open() []netipx.IPRange {
	var rest netipx.IPSetBuilder
	for _, r := range p.remaining(p.taken) {
		rest.AddRange(r)
	}
	rest.RemoveSet(p.held)
	return built(&rest).Ranges()
}

func (p *pool) remaining(taken *netipx.IPSet) []netipx.IPRange {
	var set netipx.IPSetBuilder
	for _, c := range p.claims {
		set.AddRange(c.Range)
	}
	set.RemoveSet(taken)
	var list []netipx.IPRange
	for _, r := range built(&set).Ranges() {
		if r, ok := plan.WholeBlocks(r, p.subnet.Prefix); ok {
			list = append(list, r)
		}
	}
	return list
}

// keeps counts what the pool may still hand out: addresses, or blocks.
func (p *pool) keeps() float64 { return p.count(p.remaining(p.taken)) }

func (p *pool) count(ranges []netipx.IPRange) float64 {
	total := 0.0
	for _, r := range ranges {
		total += size(r)
	}
	return total / p.block()
}

// block is the number of addresses that each VM gets.
func (p *pool) block() float64 {
	r := p.subnet.Range
	if bits := r.Addr().BitLen() - p.subnet.Prefix; p.subnet.Prefix > 0 && bits > 0 {
		return pow2(bits)
	}
	return 1
}

// size is the number of addresses of r; exact up to 2^53.
func size(r netipx.IPRange) float64 {
	from, to := r.From().As16(), r.To().As16()
	n := 0.0
	for i := range from {
		n = n*256 + float64(to[i]) - float64(from[i])
	}
	return n + 1
}

func pow2(n int) float64 {
	p := 1.0
	for range n {
		p *= 2
	}
	return p
}

// built returns the builder's set; nil is the empty set. A builder fails only on
// invalid ranges, which claims never have.
func built(set *netipx.IPSetBuilder) *netipx.IPSet {
	if set == nil {
		return &netipx.IPSet{}
	}
	s, err := set.IPSet()
	if err != nil {
		return &netipx.IPSet{}
	}
	return s
}
