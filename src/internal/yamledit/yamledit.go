// Package yamledit adds items to lists in a YAML text and leaves every other
// byte of the text as it is: comments, order, quoting, blank lines, line ends.
//
//	text ──parse──▶ nodes with places ──▶ insertions into the text ──▶ new text
//	                                          new text ──parse──▶ compared with the old nodes
//
// A YAML library that writes what it read would reformat a file that people keep
// by hand. So the text is never written from nodes: a node only tells where to
// insert. The new text is then parsed again, and unless it differs from the old
// one in exactly the added items, nothing is changed.
//
// What cannot be edited without a doubt is refused, with the reason, so that a
// person can do it: lists behind an alias or a merge key, lists that other
// places share by an anchor, values that span lines.
package yamledit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/linebreak"
)

// Addition is items to add to a list that is the value of a mapping's key.
type Addition struct {
	// Line and Column are where the mapping begins, counted from 1, columns in
	// characters, as yaml.v3 counts.
	Line, Column int
	// Key names the list. The value may also be absent, null, or one string,
	// which then becomes the first item.
	Key string
	// After are the keys, best first, behind which an absent Key is put.
	After []string
	// Items returns what to add, given the strings that the list has already.
	Items func(existing []string) []Item
}

// Item is one string of a list. Text must be plain in YAML: no quotes, no
// commas, no brackets, not empty. Comment, one line or empty, stands beside it
// where a comment can stand.
type Item struct{ Text, Comment string }

// Refusal says why an addition cannot be made.
type Refusal struct {
	// Line and Column are of the value that is in the way.
	Line, Column int
	Reason       string
}

func (r *Refusal) Error() string { return fmt.Sprintf("%d:%d: %s", r.Line, r.Column, r.Reason) }

func refuse(n *yaml.Node, format string, args ...any) error {
	return &Refusal{Line: n.Line, Column: n.Column, Reason: fmt.Sprintf(format, args...)}
}

// Add makes the additions to the first document of text. refused has one element
// for each addition, nil where it was made. The error says that the text as a
// whole cannot be edited; it is returned as it was then.
func Add(text []byte, additions []Addition) (edited []byte, refused []error, err error) {
	if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
		return text, nil, errors.New("the file is UTF-16; only UTF-8 is edited")
	}
	before, err := parse(text)
	if err != nil {
		return text, nil, err
	}
	e := &editor{text: text, lines: lineStarts(text), document: before[0]}
	refused = make([]error, len(additions))
	var made []change
	for i, a := range additions {
		c, err := e.add(a)
		if err != nil {
			refused[i] = err
			continue
		}
		made = append(made, c)
	}
	edited = apply(text, made)
	if err := verify(before, edited, made); err != nil {
		return text, nil, err
	}
	return edited, refused, nil
}

// parse reads all documents of a text.
func parse(text []byte) ([]*yaml.Node, error) {
	var documents []*yaml.Node
	decoder, breaks := yaml.NewDecoder(bytes.NewReader(text)), linebreak.Find(text)
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errors.New("the file is not valid YAML")
		}
		breaks.Correct(&document)
		documents = append(documents, &document)
	}
	if len(documents) == 0 {
		return nil, errors.New("the file holds no YAML document")
	}
	return documents, nil
}

// change is one addition, worked out.
type change struct {
	mapping *yaml.Node
	key     string
	value   *yaml.Node // nil where the key is new
	items   []Item
	edits   []edit
}

// edit puts text in the place of the bytes from offset on.
type edit struct {
	offset, removes int
	text            string
}

// apply returns the text with all edits made. Edits of different changes do not
// overlap, since each lies within its own mapping.
func apply(text []byte, changes []change) []byte {
	var edits []edit
	for _, c := range changes {
		edits = append(edits, c.edits...)
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return a.offset - b.offset })
	var out []byte
	done := 0
	for _, e := range edits {
		out = append(out, text[done:e.offset]...)
		out = append(out, e.text...)
		done = e.offset + e.removes
	}
	return append(out, text[done:]...)
}
