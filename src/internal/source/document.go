// Package source reads YAML documents in which every value keeps its place.
//
// A Document is a tree of yaml.v3 nodes together with the origin of those that
// did not come from the document's own file (ops files, vars files, the command
// line: package interpolate makes such trees). A Value is one node of a
// document: a small struct that is passed by value, asks nothing of the file
// system and never fails. What a scalar means (nil, bool, integer, string, …)
// is decided as Ruby's Psych decides it, because the director is written in
// Ruby and the readers must see what it sees.
//
// Failures (a file that cannot be read, text that is not YAML, aliases that
// explode) are *trouble.Trouble values: they carry a place and mean "exit 3".
package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/linebreak"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// MaxNodes is how many nodes a document may have after its aliases are
// expanded. The largest public manifests have some 20,000.
const MaxNodes = 10_000_000

// MaxExpanded is for how many values the aliases of a document may stand, and its
// variables; MaxExpandedBytes for how many bytes of text. The public manifests stay below
// a hundredth. A value costs some 300 bytes from reading to judging.
const (
	MaxExpanded      = 250_000
	MaxExpandedBytes = 32 << 20
)

// Document is one YAML document and the places of its values.
type Document struct {
	file    string
	root    *yaml.Node
	marked  bool
	origins map[*yaml.Node]place.Place
	// before are the texts, as they were written, of scalars that variables are part of.
	before map[*yaml.Node]string
	// names seal what may not be shown; nil where nobody prints.
	names *Names
	// passedOver are what a reader of the first document, and of the last of equal
	// keys, does not see.
	passedOver []PassedOver
	more       bool
	// openKeys are, of mappings, the first key that is a variable or a template.
	openKeys  map[*yaml.Node]*yaml.Node
	isOpenKey map[*yaml.Node]bool
}

// Parse reads the first YAML document of text, as the bosh CLI does. file names
// the text in places and messages. The error is an *trouble.Trouble.
func Parse(file string, text []byte) (*Document, error) {
	if err := checkText(file, text); err != nil {
		return nil, err
	}
	var stream yaml.Node
	rest := yaml.NewDecoder(bytes.NewReader(text))
	err := rest.Decode(&stream)
	if errors.Is(err, io.EOF) {
		return nil, &trouble.Trouble{At: place.Place{File: file, Line: 1, Column: 1}, Message: "the file holds no YAML document"}
	}
	if err != nil {
		return nil, syntaxError(file, text, err)
	}
	doc := &Document{file: file, root: stream.Content[0], marked: bytes.HasPrefix(text, []byte("\ufeff"))}
	linebreak.Find(text).Correct(doc.root)
	if err := doc.checkSize(); err != nil {
		return nil, err
	}
	doc.findNext(text, rest)
	return doc, nil
}

// NewDocument returns a document of nodes that were put together from several
// texts. origins holds the place of every node that is not file's own, before the
// text that may be shown of every scalar that variables are a part of.
func NewDocument(file string, root *yaml.Node, origins map[*yaml.Node]place.Place, before map[*yaml.Node]string) (*Document, error) {
	doc := &Document{file: file, root: root, origins: origins, before: before}
	if err := doc.checkSize(); err != nil {
		return nil, err
	}
	return doc, nil
}

// Part is the document with those of its outermost keys, and of the items of lists at
// them, that are wanted; item is the zero value for a key that has no list. It is nil if
// nothing is left.
func (d *Document) Part(wanted func(key string, item Value) bool) *Document {
	part := *d
	root := *d.Root().Node()
	root.Content = nil
	for key, value := range d.Root().Fields() {
		node := value.Node()
		if value.IsList() {
			list := *node
			list.Content = nil
			for _, item := range value.Items() {
				if wanted(key.Text(), item) {
					list.Content = append(list.Content, item.Node())
				}
			}
			if node = &list; len(list.Content) == 0 {
				continue
			}
		} else if !wanted(key.Text(), Value{}) {
			continue
		}
		root.Content = append(root.Content, key.Node(), node)
	}
	if len(root.Content) == 0 {
		return nil
	}
	part.root = &root
	return &part
}

// File is the name that the document was read under.
func (d *Document) File() string { return d.file }

// HasByteOrderMark reports whether the text began with one. Go's YAML reader
// takes it away; Ruby's counts it as a character of the first line.
func (d *Document) HasByteOrderMark() bool { return d.marked }

// Root is the document's outermost value.
func (d *Document) Root() Value { return Value{doc: d, node: d.root} }

// Node is the outermost node, for package interpolate, which changes trees.
func (d *Document) Node() *yaml.Node { return d.root }

// PlaceOf returns where node was written.
func (d *Document) PlaceOf(node *yaml.Node) place.Place {
	if p, ok := d.origins[node]; ok {
		return p
	}
	return place.Place{File: d.file, Line: node.Line, Column: node.Column}
}

