package lint

import (
	"fmt"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// bookingDoubts are variables that hide what bookings have to do with an address: the segment
// of one that may have to be booked, and whose one is that somebody booked.
func (f *Facts) bookingDoubts(*pairJudge, func(*Finding) bool) (doubts []Doubt, accepted []Finding) {
	return append(f.unbookedDoubts(), f.ownerDoubts()...), nil
}

// unbookedDoubts are those that hide whether an address that is not booked is in the segment of
// a pool that demands it. Each is told of once.
func (f *Facts) unbookedDoubts() (doubts []Doubt) {
	told := map[*plan.Subnet]bool{}
	for i := range f.Pools {
		p := &f.Pools[i]
		if !p.Books {
			continue
		}
		for part := range f.unbookedParts(p) {
			if told[part.Subnet] || !p.segmentHides(&part) || !f.judgesClaim(&part) {
				continue
			}
			told[part.Subnet] = true
			doubts = append(doubts, Doubt{Spot: hiddenSegment(part.Subnet, nil), Clause: fmt.Sprintf(
				"it is in segment %s; if it is, %s, %s, has to be booked, as pool %s demands", p.Segment, plan.RangeText(part.Range), who(&part), p.Name)})
		}
	}
	return doubts
}

// ownerDoubts are those that hide whether who uses an address is the one who booked it, or gave
// it back. Each group is told of once.
func (f *Facts) ownerDoubts() (doubts []Doubt) {
	used, told := f.usedByOwner(), map[plan.Owner]bool{}
	add := func(booking, user *plan.Claim) {
		b, o := booking.Booking(), user.Owner()
		group := plan.Owner{Director: o.Director, Deployment: o.Deployment, InstanceGroup: o.InstanceGroup}
		if used[booking] || !user.Kind.InUse() || plan.Means(b.Owner, user) || !plan.MayMean(b.Owner, user) || told[group] || !f.judgesClaim(user) && !f.judgesClaim(booking) {
			return
		}
		told[group] = true
		clause := "it is %s, who booked %s, which is in use there"
		if b.State != plan.BookingTaken {
			clause = "it is %s, who gave %s back, which is in use there"
		}
		doubts = append(doubts, Doubt{Spot: hiddenName(user), Clause: fmt.Sprintf(clause, b.For(), plan.RangeText(booking.Range))})
	}
	for _, o := range f.overlaps() {
		if booking, user, ok := bookedPair(o); ok && onWire(o) {
			add(booking, user)
		}
	}
	for i := range f.Over {
		for user := range f.Space.Claims(f.Over[i].Range) {
			if f.Over[i].Subnet.Meets(user) {
				add(&f.Over[i], user)
			}
		}
	}
	return doubts
}

// hiddenName is the spot that hides the name of a claim's deployment, or of its group.
func hiddenName(c *plan.Claim) *plan.BlindSpot {
	o := c.Owner()
	spot := &plan.BlindSpot{Owner: plan.Owner{Director: o.Director}, Reason: plan.NoValue, What: "the name of a deployment", At: c.At}
	hides := o.Deployment
	if _, ok := bosh.VariableIn(hides); !ok {
		spot.Owner.Deployment, spot.What, hides = o.Deployment, "the name of an instance group", o.InstanceGroup
	}
	if spot.Variable, _ = bosh.VariableIn(hides); spot.Variable == "" {
		spot.Reason, spot.Hint = plan.Withheld, "name the owner where the address is told"
	}
	return spot
}
