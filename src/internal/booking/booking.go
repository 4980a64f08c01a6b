// Package booking looks at an address plan for those who book: which addresses of a
// pool an owner may be given, who uses them, and what could be adopted.
//
// It computes with values. What is free is what package answer says, but that the
// same owner stands in nobody's way: not by what it uses already, nor by the static
// range that its own director keeps for it. So what is given here, lint accepts of
// that owner; and what a blind spot may hold is given to nobody.
package booking

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/seal"
)

// Look is a look at the plan for one pool.
type Look struct {
	Plan *plan.Plan
	Pool *ledger.Pool
	Now  time.Time
	// Scans are what was seen on the wire; if there are any, only addresses are given
	// that stayed silent.
	Scans []answer.Scan
	// Unsure gives addresses also where a blind spot may hold somebody. It is for the
	// question whether that is why there are too few.
	Unsure bool

	ground *ground
}

// Ready makes copies of the look share what they compute, and lets several goroutines
// ask them: it computes now what does not depend on who asks. Plan, Pool, Scans and
// Unsure must not change any more.
func (l *Look) Ready() { l.on() }

// Subnets are those that the pool's addresses lie in.
func (l *Look) Subnets() []*plan.Subnet { return l.on().subnets }

// Question is what package answer is asked for an owner.
func (l *Look) Question(owner string) answer.Question {
	q := answer.Question{
		Scope: answer.Scope{Name: l.Pool.Name, Subnets: l.Subnets()}, Count: 1, Scans: l.Scans, AllowUnsure: l.Unsure,
		Pools: []answer.Pool{{Team: l.Pool.Name, Delegation: l.Pool.Delegation, At: l.Pool.At}},
	}
	q.Passes = func(c *plan.Claim) bool {
		switch {
		case c.Booking() != nil:
			return c.Booking().Pool == l.Pool.Name // the ledger knows those
		case c.Kind.InUse():
			return l.means(owner, c)
		case c.Kind == plan.StaticPool:
			return l.keepsFor(c, owner)
		}
		return false
	}
	return q
}

// means reports whether a claim is an owner's. The machine of a director is no address of
// the deployments that the director makes.
func (l *Look) means(owner string, c *plan.Claim) bool {
	if c.Kind == plan.DirectorOwn {
		if n := plan.ReadOwnerName(owner); l.on().deployments[l.on().known(n.Director, n.Deployment)] {
			return false
		}
	}
	return plan.Means(owner, c)
}

// keepsFor reports whether a static range is the owner's director's own, which gives
// its addresses to who asks for them.
func (l *Look) keepsFor(c *plan.Claim, owner string) bool {
	n := plan.ReadOwnerName(owner)
	if n.Parts < 2 || n.Director != c.Owner().Director {
		return false
	}
	return (c.Owner().Deployment == "" || seal.Same(c.Owner().Deployment, n.Deployment)) && !l.on().createEnvs[l.on().known(n.Director, n.Deployment)]
}

// World is what the ledger needs to know to answer an owner.
func (l *Look) World(owner string) *ledger.World {
	w := &ledger.World{Now: l.Now, Users: l.Users, Elsewhere: l.bookedElsewhere}
	if len(l.Subnets()) == 0 {
		return w
	}
	w.Own = l.own(owner)
	w.Free = l.on().free(l.kept(owner), func(kept []*plan.Claim) []*netipx.IPSet { return l.free(owner, kept) })
	return w
}

// own are the addresses of the pool that an owner uses, with the instances that do.
func (l *Look) own(owner string) []ledger.Own {
	at := map[netip.Prefix]int{}
	var list []ledger.Own
	for _, c := range l.kept(owner) {
		if !c.Kind.InUse() || !l.uses(c) {
			continue
		}
		for r, number := range l.instances(c) {
			i, known := at[r]
			switch {
			case !known:
				at[r] = len(list)
				list = append(list, ledger.Own{Range: r, Number: number})
			case list[i].Number < 0 && number >= 0: // the director told which it is
				list[i].Number = number
			}
		}
	}
	return list
}

