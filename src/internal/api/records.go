package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/booking"
	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/plan"
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
	o := operation("add-entries", http.MethodPost, "/pools/{pool}/entries", "Add events that were computed on the records with this ETag", 404, 412, 422, 428, 503)
	refusing(routes, &o)
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
	if isKnown(in.IfNoneMatch, out.ETag) {
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
		if taking(e.Event.What) || e.Event.What == ledger.WasAdopted {
			if err := a.notTheirs(ctx, actor, picture, pool, e.Event.Owner, e.Event.Team); err != nil {
				return nil, err
			}
		}
	}
	own, err := a.ownDirectors(ctx, actor, entries)
	if err != nil {
		return nil, err
	}
	err = a.Ledger.Under(picture.Under).UpdateAt(ctx, pool.Name, serial, func(rs *ledger.Records) ([]ledger.Entry, error) {
		for _, e := range entries {
			before, team := rs.At(e.Range), e.Event.Team
			foreign := before.State.Taken() && !mayChange(actor, pool, before, e.Event)
			if foreign {
				team = before.Team
			}
			if foreign || !mayBook(actor, pool, team) && e.Event.What != ledger.WasFreed && e.Event.What != ledger.WasExpired {
				return nil, huma.Error403Forbidden(ledger.RangeText(e.Range) + ": " + actor.Name + " has no scope " + accounts.BookFor(cmp.Or(team, pool.Teams[0])))
			}
		}
		look := picture.Look(pool, a.now())
		err := a.verify(picture, pool, rs, look, entries, own, actor.Has(accounts.Admin))
		if none := (*ledger.NotFreeError)(nil); errors.As(err, &none) {
			err = a.refused(ctx, picture, pool, &ledger.Refusal{Reason: ledger.NotFree, Range: none.Range})
		}
		return entries, err
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

// verify judges entries by the world of the owner among them: nothing is given that the
// server itself would not give, but for what the actor's own directors hand out, of which who
// asks knows more: their files may say something else than what was pushed last. An address
// that is none that may be given is a *ledger.NotFreeError.
func (a *API) verify(picture *central.Picture, pool *ledger.Pool, rs *ledger.Records, look *booking.Look, entries []ledger.Entry, own func(director string) bool, trusted bool) error {
	owner := ""
	for _, e := range entries {
		if taking(e.Event.What) {
			if owner != "" && owner != e.Event.Owner {
				return huma.Error422UnprocessableEntity("entries book for one owner at a time")
			}
			owner = e.Event.Owner
		}
	}
	if owner == "" {
		owner = nobody
	}
	w := *look.World(owner)
	if !given(&w, entries) {
		w.Free = look.Without(own).World(owner).Free
	}
	err := ledger.Verify(pool, rs, &w, entries, trusted)
	if err == nil || errors.As(err, new(*ledger.NotFreeError)) {
		return err
	}
	return huma.Error409Conflict(err.Error())
}

// taking reports whether an event gives an address that may be given to whoever asks.
func taking(what ledger.What) bool { return what == ledger.WasHeld || what == ledger.WasBooked }

// given reports whether all that entries take may be given.
func given(w *ledger.World, entries []ledger.Entry) bool {
	for _, e := range entries {
		if taking(e.Event.What) && !slices.ContainsFunc(w.Free, func(s *netipx.IPSet) bool { return s.ContainsPrefix(e.Range) }) {
			return false
		}
	}
	return true
}

// ownDirectors are the directors of which the actor knows more than the server: those that
// it may push, and that of the owner, where nothing says that another team has it.
func (a *API) ownDirectors(ctx context.Context, actor *accounts.Actor, entries []ledger.Entry) (func(director string) bool, error) {
	owns := map[string]bool{}
	for _, e := range entries {
		n := plan.ReadOwnerName(e.Event.Owner)
		if _, known := owns[n.Director]; known || n.Parts < 2 || !taking(e.Event.What) {
			continue
		}
		teams, err := a.Accounts.TeamsOf(ctx, n.Director)
		if err != nil {
			return nil, unavailable(err)
		}
		owns[n.Director] = len(teams) == 0 || slices.Contains(teams, e.Event.Team)
	}
	return func(director string) bool {
		return director != "" && (owns[director] || slices.Contains(actor.Scopes, accounts.PushFor(director)))
	}, nil
}

func entriesOf(body protocol.Entries, actor *accounts.Actor) ([]ledger.Entry, error) {
	var list []ledger.Entry
	for _, e := range body.Entries {
		r, err := protocol.ParseRange(e.Address)
		if err != nil {
			return nil, err
		}
		entry := ledger.Entry{Range: r, Event: e.Event.Ledger()}
		entry.Event.By, entry.Event.Approved = actor.Name, ""
		list = append(list, entry)
	}
	return list, nil
}
