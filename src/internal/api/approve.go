package api

import (
	"context"
	"errors"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/requests"
)

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
		if r, err = a.agree(ctx, r, actor, in.Body.Why); err != nil {
			return nil, err
		}
	}
	if r.State != requests.Approved && r.State != requests.Booked {
		return nil, decided(r)
	}
	out := &decideOutput{}
	out.Body.Granted = Granted{Bookings: []Booking{}}
	if r.State == requests.Approved {
		now, got, err := a.grant(ctx, r)
		refused := (*Refusal)(nil)
		switch {
		case err == nil:
			r, out.Body.Granted = now, got
		case errors.As(err, &refused) && refused.Reason != reasonNoPool && refused.Reason != reasonDecided: // the yes stands
			out.Body.Waits = refused.Detail
		default:
			return nil, err
		}
	}
	if out.Body.Request, err = requestOf(r); err != nil {
		return nil, unavailable(err)
	}
	return out, nil
}

// agree writes the yes, if the request can be granted, and gives what has become of it:
// somebody else may have decided.
func (a *API) agree(ctx context.Context, r requests.Request, actor *accounts.Actor, why string) (requests.Request, error) {
	if _, err := a.grantable(ctx, r); err != nil {
		return r, err // and nothing is decided
	}
	moved, err := a.Requests.Move(ctx, r.ID, requests.Open, requests.Approved, actor.Name, why)
	if err != nil {
		return r, unavailable(err)
	}
	if moved {
		if err := a.Accounts.Note(ctx, actor.Name, "approved a request", about(r)); err != nil {
			return r, unavailable(err)
		}
	}
	return a.pending(ctx, r.ID)
}