// checkText refuses what no YAML parser should be shown.
func checkText(file string, text []byte) error {
	if i := bytes.IndexByte(text, 0); i >= 0 && !isUTF16(text) {
		line := 1 + bytes.Count(text[:i], []byte("\n"))
		return &trouble.Trouble{At: place.Place{File: file, Line: line, Column: 1}, Message: "not a text file: it contains a NUL byte"}
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return &trouble.Trouble{At: place.Place{File: file, Line: 1, Column: 1}, Message: "the file is empty"}
	}
	return nil
}

func isUTF16(text []byte) bool {
	return bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff})
}

// checkSize counts the nodes that a reader could visit, aliases expanded, and
// refuses documents that are endless or too large.
func (d *Document) checkSize() error {
	counter := sizeCounter{doc: d, sizes: map[*yaml.Node]extent{}}
	_, err := counter.count(d.root)
	return err
}

type sizeCounter struct {
	doc   *Document
	sizes map[*yaml.Node]extent // of anchored nodes; values -1 while being counted
	// aliases is what all aliases stand for.
	aliases extent
}

// extent is how many values there are, and how many bytes of text.
type extent struct{ values, bytes int }

func (e *extent) add(o extent) { e.values, e.bytes = e.values+o.values, e.bytes+o.bytes }

func (c *sizeCounter) count(n *yaml.Node) (extent, error) {
	switch {
	case n.Kind == yaml.AliasNode:
		size, err := c.countAnchored(n.Alias, n)
		if c.aliases.add(size); err == nil && (c.aliases.values > MaxExpanded || c.aliases.bytes > MaxExpandedBytes) {
			err = &trouble.Trouble{At: c.doc.PlaceOf(n), Message: fmt.Sprintf(
				"the aliases of this document stand for more than %d values or %d MiB", MaxExpanded, MaxExpandedBytes>>20)}
		}
		return size, err
	case n.Anchor != "":
		return c.countAnchored(n, n)
	}
	return c.countChildren(n)
}

// countAnchored counts a node that can be reached more than once; from is where
// it is reached from.
func (c *sizeCounter) countAnchored(n, from *yaml.Node) (extent, error) {
	if size, ok := c.sizes[n]; ok {
		if size.values < 0 {
			return extent{}, &trouble.Trouble{At: c.doc.PlaceOf(from), Message: "this alias stands inside the value that it names"}
		}
		return size, nil
	}
	c.sizes[n] = extent{values: -1}
	size, err := c.countChildren(n)
	if err != nil {
		return extent{}, err
	}
	c.sizes[n] = size
	return size, nil
}

func (c *sizeCounter) countChildren(n *yaml.Node) (extent, error) {
	size := extent{1, len(n.Value)}
	if n.Kind == yaml.MappingNode {
		c.findEqualKeys(n)
		c.doc.findOpenKey(n)
	}
	for _, child := range n.Content {
		s, err := c.count(child)
		if err != nil {
			return extent{}, err
		}
		if size.add(s); size.values > MaxNodes {
			return extent{}, &trouble.Trouble{At: c.doc.PlaceOf(child), Message: fmt.Sprintf("this document has more than %d values", MaxNodes)}
		}
	}
	return size, nil
}

// findEqualKeys notes the keys of a mapping that stand in it again.
func (c *sizeCounter) findEqualKeys(n *yaml.Node) {
	const few = 2 * 12 // below it, comparing all costs less than a map
	var seen map[string]int
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.Value == "<<" {
			continue
		}
		earlier := -1
		if len(n.Content) <= few {
			for j := i - 2; j >= 0 && earlier < 0; j -= 2 {
				if n.Content[j].Kind == yaml.ScalarNode && n.Content[j].Value == key.Value {
					earlier = j
				}
			}
		} else {
			if seen == nil {
				seen = make(map[string]int, len(n.Content)/2)
			}
			if j, ok := seen[key.Value]; ok {
				earlier = j
			}
			seen[key.Value] = i
		}
		if earlier >= 0 {
			c.doc.passedOver = append(c.doc.passedOver, PassedOver{At: c.doc.PlaceOf(n.Content[earlier]), Key: key.Value, Again: c.doc.PlaceOf(key)})
		}
	}
}

// findOpenKey notes a key of a mapping that is a variable or a template.
func (d *Document) findOpenKey(n *yaml.Node) {
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode || !isOpen(key.Value) {
			continue
		}
		if d.openKeys == nil {
			d.openKeys, d.isOpenKey = map[*yaml.Node]*yaml.Node{}, map[*yaml.Node]bool{}
		}
		d.openKeys[n], d.isOpenKey[n.Content[i]] = n.Content[i], true
		return
	}
}

// isOpen reports whether a key is, or holds, a variable or a template.
func isOpen(key string) bool {
	for i := range len(key) {
		switch key[i] {
		case '(', '{', '<', '$':
			_, rest, variable := strings.Cut(key[i:], "((")
			_, template := TemplateIn(key)
			return template || variable && strings.Contains(rest, "))")
		}
	}
	return false
}

// Characters counts the characters of s, the unit of columns.
func Characters(s string) int { return utf8.RuneCountInString(s) }
