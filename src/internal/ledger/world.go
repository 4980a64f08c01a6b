package ledger

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"go4.org/netipx"
)

// World is what a question needs to know besides what is booked: the time, and
// what files, directors and scans say of addresses.
type World struct {
	Now time.Time
	// Free are addresses that may be given to whoever asks, in the order in which
	// they are preferred: no address of a later set is given before those of the
	// earlier ones. What this pool's bookings have may be among them.
	Free []*netipx.IPSet
	// Own are the addresses that whoever asks uses already. They are booked first, each
	// for the instance that has it, and given to no other instance.
	Own []Own
	// Elsewhere returns the bookings of other pools that keep an address or block from
	// this one: pools may overlap. Nil: there are none.
	Elsewhere func(r netip.Prefix) []Booking
	// Users says who uses an address: declares it, was granted it, was seen there; and
	// whether its owner may, where a part of what that declares cannot be seen. An
	// address with a user is given to nobody else. Nil: nobody uses any.
	Users func(r netip.Prefix, owner string) []User
}

// Own is an address or block that an owner uses.
type Own struct {
	Range netip.Prefix
	// Number is the index of the instance that uses it, or one of the two below.
	Number int
}

// What Own.Number is besides an index: nothing that has instances uses the address, or
// one of them of which nobody knows the index.
const (
	NoInstance      = -1
	UnknownInstance = -2
)

func (w *World) elsewhere(r netip.Prefix) []Booking {
	if w.Elsewhere == nil {
		return nil
	}
	return w.Elsewhere(r)
}

// ownInOrder are the owner's addresses in the order in which its instances count: one of
// each, by index, and then what they have besides.
func (w *World) ownInOrder() []Own {
	list := slices.SortedFunc(slices.Values(w.Own), func(a, b Own) int { return comparePrefixes(a.Range, b.Range) })
	type ranked struct {
		Own
		rank int
	}
	var ranks []ranked
	seen := map[int]int{}
	for _, o := range list {
		r := ranked{o, 0}
		if o.Number >= 0 {
			r.rank = seen[o.Number]
			seen[o.Number]++
		}
		ranks = append(ranks, r)
	}
	slices.SortStableFunc(ranks, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(max(a.Number, NoInstance), max(b.Number, NoInstance)))
	})
	for i, r := range ranks {
		list[i] = r.Own
	}
	return list
}

// User is somebody who uses an address.
type User struct {
	// Is reports whether the user is what an owner means.
	Is func(owner string) bool
	// Unknown says that nobody knows who it is: perhaps the owner of the booking.
	Unknown bool
	// Text names the user for people.
	Text string
}

func (w *World) users(r netip.Prefix, owner string) []User {
	if w.Users == nil {
		return nil
	}
	return w.Users(r, owner)
}

func (w *World) used(b Booking) bool { return len(w.users(b.Range, b.Owner)) > 0 }

// usedByOthers returns the users that an owner does not mean.
func (w *World) usedByOthers(r netip.Prefix, owner string) []User {
	var list []User
	for _, u := range w.users(r, owner) {
		if !u.Is(owner) {
			list = append(list, u)
		}
	}
	return list
}

// keepers are the users for whose sake a booking does not end: its owner, and whoever may be.
// The use of others keeps the address from everybody by itself, and not for the owner.
func (w *World) keepers(b Booking) []User {
	return slices.DeleteFunc(w.users(b.Range, b.Owner), func(u User) bool { return !u.Unknown && !u.Is(b.Owner) })
}

func (w *World) kept(b Booking) bool { return len(w.keepers(b)) > 0 }

// follows reports whether an owner of a team may have r, which overlaps what rests after another
// booking: when that rest is over and nobody uses it, or when the owner uses just this already.
// Of another team's that is not before the rest is over.
func (w *World) follows(b Booking, r netip.Prefix, owner, team string, now time.Time) bool {
	if b.Range == r && w.usesIt(r, owner) {
		return b.State == Quarantined && (b.Rested(now) || !otherTeam(b, team))
	}
	return b.Rested(now) && !w.used(b)
}

// usesIt reports whether an owner is known to use an address.
func (w *World) usesIt(r netip.Prefix, owner string) bool {
	return slices.ContainsFunc(w.users(r, owner), func(u User) bool { return u.Is(owner) })
}

// due returns the events that time alone brings about: the ends of bookings that no use
// keeps, and of rests of what nobody uses. The rest of an address begins when its end is
// written down, for until then it may have been in use.
func due(p *Pool, rs *Records, w *World, by string) []Entry {
	var list []Entry
	for _, resting := range []bool{false, true} {
		for b := range rs.ended(resting, w.Now) {
			list = append(list, dueOf(p, b, w, by)...)
		}
	}
	slices.SortFunc(list, func(a, b Entry) int { return comparePrefixes(a.Range, b.Range) })
	return list
}

func dueOf(p *Pool, b Booking, w *World, by string) []Entry {
	e := Event{At: w.Now, Owner: b.Owner, Number: b.Number, Team: b.Team, By: by}
	switch {
	case b.Over(w.Now) && !w.kept(b):
		e.What, e.Until = WasExpired, w.Now.Add(p.QuarantineLength())
	case b.Rested(w.Now) && !w.used(b):
		e.What = WasFreed
	default:
		return nil
	}
	return []Entry{{b.Range, e}}
}
