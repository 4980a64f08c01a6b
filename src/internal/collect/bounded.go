package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// What one director may send. Real ones stay far below: two thousand deployments are
// a list of 4 MB, and the largest manifests have some 2 MB.
const (
	// maxAnswer is the most bytes of one answer, unpacked.
	maxAnswer = 16 << 20
	// maxError is the most bytes that are read of an answer that is no success.
	maxError = 64 << 10
	// maxElements is the most elements of a list.
	maxElements = 100_000
	// maxKept is about how many bytes one director's snapshot may take while it is
	// put together.
	maxKept = 48 << 20
)

// bounded makes requests end with a context, and answers with maxAnswer. The library
// has neither: it reads all that comes, for as long as it comes.
type bounded struct {
	ctx    context.Context
	client *http.Client
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
	body := &boundedBody{ReadCloser: response.Body, left: maxAnswer}
	if response.StatusCode >= http.StatusBadRequest {
		body.left, body.cut = maxError, true
	}
	response.Body = body
	return response, nil
}

// boundedBody reads so many bytes. What is more is an error, or, with cut, left out.
type boundedBody struct {
	io.ReadCloser
	left int
	cut  bool
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left == 0 && b.cut {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 && !b.cut {
		return n, fmt.Errorf("the answer has more than %d MiB", maxAnswer>>20)
	}
	b.left = max(b.left, 0)
	return n, err
}

// list is a JSON list of no more than maxElements.
type list[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (l *list[T]) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	start, err := decoder.Token()
	switch {
	case err != nil:
		return err
	case start != json.Delim('['):
		return fmt.Errorf("it is no list")
	}
	*l = list[T]{}
	for decoder.More() {
		var element T
		if err := decoder.Decode(&element); err != nil {
			return err
		}
		if *l = append(*l, element); len(*l) > maxElements {
			return fmt.Errorf("the answer has more than %d elements", maxElements)
		}
	}
	return nil
}
