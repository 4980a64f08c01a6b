package ledger

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// ClockSkew is by how much the clock of who books may differ from the store's.
const ClockSkew = 5 * time.Minute

// Verify refuses entries that no question to the ledger could have led to, for a
// store that takes them from somebody else: addresses that the pool does not
// delegate, that somebody has or that rest, more than the quota, ends and rests that
// are too short, times that are not now. w is what the store knows itself; without Free
// it does not know which addresses may be given. Adopted, which no
// quota limits, is only what its owner is known to use, unless who asks is trusted. The
// error says which entry is refused and why.
func Verify(p *Pool, rs *Records, w *World, entries []Entry, trusted bool) error {
	v := &verifying{pool: p, world: w, records: rs.Clone(), trusted: trusted}
	for i, e := range entries {
		if err := v.one(e, entries[i+1:]); err != nil {
			return fmt.Errorf("%s of %s: %w", e.Event.What, RangeText(e.Range), err)
		}
		if err := v.records.Add([]Entry{e}); err != nil {
			return err
		}
	}
	return v.quota()
}

// NotFreeError says of an address that it is none that may be given, by what is known of it.
type NotFreeError struct{ Range netip.Prefix }

func (e *NotFreeError) Error() string {
	return "it is none that may be given, by what files and directors say"
}

type verifying struct {
	pool    *Pool
	world   *World
	records *Records
	trusted bool
	// grown are the teams that got addresses.
	grown []string
}

func (v *verifying) one(e Entry, rest []Entry) error {
	if err := CheckEvent(e.Event); err != nil {
		return err
	}
	if d := e.Event.At.Sub(v.world.Now); d > ClockSkew || d < -ClockSkew {
		return fmt.Errorf("its time is %s, and here it is %s", e.Event.At.Format(time.RFC3339), v.world.Now.Format(time.RFC3339))
	}
	before := v.records.At(e.Range)
	switch e.Event.What {
	case WasHeld, WasBooked, WasAdopted:
		return v.taken(e, before)
	case WasRenewed:
		if !e.Event.Until.IsZero() && !e.Event.Until.After(v.world.Now) {
			return fmt.Errorf("its end is over")
		}
	case WasReleased, WasExpired:
		if e.Event.Until.IsZero() {
			return fmt.Errorf("it does not say until when it would rest")
		}
		if e.Event.Until.Sub(e.Event.At) < v.pool.QuarantineLength() {
			return fmt.Errorf("it would rest for %s, and the pool demands %s", e.Event.Until.Sub(e.Event.At), v.pool.QuarantineLength())
		}
		if keepers := v.world.keepers(before); len(keepers) > 0 {
			return fmt.Errorf("it is in use by %s", keepers[0].Text)
		}
		if e.Event.What == WasExpired && !before.Over(v.world.Now.Add(ClockSkew)) {
			return fmt.Errorf("its end has not come")
		}
	case WasFreed:
		return v.freed(e, before, rest)
	}
	return nil
}

// taken judges an entry by which somebody gets an address.
func (v *verifying) taken(e Entry, before Booking) error {
	if err := errors.Join(checkNewOwner(e.Event.Owner), checkSpelling(e.Event.Owner)); err != nil {
		return err
	}
	adopted := e.Event.What == WasAdopted
	if len(v.pool.Teams) > 0 && !slices.Contains(v.pool.Teams, e.Event.Team) && !(adopted && e.Event.Team == "") {
		return fmt.Errorf("the pool is not delegated to team %q", e.Event.Team)
	}
	if !v.pool.isUnit(e.Range) || !v.pool.Contains(e.Range) {
		return fmt.Errorf("the pool does not delegate it")
	}
	for b := range v.records.overlapping(e.Range) {
		if b.Range != e.Range && b.busy() {
			return fmt.Errorf("it is a part of %s, which %s has", RangeText(b.Range), b.For())
		}
	}
	if h := (Holder{e.Event.Owner, e.Event.Number}); before.State != Held {
		if other, has := v.records.Of(h); has && other.Range != e.Range {
			return fmt.Errorf("%s has %s already", h, RangeText(other.Range))
		}
	}
	if other, ok := v.records.ofOtherTeam(e.Event.Owner, e.Event.Team); ok && !before.State.Taken() {
		return fmt.Errorf("%s has %s already, for team %s", e.Event.Owner, RangeText(other.Range), other.Team)
	}
	if before.State == Quarantined && !before.Rested(v.world.Now.Add(ClockSkew)) && otherTeam(before, e.Event.Team) {
		return fmt.Errorf("it rests after a booking of team %s", before.Team)
	}
	if others := v.world.elsewhere(e.Range); len(others) > 0 && !before.State.Taken() {
		return fmt.Errorf("another pool has a booking of it for %s", others[0].For())
	}
	if adopted {
		if users := v.world.usedByOthers(e.Range, e.Event.Owner); len(users) > 0 && !v.world.usesIt(e.Range, e.Event.Owner) {
			return fmt.Errorf("it is in use by %s", users[0].Text)
		}
		if !v.trusted && !v.world.usesIt(e.Range, e.Event.Owner) {
			return fmt.Errorf("%s is not known to use it, and only what is in use is adopted", e.Event.Owner)
		}
		return nil
	}
	if !e.Event.Until.IsZero() && !e.Event.Until.After(v.world.Now) {
		return fmt.Errorf("its end is over")
	}
	if before.State.Taken() { // it holds the address already, and books it now
		if e.Event.Team != before.Team {
			return fmt.Errorf("it is held for team %q", before.Team)
		}
		return nil
	}
	if users := v.world.usedByOthers(e.Range, e.Event.Owner); len(users) > 0 {
		return fmt.Errorf("it is in use by %s", users[0].Text)
	}
	if !v.free(e.Range) {
		return &NotFreeError{e.Range}
	}
	v.grown = append(v.grown, e.Event.Team)
	return nil
}

func (v *verifying) free(r netip.Prefix) bool {
	for _, s := range v.world.Free {
		if s.ContainsPrefix(r) {
			return true
		}
	}
	return false
}

// freed judges the end of a rest: when it is over, for the sake of who had the address last,
// who gets it again under another number, or of who uses it.
func (v *verifying) freed(e Entry, before Booking, rest []Entry) error {
	now := v.world.Now.Add(ClockSkew)
	if len(rest) > 0 && rest[0].Range == e.Range {
		next := rest[0].Event
		if next.Owner == before.Owner || v.world.follows(before, e.Range, next.Owner, next.Team, now) {
			return nil
		}
	}
	if before.State == Quarantined && !before.Rested(now) { // else it cannot follow
		return fmt.Errorf("it rests until %s", before.Until.Format(time.RFC3339))
	}
	return nil
}

// quota refuses more than a team may have.
func (v *verifying) quota() error {
	if v.pool.Quota == 0 {
		return nil
	}
	for _, team := range v.grown {
		if has := v.records.CountTeam(team); has > v.pool.Quota {
			return fmt.Errorf("team %s would have %d addresses of the pool, and its quota is %d", team, has, v.pool.Quota)
		}
	}
	return nil
}
