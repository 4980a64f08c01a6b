package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

// LoggedIn is who is logged in with a browser.
type LoggedIn struct {
	Actor  string    `json:"actor"`
	Number int       `json:"number" doc:"How many sessions they have"`
	Since  time.Time `json:"since" doc:"When the first of them began"`
	Until  time.Time `json:"until" doc:"When the last of them ends without another request"`
}

type sessionsOutput struct {
	Linked
	Body struct {
		Sessions []LoggedIn `json:"sessions" doc:"By name"`
		Next
	}
}

type endSessionsInput struct {
	Body struct {
		Actor string `json:"actor" minLength:"1" maxLength:"1000" doc:"As /sessions has it"`
	}
}

type endSessionsOutput struct {
	Body struct {
		Ended int64 `json:"ended" doc:"How many there were"`
	}
}

func (a *API) sessions(routes huma.API) {
	huma.Register(routes, operation("list-sessions", http.MethodGet, "/sessions", "Who is logged in with a browser", 422, 503), func(ctx context.Context, in *Paging) (*sessionsOutput, error) {
		if _, err := need(ctx, accounts.Admin); err != nil {
			return nil, err
		}
		list, err := a.Accounts.LoggedIn(ctx)
		if err != nil {
			return nil, unavailable(err)
		}
		out := &sessionsOutput{}
		list, next, err := part(in, list, func(l *accounts.LoggedIn) string { return l.Actor })
		out.Linked, out.Body.Sessions, out.Body.Next.Next = in.link(next), []LoggedIn{}, next
		for _, l := range list {
			out.Body.Sessions = append(out.Body.Sessions, LoggedIn(l))
		}
		return out, err
	})
	huma.Register(routes, operation("end-sessions", http.MethodPost, "/sessions/end", "End all sessions of somebody", 404, 422, 503), func(ctx context.Context, in *endSessionsInput) (*endSessionsOutput, error) {
		actor, err := need(ctx, accounts.Admin)
		if err != nil {
			return nil, err
		}
		n, err := a.Accounts.EndOf(ctx, in.Body.Actor, actor.Name)
		if err != nil {
			return nil, unavailable(err)
		}
		if n == 0 {
			return nil, huma.Error404NotFound("nobody of that name is logged in")
		}
		out := &endSessionsOutput{}
		out.Body.Ended = n
		return out, nil
	})
}
