package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/ledger"
)

// Which says which bookings are meant.
type Which struct {
	Addresses []string `json:"addresses,omitempty" maxItems:"4096"`
	For       string   `json:"for,omitempty" maxLength:"500" doc:"All of this owner, and of those below it"`
	Why       string   `json:"why,omitempty" maxLength:"500"`
}

type releaseInput struct {
	PoolInput
	Body Which
}

type renewInput struct {
	PoolInput
	Body struct {
		Which
		Until   *time.Time `json:"until,omitempty" doc:"When they end; left out: as the pool says"`
		Endless bool       `json:"endless,omitempty" doc:"They never end"`
	}
}

// Changed is one booking after a change.
type Changed struct {
	Booking
	Kept []string `json:"kept,omitempty" doc:"Who uses the address, so that it did not change"`
}

type changeOutput struct {
	Body struct {
		Bookings []Changed `json:"bookings"`
	}
}

func (a *API) change(routes huma.API) {
	huma.Register(routes, operation("release", http.MethodPost, "/pools/{pool}/release", "Give addresses back; what is in use stays booked", 404, 409, 422, 503),
		func(ctx context.Context, in *releaseInput) (*changeOutput, error) {
			return a.Release(ctx, in.Pool, in.Body)
		})
	huma.Register(routes, operation("renew", http.MethodPost, "/pools/{pool}/renew", "Move the end of bookings", 404, 409, 422, 503),
		func(ctx context.Context, in *renewInput) (*changeOutput, error) {
			return a.Renew(ctx, in.Pool, in.Body.Which, in.Body.Until, in.Body.Endless)
		})
}

// Release gives addresses back.
func (a *API) Release(ctx context.Context, pool string, which Which) (*changeOutput, error) {
	return a.changing(ctx, pool, which, func(p *ledger.Pool, rs *ledger.Records, w *ledger.World, list []netip.Prefix, by string) ([]ledger.Changed, []ledger.Entry, error) {
		return ledger.Release(p, rs, w, list, by, which.Why)
	})
}

// Renew moves ends; until is nil for the pool's own.
func (a *API) Renew(ctx context.Context, pool string, which Which, until *time.Time, endless bool) (*changeOutput, error) {
	if until != nil && endless {
		return nil, huma.Error422UnprocessableEntity("until and endless say different things")
	}
	return a.changing(ctx, pool, which, func(p *ledger.Pool, rs *ledger.Records, w *ledger.World, list []netip.Prefix, by string) ([]ledger.Changed, []ledger.Entry, error) {
		end := w.Now.Add(p.BookingLength())
		switch {
		case endless:
			end = time.Time{}
		case until != nil:
			end = until.UTC().Truncate(time.Second)
		}
		return ledger.Renew(p, rs, w, list, end, by, which.Why)
	})
}

type changeFunc func(p *ledger.Pool, rs *ledger.Records, w *ledger.World, list []netip.Prefix, by string) ([]ledger.Changed, []ledger.Entry, error)

// changing changes bookings of teams that the actor may book for.
func (a *API) changing(ctx context.Context, name string, which Which, do changeFunc) (*changeOutput, error) {
	actor, err := need(ctx, "")
	if err != nil {
		return nil, err
	}
	picture, pool, err := a.pool(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := whole(picture); err != nil {
		return nil, err
	}
	named, err := ranges(which.Addresses)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	if len(named) == 0 && which.For == "" {
		return nil, huma.Error422UnprocessableEntity("neither addresses nor an owner is named")
	}
	w := picture.Look(pool, a.now()).World(nobody)
	var changed []ledger.Changed
	err = a.Ledger.Update(ctx, pool.Name, func(rs *ledger.Records) (entries []ledger.Entry, err error) {
		list := named
		if which.For != "" {
			list = append(list[:len(list):len(list)], bookedFor(rs, which.For)...)
		}
		if len(list) == 0 {
			return nil, huma.Error404NotFound("nothing of pool " + pool.Name + " is booked for " + which.For)
		}
		for _, r := range list {
			if b := rs.At(r); b.State != ledger.Free && !mayBook(actor, pool, b.Team) {
				return nil, huma.Error403Forbidden(ledger.RangeText(r) + " counts for team " + b.Team + ": " + actor.Name + " has no scope " + accounts.BookFor(b.Team))
			}
		}
		changed, entries, err = do(pool, rs, w, list, actor.Name)
		if taken := (*ledger.NotTakenError)(nil); errors.As(err, &taken) {
			return nil, huma.Error409Conflict(err.Error() + " of pool " + pool.Name)
		}
		if err != nil {
			return nil, huma.Error422UnprocessableEntity(err.Error())
		}
		return entries, nil
	})
	if err != nil {
		return nil, unavailable(err)
	}
	out := &changeOutput{}
	out.Body.Bookings = []Changed{}
	for _, c := range changed {
		v := Changed{Booking: bookingOf(pool.Name, c.After)}
		for _, u := range c.Kept {
			v.Kept = append(v.Kept, u.Text)
		}
		out.Body.Bookings = append(out.Body.Bookings, v)
	}
	return out, nil
}

// bookedFor are the addresses of an owner and of those below it, or of one holder, by
// address.
func bookedFor(rs *ledger.Records, name string) []netip.Prefix {
	var list []netip.Prefix
	for b := range rs.OwnedBy(name) {
		list = append(list, b.Range)
	}
	if holder, err := ledger.ParseHolder(name); err == nil && holder.Number >= 0 {
		if b, ok := rs.Of(holder); ok {
			list = append(list, b.Range)
		}
	}
	slices.SortFunc(list, compare)
	return slices.Compact(list)
}

// mayBook reports whether somebody may change what counts for a team. What counts for
// none is the pool's own team's.
func mayBook(actor *accounts.Actor, pool *ledger.Pool, team string) bool {
	if team == "" {
		team = pool.Teams[0]
	}
	return actor.Has(accounts.BookFor(team))
}
