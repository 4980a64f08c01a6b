package central

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/pushes"
)

// Teller is the director whose files a claim stands in: its own, or, of an address outside
// of directors and of a booking, the one with which it was pushed. It is empty for what the
// server's fleet file says itself, and for bookings of the server.
func (p *Picture) Teller(owner plan.Owner, at place.Place) string {
	if owner.Director != "" {
		return owner.Director
	}
	if i := slices.IndexFunc(p.Pushed, func(o pushes.Push) bool { return nameOf(o) == at.File }); i >= 0 {
		return p.Pushed[i].Director
	}
	return ""
}
