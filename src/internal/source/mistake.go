package source

import (
	"bytes"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/linebreak"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// This file says of a text that is no YAML what a person did wrong, and where. The
// library tells a line only, often that of what goes before, and speaks of tokens.

// mostTried is how many bytes may be parsed to find a mistake: what is larger gets
// the library's line.
const mostTried = 16 << 20

// syntaxError says what is wrong with a text that the library refuses with err.
func syntaxError(file string, text []byte, err error) *trouble.Trouble {
	m := mistake{lines: bytes.SplitAfter(text, []byte("\n")), left: mostTried, message: libraryMessage(err)}
	reported, _ := linebreak.Find(text).Position(libraryLine(err), 1)
	line, said, hint := m.find(reported)
	if t, ok := m.template(line); ok {
		said, hint = t.says(), t.Hint()
	}
	at := place.Place{File: file, Line: line, Column: m.column(line)}
	return &trouble.Trouble{At: at, Message: "not valid YAML: " + said, Hint: hint, Excerpt: shapeOf(m.line(line))}
}

// mistake looks for the line that makes a text no YAML.
type mistake struct {
	lines   [][]byte // with their ends
	left    int      // bytes that may still be parsed
	message string   // the library's
}

var (
	libraryText = lazyregexp.New(`^yaml: (?:line (\d+): )?(?s:(.*))$`)
	marker      = lazyregexp.New(`^(<<<<<<<|>>>>>>>)( |\r?\n|$)`)
	tabIndent   = lazyregexp.New(`^ *(- +)*\t`)
	// noColon is a key that no colon follows: a word at the line's beginning, and
	// then nothing or a value.
	noColon = lazyregexp.New(`^( *(?:- +)*[A-Za-z_][\w.-]*)([ ]+[^\s:#].*|\s*)$`)
	// noSpace is a colon that a value follows at once.
	noSpace = lazyregexp.New(`^( *(?:- +)*[A-Za-z_][\w.-]*:)([^\s:/].*)$`)
)

// find returns the line, what is wrong with it, and what to do; said is the line of
// the library.
func (m *mistake) find(said int) (line int, what, hint string) {
	if i := m.markerLine(); i > 0 {
		return i, "a merge marker: the conflict of a merge is not resolved", "keep one of the two sides and take the lines <<<<<<<, ======= and >>>>>>> out"
	}
	line = m.firstWrong(said)
	for _, i := range []int{line, line - 1, line + 1} {
		if i > 0 && i <= len(m.lines) && tabIndent().Match(m.lines[i-1]) {
			return i, "a tab in the indentation", "YAML is indented by spaces"
		}
	}
	for _, i := range []int{line, line - 1} {
		if m.mendedBy(i, line, noColon, "$1:$2") {
			return i, "a missing colon after the key", "write KEY: VALUE"
		}
		if m.mendedBy(i, line, noSpace, "$1 $2") {
			return i, "a missing space after the colon", "write KEY: VALUE"
		}
	}
	if _, ok := m.unknownAlias(); ok {
		hint = "put a text that begins with * into quotes"
	}
	return line, m.plainWords(), hint
}

// markerLine is the first line that git leaves where a merge has a conflict; 0 for none.
func (m *mistake) markerLine() int {
	for i, line := range m.lines {
		if marker().Match(line) {
			return i + 1
		}
	}
	return 0
}

// parses reports what the library says of the first lines, or of a text; ok is false
// if nothing more may be parsed.
func (m *mistake) parses(text []byte) (message string, ok bool) {
	if m.left -= len(text) + 1; m.left < 0 {
		return "", false
	}
	var n yaml.Node
	err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&n)
	if err == nil || err.Error() == "EOF" {
		return "", true
	}
	return libraryMessage(err), true
}

func (m *mistake) upTo(line int) []byte { return bytes.Join(m.lines[:line], nil) }

// firstWrong is the line behind the longest beginning of the text that is YAML,
// among those where the library stops: it reads ahead, and in brackets and quotes
// each beginning is wrong up to where they close.
func (m *mistake) firstWrong(said int) int {
	said = min(max(said, 1), len(m.lines))
	low, high := 1, len(m.lines) // the first beginning that is wrong as the whole is
	for low < high {
		middle := (low + high) / 2
		message, ok := m.parses(m.upTo(middle))
		if !ok {
			return said
		}
		if message == m.message {
			high = middle
		} else {
			low = middle + 1
		}
	}
	for line := low; line > 1; line-- {
		message, ok := m.parses(m.upTo(line - 1))
		switch {
		case !ok:
			return said
		case message == "":
			return line
		}
	}
	return 1
}

