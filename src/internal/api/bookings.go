package api

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/protocol"
)

// Booking is what an address is by its events.
type Booking struct {
	Pool       string     `json:"pool"`
	Address    string     `json:"address" doc:"An address, or a block with its length"`
	State      string     `json:"state" enum:"held,booked,quarantined,released"`
	Owner      string     `json:"owner"`
	Number     int        `json:"number"`
	Team       string     `json:"team,omitempty"`
	Since      time.Time  `json:"since"`
	Until      *time.Time `json:"until,omitempty" doc:"When the booking, or the rest after it, ends; left out: never"`
	By         string     `json:"by,omitempty"`
	Why        string     `json:"why,omitempty"`
	ApprovedBy string     `json:"approved_by,omitempty" doc:"Who agreed to it beyond the quota"`
	Used       []string   `json:"used,omitempty" doc:"Who declares the address or was granted it"`
}

func bookingOf(pool string, b ledger.Booking) Booking {
	v := Booking{
		Pool: pool, Address: ledger.RangeText(b.Range), State: string(b.State), Owner: b.Owner, Number: b.Number, Team: b.Team,
		Since: b.Since.UTC(), By: b.By, Why: b.Why, ApprovedBy: b.Approved,
	}
	if !b.Until.IsZero() {
		until := b.Until.UTC()
		v.Until = &until
	}
	return v
}

type bookingsInput struct {
	Pool  string `query:"pool" maxLength:"500" doc:"Only of this pool"`
	Owner string `query:"owner" maxLength:"500" doc:"Only of this owner, of those below it, or of one of its numbers: promo, promo/pgpool, promo/pgpool/web/0"`
	Mine  bool   `query:"mine" doc:"Only what I booked"`
	All   bool   `query:"all" doc:"Those that are over, too"`
	Paging
}

type bookingsOutput struct {
	Linked
	Body struct {
		Bookings []Booking `json:"bookings" doc:"By pool and address"`
		Fenced
		Next
	}
}

func (a *API) bookings(routes huma.API) {
	huma.Register(routes, operation("list-bookings", http.MethodGet, "/bookings", "What is booked", 422, 503), a.listBookings)
}

func (a *API) listBookings(ctx context.Context, in *bookingsInput) (*bookingsOutput, error) {
	actor, picture, err := a.readPools(ctx)
	if err != nil {
		return nil, err
	}
	afterPool, fromAddress, _ := strings.Cut(in.After, " ")
	var after netip.Prefix
	if in.After != "" {
		if after, err = protocol.ParseRange(fromAddress); err != nil {
			return nil, noCursor()
		}
	}
	out := &bookingsOutput{}
	out.Body.Bookings = []Booking{}
	if out.Body.Fenced, err = a.fenced(ctx, func(pool string) bool { return in.Pool == "" || in.Pool == pool }); err != nil {
		return nil, err
	}
	for _, pool := range slices.SortedFunc(slices.Values(picture.Booked()), func(x, y *ledger.Pool) int { return strings.Compare(escaped(x.Name), escaped(y.Name)) }) {
		if in.Pool != "" && in.Pool != pool.Name || escaped(pool.Name) < afterPool {
			continue
		}
		rs, err := a.recordsNow(ctx, pool)
		if err != nil {
			return nil, unavailable(err)
		}
		look := picture.Look(pool, a.now())
		from := rs.All()
		if in.After != "" && escaped(pool.Name) == afterPool {
			from = rs.Behind(after)
		}
		for b := range from {
			over := !b.State.Taken() && (b.State != ledger.Quarantined || b.Rested(a.now()))
			if over && !in.All || in.Mine && b.By != actor.Name || !below(b.Owner, in.Owner) && !b.Named(in.Owner) {
				continue
			}
			if len(out.Body.Bookings) == in.Limit {
				last := out.Body.Bookings[in.Limit-1]
				out.Body.Next.Next = escaped(last.Pool) + " " + last.Address
				out.Linked = in.link(out.Body.Next.Next)
				return out, nil
			}
			v := bookingOf(pool.Name, b)
			for _, u := range look.Users(b.Range, b.Owner) {
				v.Used = append(v.Used, u.Text)
			}
			out.Body.Bookings = append(out.Body.Bookings, v)
		}
	}
	return out, nil
}

// escaped is a pool's name without a space.
func escaped(pool string) string { return strings.ReplaceAll(pool, " ", "%20") }

func compare(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return b.Bits() - a.Bits()
}

// below reports whether an owner is the one that is named, or a part of it.
func below(owner, name string) bool {
	return name == "" || owner == name || strings.HasPrefix(owner, strings.TrimSuffix(name, "/")+"/")
}
