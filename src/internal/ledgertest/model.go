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
	index  int       // which of the user's instances that is; -1: it has none, -2: nobody knows
	other  string    // who has booked the address in another pool; empty: nobody
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
	return c.taken() && !c.until.IsZero() && !c.until.After(m.now) && c.user != c.owner
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

// ofAnother reports whether another instance of the owner than that number uses the
// address.
func (m *Model) ofAnother(i int, owner string, number int) bool {
	c := &m.cells[i]
	return number >= 0 && c.user == owner && c.index != -1 && c.index != number
}

// instances are the addresses that an owner uses, as its instances come: the first of
// each, the second of each, and so on; those that are no known instance's before the first.
func (m *Model) instances(owner string) []int {
	var list []int
	for rank := range m.cells {
		for index := -2; index < 10; index++ {
			if index == -2 {
				continue // with -1
			}
			before := 0
			for i := range m.cells {
				c := &m.cells[i]
				if c.user != owner || max(c.index, -1) != index {
					continue
				}
				if index < 0 && rank == 0 || index >= 0 && before == rank {
					list = append(list, i)
				}
				before++
			}
		}
	}
	return list
}

// inOrder puts addresses into the order of the owner's instances, and then of numbers.
func (m *Model) inOrder(owner string, list []int) []int {
	var sorted []int
	for _, i := range m.instances(owner) {
		if slices.Contains(list, i) {
			sorted = append(sorted, i)
		}
	}
	for number := 0; number < 10*len(m.cells); number++ {
		for _, i := range list {
			if m.cells[i].number == number && !slices.Contains(sorted, i) {
				sorted = append(sorted, i)
			}
		}
	}
	return sorted
}

// open reports whether the owner could get the address, which it has not.
func (m *Model) open(i int, owner string, number int, team string) bool {
	c := &m.cells[i]
	switch {
	case !c.listed || c.taken() || c.other != "" || m.ofAnother(i, owner, number):
		return false
	case c.state == "quarantined":
		own := c.owner == owner && (number < 0 || c.number == number) && sameTeam(c.team, team)
		if !own && !m.follows(c, owner, team) {
			return false
		}
	}
	return c.user == "" || c.user == owner
}

// follows reports whether an owner may have what rests for another.
func (m *Model) follows(c *cell, owner, team string) bool {
	if c.user == owner {
		return c.state == "quarantined" && (!c.until.After(m.now) || sameTeam(c.team, team))
	}
	return m.rested(c)
}

func sameTeam(a, b string) bool { return a == "" || b == "" || a == b }

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
	have := m.inOrder(a.owner, m.mine(a.owner))
	for _, i := range have {
		if m.cells[i].team != a.team && m.cells[i].team != "" {
			return nil, 0, "other-team"
		}
	}
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
	numbers := make([]int, len(chosen))
	for k, i := range chosen {
		c := &m.cells[i]
		numbers[k] = a.number
		if a.number < 0 && c.user == a.owner && c.index >= 0 && !m.has(a.owner, c.index) && !slices.Contains(numbers[:k], c.index) {
			numbers[k] = c.index
		}
	}
	for k := range chosen {
		for number := 0; numbers[k] < 0; number++ {
			if !m.has(a.owner, number) && !slices.Contains(numbers, number) {
				numbers[k] = number
			}
		}
	}
	for k, i := range chosen {
		number := numbers[k]
		c := &m.cells[i]
		if c.state == "quarantined" && (c.owner != a.owner || c.number != number) {
			c.become("released")
		}
		m.own(c, a, number)
	}
	got = append(slices.Clone(have), chosen...)
	return m.inOrder(a.owner, got), len(chosen), ""
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
		case c.user != c.owner:
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
func (m *Model) adopt(list []int, owners []string, indexes []int) []string {
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
		case before[i].other == owners[k]:
			result[k] = "same"
		case before[i].other != "":
			result[k] = "conflict"
		case !before[i].taken() && c.user != "" && c.user != owners[k]:
			result[k] = "conflict"
		case c.taken() && same:
			result[k] = "same"
		case c.taken() || c.state == "quarantined" && !(same && sameTeam(c.team, m.teamOf(owners[k]))) && !m.follows(c, owners[k], m.teamOf(owners[k])):
			result[k] = "conflict"
		default:
			number := indexes[k]
			if c.state == "quarantined" && c.owner == owners[k] {
				number = c.number
			}
			if number < 0 || m.has(owners[k], number) {
				for number = 0; m.has(owners[k], number) || m.wanted(owners, indexes, owners[k], number); number++ {
				}
			}
			team := m.teamOf(owners[k])
			if c.state == "quarantined" && (c.owner != owners[k] || c.number != number) {
				c.become("released")
			}
			c.become("booked")
			c.owner, c.number, c.team, c.until = owners[k], number, team, time.Time{}
			fresh = append(fresh, i)
			result[k] = "new"
		}
	}
	if len(fresh) > 0 {
		m.tick(append(fresh, list...))
	}
	return result
}

// teamOf is the team that what an owner has counts for.
func (m *Model) teamOf(owner string) string {
	for _, i := range m.mine(owner) {
		if team := m.cells[i].team; team != "" {
			return team
		}
	}
	return ""
}

// wanted reports whether one of those that are adopted has that number already.
func (m *Model) wanted(owners []string, indexes []int, owner string, number int) bool {
	for k := range owners {
		if owners[k] == owner && indexes[k] == number {
			return true
		}
	}
	return false
}

func (m *Model) String() string {
	text := ""
	for i := range m.cells {
		c := &m.cells[i]
		text += fmt.Sprintf("%d %s %s/%d team %s until %s user %q/%d listed %t elsewhere %q\n", i, c.state, c.owner, c.number, c.team, c.until.Format(time.TimeOnly), c.user, c.index, c.listed, c.other)
	}
	return text
}
