package ledger

import (
	"cmp"
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
	// Other is the booking of somebody else, where that is in the way, and Users those who
	// use the address, where they are.
	Other Booking
	Users []User
	// Reason is what is wrong with the owner's name.
	Reason string
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
	// AdoptUnfit: its owner has a name by which nothing can be booked.
	AdoptUnfit AdoptionStatus = "unfit"
	// AdoptOutside: the pool does not delegate it, or not in that size.
	AdoptOutside AdoptionStatus = "outside"
)

// Adopt books what is in use already, without an end and beyond any quota. What is
// booked for its owner stays as it is, so that the second time changes nothing.
func Adopt(p *Pool, rs *Records, w *World, found []Found, by string) ([]Adoption, []Entry, error) {
	a := &adopting{pool: p, records: rs, world: w, by: by, delegated: p.set(), taken: map[Holder]bool{}, wanted: map[Holder]bool{}, teams: map[string]string{}, ranges: map[netip.Prefix]Found{}}
	sorted := slices.Clone(found)
	slices.SortStableFunc(sorted, func(x, y Found) int { return comparePrefixes(x.Range, y.Range) })
	for _, f := range sorted {
		if f.For.Number >= 0 {
			a.wanted[f.For] = true
		}
	}
	var list []Adoption
	var kept []netip.Prefix // of these the run says what becomes of them; the next one says the same
	for _, f := range sorted {
		adoption, err := a.one(f)
		if err != nil {
			return nil, nil, err
		}
		list, kept = append(list, adoption), append(kept, f.Range)
	}
	if len(a.entries) == 0 {
		return list, nil, nil
	}
	_, entries, err := finish(p, rs, w, nil, a.entries, by, kept...)
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
	taken  map[Holder]bool
	ranges map[netip.Prefix]Found
	// wanted are the numbers that addresses of this run have, and teams those of owners.
	wanted  map[Holder]bool
	teams   map[string]string
	entries []Entry
}

func (a *adopting) one(f Found) (Adoption, error) {
	result := Adoption{Found: f}
	if !a.delegated.ContainsPrefix(f.Range) || !a.pool.isUnit(f.Range) {
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
	if elsewhere := a.world.elsewhere(f.Range); len(elsewhere) > 0 {
		result.Status, result.Other = AdoptConflict, elsewhere[0]
		if elsewhere[0].State.Taken() && elsewhere[0].Owner == f.For.Owner && elsewhere[0].Range == f.Range {
			result.Status = AdoptSame
		}
		return result, nil
	}
	if users := a.world.usedByOthers(f.Range, f.For.Owner); len(users) > 0 && !a.world.usesIt(f.Range, f.For.Owner) && !a.booked(f) {
		result.Status, result.Users = AdoptConflict, users
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

// booked reports whether somebody has booked the address: that tells more than who uses it.
func (a *adopting) booked(f Found) bool { return a.records.At(f.Range).State.Taken() }

// blocking is the booking that keeps the address for somebody.
func (a *adopting) blocking(f Found) (Booking, bool) {
	exact := a.records.At(f.Range)
	if exact.State.Taken() {
		return exact, true
	}
	for b := range a.records.overlapping(f.Range) {
		own := b.Range == f.Range && b.Owner == f.For.Owner && !otherTeam(b, a.teamOf(f))
		if b.busy() && !own && !a.world.follows(b, f.Range, f.For.Owner, a.teamOf(f), a.world.Now) {
			return b, true
		}
	}
	return Booking{}, false
}

// teamOf is whose quota an address counts for: one owner is of one team.
func (a *adopting) teamOf(f Found) string {
	return cmp.Or(a.records.TeamOf(f.For.Owner), a.teams[f.For.Owner], f.Team)
}

// book adds the event, with the number that was found if nobody has it, or the next.
func (a *adopting) book(f Found, result Adoption) (Adoption, error) {
	if err := checkNewEvent(Event{At: a.world.Now, Owner: f.For.Owner}); err != nil { // whoever called it so: others are adopted
		result.Status, result.Reason = AdoptUnfit, err.Error()
		return result, nil
	}
	before := a.records.At(f.Range)
	number := f.For.Number
	if before.State == Quarantined && before.Owner == f.For.Owner { // its owner's, who gets the same number again
		number = before.Number
	}
	if number < 0 || a.has(Holder{f.For.Owner, number}) {
		for number = 0; a.has(Holder{f.For.Owner, number}) || a.wanted[Holder{f.For.Owner, number}]; number++ {
		}
	}
	team := a.teamOf(f)
	a.teams[f.For.Owner] = team
	if before.State == Quarantined && (before.Owner != f.For.Owner || before.Number != number) {
		a.entries = append(a.entries, freed(before, a.world.Now, a.by))
	}
	e := Event{At: a.world.Now, What: WasAdopted, Owner: f.For.Owner, Number: number, Team: team, Until: f.Until, By: a.by, Why: f.Why}
	if err := CheckEvent(e); err != nil {
		return result, err
	}
	a.taken[Holder{f.For.Owner, number}], a.ranges[f.Range] = true, f
	a.entries = append(a.entries, Entry{f.Range, e})
	result.Status, result.Found.For.Number = AdoptNew, number
	return result, nil
}
