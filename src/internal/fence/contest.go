package fence

import (
	"cmp"
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
	// forced are the pools that lose it in any case.
	forced members
	// ways are all ways to settle it, one where nothing is contested; options are
	// those of them that are allowed.
	ways, options []option
	contested     bool
	// adjacent says that the stretch before it ends where this one begins.
	adjacent bool
}

// option is one way to settle a stretch: lost are the pools that it is taken
// from, forced ones included. No pool could keep it beside those that do.
type option struct {
	lost, keepers members
	// cost has what does not depend on the neighbours.
	cost cost
}

// stretches cuts everything that the group's pools lose or contest at every
// point where one of those ranges begins or ends.
func (g *group) stretches() []*stretch {
	var points []netip.Addr
	add := func(r netipx.IPRange) {
		points = append(points, r.From())
		if next := r.To().Next(); next.IsValid() {
			points = append(points, next)
		}
	}
	for i, p := range g.pools {
		for _, r := range p.taken.Ranges() {
			add(r)
		}
		for _, common := range g.rivals[i] {
			for _, r := range common.Ranges() {
				add(r)
			}
		}
	}
	slices.SortFunc(points, netip.Addr.Compare)
	points = slices.Compact(points)
	var list []*stretch
	for i, from := range points {
		to := netipx.PrefixLastIP(netip.PrefixFrom(from, 0))
		if i+1 < len(points) {
			to = points[i+1].Prev()
		}
		if s := g.stretch(netipx.IPRangeFrom(from, to)); s != nil {
			list = append(list, s)
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

// stretch returns the stretch at a range, or nil where nothing is lost.
func (g *group) stretch(at netipx.IPRange) *stretch {
	s := &stretch{at: at, forced: newMembers(len(g.pools))}
	var contenders []int
	for i, p := range g.pools {
		if p.taken.Contains(at.From()) {
			s.forced.add(i)
		}
		for _, common := range g.rivals[i] {
			if common.Contains(at.From()) {
				contenders = append(contenders, i)
				break
			}
		}
	}
	if len(contenders) == 0 && s.forced.empty() {
		return nil
	}
	s.contested = len(contenders) > 0
	s.ways = g.ways(s, contenders)
	s.options = s.ways
	return s
}

// ways settles a stretch in favour of each contender in turn: it keeps the
// stretch, and so does whoever can beside it, in the order of rank.
func (g *group) ways(s *stretch, contenders []int) []option {
	if len(contenders) == 0 {
		return []option{{lost: s.forced}}
	}
	var list []option
	for _, first := range contenders {
		keepers := []int{first}
		lost := s.forced.clone()
		o := option{lost: lost, keepers: newMembers(len(g.pools))}
		for _, i := range contenders {
			if i == first {
				continue
			}
			if g.compatible(i, keepers, s.at.From()) {
				keepers = append(keepers, i)
				continue
			}
			lost.add(i)
			o.cost.taken += size(s.at)
			o.cost.weight += size(s.at) * float64(len(g.pools)-i)
		}
		for _, i := range keepers {
			o.keepers.add(i)
		}
		if !slices.ContainsFunc(list, func(other option) bool { return slices.Equal(other.lost, lost) }) {
			list = append(list, o)
		}
	}
	return list
}

// compatible reports whether a pool and the keepers may all have an address.
func (g *group) compatible(i int, keepers []int, at netip.Addr) bool {
	for _, k := range keepers {
		if common, ok := g.rivals[i][k]; ok && common.Contains(at) {
			return false
		}
	}
	return true
}
