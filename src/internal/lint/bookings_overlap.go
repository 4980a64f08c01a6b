package lint

import (
	"fmt"

	"github.com/ipguard/ipguard/src/internal/plan"
)

var bookingsOverlap = Rule{
	ID:        "bookings-overlap",
	Severity:  Error,
	Family:    FamilyFleet,
	Title:     "two bookings have one address, or one owner has two where it wants one",
	Doc:       page("bookings-overlap"),
	Exception: InFleetFile,
	Run:       runBookingsOverlap,
}

func runBookingsOverlap(f *Facts, report func(Finding)) {
	for _, o := range f.overlaps() {
		if o.A.Kind != plan.Booked || o.B.Kind != plan.Booked || !onWire(o) || !taken(o.A) || !taken(o.B) || oneBooking(o.A, o.B) {
			continue
		}
		first, second := laterBooking(o.A, o.B)
		if f.changes(second) && !f.changes(first) {
			first, second = second, first
		}
		report(Finding{
			Range: o.Range, Segment: segmentText(o.Contact),
			Message:    fmt.Sprintf("%s is booked twice: there is %s and %s", plan.RangeText(o.Range), who(first), who(second)),
			Claims:     []Party{party(first, bookingNote(first.Booking())), party(second, bookingNote(second.Booking()))},
			Why:        "each of the two was told that the address is its own; " + whySame(o.Contact),
			Suggestion: f.unlessLost(first.Booking(), "give "+first.Booking().For()+" another address:\n"+anotherCommand(first)),
		})
	}
	f.bookedTwice(report)
}

// oneBooking reports whether two claims are one booking: that of a pool which was in another
// segment when it was made has its address in both.
func oneBooking(a, b *plan.Claim) bool {
	x, y := a.Booking(), b.Booking()
	return x.Pool == y.Pool && x.Owner == y.Owner && x.Number == y.Number && a.Range == b.Range
}

func taken(c *plan.Claim) bool {
	return c.Booking().State == plan.BookingTaken && c.Booking().Owner != ""
}

// changes reports whether who reads this may give a booking back: nobody can whose it is not,
// or of a pool that the fleet file does not have.
func (f *Facts) changes(c *plan.Claim) bool {
	return f.judgesClaim(c) && f.hasPool(c.Booking().Pool)
}

// laterBooking orders two bookings: the one to change, which is the later, first.
func laterBooking(a, b *plan.Claim) (first, second *plan.Claim) {
	if a.Booking().Since.After(b.Booking().Since) || a.Booking().Since.Equal(b.Booking().Since) && b.At.Compare(a.At) < 0 {
		return a, b
	}
	return b, a
}

// anotherCommand gives a booking back and books its owner another address. Both bookings
// have the address, so that the owner and its number name the one that goes.
func anotherCommand(c *plan.Claim) string {
	b := c.Booking()
	return "ipguard release " + quotedArgument(fmt.Sprintf("%s/%d", b.Owner, b.Number)) + "\n" + BookCommand(b.Pool, b.For(), "")
}

// bookedTwice tells of one owner's number that two addresses of a pool have: two
// bookings that could not see each other, and were merged.
func (f *Facts) bookedTwice(report func(Finding)) {
	type holder struct {
		pool, owner string
		number      int
	}
	seen := map[holder]*plan.Claim{}
	for i := range f.Plan.Claims {
		c := &f.Plan.Claims[i]
		if c.Kind != plan.Booked || !taken(c) {
			continue
		}
		h := holder{c.Booking().Pool, c.Booking().Owner, c.Booking().Number}
		before, twice := seen[h]
		if !twice || oneBooking(before, c) {
			seen[h] = c
			continue
		}
		first, second := laterBooking(before, c)
		report(Finding{
			Range:      first.Range,
			Message:    fmt.Sprintf("%s has booked two addresses of pool %s and wants one: %s and %s", c.Booking().For(), h.pool, plan.RangeText(second.Range), plan.RangeText(first.Range)),
			Claims:     []Party{party(first, bookingNote(first.Booking())), party(second, bookingNote(second.Booking()))},
			Why:        "two who could not see each other booked for the same owner, and both bookings were merged; one of the addresses lies idle",
			Suggestion: f.unlessLost(first.Booking(), "give back the one that nobody uses:\nipguard release "+quotedArgument(plan.RangeText(first.Range))),
		})
	}
}
