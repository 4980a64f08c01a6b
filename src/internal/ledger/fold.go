package ledger

import (
	"fmt"
	"net/netip"

	"github.com/ipguard/ipguard/src/internal/place"
)

// Record is the history of one address or block of a pool.
type Record struct {
	Range netip.Prefix
	// Events only grow; the last ones count.
	Events []Event
	// At is where it is written, if the store has a file for it.
	At place.Place
}

// MisorderedError is an event that cannot follow the ones before it.
type MisorderedError struct {
	// Index is the event's, from 0.
	Index  int
	Event  Event
	Before Booking
}

func (e *MisorderedError) Error() string {
	state := string(e.Before.State)
	if e.Before.State == Free {
		state = "free"
	}
	if e.Before.State == Free || e.Before.State == Released {
		return fmt.Sprintf("%q cannot follow: before it the address is %s", e.Event.What, state)
	}
	return fmt.Sprintf("%q of %s cannot follow: before it the address is %s, of %s",
		e.Event.What, Holder{e.Event.Owner, e.Event.Number}, state, e.Before.For())
}

// Booking is what the events come to. The error is a *MisorderedError, about the
// first event that cannot follow; the booking is then that before it.
func (r *Record) Booking() (Booking, error) {
	b := Booking{Range: r.Range, At: r.At}
	for i, e := range r.Events {
		next, ok := b.after(e)
		if !ok {
			return b, &MisorderedError{Index: i, Event: e, Before: b}
		}
		b = next
	}
	return b, nil
}

// after is the booking after one more event; ok is false if that cannot follow.
func (b Booking) after(e Event) (next Booking, ok bool) {
	same := b.Owner == e.Owner && b.Number == e.Number
	next = b
	switch e.What {
	case WasHeld, WasBooked, WasAdopted:
		next.State = Booked
		if e.What == WasHeld {
			next.State = Held
		}
		next.Owner, next.Number, next.Team, next.By, next.Why, next.Approved = e.Owner, e.Number, e.Team, e.By, e.Why, e.Approved
		next.Since, next.Until, next.Adopted = e.At, e.Until, e.What == WasAdopted
		switch b.State {
		case Held:
			return next, same && e.What != WasHeld
		case Booked:
			return next, false
		case Quarantined:
			return next, same || b.Rested(e.At)
		}
		return next, true
	case WasRenewed:
		next.Until = e.Until
		return next, b.State.Taken() && same
	case WasReleased, WasExpired:
		next.State, next.Until = Quarantined, e.Until
		return next, b.State.Taken() && same && !e.Until.IsZero()
	case WasFreed:
		next.State = Released
		return next, b.State == Quarantined && same
	}
	return next, false
}
