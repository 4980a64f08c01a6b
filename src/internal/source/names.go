package source

import (
	"bytes"
	"cmp"
	"encoding/json"
	"html"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Names know which names of networks, groups, zones and deployments were put together
// from variables, or are no plain names and came through one. The plan is computed
// with the names as the directors have them; what is printed shows them as they are
// written, with ((variables)). It is safe for concurrent use.
type Names struct {
	mu    sync.Mutex
	plain map[string]string // by name, what is shown
	other map[string]string // names with other characters than a plain name
	open  map[string]bool
	// replace replaces the other names; nil after one has come.
	replace *strings.Replacer
}

// maxName is the most bytes that a name can have; what is longer is none.
const maxName = 255

// minOther is how long a name must be to be told from other text if it is no word.
const minOther = 4

// Withhold notes all names of a document that may not be shown.
func (n *Names) Withhold(doc *Document) {
	if n == nil {
		return
	}
	doc.withheldNames(func(text, shown string) {
		if len(text) > maxName || !isPlainName(text) && len(text) < minOther || strings.ContainsRune(text, '\n') || strings.Contains(text, "((") {
			return
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		into := &n.plain
		if !isPlainName(text) {
			into, n.replace = &n.other, nil
		}
		if *into == nil {
			*into = map[string]string{}
		}
		if known, ok := (*into)[text]; !ok || shown < known { // whoever comes first
			(*into)[text] = shown
		}
	})
}

// Open notes words that stand openly in a command line or a path.
func (n *Names) Open(text string) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.open == nil {
		n.open = map[string]bool{}
	}
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !isNameRune(r) }) {
		n.open[word] = true
	}
}

// Shown is a text with names as they may be shown.
func (n *Names) Shown(text []byte) []byte {
	if n == nil {
		return text
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.other) > 0 {
		text = []byte(n.replacer().Replace(string(text)))
	}
	if len(n.plain) == 0 {
		return text
	}
	var out bytes.Buffer
	for len(text) > 0 {
		end := wordEnd(text)
		if shown, ok := n.plain[string(text[:end])]; ok && !n.open[string(text[:end])] {
			out.WriteString(shown)
		} else {
			_, size := utf8.DecodeRune(text)
			end = max(end, size)
			out.Write(text[:end])
		}
		text = text[end:]
	}
	return out.Bytes()
}

// replacer replaces names that are no words, as they stand in all formats.
func (n *Names) replacer() *strings.Replacer {
	if n.replace != nil {
		return n.replace
	}
	var pairs []string
	for _, name := range slices.SortedFunc(maps.Keys(n.other), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }) {
		for _, escape := range []func(string) string{plainText, goText, jsonText, html.EscapeString} {
			pairs = append(pairs, escape(name), escape(n.other[name]))
		}
	}
	n.replace = strings.NewReplacer(pairs...)
	return n.replace
}

// wordEnd is where the name ends with which a text begins; 0 if it begins with none.
// A full stop or hyphen at its end is not part of it.
func wordEnd(text []byte) int {
	end := bytes.IndexFunc(text, func(r rune) bool { return !isNameRune(r) })
	if end < 0 {
		end = len(text)
	}
	if trimmed := len(bytes.TrimRight(text[:end], ".-")); trimmed > 0 {
		return trimmed
	}
	return end
}

func isNameRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_+.", r)
}

func plainText(s string) string { return s }

func goText(s string) string { return strings.Trim(strconv.Quote(s), `"`) }

func jsonText(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		return s
	}
	return strings.Trim(string(text), `"`)
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
