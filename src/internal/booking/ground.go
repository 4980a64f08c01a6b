package booking

import (
	"cmp"
	"encoding/binary"
	"iter"
	"net/netip"
	"slices"
	"sync"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/seal"
)

// ground is what all questions about a pool have in common. Most owners have nothing in
// the pool yet: what they may be given is the same for all of them, and computed once.
type ground struct {
	subnets []*plan.Subnet
	// plan is the part of the whole plan that lies in the pool or its subnets.
	plan       *plan.Plan
	createEnvs map[[2]string]bool // director and deployment
	// deployments are those of directors, without what create-env makes.
	deployments map[[2]string]bool
	// keptBack are the deployments whose names may not be shown, as the plan has them, by
	// director and seal.Identity.
	keptBack map[[2]string]string
	// elsewhere are the bookings of other pools.
	elsewhere []*plan.Claim
	used      []*plan.Claim // by first address
	reach     []netip.Addr  // the highest last address of all up to here
	owned     map[name][]*plan.Claim
	numbers   map[*plan.Claim]uint32

	// withheld is computed when somebody asks.
	withheldOnce sync.Once
	withheld     []*plan.BlindSpot

	mu     sync.Mutex
	worlds map[string][]*netipx.IPSet // by the numbers of the claims that are kept for an owner
}

// name is what an owner begins with, by which its claims are found.
type name struct {
	director, deployment string
	// other is the whole name of who is no deployment.
	other string
}

// on is the look's ground.
func (l *Look) on() *ground {
	if l.ground == nil {
		l.ground = l.newGround()
	}
	return l.ground
}

func (l *Look) newGround() *ground {
	g := &ground{createEnvs: map[[2]string]bool{}, keptBack: map[[2]string]string{}, deployments: map[[2]string]bool{}, owned: map[name][]*plan.Claim{}, numbers: map[*plan.Claim]uint32{}, worlds: map[string][]*netipx.IPSet{}}
	reaches := slices.Clone(l.Pool.Ranges)
	for _, s := range l.Plan.Subnets {
		if s.Range.IsValid() && (l.Pool.Segment == "" || l.Pool.Segment == s.Segment) &&
			slices.ContainsFunc(l.Pool.Ranges, netipx.RangeOfPrefix(s.Range).Overlaps) {
			g.subnets = append(g.subnets, s)
			reaches = append(reaches, netipx.RangeOfPrefix(s.Range))
		}
	}
	g.narrow(l.Plan, joined(reaches))
	for i := range g.plan.Claims {
		c := &g.plan.Claims[i]
		g.numbers[c] = uint32(i)
		if l.uses(c) {
			g.used = append(g.used, c)
		}
		if c.Booking() != nil && c.Booking().Pool != l.Pool.Name && c.Booking().State != plan.BookingOver && l.meets(c) {
			g.elsewhere = append(g.elsewhere, c)
		}
		if n, ok := nameOf(c); ok {
			g.owned[n] = append(g.owned[n], c)
		}
	}
	slices.SortStableFunc(g.used, func(a, b *plan.Claim) int { return a.Range.From().Compare(b.Range.From()) })
	var highest netip.Addr
	for _, c := range g.used {
		if last := c.Range.To(); highest.Less(last) {
			highest = last
		}
		g.reach = append(g.reach, highest)
	}
	return g
}

// joined are the ranges as few that do not overlap.
func joined(ranges []netipx.IPRange) []netipx.IPRange {
	var set netipx.IPSetBuilder
	for _, r := range ranges {
		set.AddRange(r)
	}
	return built(&set).Ranges()
}

