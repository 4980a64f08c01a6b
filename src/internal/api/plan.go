package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/protocol"
	"github.com/ipguard/ipguard/src/internal/pushes"
)

type planInput struct {
	Seen        string `header:"Ipguard-Seen" maxLength:"20000" doc:"What the client was told of pools before: POOL=HEAD, separated by commas"`
	IfNoneMatch string `header:"If-None-Match"`
}

type planOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Seen   string `header:"Ipguard-Seen" doc:"What the client showed, of which the server took notice: where its records are behind that, the loss was accepted"`
	Body   *protocol.Plan
}

type snapshotInput struct {
	Director string `path:"director" maxLength:"200"`
	Version  int64  `query:"version" minimum:"0" doc:"Left out: what counts now"`
}

type snapshotOutput struct {
	ContentType string `header:"Content-Type"`
	ETag        string `header:"ETag"`
	Body        []byte
}

func (a *API) plan(routes huma.API) {
	huma.Register(routes, operation("get-plan", http.MethodGet, "/plan", "All that a team's own fleet file needs of the company's plan", 304, 503), a.getPlan)
	o := operation("get-snapshot", http.MethodGet, "/directors/{director}/snapshot", "What was pushed of a director, without secrets", 404, 422, 503)
	o.Responses = map[string]*huma.Response{"200": {Description: "A snapshot, as ipguard collect writes it", Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: huma.TypeObject}}}}}
	huma.Register(routes, o, a.getSnapshot)
}

func (a *API) getPlan(ctx context.Context, in *planInput) (*planOutput, error) {
	if _, err := need(ctx, ""); err != nil {
		return nil, err
	}
	picture, heads, err := a.Plan.ReadHeads(ctx) // get-snapshot gives the texts of now
	if err != nil {
		return nil, unavailable(err)
	}
	if err := whole(picture); err != nil {
		return nil, err
	}
	if err := a.seen(ctx, in.Seen); err != nil {
		return nil, unavailable(err)
	}
	database, err := a.Ledger.Identity(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	p := &protocol.Plan{Form: protocol.PlanForm, Database: database, Fleet: picture.Shared, Directors: []protocol.SharedDirector{}, Pools: []protocol.Records{}}
	for _, pushed := range picture.Pushed {
		if picture.Own[pushed.Director] != nil {
			continue // that says more
		}
		if i := slices.IndexFunc(heads, func(h pushes.Push) bool { return h.Director == pushed.Director }); i >= 0 {
			pushed = heads[i]
		}
		d := protocol.SharedDirector{Name: pushed.Director, Version: pushed.Version, Digest: pushed.Digest, MaxAge: picture.MaxAge(pushed.Director)}
		if slices.Contains(picture.Damaged, d.Name) {
			d.Digest, d.Damaged = "", true
		}
		p.Directors = append(p.Directors, d)
	}
	if actor := accounts.From(ctx); actor != nil {
		p.Teams = actor.Teams()
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s%s %q", database, picture.Shared, p.Teams)
	for _, name := range slices.Sorted(maps.Keys(picture.Own)) {
		sum := sha256.Sum256(picture.Own[name])
		p.Directors = append(p.Directors, protocol.SharedDirector{Name: name, Digest: hex.EncodeToString(sum[:]), MaxAge: picture.MaxAge(name)})
	}
	for _, name := range picture.Directors {
		if !slices.ContainsFunc(p.Directors, func(d protocol.SharedDirector) bool { return d.Name == name }) {
			p.Directors = append(p.Directors, protocol.SharedDirector{Name: name})
		}
	}
	slices.SortStableFunc(p.Directors, func(x, y protocol.SharedDirector) int {
		return slices.Index(picture.Directors, x.Name) - slices.Index(picture.Directors, y.Name)
	})
	for _, d := range p.Directors {
		fmt.Fprintf(h, " %q %s %s %t", d.Name, d.Digest, d.MaxAge, d.Damaged)
	}
	all, err := a.known(ctx, picture.Booked()...)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, pool := range picture.Booked() {
		fmt.Fprintf(h, " %q %s %q", pool.Name, all[pool.Name].Head, moved(picture, pool.Name))
	}
	for _, v := range picture.Vanished {
		p.Vanished = append(p.Vanished, protocol.Vanished{Director: v.Director, Deployment: v.Deployment, Group: v.Group, Addresses: v.Range.String(), Stopped: v.Stopped})
	}
	fmt.Fprintf(h, " %#v", p.Vanished)
	out := &planOutput{Status: http.StatusOK, ETag: `"` + hex.EncodeToString(h.Sum(nil))[:32] + `"`, Seen: in.Seen, Body: p}
	if isKnown(in.IfNoneMatch, out.ETag) {
		out.Status, out.Body = http.StatusNotModified, nil
		return out, nil
	}
	for _, pool := range picture.Booked() {
		records := recordsOf(pool.Name, all[pool.Name])
		records.Moved = moved(picture, pool.Name)
		p.Pools = append(p.Pools, records)
	}
	return out, nil
}

// moved are the bookings of a pool that were made while it was in other segments.
func moved(picture *central.Picture, pool string) []protocol.Moved {
	var list []protocol.Moved
	for _, bookings := range picture.Moved {
		if bookings.Pool != pool {
			continue
		}
		m := protocol.Moved{Segment: bookings.Segment}
		for i := range bookings.Records {
			m.Addresses = append(m.Addresses, ledger.RangeText(bookings.Records[i].Range))
		}
		list = append(list, m)
	}
	return list
}

// seen takes notice of what a client was told before. While a pool is fenced there is no
// plan: what clients keep has more of it than the server.
func (a *API) seen(ctx context.Context, header string) error {
	for _, part := range strings.Split(header, ",") {
		name, head, ok := strings.Cut(strings.TrimSpace(part), "=")
		pool, err := url.QueryUnescape(name)
		if !ok || err != nil {
			continue // it proves nothing
		}
		if _, err := a.saw(ctx, pool, head); err != nil && !errors.Is(err, ledgersql.ErrForeign) {
			return err
		}
	}
	fences, err := a.Ledger.Fences(ctx)
	if err != nil {
		return err
	}
	for i := range fences {
		if fences[i].Open() {
			return &ledgersql.FencedError{Fence: fences[i]}
		}
	}
	return nil
}

func (a *API) getSnapshot(ctx context.Context, in *snapshotInput) (*snapshotOutput, error) {
	if _, err := need(ctx, ""); err != nil {
		return nil, err
	}
	picture, err := a.read(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	version := in.Version
	if own := picture.Own[in.Director]; own != nil && version == 0 {
		return &snapshotOutput{ContentType: "application/json", Body: own}, nil
	}
	if version == 0 {
		heads, err := a.Pushes.Heads(ctx)
		if err != nil {
			return nil, unavailable(err)
		}
		for _, p := range heads {
			if p.Director == in.Director {
				version = p.Version
			}
		}
	}
	text, err := a.Pushes.Text(ctx, in.Director, version)
	switch {
	case err != nil:
		return nil, unavailable(err)
	case text == nil:
		return nil, huma.Error404NotFound("nothing was pushed of director " + in.Director)
	}
	return &snapshotOutput{ContentType: "application/json", ETag: strconv.Quote(strconv.FormatInt(version, 10)), Body: text}, nil
}
