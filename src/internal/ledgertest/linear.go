package ledgertest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// Call is what a client asks of a pool, for one owner with one address.
type Call struct {
	// What is book, renew, release or read.
	What  string
	Owner string
	// Until is the end that a booking gets, in any count; 0 where nobody looks at ends.
	Until int64
}

// The answers that are no address.
const (
	// Exhausted: no address was free.
	Exhausted = "exhausted"
	// Nothing: the owner has no address.
	Nothing = "nothing"
	// Gone: the owner has no address, and a release before, whose answer was lost, may
	// have been why.
	Gone = "gone"
)

// Said is an address with its end, as an answer.
func Said(address string, until int64) string { return fmt.Sprintf("%s@%d", address, until) }

// Held is one line of what a read answers.
func Held(address, owner string, until int64) string { return Said(address, until) + "=" + owner }

// List is what a read answers.
func List(held []string) string {
	slices.Sort(held)
	return strings.Join(held, " ")
}

// has is a pool: who has, or had last, which address, until when. In a test's time no
// address rests long enough for another owner.
type has map[string]had

type had struct {
	owner   string
	until   int64
	resting bool
}

// Linear is what one ledger on one thread would answer, with so many addresses. Calls
// whose answer was lost have to be made again by the same client until there is an answer,
// and count as one, from the first time to the answer; an owner whose answers can get lost
// has to be one client's alone.
func Linear(addresses int) porcupine.Model {
	return porcupine.Model{
		Init:  func() any { return has{} },
		Equal: func(a, b any) bool { return maps.Equal(a.(has), b.(has)) },
		Step: func(state, input, output any) (bool, any) {
			return state.(has).step(input.(Call), output.(string), addresses)
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprint(input, " → ", output) },
	}
}

// of is what an owner has, and what rests of it; empty: nothing.
func (s has) of(owner string) (own, rests string) {
	for address, h := range s {
		switch {
		case h.owner != owner:
		case h.resting:
			rests = address
		default:
			own = address
		}
	}
	return own, rests
}

func (s has) with(address string, h had) has {
	next := maps.Clone(s)
	next[address] = h
	return next
}

func (s has) step(c Call, said string, addresses int) (bool, has) {
	own, rests := s.of(c.Owner)
	switch c.What {
	case "read":
		var list []string
		for address, h := range s {
			if !h.resting {
				list = append(list, Held(address, h.owner, h.until))
			}
		}
		return said == List(list), s
	case "release":
		if own == "" {
			return said == Nothing || said == Gone, s
		}
		address, _, _ := strings.Cut(said, "@")
		return address == own || said == Gone, s.with(own, had{c.Owner, 0, true})
	case "renew":
		if own == "" {
			return said == Nothing, s
		}
		return said == Said(own, c.Until), s.with(own, had{c.Owner, c.Until, false})
	}
	return s.book(c, said, own, rests, addresses)
}

func (s has) book(c Call, said, own, rests string, addresses int) (bool, has) {
	address, _, _ := strings.Cut(said, "@")
	_, taken := s[address]
	switch {
	case own != "":
		return said == Said(own, s[own].until), s
	case rests != "" && address != rests, rests == "" && len(s) < addresses && (taken || said == Exhausted):
		return false, s
	case rests == "" && len(s) == addresses:
		return said == Exhausted, s
	}
	return said == Said(address, c.Until), s.with(address, had{c.Owner, c.Until, false})
}
