package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/protocol"
)

// Ask is a question for addresses of a pool.
type Ask struct {
	For        string     `json:"for" minLength:"1" maxLength:"500" doc:"Whose they will be: director/deployment/instance-group[/index], or a free name"`
	Team       string     `json:"team,omitempty" maxLength:"500" doc:"Whose quota they count for; left out: the pool's own team"`
	Number     int        `json:"number,omitempty" minimum:"1" maximum:"4096" doc:"How many the owner wants to have; left out: one, or as many as are named"`
	Contiguous bool       `json:"contiguous,omitempty" doc:"Addresses that follow each other"`
	Addresses  []string   `json:"addresses,omitempty" maxItems:"4096" doc:"Just these"`
	Until      *time.Time `json:"until,omitempty" doc:"When it ends; left out: as the pool says"`
	Endless    bool       `json:"endless,omitempty" doc:"It never ends"`
	Hold       bool       `json:"hold,omitempty" doc:"For an hour only, until it is booked for the same owner"`
	Why        string     `json:"why,omitempty" maxLength:"500"`
}

type takeInput struct {
	PoolInput
	Body Ask
}

type takeOutput struct {
	Status int
	Body   struct {
		Bookings []Booking `json:"bookings" doc:"What the owner has, by number"`
		New      int       `json:"new" doc:"How many of them were not the owner's before"`
	}
}

func (a *API) take(routes huma.API) {
	o := operation("book", http.MethodPost, "/pools/{pool}/bookings", "Take addresses; who asks again gets the same", 404, 422, 503)
	o.DefaultStatus = http.StatusCreated
	refusing(routes, &o)
	huma.Register(routes, o, func(ctx context.Context, in *takeInput) (*takeOutput, error) {
		answer, pool, err := a.Take(ctx, in.Pool, in.Body)
		if err != nil {
			return nil, err
		}
		out := &takeOutput{Status: http.StatusOK}
		if answer.New > 0 {
			out.Status = http.StatusCreated
		}
		out.Body.New, out.Body.Bookings = answer.New, []Booking{}
		for _, b := range answer.Bookings {
			out.Body.Bookings = append(out.Body.Bookings, bookingOf(pool.Name, b))
		}
		return out, nil
	})
	o.Responses["200"] = &huma.Response{Description: "The owner had them already", Content: o.Responses["201"].Content}
}

// question is an Ask of somebody who may ask it, with what it is held against.
type question struct {
	picture *central.Picture
	pool    *ledger.Pool
	ask     ledger.Ask
}

func (q question) world(now time.Time) *ledger.World {
	return q.picture.Look(q.pool, now).World(q.ask.For.Owner)
}

// question looks at who asks, and for whom. Nothing is given while something of the plan
// as a whole is unknown.
func (a *API) question(ctx context.Context, name string, body Ask) (q question, err error) {
	if _, err := need(ctx, ""); err != nil {
		return q, err
	}
	if q.picture, q.pool, err = a.pool(ctx, name); err != nil {
		return q, err
	}
	if err := whole(q.picture); err != nil {
		return q, err
	}
	if body.Team == "" {
		body.Team = q.pool.Teams[0]
	}
	actor, err := need(ctx, accounts.BookFor(body.Team))
	if err != nil {
		return q, err
	}
	if q.ask, err = body.ledger(); err != nil {
		return q, huma.Error422UnprocessableEntity(err.Error())
	}
	q.ask.By = actor.Name
	return q, a.notTheirs(ctx, actor, q.picture, q.pool, q.ask.For.Owner, body.Team)
}

// Take answers a question for addresses, and writes what it gives. A no is an error, a
// *Refusal.
func (a *API) Take(ctx context.Context, name string, body Ask) (answer ledger.Answer, pool *ledger.Pool, err error) {
	q, err := a.question(ctx, name, body)
	if err != nil {
		return answer, q.pool, err
	}
	w := q.world(a.now())
	err = a.Ledger.Under(q.picture.Under).Update(ctx, q.pool.Name, func(rs *ledger.Records) (entries []ledger.Entry, err error) {
		if answer, entries, err = ledger.Book(q.pool, rs, w, q.ask); err != nil {
			return nil, huma.Error422UnprocessableEntity(err.Error())
		}
		return entries, nil
	})
	if err != nil {
		return answer, q.pool, unavailable(err)
	}
	if answer.Refusal != nil {
		refused := a.refused(ctx, q.picture, q.pool, answer.Refusal)
		if answer.Refusal.Reason == ledger.OverQuota {
			refused.Detail += a.agreedAlready(ctx, q.pool.Name, q.ask.For.String())
		}
		return answer, q.pool, refused
	}
	return answer, q.pool, nil
}

// ledger is the question as the ledger has it.
func (a *Ask) ledger() (ledger.Ask, error) {
	holder, err := ledger.ParseHolder(a.For)
	v := ledger.Ask{For: holder, Team: a.Team, Count: a.Number, Contiguous: a.Contiguous, Endless: a.Endless, Hold: a.Hold, Why: a.Why}
	if err != nil {
		return v, err
	}
	if a.Hold && a.Endless {
		return v, errors.New("a held address has an end: hold and endless say different things")
	}
	if a.Until != nil && a.Endless {
		return v, errors.New("until and endless say different things")
	}
	if a.Until != nil {
		v.Until = a.Until.UTC().Truncate(time.Second)
	}
	if v.Exactly, err = ranges(a.Addresses); err != nil {
		return v, err
	}
	if v.Count == 0 {
		v.Count = max(1, len(v.Exactly))
	}
	return v, nil
}

func ranges(texts []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range texts {
		r, err := protocol.ParseRange(text)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}
