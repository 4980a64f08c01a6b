package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

type meOutput struct {
	Body struct {
		Name   string   `json:"name" doc:"The name under which changes are written"`
		Scopes []string `json:"scopes"`
	}
}

func (a *API) me(routes huma.API) {
	huma.Register(routes, operation("me", http.MethodGet, "/me", "Who am I, and what may I do"),
		func(ctx context.Context, _ *struct{}) (*meOutput, error) {
			actor := accounts.From(ctx)
			if actor == nil {
				return nil, huma.Error401Unauthorized("nobody is logged in")
			}
			out := &meOutput{}
			out.Body.Name, out.Body.Scopes = actor.Name, append([]string{}, actor.Scopes...)
			return out, nil
		})
}
