package ledger

import (
	"cmp"
	"hash/fnv"
	"math/big"
	"net/netip"
	"slices"

	"go4.org/netipx"
)

// exactly judges the addresses that were named.
func (q *question) exactly() *Refusal {
	var named []Booking
	for _, r := range q.Exactly {
		i := slices.IndexFunc(q.have, func(b Booking) bool { return b.Range == r })
		if i >= 0 {
			named = append(named, q.have[i])
			continue
		}
		if refusal := q.mayHave(r); refusal != nil {
			return refusal
		}
		q.chosen = append(q.chosen, r)
	}
	others := slices.DeleteFunc(slices.Clone(q.have), func(b Booking) bool {
		return slices.ContainsFunc(named, func(n Booking) bool { return n.Range == b.Range })
	})
	if q.For.Number >= 0 && len(others) > 0 || len(q.Exactly)+len(others) > q.Count && len(q.chosen) > 0 {
		return &Refusal{Reason: HasOthers, Blocking: others}
	}
	missing := q.Count - len(q.Exactly)
	q.have = append(named, others[:min(len(others), missing)]...)
	missing -= min(len(others), missing)
	if r := q.overQuota(len(q.chosen) + missing); r != nil {
		return r
	}
	if r := q.pick(missing); r != nil {
		return r
	}
	if q.Contiguous && !q.allFollow() {
		return &Refusal{Reason: NoRun, Blocking: q.have}
	}
	return nil
}

func (q *question) allFollow() bool {
	list := slices.Clone(q.have)
	for _, r := range q.chosen {
		list = append(list, Booking{Range: r})
	}
	return follow(list)
}

// mayHave says why an address cannot be the owner's, who has not booked it yet.
func (q *question) mayHave(r netip.Prefix) *Refusal {
	if !q.pool.isUnit(r) || !q.delegated().ContainsPrefix(r) {
		return &Refusal{Reason: NotDelegated, Range: r}
	}
	for b := range q.records.overlapping(r) {
		if b.busy() && !q.wasMine(b, r) && !q.world.follows(b, r, q.For.Owner, q.Team, q.world.Now) {
			return &Refusal{Reason: Taken, Range: r, Blocking: []Booking{b}}
		}
	}
	if others := q.world.elsewhere(r); len(others) > 0 {
		return &Refusal{Reason: Taken, Range: r, Blocking: others}
	}
	users := q.world.usedByOthers(r, q.For.Owner)
	if len(users) == 0 && q.ofAnother(r) {
		users = q.world.users(r, q.For.Owner)
	}
	if len(users) > 0 {
		return &Refusal{Reason: InUse, Range: r, Users: users}
	}
	if !slices.ContainsFunc(q.world.Free, func(s *netipx.IPSet) bool { return s.ContainsPrefix(r) }) {
		return &Refusal{Reason: NotFree, Range: r}
	}
	return nil
}

// wasMine reports whether a resting address is what the owner had last.
func (q *question) wasMine(b Booking, r netip.Prefix) bool {
	return b.State == Quarantined && b.Range == r && b.Owner == q.For.Owner && (q.For.Number < 0 || q.For.Number == b.Number) && !otherTeam(b, q.Team)
}

// delegated is every address of the pool, narrowed to what was asked for.
func (q *question) delegated() *netipx.IPSet {
	set := q.pool.set()
	if len(q.Within) == 0 {
		return set
	}
	var within, both netipx.IPSetBuilder
	for _, r := range q.Within {
		within.AddRange(r)
	}
	both.AddSet(set)
	both.Intersect(built(&within))
	return built(&both)
}

// set is every address that the pool delegates.
func (p *Pool) set() *netipx.IPSet {
	var set netipx.IPSetBuilder
	for _, r := range p.Ranges {
		set.AddRange(r)
	}
	for _, r := range p.Except {
		set.RemoveRange(r)
	}
	return built(&set)
}

// Contains reports whether the pool delegates all addresses of r.
func (p *Pool) Contains(r netip.Prefix) bool { return p.set().ContainsPrefix(r) }

// pick chooses n addresses or blocks: what the owner uses, in the order of its instances,
// what it had last and what rests for it, then by the strategy of the pool, set by set.
func (q *question) pick(n int) *Refusal {
	if n == 0 {
		return nil
	}
	named := len(q.chosen)
	if !q.Contiguous {
		for _, r := range q.preferred() {
			if n > 0 && !slices.Contains(q.chosen, r) && q.mayHave(r) == nil {
				q.chosen, n = append(q.chosen, r), n-1
			}
		}
	}
	left := 0
	delegated, taken := q.delegated(), q.records.unavailable(q.world)
	skip := func(p netip.Prefix) (netip.Addr, bool) {
		if slices.Contains(q.chosen, p) || q.ofAnother(p) {
			return netipx.PrefixLastIP(p).Next(), true
		}
		return taken(p)
	}
	for _, free := range q.world.Free {
		if n == 0 {
			return nil
		}
		var set netipx.IPSetBuilder
		set.AddSet(free)
		set.Intersect(delegated)
		units := units{ranges: built(&set).Ranges(), block: q.pool.Block, skip: skip}
		var found []netip.Prefix
		if q.Contiguous {
			found = units.run(n)
		} else {
			found = units.take(n, q.start(units))
		}
		q.chosen, n = append(q.chosen, found...), n-len(found)
		if n > 0 {
			left += len(units.take(MostAtOnce, nil))
		}
	}
	switch {
	case n == 0:
		return nil
	case q.Contiguous && left >= n:
		return &Refusal{Reason: NoRun, Left: left}
	}
	return &Refusal{Reason: Exhausted, Left: left + len(q.chosen) - named, Next: q.next()}
}

// preferred is what the owner uses and what rests for it.
func (q *question) preferred() []netip.Prefix {
	var list []netip.Prefix
	for _, o := range q.own {
		if q.records.At(o.Range).State.Taken() {
			continue
		}
		list = append(list, o.Range)
	}
	for _, b := range q.resting() {
		list = append(list, b.Range)
	}
	return list
}

// resting are the addresses that the owner had last, by number: they are offered to
// nobody else yet.
func (q *question) resting() []Booking {
	return slices.DeleteFunc(q.records.restingOf(q.For.Owner), func(b Booking) bool { return !q.wasMine(b, b.Range) })
}

// next is what ends first of all that keeps addresses of the pool from others.
func (q *question) next() *Booking {
	var first *Booking
	for _, resting := range []bool{false, true} {
		for b := range q.records.ending(resting) {
			if q.world.used(b) {
				continue
			}
			if first == nil || cmp.Or(b.freeFrom(q.pool).Compare(first.freeFrom(q.pool)), comparePrefixes(b.Range, first.Range)) < 0 {
				first = &b
			}
			break // the others of this state come later
		}
	}
	return first
}

// start is where a pool that spreads begins to look for the owner; nil: at its
// beginning. The same owner begins at the same place.
func (q *question) start(u units) *big.Int {
	if !q.pool.Spread {
		return nil
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(q.For.String())) // writes to a hash do not fail
	at := new(big.Int).SetUint64(h.Sum64())
	count := u.count()
	if count.Sign() == 0 {
		return nil
	}
	return at.Mod(at, count)
}

// built returns the builder's set. A builder fails only on invalid addresses, and
// pools have valid ones alone.
func built(set *netipx.IPSetBuilder) *netipx.IPSet {
	s, err := set.IPSet()
	if err != nil {
		return &netipx.IPSet{}
	}
	return s
}
