package fence

import (
	"cmp"
	"math/big"
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// contest is a range that two pools may both hand out.
type contest struct {
	a, b *pool
	at   netipx.IPRange
}

// group is pools that have contests with each other, directly or through others.
type group struct {
	// pools are ordered by rank: the first gives way last.
	pools []*pool
	// rivals holds, for each pool, what it contests with each rival.
	rivals []map[int]*netipx.IPSet
	enough []enough
}

// contestGroups returns the groups in the order of their first pools.
func (b *builder) contestGroups() []*group {
	open := b.openContests()
	groupOf := map[*pool]*[]*contest{}
	var order []*[]*contest
	for _, c := range open {
		ga, gb := groupOf[c.a], groupOf[c.b]
		switch {
		case ga == nil && gb == nil:
			ga = &[]*contest{}
			order = append(order, ga)
		case ga == nil:
			ga = gb
		case gb != nil && ga != gb:
			*ga = append(*ga, *gb...)
			for _, moved := range *gb {
				groupOf[moved.a], groupOf[moved.b] = ga, ga
			}
			*gb = nil
		}
		*ga = append(*ga, c)
		groupOf[c.a], groupOf[c.b] = ga, ga
	}
	var groups []*group
	for _, contests := range order {
		if len(*contests) > 0 {
			groups = append(groups, b.newGroup(*contests))
		}
	}
	return groups
}

// openContests are the contests that what is forced has not decided. What both
// directors granted already is not among them: that is for people to solve.
func (b *builder) openContests() []*contest {
	remains := map[*pool][]netipx.IPRange{}
	of := func(p *pool) []netipx.IPRange {
		if _, ok := remains[p]; !ok {
			remains[p] = p.open()
		}
		return remains[p]
	}
	var open []*contest
	for _, c := range b.contests {
		for _, r := range plan.Within(of(c.a), c.at) {
			for _, r := range plan.Within(of(c.b), r) {
				open = append(open, &contest{c.a, c.b, r})
			}
		}
	}
	return open
}

func (b *builder) newGroup(contests []*contest) *group {
	g := &group{}
	stake := map[*pool]netipx.IPRange{}
	for _, c := range contests {
		for _, p := range []*pool{c.a, c.b} {
			if at, ok := stake[p]; ok {
				stake[p] = plan.Union(at, c.at)
			} else {
				stake[p] = c.at
				g.pools = append(g.pools, p)
			}
		}
	}
	uses := map[*pool]float64{}
	for _, p := range g.pools {
		uses[p] = float64(b.needs[p.subnet]) + sizeWithin(p.used, stake[p])
	}
	slices.SortStableFunc(g.pools, func(x, y *pool) int {
		return cmp.Or(cmp.Compare(uses[y], uses[x]), cmp.Compare(x.subnet.Director, y.subnet.Director),
			cmp.Compare(x.subnet.Network, y.subnet.Network), compareSubnets(x.subnet, y.subnet))
	})
	g.setRivals(contests)
	g.setEnough(b.needs)
	return g
}

func sizeWithin(set *netipx.IPSet, r netipx.IPRange) float64 {
	total := 0.0
	for _, part := range set.Ranges() {
		if part.Overlaps(r) {
			total += size(plan.Intersection(part, r))
		}
	}
	return total
}

func (g *group) setRivals(contests []*contest) {
	rank := map[*pool]int{}
	for i, p := range g.pools {
		rank[p] = i
	}
	sets := map[[2]int]*netipx.IPSetBuilder{}
	for _, c := range contests {
		pair := [2]int{rank[c.a], rank[c.b]}
		if pair[0] > pair[1] {
			pair[0], pair[1] = pair[1], pair[0]
		}
		if sets[pair] == nil {
			sets[pair] = &netipx.IPSetBuilder{}
		}
		sets[pair].AddRange(c.at)
	}
	g.rivals = make([]map[int]*netipx.IPSet, len(g.pools))
	for i := range g.rivals {
		g.rivals[i] = map[int]*netipx.IPSet{}
	}
	for pair, set := range sets {
		common := built(set)
		g.rivals[pair[0]][pair[1]], g.rivals[pair[1]][pair[0]] = common, common
	}
}

// stretch is a range in which the same pools lose by force and the same pools
// contest: whoever gets one address of it may get all.
type stretch struct {
	at netipx.IPRange
	// forced are the pools that lose it in any case, contenders those that contest it.
	forced, contenders members
	// ways are all ways to settle it, one where nothing is contested; options are
	// those of them that are allowed.
	ways, options []option
	// adjacent says that the stretch before it ends where this one begins.
	adjacent bool
}

func (s *stretch) contested() bool { return len(s.contenders) > 0 }

// option is one way to settle a stretch: lost are the pools that it is taken
// from, forced ones included. No pool could keep it beside those that do.
type option struct {
	lost, keepers members
	// cost has what does not depend on the neighbours.
	cost cost
}

// edge is an address from which on a pool loses or contests one range more, or less.
type edge struct {
	at        netip.Addr
	pool, by  int
	contested bool
}

// edges are where the ranges begin and end that the group's pools lose or contest.
func (g *group) edges() []edge {
	var list []edge
	add := func(pool int, ranges []netipx.IPRange, contested bool) {
		for _, r := range ranges {
			list = append(list, edge{r.From(), pool, 1, contested})
			if next := r.To().Next(); next.IsValid() {
				list = append(list, edge{next, pool, -1, contested})
			}
		}
	}
	for i, p := range g.pools {
		add(i, p.taken.Ranges(), false)
		for _, common := range g.rivals[i] {
			add(i, common.Ranges(), true)
		}
	}
	slices.SortFunc(list, func(a, b edge) int { return a.at.Compare(b.at) })
	return list
}

// stretches cuts everything that the group's pools lose or contest at every
// point where one of those ranges begins or ends. It goes from point to point and
// keeps who loses and who contests there.
func (g *group) stretches() []*stretch {
	var list []*stretch
	var forced, contenders members
	contests := map[int]int{} // by pool
	edges := g.edges()
	for len(edges) > 0 {
		from := edges[0].at
		for len(edges) > 0 && edges[0].at == from {
			switch e := edges[0]; {
			case e.contested:
				contests[e.pool] += e.by
			case e.by > 0:
				forced.add(e.pool)
			default:
				forced.remove(e.pool)
			}
			if e := edges[0]; contests[e.pool] > 0 {
				contenders.add(e.pool)
			} else {
				contenders.remove(e.pool)
			}
			edges = edges[1:]
		}
		to := netipx.PrefixLastIP(netip.PrefixFrom(from, 0))
		if len(edges) > 0 {
			to = edges[0].at.Prev()
		}
		if len(contenders) > 0 || len(forced) > 0 {
			list = append(list, g.stretch(netipx.IPRangeFrom(from, to), forced.clone(), contenders.clone()))
		}
	}
	return linked(list)
}

// linked marks the stretches that touch the one before.
func linked(list []*stretch) []*stretch {
	for i, s := range list {
		s.adjacent = i > 0 && list[i-1].at.To().Next() == s.at.From()
	}
	return list
}

// stretch returns the stretch at a range that pools lose or contest.
func (g *group) stretch(at netipx.IPRange, forced, contenders members) *stretch {
	s := &stretch{at: at, forced: forced, contenders: contenders}
	s.ways = g.ways(s)
	s.options = s.ways
	return s
}

// ways settles a stretch in favour of each contender in turn: it keeps the
// stretch, and so does whoever can beside it, in the order of rank.
func (g *group) ways(s *stretch) []option {
	if !s.contested() {
		return []option{{lost: s.forced}}
	}
	against := g.against(s)
	var list []option
	for first := range s.contenders {
		o := option{lost: s.forced.clone(), keepers: members{s.contenders[first]}}
		keeps := new(big.Int).SetBit(new(big.Int), first, 1)
		for n, i := range s.contenders {
			if n == first {
				continue
			}
			if !meet(against[n], keeps) {
				o.keepers.add(i)
				keeps.SetBit(keeps, n, 1)
				continue
			}
			o.lost.add(i)
			o.cost.taken += size(s.at)
			o.cost.weight += size(s.at) * float64(len(g.pools)-i)
		}
		if !slices.ContainsFunc(list, func(other option) bool { return slices.Equal(other.lost, o.lost) }) {
			list = append(list, o)
		}
	}
	return list
}

// against says of each contender of a stretch, in their order, which of them cannot have an
// address of it too: one bit each. Hundreds may be against hundreds.
func (g *group) against(s *stretch) []*big.Int {
	at := s.at.From()
	list := make([]*big.Int, len(s.contenders))
	for n, i := range s.contenders {
		list[n] = new(big.Int)
		for m, k := range s.contenders {
			if common := g.rivals[i][k]; common != nil && common.Contains(at) {
				list[n].SetBit(list[n], m, 1)
			}
		}
	}
	return list
}

// meet reports whether two sets have a bit in common.
func meet(a, b *big.Int) bool {
	words := b.Bits()
	for i, word := range a.Bits() {
		if i < len(words) && word&words[i] != 0 {
			return true
		}
	}
	return false
}