// instances yields the addresses of a claim in the pool, each with the index of the
// instance that has it.
func (l *Look) instances(c *plan.Claim) iter.Seq2[netip.Prefix, int] {
	return func(yield func(netip.Prefix, int) bool) {
		var part netipx.IPSetBuilder
		part.AddRange(c.Range)
		part.Intersect(l.Pool.In(l.Subnets()))
		for _, r := range built(&part).Ranges() {
			for _, p := range l.units(r) {
				if !yield(p, instanceAt(c, p)) {
					return
				}
			}
		}
	}
}

func instanceAt(c *plan.Claim, p netip.Prefix) int {
	switch {
	case c.Kind != plan.Static && c.Kind != plan.Lease && c.Kind != plan.Orphan || c.Owner().InstanceGroup == "" || !p.IsSingleIP():
		return ledger.NoInstance
	case c.Kind == plan.Orphan:
		return ledger.UnknownInstance
	}
	n := 0
	for a := c.Range.From(); a.IsValid() && a != p.Addr(); a = a.Next() {
		n++
	}
	if index := c.IndexAt(n); index != plan.NoIndex {
		return index
	}
	return ledger.UnknownInstance
}

// bookedElsewhere are the bookings of other pools that overlap a range.
func (l *Look) bookedElsewhere(r netip.Prefix) []ledger.Booking {
	var list []ledger.Booking
	for _, c := range l.on().elsewhere {
		if !c.Range.Overlaps(netipx.RangeOfPrefix(r)) {
			continue
		}
		b := ledger.Booking{State: ledger.Booked, Owner: c.Booking().Owner, Number: c.Booking().Number, Since: c.Booking().Since, Until: c.Booking().Until, By: c.Booking().By, Why: c.Booking().Why, At: c.At}
		b.Range, _ = c.Range.Prefix()
		if c.Booking().State == plan.BookingResting {
			b.State = ledger.Quarantined
		}
		list = append(list, b)
	}
	return list
}

// kept are the claims that keep an address for an owner: what it uses, and the static
// ranges that its director has for it. All that World computes of the owner comes of them.
func (l *Look) kept(owner string) []*plan.Claim {
	var list []*plan.Claim
	for _, c := range l.on().ofOwner(owner) {
		if c.Kind.InUse() && l.means(owner, c) || c.Kind == plan.StaticPool && l.keepsFor(c, owner) {
			list = append(list, c)
		}
	}
	return list
}

// free is World's, for the claims that are kept for the owner.
func (l *Look) free(owner string, kept []*plan.Claim) []*netipx.IPSet {
	available := answer.Available(l.on().plan, l.Question(owner))
	delegated := l.Pool.In(l.Subnets())
	var own, static netipx.IPSetBuilder
	for _, c := range kept {
		switch {
		case c.Kind == plan.StaticPool && delegated.OverlapsRange(c.Range):
			for _, r := range c.Requestable() {
				static.AddRange(r)
			}
		case c.Kind.InUse() && l.uses(c):
			own.AddRange(c.Range)
		}
	}
	ownSet, staticSet := built(&own), built(&static)
	list := []*netipx.IPSet{common(available, ownSet)}
	if static.Intersect(delegated); len(built(&static).Ranges()) > 0 {
		// Its director refuses all else for static_ips.
		return append(list, without(common(available, staticSet), ownSet))
	}
	return append(list, without(available, ownSet))
}

func common(a, b *netipx.IPSet) *netipx.IPSet {
	var set netipx.IPSetBuilder
	set.AddSet(a)
	set.Intersect(b)
	return built(&set)
}

func without(a, b *netipx.IPSet) *netipx.IPSet {
	var set netipx.IPSetBuilder
	set.AddSet(a)
	set.RemoveSet(b)
	return built(&set)
}

// built returns the builder's set. A builder fails only on invalid addresses, and
// plans have valid ones alone.
func built(set *netipx.IPSetBuilder) *netipx.IPSet {
	s, err := set.IPSet()
	if err != nil {
		return &netipx.IPSet{}
	}
	return s
}

// Users says who uses an address of the pool: who declares it, was granted it, or
// was seen there; and where its owner may have it, though that cannot be seen.
func (l *Look) Users(r netip.Prefix, owner string) []ledger.User {
	asked := netipx.RangeOfPrefix(r)
	var list []ledger.User
	for c := range l.on().using(asked) {
		list = append(list, ledger.User{Text: c.Who(), Unknown: c.OwnerText() == "", Is: func(owner string) bool { return l.means(owner, c) }})
	}
	return slices.Concat(list, l.hidden(asked, owner), l.seen(asked))
}

