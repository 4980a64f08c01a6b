package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/requests"
)

// agreedAlready says that an owner's request waits for room, whom the quota refuses.
func (a *API) agreedAlready(ctx context.Context, pool, owner string) string {
	r, found, err := a.Requests.Of(ctx, pool, owner)
	if err != nil || !found || r.State != requests.Approved {
		return "" // it is only less that is told
	}
	return fmt.Sprintf("; request %d is approved: ask for the same again as a request (ipguard book --request), which books it", r.ID)
}

// grantable is the question of a request; an error where it cannot be granted, whoever
// agrees to it, but for want of room.
func (a *API) grantable(ctx context.Context, r requests.Request) (q question, err error) {
	if q.picture, err = a.read(ctx); err != nil {
		return q, unavailable(err)
	}
	if q.pool = q.picture.Pool(r.Pool); q.pool == nil {
		if err := poolsKnown(q.picture); err != nil {
			return q, err
		}
		return q, no(reasonNoPool, fmt.Sprintf("request %d is of pool %s, which the server's fleet file does not have: decline it, or have the pool get its name back", r.ID, r.Pool))
	}
	if err := whole(q.picture); err != nil {
		return q, err
	}
	var body Ask
	if err := json.Unmarshal(r.Ask, &body); err != nil {
		return q, unavailable(err)
	}
	if q.ask, err = body.ledger(); err != nil {
		return q, unavailable(err)
	}
	if !q.ask.Until.IsZero() && !q.ask.Until.After(a.now()) {
		return q, huma.Error422UnprocessableEntity("what was asked for would have ended by now: decline it")
	}
	q.ask.BeyondQuota, q.ask.By, q.ask.Approved = true, r.By, r.Judge
	return q, nil
}

// grant books what was approved, in the name of who asked. Where somebody else was faster
// it gives the request as it is then.
func (a *API) grant(ctx context.Context, r requests.Request) (requests.Request, Granted, error) {
	got := Granted{Bookings: []Booking{}}
	q, err := a.grantable(ctx, r)
	if err != nil {
		return r, got, err
	}
	answer, err := a.grantOnce(ctx, r, q)
	switch {
	case errors.Is(err, ledgersql.ErrNotApproved):
		r, err := a.pending(ctx, r.ID)
		if err == nil && r.State != requests.Booked {
			err = decided(r)
		}
		return r, got, err
	case err != nil:
		return r, got, unavailable(err)
	case answer.Refusal != nil:
		return r, got, a.refused(ctx, q.picture, q.pool, answer.Refusal)
	}
	r.State, got.Given = requests.Booked, answer.New
	for _, b := range answer.Bookings {
		got.Bookings = append(got.Bookings, bookingOf(q.pool.Name, b))
	}
	return r, got, nil
}

// grantOnce writes the bookings, and that the request is booked: ErrNotApproved where
// another one did either.
func (a *API) grantOnce(ctx context.Context, r requests.Request, q question) (answer ledger.Answer, err error) {
	w, wrote := q.world(a.now()), false
	book := func(given bool) func(*ledger.Records) ([]ledger.Entry, error) {
		return func(rs *ledger.Records) (entries []ledger.Entry, err error) {
			if answer, entries, err = ledger.Book(q.pool, rs, w, q.ask); err != nil {
				return nil, huma.Error422UnprocessableEntity(err.Error())
			}
			switch {
			case given == (answer.Refusal == nil):
				wrote = len(entries) > 0
				return entries, nil
			case given:
				return nil, nil
			}
			return nil, huma.Error409Conflict("somebody else was faster: approve it again") // there is room meanwhile
		}
	}
	store := a.Ledger.Under(q.picture.Under)
	if err := store.Granting(r.ID).Update(ctx, q.pool.Name, book(true)); err != nil {
		return answer, err
	}
	if answer.Refusal != nil { // the ends of others are written, for the next time
		return answer, store.Update(ctx, q.pool.Name, book(false))
	}
	if wrote {
		return answer, nil
	}
	moved, err := a.Requests.Move(ctx, r.ID, requests.Approved, requests.Booked, "", "") // the owner has them all
	if err == nil && !moved {
		err = ledgersql.ErrNotApproved
	}
	return answer, err
}
