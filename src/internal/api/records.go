package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/protocol"
)

type recordsInput struct {
	PoolInput
	IfNoneMatch string `header:"If-None-Match"`
}

type recordsOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   *protocol.Records
}

type entriesInput struct {
	PoolInput
	IfMatch string `header:"If-Match" doc:"The ETag of the records on which the entries rest"`
	Body    protocol.Entries
}

type entriesOutput struct {
	ETag string `header:"ETag" doc:"Of the records with these entries"`
	Body struct {
		Written int `json:"written"`
	}
}

func (a *API) records(routes huma.API) {
	huma.Register(routes, operation("get-records", http.MethodGet, "/pools/{pool}/records", "The histories of a pool, as of one moment", 304, 404, 503), a.getRecords)
	o := operation("add-entries", http.MethodPost, "/pools/{pool}/entries", "Add events that were computed on the records with this ETag", 404, 409, 412, 422, 428, 503)
	o.MaxBodyBytes = 8 << 20
	huma.Register(routes, o, a.addEntries)
}

func headTag(head string) string { return `"` + head + `"` }

func (a *API) getRecords(ctx context.Context, in *recordsInput) (*recordsOutput, error) {
	if _, err := need(ctx, ""); err != nil {
		return nil, err
	}
	_, pool, err := a.pool(ctx, in.Pool)
	if err != nil {
		return nil, err
	}
	known, err := a.Ledger.Known(ctx, pool.Name)
	if err != nil {
		return nil, unavailable(err)
	}
	out := &recordsOutput{Status: http.StatusOK, ETag: headTag(known.Head)}
	if in.IfNoneMatch == out.ETag {
		out.Status = http.StatusNotModified
		return out, nil
	}
	records := recordsOf(pool.Name, known)
	out.Body = &records
	return out, nil
}

func recordsOf(pool string, known ledgersql.Known) protocol.Records {
	v := protocol.Records{Pool: pool, Serial: known.Serial, Head: known.Head, Records: []protocol.Record{}}
	for _, b := range known.Records.Sorted() {
		v.Records = append(v.Records, protocol.RecordOf(known.Records.Record(b.Range)))
	}
	return v
}

// addEntries is the compare-and-swap of clients that know more than the server, such
// as manifests that were not pushed. What they computed is judged again by what the
// server knows.
func (a *API) addEntries(ctx context.Context, in *entriesInput) (*entriesOutput, error) {
	actor, err := need(ctx, "")
	if err != nil {
		return nil, err
	}
	picture, pool, err := a.pool(ctx, in.Pool)
	if err != nil {
		return nil, err
	}
	if err := whole(picture); err != nil {
		return nil, err
	}
	head := strings.Trim(in.IfMatch, `"`)
	if head == "" || in.IfMatch != headTag(head) {
		return nil, huma.NewError(http.StatusPreconditionRequired, "If-Match has to name the ETag of the records on which the entries rest")
	}
	serial, err := a.saw(ctx, pool.Name, head)
	if err != nil {
		return nil, unavailable(err)
	}
	entries, err := entriesOf(in.Body, actor)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	for _, e := range entries {
		if w := e.Event.What; w == ledger.WasHeld || w == ledger.WasBooked || w == ledger.WasAdopted {
			if err := a.notTheirs(ctx, actor, picture, pool, e.Event.Owner, e.Event.Team); err != nil {
				return nil, err
			}
		}
	}
	err = a.Ledger.Under(picture.UnderPools).UpdateAt(ctx, pool.Name, serial, func(rs *ledger.Records) ([]ledger.Entry, error) {
		for _, e := range entries {
			if before := rs.At(e.Range); before.State.Taken() && !mayChange(actor, pool, before, e.Event) || !mayBook(actor, pool, e.Event.Team) && e.Event.What != ledger.WasFreed && e.Event.What != ledger.WasExpired {
				return nil, huma.Error403Forbidden(ledger.RangeText(e.Range) + ": " + actor.Name + " has no scope " + accounts.BookFor(e.Event.Team))
			}
		}
		look := picture.Look(pool, a.now())
		return entries, a.verify(pool, rs, look.World, entries, actor.Has(accounts.Admin))
	})
	if err != nil {
		return nil, unavailable(err)
	}
	out := &entriesOutput{}
	out.Body.Written = len(entries)
	known, err := a.Ledger.Known(ctx, pool.Name)
	if err == nil { // they are written, whatever came after
		out.ETag = headTag(known.Head)
	}
	return out, nil
}

// saw takes notice of what a client was told of a pool, and notes it in the trail if that
// fences the pool.
func (a *API) saw(ctx context.Context, pool, head string) (int64, error) {
	serial, err := a.Ledger.Saw(ctx, pool, head)
	if fenced := (*ledgersql.FencedError)(nil); errors.As(err, &fenced) && fenced.Fresh {
		err = errors.Join(err, a.Accounts.Note(ctx, accounts.From(ctx).Name, "showed that the database lost bookings", fenced.Text()))
	}
	return serial, err
}

// mayChange reports whether the actor may write an event about what somebody has. That
// its time is over, anybody may.
func mayChange(actor *accounts.Actor, pool *ledger.Pool, before ledger.Booking, e ledger.Event) bool {
	return e.What == ledger.WasExpired || mayBook(actor, pool, before.Team)
}

// verify judges entries by the world of each owner among them.
func (a *API) verify(pool *ledger.Pool, rs *ledger.Records, world func(owner string) *ledger.World, entries []ledger.Entry, trusted bool) error {
	owner := ""
	for _, e := range entries {
		if e.Event.What == ledger.WasHeld || e.Event.What == ledger.WasBooked {
			if owner != "" && owner != e.Event.Owner {
				return huma.Error422UnprocessableEntity("entries book for one owner at a time")
			}
			owner = e.Event.Owner
		}
	}
	if owner == "" {
		owner = nobody
	}
	// Which addresses may be given, who asks knows better: the server may not have what
	// its director's files say. That the pool delegates them and nobody else uses them, it
	// knows.
	w := *world(owner)
	w.Free = nil
	if err := ledger.Verify(pool, rs, &w, entries, trusted); err != nil {
		return huma.Error409Conflict(err.Error())
	}
	return nil
}

func entriesOf(body protocol.Entries, actor *accounts.Actor) ([]ledger.Entry, error) {
	var list []ledger.Entry
	for _, e := range body.Entries {
		r, err := protocol.ParseRange(e.Address)
		if err != nil {
			return nil, err
		}
		entry := ledger.Entry{Range: r, Event: e.Event.Ledger()}
		entry.Event.By = actor.Name
		list = append(list, entry)
	}
	return list, nil
}
