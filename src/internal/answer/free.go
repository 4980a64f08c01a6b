package answer

import (
	"maps"
	"math/big"
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// Question is what somebody wants to take.
type Question struct {
	Scope Scope
	// Count is how many addresses, at least 1.
	Count int
	// Contiguous asks for one run of Count addresses.
	Contiguous bool
	// Static asks for addresses of the scope's own static ranges, which its
	// director gives to static_ips and to nobody else.
	Static bool
	// Pools are all delegations of the fleet; if there are any, no other
	// addresses are offered (unless Static).
	Pools []Pool
	// OfPools counts the addresses of the wanted pools alone, where any are delegated.
	OfPools bool
	// Wanted says which of the pools may be used; nil for all.
	Wanted func(*Pool) bool
	// AllowUnsure offers addresses also where somebody may have them whom nobody can
	// see.
	AllowUnsure bool
	// Passes, if set, says which claims do not keep an address from who asks: those
	// that are the same owner's.
	Passes func(*plan.Claim) bool
	// Scans are what was seen on the wire; if there are any, only addresses are
	// offered that were asked for and silent.
	Scans []Scan
}

// Offers is the answer to a Question.
type Offers struct {
	// Segments are those of the scope.
	Segments []Segment
	// Directors are all that have a subnet which may meet the scope, sorted.
	Directors []string
	// InUse and Owned count the claims that were looked at: addresses that
	// somebody has, and ranges that a director may hand out.
	InUse, Owned int
	// Offers are the addresses to take: no more than asked for; those that are
	// named by nobody before those that a network keeps off.
	Offers []Offer
	// Tally says what became of every address of the scope.
	Tally []Count
	// Left is how many addresses are free altogether.
	Left *big.Int
	// Blind are the spots that keep addresses from being free that nothing else
	// takes: in the order of the plan.
	Blind []*plan.BlindSpot
}

// Offer is one address to take, and what is known of it.
type Offer struct {
	Address netip.Addr
	// Pool is the delegation that it lies in, or nil.
	Pool *Pool
	// Static is, for a Static question, the static range that it is of.
	Static *plan.Claim
	// KeptOff are the reservations that hold it: networks whose director never
	// hands it out. Somebody had a reason.
	KeptOff []*plan.Claim
}

// Count is how many addresses of the scope are out of the question for one
// reason; each address counts once, for the first reason of the list.
type Count struct {
	Reason Reason
	Size   *big.Int
}

// free holds what the parts of an answer share.
type free struct {
	Question
	plan   *plan.Plan
	reach  *contacts
	base   *netipx.IPSet  // what may be offered at all
	claims []*plan.Claim  // those that overlap the scope and may meet it
	hidden []hiddenClaim  // likewise, of what may be there
	near   []*plan.Subnet // likewise
	// delegations are what each of Pools delegates in the scope.
	delegations []*netipx.IPSet
	// segments are the plan's; see ofPlan.
	segments []*plan.Segment
}

// ofPlan are the segments of the plan, which only scans are compared with.
func (f *free) ofPlan() []*plan.Segment {
	if f.segments == nil {
		f.segments = f.plan.Segments()
	}
	return f.segments
}

func newFree(p *plan.Plan, q Question) *free {
	f := &free{Question: q, plan: p, reach: newContacts(q.Scope.Subnets)}
	f.base = f.scopeSet()
	base := f.base.Ranges()
	for i := range p.Claims {
		c := f.inBlocks(&p.Claims[i])
		if c.Range.IsValid() && plan.Reach(base, c.Range) && f.reach.meet(c.Subnet) {
			f.claims = append(f.claims, c)
		}
	}
	for i := range p.BlindSpots {
		spot := &p.BlindSpots[i]
		for j := range spot.May {
			if c := f.inBlocks(&spot.May[j]); plan.Reach(base, c.Range) && (f.reach.meet(c.Subnet) || f.maySeek(c.Subnet)) {
				f.hidden = append(f.hidden, hiddenClaim{c, spot})
			}
		}
	}
	if q.Static {
		f.base = f.staticSet()
	}
	for _, s := range p.Subnets {
		if s.Range.IsValid() && f.base.OverlapsPrefix(s.Range) && f.reach.meet(s) {
			f.near = append(f.near, s)
		}
	}
	for i := range q.Pools {
		f.delegations = append(f.delegations, q.Pools[i].In(q.Scope.Subnets))
	}
	return f
}

// inBlocks is a claim as it counts for a Static question: whoever has a part of a block,
// which a VM gets as a whole, takes all of it.
func (f *free) inBlocks(c *plan.Claim) *plan.Claim {
	if !f.Static || !c.Range.IsValid() {
		return c
	}
	for _, s := range f.Scope.Subnets {
		if s.Range.IsValid() && netipx.RangeOfPrefix(s.Range).Overlaps(c.Range) && f.reach.meet(c.Subnet) {
			if r := plan.BlocksOf(c.Range, s.Prefix); r != c.Range {
				wide := *c
				wide.Range = r
				c = &wide
			}
		}
	}
	return c
}

// maySeek reports whether a subnet whose range hides may be one of those that were
// asked about by their addresses.
func (f *free) maySeek(s *plan.Subnet) bool {
	return f.Scope.Within.IsValid() && s != nil && !s.Range.IsValid() && len(s.Among) == 0
}

// hiddenClaim is a claim that may hide in a blind spot.
type hiddenClaim struct {
	*plan.Claim
	spot *plan.BlindSpot
}

// scopeSet is every address of the scope.
func (f *free) scopeSet() *netipx.IPSet {
	var set netipx.IPSetBuilder
	for _, s := range f.Scope.Subnets {
		set.AddPrefix(s.Range)
	}
	if f.Scope.Within.IsValid() {
		var within netipx.IPSetBuilder
		within.AddRange(f.Scope.Within)
		set.Intersect(built(&within))
	}
	return built(&set)
}

// staticSet is what the scope's networks give to static_ips.
func (f *free) staticSet() *netipx.IPSet {
	var set netipx.IPSetBuilder
	for _, c := range f.claims {
		if f.ownStatic(c) {
			for _, r := range c.Requestable() {
				set.AddRange(r)
			}
		}
	}
	set.Intersect(f.base)
	return built(&set)
}

func (f *free) ownStatic(c *plan.Claim) bool {
	return f.Static && c.Kind == plan.StaticPool && slices.Contains(f.Scope.Subnets, c.Subnet)
}

// takes reports whether a claim keeps an address from being free.
func (f *free) takes(c *plan.Claim) bool {
	switch {
	case c.Kind == plan.Reserved:
		return false
	case f.Passes != nil && f.Passes(c):
		return false
	case f.ownStatic(c):
		return false // what is asked for
	case f.Static && c.Kind == plan.StaticPool:
		// Another network of the same director gives it to static_ips only, and
		// its director knows who has it.
		return !slices.ContainsFunc(f.Scope.Subnets, func(s *plan.Subnet) bool { return c.Subnet != nil && s.OneListWith(c.Subnet) })
	default:
		return true
	}
}

// reasonOf is the reason for which a claim takes an address.
func reasonOf(c *plan.Claim) Reason {
	switch rank(c.Kind) {
	case 0:
		return ReasonInUse
	case 1:
		return ReasonInfrastructure
	case 2:
		return ReasonBooked
	default:
		return ReasonPool
	}
}

// step takes away the addresses that are out of the question for one reason.
type step struct {
	reason Reason
	set    *netipx.IPSet
}

// steps are all reasons, in the order in which they count.
func (f *free) steps() []step {
	sets := map[Reason]*netipx.IPSetBuilder{ReasonEdge: {}, ReasonUnsure: {}, ReasonInUse: {}, ReasonInfrastructure: {}, ReasonBooked: {}, ReasonPool: {}}
	for _, s := range f.near {
		sets[ReasonEdge].Add(s.Range.Masked().Addr())
		sets[ReasonEdge].Add(netipx.PrefixLastIP(s.Range))
	}
	anybody := *f // what hides of the same owner may be another address of its
	anybody.Passes = nil
	for _, h := range f.hidden {
		if anybody.takes(h.Claim) && !f.AllowUnsure {
			sets[ReasonUnsure].AddRange(h.Range)
		}
	}
	for _, c := range f.claims {
		if f.takes(c) {
			sets[reasonOf(c)].AddRange(c.Range)
		}
	}
	var list []step
	for _, reason := range slices.Sorted(maps.Keys(sets)) {
		list = append(list, step{reason, built(sets[reason])})
	}
	if len(f.Scans) > 0 {
		list = append(list, step{ReasonAnswered, f.answered()}, step{ReasonUnscanned, f.unscanned()})
	}
	if f.delegated() {
		list = slices.Insert(list, map[bool]int{true: 0, false: len(list)}[f.OfPools], step{ReasonNotDelegated, f.notDelegated()})
	}
	return list
}

// delegated reports whether only delegated addresses may be offered.
func (f *free) delegated() bool { return len(f.Pools) > 0 && !f.Static }

// notDelegated is every address of the scope that no wanted pool delegates.
func (f *free) notDelegated() *netipx.IPSet {
	var set netipx.IPSetBuilder
	set.AddSet(f.base)
	for i := range f.Pools {
		if f.wants(&f.Pools[i]) {
			set.RemoveSet(f.delegations[i])
		}
	}
	return built(&set)
}

func (f *free) wants(p *Pool) bool { return f.Wanted == nil || f.Wanted(p) }

// Available is every address that may be offered.
func Available(p *plan.Plan, q Question) *netipx.IPSet {
	f := newFree(p, q)
	var set netipx.IPSetBuilder
	set.AddSet(f.base)
	for _, s := range f.steps() {
		set.RemoveSet(s.set)
	}
	return built(&set)
}

// Free looks for addresses to take.
func Free(p *plan.Plan, q Question) Offers {
	f := newFree(p, q)
	answer := Offers{Segments: segmentsOf(p.Segments(), q.Scope.Subnets), Directors: directorsOf(f.near)}
	for _, c := range f.claims {
		switch {
		case c.Kind.InUse():
			answer.InUse++
		case c.Kind.Pool():
			answer.Owned++
		}
	}
	left := f.base
	for _, s := range f.steps() {
		var rest netipx.IPSetBuilder
		rest.AddSet(left)
		rest.RemoveSet(s.set)
		next := built(&rest)
		if gone := new(big.Int).Sub(size(left), size(next)); gone.Sign() > 0 {
			answer.Tally = append(answer.Tally, Count{s.reason, gone})
			if s.reason == ReasonUnsure {
				answer.Blind = f.reaching(left)
			}
		}
		left = next
	}
	answer.Left = size(left)
	for _, a := range f.pick(left) {
		answer.Offers = append(answer.Offers, f.offer(a))
	}
	return answer
}

// reaching are the spots that may take some of those addresses.
func (f *free) reaching(left *netipx.IPSet) []*plan.BlindSpot {
	var list []*plan.BlindSpot
	ranges, told := left.Ranges(), map[*plan.BlindSpot]bool{}
	for _, h := range f.hidden {
		if !told[h.spot] && f.takes(h.Claim) && plan.Reach(ranges, h.Range) {
			told[h.spot] = true
			list = append(list, h.spot)
		}
	}
	return list
}

// pick chooses the addresses to offer, the lowest first. Where nobody delegated
// anything, those that no network reserves come before the others: behind a
// reservation stands a reason that may not be in any file. Of reserved ranges the
// ends come first, for routers and an IaaS take the beginnings.
func (f *free) pick(left *netipx.IPSet) []netip.Addr {
	choose := lowest
	if f.Contiguous {
		choose = lowestRun
	}
	if f.delegated() || f.Static {
		return choose(left.Ranges(), f.Count)
	}
	var unnamed, kept netipx.IPSetBuilder
	unnamed.AddSet(left)
	for _, c := range f.claims {
		if c.Kind == plan.Reserved {
			unnamed.RemoveRange(c.Range)
		}
	}
	best := built(&unnamed)
	picked := choose(best.Ranges(), f.Count)
	if f.Contiguous {
		if picked == nil {
			return runAtEnd(left.Ranges(), f.Count)
		}
		return picked
	}
	kept.AddSet(left)
	kept.RemoveSet(best)
	return append(picked, fromEnds(built(&kept).Ranges(), f.Count-len(picked))...)
}

// lowest returns the n lowest addresses of sorted ranges.
func lowest(ranges []netipx.IPRange, n int) []netip.Addr {
	var list []netip.Addr
	for _, r := range ranges {
		for a := r.From(); len(list) < n; a = a.Next() {
			list = append(list, a)
			if a == r.To() {
				break
			}
		}
	}
	return list
}

// fromEnds returns n addresses of ranges: of each, in turn, the highest first.
func fromEnds(ranges []netipx.IPRange, n int) []netip.Addr {
	var list []netip.Addr
	for _, r := range ranges {
		for a := r.To(); len(list) < n; a = a.Prev() {
			list = append(list, a)
			if a == r.From() {
				break
			}
		}
	}
	return list
}

// lowestRun returns the lowest n addresses that follow each other, or none.
func lowestRun(ranges []netipx.IPRange, n int) []netip.Addr {
	if i := fitting(ranges, n); i >= 0 {
		return lowest(ranges[i:i+1], n)
	}
	return nil
}

// runAtEnd returns the n addresses at the end of the first range that has as
// many, or none.
func runAtEnd(ranges []netipx.IPRange, n int) []netip.Addr {
	i := fitting(ranges, n)
	if i < 0 {
		return nil
	}
	list := fromEnds(ranges[i:i+1], n)
	slices.Reverse(list)
	return list
}

// fitting is the index of the first range with n addresses, or -1.
func fitting(ranges []netipx.IPRange, n int) int {
	return slices.IndexFunc(ranges, func(r netipx.IPRange) bool {
		return plan.Size(r).Cmp(big.NewInt(int64(n))) >= 0
	})
}

// offer gathers what is known of a free address.
func (f *free) offer(a netip.Addr) Offer {
	o := Offer{Address: a}
	for _, c := range f.claims {
		if !c.Range.Contains(a) {
			continue
		}
		switch {
		case c.Kind == plan.Reserved:
			o.KeptOff = append(o.KeptOff, c)
		case f.ownStatic(c):
			o.Static = c
		}
	}
	for i := range f.Pools {
		if p := &f.Pools[i]; o.Pool == nil && f.wants(p) && f.delegations[i].Contains(a) {
			o.Pool = p
		}
	}
	return o
}

// size is the number of addresses in a set.
func size(set *netipx.IPSet) *big.Int {
	total := new(big.Int)
	for _, r := range set.Ranges() {
		total.Add(total, plan.Size(r))
	}
	return total
}

// built returns the builder's set. A builder fails only on invalid addresses,
// and claims and subnets have valid ones alone.
func built(set *netipx.IPSetBuilder) *netipx.IPSet {
	s, err := set.IPSet()
	if err != nil {
		return &netipx.IPSet{}
	}
	return s
}
