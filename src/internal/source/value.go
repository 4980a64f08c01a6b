package source

import (
	"cmp"
	"iter"
	"slices"

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

// Raw is a scalar's text as it was written, quotes and escapes resolved; empty for
// everything else. It may be a secret: it is for parsers, which take addresses and
// numbers out of it, and for nothing that is kept or printed.
func (v Value) Raw() string {
	if n := v.Node(); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

// Compare orders scalars by their texts.
func (v Value) Compare(o Value) int { return cmp.Compare(v.Raw(), o.Raw()) }

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
// key stands twice the last one counts, also where it comes in by a merge key
// ("<<"): Ruby's Psych and bosh-cli's yaml.v2 merge at the place where the merge
// stands. Where the key is not there and another one is a variable without a value,
// it may be that one: then the value is the text of the other key, and hides as any
// variable does.
func (v Value) Field(name string) Value {
	if found := v.field(name, nil); found.Present() {
		return found
	}
	return v.OpenKey()
}

// Has reports whether a mapping has the key as it is written, also by a merge key.
func (v Value) Has(name string) bool { return v.field(name, nil).Present() }

// OpenKey is the key of a mapping that is a variable without a value, or a template of
// another tool: which key it is, nobody knows. Absent if there is none.
func (v Value) OpenKey() Value {
	if v.doc == nil || len(v.doc.openKeys) == 0 {
		return Value{}
	}
	return v.openKey(nil)
}

// IsOpenKey reports whether the value is such a key.
func (v Value) IsOpenKey() bool { return v.doc != nil && v.doc.isOpenKey[v.node] }

func (v Value) openKey(inside []*yaml.Node) Value {
	n := v.Node()
	if n == nil || n.Kind != yaml.MappingNode || slices.Contains(inside, n) {
		return Value{}
	}
	if key, ok := v.doc.openKeys[n]; ok {
		return v.with(key)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := v.with(n.Content[i]).Node(); !isMerge(key) {
			continue
		}
		merged := v.with(n.Content[i+1])
		for _, m := range append(merged.Items(), merged) {
			if key := m.openKey(append(inside, n)); key.Present() {
				return key
			}
		}
	}
	return Value{}
}

func (v Value) field(name string, inside []*yaml.Node) Value {
	n := v.Node()
	if n == nil || n.Kind != yaml.MappingNode {
		return Value{}
	}
	for i := len(n.Content) - 2; i >= 0; i -= 2 {
		key := n.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if isMerge(key) {
			if found := v.with(n.Content[i+1]).mergedField(name, append(inside, n)); found.Present() {
				return found
			}
		} else if key.Kind == yaml.ScalarNode && key.Value == name {
			return v.with(n.Content[i+1])
		}
	}
	return Value{}
}

// mergedField is the value of a key in what "<<" brings in; in a list the
// earlier mapping wins. inside holds the mappings whose merge led here, against
// a merge that names itself.
func (v Value) mergedField(name string, inside []*yaml.Node) Value {
	n := v.Node()
	if slices.Contains(inside, n) {
		return Value{}
	}
	if n.Kind == yaml.MappingNode {
		return v.field(name, inside)
	}
	for _, item := range v.Items() {
		if item.IsMap() && !slices.Contains(inside, item.Node()) {
			if found := item.field(name, inside); found.Present() {
				return found
			}
		}
	}
	return Value{}
}

// Fields yields the keys and values of a mapping in the order in which the keys
// were first written, each key once, with the value that counts.
func (v Value) Fields() iter.Seq2[Value, Value] {
	return func(yield func(Value, Value) bool) {
		n := v.Node()
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		list := pairList{index: make(map[string]int, len(n.Content)/2)}
		list.addAll(v, nil)
		for _, p := range list.pairs {
			if !yield(p.key, p.value) {
				return
			}
		}
	}
}

type pair struct{ key, value Value }

// pairList collects a mapping's pairs; a later one replaces an earlier one of
// the same key.
type pairList struct {
	pairs []pair
	index map[string]int
}

func (l *pairList) add(p pair) {
	k := p.key.Node()
	if k.Kind != yaml.ScalarNode {
		l.pairs = append(l.pairs, p)
		return
	}
	if at, ok := l.index[k.Value]; ok {
		l.pairs[at] = p
		return
	}
	l.index[k.Value] = len(l.pairs)
	l.pairs = append(l.pairs, p)
}

// addAll adds the pairs of a mapping. inside holds the mappings whose merge led
// here, against a merge that names itself.
func (l *pairList) addAll(v Value, inside []*yaml.Node) {
	n := v.Node()
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := v.with(n.Content[i]), v.with(n.Content[i+1])
		if !isMerge(key.Node()) {
			l.add(pair{key, value})
			continue
		}
		l.merge(value, append(inside, n))
	}
}

// merge adds what "<<: v" brings in; in a list the earlier mapping wins.
func (l *pairList) merge(v Value, inside []*yaml.Node) {
	items := v.Items()
	if v.IsMap() {
		items = []Value{v}
	}
	for _, item := range slices.Backward(items) {
		if item.IsMap() && !slices.Contains(inside, item.Node()) {
			l.addAll(item, inside)
		}
	}
}

func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && (key.Tag == "!!merge" || key.Tag == "" || key.Style == 0)
}
