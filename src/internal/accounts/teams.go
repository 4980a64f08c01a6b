package accounts

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// TeamsOf are the teams that a director is of, by name: those that a token names which may
// push it and book for them. Scopes for all names, and ended tokens, tell nothing of one.
func (s *Store) TeamsOf(ctx context.Context, director string) ([]string, error) {
	rows, err := s.Read.QueryContext(ctx, `select scopes from token where ends > $1`, s.Now().UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("the tokens cannot be read: %w", err)
	}
	defer rows.Close()
	var teams []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		scopes := strings.Fields(text)
		if !slices.Contains(scopes, PushFor(director)) {
			continue
		}
		teams = append(teams, teamsIn(scopes)...)
	}
	slices.Sort(teams)
	return slices.Compact(teams), rows.Err()
}

// Teams are those for which the actor may book, by name: who may for all is of none.
func (a *Actor) Teams() []string {
	teams := teamsIn(a.Scopes)
	slices.Sort(teams)
	return slices.Compact(teams)
}

// teamsIn are the teams that scopes name.
func teamsIn(scopes []string) (teams []string) {
	for _, scope := range scopes {
		name, isTeam := strings.CutPrefix(scope, "ipguard.teams.")
		if team, books := strings.CutSuffix(name, ".book"); isTeam && books && team != "*" {
			teams = append(teams, team)
		}
	}
	return teams
}
