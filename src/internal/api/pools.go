package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/booking"
	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

// Pool is one pool, and how full it is.
type Pool struct {
	Name       string   `json:"name"`
	Teams      []string `json:"teams" doc:"Who may take addresses; the first has the pool"`
	Segment    string   `json:"segment,omitempty"`
	Ranges     []string `json:"ranges"`
	Except     []string `json:"except,omitempty"`
	Block      int      `json:"block,omitempty" doc:"The length of the blocks that are given; left out: single addresses"`
	Quota      int      `json:"quota,omitempty" doc:"How many a team may have; left out: any number"`
	Until      string   `json:"until" doc:"How long a booking lasts that says nothing else"`
	Quarantine string   `json:"quarantine" doc:"How long an address rests after its release"`
	Taken      int      `json:"taken"`
	Resting    int      `json:"resting"`
	Free       int      `json:"free" doc:"How many can be taken now for one owner, up to 4096"`
	Hidden     string   `json:"hidden,omitempty" doc:"Where none is free: why addresses are not that nobody is known to have"`
	Serial     int64    `json:"serial" doc:"Of the pool's last event; it only grows"`
	Fenced     string   `json:"fenced,omitempty" doc:"Why nothing of it is given until somebody says what happened"`
}

type poolsOutput struct {
	Linked
	Body struct {
		Pools []Pool `json:"pools" doc:"In the order of the fleet file"`
		Next
	}
}

// PoolInput names a pool.
type PoolInput struct {
	Pool string `path:"pool" maxLength:"500" doc:"The pool's name; / is written as %2F"`
}

type poolOutput struct {
	ETag string `header:"ETag"`
	Body Pool
}

type freeInput struct {
	PoolInput
	For    string `query:"for" maxLength:"500" default:"nobody" doc:"For whom: what an owner uses already is free for it"`
	Number int    `query:"number" minimum:"1" maximum:"4096" default:"1"`
}

type freeOutput struct {
	Body struct {
		Addresses []string `json:"addresses" doc:"They are free now, and nobody keeps them so: take them to be sure"`
	}
}

func (a *API) pools(routes huma.API) {
	huma.Register(routes, operation("list-pools", http.MethodGet, "/pools", "All pools, and how full they are", 422, 503), a.listPools)
	huma.Register(routes, operation("get-pool", http.MethodGet, "/pools/{pool}", "One pool", 404, 503), a.getPool)
	free := operation("list-free", http.MethodGet, "/pools/{pool}/free", "Addresses that would be given", 404, 422, 503)
	refusing(routes, &free)
	huma.Register(routes, free, a.listFree)
}

func (a *API) listPools(ctx context.Context, in *Paging) (*poolsOutput, error) {
	if _, err := need(ctx, ""); err != nil {
		return nil, err
	}
	picture, err := a.read(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	if err := poolsKnown(picture); err != nil {
		return nil, err
	}
	out := &poolsOutput{}
	pools, next, err := partInOrder(in, picture.Pools, func(p **ledger.Pool) string { return (*p).Name })
	if err != nil {
		return nil, err
	}
	out.Linked, out.Body.Next.Next = in.link(next), next
	out.Body.Pools, err = a.describe(ctx, picture, pools...)
	return out, err
}

func (a *API) getPool(ctx context.Context, in *PoolInput) (*poolOutput, error) {
	if _, err := need(ctx, ""); err != nil {
		return nil, err
	}
	picture, p, err := a.pool(ctx, in.Pool)
	if err != nil {
		return nil, err
	}
	list, err := a.describe(ctx, picture, p)
	if err != nil {
		return nil, err
	}
	return &poolOutput{ETag: tag(picture.Tag, list[0].Serial), Body: list[0]}, nil
}

func tag(plan string, serial int64) string {
	return `"` + plan + "-" + strconv.FormatInt(serial, 10) + `"`
}

// describe counts what is taken and free of pools.
func (a *API) describe(ctx context.Context, picture *central.Picture, pools ...*ledger.Pool) ([]Pool, error) {
	known, err := a.known(ctx, pools...)
	if err != nil {
		return nil, unavailable(err)
	}
	fences, err := a.fencesNow(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	list := []Pool{}
	for _, p := range pools {
		list = append(list, a.describeOne(picture, p, known[p.Name], ledgersql.OpenFence(fences, p.Name), accounts.From(ctx)))
	}
	return list, nil
}

func (a *API) describeOne(picture *central.Picture, p *ledger.Pool, known ledgersql.Known, fence *ledgersql.Fence, actor *accounts.Actor) Pool {
	rs := known.Records
	v := Pool{
		Name: p.Name, Teams: p.Teams, Segment: p.Segment, Block: p.Block, Quota: p.Quota, Until: p.BookingLength().String(),
		Quarantine: p.QuarantineLength().String(), Serial: known.Serial, Ranges: []string{},
	}
	for _, r := range p.Ranges {
		v.Ranges = append(v.Ranges, r.String())
	}
	for _, r := range p.Except {
		v.Except = append(v.Except, r.String())
	}
	v.Taken, v.Resting = rs.Taken(), rs.Resting()
	if fence != nil {
		v.Fenced = fence.Text()
		return v
	}
	look := picture.Look(p, a.now())
	if v.Free = free(look, rs); v.Free == 0 {
		v.Hidden = a.withheld(picture, look, rs, actor)
	}
	return v
}

// free is how many addresses whoever gets most of them could have now: a director's
// static range is for its own deployments alone.
func free(look *booking.Look, rs *ledger.Records) int {
	p := look.Pool
	most := ledger.CountFree(p, rs, look.World(nobody))
	asked := map[string]bool{}
	for _, s := range look.Subnets() {
		if !asked[s.Director] {
			asked[s.Director] = true
			most = max(most, ledger.CountFree(p, rs, look.World(s.Director+"/"+nobody+"/"+nobody)))
		}
	}
	return most
}

// nobody is an owner that nothing means.
const nobody = "nobody"

func (a *API) listFree(ctx context.Context, in *freeInput) (*freeOutput, error) {
	if _, err := need(ctx, ""); err != nil {
		return nil, err
	}
	picture, p, err := a.pool(ctx, in.Pool)
	if err != nil {
		return nil, err
	}
	if err := whole(picture); err != nil {
		return nil, err
	}
	if f, err := a.Ledger.Fenced(ctx, p.Name); err != nil || f != nil {
		if err == nil {
			err = &ledgersql.FencedError{Fence: *f}
		}
		return nil, unavailable(err)
	}
	holder, err := ledger.ParseHolder(in.For)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	rs, err := a.Ledger.Records(ctx, p.Name)
	if err != nil {
		return nil, unavailable(err)
	}
	w := picture.Look(p, a.now()).World(holder.Owner)
	answer, _, err := ledger.Book(p, rs, w, ledger.Ask{For: holder, Count: in.Number, BeyondQuota: true, By: "free"})
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	if answer.Refusal != nil {
		return nil, a.refused(ctx, picture, p, answer.Refusal)
	}
	out := &freeOutput{}
	for _, b := range answer.Bookings {
		out.Body.Addresses = append(out.Body.Addresses, ledger.RangeText(b.Range))
	}
	return out, nil
}