// hidden are the blind spots in which the owner may have an address.
func (l *Look) hidden(asked netipx.IPRange, owner string) []ledger.User {
	var list []ledger.User
	for i := range l.on().plan.BlindSpots {
		spot := &l.on().plan.BlindSpots[i]
		if slices.ContainsFunc(spot.May, func(c plan.Claim) bool {
			return c.Kind.InUse() && c.Range.Overlaps(asked) && l.means(owner, &c) && l.meets(&c)
		}) {
			list = append(list, ledger.User{Text: "perhaps " + owner + ", which cannot be seen (" + spot.At.String() + ")", Is: func(o string) bool { return o == owner }})
		}
	}
	return list
}

// seen are the stations that answered for an address.
func (l *Look) seen(asked netipx.IPRange) []ledger.User {
	var list []ledger.User
	for i := range l.Scans {
		for _, h := range l.Scans[i].Heard {
			if asked.Contains(h.Address) && !h.Proxy {
				text := strings.Join(h.Stations, ", ") + ", which answered in " + l.Scans[i].File
				list = append(list, ledger.User{Text: text, Unknown: true, Is: func(string) bool { return false }})
			}
		}
	}
	return list
}

// uses reports whether a claim is that of somebody who uses addresses of the pool.
func (l *Look) uses(c *plan.Claim) bool {
	return c.Kind.InUse() && c.Range.IsValid() && slices.ContainsFunc(l.Pool.Ranges, c.Range.Overlaps) && l.meets(c)
}

// meets reports whether a claim may lie in the pool's segment.
func (l *Look) meets(c *plan.Claim) bool {
	return (&plan.Subnet{Segment: l.Pool.Segment}).Meets(c)
}

// Meets reports whether bookings of another pool may lie on the same wire.
func (l *Look) Meets(other *ledger.Pool) bool {
	return other.Name != l.Pool.Name && l.meets(&plan.Claim{Subnet: &plan.Subnet{Segment: other.Segment}})
}

// bookedFor is the owner of a claim as a booking of the pool has it; empty if there is none.
func (l *Look) bookedFor(c *plan.Claim) string {
	for i := range l.on().plan.Claims {
		if b := &l.on().plan.Claims[i]; b.Booking() != nil && b.Booking().Pool == l.Pool.Name && b.Range.Overlaps(c.Range) && l.means(b.Booking().Owner, c) {
			return b.Booking().Owner
		}
	}
	return ""
}

// Found are the addresses of the pool that somebody has already, to be adopted:
// declared ones and granted ones, each for its owner.
func (l *Look) Found() []ledger.Found {
	pool := l.Pool.In(l.Subnets())
	var list []ledger.Found
	seen := map[netip.Prefix][]string{}
	for _, c := range l.on().used {
		owner := c.OwnerText()
		if owner == "" {
			continue // the machine of a director that no create-env manifest has a name for
		}
		if seal.Words().MatchString(owner) {
			owner = cmp.Or(l.bookedFor(c), owner) // whoever booked it has typed the name
		}
		var part netipx.IPSetBuilder
		part.AddRange(c.Range)
		part.Intersect(pool)
		for _, r := range built(&part).Ranges() {
			for _, p := range l.units(r) {
				if slices.Contains(seen[p], owner) {
					continue // declared and granted
				}
				seen[p] = append(seen[p], owner)
				list = append(list, ledger.Found{Range: p, For: ledger.Holder{Owner: owner, Number: max(instanceAt(c, p), -1)}, At: c.At, Why: "in use when bookings began"})
			}
		}
	}
	return list
}

// most is how many addresses of one claim are adopted: a claim of more is a range
// that nobody wrote down one by one.
const most = ledger.MostAtOnce

// units are the addresses or blocks of a range.
func (l *Look) units(r netipx.IPRange) []netip.Prefix {
	var list []netip.Prefix
	for a := r.From(); a.IsValid() && !r.To().Less(a) && len(list) < most; {
		bits := a.BitLen()
		if l.Pool.Block != 0 {
			bits = l.Pool.Block
		}
		p := netip.PrefixFrom(a, bits).Masked()
		list = append(list, p)
		a = netipx.PrefixLastIP(p).Next()
	}
	return list
}
