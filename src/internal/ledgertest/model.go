package ledgertest

import (
	"fmt"
	"slices"
	"time"
)

// cell is one address of the model: all that counts of it, and every state that it
// was in.
type cell struct {
	state  string // "", held, booked, quarantined, released
	owner  string
	number int
	team   string
	until  time.Time // zero: never
	user   string    // who uses the address: an owner; empty: nobody
	listed bool      // files say that it may be given
	states []string
}

// Model is a ledger of one pool of single addresses, numbered from 0, in the plainest
// words: no index, no set, no interval.
type Model struct {
	cells      []cell
	quota      int
	until      time.Duration
	quarantine time.Duration
	now        time.Time
}

func (c *cell) taken() bool { return c.state == "held" || c.state == "booked" }

func (c *cell) become(state string) {
	c.state = state
	c.states = append(c.states, state)
}

func (m *Model) over(c *cell) bool {
	return c.taken() && !c.until.IsZero() && !c.until.After(m.now) && c.user == ""
}

func (m *Model) rested(c *cell) bool {
	return c.state == "quarantined" && !c.until.After(m.now) && c.user == ""
}

// tick writes down what time brought about, but for some addresses.
func (m *Model) tick(except []int) {
	for i := range m.cells {
		c := &m.cells[i]
		switch {
		case slices.Contains(except, i):
		case m.over(c):
			c.become("quarantined")
			c.until = m.now.Add(m.quarantine)
		case m.rested(c):
			c.become("released")
		}
	}
}

// mine are the addresses of an owner, by number.
func (m *Model) mine(owner string) []int {
	var list []int
	for number := 0; number < 10*len(m.cells); number++ {
		for i := range m.cells {
			if c := &m.cells[i]; c.taken() && c.owner == owner && c.number == number {
				list = append(list, i)
			}
		}
	}
	return list
}

// open reports whether the owner could get the address, which it has not.
func (m *Model) open(i int, owner string, number int) bool {
	c := &m.cells[i]
	switch {
	case !c.listed || c.taken():
		return false
	case c.state == "quarantined":
		own := c.owner == owner && (number < 0 || c.number == number)
		if !own && !m.rested(c) {
			return false
		}
	}
	return c.user == "" || c.user == owner
}

// bookAsk is a question to the model.
type bookAsk struct {
	owner      string
	number     int // negative: none
	team       string
	count      int
	contiguous bool
	exactly    []int
	hold       bool
	until      time.Time
	endless    bool
}

// book answers with the addresses by number, or with the reason for a no.
func (m *Model) book(a bookAsk) (got []int, fresh int, no string) {
	have := m.mine(a.owner)
	if a.number >= 0 {
		have = slices.DeleteFunc(have, func(i int) bool { return m.cells[i].number != a.number })
	}
	chosen, have, no := m.choose(a, have)
	if no != "" {
		if no == "exhausted" || no == "no-run" {
			m.tick(nil)
		}
		return nil, 0, no
	}
	changes := len(chosen) > 0
	for _, i := range have {
		c := &m.cells[i]
		changes = changes || c.state == "held" && !a.hold || m.over(c)
	}
	if !changes {
		return have, 0, ""
	}
	m.tick(append(slices.Clone(chosen), have...))
	for _, i := range have {
		c := &m.cells[i]
		if c.state == "held" && !a.hold {
			team := c.team
			m.own(c, a, c.number)
			c.team = team
		} else if m.over(c) {
			c.until = m.end(a)
			c.states = append(c.states, c.state)
		}
	}
	for _, i := range chosen {
		number := max(a.number, 0)
		for a.number < 0 && m.has(a.owner, number) {
			number++
		}
		c := &m.cells[i]
		if c.state == "quarantined" && (c.owner != a.owner || c.number != number) {
			c.become("released")
		}
		m.own(c, a, number)
	}
	got = append(slices.Clone(have), chosen...)
	slices.SortStableFunc(got, func(x, y int) int { return m.cells[x].number - m.cells[y].number })
	return got, len(chosen), ""
}

