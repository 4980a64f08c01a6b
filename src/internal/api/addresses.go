package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/chronicle"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/protocol"
)

type addressInput struct {
	Address string `path:"address" maxLength:"60" doc:"An address, or a block with its length; / is written as %2F"`
}

// Claim is who has an address, or may hand it out.
type Claim struct {
	Range    string `json:"range"`
	Kind     string `json:"kind"`
	Owner    string `json:"owner"`
	Director string `json:"director,omitempty"`
	InUse    bool   `json:"in_use"`
	At       string `json:"at,omitempty" doc:"Where it is written, for who may see that director's files"`
}

// AddressHistory is the history of an address in one pool.
type AddressHistory struct {
	Pool string `json:"pool"`
	protocol.Record
}

type addressOutput struct {
	Body struct {
		Address  string    `json:"address"`
		Pools    []string  `json:"pools" doc:"Those that delegate it"`
		Claims   []Claim   `json:"claims"`
		Bookings []Booking `json:"bookings"`
		Blind    int       `json:"blind" doc:"How many places may hide somebody who has it"`
	}
}

type historyInput struct {
	Address string `path:"address" maxLength:"60" doc:"An address, or a block with its length; / is written as %2F"`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many claims"`
	After   string `query:"after" maxLength:"200" doc:"What the answer before gave as next"`
}

type historyOutput struct {
	Body struct {
		Address string           `json:"address"`
		Pools   []AddressHistory `json:"pools" doc:"What became of it in pools; with after, nothing: the first answer has it"`
		Blind   int              `json:"blind" doc:"How many places may hide somebody who has it, or had it"`
		protocol.AddressClaims
	}
}

func (a *API) addresses(routes huma.API) {
	huma.Register(routes, operation("who", http.MethodGet, "/addresses/{address}", "Who has an address", 422, 503), a.who)
	huma.Register(routes, operation("history", http.MethodGet, "/addresses/{address}/history", "What became of an address", 422, 503), a.history)
}

func (a *API) who(ctx context.Context, in *addressInput) (*addressOutput, error) {
	actor, err := need(ctx, "")
	if err != nil {
		return nil, err
	}
	asked, err := protocol.ParseRange(in.Address)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	picture, err := a.read(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	out := &addressOutput{}
	out.Body.Address, out.Body.Pools, out.Body.Claims, out.Body.Bookings = ledger.RangeText(asked), []string{}, []Claim{}, []Booking{}
	holders := picture.Answers.Who(netipx.RangeOfPrefix(asked))
	out.Body.Blind = len(holders.Blind)
	for _, segment := range holders.Segments {
		for i := range segment.Claims {
			c := &segment.Claims[i]
			v := Claim{Range: c.Range.String(), Kind: c.Kind.String(), Owner: c.Who(), Director: c.Owner().Director, InUse: c.Kind.InUse()}
			if seesFiles(actor, c.Owner().Director) {
				v.At = c.At.String()
			}
			out.Body.Claims = append(out.Body.Claims, v)
		}
	}
	known, err := a.known(ctx, picture.Pools...)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, pool := range picture.Pools {
		if slices.ContainsFunc(pool.Ranges, netipx.RangeOfPrefix(asked).Overlaps) {
			out.Body.Pools = append(out.Body.Pools, pool.Name)
		}
		rs := known[pool.Name].Records
		for _, r := range rs.History(asked) {
			if b := rs.At(r.Range); b.State != ledger.Released {
				out.Body.Bookings = append(out.Body.Bookings, bookingOf(pool.Name, b))
			}
		}
	}
	return out, nil
}

func (a *API) history(ctx context.Context, in *historyInput) (*historyOutput, error) {
	if _, err := need(ctx, ""); err != nil {
		return nil, err
	}
	asked, err := protocol.ParseRange(in.Address)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	picture, err := a.read(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	out := &historyOutput{}
	out.Body.Address, out.Body.Pools = ledger.RangeText(asked), []AddressHistory{}
	out.Body.Blind = len(picture.Answers.Who(netipx.RangeOfPrefix(asked)).Blind)
	if out.Body.AddressClaims, err = a.claims(ctx, asked, in.After, in.Limit); err != nil || in.After != "" {
		return out, err
	}
	known, err := a.known(ctx, picture.Pools...)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, pool := range picture.Pools {
		rs := known[pool.Name].Records
		for _, r := range rs.History(asked) {
			out.Body.Pools = append(out.Body.Pools, AddressHistory{Pool: pool.Name, Record: protocol.RecordOf(r)})
		}
	}
	return out, nil
}

// claims are who declared an address or was granted it.
func (a *API) claims(ctx context.Context, asked netip.Prefix, after string, most int) (v protocol.AddressClaims, err error) {
	lines, next, err := a.Chronicle.Store.History(ctx, asked, after, most)
	if errors.Is(err, chronicle.ErrNoCursor) {
		return v, huma.Error422UnprocessableEntity("after: " + err.Error())
	}
	if err != nil {
		return v, unavailable(err)
	}
	v.Claims, v.Next = []protocol.AddressClaim{}, next
	for _, l := range lines {
		v.Claims = append(v.Claims, protocol.AddressClaim{
			Address: ledger.RangeText(l.Block), What: string(l.What), Director: l.Director, Owner: l.Owner, Since: l.Since, Unsure: moment(l.Unsure), Until: moment(l.Until),
		})
	}
	return v, nil
}
