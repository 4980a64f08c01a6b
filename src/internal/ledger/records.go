package ledger

import (
	"cmp"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Records are the histories of one pool, indexed. The zero value has none. A question
// takes time that grows with its answer and the logarithm of the number of addresses.
type Records struct {
	byRange index[rangeKey, *history]
	// owned are the addresses that owners have, and had last where they rest.
	owned index[ownedKey, *history]
	// ends are all that have an end: taken addresses, and those that rest.
	ends index[endKey, *history]
	// teams are how many addresses each team has.
	teams index[text, int]
	// runs are the stretches of addresses that are taken or rest, by their first
	// address, with their last. They do not touch each other.
	runs runs
	// taken and resting are how many addresses are so.
	taken, resting int
	// sizes are the lengths of the ranges, sorted. The list is never changed.
	sizes []int
}

// history is a record with what it comes to. It is never changed.
type history struct {
	Record
	now Booking
}

type (
	rangeKey struct{ netip.Prefix }
	addrKey  struct{ netip.Addr }
	text     string
	ownedKey struct {
		owner   string
		resting bool
		number  int
		at      netip.Prefix
	}
	endKey struct {
		resting bool
		until   time.Time
		at      netip.Prefix
	}
)

func (k rangeKey) compare(o rangeKey) int { return comparePrefixes(k.Prefix, o.Prefix) }
func (k addrKey) compare(o addrKey) int   { return k.Addr.Compare(o.Addr) }
func (k text) compare(o text) int         { return cmp.Compare(k, o) }

func (k ownedKey) compare(o ownedKey) int {
	return cmp.Or(cmp.Compare(k.owner, o.owner), falseFirst(k.resting, o.resting), cmp.Compare(k.number, o.number), comparePrefixes(k.at, o.at))
}

func (k endKey) compare(o endKey) int {
	return cmp.Or(falseFirst(k.resting, o.resting), k.until.Compare(o.until), comparePrefixes(k.at, o.at))
}

func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(b.Bits(), a.Bits()))
}

// NewRecords indexes histories. It fails on one whose events cannot follow each
// other, and on a range that comes twice.
func NewRecords(list []Record) (*Records, error) {
	rs := &Records{}
	for i := range list {
		r := list[i]
		b, err := r.Booking()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Range, err)
		}
		if _, twice := rs.byRange.get(rangeKey{r.Range}); twice {
			return nil, fmt.Errorf("%s has two histories", r.Range)
		}
		rs.set(&history{Record: r, now: b})
	}
	return rs, nil
}

// Clone returns the same records, which change no more with rs. It copies no history.
func (rs *Records) Clone() *Records {
	clone := *rs
	return &clone
}

// busy reports whether the booking keeps its address from others, as long as it does
// not rest long enough.
func (b *Booking) busy() bool { return b.State.Taken() || b.State == Quarantined }

func (b *Booking) ownedKey() ownedKey {
	return ownedKey{b.Owner, b.State == Quarantined, b.Number, b.Range}
}

func (b *Booking) endKey() endKey { return endKey{b.State == Quarantined, b.Until, b.Range} }

func (rs *Records) set(h *history) {
	before := rs.At(h.Range)
	rs.forget(before)
	rs.byRange.set(rangeKey{h.Range}, h)
	b := h.now
	if i, known := slices.BinarySearch(rs.sizes, b.Range.Bits()); !known {
		rs.sizes = slices.Insert(slices.Clone(rs.sizes), i, b.Range.Bits())
	}
	if b.busy() {
		rs.owned.set(b.ownedKey(), h)
		if !b.Until.IsZero() {
			rs.ends.set(b.endKey(), h)
		}
	}
	rs.count(&b, 1)
	switch {
	case b.busy() && !before.busy():
		rs.runs.add(b.Range)
	case before.busy() && !b.busy():
		rs.runs.remove(b.Range)
		for other := range rs.overlapping(b.Range) {
			if other.busy() {
				rs.runs.add(other.Range)
			}
		}
	}
}

