package fence

import (
	"cmp"
	"slices"
)

// cost is what a settlement costs, the most important first.
type cost struct {
	entries int
	// taken counts addresses, each once for each pool that loses it.
	taken float64
	// changes counts how often others keep the next stretch: addresses that
	// belong to one side lie together if that costs nothing.
	changes int
	// weight is taken, multiplied with how little the pool should give way.
	weight float64
}

func (c cost) plus(o cost) cost {
	return cost{c.entries + o.entries, c.taken + o.taken, c.changes + o.changes, c.weight + o.weight}
}

func (c cost) compare(o cost) int {
	return cmp.Or(cmp.Compare(c.entries, o.entries), cmp.Compare(c.taken, o.taken),
		cmp.Compare(c.changes, o.changes), cmp.Compare(c.weight, o.weight))
}

// settlement is one option for each stretch.
type settlement struct {
	stretches []*stretch
	chosen    []int
	cost      cost
}

// state is the cheapest way to settle all stretches up to one such that it ends
// with a certain option.
type state struct {
	lost    members // of this stretch
	keepers members // of the last contested stretch; nil if there was none
	cost    cost
	option  int // of this stretch
	from    int // the state of the stretch before
}

// assign chooses the options that cost least together. What a stretch costs
// depends on the stretch before it only: a pool that lost that one as well needs
// no new entry. So the cheapest way up to each option of a stretch is one step
// from the cheapest ways up to the options before it.
func assign(stretches []*stretch) settlement {
	result := settlement{stretches: stretches, chosen: make([]int, len(stretches))}
	all := make([][]state, len(stretches))
	before := []state{{}}
	for i, s := range stretches {
		all[i] = s.follow(before)
		before = all[i]
	}
	at := 0
	for k, end := range before {
		if end.cost.compare(before[at].cost) < 0 {
			at = k
		}
	}
	result.cost = before[at].cost
	for i := len(stretches) - 1; i >= 0; i-- {
		result.chosen[i] = all[i][at].option
		at = all[i][at].from
	}
	return result
}

// follow returns the states of a stretch, given those of the one before. Where
// nothing is contested, each state before leads to one of its own, so that who
// kept what before is not forgotten.
func (s *stretch) follow(before []state) []state {
	var list []state
	if !s.contested() {
		for k, previous := range before {
			list = append(list, s.step(previous, k, 0))
		}
		return list
	}
	for j := range s.options {
		best := s.step(before[0], 0, j)
		for k, previous := range before[1:] {
			if previous.cost.entries > best.cost.entries {
				continue // it can only become more
			}
			if next := s.step(previous, k+1, j); next.cost.compare(best.cost) < 0 {
				best = next
			}
		}
		list = append(list, best)
	}
	return list
}

// step goes on from a state with an option.
func (s *stretch) step(previous state, from, option int) state {
	o := s.options[option]
	c := o.cost
	if s.adjacent {
		c.entries = o.lost.countWithout(previous.lost)
	} else {
		c.entries = len(o.lost)
	}
	next := state{lost: o.lost, keepers: previous.keepers, option: option, from: from}
	if s.contested() {
		next.keepers = o.keepers
		if previous.keepers != nil && !slices.Equal(previous.keepers, o.keepers) {
			c.changes = 1
		}
	}
	next.cost = previous.cost.plus(c)
	return next
}

// members is a set of pools of a group: their ranks, sorted. A group may have
// thousands of pools, of which few meet in one stretch.
type members []int

func (m *members) add(i int) {
	if at, found := slices.BinarySearch(*m, i); !found {
		*m = slices.Insert(*m, at, i)
	}
}

func (m *members) remove(i int) {
	if at, found := slices.BinarySearch(*m, i); found {
		*m = slices.Delete(*m, at, at+1)
	}
}

func (m members) has(i int) bool {
	_, found := slices.BinarySearch(m, i)
	return found
}

func (m members) clone() members { return slices.Clone(m) }

// countWithout counts the members that are not in o.
func (m members) countWithout(o members) int {
	n := 0
	for _, i := range m {
		for len(o) > 0 && o[0] < i {
			o = o[1:]
		}
		if len(o) == 0 || o[0] != i {
			n++
		}
	}
	return n
}
