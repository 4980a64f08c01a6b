package lint

import (
	"fmt"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// soon is how long before its end a booking is told of.
const soon = 7 * 24 * time.Hour

// UnusedFor is how long a booking may wait for its owner before it is told of.
const UnusedFor = 7 * 24 * time.Hour

var bookingEnds = Rule{
	ID:       "booking-ends",
	Severity: Info,
	Family:   FamilyFleet,
	Title:    "a booking that nobody uses ends soon, or has ended",
	Doc:      page("booking-ends"),
	Run: func(f *Facts, report func(Finding)) {
		used := f.usedByOwner()
		for c := range f.bookings {
			b := c.Booking()
			if used[c] || f.mayUse(c) || b.Until.IsZero() || b.Until.Sub(f.Now) > soon {
				continue
			}
			what := "ends on " + b.Until.UTC().Format(time.DateOnly)
			if b.Ended(f.Now) {
				what = "ended on " + b.Until.UTC().Format(time.DateOnly)
			}
			report(Finding{
				Range:      c.Range,
				Message:    fmt.Sprintf("the booking of %s for %s %s, and no file says that its owner uses it", plan.RangeText(c.Range), b.For(), what),
				Claims:     []Party{party(c, bookingNote(b))},
				Why:        "after that, and a rest, others get the address",
				Suggestion: "keep it, or give it back at once:\nipguard renew " + plan.RangeText(c.Range) + "\nipguard release " + plan.RangeText(c.Range),
			})
		}
	},
}

var bookingUnused = Rule{
	ID:       "booking-unused",
	Severity: Info,
	Family:   FamilyFleet,
	Title:    "a booking was never used",
	Doc:      page("booking-unused"),
	Run: func(f *Facts, report func(Finding)) {
		used := f.usedByOwner()
		for c := range f.bookings {
			b := c.Booking()
			// Only of VMs of BOSH do files tell whether they have an address.
			if used[c] || f.mayUse(c) || b.Adopted || !slices.Contains(f.Plan.Directors, b.Director()) || f.Now.Sub(b.Since) < UnusedFor ||
				!b.Until.IsZero() && b.Until.Sub(f.Now) <= soon {
				continue
			}
			report(Finding{
				Range:      c.Range,
				Message:    fmt.Sprintf("%s is booked for %s since %s, and no file says that it is used", plan.RangeText(c.Range), b.For(), b.Since.UTC().Format(time.DateOnly)),
				Claims:     []Party{party(c, bookingNote(b))},
				Why:        "others may need it",
				Suggestion: "give it back:\nipguard release " + plan.RangeText(c.Range),
			})
		}
	},
}

// mayUse reports whether the owner of a booking may use its address where that cannot
// be seen.
func (f *Facts) mayUse(c *plan.Claim) bool {
	for _, may := range f.Blindness.Reaching(c.Subnet, c.Range) {
		if may.Kind.InUse() && plan.Means(c.Booking().Owner, may) {
			return true
		}
	}
	for user := range f.Space.Claims(c.Range) { // whose name hides
		if user.Kind.InUse() && plan.MayMean(c.Booking().Owner, user) && c.Subnet.Meets(user) {
			return true
		}
	}
	return false
}

// bookings yields the bookings that their owners have.
func (f *Facts) bookings(yield func(*plan.Claim) bool) {
	for i := range f.Plan.Claims {
		if c := &f.Plan.Claims[i]; c.Kind == plan.Booked && taken(c) && !yield(c) {
			return
		}
	}
}
