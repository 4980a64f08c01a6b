package yamledit

import (
	"errors"
	"slices"

	"gopkg.in/yaml.v3"
)

// errNotVerified means that a text was understood wrongly. No file should be
// able to cause it; if one does, it stays as it is.
var errNotVerified = errors.New("the edited text would not mean what it should")

// verify parses the edited text and compares it with what was parsed before: it
// must be the same but for the items that the changes add.
func verify(before []*yaml.Node, edited []byte, changes []change) error {
	after, err := parse(edited)
	if err != nil || len(after) != len(before) {
		return errNotVerified
	}
	v := verifier{changes: map[*yaml.Node]change{}}
	for _, c := range changes {
		if _, twice := v.changes[c.mapping]; twice {
			return errNotVerified
		}
		v.changes[c.mapping] = c
	}
	for i := range before {
		if !v.same(before[i], after[i]) {
			return errNotVerified
		}
	}
	return nil
}

type verifier struct{ changes map[*yaml.Node]change }

// same reports whether two nodes are equal but for the changes below them.
func (v verifier) same(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Tag != b.Tag || a.Value != b.Value || a.Anchor != b.Anchor || a.Style != b.Style {
		return false
	}
	if c, ok := v.changes[a]; ok {
		return v.sameMapping(c, a.Content, b.Content)
	}
	return slices.EqualFunc(a.Content, b.Content, v.same)
}

// sameMapping compares the pairs of a changed mapping.
func (v verifier) sameMapping(c change, a, b []*yaml.Node) bool {
	added := 0
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case j+1 >= len(b):
			return false
		case c.value == nil && added == 0 && b[j].Value == c.key:
			if !holds(b[j+1], nil, c.items) {
				return false
			}
			added++
			j += 2
		case i+1 >= len(a) || !v.same(a[i], b[j]):
			return false
		case a[i+1] == c.value:
			if !v.extended(c, b[j+1]) {
				return false
			}
			added++
			i, j = i+2, j+2
		case !v.same(a[i+1], b[j+1]):
			return false
		default:
			i, j = i+2, j+2
		}
	}
	return added == 1
}

// extended reports whether a value is the old one of the change, and the items.
func (v verifier) extended(c change, b *yaml.Node) bool {
	switch {
	case c.value.Kind == yaml.SequenceNode:
		if b.Kind != yaml.SequenceNode || b.Anchor != c.value.Anchor || b.Tag != c.value.Tag {
			return false
		}
		return holds(b, c.value.Content, c.items)
	case c.value.Tag == "!!null":
		return holds(b, nil, c.items)
	default:
		return holds(b, []*yaml.Node{c.value}, c.items)
	}
}

// holds reports whether a list has the old nodes, in their order, and the items
// side by side somewhere between them.
func holds(list *yaml.Node, old []*yaml.Node, items []Item) bool {
	if list.Kind != yaml.SequenceNode || len(list.Content) != len(old)+len(items) {
		return false
	}
	var v verifier
	before, behind := 0, 0 // how many of the old nodes stand at the begin, and at the end
	for before < len(old) && v.same(old[before], list.Content[before]) {
		before++
	}
	for behind < len(old) && v.same(old[len(old)-1-behind], list.Content[len(list.Content)-1-behind]) {
		behind++
	}
	for at := len(old) - behind; at <= before; at++ {
		if slices.EqualFunc(list.Content[at:at+len(items)], items, isItem) {
			return true
		}
	}
	return false
}

func isItem(n *yaml.Node, item Item) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!str" && n.Value == item.Text
}
