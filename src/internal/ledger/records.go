package ledger

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"

	"go4.org/netipx"
)

// Records are the histories of one pool, indexed. The zero value has none.
type Records struct {
	byRange map[netip.Prefix]*Record
	now     map[netip.Prefix]Booking
	taken   map[Holder]netip.Prefix
	// sizes are the lengths of the ranges.
	sizes map[int]bool
}

// NewRecords indexes histories. It fails on one whose events cannot follow each
// other, and on a range that comes twice.
func NewRecords(list []Record) (*Records, error) {
	rs := &Records{
		byRange: make(map[netip.Prefix]*Record, len(list)), now: make(map[netip.Prefix]Booking, len(list)),
		taken: make(map[Holder]netip.Prefix, len(list)), sizes: map[int]bool{},
	}
	for i := range list {
		r := &list[i]
		b, err := r.Booking()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Range, err)
		}
		if _, twice := rs.byRange[r.Range]; twice {
			return nil, fmt.Errorf("%s has two histories", r.Range)
		}
		rs.byRange[r.Range] = r
		rs.set(b)
	}
	return rs, nil
}

// Clone returns the same records, which change no more with rs.
func (rs *Records) Clone() *Records {
	return &Records{byRange: maps.Clone(rs.byRange), now: maps.Clone(rs.now), taken: maps.Clone(rs.taken), sizes: maps.Clone(rs.sizes)}
}

func (rs *Records) set(b Booking) {
	if rs.now == nil {
		rs.byRange, rs.now, rs.taken = map[netip.Prefix]*Record{}, map[netip.Prefix]Booking{}, map[Holder]netip.Prefix{}
		rs.sizes = map[int]bool{}
	}
	before := rs.now[b.Range]
	if h := (Holder{before.Owner, before.Number}); before.State.Taken() && rs.taken[h] == b.Range {
		delete(rs.taken, h)
	}
	rs.now[b.Range], rs.sizes[b.Range.Bits()] = b, true
	h := Holder{b.Owner, b.Number}
	if other, twice := rs.taken[h]; b.State.Taken() && (!twice || b.Range.Addr().Less(other.Addr())) {
		rs.taken[h] = b.Range // of two after a merge the lower counts; lint tells of both
	}
}

// Add appends events. It fails, and adds nothing, if one of them cannot follow.
func (rs *Records) Add(entries []Entry) error {
	changed := map[netip.Prefix]*Record{}
	for _, e := range entries {
		r, ok := changed[e.Range]
		if !ok {
			r = &Record{Range: e.Range}
			if before := rs.byRange[e.Range]; before != nil {
				r = &Record{Range: e.Range, Events: slices.Clone(before.Events), At: before.At}
			}
			changed[e.Range] = r
		}
		r.Events = append(r.Events, e.Event)
	}
	var after []Booking
	for _, r := range changed {
		b, err := r.Booking()
		if err != nil {
			return fmt.Errorf("%s: %w", r.Range, err)
		}
		after = append(after, b)
	}
	for _, b := range after {
		rs.set(b)
	}
	maps.Copy(rs.byRange, changed)
	return nil
}

// Len is how many addresses have a history.
func (rs *Records) Len() int { return len(rs.byRange) }

// At is the booking of just this range; Free if there is none.
func (rs *Records) At(r netip.Prefix) Booking {
	b, ok := rs.now[r]
	if !ok {
		b.Range = r
	}
	return b
}

// Record is the history of just this range; without events if there is none.
func (rs *Records) Record(r netip.Prefix) Record {
	if record := rs.byRange[r]; record != nil {
		return *record
	}
	return Record{Range: r}
}

// History returns the events of all ranges that overlap r, by range.
func (rs *Records) History(r netip.Prefix) []Record {
	var list []Record
	for prefix, record := range rs.byRange {
		if prefix.Overlaps(r) {
			list = append(list, *record)
		}
	}
	slices.SortFunc(list, func(a, b Record) int { return comparePrefixes(a.Range, b.Range) })
	return list
}

// Of is what a holder has, if it has something.
func (rs *Records) Of(h Holder) (Booking, bool) {
	r, ok := rs.taken[h]
	return rs.now[r], ok
}

// All yields all bookings, those that are over and released included, in no order.
func (rs *Records) All() iter.Seq[Booking] { return maps.Values(rs.now) }

// Sorted returns all bookings by address.
func (rs *Records) Sorted() []Booking {
	return slices.SortedFunc(rs.All(), func(a, b Booking) int { return comparePrefixes(a.Range, b.Range) })
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(b.Bits(), a.Bits()))
}

// Count is how many addresses an owner has.
func (rs *Records) Count(owner string) int { return len(rs.of(owner)) }

// of returns what an owner has, by number.
func (rs *Records) of(owner string) []Booking {
	var list []Booking
	for b := range rs.All() {
		if b.State.Taken() && b.Owner == owner {
			list = append(list, b)
		}
	}
	slices.SortFunc(list, func(a, b Booking) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), comparePrefixes(a.Range, b.Range))
	})
	return list
}

// unavailable returns whether the records keep a unit from being given to anybody.
func (rs *Records) unavailable(w *World, block int) func(netip.Prefix) bool {
	kept := func(b Booking) bool {
		return b.State.Taken() || b.State == Quarantined && !(b.Rested(w.Now) && !w.used(b))
	}
	for bits := range rs.sizes {
		if bits != block && block != 0 || block == 0 && bits != 32 && bits != 128 {
			return rs.overlapping(kept) // the pool gave other units once
		}
	}
	return func(p netip.Prefix) bool { return kept(rs.now[p]) }
}

// overlapping is the same for units of any size.
func (rs *Records) overlapping(kept func(Booking) bool) func(netip.Prefix) bool {
	var set netipx.IPSetBuilder
	for b := range rs.All() {
		if kept(b) {
			set.AddPrefix(b.Range)
		}
	}
	return built(&set).OverlapsPrefix
}

// built returns the builder's set. A builder fails only on invalid addresses, and
// records have valid ones alone.
func built(set *netipx.IPSetBuilder) *netipx.IPSet {
	s, err := set.IPSet()
	if err != nil {
		return &netipx.IPSet{}
	}
	return s
}
