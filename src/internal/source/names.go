package source

import (
	"bytes"
	"cmp"
	"encoding/json"
	"html"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
)

// Names know which names of networks, groups, zones and deployments were put together
// from variables, or are no plain names and came through one. The plan is computed
// with the names as the directors have them; what is printed shows them as they are
// written, with ((variables)). It is safe for concurrent use.
type Names struct {
	mu     sync.Mutex
	plain  map[string]string // by name, what is shown
	other  map[string]string // names with other characters than a plain name
	byWord map[string][]int  // lengths of plain names, longest first, by the word that they begin with
	open   []string          // paths of files
	// replace replaces the other names, wrapped those of several words; nil after one has
	// come.
	replace *strings.Replacer
	wrapped *wrappedNames
}

// maxName is the most bytes that a name can have; what is longer, such as the text of a
// whole file, is none.
const maxName = 64 << 10

// minOther is how long a name must be to be told from other text if it is no word.
const minOther = 4

// Withhold notes all names of a document that may not be shown.
func (n *Names) Withhold(doc *Document) {
	if n == nil {
		return
	}
	doc.withheldNames(func(text, shown string) {
		n.withhold(text, shown)
		if trimmed := strings.TrimSpace(text); trimmed != text && len(trimmed) >= minOther {
			n.withhold(trimmed, shown) // lines are written without blanks at their ends
		}
	})
}

func (n *Names) withhold(text, shown string) {
	if len(text) > maxName || !isPlainName(text) && len(text) < minOther {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	into, word := &n.plain, text[:wordEnd([]byte(text))]
	if !isPlainName(text) || word == "" {
		into, n.replace, n.wrapped = &n.other, nil, nil
	}
	if *into == nil {
		*into = map[string]string{}
	}
	if known, ok := (*into)[text]; !ok || shown < known { // whoever comes first
		(*into)[text] = shown
		if !ok && into == &n.plain {
			if n.byWord == nil {
				n.byWord = map[string][]int{}
			}
			lengths := n.byWord[word]
			if at, found := slices.BinarySearchFunc(lengths, len(text), func(a, b int) int { return b - a }); !found {
				n.byWord[word] = slices.Insert(lengths, at, len(text))
			}
		}
	}
}

// Open notes the path of a file: a name that is part of it is no secret.
func (n *Names) Open(path string) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open = append(n.open, path)
}

// Opened reports whether a path leads to a file that was opened.
func (n *Names) Opened(path string) bool {
	info, err := os.Stat(path)
	if n == nil || err != nil {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.open, func(other string) bool {
		o, err := os.Stat(other)
		return err == nil && os.SameFile(info, o)
	})
}

// userinfo is the user and password of a URL (RFC 3986, section 3.2.1), also of one
// that was taken for a path and lost a slash, and with a password that is not escaped.
var userinfo = lazyregexp.New(`:/+(?:[^/\s@:"'<>,]+:[^\s"'<>,]+|[^/\s"'<>]+)@`)

// placeholder stands in advice where the user has to write a name.
const placeholder = "://USER@"

