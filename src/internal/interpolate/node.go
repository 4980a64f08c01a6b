package interpolate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// node is a value that knows where it was written. Aliases and merge keys are
// resolved: as in the engine, each use is a value of its own.
type node struct {
	at place.Place
	// before is a text as it was before variables were put into it; else empty.
	before string
	// withheld says that the value is shown nowhere, also where it is a plain name.
	withheld bool
	// value is a *mapping, a *sequence or a scalar (see scalars.value).
	value any
}

type sequence struct{ items []*node }

// mapping keeps its pairs in the order in which they were written.
type mapping struct {
	keys, values []*node
	index        map[any]int // of large mappings; nil while not needed
}

// largeMapping is the number of pairs from which an index is worth its memory.
const largeMapping = 16

// find returns the number of the pair with that key, or -1.
func (m *mapping) find(key any) int {
	if len(m.keys) < largeMapping {
		for i, k := range m.keys {
			if sameScalar(k.value, key) {
				return i
			}
		}
		return -1
	}
	if m.index == nil {
		m.index = make(map[any]int, len(m.keys))
		for i, k := range m.keys {
			m.index[k.value] = i
		}
	}
	if i, ok := m.index[key]; ok {
		return i
	}
	return -1
}

// get returns the value of a key, or nil.
func (m *mapping) get(key any) *node {
	if i := m.find(key); i >= 0 {
		return m.values[i]
	}
	return nil
}

// put sets the value of a key. A key that is there already stays as it was
// written.
func (m *mapping) put(key, value *node) {
	if i := m.find(key.value); i >= 0 {
		m.values[i] = value
		return
	}
	if m.index != nil {
		m.index[key.value] = len(m.keys)
	}
	m.keys = append(m.keys, key)
	m.values = append(m.values, value)
}

// remove deletes a key, if it is there.
func (m *mapping) remove(key any) {
	i := m.find(key)
	if i < 0 {
		return
	}
	m.keys = append(m.keys[:i:i], m.keys[i+1:]...)
	m.values = append(m.values[:i:i], m.values[i+1:]...)
	m.index = nil
}

// builder makes nodes of a parsed document, with the meaning that yaml.v2 gives
// to it.
type builder struct {
	doc     *source.Document
	scalars *scalars
}

func buildDocument(doc *source.Document, s *scalars) (*node, error) {
	b := builder{doc: doc, scalars: s}
	return b.node(doc.Node())
}

func (b *builder) node(n *yaml.Node) (*node, error) {
	built := &node{at: b.doc.PlaceOf(n)}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch n.Kind {
	case yaml.MappingNode:
		m := &mapping{keys: make([]*node, 0, len(n.Content)/2), values: make([]*node, 0, len(n.Content)/2)}
		built.value = m
		return built, b.addPairs(m, n)
	case yaml.SequenceNode:
		s := &sequence{items: make([]*node, len(n.Content))}
		built.value = s
		for i, c := range n.Content {
			item, err := b.node(c)
			if err != nil {
				return nil, err
			}
			s.items[i] = item
		}
		return built, nil
	}
	value, ok := b.scalars.value(n)
	if !ok {
		return nil, &trouble.Trouble{At: built.at, Message: "the bosh CLI cannot read this value as " + n.Tag}
	}
	built.value = value
	return built, nil
}

// addPairs puts the pairs of n into m in the order of writing. A merge key is
// one more step in that order: unlike YAML's own rule, it overrides keys before
// it (mapping and merge in decode.go of yaml.v2).
func (b *builder) addPairs(m *mapping, n *yaml.Node) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if isMerge(n.Content[i]) {
			if err := b.merge(m, n.Content[i+1]); err != nil {
				return err
			}
			continue
		}
		key, err := b.node(n.Content[i])
		if err != nil {
			return err
		}
		if !isScalar(key) {
			return &trouble.Trouble{At: key.at, Message: "a map or a list cannot be a key: the bosh CLI refuses it"}
		}
		value, err := b.node(n.Content[i+1])
		if err != nil {
			return err
		}
		m.put(key, value)
	}
	return nil
}

