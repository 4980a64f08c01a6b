package source

import (
	"iter"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/place"
)

// Value is one value of a document. The zero Value is absent: it has no place,
// no kind and no children, so that chains like v.Field("a").Field("b") are safe.
type Value struct {
	doc  *Document
	node *yaml.Node
}

// Present reports whether the value stands in the document, be it as null.
func (v Value) Present() bool { return v.node != nil }

// Place is where the value was written; for an alias, where the alias stands.
func (v Value) Place() place.Place {
	if v.node == nil {
		return place.Place{}
	}
	return v.doc.PlaceOf(v.node)
}

// Node is the YAML node behind the value, aliases resolved, or nil.
func (v Value) Node() *yaml.Node {
	n := v.node
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// Document is the document that the value stands in; nil for the zero Value.
func (v Value) Document() *Document { return v.doc }

// At is the value of another node of the same document.
func (v Value) At(n *yaml.Node) Value { return v.with(n) }

// with returns the value of another node of the same document.
func (v Value) with(n *yaml.Node) Value { return Value{doc: v.doc, node: n} }

// IsMap reports whether the value is a mapping.
func (v Value) IsMap() bool { n := v.Node(); return n != nil && n.Kind == yaml.MappingNode }

// IsList reports whether the value is a sequence.
func (v Value) IsList() bool { n := v.Node(); return n != nil && n.Kind == yaml.SequenceNode }

// IsScalar reports whether the value is neither mapping nor sequence.
func (v Value) IsScalar() bool { n := v.Node(); return n != nil && n.Kind == yaml.ScalarNode }

// Text is a scalar's text as it was written, quotes and escapes resolved;
// empty for everything else.
func (v Value) Text() string {
	if n := v.Node(); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

// Items are the elements of a sequence, none for any other value.
func (v Value) Items() []Value {
	n := v.Node()
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	items := make([]Value, len(n.Content))
	for i, c := range n.Content {
		items[i] = v.with(c)
	}
	return items
}

// Field returns the value of a mapping's key, absent if there is none. Where a
// key stands twice the last one counts; merge keys ("<<") are honoured, a key
// of the mapping itself before any merged one.
func (v Value) Field(name string) Value {
	n := v.Node()
	if n == nil || n.Kind != yaml.MappingNode {
		return Value{}
	}
	merged := false
	for i := len(n.Content) - 2; i >= 0; i -= 2 {
		key := n.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if isMerge(key) {
			merged = true
		} else if key.Kind == yaml.ScalarNode && key.Value == name {
			return v.with(n.Content[i+1])
		}
	}
	if !merged {
		return Value{}
	}
	for key, value := range v.Fields() {
		if key.Text() == name {
			return value
		}
	}
	return Value{}
}

// Fields yields the keys and values of a mapping in the order in which they
// were written, each key once, merged keys where the merge stands.
func (v Value) Fields() iter.Seq2[Value, Value] {
	return func(yield func(Value, Value) bool) {
		n := v.Node()
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for _, p := range v.pairs(n, nil) {
			if !yield(p.key, p.value) {
				return
			}
		}
	}
}

type pair struct{ key, value Value }

// pairs lists a mapping's effective pairs. inside holds the mappings whose
// merge led here, against a merge that names itself.
func (v Value) pairs(n *yaml.Node, inside []*yaml.Node) []pair {
	list := make([]pair, 0, len(n.Content)/2)
	index := make(map[string]int, len(n.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := v.with(n.Content[i]), v.with(n.Content[i+1])
		k := key.Node()
		if isMerge(k) {
			merges = append(merges, value.Node())
			continue
		}
		if k.Kind != yaml.ScalarNode {
			list = append(list, pair{key, value})
			continue
		}
		if at, ok := index[k.Value]; ok {
			list[at] = pair{key, value}
			continue
		}
		index[k.Value] = len(list)
		list = append(list, pair{key, value})
	}
	for _, m := range merges {
		for _, p := range v.mergedPairs(m, append(inside, n)) {
			if k := p.key.Node(); k.Kind == yaml.ScalarNode {
				if _, ok := index[k.Value]; ok {
					continue
				}
				index[k.Value] = len(list)
			}
			list = append(list, p)
		}
	}
	return list
}

// mergedPairs lists the pairs that "<<: m" brings in; in a list the earlier
// mapping wins.
func (v Value) mergedPairs(m *yaml.Node, inside []*yaml.Node) []pair {
	for _, n := range inside {
		if n == m {
			return nil
		}
	}
	switch m.Kind {
	case yaml.MappingNode:
		return v.pairs(m, inside)
	case yaml.SequenceNode:
		var list []pair
		for _, c := range m.Content {
			if c.Kind == yaml.AliasNode {
				c = c.Alias
			}
			if c.Kind == yaml.MappingNode {
				list = append(list, v.mergedPairs(c, inside)...)
			}
		}
		return list
	}
	return nil
}

func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && (key.Tag == "!!merge" || key.Tag == "" || key.Style == 0)
}
