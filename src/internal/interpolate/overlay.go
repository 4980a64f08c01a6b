package interpolate

import (
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// overlay lays the places of the traced document over the nodes of the engine's
// output.
type overlay struct {
	places
	scalars *scalars
	inputs  []source.PassedOver
	// untraced counts the values for which the traced document had another value
	// or none.
	untraced int
}

func newOverlay(e *evaluation) *overlay {
	return &overlay{places: newPlaces(e.base), scalars: e.scalars, inputs: e.passedOver}
}

// document returns the engine's output with the places of the traced document,
// which may be nil.
func (o *overlay) document(output []byte, traced *node) (*source.Document, error) {
	var stream yaml.Node
	if err := yaml.Unmarshal(output, &stream); err != nil || len(stream.Content) != 1 {
		return nil, &trouble.Trouble{At: o.base.Root().Place(), Message: "what the bosh CLI makes of this document is not valid YAML"}
	}
	root := stream.Content[0]
	o.lay(root, traced, o.base.Root().Place())
	doc, err := source.NewDocument(o.base.File(), root, o.origins, o.before)
	if err != nil {
		return nil, err
	}
	return doc.Inherit(o.base, o.inputs...), nil
}

// lay gives n and what is below it their places; ancestor is the place of the
// value around it.
func (o *overlay) lay(n *yaml.Node, traced *node, ancestor place.Place) {
	if traced == nil || !o.same(n, traced) {
		o.untraced++
		o.cover(n, ancestor)
		return
	}
	o.put(n, traced.at, traced.before)
	switch v := traced.value.(type) {
	case *mapping:
		for i := 0; i+1 < len(n.Content); i += 2 {
			o.layPair(n.Content[i], n.Content[i+1], v, traced.at)
		}
	case *sequence:
		for i, item := range n.Content {
			o.lay(item, v.items[i], traced.at)
		}
	}
}

func (o *overlay) layPair(key, value *yaml.Node, m *mapping, ancestor place.Place) {
	written, _ := o.scalars.value(key)
	i := o.findKey(m, written)
	if i < 0 {
		o.untraced++
		o.cover(key, ancestor)
		o.cover(value, ancestor)
		return
	}
	o.put(key, m.keys[i].at, m.keys[i].before)
	o.lay(value, m.values[i], ancestor)
}

// findKey returns the number of the pair with a key as the engine wrote it.
func (o *overlay) findKey(m *mapping, written any) int {
	if i := m.find(written); i >= 0 {
		return i
	}
	for i, k := range m.keys {
		if sameScalar(o.scalars.rewritten(k.value), written) {
			return i
		}
	}
	return -1
}

// same reports whether both values are equal, what is below them left aside.
func (o *overlay) same(n *yaml.Node, traced *node) bool {
	switch v := traced.value.(type) {
	case *mapping:
		return n.Kind == yaml.MappingNode && len(n.Content) == 2*len(v.keys)
	case *sequence:
		return n.Kind == yaml.SequenceNode && len(n.Content) == len(v.items)
	}
	value, ok := o.scalars.value(n)
	return ok && n.Kind == yaml.ScalarNode && sameScalar(value, o.scalars.rewritten(traced.value))
}

// cover gives n and everything below it one place.
func (o *overlay) cover(n *yaml.Node, at place.Place) {
	o.put(n, at, source.Unknown)
	for _, child := range n.Content {
		o.cover(child, at)
	}
}
