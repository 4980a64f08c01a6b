package report

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
)

// sources fetches source lines and knows which of them may hold secrets.
type sources struct {
	line func(file string, line int) (string, bool)
	// ofVariables are the files from which a value reached a document through a
	// variable. They stay so for findings that point into them directly.
	ofVariables map[string]bool
	lines       map[place.Place]*sourceLine // by file and line
}

func newSources(result lint.Result, options Options) sources {
	s := sources{line: options.Line, ofVariables: map[string]bool{}, lines: map[place.Place]*sourceLine{}}
	for _, f := range result.Findings {
		for _, c := range f.Claims {
			if c.At.Through != "" {
				s.ofVariables[c.At.File] = true
			}
		}
	}
	return s
}

// sourceLine is a line in which columns are found without a walk through all of it:
// a file may be one line, with thousands of findings.
type sourceLine struct {
	text string
	// blocks are the bytes at which every 256th character begins; nil where each
	// character is one byte.
	blocks []int
}

const block = 256

func newSourceLine(text string) *sourceLine {
	l := &sourceLine{text: strings.TrimPrefix(strings.TrimRight(text, "\r\n"), "\ufeff")} // YAML counts no byte order mark
	if strings.IndexFunc(l.text, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return l
	}
	n := 0
	for i := range l.text {
		if n%block == 0 {
			l.blocks = append(l.blocks, i)
		}
		n++
	}
	return l
}

// byteAt is the byte at which a column (in characters, from 1; below that counts as 1)
// begins, or the end of the line.
func (l *sourceLine) byteAt(column int) int {
	n := max(column-1, 0)
	if l.blocks == nil {
		return min(n, len(l.text))
	}
	if n/block >= len(l.blocks) {
		return len(l.text)
	}
	start := l.blocks[n/block]
	for i := range l.text[start:] {
		if n%block == 0 {
			return start + i
		}
		n--
	}
	return len(l.text)
}

// at returns the source line of a place. There is none for a place on the command
// line, and none for a text that is no UTF-8 file with lines as we count them (UTF-16).
func (s sources) at(p place.Place) *sourceLine {
	if s.line == nil || !p.IsValid() || isFlag(p.File) {
		return nil
	}
	key := place.Place{File: p.File, Line: p.Line}
	if l, known := s.lines[key]; known {
		return l
	}
	var l *sourceLine
	if text, ok := s.line(p.File, p.Line); ok && !strings.ContainsRune(text, 0) {
		l = newSourceLine(text)
	}
	s.lines[key] = l
	return l
}

// excerpt returns what may be shown of the source line of a place.
func (s sources) excerpt(p place.Place) (excerpt, bool) {
	l := s.at(p)
	if l == nil {
		return excerpt{}, false
	}
	return newExcerpt(l.text, l.byteAt(p.Column), s.ofVariables[p.File]), true
}

// endColumn returns the column just past the scalar at a place, in characters
// from 1, or 0 if the line cannot be had or the place is not in it.
func (s sources) endColumn(p place.Place) int {
	l := s.at(p)
	if l == nil || p.Column < 1 || l.byteAt(p.Column) == len(l.text) {
		return 0
	}
	at := l.byteAt(p.Column)
	end := scalarEnd(l.text, skipProperties(l.text, at))
	return p.Column + utf8.RuneCountInString(l.text[at:end])
}

// isFlag reports whether a place's file is a flag of the command line, such as
// "-v NAME", and no file.
func isFlag(file string) bool {
	return strings.HasPrefix(file, "-") && strings.Contains(file, " ")
}

// inFile reports whether a place can be opened: it is neither a flag nor
// standard input.
func inFile(p place.Place) bool {
	return p.IsValid() && p.File != "-" && !isFlag(p.File)
}

// position is how a place is shown: file:line:column as far as it is known.
func position(p place.Place) string {
	switch {
	case !p.IsValid() || isFlag(p.File):
		return legible.Text(p.File)
	case p.Column < 1:
		return legible.Text(p.File) + ":" + strconv.Itoa(p.Line)
	}
	return legible.Text(p.String())
}

// mainParty splits the claims of a finding into the one to show where a format
// has room for one place only, and the rest. It is the first that lies in a
// file, else the first; false if there is none.
func mainParty(f lint.Finding) (lint.Party, []lint.Party, bool) {
	if len(f.Claims) == 0 {
		return lint.Party{}, nil, false
	}
	i := max(slices.IndexFunc(f.Claims, func(c lint.Party) bool { return inFile(c.At) }), 0)
	return f.Claims[i], slices.Concat(f.Claims[:i], f.Claims[i+1:]), true
}
