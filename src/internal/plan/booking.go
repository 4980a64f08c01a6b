package plan

import (
	"iter"
	"strconv"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/seal"
)

// Booking says of a Booked claim who took the address.
type Booking struct {
	// Pool is the pool that it was taken from.
	Pool string
	// Owner is director/deployment/instance-group, or a free name for what is no VM
	// of BOSH. Number tells the addresses of one owner apart.
	Owner  string
	Number int
	State  BookingState
	// Since is when it was booked. Until is when it ends, or, after its release, its
	// rest; the zero time: never.
	Since, Until time.Time
	// By and Why are who booked it, and what they said.
	By, Why string
	// Adopted: the address was in use before it was booked.
	Adopted bool
}

// BookingState is what became of a booking.
type BookingState string

// The states: Taken by its owner; Resting after its release, before others get it;
// Over is what anybody may book anew.
const (
	BookingTaken   BookingState = "booked"
	BookingResting BookingState = "quarantined"
	BookingOver    BookingState = "released"
)

// For is the owner with its number, if that is not the first.
func (b *Booking) For() string {
	if b.Number == 0 {
		return b.Owner
	}
	return b.Owner + "/" + strconv.Itoa(b.Number)
}

// Director is the director that the owner belongs to if it is a VM of BOSH.
func (b *Booking) Director() string {
	return ReadOwnerName(b.Owner).Director
}

// Ended reports whether the booking's end has come, though it was not written down.
func (b *Booking) Ended(now time.Time) bool {
	return b.State == BookingTaken && !b.Until.IsZero() && !now.Before(b.Until)
}

// Term is until when: "until 2026-12-10", "without an end".
func (b *Booking) Term() string {
	if b.Until.IsZero() {
		return "without an end"
	}
	return "until " + b.Until.UTC().Format(time.DateOnly)
}

// Means reports whether the owner of a booking is the one of a claim. An instance's
// index does not count: which instance gets which address is the director's choice. A name
// that may not be shown is the same as before: bookings have it as their owner typed it.
func Means(owner string, c *Claim) bool { return means(owner, c, seal.Same) }

// MayMean is Means for a claim of which a variable hides the deployment or the group: it may be
// the owner's.
func MayMean(owner string, c *Claim) bool {
	return means(owner, c, func(a, b string) bool { return seal.Same(a, b) || isVariable(b) })
}

func means(owner string, c *Claim, same func(typed, name string) bool) bool {
	o := c.Owner()
	if c.Kind == External || c.Kind == Booked {
		return seal.Same(o.Property, owner)
	}
	n := ReadOwnerName(owner)
	switch {
	case o.Director == "" || n.Director != o.Director:
		return false
	case c.Kind == DirectorOwn:
		return true
	case n.Parts < 2:
		return false
	}
	return same(n.Deployment, o.Deployment) && (n.Parts < 3 || o.Property != "" || same(n.Group, o.InstanceGroup))
}

// OwnerText is the owner that a booking for a claim would name; empty for a claim of
// which nobody can be named.
func (c *Claim) OwnerText() string {
	o := c.Owner()
	if c.Kind == External || c.Kind == Booked {
		return o.Property
	}
	return o.Name()
}

// Name is the owner that a booking would name; empty where director or deployment are not
// known.
func (o Owner) Name() string {
	if o.Director == "" || o.Deployment == "" {
		return ""
	}
	n := OwnerName{o.Director, o.Deployment, o.InstanceGroup, 3}
	if o.InstanceGroup == "" {
		n.Parts = 2
	}
	return n.String()
}

// Meets reports whether a claim can collide with an address of s: on the wire, or in
// the list that one director keeps for all its networks.
func (s *Subnet) Meets(c *Claim) bool {
	other := c.Subnet
	if other == nil {
		other = nowhere
	}
	contact := ContactOf(s, other)
	return contact.Relation != Isolated || contact.OneList
}

// Claims yields the claims that overlap r, whatever their segment.
func (sp *Space) Claims(r netipx.IPRange) iter.Seq[*Claim] {
	if sp.index == nil {
		sp.index = newClaimIndex(claimsOf(sp.plan))
	}
	return sp.index.overlapping(r)
}
