package fence

import (
	"cmp"
	"math/big"
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// enough is how much a pool must keep, in addresses, or blocks where each VM
// gets a block.
type enough struct {
	needs float64 // what its manifests need
	share float64 // needs, or half of an equal share if that is more
}

// setEnough computes what each pool must keep; no more than it has.
func (g *group) setEnough(needs Needs) {
	for i, p := range g.pools {
		has := p.keeps()
		e := enough{needs: min(float64(needs[p.subnet]), has)}
		e.share = max(e.needs, has/float64(2*(len(g.rivals[i])+1)))
		g.enough = append(g.enough, e)
	}
}

// settle settles the contests of a group and takes from each pool what it loses.
func (b *builder) settle(g *group) {
	s := g.share(assign(g.stretches()))
	taken := g.losses(s)
	g.noteKeepers(s)
	for i, p := range g.pools {
		p.taken = taken[i]
	}
}

// noteKeepers notes to whom pools leave what they lose in contests.
func (g *group) noteKeepers(s settlement) {
	for j, stretch := range s.stretches {
		lost := stretch.options[s.chosen[j]].lost
		for _, i := range lost {
			if stretch.forced.has(i) {
				continue
			}
			for _, k := range stretch.contenders {
				if common := g.rivals[i][k]; common != nil && common.Contains(stretch.at.From()) && !lost.has(k) {
					g.pools[i].keepers = append(g.pools[i].keepers, kept{stretch.at, g.pools[k]})
				}
			}
		}
	}
}

// hunger says how far a settlement is from leaving everybody enough.
type hunger struct {
	needs, shares int     // pools that keep less than they need, or than their share
	missing       float64 // of the shares, in all
	first         int     // the first pool that keeps less than its share, or -1
}

func (h hunger) compare(o hunger) int {
	return cmp.Or(cmp.Compare(h.needs, o.needs), cmp.Compare(h.shares, o.shares), cmp.Compare(h.missing, o.missing))
}

func (g *group) hunger(s settlement) hunger {
	h := hunger{first: -1}
	losses := g.losses(s)
	for i, p := range g.pools {
		keeps := p.count(p.remaining(losses[i]))
		if keeps < g.enough[i].needs {
			h.needs++
		}
		if keeps < g.enough[i].share {
			h.shares++
			h.missing += g.enough[i].share - keeps
			if h.first < 0 {
				h.first = i
			}
		}
	}
	return h
}

// losses are what each pool loses, by rank.
func (g *group) losses(s settlement) []*netipx.IPSet {
	sets := make([]netipx.IPSetBuilder, len(g.pools))
	for i, p := range g.pools {
		sets[i].AddSet(p.taken)
	}
	for j, stretch := range s.stretches {
		for _, i := range stretch.options[s.chosen[j]].lost {
			sets[i].AddRange(stretch.at)
		}
	}
	list := make([]*netipx.IPSet, len(sets))
	for i := range sets {
		list[i] = built(&sets[i])
	}
	return list
}

// lossOf is what one pool loses.
func (g *group) lossOf(i int, s settlement) *netipx.IPSet {
	var set netipx.IPSetBuilder
	set.AddSet(g.pools[i].taken)
	for j, stretch := range s.stretches {
		if stretch.options[s.chosen[j]].lost.has(i) {
			set.AddRange(stretch.at)
		}
	}
	return built(&set)
}

// share changes a settlement until everybody keeps enough, or nothing helps.
func (g *group) share(s settlement) settlement {
	h := g.hunger(s)
	for range 4 * len(g.pools) {
		if h.first < 0 {
			break
		}
		next, nextHunger, found := s, h, false
		for _, candidate := range g.remedies(s, h.first) {
			ch := g.hunger(candidate)
			if ch.compare(h) < 0 && (!found || preferred(candidate, ch, next, nextHunger)) {
				next, nextHunger, found = candidate, ch, true
			}
		}
		if !found {
			break
		}
		s, h = next, nextHunger
	}
	return s
}

// preferred reports whether settlement a is better than b: first that all pools
// have enough, then the cost. Of equals the one that was proposed first stays.
func preferred(a settlement, ha hunger, b settlement, hb hunger) bool {
	return cmp.Or(cmp.Compare(ha.needs, hb.needs), cmp.Compare(ha.shares, hb.shares),
		cmp.Compare(a.cost.entries, b.cost.entries), cmp.Compare(ha.missing, hb.missing),
		cmp.Compare(a.cost.taken, b.cost.taken), cmp.Compare(a.cost.changes, b.cost.changes)) < 0
}

// mostRemedies limits how many stretches are tried for one hungry pool, the
// largest first: fewer in groups so large that each try takes long.
func (g *group) mostRemedies() int { return max(1, min(8, 80/len(g.pools))) }

// remedies are the settlements in which one more stretch, or half of it, goes to
// a hungry pool.
func (g *group) remedies(s settlement, hungry int) []settlement {
	var lost []int
	for j, stretch := range s.stretches {
		if stretch.options[s.chosen[j]].lost.has(hungry) && !stretch.forced.has(hungry) {
			lost = append(lost, j)
		}
	}
	slices.SortStableFunc(lost, func(x, y int) int { return cmp.Compare(size(s.stretches[y].at), size(s.stretches[x].at)) })
	var list []settlement
	for _, j := range lost[:min(g.mostRemedies(), len(lost))] {
		stretch := s.stretches[j]
		list = append(list, assign(replaced(s.stretches, j, stretch.keptBy(hungry))))
		for _, parts := range g.parts(s, j, hungry) {
			list = append(list, assign(replaced(s.stretches, j, parts...)))
		}
	}
	return list
}

// replaced returns a copy of the list with other stretches in the place of one.
func replaced(list []*stretch, j int, with ...*stretch) []*stretch {
	return linked(slices.Concat(copied(list[:j]), with, copied(list[j+1:])))
}

func copied(list []*stretch) []*stretch {
	copies := make([]*stretch, len(list))
	for i, s := range list {
		c := *s
		copies[i] = &c
	}
	return copies
}

// keptBy returns the stretch with only those ways in which a pool keeps it.
func (s *stretch) keptBy(i int) *stretch {
	c := *s
	c.options = slices.DeleteFunc(slices.Clone(s.ways), func(o option) bool { return o.lost.has(i) })
	return &c
}

// parts cuts a stretch between the hungry pool and the one that keeps it now, the
// first time with the lower part for whoever ranks first: a director hands out
// its lowest addresses first, so that those are the likeliest to be in use.
func (g *group) parts(s settlement, j, hungry int) [][]*stretch {
	whole := s.stretches[j]
	keeper := 0
	for whole.options[s.chosen[j]].lost.has(keeper) || !g.contends(keeper, whole) {
		keeper++
	}
	forHungry, forKeeper := g.missing(hungry, s, 0), g.missing(keeper, s, size(whole.at))
	var list [][]*stretch
	for _, pair := range [][2]int{{min(keeper, hungry), max(keeper, hungry)}, {max(keeper, hungry), min(keeper, hungry)}} {
		least := [2]float64{forKeeper, forHungry}
		if pair[0] == hungry {
			least = [2]float64{forHungry, forKeeper}
		}
		if cut, ok := cutBetween(whole.at, least[0], least[1], g.blockBits()); ok {
			low, high := whole.part(whole.at.From(), cut.Prev()), whole.part(cut, whole.at.To())
			list = append(list, []*stretch{low.keptBy(pair[0]), high.keptBy(pair[1])})
		}
	}
	return list
}

// missing is how many addresses a pool lacks to what its manifests need, if it
// loses so many of those that it keeps.
func (g *group) missing(i int, s settlement, loses float64) float64 {
	p := g.pools[i]
	keeps := p.count(p.remaining(g.lossOf(i, s)))*p.block() - loses
	return max(0, g.enough[i].needs*p.block()-keeps)
}

// part returns the stretch with a part of its addresses and of its costs.
func (s *stretch) part(from, to netip.Addr) *stretch {
	c := *s
	c.at = netipx.IPRangeFrom(from, to)
	factor := size(c.at) / size(s.at)
	c.ways = slices.Clone(s.ways)
	for i := range c.ways {
		c.ways[i].cost.taken *= factor
		c.ways[i].cost.weight *= factor
	}
	return &c
}

func (g *group) contends(i int, s *stretch) bool {
	for _, common := range g.rivals[i] {
		if common.Contains(s.at.From()) {
			return true
		}
	}
	return false
}

// blockBits is the length of the largest block that a pool hands out.
func (g *group) blockBits() int {
	least := 128
	for _, p := range g.pools {
		if p.subnet.Prefix > 0 {
			least = min(least, p.subnet.Prefix)
		}
	}
	return least
}

// cutBetween returns the address to cut a range at: near its middle, where the
// address is as round as it gets; or further up or down where one side needs
// more than half. What cannot be had for both goes to the lower side. The cut is
// the first address of a block of the given length.
func cutBetween(r netipx.IPRange, low, high float64, blockBits int) (netip.Addr, bool) {
	cut, ok := middle(r, blockBits)
	if !ok {
		return cut, false
	}
	all := size(r)
	below := size(netipx.IPRangeFrom(r.From(), cut.Prev()))
	switch {
	case below < low:
		below = min(low, all-1)
	case all-below < high:
		below = max(all-high, low, 1)
	default:
		return cut, true
	}
	offset, _ := big.NewFloat(below).Int(nil)
	at := address(offset.Add(offset, number(r.From())), r.From().Is4())
	if block := netip.PrefixFrom(at, min(blockBits, at.BitLen())).Masked().Addr(); block != at {
		at = block
	}
	return at, r.From().Less(at) && !r.To().Less(at)
}

// middle returns the roundest address near the middle of a range.
func middle(r netipx.IPRange, blockBits int) (netip.Addr, bool) {
	from, all := number(r.From()), plan.Size(r)
	end := new(big.Int).Add(from, all)
	half := new(big.Int).Add(from, new(big.Int).Rsh(all, 1))
	tolerance := new(big.Int).Rsh(all, 4)
	width := r.From().BitLen()
	finest := width - min(blockBits, width)
	for shift := width - 1; shift >= finest; shift-- {
		round := nearestMultiple(half, uint(shift))
		inside := round.Cmp(from) > 0 && round.Cmp(end) < 0
		off := new(big.Int).Sub(half, round)
		if inside && (off.CmpAbs(tolerance) <= 0 || shift == finest) {
			return address(round, r.From().Is4()), true
		}
	}
	return netip.Addr{}, false
}

// nearestMultiple is the multiple of 2^shift nearest to n.
func nearestMultiple(n *big.Int, shift uint) *big.Int {
	step := new(big.Int).Lsh(big.NewInt(1), shift)
	up := new(big.Int).Add(n, new(big.Int).Rsh(step, 1))
	return up.Lsh(up.Rsh(up, shift), shift)
}

func number(a netip.Addr) *big.Int { return new(big.Int).SetBytes(a.AsSlice()) }

func address(n *big.Int, is4 bool) netip.Addr {
	length := 16
	if is4 {
		length = 4
	}
	a, _ := netip.AddrFromSlice(n.FillBytes(make([]byte, length)))
	return a
}