// forget takes a booking out of the indexes.
func (rs *Records) forget(b Booking) {
	if b.busy() {
		rs.owned.delete(b.ownedKey())
		rs.ends.delete(b.endKey())
	}
	rs.count(&b, -1)
}

func (rs *Records) count(b *Booking, n int) {
	switch {
	case b.State.Taken():
		rs.taken += n
		rs.teams.set(text(b.Team), rs.CountTeam(b.Team)+n)
	case b.State == Quarantined:
		rs.resting += n
	}
}

// Taken and Resting are how many addresses or blocks somebody has, and how many rest.
func (rs *Records) Taken() int   { return rs.taken }
func (rs *Records) Resting() int { return rs.resting }

// Add appends events. It fails, and adds nothing, if one of them cannot follow.
func (rs *Records) Add(entries []Entry) error {
	changed, err := rs.folded(entries)
	if err != nil {
		return err
	}
	for _, h := range changed {
		rs.set(h)
	}
	return nil
}

// folded are the histories that entries change, as they would be after them.
func (rs *Records) folded(entries []Entry) (map[netip.Prefix]*history, error) {
	changed := map[netip.Prefix]*history{}
	for _, e := range entries {
		h := changed[e.Range]
		if h == nil {
			h = &history{Record: Record{Range: e.Range}, now: Booking{Range: e.Range}}
			if before, ok := rs.byRange.get(rangeKey{e.Range}); ok {
				h = &history{Record: before.Record, now: before.now}
				h.Events = slices.Clip(h.Events) // others have the same ones
			}
			changed[e.Range] = h
		}
		next, ok := h.now.after(e.Event)
		if !ok {
			return nil, fmt.Errorf("%s: %w", e.Range, &MisorderedError{Index: len(h.Events), Event: e.Event, Before: h.now})
		}
		h.Events, h.now = append(h.Events, e.Event), next
	}
	return changed, nil
}

// Len is how many addresses have a history.
func (rs *Records) Len() int { return rs.byRange.len() }

// At is the booking of just this range; Free if there is none.
func (rs *Records) At(r netip.Prefix) Booking {
	if h, ok := rs.byRange.get(rangeKey{r}); ok {
		return h.now
	}
	return Booking{Range: r}
}

// Record is the history of just this range; without events if there is none.
func (rs *Records) Record(r netip.Prefix) Record {
	if h, ok := rs.byRange.get(rangeKey{r}); ok {
		return h.Record
	}
	return Record{Range: r}
}

// History returns the events of all ranges that overlap r, by range.
func (rs *Records) History(r netip.Prefix) []Record {
	var list []Record
	for b := range rs.overlapping(r) {
		list = append(list, rs.Record(b.Range))
	}
	slices.SortFunc(list, func(a, b Record) int { return comparePrefixes(a.Range, b.Range) })
	return list
}

// overlapping yields the bookings whose ranges overlap r: those that r is a part of,
// and then r with its parts, by address.
func (rs *Records) overlapping(r netip.Prefix) iter.Seq[Booking] {
	return func(yield func(Booking) bool) {
		for _, bits := range rs.sizes {
			if bits >= r.Bits() {
				break
			}
			if h, ok := rs.byRange.get(rangeKey{netip.PrefixFrom(r.Addr(), bits).Masked()}); ok && !yield(h.now) {
				return
			}
		}
		first := netip.PrefixFrom(r.Addr(), r.Addr().BitLen())
		for k, h := range rs.byRange.from(rangeKey{first}) {
			if !r.Contains(k.Addr()) {
				return
			}
			if k.Bits() >= r.Bits() && !yield(h.now) { // a shorter one was yielded
				return
			}
		}
	}
}

// Of is what a holder has, if it has something: of two after a merge the lower; lint
// tells of both.
func (rs *Records) Of(h Holder) (Booking, bool) {
	for k, v := range rs.owned.from(ownedKey{owner: h.Owner, number: h.Number}) {
		if k.owner != h.Owner || k.resting || k.number != h.Number {
			break
		}
		return v.now, true
	}
	return Booking{}, false
}

