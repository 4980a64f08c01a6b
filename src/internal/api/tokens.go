package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

// Token is what is known of a token.
type Token struct {
	Name   string    `json:"name" minLength:"1" maxLength:"100"`
	Scopes []string  `json:"scopes" minItems:"1" maxItems:"100"`
	Ends   time.Time `json:"ends"`
}

type tokensOutput struct {
	Linked
	Body struct {
		Tokens []Token `json:"tokens" doc:"By name"`
		Next
	}
}

type makeTokenInput struct{ Body Token }

type makeTokenOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Token
		Secret string `json:"secret" doc:"It is told this once"`
	}
}

type revokeInput struct {
	Name string `path:"name" maxLength:"100"`
}

func (a *API) tokens(routes huma.API) {
	huma.Register(routes, operation("list-tokens", http.MethodGet, "/tokens", "All tokens", 422, 503), func(ctx context.Context, in *Paging) (*tokensOutput, error) {
		if _, err := need(ctx, accounts.Admin); err != nil {
			return nil, err
		}
		list, err := a.Accounts.Tokens(ctx)
		if err != nil {
			return nil, unavailable(err)
		}
		out := &tokensOutput{}
		list, next, err := part(in, list, func(t *accounts.Token) string { return t.Name })
		out.Linked, out.Body.Tokens, out.Body.Next.Next = in.link(next), []Token{}, next
		for _, t := range list {
			out.Body.Tokens = append(out.Body.Tokens, Token{Name: t.Name, Scopes: t.Scopes, Ends: t.Ends})
		}
		return out, err
	})
	o := operation("make-token", http.MethodPost, "/tokens", "Make a token for a pipeline", 422, 503)
	o.DefaultStatus = http.StatusCreated
	huma.Register(routes, o, a.makeToken)
	huma.Register(routes, operation("revoke-token", http.MethodDelete, "/tokens/{name}", "End a token", 404, 503), func(ctx context.Context, in *revokeInput) (*struct{}, error) {
		actor, err := need(ctx, accounts.Admin)
		if err != nil {
			return nil, err
		}
		found, err := a.Accounts.Revoke(ctx, in.Name, actor.Name)
		if err != nil {
			return nil, unavailable(err)
		}
		if !found {
			return nil, huma.Error404NotFound("there is no token of that name")
		}
		return nil, nil
	})
}

func (a *API) makeToken(ctx context.Context, in *makeTokenInput) (*makeTokenOutput, error) {
	actor, err := need(ctx, accounts.Admin)
	if err != nil {
		return nil, err
	}
	secret, err := a.Accounts.Make(ctx, accounts.Token{Name: in.Body.Name, Scopes: in.Body.Scopes, Ends: in.Body.Ends, By: actor.Name})
	if refused := (*accounts.RefusedError)(nil); errors.As(err, &refused) {
		return nil, huma.Error422UnprocessableEntity(refused.Message)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	out := &makeTokenOutput{CacheControl: "no-store"}
	out.Body.Token, out.Body.Secret = in.Body, secret
	return out, nil
}
