package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/requests"
)

type requestOutput struct {
	Status int
	Body   struct {
		Request
		New bool `json:"new" doc:"Whether it is a new request: the owner had none for the pool, or asked for something else before, which is taken back"`
		Granted
	}
}

// request keeps a question that nothing but the quota refuses. One that was approved and
// whose addresses are not booked yet is booked.
func (a *API) request(ctx context.Context, in *takeInput) (*requestOutput, error) {
	q, err := a.question(ctx, in.Pool, in.Body)
	if err != nil {
		return nil, err
	}
	if err := a.beyondQuota(ctx, q); err != nil {
		return nil, err
	}
	in.Body.Team = q.ask.Team
	text, err := json.Marshal(in.Body)
	if err != nil {
		return nil, unavailable(err)
	}
	kept, fresh, err := a.Requests.Add(ctx, requests.Request{Pool: q.pool.Name, Owner: q.ask.For.String(), Team: q.ask.Team, Ask: text, By: q.ask.By})
	if err != nil {
		return nil, unavailable(err)
	}
	out := &requestOutput{Status: http.StatusOK}
	if fresh {
		out.Status, out.Body.New = http.StatusCreated, true
		if err := a.Accounts.Note(ctx, q.ask.By, "asked beyond the quota", about(kept)); err != nil {
			return nil, unavailable(err)
		}
	}
	out.Body.Granted = Granted{Bookings: []Booking{}}
	if kept.State == requests.Approved {
		if kept, out.Body.Granted, err = a.grant(ctx, kept); err != nil {
			if no := (*Refusal)(nil); errors.As(err, &no) && no.Reason != reasonDecided {
				no.Detail = fmt.Sprintf("request %d is approved, and waits: %s; who wants something else takes it back before (ipguard requests withdraw %d)", kept.ID, no.Detail, kept.ID)
			}
			return nil, err
		}
	}
	if out.Body.Request, err = requestOf(kept); err != nil {
		return nil, unavailable(err)
	}
	return out, nil
}

// beyondQuota is an error where something else than the quota refuses a question, or
// nothing does.
func (a *API) beyondQuota(ctx context.Context, q question) error {
	rs, err := a.Ledger.Records(ctx, q.pool.Name)
	if err != nil {
		return unavailable(err)
	}
	answer, _, err := ledger.Book(q.pool, rs, q.world(a.now()), q.ask)
	switch {
	case err != nil:
		return huma.Error422UnprocessableEntity(err.Error())
	case answer.Refusal == nil:
		return huma.Error422UnprocessableEntity("the quota allows it: book it, no request is needed")
	case answer.Refusal.Reason != ledger.OverQuota:
		return a.refused(ctx, q.picture, q.pool, answer.Refusal)
	}
	return nil
}
