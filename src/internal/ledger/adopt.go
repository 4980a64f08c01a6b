package ledger

import (
	"net/netip"
	"slices"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/place"
)

// Found is an address that somebody has already.
type Found struct {
	Range netip.Prefix
	For   Holder
	Team  string
	// Until is when it ends; the zero time: never.
	Until time.Time
	Why   string
	At    place.Place
}

// Adoption is what becomes of one address that somebody has already.
type Adoption struct {
	Found  Found
	Status AdoptionStatus
	// Other is the booking of somebody else, where that is in the way.
	Other Booking
}

// AdoptionStatus says what becomes of it.
type AdoptionStatus string

// The statuses.
const (
	// AdoptNew: it is booked now.
	AdoptNew AdoptionStatus = "new"
	// AdoptSame: its owner has booked it already.
	AdoptSame AdoptionStatus = "same"
	// AdoptConflict: somebody else has booked it, or two have it.
	AdoptConflict AdoptionStatus = "conflict"
	// AdoptOutside: the pool does not delegate it, or not in that size.
	AdoptOutside AdoptionStatus = "outside"
)

// Adopt books what is in use already, without an end and beyond any quota. What is
// booked for its owner stays as it is, so that the second time changes nothing.
func Adopt(p *Pool, rs *Records, w *World, found []Found, by string) ([]Adoption, []Entry, error) {
	a := &adopting{pool: p, records: rs, world: w, by: by, delegated: p.set(), taken: map[Holder]bool{}, ranges: map[netip.Prefix]Found{}}
	sorted := slices.Clone(found)
	slices.SortStableFunc(sorted, func(x, y Found) int { return comparePrefixes(x.Range, y.Range) })
	var list []Adoption
	for _, f := range sorted {
		adoption, err := a.one(f)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, adoption)
	}
	if len(a.entries) == 0 {
		return list, nil, nil
	}
	_, entries, err := finish(p, rs, w, nil, a.entries, by)
	return list, entries, err
}

// adopting is one run of Adopt.
type adopting struct {
	pool      *Pool
	records   *Records
	world     *World
	by        string
	delegated *netipx.IPSet
	// taken are the numbers of owners, and ranges the addresses, that this run adopted.
	taken   map[Holder]bool
	ranges  map[netip.Prefix]Found
	entries []Entry
}

func (a *adopting) one(f Found) (Adoption, error) {
	result := Adoption{Found: f}
	unit := f.Range.Addr().BitLen()
	if a.pool.Block != 0 {
		unit = a.pool.Block
	}
	if !a.delegated.ContainsPrefix(f.Range) || f.Range.Bits() != unit {
		result.Status = AdoptOutside
		return result, nil
	}
	if earlier, twice := a.ranges[f.Range]; twice {
		result.Status = AdoptSame
		if earlier.For.Owner != f.For.Owner {
			result.Status, result.Other = AdoptConflict, Booking{Range: f.Range, State: Booked, Owner: earlier.For.Owner, Number: max(earlier.For.Number, 0), At: earlier.At}
		}
		return result, nil
	}
	if other, blocked := a.blocking(f); blocked {
		result.Status, result.Other = AdoptConflict, other
		if other.State.Taken() && other.Owner == f.For.Owner && other.Range == f.Range {
			result.Status = AdoptSame
		}
		return result, nil
	}
	return a.book(f, result)
}

// has reports whether an owner has an address of that number, by this run or before it.
func (a *adopting) has(h Holder) bool {
	_, before := a.records.Of(h)
	return before || a.taken[h]
}

// blocking is the booking that keeps the address for somebody.
func (a *adopting) blocking(f Found) (Booking, bool) {
	exact := a.records.At(f.Range)
	if exact.State.Taken() || exact.State == Quarantined && exact.Owner != f.For.Owner {
		return exact, true
	}
	for b := range a.records.overlapping(f.Range) {
		if b.Range != f.Range && b.busy() {
			return b, true
		}
	}
	return Booking{}, false
}

// book adds the event, with the number that was found if nobody has it, or the next.
func (a *adopting) book(f Found, result Adoption) (Adoption, error) {
	before := a.records.At(f.Range)
	number := f.For.Number
	if before.State == Quarantined { // its owner's, who gets the same number again
		number = before.Number
	}
	if number < 0 || a.has(Holder{f.For.Owner, number}) {
		for number = 0; a.has(Holder{f.For.Owner, number}); number++ {
		}
	}
	if before.State == Quarantined && before.Number != number {
		a.entries = append(a.entries, freed(before, a.world.Now, a.by))
	}
	e := Event{At: a.world.Now, What: WasAdopted, Owner: f.For.Owner, Number: number, Team: f.Team, Until: f.Until, By: a.by, Why: f.Why}
	if err := CheckEvent(e); err != nil {
		return result, err
	}
	a.taken[Holder{f.For.Owner, number}], a.ranges[f.Range] = true, f
	a.entries = append(a.entries, Entry{f.Range, e})
	result.Status, result.Found.For.Number = AdoptNew, number
	return result, nil
}
