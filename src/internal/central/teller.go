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

// DirectorOf is the director that the owner of a booking is of: the one below which it is
// named, or the one with which an address outside of directors, or a booking of a team's own
// pool, was pushed that has this owner. It is empty for all others.
func (p *Picture) DirectorOf(owner string) string {
	if n := plan.ReadOwnerName(owner); n.Parts > 1 && slices.Contains(p.Directors, n.Director) {
		return n.Director
	}
	return p.outside[owner]
}

// toldOutside are those directors, by the owners of such addresses.
func (p *Picture) toldOutside() map[string]string {
	told := map[string]string{}
	for i := range p.Plan.Claims {
		if c := &p.Plan.Claims[i]; c.Kind == plan.External || c.Kind == plan.Booked {
			if director := p.Teller(c.Owner(), c.At); told[c.Owner().Property] == "" {
				told[c.Owner().Property] = director
			}
		}
	}
	return told
}
