package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/seal"
)

var bookedByOther = Rule{
	ID:        "booked-by-other",
	Severity:  Error,
	Family:    FamilyFleet,
	Title:     "an address is used that somebody else has booked",
	Doc:       page("booked-by-other"),
	Exception: InFleetFile,
	Run:       runBookedByOther,
}

func runBookedByOther(f *Facts, report func(Finding)) {
	used := f.usedByOwner()
	var pools []pooled
	for _, o := range f.overlaps() {
		booking, other, ok := bookedPair(o)
		switch {
		case !ok || !onWire(o) || booking.Booking().State != plan.BookingTaken || plan.MayMean(booking.Booking().Owner, other):
			// Whose it is may hide (booking_doubts.go).
		case used[booking]:
			// Its owner has it already: that two have it is another rule's word.
		case other.Kind.InUse():
			report(f.takenFrom(booking, other, o))
		case (other.Kind == plan.DynamicPool || other.Kind == plan.Compilation) && booking.Booking().Director() != other.Owner().Director:
			pools = append(pools, pooled{booking, other, o})
		}
	}
	for _, p := range pooledRuns(pools) {
		report(f.pooledFinding(p))
	}
}

// relevantToBooking keeps the pairs of which one is a booking that rules look at.
func relevantToBooking(a, b *plan.Claim) bool {
	if a.Kind != plan.Booked {
		a, b = b, a
	}
	return b.Kind.InUse() || b.Kind == plan.Booked || b.Kind == plan.DynamicPool || b.Kind == plan.Compilation
}

// bookedPair parts an overlap of a booking and something that is none.
func bookedPair(o plan.Overlap) (booking, other *plan.Claim, ok bool) {
	switch {
	case o.A.Kind == plan.Booked && o.B.Kind != plan.Booked:
		return o.A, o.B, true
	case o.B.Kind == plan.Booked && o.A.Kind != plan.Booked:
		return o.B, o.A, true
	}
	return nil, nil, false
}

// usedByOwner are the bookings whose address their owner uses.
func (f *Facts) usedByOwner() map[*plan.Claim]bool {
	used := map[*plan.Claim]bool{}
	for _, o := range f.overlaps() {
		if booking, other, ok := bookedPair(o); ok && onWire(o) && other.Kind.InUse() && plan.Means(booking.Booking().Owner, other) {
			used[booking] = true
		}
	}
	return used
}

// takenFrom is the finding about an address that somebody uses and somebody else
// has booked.
func (f *Facts) takenFrom(booking, user *plan.Claim, o plan.Overlap) Finding {
	b := booking.Booking()
	why := fmt.Sprintf("%s took it %s; %s", b.For(), sinceText(b), whySame(o.Contact))
	if b.Ended(f.Now) {
		why = fmt.Sprintf("%s took it %s; that is over, but nobody wrote it down yet; %s", b.For(), sinceText(b), whySame(o.Contact))
	}
	return Finding{
		Range: o.Range, Segment: segmentText(o.Contact),
		Message:    fmt.Sprintf("%s is %s's, and there is %s", plan.RangeText(o.Range), who(user), who(booking)),
		Claims:     []Party{party(user, who(user)), party(booking, bookingNote(b))},
		Why:        why,
		Suggestion: paragraphs(f.orBook(f.instead(user), user, b.Pool), f.orRelease(b)),
	}
}

// sinceText says when, by whom and what for a booking was made.
func sinceText(b *plan.Booking) string {
	text := "on " + b.Since.UTC().Format("2006-01-02")
	if b.Since.IsZero() {
		text = "at a time that could not be read"
	}
	if b.By != "" {
		text += " (by " + b.By + ")"
	}
	if b.Why != "" {
		text += fmt.Sprintf(", because of %q", b.Why)
	}
	return text + ", " + b.Term()
}

// bookingNote labels a booking's line.
func bookingNote(b *plan.Booking) string {
	if b.State == plan.BookingResting {
		return "it rests after the booking for " + b.For() + ", " + b.Term()
	}
	return "booked for " + b.For() + ", " + b.Term()
}

// orBook adds to advice the command that books the owner of a claim an address of its own,
// unless the advice is to book one, or nothing can be booked of the pool, because the fleet
// file lost it.
func (f *Facts) orBook(advice string, c *plan.Claim, pool string) string {
	owner := c.OwnerText()
	if !f.hasPool(pool) || owner == "" || c.Kind == plan.Lease || c.Kind == plan.Orphan || strings.Contains(advice, "\nipguard book ") {
		return advice
	}
	or := "or "
	if advice == "" {
		or = ""
	}
	return paragraphs(advice, or+"take one that stays yours:\n"+BookCommand(pool, owner, ""))
}

// orRelease is how whoever has booked what others use alone gives it back; empty where the
// fleet file lost the pool.
func (f *Facts) orRelease(b *plan.Booking) string {
	if !f.hasPool(b.Pool) {
		return ""
	}
	return fmt.Sprintf("if %s does without it:\nipguard release %s", b.For(), quotedArgument(b.For()))
}

// hasPool reports whether the fleet file has a pool, so that bookings of it can be changed:
// one may have lost its name, and one may be another team's, in that team's own files.
func (f *Facts) hasPool(name string) bool {
	return slices.ContainsFunc(f.Pools, func(p Pool) bool { return p.Name == name })
}

// unlessLost is advice to change a booking, where it can be followed.
func (f *Facts) unlessLost(b *plan.Booking, advice string) string {
	if f.hasPool(b.Pool) {
		return advice
	}
	return fmt.Sprintf("nothing that is booked of pool %s can be changed, for the fleet file has no such pool: ask whoever plans it to give it its name back", b.Pool)
}

// BookCommand books for an owner. Names of it that may not be shown, or that nobody knows,
// are for whoever books to write: as variables they are refused.
func BookCommand(pool, owner, options string) string {
	text := "ipguard book " + quotedArgument(pool) + " --for "
	named := variable().ReplaceAllString(seal.Words().ReplaceAllString(owner, "NAME"), "NAME")
	if named == owner {
		return text + quotedArgument(owner) + options
	}
	return text + quotedArgument(named) + options + " # NAME: as it is without its variable"
}

// variable finds those that have no value.
var variable = lazyregexp.New(`\(\([^()]*\)\)`)
