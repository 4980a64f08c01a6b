package survey

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// booked is what the bookings beside the fleet file add to the picture.
type booked struct {
	claims []plan.Claim
	// over are the bookings that ended and were written off, by their last owners.
	over    []plan.Claim
	subnets []*plan.Subnet
	// spots are what could not be read of them, and unread the same as failures.
	spots  []plan.BlindSpot
	unread []trouble.Trouble
	// ownerless are bookings of pools that the fleet file does not have: who asks again
	// would get a second address.
	ownerless []trouble.Trouble
}

// readBookings reads the bookings beside the fleet file.
func (f *Fleet) readBookings() *booked {
	b := &booked{}
	if f.File.Path == "" || f.Snapshots.Files == nil {
		return b
	}
	read := bookfile.Read(f.Snapshots.Files, filepath.Dir(f.File.Path))
	for _, pool := range slices.Concat(read.Pools, f.Bookings) {
		b.pool(f.File, pool, f.Snapshots.Now)
	}
	for i := range read.Pools {
		b.checkOwner(f.File, &read.Pools[i])
	}
	for i := range read.Troubles {
		b.blind(f.File, &read.Troubles[i])
	}
	return b
}

// blind adds what a booking may be that cannot be read: of the address that its file
// names, of any address of its pool, or of any at all.
func (b *booked) blind(file *fleet.File, t *bookfile.Trouble) {
	subnet := &plan.Subnet{Network: t.Pool, At: t.At}
	var ranges netipx.IPSetBuilder
	named := file.PoolsNamed(t.Pool)
	switch {
	case t.Range.IsValid():
		ranges.AddPrefix(t.Range)
	case len(named) == 0:
		ranges.AddSet(plan.Everywhere())
	}
	for _, p := range named {
		subnet.Segment = p.Segment.Value
		for _, r := range p.Addresses {
			if !t.Range.IsValid() {
				ranges.AddRange(r.Range)
			}
		}
	}
	b.subnets = append(b.subnets, subnet)
	spot := plan.BlindSpot{Reason: plan.Unreadable, What: "a booking", Message: t.Message, Hint: t.Hint, Excerpt: t.Excerpt, At: t.At}
	set, _ := ranges.IPSet() // valid ranges make no error
	for _, r := range set.Ranges() {
		spot.May = append(spot.May, plan.Claim{
			Kind: plan.Booked, Range: r, Subnet: subnet, At: t.At, Detail: &plan.Detail{Booking: &plan.Booking{Pool: t.Pool, State: plan.BookingTaken}},
		})
	}
	b.spots, b.unread = append(b.spots, spot), append(b.unread, t.Trouble)
}

// pool adds the bookings of one pool. They lie in the pool's segment; those of a pool
// that is not known, in any; and those that were made while the pool was in another one,
// in that.
func (b *booked) pool(file *fleet.File, pool bookfile.PoolBookings, now time.Time) {
	subnet := &plan.Subnet{Network: pool.Pool}
	if named := file.PoolsNamed(pool.Pool); len(named) > 0 {
		subnet.Segment, subnet.At = named[0].Segment.Value, named[0].At
	}
	if pool.Moved {
		subnet.Segment = pool.Segment
	}
	b.subnets = append(b.subnets, subnet)
	for i := range pool.Records {
		record := &pool.Records[i]
		booking, err := record.Booking()
		if err != nil {
			continue // the reader said so already
		}
		claim := claimOf(pool.Pool, booking, subnet)
		switch {
		case booking.State.Taken() || booking.State == ledger.Quarantined && !booking.Rested(now):
			b.claims = append(b.claims, claim)
		default:
			claim.Detail.Booking.State = plan.BookingOver
			b.over = append(b.over, claim)
		}
	}
}

// checkOwner says of bookings that the fleet file has no such pool.
func (b *booked) checkOwner(file *fleet.File, pool *bookfile.PoolBookings) {
	if len(pool.Records) > 0 && len(file.PoolsNamed(pool.Pool)) == 0 {
		b.ownerless = append(b.ownerless, trouble.Trouble{
			Message: fmt.Sprintf("these bookings are of pool %q, which the fleet file does not have", pool.Pool), At: pool.Records[0].At,
			Hint: "give the pool its name: back, or move the files to the folder of its new name: " + bookfile.Folder + "/" + bookfile.FolderOf("NAME"),
		})
	}
}

func claimOf(pool string, b ledger.Booking, subnet *plan.Subnet) plan.Claim {
	state := plan.BookingTaken
	if b.State == ledger.Quarantined {
		state = plan.BookingResting
	}
	at := b.At
	if !at.IsValid() {
		at = place.Place{File: at.File, Line: 1, Column: 1}
	}
	return plan.Claim{
		Kind: plan.Booked, Range: netipx.RangeOfPrefix(b.Range), Holder: &plan.Owner{Property: b.Owner}, Subnet: subnet, At: at,
		Detail: &plan.Detail{Booking: &plan.Booking{
			Pool: pool, Owner: b.Owner, Number: b.Number, State: state, Since: b.Since, Until: b.Until, By: b.By, Why: b.Why, Adopted: b.Adopted,
		}},
	}
}

// addTo puts the bookings into a plan.
func (b *booked) addTo(p *plan.Plan) {
	p.Subnets = append(p.Subnets, b.subnets...)
	p.Claims = append(p.Claims, b.claims...)
	p.BlindSpots = append(p.BlindSpots, b.spots...)
}

// poolsOf are the fleet file's pools, as rules look at them.
func poolsOf(file *fleet.File) []lint.Pool {
	var list []lint.Pool
	for i := range file.Pools {
		p := &file.Pools[i]
		if p.Team.Value == "" {
			continue // it could not be read, which was said
		}
		list = append(list, lint.Pool{
			Name: p.Key(), Delegation: DelegationOf(p), Books: p.Books(), At: p.At,
			Teams: strings.Join(p.AllTeams(), ", "),
		})
	}
	return list
}

// DelegateBoth reports whether two pools may give one address of one segment.
func DelegateBoth(a, b *fleet.Pool) bool {
	if a.Segment.Value != "" && b.Segment.Value != "" && a.Segment.Value != b.Segment.Value {
		return false
	}
	first, second := DelegationOf(a), DelegationOf(b)
	var set, other netipx.IPSetBuilder
	for _, r := range first.Ranges {
		set.AddRange(r)
	}
	for _, r := range second.Ranges {
		other.AddRange(r)
	}
	for _, r := range slices.Concat(first.Except, second.Except) {
		set.RemoveRange(r)
	}
	otherSet, _ := other.IPSet() // valid ranges make no error
	set.Intersect(otherSet)
	both, err := set.IPSet()
	return err != nil || len(both.Ranges()) > 0
}
