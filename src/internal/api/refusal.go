package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/plural"
)

// Refusal is a no with its reason: status 409, as RFC 9457 has it.
type Refusal struct {
	huma.ErrorModel
	Reason string `json:"reason" enum:"exhausted,no-run,quota,taken,in-use,not-free,not-delegated,has-others,not-of-team,other-team,decided,no-pool"`
	// Address is what the reason is about, if it is about one.
	Address string `json:"address,omitempty"`
	// Blocking are the bookings that stand in the way.
	Blocking []Booking `json:"blocking,omitempty"`
	// Next is what ends first, after which there may be one more.
	Next *Booking `json:"next,omitempty"`
	// Hidden says why addresses are not free that nobody is known to have.
	Hidden string `json:"hidden,omitempty"`
}

// The reasons for a no that the ledger has no part in.
const (
	reasonDecided = "decided"
	reasonNoPool  = "no-pool"
)

// no is a refusal for one of them.
func no(reason, detail string) *Refusal {
	return &Refusal{Reason: reason, ErrorModel: huma.ErrorModel{Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict, Detail: detail}}
}

// refused is the ledger's no, with what hides where that may be why there are too few.
func (a *API) refused(ctx context.Context, picture *central.Picture, p *ledger.Pool, r *ledger.Refusal) *Refusal {
	v := &Refusal{Reason: string(r.Reason), ErrorModel: huma.ErrorModel{
		Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict, Detail: RefusalText(p, r),
	}}
	if r.Reason == ledger.Exhausted || r.Reason == ledger.NoRun {
		if rs, err := a.Ledger.Records(ctx, p.Name); err == nil { // else it is only less that is told
			v.Hidden = a.withheld(picture, picture.Look(p, a.now()), rs, accounts.From(ctx))
		}
	}
	if r.Reason == ledger.NotFree {
		if v.Hidden = withheldAddress(picture, r.Range, accounts.From(ctx)); len(picture.Look(p, a.now()).Subnets()) == 0 {
			v.Hidden = noNetwork
		}
	}
	if v.Hidden != "" {
		v.Detail += "; " + v.Hidden
	}
	if r.Range.IsValid() {
		v.Address = ledger.RangeText(r.Range)
	}
	for i := range r.Blocking {
		v.Blocking = append(v.Blocking, bookingOf(p.Name, r.Blocking[i]))
	}
	if r.Next != nil {
		next := bookingOf(p.Name, *r.Next)
		v.Next = &next
	}
	return v
}

// RefusalText is the no in words.
func RefusalText(p *ledger.Pool, r *ledger.Refusal) string {
	address := ""
	if r.Range.IsValid() {
		address = ledger.RangeText(r.Range)
	}
	switch r.Reason {
	case ledger.Exhausted:
		text := fmt.Sprintf("pool %s has %d free of the %d that are missing", p.Name, r.Left, r.Wanted)
		if r.Next != nil {
			text += fmt.Sprintf("; next may be %s, of %s, whose time ends at %s", ledger.RangeText(r.Next.Range), r.Next.For(), r.Next.Until.Format(time.RFC3339))
		}
		return text
	case ledger.NoRun:
		return fmt.Sprintf("pool %s has no %d free addresses that follow each other", p.Name, r.Wanted)
	case ledger.OverQuota:
		return fmt.Sprintf("team %s has %d of the %s that it may have of pool %s, and %d more are wanted", r.Team, r.Has, plural.Of(r.Most, "address"), p.Name, r.Wanted)
	case ledger.Taken:
		return fmt.Sprintf("%s is %s for %s", address, r.Blocking[0].State, r.Blocking[0].For())
	case ledger.InUse:
		return fmt.Sprintf("%s is in use by %s", address, r.Users[0].Text)
	case ledger.NotFree:
		return fmt.Sprintf("%s is none that may be given, by what files and directors say", address)
	case ledger.NotDelegated:
		return fmt.Sprintf("pool %s does not delegate %s", p.Name, address)
	case ledger.HasOthers:
		return fmt.Sprintf("it has others already: %s", ledger.RangeText(r.Blocking[0].Range))
	case ledger.OtherTeam:
		return fmt.Sprintf("%s is booked for %s of team %s", ledger.RangeText(r.Blocking[0].Range), r.Blocking[0].Owner, r.Team)
	}
	return fmt.Sprintf("pool %s is not delegated to team %s", p.Name, r.Team)
}
