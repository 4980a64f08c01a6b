package audit

import (
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// Bookings are what was booked, as far as it could be read.
type Bookings struct {
	// Claims are taken or rest; Over are those that ended and were written off, by
	// their last owners.
	Claims, Over []plan.Claim
	BlindSpots   []plan.BlindSpot
	Now          time.Time
}

// book holds the grants against the bookings, and the bookings against both sides.
func (c *comparison) book() {
	if len(c.bookings.Claims)+len(c.bookings.Over) == 0 {
		return
	}
	grants, promises := plan.NewSpace(c.granted), plan.NewSpace(c.promised)
	for i := range c.bookings.Claims {
		b := &c.bookings.Claims[i]
		granted := c.on(b, grants, isGrant)
		own := slices.IndexFunc(granted, func(g *plan.Claim) bool { return plan.Means(b.Booking().Owner, g) })
		promised := slices.ContainsFunc(c.on(b, promises, isPromise), func(p *plan.Claim) bool { return plan.Means(b.Booking().Owner, p) })
		switch {
		case b.Booking().State == plan.BookingResting:
			c.released(b, granted)
		case own >= 0 || promised: // that two have it is no matter of the booking
		case len(granted) > 0:
			for _, g := range granted {
				c.add(plan.Intersection(b.Range, g.Range), Drift, BookedByOther, lint.Error, list(b), list(g))
			}
		default:
			c.neverSeen(b)
		}
	}
	for i := range c.bookings.Over {
		c.released(&c.bookings.Over[i], c.on(&c.bookings.Over[i], grants, isGrant))
	}
}

// on are the claims that have an address of a booking where it was booked.
func (c *comparison) on(b *plan.Claim, among *plan.Space, counts func(*plan.Claim) bool) []*plan.Claim {
	var found []*plan.Claim
	for o := range among.Claims(b.Range) {
		if counts(o) && c.meet(b, o) && !c.mayMeet(b, o) {
			found = append(found, o)
		}
	}
	return found
}

func isPromise(c *plan.Claim) bool { return c.Kind.InUse() }

// released tells of a booking that was given back, and whose owner has the address.
func (c *comparison) released(b *plan.Claim, granted []*plan.Claim) {
	for _, g := range granted {
		if plan.Means(b.Booking().Owner, g) {
			c.add(plan.Intersection(b.Range, g.Range), Drift, ReleasedInUse, lint.Error, list(b), list(g))
		}
	}
}

// neverSeen tells of a booking that nobody has. Only of VMs of BOSH is that known, and
// of a director that was asked.
func (c *comparison) neverSeen(b *plan.Claim) {
	d := c.byName[b.Booking().Director()]
	if d == nil || d.Granted == nil || c.mayUse(b) {
		return
	}
	rivals, hides := c.rivals(b.Range, b, d.Name)
	severity := lint.Info
	switch {
	case len(rivals) > 0:
		severity = lint.Error
	case hides:
		c.leave(b.Range, b)
		return
	case b.Booking().Adopted, c.bookings.Now.Sub(b.Booking().Since) < lint.UnusedFor:
		return
	}
	c.add(b.Range, Unprotected, NeverSeen, severity, list(b), nil)
	c.found[len(c.found)-1].Rivals = rivals
}

// mayUse reports whether the owner of a booking may use its address where that cannot
// be seen.
func (c *comparison) mayUse(b *plan.Claim) bool {
	for _, p := range []*plan.Plan{c.promised, c.granted} {
		for i := range p.BlindSpots {
			for j := range p.BlindSpots[i].May {
				may := &p.BlindSpots[i].May[j]
				if may.Kind.InUse() && may.Range.Overlaps(b.Range) && plan.Means(b.Booking().Owner, may) && c.meet(b, may) {
					return true
				}
			}
		}
	}
	return false
}
