package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
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

type requestOutput struct {
	Status int
	Body   struct {
		Request
		New bool `json:"new" doc:"Whether it is a new request: the owner had none for the pool, or asked for something else before, which is taken back"`
	}
}

type decideInput struct {
	ID   int64 `path:"id" minimum:"1"`
	Body struct {
		Why string `json:"why,omitempty" maxLength:"400"`
	}
}

type decideOutput struct {
	Body struct {
		Request
		Bookings []Booking `json:"bookings" doc:"What the owner has now, of what was approved"`
		Waits    string    `json:"waits,omitempty" doc:"Why nothing could be booked yet of what is approved: who asks for it again has it booked as soon as there is room"`
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
	for what, to := range map[string]requests.State{"decline": requests.Declined, "withdraw": requests.Withdrawn} {
		summary := "Refuse a request"
		if to == requests.Withdrawn {
			summary = "Take one's own request back"
		}
		huma.Register(routes, operation(what, http.MethodPost, "/requests/{id}/"+what, summary, 404, 409, 422, 503), func(ctx context.Context, in *decideInput) (*decideOutput, error) {
			return a.close(ctx, in, to)
		})
	}
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

// request keeps a question that nothing but the quota refuses. One that was approved and
// whose addresses are not booked yet is booked.
func (a *API) request(ctx context.Context, in *takeInput) (*requestOutput, error) {
	if _, err := need(ctx, ""); err != nil {
		return nil, err
	}
	picture, pool, err := a.pool(ctx, in.Pool)
	if err != nil {
		return nil, err
	}
	if err := whole(picture); err != nil {
		return nil, err
	}
	body := in.Body
	if body.Team == "" {
		body.Team = pool.Teams[0]
	}
	actor, err := need(ctx, accounts.BookFor(body.Team))
	if err != nil {
		return nil, err
	}
	ask, err := body.ledger()
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	if err := a.notTheirs(ctx, actor, picture, pool, ask.For.Owner, body.Team); err != nil {
		return nil, err
	}
	ask.By = actor.Name
	rs, err := a.Ledger.Records(ctx, pool.Name)
	if err != nil {
		return nil, unavailable(err)
	}
	answer, _, err := ledger.Book(pool, rs, picture.Look(pool, a.now()).World(ask.For.Owner), ask)
	switch {
	case err != nil:
		return nil, huma.Error422UnprocessableEntity(err.Error())
	case answer.Refusal == nil:
		return nil, huma.Error422UnprocessableEntity("the quota allows it: book it, no request is needed")
	case answer.Refusal.Reason != ledger.OverQuota:
		return nil, a.refused(ctx, picture, pool, answer.Refusal)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, unavailable(err)
	}
	kept, fresh, err := a.Requests.Add(ctx, requests.Request{Pool: pool.Name, Owner: ask.For.String(), Team: body.Team, Ask: text, By: actor.Name})
	if err != nil {
		return nil, unavailable(err)
	}
	out := &requestOutput{Status: http.StatusOK}
	if fresh {
		out.Status, out.Body.New = http.StatusCreated, true
		if err := a.Accounts.Note(ctx, actor.Name, "asked beyond the quota", about(kept)); err != nil {
			return nil, unavailable(err)
		}
	}
	if kept.State == requests.Approved {
		switch _, err := a.grant(ctx, kept); {
		case errors.Is(err, ledgersql.ErrNotApproved): // somebody was faster
			if kept, err = a.pending(ctx, kept.ID); err != nil {
				return nil, err
			}
			if kept.State != requests.Booked {
				return nil, decided(kept)
			}
		case err != nil:
			return nil, err
		}
		kept.State = requests.Booked
	}
	out.Body.Request, err = requestOf(kept)
	if err != nil {
		return nil, unavailable(err)
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
func decided(r requests.Request) error {
	text := fmt.Sprintf("request %d is %s already", r.ID, r.State)
	if r.Judge != "" {
		text += ", by " + r.Judge
	}
	if r.Reason != "" {
		text += ": " + r.Reason
	}
	return huma.Error409Conflict(text)
}

// approve decides first, and books then: of two who decide at once one does. If nothing
// can be booked the request stays approved, and the answer says why it waits.
func (a *API) approve(ctx context.Context, in *decideInput) (*decideOutput, error) {
	if _, err := need(ctx, ""); err != nil {
		return nil, err
	}
	r, err := a.pending(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	actor, err := need(ctx, accounts.ApproveFor(r.Pool))
	if err != nil {
		return nil, err
	}
	if r.State == requests.Open {
		if _, err := a.grantable(ctx, r); err != nil {
			return nil, err // and nothing is decided
		}
		moved, err := a.Requests.Move(ctx, r.ID, requests.Open, requests.Approved, actor.Name, in.Body.Why)
		if err != nil {
			return nil, unavailable(err)
		}
		if moved {
			if err := a.Accounts.Note(ctx, actor.Name, "approved a request", about(r)); err != nil {
				return nil, unavailable(err)
			}
		}
		if r, err = a.pending(ctx, in.ID); err != nil {
			return nil, err
		}
	}
	if r.State != requests.Approved && r.State != requests.Booked {
		return nil, decidedAs(r)
	}
	out := &decideOutput{}
	out.Body.Bookings = []Booking{}
	if r.State == requests.Approved {
		refused := (*Refusal)(nil)
		switch out.Body.Bookings, err = a.grant(ctx, r); {
		case errors.Is(err, ledgersql.ErrNotApproved): // somebody was faster
			if r, err = a.pending(ctx, in.ID); err != nil {
				return nil, err
			}
			if r.State != requests.Booked {
				return nil, decidedAs(r)
			}
			out.Body.Bookings = []Booking{}
		case errors.As(err, &refused) && refused.Reason != "no-pool": // the yes stands
			out.Body.Bookings, out.Body.Waits = []Booking{}, refused.Detail
		case err != nil:
			return nil, err
		default:
			r.State = requests.Booked
		}
	}
	if out.Body.Request, err = requestOf(r); err != nil {
		return nil, unavailable(err)
	}
	return out, nil
}

// agreedAlready says that an owner's request waits for room, whom the quota refuses.
func (a *API) agreedAlready(ctx context.Context, pool, owner string) string {
	r, found, err := a.Requests.Of(ctx, pool, owner)
	if err != nil || !found || r.State != requests.Approved {
		return "" // it is only less that is told
	}
	return fmt.Sprintf("; request %d is approved: ask for the same again as a request (ipguard book --request), which books it", r.ID)
}

func decidedAs(r requests.Request) *Refusal {
	v := &Refusal{Reason: "decided"}
	problem := &huma.ErrorModel{}
	if errors.As(decided(r), &problem) {
		v.ErrorModel = *problem
	}
	return v
}

// granting is what a request is granted by.
type granting struct {
	picture *central.Picture
	pool    *ledger.Pool
	ask     ledger.Ask
	why     string
}

// grantable is an error where a request cannot be granted, whoever agrees to it, but for
// want of room.
func (a *API) grantable(ctx context.Context, r requests.Request) (g granting, err error) {
	if g.picture, err = a.read(ctx); err != nil {
		return g, unavailable(err)
	}
	if g.pool = g.picture.Pool(r.Pool); g.pool == nil {
		if err := poolsKnown(g.picture); err != nil {
			return g, err
		}
		return g, no("no-pool", fmt.Sprintf("request %d is of pool %s, which the server's fleet file does not have: decline it, or have the pool get its name back", r.ID, r.Pool))
	}
	if err := whole(g.picture); err != nil {
		return g, err
	}
	var body Ask
	if err := json.Unmarshal(r.Ask, &body); err != nil {
		return g, unavailable(err)
	}
	if g.ask, err = body.ledger(); err != nil {
		return g, unavailable(err)
	}
	if !g.ask.Until.IsZero() && !g.ask.Until.After(a.now()) {
		return g, huma.Error422UnprocessableEntity("what was asked for would have ended by now: decline it")
	}
	g.why = body.Why
	return g, nil
}

// no is a refusal that the ledger has no part in.
func no(reason, detail string) *Refusal {
	return &Refusal{Reason: reason, ErrorModel: huma.ErrorModel{Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict, Detail: detail}}
}

// grant books what was approved, in the name of who asked.
func (a *API) grant(ctx context.Context, r requests.Request) ([]Booking, error) {
	g, err := a.grantable(ctx, r)
	if err != nil {
		return nil, err
	}
	picture, pool, ask := g.picture, g.pool, g.ask
	ask.BeyondQuota, ask.By = true, r.By
	ask.Why = agreed(g.why, r.Judge)
	w := picture.Look(pool, a.now()).World(ask.For.Owner)
	var answer ledger.Answer
	granting := a.Ledger.Under(picture.Under).Granting(r.ID)
	wrote := false
	book := func(rs *ledger.Records) (entries []ledger.Entry, err error) {
		if answer, entries, err = ledger.Book(pool, rs, w, ask); err != nil {
			return nil, huma.Error422UnprocessableEntity(err.Error())
		}
		return entries, nil
	}
	err = granting.Update(ctx, pool.Name, func(rs *ledger.Records) ([]ledger.Entry, error) {
		entries, err := book(rs)
		if err != nil || answer.Refusal != nil {
			return nil, err
		}
		wrote = len(entries) > 0
		return entries, nil
	})
	if err == nil && answer.Refusal != nil { // the ends of others are written, for the next time
		err = a.Ledger.Under(picture.Under).Update(ctx, pool.Name, func(rs *ledger.Records) ([]ledger.Entry, error) {
			entries, err := book(rs)
			if answer.Refusal == nil { // there is room meanwhile: who asks again has it
				return nil, huma.Error409Conflict("somebody else was faster: approve it again")
			}
			return entries, err
		})
	}
	switch {
	case errors.Is(err, ledgersql.ErrNotApproved):
		return nil, err
	case err != nil:
		return nil, unavailable(err)
	case answer.Refusal != nil:
		return nil, a.refused(ctx, picture, pool, answer.Refusal)
	}
	if !wrote { // the owner has them all
		moved, err := a.Requests.Move(ctx, r.ID, requests.Approved, requests.Booked, "", "")
		if err != nil {
			return nil, unavailable(err)
		}
		if !moved {
			return nil, ledgersql.ErrNotApproved
		}
	}
	list := []Booking{}
	for _, b := range answer.Bookings {
		list = append(list, bookingOf(pool.Name, b))
	}
	return list, nil
}

// agreed is the reason that a booking beyond the quota is written with.
func agreed(why, judge string) string {
	text := "approved by " + judge
	if why != "" {
		text = why + "; " + text
	}
	return text
}

// close declines a request, or takes it back; also one that is approved and not booked yet.
func (a *API) close(ctx context.Context, in *decideInput, to requests.State) (*decideOutput, error) {
	actor, err := need(ctx, "")
	if err != nil {
		return nil, err
	}
	r, err := a.pending(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	what, open := "declined a request", []requests.State{requests.Open, requests.Approved}
	if to == requests.Declined {
		_, err = need(ctx, accounts.ApproveFor(r.Pool))
	} else {
		what = "took a request back"
		_, err = need(ctx, accounts.BookFor(r.Team))
	}
	if err != nil {
		return nil, err
	}
	if r.State != to {
		moved := false
		for _, from := range open {
			if moved {
				break
			}
			if moved, err = a.Requests.Move(ctx, r.ID, from, to, actor.Name, in.Body.Why); err != nil {
				return nil, unavailable(err)
			}
		}
		if r, err = a.pending(ctx, in.ID); err != nil {
			return nil, err
		}
		if r.State != to {
			return nil, decided(r)
		}
		if moved {
			if err := a.Accounts.Note(ctx, actor.Name, what, about(r)); err != nil {
				return nil, unavailable(err)
			}
		}
	}
	out := &decideOutput{}
	out.Body.Bookings = []Booking{}
	if out.Body.Request, err = requestOf(r); err != nil {
		return nil, unavailable(err)
	}
	return out, nil
}
