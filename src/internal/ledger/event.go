package ledger

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/ipguard/ipguard/src/internal/place"
)

// What is what became of an address.
type What string

// The events.
const (
	// Held: somebody is about to book the address.
	WasHeld What = "held"
	// WasBooked: somebody took it.
	WasBooked What = "booked"
	// WasAdopted: somebody had it already when bookings began.
	WasAdopted What = "adopted"
	// WasRenewed: its booking ends at another time.
	WasRenewed What = "renewed"
	// WasReleased: who had it gave it back.
	WasReleased What = "released"
	// WasExpired: its booking ended.
	WasExpired What = "expired"
	// WasFreed: it rested long enough.
	WasFreed What = "freed"
)

// Whats are all events.
func Whats() []What {
	return []What{WasHeld, WasBooked, WasAdopted, WasRenewed, WasReleased, WasExpired, WasFreed}
}

// Event is one entry of an address's history.
type Event struct {
	At   time.Time
	What What
	// Owner is for whom the address is: director/deployment/instance-group, or a
	// free name for what is no VM of BOSH.
	Owner string
	// Number tells the addresses of one owner apart, from 0.
	Number int
	// Team is whose quota the address counts for.
	Team string
	// Until is when the booking, or the rest after it, ends; the zero time: never.
	Until time.Time
	// By is who did it, and Why what they said about it.
	By, Why string
	// Approved is who agreed to it, where it is beyond the quota; empty: nobody had to.
	Approved string
}

// State is what an address is by its events.
type State string

// The states. An address without events is Free; a Released one as free as that.
const (
	Free        State = ""
	Held        State = "held"
	Booked      State = "booked"
	Quarantined State = "quarantined"
	Released    State = "released"
)

// Taken reports whether an owner has the address.
func (s State) Taken() bool { return s == Held || s == Booked }

// Booking is what the events of one address come to.
type Booking struct {
	Range netip.Prefix
	State State
	// Owner, Number and Team are whose it is, or was last.
	Owner  string
	Number int
	Team   string
	// Since is when this owner got it, and Until when it ends: the booking, or its
	// rest. The zero time: never.
	Since, Until time.Time
	// By and Why are of whoever booked it.
	By, Why string
	// Approved is who agreed to it; empty: nobody had to.
	Approved string
	// Adopted says that the address was in use when its booking began.
	Adopted bool
	// At is where it is written, if the store has a file for it.
	At place.Place
}

// For is the owner with the number, where there is one to tell: "promo/web/api/1".
func (b *Booking) For() string { return Holder{b.Owner, b.Number}.String() }

// Named reports whether a name is the owner's, or that of its address of just this number, which
// may be written for the first one, too: promo/web/api/0.
func (b *Booking) Named(name string) bool {
	return name == b.Owner || name == b.Owner+"/"+strconv.Itoa(b.Number)
}

// Over reports whether the booking's end has come. It still holds until that was
// written down, and as long as the address is in use.
func (b *Booking) Over(now time.Time) bool {
	return b.State.Taken() && !b.Until.IsZero() && !now.Before(b.Until)
}

// Rested reports whether the address rested long enough after its release.
func (b *Booking) Rested(now time.Time) bool {
	return b.State == Quarantined && !now.Before(b.Until)
}
