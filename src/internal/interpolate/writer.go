package interpolate

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	yaml2 "gopkg.in/yaml.v2"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// places keeps where the nodes of a new document were written.
type places struct {
	base    *source.Document
	origins map[*yaml.Node]place.Place
	before  map[*yaml.Node]string
}

func newPlaces(base *source.Document) places {
	return places{base: base, origins: map[*yaml.Node]place.Place{}, before: map[*yaml.Node]string{}}
}

// put sets a node's place: in the node itself if it is one of the base file. before
// is its text with variables, where they are part of it.
func (p places) put(n *yaml.Node, at place.Place, before string) {
	if before != "" {
		p.before[n] = before
	}
	if at.File == p.base.File() && at.Through == "" {
		n.Line, n.Column = at.Line, at.Column
		return
	}
	p.origins[n] = at
}

// writer makes a document of traced nodes: the nodes that a reader of the engine's
// text would see. Only the order of keys is that of writing, not the engine's.
type writer struct {
	places
	scalars *scalars
	inputs  []source.PassedOver
	// nodes and size are the values and the bytes of text that are left.
	nodes, size int
}

func newWriter(e *evaluation) *writer {
	return &writer{places: newPlaces(e.base), scalars: e.scalars, inputs: e.passedOver, nodes: source.MaxNodes, size: source.MaxFileSize}
}

// document returns errDiverged where only the engine can write a value.
func (w *writer) document(root *node) (*source.Document, error) {
	written, err := w.node(root)
	if err != nil {
		return nil, err
	}
	doc, err := source.NewDocument(w.base.File(), written, w.origins, w.before)
	if err != nil {
		return nil, err
	}
	return doc.Inherit(w.base, w.inputs...), nil
}

func (w *writer) node(n *node) (*yaml.Node, error) {
	if w.nodes--; w.nodes < 0 {
		return nil, sizeLimit{at: place.Place{File: w.base.File(), Line: 1, Column: 1}}.error()
	}
	written := &yaml.Node{}
	w.put(written, n.at, n.before)
	switch v := n.value.(type) {
	case *mapping:
		written.Kind, written.Tag = yaml.MappingNode, "!!map"
		written.Content = make([]*yaml.Node, 0, 2*len(v.keys))
		for i, key := range v.keys {
			if err := w.add(written, key, v.values[i]); err != nil {
				return nil, err
			}
		}
		return written, checkWrittenKeys(v, written)
	case *sequence:
		written.Kind, written.Tag = yaml.SequenceNode, "!!seq"
		written.Content = make([]*yaml.Node, 0, len(v.items))
		return written, w.add(written, v.items...)
	}
	return written, w.scalar(written, n.value)
}

// checkWrittenKeys refuses a fraction that is written as the whole number beside it:
// 1.0 and 1.
func checkWrittenKeys(m *mapping, written *yaml.Node) error {
	for i, key := range m.keys {
		if _, ok := key.value.(float64); !ok {
			continue
		}
		for j := range m.keys {
			if j != i && written.Content[2*j].Value == written.Content[2*i].Value {
				return &trouble.Trouble{At: key.at, Message: "bosh writes this key like another one of the map: which one counts is left to chance"}
			}
		}
	}
	return nil
}

// add writes nodes into another one.
func (w *writer) add(into *yaml.Node, nodes ...*node) error {
	for _, n := range nodes {
		written, err := w.node(n)
		if err != nil {
			return err
		}
		into.Content = append(into.Content, written)
	}
	return nil
}

// scalar writes a scalar as yaml.v2 does: which texts it puts into quotes decides
// what others read.
func (w *writer) scalar(n *yaml.Node, value any) error {
	n.Kind = yaml.ScalarNode
	switch v := value.(type) {
	case nil:
		n.Tag, n.Value = "!!null", "null"
	case bool:
		n.Tag, n.Value = "!!bool", strconv.FormatBool(v)
	case int, int64, uint64:
		n.Tag, n.Value = "!!int", fmt.Sprint(v)
	case string:
		return w.text(n, v)
	default:
		text, err := yaml2.Marshal(v)
		if err != nil {
			return errDiverged
		}
		n.Value = strings.TrimSuffix(string(text), "\n")
		n.Tag = n.ShortTag()
	}
	return nil
}

func (w *writer) text(n *yaml.Node, text string) error {
	if w.size -= len(text); w.size < 0 {
		return sizeLimit{at: place.Place{File: w.base.File(), Line: 1, Column: 1}}.error()
	}
	if text == "<<" {
		return errDiverged // the engine does not put it into quotes
	}
	n.Value = text
	quoted, ok := w.scalars.quoted(text)
	switch {
	case !ok:
		return errDiverged
	case quoted:
		n.Style, n.Tag = yaml.DoubleQuotedStyle, "!!str"
	default:
		n.Tag = n.ShortTag()
	}
	return nil
}

// quoted reports whether yaml.v2 writes a text in quotes or as a block; ok is false
// for texts that it writes as something else.
func (s *scalars) quoted(text string) (quoted, ok bool) {
	if text != "" && surelyText(text) && isPlain(text) {
		return false, true
	}
	if quoted, ok := s.quotedTexts[text]; ok {
		return quoted, true
	}
	if !utf8.ValidString(text) {
		return false, false
	}
	written, err := yaml2.Marshal(text)
	if err != nil || len(written) == 0 || written[0] == '!' {
		return false, false
	}
	quoted = strings.IndexByte(`"'|>`, written[0]) >= 0
	s.quotedTexts[text] = quoted
	return quoted, true
}

// isPlain reports whether a text has only characters that never need quotes.
func isPlain(text string) bool {
	for i := range len(text) {
		c := text[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '/' || c == '_' || c == '.' || c == '('
		if !letter && (i == 0 || c != '-' && c != ')' && c != '+' && c != '=') {
			return false
		}
	}
	return true
}
