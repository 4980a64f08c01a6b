package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/ipguard/ipguard/src/internal/protocol"
)

// client asks the API within the program: pages can do what the API can, by the same
// rights, and nothing else.
type client struct{ answers http.Handler }

// problem is the API's no.
type problem struct {
	protocol.Problem
	// Reason is the ledger's, of a no that it gave.
	Reason string `json:"reason"`
}

func (p *problem) Error() string { return p.Detail }

// ask asks for whoever makes the request of ctx. What the API refuses is a *problem.
func (c client) ask(ctx context.Context, method, path string, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.RequestURI = r.URL.RequestURI()
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	w := &kept{header: http.Header{}, status: http.StatusOK, text: buffers.Get().(*bytes.Buffer)}
	defer buffers.Put(w.text)
	w.text.Reset()
	c.answers.ServeHTTP(w, r)
	if w.status < 300 && into == nil {
		return nil
	}
	if w.status < 300 {
		return json.Unmarshal(w.text.Bytes(), into)
	}
	p := &problem{}
	if err := json.Unmarshal(w.text.Bytes(), p); err != nil {
		return errors.New("the API answers with status " + http.StatusText(w.status))
	}
	p.Status = w.status
	return p
}

// kept is an answer of the API.
type kept struct {
	header http.Header
	status int
	text   *bytes.Buffer
}

func (k *kept) Header() http.Header                { return k.header }
func (k *kept) WriteHeader(status int)             { k.status = status }
func (k *kept) Write(text []byte) (n int, e error) { return k.text.Write(text) }
