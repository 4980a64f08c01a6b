// Package addressmap draws the address space of a fleet: for each segment who
// has what, who may hand out what, and where two collide.
//
//	plan, findings ──Build──▶ Map ──WriteText──▶ one line per block, for a terminal
//	                               └─WriteHTML──▶ one page that needs nothing else
//
// Ranges are never expanded to addresses. A segment's claims are cut into spans,
// in which the same claims hold for every address; spans are cut into blocks of
// 256 addresses. Blocks in which nothing begins or ends are joined to bands, so
// that a /8 or a /48 takes no more room than what is in it.
//
// What is a conflict is for lint to say: the map only shows its findings.
package addressmap

import (
	"cmp"
	"math/big"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// Map is the address space of a fleet.
type Map struct {
	// Directors are the names of all directors, sorted.
	Directors []string
	Segments  []*Segment
}

// Segment is one broadcast domain, or what counts as one.
type Segment struct {
	Name string
	// Assumed says that nothing proves some of the subnets to be in it.
	Assumed bool
	// Subnets are empty for addresses that lie in no known network.
	Subnets []*plan.Subnet
	// Directors are the names of those that have a part in it, sorted.
	Directors []string
	Holdings  []Holding
	Conflicts []Conflict
	// Spans are sorted and cover what the subnets and the holdings cover.
	Spans []Span
	// Blocks are sorted and cover the same.
	Blocks []Block
}

// Holding is one claim, or neighbouring ones of one owner.
type Holding struct {
	plan.Claim
	// LastLine is the line of the last of several claims.
	LastLine int
}

// Conflict is one finding that is about addresses of the segment.
type Conflict struct {
	// Ranges are sorted and disjoint.
	Ranges []netipx.IPRange
	// Pools says that two pools overlap; nobody has such an address twice yet.
	Pools    bool
	Rule     string
	Severity lint.Severity
	Message  string
	// Cure says what to do; may be empty.
	Cure string
}

// Span is a range in which the same holdings and conflicts hold everywhere.
type Span struct {
	Range netipx.IPRange
	// Holdings are indexes, the most telling first; none where nobody claims.
	Holdings []int
	// Conflicts are indexes.
	Conflicts []int
}

// Build makes the map of a plan. findings are those of lint; such as are not
// about addresses are left out.
func Build(p *plan.Plan, findings []lint.Finding) *Map {
	m := &Map{Directors: p.Directors}
	b := newBuilder(p)
	for i := range p.Claims {
		b.place(&p.Claims[i])
	}
	for i := range p.BlindSpots {
		b.hide(&p.BlindSpots[i])
	}
	for _, f := range findings {
		b.conflict(f)
	}
	for _, d := range b.drafts {
		if d.segment.Subnets == nil && len(d.claims) == 0 {
			continue // nothing lies outside of all networks
		}
		m.Segments = append(m.Segments, d.finish())
	}
	return m
}

// draft is a segment that is being put together.
type draft struct {
	segment *Segment
	claims  []*plan.Claim
}

type builder struct {
	plan      *plan.Plan
	drafts    []*draft // the last one is for addresses of no known network
	ofSubnet  map[*plan.Subnet][]*draft
	ofClaim   map[*plan.Claim][]*draft
	claimsAt  map[claimKey][]*plan.Claim
	poolsOfIt map[*plan.Subnet][]netipx.IPRange // nil until it is asked for
	subnets   *plan.Index                       // those of the plan; nil until it is asked for
	anywhere  map[placeless]*drawn              // what was drawn of them
}

// placeless is whose something hides that may be at very many addresses, and in which network
// that is.
type placeless struct {
	director, deployment, network, segment string
	perhaps                                plan.Perhaps
	identity                               plan.Identity
	one                                    *plan.Subnet // itself, where it is any of several
}

// mostAnywhere is how many are drawn of what hides in one network and may be anywhere there,
// but for those that may be where none of these is: a thousand ranges that hide, each drawn
// in a thousand subnets, show no more than a few.
const mostAnywhere = 32

// drawn is how many were drawn, and where these may be.
type drawn struct {
	number int
	ranges []netipx.IPRange // sorted, none of them next to another
}

// has reports whether all that a spot may hold lies where others were drawn.
func (d *drawn) has(spot *plan.BlindSpot) bool {
	return !slices.ContainsFunc(spot.May, func(c plan.Claim) bool {
		within := plan.Within(d.ranges, c.Range)
		return c.Range.IsValid() && (len(within) != 1 || within[0] != c.Range)
	})
}

func (d *drawn) add(spot *plan.BlindSpot) {
	var set netipx.IPSetBuilder
	for _, r := range d.ranges {
		set.AddRange(r)
	}
	for i := range spot.May {
		set.AddRange(spot.May[i].Range)
	}
	if all, err := set.IPSet(); err == nil { // else it is drawn, and nothing left out for it
		d.ranges = all.Ranges()
	}
	d.number++
}

// nowhere names the addresses that lie in no known network.
const nowhere = "no known network"

func newBuilder(p *plan.Plan) *builder {
	b := &builder{
		plan: p, ofSubnet: map[*plan.Subnet][]*draft{}, ofClaim: map[*plan.Claim][]*draft{},
		claimsAt: map[claimKey][]*plan.Claim{}, anywhere: map[placeless]*drawn{},
	}
	for _, g := range p.Segments() {
		d := &draft{segment: &Segment{Name: g.Name, Assumed: g.Assumed, Subnets: g.Subnets}}
		b.drafts = append(b.drafts, d)
		for _, s := range g.Subnets {
			b.ofSubnet[s] = append(b.ofSubnet[s], d)
		}
	}
	b.drafts = append(b.drafts, &draft{segment: &Segment{Name: nowhere}})
	return b
}

// place puts a claim into the segments of its subnet; one of no known subnet,
// into those where its address lies and where nothing proves that it is not.
func (b *builder) place(c *plan.Claim) {
	if !c.Range.IsValid() {
		return
	}
	into := b.ofSubnet[c.Subnet]
	if c.Subnet == nil || !c.Subnet.Range.IsValid() {
		into = b.mayHold(c)
	}
	for _, d := range into {
		d.claims = append(d.claims, c)
	}
	b.ofClaim[c] = into
	key := claimKey{c.Owner(), c.Kind, c.At}
	b.claimsAt[key] = append(b.claimsAt[key], c)
}

// hide puts what a blind spot may hold into the segments that it may lie in. Outside
// of all subnets it is not drawn.
func (b *builder) hide(spot *plan.BlindSpot) {
	if key, ok := placelessOf(spot); ok {
		if b.anywhere[key] == nil {
			b.anywhere[key] = &drawn{}
		}
		if d := b.anywhere[key]; d.number >= mostAnywhere && d.has(spot) {
			return
		}
		b.anywhere[key].add(spot)
	}
	sets := map[*draft]*netipx.IPSetBuilder{}
	for i := range spot.May {
		may := &spot.May[i]
		for _, s := range b.subnetsAt(may) {
			for _, d := range b.ofSubnet[s] {
				if sets[d] == nil {
					sets[d] = &netipx.IPSetBuilder{}
				}
				sets[d].AddRange(plan.Intersection(may.Range, netipx.RangeOfPrefix(s.Range)))
			}
		}
	}
	for d, set := range sets {
		hidden, err := set.IPSet()
		if err != nil {
			continue // no range of a claim is invalid
		}
		for _, r := range hidden.Ranges() {
			d.claims = append(d.claims, &plan.Claim{Range: r, Kind: plan.Hidden, Holder: spot.Owner.Held(), At: spot.At})
		}
	}
}

// placelessOf is whose a spot is that may hold a range of at least 2²⁴ addresses of one
// network, and of which.
func placelessOf(spot *plan.BlindSpot) (placeless, bool) {
	huge := big.NewInt(1 << 24)
	if !slices.ContainsFunc(spot.May, func(c plan.Claim) bool { return plan.Size(c.Range).Cmp(huge) >= 0 }) {
		return placeless{}, false
	}
	s := spot.May[0].Subnet
	if slices.ContainsFunc(spot.May, func(c plan.Claim) bool { return c.Subnet != s }) {
		return placeless{}, false
	}
	key := placeless{director: spot.Owner.Director, deployment: spot.Owner.Deployment}
	if s != nil {
		key.network, key.segment, key.perhaps, key.identity = s.Network, s.Segment, s.Perhaps, s.Identity
		key.perhaps.Hidden, key.identity.Hidden = "", "" // which variable hides it makes no difference
		if len(s.Among) > 0 {
			key.one = s
		}
	}
	return key, true
}

// subnetsAt are those that a claim may lie in by its addresses, and where nothing proves
// that it does not.
func (b *builder) subnetsAt(c *plan.Claim) []*plan.Subnet {
	if !c.Range.IsValid() {
		return nil
	}
	if b.subnets == nil {
		b.subnets = plan.NewIndex(&plan.Plan{Subnets: b.plan.Subnets})
	}
	return slices.DeleteFunc(b.subnets.Subnets(c.Range), func(s *plan.Subnet) bool {
		return c.Subnet != nil && plan.ContactOf(s, c.Subnet).Relation == plan.Isolated
	})
}

func (b *builder) mayHold(c *plan.Claim) []*draft {
	var list []*draft
	has := map[*draft]bool{}
	for _, s := range b.subnetsAt(c) {
		for _, d := range b.ofSubnet[s] {
			if !has[d] {
				has[d] = true
				list = append(list, d)
			}
		}
	}
	if len(list) == 0 {
		list = b.drafts[len(b.drafts)-1:]
	}
	return list
}

// finish turns the claims into holdings, spans and blocks.
func (d *draft) finish() *Segment {
	s := d.segment
	s.Holdings = holdings(d.claims)
	directors := map[string]bool{}
	for _, subnet := range s.Subnets {
		directors[subnet.Director] = true
	}
	for _, h := range s.Holdings {
		directors[h.Owner().Director] = true
	}
	delete(directors, "")
	for name := range directors {
		s.Directors = append(s.Directors, name)
	}
	slices.Sort(s.Directors)
	slices.SortStableFunc(s.Conflicts, func(a, b Conflict) int {
		return cmp.Or(a.Ranges[0].From().Compare(b.Ranges[0].From()), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message))
	})
	s.Spans = spans(s)
	s.Blocks = blocks(s.Spans)
	return s
}

