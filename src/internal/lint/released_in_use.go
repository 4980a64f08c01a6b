package lint

import (
	"fmt"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// ReleasedInUseID is the rule that booking again cures.
const ReleasedInUseID = "released-in-use"

var releasedInUse = Rule{
	ID:       ReleasedInUseID,
	Severity: Error,
	Family:   FamilyFleet,
	Title:    "an address whose booking was given back is still used by its owner",
	Doc:      page(ReleasedInUseID),
	Run: func(f *Facts, report func(Finding)) {
		for _, o := range f.overlaps() {
			booking, user, ok := bookedPair(o)
			if ok && onWire(o) && booking.Booking().State == plan.BookingResting && user.Kind.InUse() && plan.Means(booking.Booking().Owner, user) {
				report(f.stillUsed(booking, user))
			}
		}
		for i := range f.Over {
			over := &f.Over[i]
			for user := range f.Space.Claims(over.Range) {
				if user.Kind.InUse() && plan.Means(over.Booking().Owner, user) && over.Subnet.Meets(user) {
					report(f.stillUsed(over, user))
				}
			}
		}
	},
}

func (f *Facts) stillUsed(booking, user *plan.Claim) Finding {
	b := booking.Booking()
	what, why := "rests after its booking was given back", "others get it when the rest is over, on "+b.Until.UTC().Format("2006-01-02")
	if b.State == plan.BookingOver {
		what, why = "is booked no more", "nothing keeps it for its owner but the line in the manifest, which others may not see"
	}
	address := plan.RangeText(booking.Range)
	return Finding{
		Range:   booking.Range,
		Message: fmt.Sprintf("%s %s, and %s still has it", address, what, who(user)),
		Claims:  []Party{party(user, who(user)), party(booking, "given back here")},
		Why:     why,
		Suggestion: paragraphs("take it out of the manifest and deploy",
			f.unlessLost(b, "or book it again:\n"+BookCommand(b.Pool, b.For(), " --address "+quotedArgument(address)))),
	}
}
