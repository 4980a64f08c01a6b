package ledgertest

import (
	"slices"
)

// choose says what to take besides what the owner has and counts.
func (m *Model) choose(a bookAsk, have []int) (chosen, kept []int, no string) {
	if len(a.exactly) > 0 {
		return m.exactly(a, have)
	}
	if len(have) >= a.count {
		have = have[:a.count]
		if a.contiguous && !neighbours(have) {
			return nil, nil, "has-others"
		}
		return nil, have, ""
	}
	if a.contiguous && len(have) > 0 {
		return nil, nil, "has-others"
	}
	if m.tooMany(a.team, a.count-len(have)) {
		return nil, nil, "quota"
	}
	chosen, no = m.pick(a, nil, a.count-len(have))
	return chosen, have, no
}

func (m *Model) exactly(a bookAsk, have []int) (chosen, kept []int, no string) {
	var others []int
	for _, i := range have {
		if !slices.Contains(a.exactly, i) {
			others = append(others, i)
		}
	}
	for _, i := range a.exactly {
		c := &m.cells[i]
		if slices.Contains(have, i) {
			kept = append(kept, i)
			continue
		}
		mineBefore := c.state == "quarantined" && c.owner == a.owner && (a.number < 0 || a.number == c.number) && sameTeam(c.team, a.team)
		switch {
		case c.taken() || c.state == "quarantined" && !mineBefore && !m.follows(c, a.owner, a.team):
			return nil, nil, "taken"
		case c.other != "":
			return nil, nil, "taken"
		case c.user != "" && c.user != a.owner || m.ofAnother(i, a.owner, a.number):
			return nil, nil, "in-use"
		case !c.listed:
			return nil, nil, "not-free"
		}
		chosen = append(chosen, i)
	}
	if a.number >= 0 && len(others) > 0 || len(chosen) > 0 && len(a.exactly)+len(others) > a.count {
		return nil, nil, "has-others"
	}
	missing := a.count - len(a.exactly)
	for _, i := range others {
		if missing > 0 {
			kept, missing = append(kept, i), missing-1
		}
	}
	if m.tooMany(a.team, len(chosen)+missing) {
		return nil, nil, "quota"
	}
	if missing > 0 {
		more, no := m.pick(a, chosen, missing)
		if no != "" {
			return nil, nil, no
		}
		chosen = append(chosen, more...)
	}
	if a.contiguous && !neighbours(append(slices.Clone(kept), chosen...)) {
		return nil, nil, "no-run"
	}
	return chosen, kept, ""
}

func (m *Model) tooMany(team string, n int) bool {
	has := 0
	for i := range m.cells {
		if m.cells[i].taken() && m.cells[i].team == team {
			has++
		}
	}
	return m.quota > 0 && n > 0 && has+n > m.quota
}

// pick takes what rests for the owner, by number, and then the lowest.
func (m *Model) pick(a bookAsk, besides []int, n int) (chosen []int, no string) {
	free := func(i int) bool {
		return !slices.Contains(chosen, i) && !slices.Contains(besides, i) && m.open(i, a.owner, a.number, a.team)
	}
	if a.contiguous {
		run, single := 0, 0
		for i := range m.cells {
			// A run takes no address that rests, whoever it rests for.
			if !free(i) || m.cells[i].state == "quarantined" && !m.rested(&m.cells[i]) {
				run = 0
				continue
			}
			run, single = run+1, single+1
			if run == n {
				for j := i - n + 1; j <= i; j++ {
					chosen = append(chosen, j)
				}
				return chosen, ""
			}
		}
		if single >= n {
			return nil, "no-run"
		}
		return nil, "exhausted"
	}
	for _, i := range m.instances(a.owner) {
		if len(chosen) < n && free(i) {
			chosen = append(chosen, i)
		}
	}
	for number := 0; number < 10*len(m.cells); number++ {
		for i := range m.cells {
			c := &m.cells[i]
			if a.number >= 0 && a.number != number {
				continue
			}
			if len(chosen) < n && c.state == "quarantined" && c.owner == a.owner && (c.team == "" || c.team == a.team) && c.number == number && free(i) {
				chosen = append(chosen, i)
			}
		}
	}
	for i := range m.cells {
		if len(chosen) < n && free(i) {
			chosen = append(chosen, i)
		}
	}
	if len(chosen) < n {
		return nil, "exhausted"
	}
	return chosen, ""
}

func neighbours(list []int) bool {
	sorted := slices.Sorted(slices.Values(list))
	for k := 1; k < len(sorted); k++ {
		if sorted[k] != sorted[k-1]+1 {
			return false
		}
	}
	return true
}
