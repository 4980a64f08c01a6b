package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/booking"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// Drift is an address whose booking and whose use do not fit.
type Drift struct {
	Pool    string     `json:"pool"`
	Address string     `json:"address"`
	Kind    string     `json:"kind" enum:"not-booked,not-bookable,booked-by-another,never-used,released-in-use" doc:"Used without a booking, in a pool that demands one, by an owner who can have one or by one whose name cannot; or used by another than who booked it; booked and never used; given back and still in use"`
	Owner   string     `json:"owner" doc:"Who uses it, or who booked it if nobody does"`
	Other   string     `json:"other,omitempty" doc:"Who booked it, where another uses it"`
	Since   *time.Time `json:"since,omitempty" doc:"When it was booked or given back"`
	Until   *time.Time `json:"until,omitempty" doc:"When the booking, or the rest after it, ends"`
	Why     string     `json:"why,omitempty" doc:"Why nothing can be booked for an owner of that name"`
	At      string     `json:"at,omitempty" doc:"Where its use is written, for who may see that director's files"`
}

type driftOutput struct {
	Linked
	Body struct {
		Drift []Drift `json:"drift" doc:"By pool and address"`
		Fenced
		Next
	}
}

func (a *API) drift(routes huma.API) {
	huma.Register(routes, operation("list-drift", http.MethodGet, "/drift", "Where bookings and use do not fit", 422, 503), a.listDrift)
}

func (a *API) listDrift(ctx context.Context, in *Paging) (*driftOutput, error) {
	actor, picture, err := a.readPools(ctx)
	if err != nil {
		return nil, err
	}
	var all []Drift
	for _, pool := range picture.Pools {
		rs, err := a.recordsNow(ctx, pool)
		if err != nil {
			return nil, unavailable(err)
		}
		look := picture.Look(pool, a.now())
		list, err := unbooked(pool, rs, look, picture.Required[pool.Name], actor)
		if err != nil {
			return nil, unavailable(err)
		}
		all = append(append(all, list...), idle(pool, rs, look, a.now())...)
	}
	out := &driftOutput{}
	list, next, err := part(in, all, func(d *Drift) string { return d.Pool + " " + addressKey(d.Address) + d.Kind + " " + d.Owner })
	if err != nil {
		return nil, err
	}
	out.Linked, out.Body.Drift, out.Body.Next.Next = in.link(next), list, next
	out.Body.Fenced, err = a.fenced(ctx, func(string) bool { return true })
	return out, err
}

// unbooked are the addresses in use of which nobody, or another one, has a booking.
func unbooked(pool *ledger.Pool, rs *ledger.Records, look *booking.Look, required bool, actor *accounts.Actor) ([]Drift, error) {
	adoptions, _, err := ledger.Adopt(pool, rs, look.World(""), look.Found(), actor.Name)
	if err != nil {
		return nil, err
	}
	var list []Drift
	for _, f := range adoptions {
		v := Drift{Pool: pool.Name, Address: ledger.RangeText(f.Found.Range), Owner: f.Found.For.Owner}
		if seesFiles(actor, plan.ReadOwnerName(f.Found.For.Owner).Director) {
			v.At = f.Found.At.String()
		}
		switch {
		case f.Status == ledger.AdoptNew && rs.At(f.Found.Range).State == ledger.Quarantined:
			continue // it is told as released and in use
		case f.Status == ledger.AdoptNew && required:
			v.Kind = "not-booked"
		case f.Status == ledger.AdoptUnfit && required:
			v.Kind, v.Why = "not-bookable", f.Reason
		case f.Status == ledger.AdoptConflict && rs.At(f.Other.Range).State.Taken(): // else two use it, which is a conflict
			v.Kind, v.Other = "booked-by-another", f.Other.For()
		default:
			continue
		}
		list = append(list, v)
	}
	return list, nil
}

// idle are the bookings that nobody uses, when lint says so as well, and what was given back and is used.
func idle(pool *ledger.Pool, rs *ledger.Records, look *booking.Look, now time.Time) []Drift {
	var list []Drift
	for _, b := range rs.Sorted() {
		users := look.Users(b.Range, b.Owner)
		v := Drift{Pool: pool.Name, Address: ledger.RangeText(b.Range), Owner: b.Owner}
		shown := bookingOf(pool.Name, b)
		v.Since, v.Until = &shown.Since, shown.Until
		switch {
		case b.State == ledger.Booked && len(users) == 0 && now.Sub(b.Since) > lint.UnusedFor:
			v.Kind = "never-used"
		case !b.State.Taken() && b.State != ledger.Free && len(users) > 0:
			v.Kind, v.Owner = "released-in-use", users[0].Text
		default:
			continue
		}
		list = append(list, v)
	}
	return list
}
