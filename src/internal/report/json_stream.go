package report

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"

	"github.com/ipguard/ipguard/src/internal/legible"
)

// JSONStream writes JSON piece by piece, as json.MarshalIndent with two blanks writes the
// whole, so that of a million claims there are never all in memory. What is written at
// once ends behind a whole value. The first error stays, and End returns it.
type JSONStream struct {
	to     io.Writer
	buffer bytes.Buffer
	depth  int
	filled bool // the innermost list or object has something in it
	named  bool // a field's name stands before the next value
	err    error
}

// atOnce is how many bytes are gathered before they are written.
const atOnce = 64 << 10

// NewJSONStream returns a stream that writes to w.
func NewJSONStream(w io.Writer) *JSONStream { return &JSONStream{to: w} }

// Open begins an object ('{') or a list ('[').
func (s *JSONStream) Open(bracket byte) {
	s.begin()
	s.buffer.WriteByte(bracket)
	s.depth, s.filled = s.depth+1, false
}

// Close ends what was opened last, with '}' or ']'.
func (s *JSONStream) Close(bracket byte) {
	s.depth--
	if s.filled {
		s.newLine()
	}
	s.buffer.WriteByte(bracket)
	s.filled = true
}

// Field writes a field of an object.
func (s *JSONStream) Field(name string, value any) {
	s.name(name)
	s.Value(value)
}

// List writes a field that is a list; each of its n values is written by a function.
func (s *JSONStream) List(name string, n int, write func(i int)) {
	s.name(name)
	s.Open('[')
	for i := range n {
		write(i)
	}
	s.Close(']')
}

// Value writes one value.
func (s *JSONStream) Value(value any) {
	s.begin()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent(strings.Repeat("  ", s.depth), "  ")
	if err := encoder.Encode(value); err != nil && s.err == nil {
		s.err = err
	}
	s.buffer.Write(legible.EscapedJSON(bytes.TrimSuffix(text.Bytes(), []byte("\n"))))
	s.filled = true
	if s.buffer.Len() >= atOnce {
		s.flush()
	}
}

// End ends the text with a line's end and writes what is left.
func (s *JSONStream) End() error {
	s.buffer.WriteByte('\n')
	s.flush()
	return s.err
}

func (s *JSONStream) name(name string) {
	s.begin()
	text, err := json.Marshal(name)
	if err != nil && s.err == nil {
		s.err = err
	}
	s.buffer.Write(text)
	s.buffer.WriteString(": ")
	s.named = true
}

// begin parts the next value from the one before.
func (s *JSONStream) begin() {
	if s.named || s.depth == 0 {
		s.named = false
		return
	}
	if s.filled {
		s.buffer.WriteByte(',')
	}
	s.newLine()
}

func (s *JSONStream) newLine() {
	s.buffer.WriteByte('\n')
	s.buffer.WriteString(strings.Repeat("  ", s.depth))
}

func (s *JSONStream) flush() {
	if s.err == nil {
		_, s.err = s.to.Write(s.buffer.Bytes())
	}
	s.buffer.Reset()
}
