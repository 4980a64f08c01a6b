package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

// Fence says of a pool that bookings of it may be lost.
type Fence struct {
	Pool  string    `json:"pool,omitempty" doc:"Left out: it is all pools"`
	Since time.Time `json:"since"`
	Text  string    `json:"text" doc:"All of it in words, and what lifts it"`
}

// Fenced is the part of a body that tells bookings: what of them may be lost.
type Fenced struct {
	Fenced []Fence `json:"fenced,omitempty" doc:"Of which pools bookings may be lost, so that what is told is not all; nothing of them is given or changed until somebody says what happened"`
}

type fencesOutput struct {
	Body struct {
		Fences []Fence `json:"fences" doc:"The oldest first"`
	}
}

func (a *API) fences(routes huma.API) {
	huma.Register(routes, operation("list-fences", http.MethodGet, "/fences", "Pools of which bookings may be lost, as after a backup was put back", 503), a.listFences)
}

func (a *API) listFences(ctx context.Context, _ *struct{}) (*fencesOutput, error) {
	if _, err := need(ctx, ""); err != nil {
		return nil, err
	}
	list, err := a.fenced(ctx, func(string) bool { return true })
	out := &fencesOutput{}
	if out.Body.Fences = list.Fenced; out.Body.Fences == nil {
		out.Body.Fences = []Fence{}
	}
	return out, err
}

// fenced are the open fences of pools that an answer is about, and of all pools.
func (a *API) fenced(ctx context.Context, about func(pool string) bool) (Fenced, error) {
	list, err := a.fencesNow(ctx)
	if err != nil {
		return Fenced{}, unavailable(err)
	}
	var v Fenced
	for i := range list {
		if f := &list[i]; f.Open() && (f.Pool == "" || about(f.Pool)) {
			v.Fenced = append(v.Fenced, Fence{Pool: f.Pool, Since: f.Found, Text: (&ledgersql.FencedError{Fence: *f}).Error()})
		}
	}
	return v, nil
}
