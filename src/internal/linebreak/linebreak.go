// Package linebreak finds the places of an editor for those of the YAML library.
//
// Behind U+0085, U+2028 and U+2029 a line begins for YAML 1.1 (section 5.4), by which the
// library counts, and for no editor.
package linebreak

import (
	"bytes"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Starts is where each line of the library begins. It is nil for nearly all texts: both
// count the same.
type Starts []start

// start is where a line of the library begins in an editor's.
type start struct {
	line   int
	before int // characters of the line before it
}

// Find returns the lines of a text in UTF-8; one in UTF-16 is left as the library has it.
func Find(text []byte) Starts {
	if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
		return nil
	}
	if !bytes.Contains(text, []byte("\u0085")) && !bytes.Contains(text, []byte("\u2028")) && !bytes.Contains(text, []byte("\u2029")) {
		return nil
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	starts := Starts{{line: 1}}
	line, column := 1, 0
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		column++
		switch r {
		case '\r', '\n':
			if r == '\r' && len(text) > 0 && text[0] == '\n' {
				continue
			}
			line, column = line+1, 0
		case '\u0085', '\u2028', '\u2029':
		default:
			continue
		}
		starts = append(starts, start{line: line, before: column})
	}
	return starts
}

// Correct gives a node, and all below it, the lines and columns of an editor.
func (s Starts) Correct(n *yaml.Node) {
	if s == nil {
		return
	}
	n.Line, n.Column = s.Position(n.Line, n.Column)
	for _, child := range n.Content {
		s.Correct(child)
	}
}

// Position is where an editor has a line and a column of the library, both from 1.
func (s Starts) Position(line, column int) (int, int) {
	if line < 1 || line > len(s) {
		return line, column
	}
	return s[line-1].line, s[line-1].before + column
}