func (m *Model) has(owner string, number int) bool {
	for i := range m.cells {
		if c := &m.cells[i]; c.taken() && c.owner == owner && c.number == number {
			return true
		}
	}
	return false
}

func (m *Model) own(c *cell, a bookAsk, number int) {
	state := "booked"
	if a.hold {
		state = "held"
	}
	c.become(state)
	c.owner, c.number, c.team, c.until = a.owner, number, a.team, m.end(a)
}

func (m *Model) end(a bookAsk) time.Time {
	switch {
	case a.endless:
		return time.Time{}
	case !a.until.IsZero():
		return a.until
	case a.hold:
		return m.now.Add(time.Hour)
	}
	return m.now.Add(m.until)
}

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
		mineBefore := c.state == "quarantined" && c.owner == a.owner && (a.number < 0 || a.number == c.number)
		switch {
		case c.taken() || c.state == "quarantined" && !mineBefore && !m.rested(c):
			return nil, nil, "taken"
		case c.user != "" && c.user != a.owner:
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
		return !slices.Contains(chosen, i) && !slices.Contains(besides, i) && m.open(i, a.owner, a.number)
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
	for number := 0; number < 10*len(m.cells); number++ {
		for i := range m.cells {
			c := &m.cells[i]
			if a.number >= 0 && a.number != number {
				continue
			}
			if len(chosen) < n && c.state == "quarantined" && c.owner == a.owner && c.number == number && free(i) {
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

// renew moves ends; it fails, and changes nothing, if one address is nobody's.
func (m *Model) renew(list []int, until time.Time) (changed []int, fails bool) {
	for _, i := range list {
		if !m.cells[i].taken() {
			return nil, true
		}
		if !m.cells[i].until.Equal(until) {
			changed = append(changed, i)
		}
	}
	if len(changed) == 0 {
		return nil, false
	}
	m.tick(changed)
	for _, i := range changed {
		m.cells[i].until = until
		m.cells[i].states = append(m.cells[i].states, m.cells[i].state)
	}
	return changed, false
}

// release gives back what is not in use.
func (m *Model) release(list []int) (changed []int, fails bool) {
	for _, i := range list {
		c := &m.cells[i]
		switch {
		case c.state == "quarantined":
		case !c.taken():
			return nil, true
		case c.user == "":
			changed = append(changed, i)
		}
	}
	if len(changed) == 0 {
		return nil, false
	}
	m.tick(changed)
	for _, i := range changed {
		m.cells[i].become("quarantined")
		m.cells[i].until = m.now.Add(m.quarantine)
	}
	return changed, false
}

// adopt books what is in use for who uses it, and says what became of each.
func (m *Model) adopt(list []int, owners []string) []string {
	result := make([]string, len(list))
	var fresh []int
	before := slices.Clone(m.cells)
	for k, i := range list {
		c := &m.cells[i]
		same := before[i].owner == owners[k]
		switch {
		case slices.Contains(fresh, i):
			result[k] = "conflict"
			if c.owner == owners[k] {
				result[k] = "same"
			}
		case c.taken() && same:
			result[k] = "same"
		case c.taken() || c.state == "quarantined" && !same:
			result[k] = "conflict"
		default:
			number := 0
			if c.state == "quarantined" && !m.has(owners[k], c.number) {
				number = c.number
			}
			for m.has(owners[k], number) {
				number++
			}
			if c.state == "quarantined" && c.number != number {
				c.become("released")
			}
			c.become("booked")
			c.owner, c.number, c.team, c.until = owners[k], number, "", time.Time{}
			fresh = append(fresh, i)
			result[k] = "new"
		}
	}
	if len(fresh) > 0 {
		m.tick(fresh)
	}
	return result
}

func (m *Model) String() string {
	text := ""
	for i := range m.cells {
		c := &m.cells[i]
		text += fmt.Sprintf("%d %s %s/%d team %s until %s user %q listed %t\n", i, c.state, c.owner, c.number, c.team, c.until.Format(time.TimeOnly), c.user, c.listed)
	}
	return text
}
