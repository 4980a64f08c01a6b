package report

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
)

// sources fetches source lines and knows which of them may hold secrets.
type sources struct {
	line func(file string, line int) (string, bool)
	// secret holds the files from which a value reached a document through a
	// variable. They stay secret for findings that point into them directly.
	secret map[string]bool
}

func newSources(result lint.Result, options Options) sources {
	s := sources{line: options.Line, secret: map[string]bool{}}
	for _, f := range result.Findings {
		for _, c := range f.Claims {
			if c.At.Through != "" {
				s.secret[c.At.File] = true
			}
		}
	}
	return s
}

// raw returns the source line of a place and what is meant in it, unredacted.
// There is none for a place on the command line, and none for a text that is no
// UTF-8 file with lines as we count them (UTF-16).
func (s sources) raw(p place.Place) (excerpt, bool) {
	if s.line == nil || !p.IsValid() || isFlag(p.File) {
		return excerpt{}, false
	}
	line, ok := s.line(p.File, p.Line)
	if !ok || strings.ContainsRune(line, 0) {
		return excerpt{}, false
	}
	return newExcerpt(line, p.Column), true
}

// excerpt returns what may be shown of the source line of a place.
func (s sources) excerpt(p place.Place) (excerpt, bool) {
	e, ok := s.raw(p)
	if ok && s.secret[p.File] {
		e = e.redacted()
	}
	return e, ok
}

// endColumn returns the column just past the scalar at a place, in characters
// from 1, or 0 if the line cannot be had or the place is not in it.
func (s sources) endColumn(p place.Place) int {
	e, ok := s.raw(p)
	if !ok || p.Column < 1 || p.Column > len(e.line) {
		return 0
	}
	return e.end + 1
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
		return visible(p.File)
	case p.Column < 1:
		return visible(p.File) + ":" + strconv.Itoa(p.Line)
	}
	return visible(p.String())
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
