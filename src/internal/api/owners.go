package api

import (
	"context"
	"fmt"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/ledger"
)

// notTheirs refuses a booking by which a team would get, in a pool of several, what another
// one's director uses: only the team that has a booking ends it, and the name is gone for
// whose machine it is. Which team a director is of, the tokens say that may push it and
// book; who may push it may book for it, whatever they say.
func (a *API) notTheirs(ctx context.Context, actor *accounts.Actor, picture *central.Picture, pool *ledger.Pool, owner, team string) error {
	director := picture.DirectorOf(owner)
	if team == "" {
		team = pool.Teams[0]
	}
	if len(pool.Teams) < 2 || director == "" || actor.Has(accounts.PushFor(director)) {
		return nil
	}
	teams, err := a.Accounts.TeamsOf(ctx, director)
	if err != nil {
		return unavailable(err)
	}
	if other := of(pool, teams); other != "" && !slices.Contains(teams, team) {
		return huma.Error403Forbidden(fmt.Sprintf("%s is of director %s, which is team %s's: team %s books nothing for it without the scope %s",
			owner, director, other, team, accounts.PushFor(director)))
	}
	return nil
}

// of is the first team of a pool that is among some; empty: none is.
func of(pool *ledger.Pool, teams []string) string {
	if i := slices.IndexFunc(pool.Teams, func(t string) bool { return slices.Contains(teams, t) }); i >= 0 {
		return pool.Teams[i]
	}
	return ""
}

// teamFor is the team of a pool for which an owner's address is booked: that of its
// director, else the first.
func (a *API) teamFor(ctx context.Context, picture *central.Picture, pool *ledger.Pool, owner string) (string, error) {
	if director := picture.DirectorOf(owner); len(pool.Teams) > 1 && director != "" {
		teams, err := a.Accounts.TeamsOf(ctx, director)
		if err != nil {
			return "", err
		}
		if team := of(pool, teams); team != "" {
			return team, nil
		}
	}
	return pool.Teams[0], nil
}
