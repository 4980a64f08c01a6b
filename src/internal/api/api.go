// Package api is the server's one API, /api/v1, which the command line, pipelines and
// everybody else use. Its description (openapi.json) is made of the types of the
// handlers; errors are as RFC 9457 has them.
//
//	request ─▶ who is it (serve) ─▶ handler: scope, pool ─▶ ledger on the store and the
//	central plan ─▶ answer
//
// One file per kind of question. A handler names the scope that it needs, and every
// change is written under the name of who makes it.
package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/chronicle"
	"github.com/ipguard/ipguard/src/internal/collector"
	"github.com/ipguard/ipguard/src/internal/conflicts"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/protocol"
	"github.com/ipguard/ipguard/src/internal/pushes"
	"github.com/ipguard/ipguard/src/internal/requests"
)

// API answers requests.
type API struct {
	Ledger   *ledgersql.Store
	Plan     *central.Plan
	Accounts *accounts.Store
	Pushes   *pushes.Store
	// Conflicts remembers those of the plan.
	Conflicts *conflicts.Store
	// Chronicle remembers who had an address.
	Chronicle *chronicle.Keeper
	// Requests are those beyond quotas.
	Requests *requests.Store
	// Failed hears why a question could not be answered, of which the client hears
	// nothing; nil: nobody does.
	Failed func(ctx context.Context, err error)
	// Asked are the directors that servers ask themselves, by name.
	Asked func(context.Context) (map[string]collector.Asked, error)
	Now   func() time.Time
	// Version is the program's.
	Version string
}

// Handler is the API as a handler of its paths, and its description.
func (a *API) Handler() (http.Handler, *huma.OpenAPI) {
	mux := http.NewServeMux()
	config := huma.DefaultConfig("ipguard-server", a.Version)
	config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", nil
	config.Formats = map[string]huma.Format{"application/json": exact, "json": exact}
	config.Transformers = append(config.Transformers, func(ctx huma.Context, _ string, v any) (any, error) {
		h, ok := v.(*hidden)
		if !ok {
			return v, nil
		}
		switch h.cause = a.Ledger.Explain(h.cause); {
		case errors.Is(h.cause, ledgersql.ErrFull):
			h.Detail = noRoom
		case errors.Is(h.cause, ledgersql.ErrReplaced):
			h.Detail = ledgersql.ErrReplaced.Error()
		}
		if a.Failed != nil {
			a.Failed(ctx.Context(), h.cause)
		}
		return v, nil
	})
	config.OpenAPIPath = protocol.Base + "/openapi"
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "A token with scopes, or the session of a browser"},
	}
	config.Security = []map[string][]string{{"token": {}}}
	routes := humago.New(mux, config)
	routes.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) {
		if accounts.From(ctx.Context()) == nil { // before anything is said of what was sent
			_ = huma.WriteErr(routes, ctx, http.StatusUnauthorized, "log in, or send a token: Authorization: Bearer TOKEN")
			return
		}
		next(ctx)
	})
	for _, register := range []func(huma.API){
		a.me, a.pools, a.bookings, a.take, a.change, a.records, a.addresses, a.directors, a.plan, a.conflicts, a.tokens, a.sessions, a.trail, a.requests, a.drift, a.importing, a.fences,
	} {
		register(routes)
	}
	return withProblems(mux), routes.OpenAPI()
}

// withProblems answers what no operation is for as everything else is refused (RFC 9457).
func withProblems(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			w = problemWriter{w}
		}
		mux.ServeHTTP(w, r)
	})
}

// problemWriter has in place of a text in words the problem of its status.
type problemWriter struct{ http.ResponseWriter }

