package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// Party is one side of a conflict.
type Party struct {
	Owner    string `json:"owner"`
	Director string `json:"director,omitempty"`
	Range    string `json:"range,omitempty"`
	At       string `json:"at,omitempty" doc:"Where it is written, for who may see that director's files"`
}

// Conflict is an error of lint between directors.
type Conflict struct {
	Rule    string  `json:"rule"`
	Range   string  `json:"range,omitempty"`
	Segment string  `json:"segment,omitempty"`
	Message string  `json:"message"`
	Parties []Party `json:"parties"`
}

func (c *Conflict) concerns(director string) bool {
	return slices.ContainsFunc(c.Parties, func(p Party) bool { return p.Director == director })
}

type conflictsOutput struct {
	Body struct {
		Conflicts []Conflict `json:"conflicts"`
	}
}

func (a *API) conflicts(routes huma.API) {
	huma.Register(routes, operation("list-conflicts", http.MethodGet, "/conflicts", "Addresses that two believe to be theirs", 503),
		func(ctx context.Context, _ *struct{}) (*conflictsOutput, error) {
			actor, err := need(ctx, "")
			if err != nil {
				return nil, err
			}
			picture, err := a.Plan.Read(ctx)
			if err != nil {
				return nil, unavailable(err)
			}
			out := &conflictsOutput{}
			out.Body.Conflicts = conflictsOf(picture, actor)
			return out, nil
		})
}

// conflictsOf are the errors in which two directors, or a director and somebody else,
// have a part. The message of one of whose files the actor may not see the places is
// left without them.
func conflictsOf(p *central.Picture, actor *accounts.Actor) []Conflict {
	list := []Conflict{}
	for i := range p.Findings {
		f := &p.Findings[i]
		if f.Severity != lint.Error || len(f.Claims) < 2 {
			continue
		}
		c := Conflict{Rule: f.Rule, Segment: f.Segment, Message: f.Message}
		if f.Range.IsValid() {
			c.Range = f.Range.String()
		}
		for _, party := range f.Claims {
			v := Party{Owner: (&plan.Claim{Owner: party.Owner, Kind: party.Kind, Range: party.Range}).Who(), Director: party.Owner.Director}
			if party.Range.IsValid() {
				v.Range = party.Range.String()
			}
			if seesFiles(actor, party.Owner.Director) {
				v.At = party.At.String()
			}
			c.Parties = append(c.Parties, v)
		}
		list = append(list, c)
	}
	return list
}

// seesFiles reports whether somebody may see where in a director's files something
// stands: who pushes them.
func seesFiles(actor *accounts.Actor, director string) bool {
	return director == "" && actor.Has(accounts.Admin) || director != "" && actor.Has(accounts.PushFor(director))
}
