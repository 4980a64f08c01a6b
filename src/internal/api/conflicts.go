package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/conflicts"
	"github.com/ipguard/ipguard/src/internal/protocol"
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
	ID      string     `json:"id" doc:"What it is about: the same in every answer and message"`
	Rule    string     `json:"rule"`
	Range   string     `json:"range,omitempty"`
	Segment string     `json:"segment,omitempty"`
	Message string     `json:"message"`
	Parties []Party    `json:"parties"`
	Since   time.Time  `json:"since" doc:"When it was seen first"`
	Seen    time.Time  `json:"seen" doc:"When it was seen last"`
	Unsure  *time.Time `json:"unsure,omitempty" doc:"Since when a part of the plan cannot be seen in which it may go on; left out: it is seen"`
	Ended   *time.Time `json:"ended,omitempty" doc:"When it was gone; left out: it goes on"`
}

func (c *Conflict) concerns(director string) bool {
	return slices.ContainsFunc(c.Parties, func(p Party) bool { return p.Director == director })
}

type conflictsInput struct {
	Ended   bool   `query:"ended" doc:"Those that have ended, the latest first, in place of those that go on"`
	Address string `query:"address" maxLength:"60" doc:"An address, or a block with its length: only those that touch it, of those that go on"`
	Paging
}

type conflictsOutput struct {
	Linked
	Body struct {
		Conflicts []Conflict `json:"conflicts" doc:"Those that go on by their addresses"`
		Next
	}
}

func (a *API) conflicts(routes huma.API) {
	huma.Register(routes, operation("list-conflicts", http.MethodGet, "/conflicts", "Addresses that two believe to be theirs", 422, 503), a.listConflicts)
}

func (a *API) listConflicts(ctx context.Context, in *conflictsInput) (*conflictsOutput, error) {
	actor, err := need(ctx, "")
	if err != nil {
		return nil, err
	}
	out := &conflictsOutput{}
	var at netipx.IPRange
	if in.Address != "" {
		asked, err := protocol.ParseRange(in.Address)
		if err == nil && in.Ended {
			err = errors.New("address: those that have ended are not asked for by address")
		}
		if err != nil {
			return nil, huma.Error422UnprocessableEntity(err.Error())
		}
		at = netipx.RangeOfPrefix(asked)
	}
	if in.Ended {
		list, next, err := a.Conflicts.Ended(ctx, in.After, in.Limit)
		if errors.Is(err, conflicts.ErrNoCursor) {
			return nil, huma.Error422UnprocessableEntity("after: " + err.Error())
		}
		if err != nil {
			return nil, unavailable(err)
		}
		out.Linked, out.Body.Conflicts, out.Body.Next.Next = in.link(next), shown(list, actor), next
		return out, nil
	}
	picture, err := a.read(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	if picture, err = a.Plan.Judged(ctx, picture, true); err != nil {
		return nil, unavailable(err)
	}
	all, err := a.conflictsOf(ctx, picture, actor, at)
	if err != nil {
		return nil, unavailable(err)
	}
	list, next, err := part(&in.Paging, all, func(c *Conflict) string { return addressKey(c.Range) + c.ID })
	out.Linked, out.Body.Conflicts, out.Body.Next.Next = in.link(next), list, next
	return out, err
}

// conflictsOf are those that the picture shows and that touch a range (the zero range:
// all), since when they are known, and behind them those that were there and may be there
// still.
func (a *API) conflictsOf(ctx context.Context, p *central.Picture, actor *accounts.Actor, at netipx.IPRange) ([]Conflict, error) {
	open, err := a.Conflicts.Open(ctx)
	if err != nil {
		return nil, err
	}
	now := a.Now().UTC()
	var list []conflicts.Conflict
	for _, c := range conflicts.Of(p, at) {
		c.Opened, c.Seen = now, now
		if was, ok := open[c.Fingerprint]; ok {
			c.Opened = was.Opened
			delete(open, c.Fingerprint)
		}
		list = append(list, c)
	}
	var unsure []conflicts.Conflict
	for _, c := range open {
		if c.Unsure.IsZero() && c.MayGoOn(p) { // which nobody has recorded yet
			c.Unsure = now
		}
		if !c.Unsure.IsZero() && c.Touches(at) {
			unsure = append(unsure, c)
		}
	}
	slices.SortFunc(unsure, func(x, y conflicts.Conflict) int {
		return cmp.Or(x.Opened.Compare(y.Opened), cmp.Compare(x.Fingerprint, y.Fingerprint))
	})
	return shown(append(list, unsure...), actor), nil
}

// shown are conflicts as the actor may see them: the places of those files alone that
// are theirs.
func shown(list []conflicts.Conflict, actor *accounts.Actor) []Conflict {
	all := []Conflict{}
	for _, c := range list {
		v := Conflict{ID: c.Fingerprint, Rule: c.Rule, Range: c.Range, Segment: c.Segment, Message: c.Message, Since: c.Opened, Seen: c.Seen, Unsure: moment(c.Unsure), Ended: moment(c.Ended)}
		for _, party := range c.Parties {
			p := Party{Owner: party.Owner, Director: party.Director, Range: party.Range}
			if seesFiles(actor, party.Director) {
				p.At = party.At
			}
			v.Parties = append(v.Parties, p)
		}
		all = append(all, v)
	}
	return all
}

// moment is a time that may be none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// record puts what was pushed into the records: it is there then, or the push is to be
// made again, which adds nothing.
func (a *API) record(ctx context.Context, director string) (*central.Picture, error) {
	if err := a.Chronicle.Record(ctx, director); err != nil && !errors.Is(err, central.ErrFleetFile) { // then a later round does it
		return nil, err
	}
	return conflicts.RecordNow(ctx, a.Plan, a.Conflicts)
}

// seesFiles reports whether somebody may see where in a director's files something
// stands: who pushes them.
func seesFiles(actor *accounts.Actor, director string) bool {
	return director == "" && actor.Has(accounts.Admin) || director != "" && actor.Has(accounts.PushFor(director))
}
