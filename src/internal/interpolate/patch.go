package interpolate

import (
	"errors"
	"slices"

	"github.com/cppforlife/go-patch/patch"

	"github.com/ipguard/ipguard/src/internal/place"
)

// errDiverged means that the tracer could not follow the engine. No input is
// known that brings it about.
var errDiverged = errors.New("the traced document does not take this operation")

// apply does to the traced document what the operation did to the engine's.
func (t *tracer) apply(o operation) error {
	switch o.kind {
	case "replace":
		return t.replace(o)
	case "remove":
		return t.removeAt(o)
	}
	return nil // a test changes nothing, and the engine has judged it
}

// cursor walks along an operation's path.
type cursor struct {
	node *node
	// store puts a node where the last map or list before node was stored. As in
	// go-patch it is not moved on by an element found by its key (name=x), which
	// as a rule is a map and changes in place. With name=x:next the element can
	// be a list; an element added to it then lands one level too high, there and
	// here.
	store func(*node)
}

// replace follows replace_op.go of go-patch.
func (t *tracer) replace(o operation) error {
	tokens := o.path.Tokens()[1:]
	if len(tokens) == 0 {
		t.root = o.value
		return nil
	}
	c := &cursor{node: t.root, store: func(n *node) { t.root = n }}
	for i, token := range tokens[:len(tokens)-1] {
		if err := c.enter(token, tokens[i+1], o.at); err != nil {
			return err
		}
	}
	return c.set(tokens[len(tokens)-1], o.value, o.at)
}

// enter moves to the value that a token names, which may have to be made; next
// is the token after it, at the place of what is made.
func (c *cursor) enter(token, next patch.Token, at place.Place) error {
	switch token := token.(type) {
	case patch.IndexToken:
		return c.enterIndex(token)
	case patch.MatchingIndexToken:
		list, ok := c.node.value.(*sequence)
		if !ok {
			return errDiverged
		}
		if found := list.matching(token); len(found) == 0 && token.Optional {
			made := &mapping{}
			made.put(&node{at: at, value: token.Key}, &node{at: at, value: token.Value})
			element := &node{at: at, value: made}
			c.store(c.node.withItems(slices.Concat(list.items, []*node{element})))
			c.node = element
			return nil
		}
		return c.enterMatching(token)
	case patch.KeyToken:
		m, ok := c.node.value.(*mapping)
		if !ok {
			return errDiverged
		}
		if m.get(token.Key) == nil && token.Optional {
			made := &node{at: at, value: &sequence{}}
			if _, ok := next.(patch.KeyToken); ok {
				made.value = &mapping{}
			}
			m.put(&node{at: at, value: token.Key}, made)
		}
		return c.enterKey(token)
	}
	return errDiverged
}

func (c *cursor) enterIndex(token patch.IndexToken) error {
	list, ok := c.node.value.(*sequence)
	if !ok {
		return errDiverged
	}
	i, insert, err := list.position(token.Index, token.Modifiers)
	if err != nil {
		return err
	}
	if insert {
		return errDiverged // only the last token of a replace may stand before or after an element
	}
	c.node = list.items[i]
	c.store = func(n *node) { list.items[i] = n }
	return nil
}

func (c *cursor) enterMatching(token patch.MatchingIndexToken) error {
	i, err := c.matchingPosition(token)
	if err != nil {
		return err
	}
	if i.insert {
		return errDiverged
	}
	c.node = c.node.value.(*sequence).items[i.number]
	return nil
}

func (c *cursor) enterKey(token patch.KeyToken) error {
	m, ok := c.node.value.(*mapping)
	if !ok {
		return errDiverged
	}
	i := m.find(token.Key)
	if i < 0 {
		return errDiverged
	}
	key := m.keys[i]
	c.node = m.values[i]
	c.store = func(n *node) { m.put(key, n) }
	return nil
}

// set puts the value where the last token of a path says.
func (c *cursor) set(token patch.Token, value *node, at place.Place) error {
	if token, ok := token.(patch.KeyToken); ok {
		m, ok := c.node.value.(*mapping)
		if !ok || m.find(token.Key) < 0 && !token.Optional {
			return errDiverged
		}
		m.put(&node{at: at, value: token.Key}, value)
		return nil
	}
	list, ok := c.node.value.(*sequence)
	if !ok {
		return errDiverged
	}
	to, err := c.target(list, token)
	if err != nil {
		return err
	}
	if to.insert {
		c.store(c.node.withItems(slices.Insert(slices.Clone(list.items), to.number, value)))
		return nil
	}
	list.items[to.number] = value
	c.store(c.node)
	return nil
}

