package fence

import (
	"cmp"
	"math/bits"
	"slices"
)

// cost is what a settlement costs, the most important first.
type cost struct {
	entries int
	// taken counts addresses, each once for each pool that loses it.
	taken float64
	// weight is taken, multiplied with how little the pool should give way.
	weight float64
}

func (c cost) plus(o cost) cost {
	return cost{c.entries + o.entries, c.taken + o.taken, c.weight + o.weight}
}

func (c cost) compare(o cost) int {
	return cmp.Or(cmp.Compare(c.entries, o.entries), cmp.Compare(c.taken, o.taken), cmp.Compare(c.weight, o.weight))
}

// settlement is one option for each stretch.
type settlement struct {
	stretches []*stretch
	chosen    []int
	cost      cost
}

// assign chooses the options that cost least together. What a stretch costs
// depends on the stretch before it only: a pool that lost that one as well needs
// no new entry. So the cheapest way up to each option of a stretch is one step
// from the cheapest ways up to the options before it.
func assign(stretches []*stretch) settlement {
	best := make([][]cost, len(stretches))
	from := make([][]int, len(stretches))
	for i, s := range stretches {
		best[i], from[i] = make([]cost, len(s.options)), make([]int, len(s.options))
		for j, o := range s.options {
			if i == 0 {
				best[i][j] = o.cost.plus(cost{entries: o.lost.count()})
				continue
			}
			best[i][j], from[i][j] = cheapestBefore(stretches[i-1], s, o, best[i-1])
			best[i][j] = best[i][j].plus(o.cost)
		}
	}
	result := settlement{stretches: stretches, chosen: make([]int, len(stretches))}
	last := len(stretches) - 1
	at := 0
	for j, c := range best[last] {
		if c.compare(best[last][at]) < 0 {
			at = j
		}
	}
	result.cost = best[last][at]
	for i := last; i >= 0; i-- {
		result.chosen[i] = at
		at = from[i][at]
	}
	return result
}

// cheapestBefore returns the cheapest way to an option, its own cost of entries
// included, and the option of the stretch before that it comes from.
func cheapestBefore(before, s *stretch, o option, costs []cost) (cost, int) {
	var least cost
	at := -1
	for k, previous := range before.options {
		c := costs[k]
		if at >= 0 && c.entries > least.entries {
			continue
		}
		if s.adjacent {
			c.entries += o.lost.countWithout(previous.lost)
		} else {
			c.entries += o.lost.count()
		}
		if at < 0 || c.compare(least) < 0 {
			least, at = c, k
		}
	}
	return least, at
}

// members is a set of pools of a group, by rank.
type members []uint64

func newMembers(n int) members { return make(members, (n+63)/64) }

func (m members) add(i int)      { m[i/64] |= 1 << (i % 64) }
func (m members) has(i int) bool { return m[i/64]&(1<<(i%64)) != 0 }
func (m members) clone() members { return slices.Clone(m) }
func (m members) empty() bool    { return m.count() == 0 }

func (m members) count() int {
	n := 0
	for _, word := range m {
		n += bits.OnesCount64(word)
	}
	return n
}

// countWithout counts the members that are not in o.
func (m members) countWithout(o members) int {
	n := 0
	for i, word := range m {
		n += bits.OnesCount64(word &^ o[i])
	}
	return n
}