// Shown is a text with names as they may be shown, and URLs without user and password.
func (n *Names) Shown(text []byte) []byte {
	if n == nil {
		return text
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if bytes.Contains(text, []byte(":/")) {
		text = userinfo().ReplaceAllFunc(text, func(found []byte) []byte {
			if string(found) == placeholder {
				return found
			}
			slashes := bytes.IndexFunc(found[1:], func(r rune) bool { return r != '/' })
			return append(slices.Clone(found[:1+slashes]), "…@"...)
		})
	}
	if len(n.other) > 0 {
		text = []byte(n.replacer().Replace(string(text)))
		if n.wrapped == nil {
			n.wrapped = newWrappedNames(n.other)
		}
		text = n.wrapped.replace(text)
	}
	if len(n.plain) == 0 {
		return text
	}
	var out bytes.Buffer
	for len(text) > 0 {
		end := wordEnd(text)
		if end == 0 {
			_, end = utf8.DecodeRune(text)
		} else if name := n.nameAt(text, string(text[:end])); name != "" {
			out.WriteString(n.plain[name])
			text = text[len(name):]
			continue
		}
		out.Write(text[:end])
		text = text[end:]
	}
	return out.Bytes()
}

// wrappedNames replace names of several words where the words stand on lines of their
// own, indented and behind the bar of a frame, in one pass over a text.
type wrappedNames struct {
	byFirst map[string][]wrappedName // by the first word, longer names first
	lengths []int                    // of first words, longest first
}

type wrappedName struct {
	rest  []string // words behind the first
	shown string
	size  int
}

func newWrappedNames(names map[string]string) *wrappedNames {
	w := &wrappedNames{byFirst: map[string][]wrappedName{}}
	lengths := map[int]bool{}
	for name, shown := range names {
		if words := strings.Fields(name); len(words) > 1 {
			w.byFirst[words[0]] = append(w.byFirst[words[0]], wrappedName{words[1:], shown, len(name)})
			lengths[len(words[0])] = true
		}
	}
	for _, list := range w.byFirst {
		slices.SortFunc(list, func(a, b wrappedName) int { return cmp.Or(b.size-a.size, strings.Compare(a.shown, b.shown)) })
	}
	w.lengths = slices.SortedFunc(maps.Keys(lengths), func(a, b int) int { return b - a })
	return w
}

// between may stand between two words of a name.
const between = " \t\r\n|"

// replace looks behind each first word: there stands something that may be between words.
func (w *wrappedNames) replace(text []byte) []byte {
	if len(w.lengths) == 0 {
		return text
	}
	var out []byte
	done := 0 // of the text
	for p := 1; p < len(text); p++ {
		if strings.IndexByte(between, text[p]) < 0 || text[p-1] == ' ' {
			continue
		}
		if shown, from, end, ok := w.endingAt(text, done, p); ok {
			out = append(append(out, text[done:from]...), shown...)
			done, p = end, end
		}
	}
	if done == 0 {
		return text
	}
	return append(out, text[done:]...)
}

// endingAt is the name whose first word ends before p and begins at done or later.
func (w *wrappedNames) endingAt(text []byte, done, p int) (shown string, from, end int, ok bool) {
	for _, length := range w.lengths {
		if p-length < done {
			continue
		}
		for _, name := range w.byFirst[string(text[p-length:p])] {
			if end, ok := name.restEnd(text, p); ok {
				return name.shown, p - length, end, true
			}
		}
	}
	return "", 0, 0, false
}

// restEnd is where the words behind the first end, if they stand there.
func (name wrappedName) restEnd(text []byte, end int) (int, bool) {
	for _, word := range name.rest {
		rest := bytes.TrimLeft(text[end:], between)
		if len(rest) == len(text)-end || !bytes.HasPrefix(rest, []byte(word)) {
			return 0, false
		}
		end = len(text) - len(rest) + len(word)
	}
	return end, true
}

// nameAt is the longest name that a text begins with, as a whole: names may be put
// together with others by - _ + and full stops. word is the text's first word.
func (n *Names) nameAt(text []byte, word string) string {
	for _, length := range n.byWord[word] {
		if length > len(text) {
			continue
		}
		if _, ok := n.plain[string(text[:length])]; ok && wordEnd(text[length:]) == 0 && !n.isOpen(string(text[:length])) {
			return string(text[:length])
		}
	}
	return ""
}

func (n *Names) isOpen(name string) bool {
	return slices.ContainsFunc(n.open, func(path string) bool { return strings.Contains(path, name) })
}

// escapes are the ways in which a text stands in a format, the last two of one that was
// made visible before.
var escapes = []func(string) string{
	plainText, goText, jsonText, html.EscapeString,
	func(s string) string { return jsonText(goText(s)) }, func(s string) string { return html.EscapeString(goText(s)) },
}

// replacer replaces names that are no words, as they stand in all formats.
func (n *Names) replacer() *strings.Replacer {
	if n.replace != nil {
		return n.replace
	}
	var pairs []string
	for _, name := range slices.SortedFunc(maps.Keys(n.other), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }) {
		for _, escape := range escapes {
			pairs = append(pairs, escape(name), escape(n.other[name]))
		}
	}
	n.replace = strings.NewReplacer(pairs...)
	return n.replace
}

// wordEnd is where the word of letters and digits ends with which a text begins; 0 if
// it begins with none.
func wordEnd(text []byte) int {
	end := 0
	for end < len(text) {
		r, size := utf8.DecodeRune(text[end:])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			break
		}
		end += size
	}
	return end
}

func plainText(s string) string { return s }

func goText(s string) string { return unquoted(strconv.Quote(s)) }

func unquoted(s string) string { return s[1 : len(s)-1] }

func jsonText(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		return s
	}
	return unquoted(string(text))
}

// Writer writes to w with names as they may be shown. Each Write is a text of its own.
func (n *Names) Writer(w io.Writer) io.Writer { return shownWriter{n, w} }

type shownWriter struct {
	names *Names
	w     io.Writer
}

func (s shownWriter) Write(b []byte) (int, error) {
	if _, err := s.w.Write(s.names.Shown(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}