// target returns where in a list the last token of a path puts its value.
func (c *cursor) target(list *sequence, token patch.Token) (position, error) {
	end := position{number: len(list.items), insert: true}
	switch token := token.(type) {
	case patch.AfterLastIndexToken:
		return end, nil
	case patch.IndexToken:
		number, insert, err := list.position(token.Index, token.Modifiers)
		return position{number, insert}, err
	case patch.MatchingIndexToken:
		if len(list.matching(token)) == 0 && token.Optional {
			return end, nil
		}
		return c.matchingPosition(token)
	}
	return position{}, errDiverged
}

// removeAt follows remove_op.go of go-patch. An optional part of the path that is
// not there leaves the document as it is.
func (t *tracer) removeAt(o operation) error {
	tokens := o.path.Tokens()[1:]
	if len(tokens) == 0 {
		return errDiverged
	}
	c := &cursor{node: t.root, store: func(n *node) { t.root = n }}
	for i, token := range tokens {
		if c.lacks(token) {
			return nil
		}
		if i == len(tokens)-1 {
			return c.remove(token)
		}
		if err := c.enter(token, tokens[i+1], o.at); err != nil {
			return err
		}
	}
	return nil
}

// lacks reports whether a token is optional and names nothing.
func (c *cursor) lacks(token patch.Token) bool {
	switch token := token.(type) {
	case patch.KeyToken:
		m, ok := c.node.value.(*mapping)
		return ok && token.Optional && m.find(token.Key) < 0
	case patch.MatchingIndexToken:
		list, ok := c.node.value.(*sequence)
		return ok && token.Optional && len(list.matching(token)) == 0
	}
	return false
}

func (c *cursor) remove(token patch.Token) error {
	if token, ok := token.(patch.KeyToken); ok {
		m, ok := c.node.value.(*mapping)
		if !ok || m.find(token.Key) < 0 {
			return errDiverged
		}
		m.remove(token.Key)
		return nil
	}
	list, ok := c.node.value.(*sequence)
	if !ok {
		return errDiverged
	}
	var at position
	var err error
	switch token := token.(type) {
	case patch.IndexToken:
		at.number, at.insert, err = list.position(token.Index, token.Modifiers)
	case patch.MatchingIndexToken:
		at, err = c.matchingPosition(token)
	default:
		err = errDiverged
	}
	if err != nil {
		return err
	}
	if at.insert {
		return errDiverged
	}
	c.store(c.node.withItems(slices.Delete(slices.Clone(list.items), at.number, at.number+1)))
	return nil
}

// position is an element of a list, or the gap before it.
type position struct {
	number int
	insert bool
}

// position returns which element an index with its modifiers means; insert tells
// that a new element goes before it.
func (s *sequence) position(index int, modifiers []patch.Modifier) (number int, insert bool, err error) {
	number = index
	after := 0
	for _, modifier := range modifiers {
		switch modifier.(type) {
		case patch.PrevModifier:
			number--
		case patch.NextModifier:
			number++
		case patch.BeforeModifier:
			insert = true
		case patch.AfterModifier:
			insert, after = true, 1
		}
	}
	if number < 0 {
		number += len(s.items)
	}
	if number < 0 || number >= len(s.items) {
		return 0, false, errDiverged
	}
	return number + after, insert, nil
}

// matching returns the numbers of the maps in which the token's key has the
// token's text. A number is no text: id=1 does not match {id: 1}.
func (s *sequence) matching(token patch.MatchingIndexToken) []int {
	var found []int
	for i, item := range s.items {
		if m, ok := item.value.(*mapping); ok {
			if value := m.get(token.Key); value != nil && value.value == any(token.Value) {
				found = append(found, i)
			}
		}
	}
	return found
}

func (c *cursor) matchingPosition(token patch.MatchingIndexToken) (position, error) {
	list, ok := c.node.value.(*sequence)
	if !ok {
		return position{}, errDiverged
	}
	found := list.matching(token)
	if len(found) != 1 {
		return position{}, errDiverged
	}
	number, insert, err := list.position(found[0], token.Modifiers)
	return position{number, insert}, err
}

// withItems returns the list with other elements. go-patch makes a new list too:
// who still holds the old one does not see the change.
func (n *node) withItems(items []*node) *node {
	return &node{at: n.at, value: &sequence{items: items}}
}
