package serverclient

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/ipguard/ipguard/src/internal/protocol"
)

// Request asks a pool's owners for what its quota refuses. Who asks again for the same
// owner gets the same request; one that is approved is booked by that.
func (c *Client) Request(ctx context.Context, pool string, ask protocol.Ask) (r Decided, err error) {
	text, err := json.Marshal(ask)
	if err != nil {
		return r, err
	}
	a, err := c.ask(ctx, http.MethodPost, "/pools/"+url.PathEscape(pool)+"/requests", text)
	if err != nil {
		return r, err
	}
	if err = c.read(a, &r); err == nil && (r.ID == 0 || r.State == "") {
		err = c.foreign()
	}
	return r, err
}

// Decided is what became of a request, and what was booked of it.
type Decided struct {
	protocol.Request
	Bookings []struct{ Address string }
	// Given is how many of them this question booked.
	Given int
	// Waits says why nothing could be booked yet of what is approved; empty: it is booked.
	Waits string
}

// Decide approves, declines or withdraws a request. A no is a *RefusedError.
func (c *Client) Decide(ctx context.Context, id int64, what, why string) (d Decided, err error) {
	text, err := json.Marshal(struct {
		Why string `json:"why,omitempty"`
	}{why})
	if err != nil {
		return d, err
	}
	a, err := c.ask(ctx, http.MethodPost, fmt.Sprintf("/requests/%d/%s", id, what), text)
	if err != nil {
		return d, err
	}
	if err = c.read(a, &d); err == nil && (d.ID != id || d.State == "") {
		err = c.foreign()
	}
	return d, err
}

// Requests are all requests, the newest first; only those that are not decided, or whose
// addresses are not booked yet, if open is set.
func (c *Client) Requests(ctx context.Context, open, mine bool) (list []protocol.Request, err error) {
	for after := ""; ; {
		a, err := c.ask(ctx, http.MethodGet, fmt.Sprintf("/requests?limit=1000&open=%t&mine=%t&after=%s", open, mine, url.QueryEscape(after)), nil)
		if err != nil {
			return nil, err
		}
		var page struct {
			Requests []protocol.Request
			Next     string
		}
		if err := c.read(a, &page); err != nil {
			return nil, err
		}
		if page.Requests == nil || page.Next != "" && len(page.Requests) == 0 { // it would go on for ever
			return nil, c.foreign()
		}
		list = append(list, page.Requests...)
		if after = page.Next; after == "" {
			return list, nil
		}
	}
}