func (w problemWriter) WriteHeader(status int) {
	text := "the API has no such path: /api/v1/openapi.json describes it"
	if status == http.StatusMethodNotAllowed {
		text = "the path has no such method, and these: " + w.Header().Get("Allow")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.ResponseWriter.WriteHeader(status)
	_ = exact.Marshal(w.ResponseWriter, huma.NewError(status, text)) // whoever asked has gone
}

func (w problemWriter) Write(text []byte) (int, error) { return len(text), nil }

// isKnown reports whether If-None-Match has a tag, however weak it was made on the way (RFC
// 9110, sections 8.8.3 and 13.1.2).
func isKnown(ifNoneMatch, tag string) bool {
	for one := range strings.SplitSeq(ifNoneMatch, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}

// exact reads JSON to the letter: names in the wrong case, names that stand twice and
// what is no UTF-8 are refused, so that no two texts are one owner. In what it writes no
// name can steer the terminal of who looks at an answer.
var exact = huma.Format{
	Marshal:   func(w io.Writer, v any) error { return huma.DefaultJSONFormat.Marshal(legible.NewJSONWriter(w), v) },
	Unmarshal: func(data []byte, v any) error { return json.Unmarshal(data, v) },
}

// operation describes one of the API's.
func operation(id, method, path, summary string, more ...int) huma.Operation {
	if method == http.MethodPost || method == http.MethodPut {
		more = append(more, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	return huma.Operation{
		OperationID: id, Method: method, Path: protocol.Base + path, Summary: summary,
		Errors: append(more, http.StatusUnauthorized, http.StatusForbidden),
	}
}

// now is the time in which bookings are kept: to the second.
func (a *API) now() time.Time { return a.Now().UTC().Truncate(time.Second) }

// refusing describes the ledger's no, which an operation may answer with.
func refusing(routes huma.API, o *huma.Operation) {
	schema := routes.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Refusal](), true, "")
	o.Responses = map[string]*huma.Response{"409": {
		Description: "No, with the reason", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
	}}
}

// need returns who makes the request, if they have the scope. The scope "" is any.
func need(ctx context.Context, scope string) (*accounts.Actor, error) {
	actor := accounts.From(ctx)
	switch {
	case actor == nil:
		return nil, huma.Error401Unauthorized("log in, or send a token: Authorization: Bearer TOKEN")
	case scope == "" && actor.MayRead(), scope != "" && actor.Has(scope):
		return actor, nil
	}
	if scope == "" {
		scope = accounts.Read
	}
	return nil, huma.Error403Forbidden(actor.Name + " has no scope " + scope)
}

// pool is a pool of the plan, for somebody who may read.
func (a *API) pool(ctx context.Context, name string) (*central.Picture, *ledger.Pool, error) {
	picture, err := a.read(ctx)
	if err != nil {
		return nil, nil, unavailable(err)
	}
	pool := picture.Pool(name)
	if pool == nil {
		if err := poolsKnown(picture); err != nil {
			return nil, nil, err
		}
		return nil, nil, huma.Error404NotFound(noPool(picture, name))
	}
	return picture, pool, nil
}

// noPool says that the fleet file has no such pool, and whether it had.
func noPool(picture *central.Picture, name string) string {
	text := "there is no pool " + name
	for _, lost := range picture.Lost {
		if lost.Name == name {
			text += fmt.Sprintf(" in the server's fleet file any more, and nobody can change %s of it until whoever plans gives it its name back", plural.Of(len(lost.Ranges), "booking"))
		}
	}
	return text
}

// whole refuses to give addresses while something of the plan as a whole is unknown.
func whole(p *central.Picture) error {
	if len(p.Failures) > 0 {
		return huma.Error503ServiceUnavailable("the plan is not whole, and nothing is given: " + p.Failures[0].Error())
	}
	return nil
}

// readPools is who asks, who may read, and a look at all pools.
func (a *API) readPools(ctx context.Context) (*accounts.Actor, *central.Picture, error) {
	actor, err := need(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	picture, err := a.read(ctx)
	if err != nil {
		return nil, nil, unavailable(err)
	}
	return actor, picture, poolsKnown(picture)
}

// poolsKnown refuses to say which pools there are, and what is booked of them, while the
// server's fleet file has a mistake: some may be missing.
func poolsKnown(p *central.Picture) error {
	if len(p.InFleetFile) > 0 {
		return huma.Error503ServiceUnavailable("what the server's fleet file says of pools is not known: " + p.InFleetFile[0].Error())
	}
	return nil
}

// unavailable is an error of the store, of which the client hears no details.
func unavailable(err error) error {
	var told huma.StatusError
	switch {
	case errors.As(err, &told):
		return told
	case errors.As(err, new(*ledgersql.FencedError)):
		return &huma.ErrorModel{Type: protocol.TypeFenced, Title: http.StatusText(http.StatusServiceUnavailable), Status: http.StatusServiceUnavailable, Detail: err.Error()}
	case errors.As(err, new(*ledgersql.OtherFleetFileError)), errors.As(err, new(*pushes.DamagedError)):
		return huma.Error503ServiceUnavailable(err.Error())
	case errors.Is(err, ledgersql.ErrMoved), errors.Is(err, ledgersql.ErrForeign):
		return huma.Error412PreconditionFailed(err.Error())
	}
	if errors.Is(err, central.ErrFleetFile) {
		return &hidden{ErrorModel: huma.ErrorModel{
			Title: http.StatusText(http.StatusServiceUnavailable), Status: http.StatusServiceUnavailable,
			Detail: central.ErrFleetFile.Error() + ": whoever runs the server has to put it right",
		}, cause: err}
	}
	return &hidden{ErrorModel: huma.ErrorModel{
		Title: http.StatusText(http.StatusServiceUnavailable), Status: http.StatusServiceUnavailable,
		Detail: "the server cannot reach what it keeps; nothing is known to have been written: ask again",
	}, cause: err}
}

// noRoom is what is said wherever something could not be written for that.
var noRoom = ledgersql.ErrFull.Error() + ": nothing was written; whoever runs the server has to make room"

// hidden is an error whose cause is for the log alone.
type hidden struct {
	huma.ErrorModel
	cause error
}

func (h *hidden) Unwrap() error { return h.cause }