// mendedBy reports whether a line has a form, and the text up to the first wrong line
// is YAML with the line as the replacement says.
func (m *mistake) mendedBy(line, wrong int, form lazyregexp.Regexp, replacement string) bool {
	if line < 1 || line > len(m.lines) {
		return false
	}
	text := bytes.TrimRight(m.lines[line-1], "\r\n")
	if !form().Match(text) {
		return false
	}
	mended := append(form().ReplaceAll(text, []byte(replacement)), '\n')
	message, ok := m.parses(bytes.Join([][]byte{m.upTo(line - 1), mended, bytes.Join(m.lines[line:wrong], nil)}, nil))
	return ok && message == ""
}

// template is the tool whose template a line is, if that is what makes it no YAML.
func (m *mistake) template(line int) (Template, bool) {
	for _, t := range templates {
		if t.line != nil && t.line().MatchString(m.line(line)) {
			return t, true
		}
	}
	return Template{}, false
}

// plainWords are the library's words, where there are better ones.
func (m *mistake) plainWords() string {
	switch m.message {
	case "did not find expected key", "did not find expected '-' indicator", "mapping values are not allowed in this context":
		return "this line does not fit in with those above: its indentation is wrong, or a line above lacks something"
	case "could not find expected ':'":
		return "a key without a colon"
	case "found unexpected end of stream":
		return "a quote that is opened here is never closed"
	case "did not find expected ',' or ']'", "did not find expected ',' or '}'":
		return "a bracket that is opened here is never closed, or a comma is missing"
	case "did not find expected node content":
		return "a value is missing here, or a bracket that is opened is never closed"
	case "did not find expected alphabetic or numeric character":
		return "a word that begins with * or & is an alias or an anchor, and has letters and digits only; put the value into quotes"
	case "found character that cannot start any token":
		return "a character that cannot begin a value; put the value into quotes"
	}
	if _, ok := m.unknownAlias(); ok {
		return "a word that begins with * is an alias, and this file has no anchor for it"
	}
	return WithoutQuotes(m.message)
}

// noAnchor is the library's message of an alias: what looks like one may be a password.
var noAnchor = lazyregexp.New(`^unknown anchor '(.*)' referenced$`)

// unknownAlias is the alias, with its *, whose anchor is nowhere, if that is the mistake.
func (m *mistake) unknownAlias() (alias string, ok bool) {
	found := noAnchor().FindStringSubmatch(m.message)
	if found == nil {
		return "", false
	}
	return "*" + found[1], true
}

// quotedText is what messages of YAML libraries quote from a text.
var quotedText = lazyregexp.New("`[^`]*`|anchor '.*'")

// WithoutQuotes removes from a YAML library's message what it quotes, which may be a
// secret.
func WithoutQuotes(message string) string {
	return quotedText().ReplaceAllStringFunc(message, func(quoted string) string {
		if strings.HasPrefix(quoted, "anchor") {
			return "anchor"
		}
		return "a value"
	})
}

func (m *mistake) line(n int) string {
	if n < 1 || n > len(m.lines) {
		return ""
	}
	return strings.TrimRight(string(m.lines[n-1]), "\r\n")
}

// column is where the mistake stands in its line: the alias that it is, else the first
// character that is no space.
func (m *mistake) column(n int) int {
	line := m.line(n)
	if alias, ok := m.unknownAlias(); ok {
		if before, _, found := strings.Cut(line, alias); found {
			return 1 + Characters(before)
		}
	}
	return 1 + len(line) - len(strings.TrimLeft(line, " "))
}

func libraryMessage(err error) string {
	if found := libraryText().FindStringSubmatch(err.Error()); found != nil {
		return strings.TrimSpace(found[2])
	}
	return err.Error()
}

func libraryLine(err error) int {
	line := 1
	if found := libraryText().FindStringSubmatch(err.Error()); found != nil {
		_, _ = fmt.Sscan(found[1], &line) // without a number it is the first line
	}
	return max(line, 1)
}