// narrow keeps of the plan what lies in some ranges.
func (g *ground) narrow(p *plan.Plan, reaches []netipx.IPRange) {
	in := func(c *plan.Claim) bool { return c.Range.IsValid() && slices.ContainsFunc(reaches, c.Range.Overlaps) }
	g.plan = &plan.Plan{Directors: p.Directors, Deployments: p.Deployments, Subnets: g.subnets}
	for _, s := range p.Subnets {
		if s.Range.IsValid() && slices.ContainsFunc(reaches, netipx.RangeOfPrefix(s.Range).Overlaps) && !slices.Contains(g.subnets, s) {
			g.plan.Subnets = append(g.plan.Subnets[:len(g.plan.Subnets):len(g.plan.Subnets)], s)
		}
	}
	for i := range p.Claims {
		c := &p.Claims[i]
		if o := c.Owner(); seal.Is(o.Deployment) {
			g.keptBack[[2]string{o.Director, seal.Identity(o.Deployment)}] = o.Deployment
		}
		if c.Kind == plan.CreateEnvVM {
			g.createEnvs[[2]string{c.Owner().Director, c.Owner().Deployment}] = true
		} else if c.Owner().Deployment != "" {
			g.deployments[[2]string{c.Owner().Director, c.Owner().Deployment}] = true
		}
		if in(c) {
			g.plan.Claims = append(g.plan.Claims, *c)
		}
	}
	for i := range p.BlindSpots {
		if slices.ContainsFunc(p.BlindSpots[i].May, func(c plan.Claim) bool { return in(&c) }) {
			g.plan.BlindSpots = append(g.plan.BlindSpots, p.BlindSpots[i])
		}
	}
}

// nameOf is the name under which a claim is found that may be kept for its owner.
func nameOf(c *plan.Claim) (n name, ok bool) {
	switch {
	case c.Kind == plan.External:
		return name{other: c.Owner().Property}, true
	case c.Kind == plan.DirectorOwn:
		return name{director: c.Owner().Director}, true
	case c.Kind.InUse() || c.Kind == plan.StaticPool:
		return name{director: c.Owner().Director, deployment: c.Owner().Deployment}, true
	}
	return n, false
}

// known are a director and a deployment as the plan has them, which somebody has typed.
func (g *ground) known(director, deployment string) [2]string {
	if len(g.keptBack) > 0 {
		deployment = cmp.Or(g.keptBack[[2]string{director, seal.Identity(deployment)}], deployment)
	}
	return [2]string{director, deployment}
}

// ofOwner are the claims that may be kept for an owner, in the order of the plan.
func (g *ground) ofOwner(owner string) []*plan.Claim {
	n := plan.ReadOwnerName(owner)
	list := slices.Concat(g.owned[name{other: owner}], g.owned[name{director: n.Director}])
	if n.Deployment != "" {
		list = append(list, g.owned[name{director: n.Director, deployment: g.known(n.Director, n.Deployment)[1]}]...)
	}
	slices.SortFunc(list, func(a, b *plan.Claim) int { return int(g.numbers[a]) - int(g.numbers[b]) })
	return list
}

// using yields the claims of those who use addresses of a range.
func (g *ground) using(r netipx.IPRange) iter.Seq[*plan.Claim] {
	from, _ := slices.BinarySearchFunc(g.reach, r.From(), netip.Addr.Compare)
	return func(yield func(*plan.Claim) bool) {
		for _, c := range g.used[from:] {
			if r.To().Less(c.Range.From()) {
				return
			}
			if c.Range.Overlaps(r) && !yield(c) {
				return
			}
		}
	}
}

// mostWorlds bounds what is remembered of owners that have something in the pool.
const mostWorlds = 256

// free is what may be given to an owner, computed once for all for whom the same is kept.
func (g *ground) free(kept []*plan.Claim, compute func([]*plan.Claim) []*netipx.IPSet) []*netipx.IPSet {
	var key []byte
	for _, c := range kept {
		key = binary.BigEndian.AppendUint32(key, g.numbers[c])
	}
	g.mu.Lock()
	known, ok := g.worlds[string(key)]
	g.mu.Unlock()
	if ok {
		return known
	}
	sets := compute(kept)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.worlds) >= mostWorlds {
		clear(g.worlds)
	}
	g.worlds[string(key)] = sets
	return sets
}
