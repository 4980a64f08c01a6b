package api

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Paging is how every list is asked for that may be long: in parts, the next of which
// begins behind what the part before ended with. What is added or taken away meanwhile
// makes nothing be told twice or left out that was there all the time.
type Paging struct {
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many the answer has at most"`
	After string `query:"after" maxLength:"1000" doc:"What the answer before gave as next"`

	asked url.URL
}

// Resolve implements huma.Resolver: it notes what was asked.
func (p *Paging) Resolve(ctx huma.Context) []error {
	p.asked = ctx.URL()
	return nil
}

// Linked is the part of an answer that leads to the next one.
type Linked struct {
	Link string `header:"Link" doc:"Where there is more: the URL of the next part, with rel=\"next\" (RFC 8288)"`
}

// Next is the part of a list's body that leads to the next one.
type Next struct {
	Next string `json:"next,omitempty" doc:"Ask with after for more; left out: that is all"`
}

// link is the header for the part behind next; empty if there is none.
func (p *Paging) link(next string) Linked {
	if next == "" {
		return Linked{}
	}
	query := p.asked.Query()
	query.Set("after", next)
	query.Set("limit", strconv.Itoa(p.Limit))
	return Linked{"<" + (&url.URL{Path: p.asked.Path, RawPath: p.asked.RawPath, RawQuery: query.Encode()}).String() + `>; rel="next"`}
}

// part is what of a list is told. key tells its items apart, and is their order.
func part[T any](p *Paging, list []T, key func(*T) string) (items []T, next string, err error) {
	keyed := make([]string, len(list))
	order := make([]int, len(list))
	for i := range list {
		keyed[i], order[i] = key(&list[i]), i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(keyed[a], keyed[b]) })
	after, err := p.text()
	if err != nil {
		return nil, "", err
	}
	items = []T{}
	for n, i := range order {
		if p.After != "" && keyed[i] <= after {
			continue
		}
		if len(items) == p.Limit {
			return items, cursor(keyed[order[n-1]]), nil
		}
		items = append(items, list[i])
	}
	return items, "", nil
}

// partInOrder is part of a list whose order says something, such as that of pools in the
// fleet file. It cannot go on behind what is no more.
func partInOrder[T any](p *Paging, list []T, key func(*T) string) (items []T, next string, err error) {
	after, err := p.text()
	if err != nil {
		return nil, "", err
	}
	if p.After != "" {
		i := slices.IndexFunc(list, func(v T) bool { return key(&v) == after })
		if i < 0 {
			return nil, "", noCursor()
		}
		list = list[i+1:]
	}
	if len(list) > p.Limit {
		list = list[:p.Limit]
		next = cursor(key(&list[p.Limit-1]))
	}
	return list, next, nil
}

// cursor is the text by which an answer leads behind the item with a key.
func cursor(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

// text is the key that the cursor stands for.
func (p *Paging) text() (string, error) {
	after, err := base64.RawURLEncoding.DecodeString(p.After)
	if err != nil {
		return "", noCursor()
	}
	return string(after), nil
}

// noCursor refuses an after that no answer gave.
func noCursor() error {
	return huma.Error422UnprocessableEntity("after is no text that an answer gave as next")
}

// number is the cursor of a list whose items have numbers; 0: from the first on.
func (p *Paging) number() (int64, error) {
	if p.After == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(p.After, 10, 64)
	if err != nil || n < 0 {
		return 0, noCursor()
	}
	return n, nil
}