// All yields all bookings, those that are over and released included, by address.
func (rs *Records) All() iter.Seq[Booking] {
	return func(yield func(Booking) bool) {
		for _, h := range rs.byRange.all() {
			if !yield(h.now) {
				return
			}
		}
	}
}

// Behind yields all bookings behind a range, by address.
func (rs *Records) Behind(r netip.Prefix) iter.Seq[Booking] {
	return func(yield func(Booking) bool) {
		for k, h := range rs.byRange.from(rangeKey{r}) {
			if k.Prefix != r && !yield(h.now) {
				return
			}
		}
	}
}

// OwnedBy yields what is booked for an owner, and for those below it: promo, promo/pgpool.
// Of promo/ it is those below promo.
func (rs *Records) OwnedBy(owner string) iter.Seq[Booking] {
	above := strings.TrimSuffix(owner, "/") + "/"
	return func(yield func(Booking) bool) {
		// What stands below an owner does not follow it at once: promo-2 comes before promo/.
		for _, part := range []struct {
			from string
			in   func(string) bool
		}{
			{owner, func(o string) bool { return o == owner }},
			{above, func(o string) bool { return strings.HasPrefix(o, above) }},
		} {
			for k, h := range rs.owned.from(ownedKey{owner: part.from}) {
				if !part.in(k.owner) {
					break
				}
				if !k.resting && !yield(h.now) {
					return
				}
			}
		}
	}
}

// Sorted returns all bookings by address.
func (rs *Records) Sorted() []Booking { return slices.Collect(rs.All()) }

// Count is how many addresses an owner has.
func (rs *Records) Count(owner string) int { return len(rs.of(owner)) }

// CountTeam is how many addresses a team has.
func (rs *Records) CountTeam(team string) int {
	n, _ := rs.teams.get(text(team))
	return n
}

// of returns what an owner has, by number.
func (rs *Records) of(owner string) []Booking { return rs.ownedBy(owner, false) }

// TeamOf is the team that what an owner has counts for; empty where it has nothing, or
// that counts for none.
func (rs *Records) TeamOf(owner string) string {
	for _, b := range rs.of(owner) {
		if b.Team != "" {
			return b.Team
		}
	}
	return ""
}

// ofOtherTeam is a booking of an owner that counts for another team: a name that two teams
// use is no key.
func (rs *Records) ofOtherTeam(owner, team string) (Booking, bool) {
	list := rs.of(owner)
	if i := slices.IndexFunc(list, func(b Booking) bool { return otherTeam(b, team) }); i >= 0 {
		return list[i], true
	}
	return Booking{}, false
}

func otherTeam(b Booking, team string) bool { return b.Team != "" && team != "" && b.Team != team }

// restingOf returns what an owner had last and what rests, by number.
func (rs *Records) restingOf(owner string) []Booking { return rs.ownedBy(owner, true) }

func (rs *Records) ownedBy(owner string, resting bool) []Booking {
	var list []Booking
	for k, h := range rs.owned.from(ownedKey{owner: owner, resting: resting}) {
		if k.owner != owner || k.resting != resting {
			break
		}
		list = append(list, h.now)
	}
	return list
}

// ended yields what has an end that has come, of taken addresses or of those that
// rest, the earliest first.
func (rs *Records) ended(resting bool, now time.Time) iter.Seq[Booking] {
	return func(yield func(Booking) bool) {
		for b := range rs.ending(resting) {
			if now.Before(b.Until) || !yield(b) {
				return
			}
		}
	}
}

// ending yields what has an end, the earliest first.
func (rs *Records) ending(resting bool) iter.Seq[Booking] {
	return func(yield func(Booking) bool) {
		for k, h := range rs.ends.from(endKey{resting: resting}) {
			if k.resting != resting || !yield(h.now) {
				return
			}
		}
	}
}
