package source

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
)

// Names know which names of networks, groups, zones and deployments were put together
// from variables, or are no plain names and came through one. The plan is computed
// with the names as the directors have them, or with seals in their places; what is
// printed shows them as they are written, with ((variables)). It is safe for concurrent
// use.
type Names struct {
	mu     sync.Mutex
	plain  map[string]string // plain names, and what is shown of them
	byWord map[string][]int  // lengths of plain names, longest first, by the word that they begin with
	seals  map[string]string // seals by their texts
	sealed map[string]string // by seal, what is shown
	openly map[string]bool   // texts that are no plain names and were written where they stand
	late   bool              // one of them was sealed later
	words  atomic.Bool       // a plain name is sealed
	open   []string          // paths of files
}

// Withhold notes all names of a document that may not be shown, and seals what is none
// from now on.
func (n *Names) Withhold(doc *Document) {
	if n == nil {
		return
	}
	doc.names = n
	doc.withheldNames(n.withhold)
}

func (n *Names) withhold(text, shown string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	known, ok := n.plain[text]
	if ok && known <= shown { // whoever comes first
		return
	}
	if n.plain == nil {
		n.plain, n.byWord = map[string]string{}, map[string][]int{}
	}
	n.plain[text] = shown
	if !ok {
		word := text[:wordEnd([]byte(text))]
		lengths := n.byWord[word]
		if at, found := slices.BinarySearchFunc(lengths, len(text), func(a, b int) int { return b - a }); !found {
			n.byWord[word] = slices.Insert(lengths, at, len(text))
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
	if len(n.sealed) > 0 {
		text = aSeal().ReplaceAllFunc(text, func(word []byte) []byte {
			if shown, ok := n.sealed[string(word)]; ok {
				return []byte(shown)
			}
			return word
		})
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
