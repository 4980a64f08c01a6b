// Package ledger keeps who took which address of a pool, before, or whether or
// not, a manifest says so.
//
//	Ask ──Book──▶ Answer: new, already yours, or no, with the reason
//	               │ and, if something changes,
//	               ▼
//	             Entries ──▶ a Store, all of them or none
//
// Stored is intent alone: an address of a pool has a Record, which is a list of
// events that only grows; what its last events come to is its Booking (fold.go).
// Whether an address is declared, granted or seen is never stored: it comes in with
// each question, as a World. So a booking needs no mark that it was fulfilled, and
// none can be wrong.
//
// What holds, whoever asks, how often, at once, and whatever the clock does:
//
//   - no two bookings of a pool overlap, those that rest after their release
//     included;
//   - an owner has a number once; who asks again gets the same addresses, and
//     nothing is written;
//   - an address that its owner uses, or nobody knows who, is neither freed by its end nor by
//     a release; what others use is theirs by itself, and no more the owner's after either;
//   - an address is offered to others only after its end was written down and it
//     rested for the pool's quarantine from then on;
//   - each change of a state is an event, and no event ever goes.
//
// Nothing here knows files, databases or clocks. A Store keeps the records; package
// ledgertest holds every store to the same conformance suite.
package ledger

import (
	"context"
	"net/netip"
	"time"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// DefaultUntil is how long a booking lasts if neither who books nor the pool says.
const DefaultUntil = 14 * 24 * time.Hour

// DefaultHold is how long a held address lasts: a form is open, a pull request is
// under way.
const DefaultHold = time.Hour

// DefaultQuarantine is how long an address rests after its release.
const DefaultQuarantine = 7 * 24 * time.Hour

// Pool is addresses that were delegated, and how they are given.
type Pool struct {
	// Name is the stable name under which bookings are kept.
	Name string
	// Teams may take addresses; the first is the one that has the pool.
	Teams []string
	plan.Delegation
	// Quota is how many addresses or blocks one team may have at a time; 0: any
	// number. Adopted ones count, too.
	Quota int
	// Until is how long a booking lasts that says nothing else; 0: DefaultUntil.
	Until time.Duration
	// Quarantine is how long an address rests after its release; negative: not
	// at all; 0: DefaultQuarantine.
	Quarantine time.Duration
	// Spread chooses addresses by the owner's name, all over the pool, in place of
	// the lowest ones: who books at the same time seldom chooses the same.
	Spread bool
	// Block is the length of the prefixes that are given, such as 28; 0: single
	// addresses.
	Block int
	At    place.Place
}

// BookingLength is how long a booking of the pool lasts.
func (p *Pool) BookingLength() time.Duration {
	if p.Until == 0 {
		return DefaultUntil
	}
	return p.Until
}

// QuarantineLength is how long an address of the pool rests.
func (p *Pool) QuarantineLength() time.Duration {
	switch {
	case p.Quarantine == 0:
		return DefaultQuarantine
	case p.Quarantine < 0:
		return 0
	}
	return p.Quarantine
}

// Store keeps the records of pools. It is the only thing that differs between
// bookings in git and on a server.
type Store interface {
	// Records returns what is kept of a pool, as of one moment.
	Records(ctx context.Context, pool string) (*Records, error)
	// Update adds the entries that change returns for the records as they are, all
	// of them or none: nobody else changes the pool in between. Where the store
	// cannot keep others out, it calls change again with newer records, so that
	// change must have no effects of its own but for its last call. If change
	// returns an error or no entries, nothing is written.
	Update(ctx context.Context, pool string, change func(*Records) ([]Entry, error)) error
}

// Entry is one event of one address.
type Entry struct {
	Range netip.Prefix
	Event Event
}