// merge puts the pairs of the map, or of each map of the list, into m. In a list
// the first map wins.
func (b *builder) merge(m *mapping, from *yaml.Node) error {
	maps := []*yaml.Node{from}
	if from.Kind == yaml.SequenceNode {
		maps = from.Content
	}
	for i := len(maps) - 1; i >= 0; i-- {
		n := maps[i]
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		if n.Kind != yaml.MappingNode {
			return &trouble.Trouble{At: b.doc.PlaceOf(maps[i]), Message: "<< takes a map or a list of maps"}
		}
		if err := b.addPairs(m, n); err != nil {
			return err
		}
	}
	return nil
}

// isMerge reports whether a key is "<<", not in quotes.
func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && (key.Style == 0 || key.Tag == "!!merge")
}

// fromValue makes nodes of a value of another document.
func (s *scalars) fromValue(v source.Value) *node {
	built := &node{at: v.Place()}
	switch {
	case v.IsMap():
		m := &mapping{}
		for key, value := range v.Fields() {
			m.put(s.fromValue(key), s.fromValue(value))
		}
		built.value = m
	case v.IsList():
		list := &sequence{}
		for _, item := range v.Items() {
			list.items = append(list.items, s.fromValue(item))
		}
		built.value = list
	case v.IsScalar():
		built.value, _ = s.value(v.Node()) // what its tag does not fit is null
	}
	return built
}

// fromEngine makes nodes of a value of the engine that has one place as a whole. What is
// in it are parts of that place, in the order of lists and of the texts of keys.
func fromEngine(value any, at place.Place) *node {
	parts := at.Part
	return fromEngineParts(value, at, &parts)
}

func fromEngineParts(value any, at place.Place, parts *int) *node {
	at.Part = *parts
	*parts++
	built := &node{at: at, value: value}
	switch v := value.(type) {
	case map[any]any:
		m := &mapping{}
		for _, key := range slices.SortedFunc(maps.Keys(v), func(a, b any) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) }) {
			m.put(fromEngineParts(key, at, parts), fromEngineParts(v[key], at, parts))
		}
		built.value = m
	case []any:
		list := &sequence{items: make([]*node, len(v))}
		for i, item := range v {
			list.items[i] = fromEngineParts(item, at, parts)
		}
		built.value = list
	}
	return built
}

// engineValue is the value as the engine holds it.
func (n *node) engineValue() any {
	switch v := n.value.(type) {
	case *mapping:
		m := make(map[any]any, len(v.keys))
		for i, key := range v.keys {
			m[key.value] = v.values[i].engineValue()
		}
		return m
	case *sequence:
		list := make([]any, len(v.items))
		for i, item := range v.items {
			list[i] = item.engineValue()
		}
		return list
	}
	return n.value
}

// withhold marks the value and all below it as shown nowhere.
func (n *node) withhold() {
	n.withheld = true
	switch v := n.value.(type) {
	case *mapping:
		for i := range v.keys {
			v.keys[i].withhold()
			v.values[i].withhold()
		}
	case *sequence:
		for _, item := range v.items {
			item.withhold()
		}
	}
}

// through returns a copy of the value that says by which variable it reached
// the document.
func (n *node) through(variable string) *node {
	c := &node{at: n.at, before: n.before, withheld: n.withheld, value: n.value}
	c.at.Through = variable
	if n.withheld && n.before == "" && isScalar(n) {
		c.before = "((" + variable + "))"
	}
	switch v := n.value.(type) {
	case *mapping:
		m := &mapping{keys: make([]*node, len(v.keys)), values: make([]*node, len(v.values))}
		for i := range v.keys {
			m.keys[i], m.values[i] = v.keys[i].through(variable), v.values[i].through(variable)
		}
		c.value = m
	case *sequence:
		list := &sequence{items: make([]*node, len(v.items))}
		for i, item := range v.items {
			list.items[i] = item.through(variable)
		}
		c.value = list
	}
	return c
}

func isScalar(n *node) bool {
	switch n.value.(type) {
	case *mapping, *sequence:
		return false
	}
	return true
}

// kind names a value's kind without showing the value.
func (n *node) kind() string {
	switch v := n.value.(type) {
	case *mapping:
		return "a map"
	case *sequence:
		return "a list"
	case nil:
		return "null"
	case string:
		return "text"
	case bool:
		return "true or false"
	case float64:
		return "a number with a fraction"
	case int, int64, uint64:
		return "a whole number"
	default:
		return fmt.Sprintf("a %T", v)
	}
}
