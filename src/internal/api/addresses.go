package api

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/chronicle"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/protocol"
)

type addressInput struct {
	Address string `path:"address" maxLength:"60" doc:"An address, or a block with its length; / is written as %2F"`
	Paging
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
	Linked
	Body struct {
		Address  string    `json:"address"`
		Pools    []string  `json:"pools" doc:"Those that delegate it"`
		Claims   []Claim   `json:"claims" doc:"By address"`
		Bookings []Booking `json:"bookings" doc:"By pool and address; with after, nothing: the first answer has them"`
		Blind    int       `json:"blind" doc:"How many places may hide somebody who has it"`
		Fenced
		Next
	}
}

type historyInput struct {
	Address string `path:"address" maxLength:"60" doc:"An address, or a block with its length; / is written as %2F"`
	Paging
}

type historyOutput struct {
	Linked
	Body struct {
		Address string           `json:"address"`
		Pools   []AddressHistory `json:"pools" doc:"What became of it in pools; with after, nothing: the first answer has it"`
		Blind   int              `json:"blind" doc:"How many places may hide somebody who has it, or had it"`
		Fenced
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
	if out.Body.Fenced, err = a.fenced(ctx, mayHold(picture, asked)); err != nil {
		return nil, err
	}
	claims, next, err := part(&in.Paging, claimsOf(holders), func(c *numbered) string { return c.key })
	if err != nil {
		return nil, err
	}
	out.Linked, out.Body.Next.Next = in.link(next), next
	for _, n := range claims {
		c := n.claim
		v := Claim{Range: c.Range.String(), Kind: c.Kind.String(), Owner: n.who, Director: picture.Teller(c.Owner(), c.At), InUse: c.Kind.InUse()}
		if seesFiles(actor, v.Director) {
			v.At = c.At.String()
		}
		out.Body.Claims = append(out.Body.Claims, v)
	}
	if in.After != "" {
		return out, nil
	}
	known, err := a.known(ctx, picture.Booked()...)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, pool := range picture.Booked() {
		if picture.Pool(pool.Name) != nil && slices.ContainsFunc(pool.Ranges, netipx.RangeOfPrefix(asked).Overlaps) {
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
	if out.Body.Fenced, err = a.fenced(ctx, mayHold(picture, asked)); err != nil {
		return nil, err
	}
	if out.Body.AddressClaims, err = a.claims(ctx, asked, in.After, in.Limit); err != nil {
		return nil, err
	}
	if out.Linked = in.link(out.Body.Next); in.After != "" {
		return out, nil
	}
	known, err := a.known(ctx, picture.Booked()...)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, pool := range picture.Booked() {
		rs := known[pool.Name].Records
		for _, r := range rs.History(asked) {
			out.Body.Pools = append(out.Body.Pools, AddressHistory{Pool: pool.Name, Record: protocol.RecordOf(r)})
		}
	}
	return out, nil
}

// mayHold reports of pools whether a lost booking of theirs may be about a block: of one
// that the fleet file has no more nobody knows.
func mayHold(picture *central.Picture, asked netip.Prefix) func(string) bool {
	return func(name string) bool {
		pool := picture.Pool(name)
		return pool == nil || slices.ContainsFunc(pool.Ranges, netipx.RangeOfPrefix(asked).Overlaps)
	}
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

// numbered is a claim with what it is told apart by.
type numbered struct {
	claim    *plan.Claim
	who, key string
}

// claimsOf are the claims of an answer. Those that are alike are numbered.
func claimsOf(holders answer.Holders) (list []numbered) {
	alike := map[string]uint32{}
	for _, segment := range holders.Segments {
		for i := range segment.Claims {
			c := &segment.Claims[i]
			from, to, who := c.Range.From().As16(), c.Range.To().As16(), c.Who()
			key := append(append(append(append(make([]byte, 0, 40+len(who)), from[:]...), to[:]...), byte(c.Kind)), who...)
			alike[string(key)]++
			list = append(list, numbered{c, who, string(binary.BigEndian.AppendUint32(key, alike[string(key)]))})
		}
	}
	return list
}

// addressKey is the order of ranges as texts.
func addressKey(text string) string {
	first, _, _ := strings.Cut(text, "-")
	first, _, _ = strings.Cut(first, "/")
	a, err := netip.ParseAddr(first)
	if err != nil {
		return "~" + text + " "
	}
	return fmt.Sprintf("%x %s ", a.As16(), text)
}
