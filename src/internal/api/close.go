package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/requests"
)

// closing are the two ends of a request that nothing is booked for.
func (a *API) closing(routes huma.API) {
	register := func(id, summary, note string, to requests.State, scope func(requests.Request) string) {
		o := operation(id, http.MethodPost, "/requests/{id}/"+id, summary, 404, 422, 503)
		refusing(routes, &o)
		huma.Register(routes, o, func(ctx context.Context, in *decideInput) (*decideOutput, error) {
			if _, err := need(ctx, ""); err != nil {
				return nil, err
			}
			r, err := a.pending(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			actor, err := need(ctx, scope(r))
			if err != nil {
				return nil, err
			}
			if r.State != to {
				if r, err = a.close(ctx, r, to, actor, in.Body.Why, note); err != nil {
					return nil, err
				}
			}
			out := &decideOutput{}
			out.Body.Bookings = []Booking{}
			if out.Body.Request, err = requestOf(r); err != nil {
				return nil, unavailable(err)
			}
			return out, nil
		})
	}
	register("decline", "Refuse a request", "declined a request", requests.Declined,
		func(r requests.Request) string { return accounts.ApproveFor(r.Pool) })
	register("withdraw", "Take one's own request back", "took a request back", requests.Withdrawn,
		func(r requests.Request) string { return accounts.BookFor(r.Team) })
}

// close ends a request that is open, or approved and not booked yet.
func (a *API) close(ctx context.Context, r requests.Request, to requests.State, actor *accounts.Actor, why, note string) (requests.Request, error) {
	for _, from := range []requests.State{requests.Open, requests.Approved} {
		moved, err := a.Requests.Move(ctx, r.ID, from, to, actor.Name, why)
		if err != nil {
			return r, unavailable(err)
		}
		if !moved {
			continue
		}
		if err := a.Accounts.Note(ctx, actor.Name, note, about(r)); err != nil {
			return r, unavailable(err)
		}
		break
	}
	r, err := a.pending(ctx, r.ID)
	if err == nil && r.State != to {
		err = decided(r)
	}
	return r, err
}
