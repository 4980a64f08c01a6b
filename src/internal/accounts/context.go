package accounts

import "context"

type key struct{}

// With returns a context of a request by an actor.
func With(ctx context.Context, a *Actor) context.Context { return context.WithValue(ctx, key{}, a) }

// From is who makes the request; nil: nobody who logged in.
func From(ctx context.Context) *Actor {
	a, _ := ctx.Value(key{}).(*Actor)
	return a
}
