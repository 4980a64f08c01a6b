package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/requests"
)

// Request is what a team asked for beyond its quota.
type Request struct {
	ID        int64      `json:"id"`
	Pool      string     `json:"pool"`
	For       string     `json:"for"`
	Team      string     `json:"team"`
	Number    int        `json:"number" doc:"How many the owner wants to have"`
	Addresses []string   `json:"addresses,omitempty" doc:"Just these"`
	Until     *time.Time `json:"until,omitempty" doc:"When what is booked ends; left out: as the pool says"`
	Endless   bool       `json:"endless,omitempty" doc:"What is booked never ends"`
	Hold      bool       `json:"hold,omitempty" doc:"For an hour only"`
	Why       string     `json:"why,omitempty"`
	At        time.Time  `json:"at"`
	By        string     `json:"by" doc:"Who asked"`
	State     string     `json:"state" enum:"open,approved,booked,declined,withdrawn" doc:"Approved are those whose addresses are not booked yet, such as where there are none left"`
	Decided   *time.Time `json:"decided,omitempty"`
	Judge     string     `json:"judge,omitempty" doc:"Who decided"`
	Reason    string     `json:"reason,omitempty" doc:"What they said about it"`
}

func requestOf(r requests.Request) (Request, error) {
	var ask Ask
	if err := json.Unmarshal(r.Ask, &ask); err != nil {
		return Request{}, fmt.Errorf("request %d cannot be read: %w", r.ID, err)
	}
	v := Request{
		ID: r.ID, Pool: r.Pool, For: r.Owner, Team: r.Team, Number: max(ask.Number, len(ask.Addresses), 1), Addresses: ask.Addresses,
		Until: ask.Until, Endless: ask.Endless, Hold: ask.Hold, Why: ask.Why,
		At: r.At, By: r.By, State: string(r.State), Judge: r.Judge, Reason: r.Reason,
	}
	if !r.Decided.IsZero() {
		v.Decided = &r.Decided
	}
	return v, nil
}

type requestsInput struct {
	Open bool `query:"open" doc:"Only those that nobody has decided, or whose addresses are not booked yet"`
	Mine bool `query:"mine" doc:"Only what I asked for"`
	Paging
}

type requestsOutput struct {
	Linked
	Body struct {
		Requests []Request `json:"requests" doc:"The newest first"`
		Next
	}
}

type decideInput struct {
	ID   int64 `path:"id" minimum:"1"`
	Body struct {
		Why string `json:"why,omitempty" maxLength:"400"`
	}
}

// Granted is what was booked of a request.
type Granted struct {
	Bookings []Booking `json:"bookings" doc:"What the owner has now, of what was approved"`
	Given    int       `json:"given" doc:"How many of them were booked by this very question"`
}

type decideOutput struct {
	Body struct {
		Request
		Granted
		Waits string `json:"waits,omitempty" doc:"Why nothing could be booked yet of what is approved: who asks for it again has it booked as soon as there is room"`
	}
}

func (a *API) requests(routes huma.API) {
	huma.Register(routes, operation("list-requests", http.MethodGet, "/requests", "What teams ask for beyond their quotas", 422, 503), a.listRequests)
	o := operation("request", http.MethodPost, "/pools/{pool}/requests", "Ask for what a quota refuses; who asks the same again has one request", 404, 422, 503)
	o.DefaultStatus = http.StatusCreated
	refusing(routes, &o)
	huma.Register(routes, o, a.request)
	o.Responses["200"] = &huma.Response{Description: "The owner has a request already", Content: o.Responses["201"].Content}
	approve := operation("approve", http.MethodPost, "/requests/{id}/approve", "Agree to a request, and book at once", 404, 422, 503)
	refusing(routes, &approve)
	huma.Register(routes, approve, a.approve)
	a.closing(routes)
}

func (a *API) listRequests(ctx context.Context, in *requestsInput) (*requestsOutput, error) {
	actor, err := need(ctx, "")
	if err != nil {
		return nil, err
	}
	by := ""
	if in.Mine {
		by = actor.Name
	}
	after, err := in.number()
	if err != nil {
		return nil, err
	}
	list, err := a.Requests.List(ctx, in.Open, by, after, in.Limit+1)
	if err != nil {
		return nil, unavailable(err)
	}
	out := &requestsOutput{}
	out.Body.Requests = []Request{}
	if len(list) > in.Limit {
		list = list[:in.Limit]
		out.Body.Next.Next = strconv.FormatInt(list[in.Limit-1].ID, 10)
		out.Linked = in.link(out.Body.Next.Next)
	}
	for _, r := range list {
		v, err := requestOf(r)
		if err != nil {
			return nil, unavailable(err)
		}
		out.Body.Requests = append(out.Body.Requests, v)
	}
	return out, nil
}

// about is what the audit trail says of a request.
func about(r requests.Request) string {
	return fmt.Sprintf("request %d, pool %s for %s", r.ID, r.Pool, r.Owner)
}

// pending is the request of that id.
func (a *API) pending(ctx context.Context, id int64) (requests.Request, error) {
	r, found, err := a.Requests.Get(ctx, id)
	switch {
	case err != nil:
		return r, unavailable(err)
	case !found:
		return r, huma.Error404NotFound(fmt.Sprintf("there is no request %d", id))
	}
	return r, nil
}

// decided is the no to whoever comes too late.
func decided(r requests.Request) *Refusal {
	text := fmt.Sprintf("request %d is %s already", r.ID, r.State)
	if r.Judge != "" {
		text += ", by " + r.Judge
	}
	if r.Reason != "" {
		text += ": " + r.Reason
	}
	return no(reasonDecided, text)
}
