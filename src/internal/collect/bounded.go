package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/ipguard/ipguard/src/internal/snapshot"
)

// What one director may send. Real ones stay far below: two thousand deployments are
// a list of 4 MB, and the largest manifests have some 2 MB.
const (
	// maxAnswer is the most bytes of one answer, unpacked.
	maxAnswer = 16 << 20
	// maxShort is that of answers which are never long: who the director is, a token.
	maxShort = 1 << 20
	// maxError is the most bytes that are read of an answer that is no success.
	maxError = 64 << 10
	// maxElements is the most elements of a list.
	maxElements = 100_000
	// maxNested is the most elements of all lists that are parts of an answer's elements,
	// such as the addresses of VMs, in one answer.
	maxNested = 3 * maxElements
	// maxKept is about how many bytes one director's snapshot may take while it is
	// put together, maxKeptOfAll those of all directors that are being asked.
	maxKept      = 48 << 20
	maxKeptOfAll = 64 << 20
)

// bounded makes requests end with a context, and answers with maxAnswer. The library
// has neither: it reads all that comes, for as long as it comes.
type bounded struct {
	ctx    context.Context
	client *http.Client
	turn   *turn // nil: for short answers
}

func (b bounded) Do(request *http.Request) (*http.Response, error) {
	response, err := b.client.Do(request.WithContext(b.ctx))
	if err != nil {
		return response, err
	}
	if status := response.StatusCode; request.Method == http.MethodGet && (status == 502 || status == 503 || status == 504) {
		response.Body.Close() // the library asks again, and forgets the status once it gives up
		return nil, fmt.Errorf("status %d of a gateway", status)
	}
	body := &boundedBody{ReadCloser: response.Body, most: maxAnswer, ctx: b.ctx, turn: b.turn}
	if b.turn == nil {
		body.most = maxShort
	}
	if response.StatusCode >= http.StatusBadRequest {
		body.most, body.cut = maxError, true
	}
	body.left = body.most
	response.Body = body
	return response, nil
}

// boundedBody reads so many bytes. What is more is an error, or, with cut, left out.
type boundedBody struct {
	io.ReadCloser
	most, left int
	cut        bool
	ctx        context.Context
	turn       *turn
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left == 0 && b.cut {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 && !b.cut {
		return n, fmt.Errorf("the answer has more than %d MiB", b.most>>20)
	}
	b.left = max(b.left, 0)
	if b.turn != nil && !b.cut {
		if late := b.turn.take(b.ctx, b.most-b.left); late != nil {
			return n, late
		}
	}
	return n, err
}

// list is a JSON list of no more than maxElements, whose elements have no more than
// maxNested in all.
type list[T any] []T

// UnmarshalJSON implements json.Unmarshaler. What is too much is refused before
// anything is made of it.
func (l *list[T]) UnmarshalJSON(text []byte) error {
	if !bytes.HasPrefix(text, []byte("[")) {
		return fmt.Errorf("it is no list")
	}
	if err := checkElements(text); err != nil {
		return err
	}
	var found []T
	if err := json.Unmarshal(text, &found); err != nil {
		return err
	}
	*l = found
	return nil
}

// checkElements refuses a JSON text with too many elements.
func checkElements(text []byte) error {
	switch count := countElements(text); {
	case count.outer > maxElements:
		return fmt.Errorf("the answer has more than %d elements", maxElements)
	case count.longest > snapshot.MaxAddresses:
		return fmt.Errorf("the answer has more than %d elements in one of its elements", snapshot.MaxAddresses)
	case count.nested > maxNested:
		return fmt.Errorf("the answer has more than %d elements in its elements", maxNested)
	}
	return nil
}

// countElements counts the elements of the lists of a JSON text that is well formed.
func countElements(text []byte) (count elementCounter) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"':
			count.value()
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case ' ', '\t', '\r', '\n', ':':
		case '{', '[':
			count.value()
			count.open = append(count.open, elementsOf{list: c == '['})
		case '}', ']':
			count.open = count.open[:len(count.open)-1]
		case ',':
			count.open[len(count.open)-1].begun = false
		default: // within a number or a word
			count.value()
		}
	}
	return count
}

// elementCounter counts the elements of the outermost list, of all others together, and
// of the longest of these.
type elementCounter struct {
	open                   []elementsOf
	outer, nested, longest int
}

// elementsOf are those of a list, or the members of a mapping.
type elementsOf struct {
	list, begun bool
	n           int
}

// value notes that a value is there, or one of its characters.
func (c *elementCounter) value() {
	if len(c.open) == 0 {
		return
	}
	in := &c.open[len(c.open)-1]
	if !in.list || in.begun {
		return
	}
	in.begun = true
	in.n++
	if len(c.open) == 1 {
		c.outer++
		return
	}
	c.nested++
	c.longest = max(c.longest, in.n)
}
