package api

import (
	"context"
	"net/http"
	"strconv"
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

type trailOutput struct {
	Linked
	Body struct {
		Actions []Action `json:"actions" doc:"The oldest first"`
		Next
	}
}

func (a *API) trail(routes huma.API) {
	huma.Register(routes, operation("list-actions", http.MethodGet, "/actions", "The audit trail: what everybody did besides bookings, which have histories", 422, 503),
		func(ctx context.Context, in *Paging) (*trailOutput, error) {
			if _, err := need(ctx, accounts.Admin); err != nil {
				return nil, err
			}
			after, err := in.number()
			if err != nil {
				return nil, err
			}
			list, err := a.Accounts.Trail(ctx, after, in.Limit+1)
			if err != nil {
				return nil, unavailable(err)
			}
			out := &trailOutput{}
			out.Body.Actions = []Action{}
			if len(list) > in.Limit {
				list = list[:in.Limit]
				out.Body.Next.Next = strconv.FormatInt(list[in.Limit-1].Serial, 10)
				out.Linked = in.link(out.Body.Next.Next)
			}
			for _, v := range list {
				out.Body.Actions = append(out.Body.Actions, Action(v))
			}
			return out, nil
		})
}
