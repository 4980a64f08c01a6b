package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

// Action is one line of the audit trail.
type Action struct {
	Serial int64     `json:"serial"`
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	What   string    `json:"what"`
	About  string    `json:"about"`
}

type trailInput struct {
	After int64 `query:"after" minimum:"0" doc:"Only behind this serial"`
	Limit int   `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
}

type trailOutput struct {
	Body struct {
		Actions []Action `json:"actions" doc:"The oldest first"`
	}
}

func (a *API) trail(routes huma.API) {
	huma.Register(routes, operation("list-actions", http.MethodGet, "/actions", "The audit trail: what everybody did besides bookings, which have histories", 422, 503),
		func(ctx context.Context, in *trailInput) (*trailOutput, error) {
			if _, err := need(ctx, accounts.Admin); err != nil {
				return nil, err
			}
			list, err := a.Accounts.Trail(ctx, in.After, in.Limit)
			if err != nil {
				return nil, unavailable(err)
			}
			out := &trailOutput{}
			out.Body.Actions = []Action{}
			for _, v := range list {
				out.Body.Actions = append(out.Body.Actions, Action(v))
			}
			return out, nil
		})
}