// holdings joins neighbouring claims of one owner: fifty instances of a group
// are one.
func holdings(claims []*plan.Claim) []Holding {
	sorted := slices.Clone(claims)
	slices.SortStableFunc(sorted, func(a, b *plan.Claim) int { return a.Range.From().Compare(b.Range.From()) })
	type series struct {
		owner  plan.Owner
		kind   plan.Kind
		subnet *plan.Subnet
		file   string
	}
	last := map[series]int{}
	var list []Holding
	for _, c := range sorted {
		key := series{c.Owner(), c.Kind, c.Subnet, c.At.File}
		if i, ok := last[key]; ok && list[i].continues(c) {
			list[i].Range = netipx.IPRangeFrom(list[i].Range.From(), c.Range.To())
			list[i].LastLine = c.At.Line
			continue
		}
		last[key] = len(list)
		list = append(list, Holding{Claim: *c, LastLine: c.At.Line})
	}
	return list
}

// continues reports whether a claim follows the holding without a gap, in its
// addresses and in the numbers of its instances.
func (h *Holding) continues(c *plan.Claim) bool {
	if c.Range.From() != h.Range.To().Next() {
		return false
	}
	if c.Kind != plan.Static {
		return c.Kind == plan.Reserved || c.Kind == plan.StaticPool
	}
	size := plan.Size(h.Range)
	return size.IsInt64() && int64(c.Index) == int64(h.Index)+size.Int64()
}

// Keep leaves out the segments for which wanted is not true.
func (m *Map) Keep(wanted func(*Segment) bool) {
	m.Segments = slices.DeleteFunc(m.Segments, func(s *Segment) bool { return !wanted(s) })
}
