package ledger

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Changed is one booking before and after.
type Changed struct {
	Before, After Booking
	// Kept are the users for whose sake it did not change.
	Kept []User
}

// Renew moves the end of bookings; the zero time: never. Ranges that nobody has
// taken are refused.
func Renew(p *Pool, rs *Records, w *World, ranges []netip.Prefix, until time.Time, by, why string) ([]Changed, []Entry, error) {
	if !until.IsZero() && !w.Now.Before(until) {
		return nil, nil, fmt.Errorf("a booking cannot be renewed until %s, which is over", until.Format(time.RFC3339))
	}
	var entries []Entry
	var list []Changed
	for _, r := range unique(ranges) {
		b := rs.At(r)
		if !b.State.Taken() {
			return nil, nil, &NotTakenError{r, b}
		}
		if b.Until.Equal(until) {
			list = append(list, Changed{Before: b, After: b})
			continue
		}
		e := Event{At: w.Now, What: WasRenewed, Owner: b.Owner, Number: b.Number, Team: b.Team, Until: until, By: by, Why: why}
		entries, list = append(entries, Entry{r, e}), append(list, Changed{Before: b})
	}
	return finish(p, rs, w, list, entries, by)
}

// NotTakenError says that nobody has booked an address.
type NotTakenError struct {
	Range   netip.Prefix
	Booking Booking
}

func (e *NotTakenError) Error() string {
	return fmt.Sprintf("nobody has booked %s", RangeText(e.Range))
}

// Release gives bookings back: they rest for the pool's quarantine. What the owner uses
// stays booked, which is told. Ranges that nobody has taken are refused, but
// for those that rest already.
func Release(p *Pool, rs *Records, w *World, ranges []netip.Prefix, by, why string) ([]Changed, []Entry, error) {
	var entries []Entry
	var list []Changed
	for _, r := range unique(ranges) {
		b := rs.At(r)
		keepers := w.keepers(b)
		switch {
		case b.State == Quarantined || b.State.Taken() && len(keepers) > 0:
			list = append(list, Changed{Before: b, After: b, Kept: keepers})
			continue
		case !b.State.Taken():
			return nil, nil, &NotTakenError{r, b}
		}
		e := Event{At: w.Now, What: WasReleased, Owner: b.Owner, Number: b.Number, Team: b.Team, Until: w.Now.Add(p.QuarantineLength()), By: by, Why: why}
		entries, list = append(entries, Entry{r, e}), append(list, Changed{Before: b})
	}
	return finish(p, rs, w, list, entries, by)
}

func unique(ranges []netip.Prefix) []netip.Prefix {
	list := slices.SortedFunc(slices.Values(ranges), comparePrefixes)
	return slices.Compact(list)
}

// finish fills in what became of bookings, and adds what time brought about, but for what
// is kept.
func finish(p *Pool, rs *Records, w *World, list []Changed, entries []Entry, by string, kept ...netip.Prefix) ([]Changed, []Entry, error) {
	if len(entries) == 0 {
		return list, nil, nil
	}
	for _, e := range due(p, rs, w, by) {
		if !slices.Contains(kept, e.Range) && !slices.ContainsFunc(entries, func(o Entry) bool { return o.Range == e.Range }) {
			entries = append(entries, e)
		}
	}
	after, err := preview(rs, entries)
	if err != nil {
		return nil, nil, err
	}
	for i := range list {
		list[i].After = after(list[i].Before.Range)
	}
	return list, entries, nil
}
