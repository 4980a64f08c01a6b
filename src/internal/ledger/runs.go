package ledger

import (
	"net/netip"

	"go4.org/netipx"
)

// runs are stretches of addresses that do not touch each other: the last address of
// each by its first.
type runs struct{ index[addrKey, netip.Addr] }

// add adds the addresses of r.
func (x *runs) add(r netip.Prefix) {
	first, last := r.Addr(), netipx.PrefixLastIP(r)
	if at, end, ok := x.before(addrKey{first}); ok && (first.Compare(end) <= 0 || end.Next() == first) {
		first = at.Addr
	}
	for at, end := range x.from(addrKey{first}) {
		if last.Less(at.Addr) && last.Next() != at.Addr {
			break
		}
		x.delete(at)
		if last.Less(end) {
			last = end
		}
	}
	x.set(addrKey{first}, last)
}

// remove takes out the addresses of r, which are all there.
func (x *runs) remove(r netip.Prefix) {
	first, last := r.Addr(), netipx.PrefixLastIP(r)
	at, end, ok := x.before(addrKey{first})
	if !ok || end.Less(last) {
		return
	}
	x.delete(at)
	if at.Less(first) {
		x.set(at, first.Prev())
	}
	if last.Less(end) {
		x.set(addrKey{last.Next()}, end)
	}
}

// end is the last address of the run that a is in; ok is false if it is in none.
func (x *runs) end(a netip.Addr) (end netip.Addr, ok bool) {
	_, end, ok = x.before(addrKey{a})
	return end, ok && a.Compare(end) <= 0
}

// first is the first address of all runs at a or behind it.
func (x *runs) first(a netip.Addr) (first netip.Addr, ok bool) {
	if _, in := x.end(a); in {
		return a, true
	}
	for at := range x.from(addrKey{a}) {
		return at.Addr, true
	}
	return first, false
}

// skipping tells which units to leave out. Where skip is true nobody need look at the
// units that begin before past; the zero address is behind the last one.
type skipping func(unit netip.Prefix) (past netip.Addr, skip bool)

// unavailable leaves out the units that the records keep from being given to anybody.
// It jumps over what is taken or rests, as far as nothing in it rests long enough.
func (rs *Records) unavailable(w *World) skipping {
	var rested runs
	for b := range rs.ended(true, w.Now) {
		rested.add(b.Range)
	}
	return func(unit netip.Prefix) (netip.Addr, bool) {
		if _, kept := rs.keeping(unit, w); !kept {
			return netip.Addr{}, false
		}
		next := netipx.PrefixLastIP(unit).Next()
		if !next.IsValid() {
			return next, true
		}
		end, in := rs.runs.end(next)
		if !in {
			return next, true
		}
		if at, ok := rested.first(next); ok && at.Compare(end) <= 0 {
			return netip.PrefixFrom(at, unit.Bits()).Masked().Addr(), true
		}
		return end.Next(), true
	}
}

// keeping is a booking that keeps r from being given to anybody, if there is one.
func (rs *Records) keeping(r netip.Prefix, w *World) (Booking, bool) {
	for b := range rs.overlapping(r) {
		if b.busy() && !(b.Rested(w.Now) && !w.used(b)) {
			return b, true
		}
	}
	return Booking{}, false
}
