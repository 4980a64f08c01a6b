package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/collector"
	"github.com/ipguard/ipguard/src/internal/pushes"
)

// Director is one director that teams told of.
type Director struct {
	Name    string    `json:"name"`
	Version int64     `json:"version" doc:"How often something new was pushed"`
	UUID    string    `json:"uuid,omitempty"`
	At      time.Time `json:"at" doc:"When it was pushed; with version 0, when it was asked"`
	By      string    `json:"by"`
	Digest  string    `json:"digest" doc:"SHA-256 of the snapshot"`
	// Collected is not known of what was pushed to older servers.
	Collected *time.Time `json:"collected,omitempty" doc:"When the director was asked, or its files were read"`
	// Damaged is not known while nothing of the plan is.
	Damaged bool   `json:"damaged,omitempty" doc:"What was pushed is not in the database as it was written, so that nothing is known of the director until it is pushed again"`
	Asked   *Asked `json:"asked,omitempty" doc:"What became of it when the server asked the director itself"`
}

// Asked is what became of it when the server asked a director.
type Asked struct {
	At       time.Time  `json:"at" doc:"When it was asked last"`
	Answered *time.Time `json:"answered,omitempty" doc:"When it answered last; left out: never"`
	OK       bool       `json:"ok" doc:"Whether it answered when it was asked last"`
	Error    string     `json:"error,omitempty" doc:"Why not, for who may see that director's files"`
}

func directorOf(p pushes.Push) Director {
	return Director{Name: p.Director, Version: p.Version, UUID: p.UUID, At: p.At, By: p.By, Digest: p.Digest, Collected: moment(p.Collected)}
}

type directorsOutput struct {
	Linked
	Body struct {
		Directors []Director `json:"directors" doc:"By name"`
		Next
	}
}

type pushInput struct {
	Director string `path:"director" maxLength:"200"`
	Replaces bool   `query:"replaces" doc:"It stands for all of the director, though it lacks what others pushed"`
	RawBody  []byte `contentType:"application/json"`
}

type pushOutput struct {
	Body struct {
		Director
		New       bool       `json:"new" doc:"Whether it differs from the version before"`
		Gone      []string   `json:"gone,omitempty" doc:"Networks, deployments, machines of create-env, external addresses and other parts that the version before had and this one has not"`
		Conflicts []Conflict `json:"conflicts" doc:"Those that the director has a part in"`
	}
}

// largestPush is how many bytes a snapshot may have.
const largestPush = 64 << 20

func (a *API) directors(routes huma.API) {
	huma.Register(routes, operation("list-directors", http.MethodGet, "/directors", "All directors that somebody pushed, or that the server asked", 422, 503), a.listDirectors)
	o := operation("push", http.MethodPut, "/directors/{director}/snapshot", "Tell what a director has; it counts from then on", 409, 413, 422, 503)
	o.MaxBodyBytes, o.BodyReadTimeout, o.SkipValidateBody = largestPush, 2*time.Minute, true
	huma.Register(routes, o, a.push)
	huma.Register(routes, operation("retire-director", http.MethodDelete, "/directors/{director}", "Take a director out of the plan that is no more; what it pushed stays in the history", 404, 503), a.retire)
}

type retireInput struct {
	Director string `path:"director" maxLength:"200"`
}

// retire takes a director out of the plan: one that is no more, or whose name was
// mistyped. Nobody else can: with it go all claims that stand in others' way.
func (a *API) retire(ctx context.Context, in *retireInput) (*struct{}, error) {
	actor, err := need(ctx, accounts.Admin)
	if err != nil {
		return nil, err
	}
	found, err := a.Pushes.Retire(ctx, in.Director, actor.Name)
	if err != nil {
		return nil, unavailable(err)
	}
	if !found {
		return nil, huma.Error404NotFound("nobody pushed a director of that name")
	}
	if err := a.Accounts.Note(ctx, actor.Name, "retired", in.Director); err != nil {
		return nil, unavailable(err)
	}
	if _, err := a.record(ctx, in.Director); err != nil {
		return nil, unavailable(err)
	}
	return nil, nil
}

// isDirector reports whether a name is one that the command line takes, too.
func isDirector(name string) bool {
	return name != "" && name[0] != '.' && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	})
}

func (a *API) listDirectors(ctx context.Context, in *Paging) (*directorsOutput, error) {
	actor, err := need(ctx, "")
	if err != nil {
		return nil, err
	}
	heads, err := a.Pushes.Heads(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	asked, err := a.Asked(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	var damaged []string
	if picture, err := a.read(ctx); err == nil { // else who is known can be told all the same
		damaged = picture.Damaged
	}
	var all []Director
	for _, p := range heads {
		d := directorOf(p)
		d.Damaged = slices.Contains(damaged, d.Name)
		if of, ok := asked[d.Name]; ok {
			d.Asked = askedOf(of, actor)
			delete(asked, d.Name)
		}
		all = append(all, d)
	}
	for name, of := range asked { // nothing is known of these
		all = append(all, Director{Name: name, At: of.At, Asked: askedOf(of, actor)})
	}
	out := &directorsOutput{}
	list, next, err := part(in, all, func(d *Director) string { return d.Name })
	out.Linked, out.Body.Directors, out.Body.Next.Next = in.link(next), list, next
	return out, err
}

func askedOf(of collector.Asked, actor *accounts.Actor) *Asked {
	v := &Asked{At: of.At, Answered: moment(of.Answered), OK: of.Error == ""}
	if seesFiles(actor, of.Director) {
		v.Error = of.Error
	}
	return v
}

func (a *API) push(ctx context.Context, in *pushInput) (*pushOutput, error) {
	actor, err := need(ctx, accounts.PushFor(in.Director))
	if err != nil {
		return nil, err
	}
	if !isDirector(in.Director) {
		return nil, huma.Error422UnprocessableEntity("a director's name has letters, digits, - _ and ., and does not begin with a point")
	}
	pushed, fresh, err := a.Pushes.Tell(ctx, in.Director, in.RawBody, pushes.Pusher{
		Name: actor.Name, Replaces: in.Replaces, May: func(director string) bool { return actor.Has(accounts.PushFor(director)) },
	})
	if refused := (*pushes.RefusedError)(nil); errors.As(err, &refused) {
		return nil, huma.Error409Conflict(refused.Message)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	if fresh {
		for _, p := range slices.Concat([]pushes.Push{pushed}, pushed.Revised) {
			if err := a.Accounts.Note(ctx, actor.Name, "pushed", fmt.Sprintf("%s, version %d", p.Director, p.Version)); err != nil {
				return nil, unavailable(err)
			}
		}
	}
	for _, p := range pushed.Revised {
		if err := a.Chronicle.Record(ctx, p.Director); err != nil && !errors.Is(err, central.ErrFleetFile) { // then a later round does it
			return nil, unavailable(err)
		}
	}
	picture, err := a.record(ctx, in.Director)
	if err != nil {
		return nil, unavailable(err)
	}
	all, err := a.conflictsOf(ctx, picture, actor, netipx.IPRange{})
	if err != nil {
		return nil, unavailable(err)
	}
	out := &pushOutput{}
	out.Body.Director, out.Body.New, out.Body.Conflicts = directorOf(pushed), fresh, []Conflict{}
	if fresh {
		out.Body.Gone = pushed.Gone
	}
	for _, c := range all {
		if c.concerns(in.Director) {
			out.Body.Conflicts = append(out.Body.Conflicts, c)
		}
	}
	return out, nil
}
