package source

import (
	"bytes"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/seal"
)

// Names know what may not be shown of what was read, and whose it is. The plan is computed
// with seals in the places of such names; what is printed shows them as they are written,
// with ((variables)). It is safe for concurrent use.
type Names struct {
	// owner is the director whose files are read, of the names in of; all where there is
	// none.
	owner string
	of    *Names

	mu     sync.Mutex
	seals  map[sealed]string // seals by their texts
	sealed map[string]string // by seal, what is shown
	openly map[sealed]bool   // texts that are no plain names and were written where they stand
	late   bool              // one of them was sealed later
	plain  atomic.Bool       // a plain name is sealed
	open   []string          // paths of files
}

// Of are the names of one director: what one keeps back, another may write openly.
func (n *Names) Of(director string) *Names {
	if n == nil {
		return nil
	}
	return &Names{owner: director, of: n.all()}
}

// all are the names of all directors.
func (n *Names) all() *Names {
	if n == nil || n.of == nil {
		return n
	}
	return n.of
}

// Withhold has the names of a document sealed that may not be shown.
func (n *Names) Withhold(doc *Document) {
	if n != nil {
		doc.names = n
	}
}

// Own is a document that was read before anybody knew whose it is, as one of these names'.
func (n *Names) Own(doc *Document) *Document {
	own := *doc
	n.Withhold(&own)
	return &own
}

// Open notes the path of a file: a name that is part of it is no secret.
func (n *Names) Open(path string) {
	if n == nil {
		return
	}
	all := n.all()
	all.mu.Lock()
	defer all.mu.Unlock()
	all.open = append(all.open, path)
}

// Opened reports whether a path leads to a file that was opened.
func (n *Names) Opened(path string) bool {
	info, err := os.Stat(path)
	if n == nil || err != nil {
		return false
	}
	all := n.all()
	all.mu.Lock()
	defer all.mu.Unlock()
	return slices.ContainsFunc(all.open, func(other string) bool {
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
	all := n.all()
	all.mu.Lock()
	defer all.mu.Unlock()
	if bytes.Contains(text, []byte(":/")) {
		text = userinfo().ReplaceAllFunc(text, func(found []byte) []byte {
			if string(found) == placeholder {
				return found
			}
			slashes := bytes.IndexFunc(found[1:], func(r rune) bool { return r != '/' })
			return append(slices.Clone(found[:1+slashes]), "…@"...)
		})
	}
	if len(all.sealed) == 0 {
		return text
	}
	return seal.Words().ReplaceAllFunc(text, func(word []byte) []byte {
		if shown, ok := all.sealed[string(word)]; ok {
			return []byte(shown)
		}
		return word
	})
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
