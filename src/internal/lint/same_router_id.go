package lint

import (
	"fmt"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// SameRouterID is the rule whose findings are about two addresses.
const SameRouterID = "same-router-id"

var sameRouterID = Rule{
	ID: SameRouterID, Severity: Error, Family: FamilyFleet,
	Title:     "two groups with different virtual addresses are one virtual router to each other",
	Doc:       page(SameRouterID),
	Exception: InFleetFile,
	Run:       runSameRouterID,
}

func runSameRouterID(f *Facts, report func(Finding)) {
	routers := f.routers(nil)
	alike := routersAlike(routers)
	for i, a := range routers {
		others := 0
		for _, j := range alike.of(a) {
			if j <= i {
				continue
			}
			b := routers[j]
			o, meet := a.meets(b)
			switch {
			case !meet || o.Contact.Relation == plan.Unseen || a.mayBeOf(b):
				continue
			case a.hidden() == "" && b.hidden() == "":
				report(f.routerFinding(a, b, o, routers))
			case a.owner() == b.owner():
				report(ownRouters(a, b))
			}
			if others++; others == mostRouters {
				break // each of the others is told of with one behind it
			}
		}
	}
}

// mostRouters is with how many others behind it a virtual router is told of. Whoever is
// left out there is told of with the last one before it.
const mostRouters = 10

// alikeRouters are the numbers of virtual routers by their ids, those that may have any apart.
type alikeRouters struct {
	byID        map[int][]int
	hidden, all []int
}

func routersAlike(routers []router) alikeRouters {
	alike := alikeRouters{byID: map[int][]int{}}
	for i, r := range routers {
		alike.all = append(alike.all, i)
		if r.mayBeAny() {
			alike.hidden = append(alike.hidden, i)
		}
		alike.byID[r.id()] = append(alike.byID[r.id()], i)
	}
	return alike
}

// of are those that may have the id of a router, in their order.
func (alike alikeRouters) of(r router) []int {
	if r.mayBeAny() {
		return alike.all
	}
	list := slices.Concat(alike.byID[r.id()], alike.hidden)
	slices.Sort(list)
	return slices.Compact(list)
}

// routerDoubts are virtual routers of which it is not known whether somebody else's is
// the same: the id hides, or the segment does, or whether there is one. Those of one manifest
// are told of by the rule: who wrote both knows.
func (f *Facts) routerDoubts(_ *pairJudge, accepts func(*Finding) bool) (doubts []Doubt, accepted []Finding) {
	routers := f.routers(nil)
	for i := range f.Plan.BlindSpots {
		routers = append(routers, f.routers(&f.Plan.BlindSpots[i])...)
	}
	alike := routersAlike(routers)
	for i, a := range routers {
		for _, j := range alike.of(a) {
			b := routers[j]
			hides := a.hides()
			if !hides && (b.hides() || j < i) || i == j || a.owner() == b.owner() || !f.judgesClaim(a.claims[0]) && !f.judgesClaim(b.claims[0]) {
				continue
			}
			o, meet := a.meets(b)
			if !meet || !hides && o.Contact.Relation != plan.Unseen && !a.mayBeOf(b) {
				continue
			}
			finding := Finding{Rule: sameRouterID.ID, Severity: Error, Range: lower(o.A.Range, o.B.Range), Claims: []Party{a.party(), b.party()}}
			if accepts(&finding) {
				accepted = append(accepted, finding)
				continue
			}
			doubts = append(doubts, routerDoubt(a, b, o))
			break
		}
	}
	return doubts, accepted
}

func routerDoubt(a, b router, o plan.Overlap) Doubt {
	d := Doubt{Allow: sameRouterID.ID, Owners: []plan.Owner{a.owner(), b.owner()}}
	d.meets.add(lower(o.A.Range, o.B.Range))
	if a.spot != nil {
		d.Spot = a.spot
		d.Clause = fmt.Sprintf("it makes two of virtual router %d, the one of %s", max(a.id(), b.id()), b.group())
		if a.mayBeAny() || b.mayBeAny() {
			d.Clause = "it makes two of the virtual router of " + b.group() + ", as an id hides as well"
		}
		return d
	}
	if a.hidden() == "" && a.mayBeOf(b) {
		if _, hides := bosh.VariableIn(a.owner().Deployment); !hides {
			a, b = b, a
		}
		d.Spot = hiddenName(a.claims[0])
		d.Clause = fmt.Sprintf("it is %s; if it is not, virtual router %d is both %s and %s", b.owner().Deployment, a.id(), a.group(), b.group())
		return d
	}
	if a.hidden() == "" {
		s, other := o.A.Subnet, o.B.Subnet
		if hidesLess(s, other) {
			a, b, s, other = b, a, other, s
		}
		d.Spot = hiddenSegment(s, other)
		d.Clause = fmt.Sprintf("it is one segment with %s; if it is, virtual router %d is both %s and %s", labelOf(other), a.id(), a.group(), b.group())
		return d
	}
	d.Spot = &plan.BlindSpot{
		Owner: a.owner(), Variable: a.hidden(), Reason: plan.NoValue, What: a.hiddenPart(a.part()), At: a.is.At,
	}
	d.Clause = fmt.Sprintf("it is %d, the one of %s", max(a.id(), b.id()), b.group())
	if b.hidden() != "" {
		d.Clause = "it is the one of " + b.group() + ", which hides as well"
	}
	return d
}

// ownRouters tells of two virtual routers of one manifest, of which an id hides.
func ownRouters(a, b router) Finding {
	if a.hidden() == "" {
		a, b = b, a
	}
	return Finding{
		Severity: Warning, Range: a.claims[0].Range,
		Message:    fmt.Sprintf("the variable ((%s)) has no value here and hides %s: it may be the one of %s", a.hidden(), a.hiddenPart(a.group()), b.group()),
		Claims:     []Party{a.party(), b.party()},
		Why:        "two groups with one id take each other for one router (VRRP), and no director looks at it",
		Suggestion: fmt.Sprintf("give its value as the deploy does: -v %s=…, -l FILE or --vars-store FILE, or vars_files in the fleet file", a.hidden()),
	}
}

// router is one virtual router: what a group makes of one set of properties.
type router struct {
	is     plan.Router
	claims []*plan.Claim // of its virtual addresses, which are of one family
	// places are those of the claims that are the first of a subnet each: an address counts in
	// every segment that it may lie in.
	places []*plan.Claim
	spot   *plan.BlindSpot // hides whether there is such a router; nil: there is
}

// add adds a virtual address, or one more subnet that it may lie in.
func (r *router) add(c *plan.Claim) {
	if !slices.ContainsFunc(r.places, func(o *plan.Claim) bool { return o.Subnet == c.Subnet }) {
		r.places = append(r.places, c)
	}
	r.claims = append(r.claims, c)
}

// hides reports whether it is not known which id the router has, or whether it is there.
func (r router) hides() bool { return r.spot != nil || r.hidden() != "" }

// mayBeAny reports whether the id hides, and not just whether the router has it.
func (r router) mayBeAny() bool { return r.id() == 0 }

func (r router) id() int        { return r.is.ID }
func (r router) hidden() string { return r.is.Variable }
func (r router) v6() bool       { return r.claims[0].Range.From().Is6() }

// owner is the manifest or config that makes the router.
func (r router) owner() plan.Owner {
	o := r.claims[0].Owner()
	return plan.Owner{Director: o.Director, Deployment: o.Deployment}
}

// mayBeOf reports whether the two may be of one deployment of which the name hides in one
// place: in its file, and known by what its director has.
func (r router) mayBeOf(o router) bool {
	a, b := r.owner(), o.owner()
	_, hides := bosh.VariableIn(a.Deployment)
	_, othersHides := bosh.VariableIn(b.Deployment)
	return a.Director == b.Director && a.Deployment != "" && b.Deployment != "" && hides != othersHides
}

// meets reports whether the two are, or may be, one virtual router to each other though
// they have different addresses, and in which subnets.
func (r router) meets(o router) (plan.Overlap, bool) {
	if !r.mayBeAny() && !o.mayBeAny() && r.id() != o.id() || r.v6() != o.v6() || r.common(o) {
		return plan.Overlap{}, false
	}
	best := plan.Overlap{}
	for _, c := range r.places {
		for _, d := range o.places {
			contact := contactOf(c.Subnet, d.Subnet)
			if contact.Relation > best.Contact.Relation && (contact.Relation == plan.Same || !apart(c.Subnet, d.Subnet)) {
				best = plan.Overlap{A: c, B: d, Contact: contact}
			}
		}
	}
	return best, best.Contact.Relation > plan.Isolated
}

// mayMeet reports whether the two may be in one segment.
func (r router) mayMeet(o router) bool {
	return slices.ContainsFunc(r.places, func(c *plan.Claim) bool {
		return slices.ContainsFunc(o.places, func(d *plan.Claim) bool { return contactOf(c.Subnet, d.Subnet).Relation != plan.Isolated })
	})
}

// hidesAddress reports whether the address of the router may be any of a range.
func (r router) hidesAddress() bool {
	return r.spot != nil && r.claims[0].Range.From() != r.claims[0].Range.To()
}

// common reports whether the two have an address in common: then they may be
// meant to be one, and vip-claimed-twice tells of it if they are not.
func (r router) common(o router) bool {
	if r.hidesAddress() || o.hidesAddress() {
		return false
	}
	return slices.ContainsFunc(r.claims, func(c *plan.Claim) bool {
		return slices.ContainsFunc(o.claims, func(d *plan.Claim) bool { return c.Range.Overlaps(d.Range) })
	})
}

// routers are the virtual routers whose id is known, or hides: those of the plan, or those
// that a spot may hide. IPv4 and IPv6 have ids of their own (RFC 5798, section 5.1).
func (f *Facts) routers(spot *plan.BlindSpot) []router {
	type key struct {
		owner plan.Owner
		of    plan.Router
		v6    bool
	}
	index := map[key]int{}
	var list []router
	claims := f.Plan.Claims
	if spot != nil {
		claims = spot.May
	}
	for i := range claims {
		c := &claims[i]
		if c.Kind != plan.VIP || !c.Range.IsValid() {
			continue
		}
		for _, is := range c.Routers() {
			k := key{
				plan.Owner{Director: c.Owner().Director, Deployment: c.Owner().Deployment, InstanceGroup: c.Owner().InstanceGroup},
				plan.Router{ID: is.ID, Variable: is.Variable, Of: is.Of}, c.Range.From().Is6(),
			}
			j, ok := index[k]
			if !ok {
				j = len(list)
				index[k] = j
				list = append(list, router{is: is, spot: spot})
			}
			list[j].add(c)
		}
	}
	return list
}

// apart reports whether two subnets have no address in common: that they are one
// segment all the same must be known, for nothing suggests it.
func apart(a, b *plan.Subnet) bool {
	return a != nil && b != nil && a.Range.IsValid() && b.Range.IsValid() && !a.Range.Overlaps(b.Range)
}

// contactOf is plan.ContactOf, also for claims of no known subnet.
func contactOf(a, b *plan.Subnet) plan.Contact {
	if a == nil {
		a = &plan.Subnet{}
	}
	if b == nil {
		b = &plan.Subnet{}
	}
	return plan.ContactOf(a, b)
}

func (f *Facts) routerFinding(a, b router, o plan.Overlap, all []router) Finding {
	first, second := f.changeFirst(o.A, o.B)
	if first != o.A {
		a, b = b, a
	}
	o.A, o.B = first, second
	return Finding{
		Range: lower(first.Range, second.Range), Segment: segmentText(o.Contact),
		Message: fmt.Sprintf("virtual router %d is two: of %s for %s, and of %s for %s",
			a.id(), a.group(), a.addresses(), b.group(), b.addresses()),
		Claims: []Party{a.party(), b.party()},
		Why: "the machines of both groups take each other for one router (VRRP): one group's master silences the other's, whose address answers nowhere, or both fight; " +
			whySame(o.Contact),
		advise: func() string {
			return paragraphs(ofOnePlace(first, second, a.party().At, b.party().At, f.otherRouterID(a, all)), f.isolateIfAssumed(o))
		},
	}
}

// lower is the range that begins first: a finding is about the same address whichever of the
// two sides is named first.
func lower(a, b netipx.IPRange) netipx.IPRange {
	if b.From().Less(a.From()) {
		return b
	}
	return a
}

// part names the machines within their manifest.
func (r router) part() string {
	if o := r.claims[0].Owner(); o.InstanceGroup != "" {
		return o.InstanceGroup
	}
	return r.claims[0].Owner().Property
}

// hiddenPart names what hides of the router of somebody: its id, or the name by which it
// has one.
func (r router) hiddenPart(whose string) string {
	if r.mayBeAny() {
		return "the virtual_router_id of " + whose
	}
	return "a name, and with it the virtual_router_id, of " + whose
}

// group names the machines, or the property where it is of no group.
func (r router) group() string {
	c := *r.claims[0]
	if owner := c.Owner(); owner.InstanceGroup != "" {
		owner.Property = ""
		c.Holder = &owner
	}
	return who(&c)
}

// addresses names the virtual addresses.
func (r router) addresses() string {
	var ranges []netipx.IPRange
	for _, c := range r.claims {
		if !slices.Contains(ranges, c.Range) { // of one that may lie in several subnets
			ranges = append(ranges, c.Range)
		}
	}
	return listRanges(ranges)
}

// party is the side of the finding, at the line of the id.
func (r router) party() Party {
	c := r.claims[0]
	p := party(c, fmt.Sprintf("virtual router %d", r.id()))
	if r.hidden() != "" {
		p.Note = "virtual router ((" + r.hidden() + "))"
		if !r.mayBeAny() {
			p.Note = fmt.Sprintf("virtual router %d by ((%s))", r.id(), r.hidden())
		}
	}
	p.At = r.is.At
	if r.is.Default {
		p.Note += ", which is the default"
	}
	return p
}

// otherRouterID proposes the nearest id that no virtual router of the segment has.
func (f *Facts) otherRouterID(r router, all []router) string {
	taken := map[int]bool{}
	for _, o := range all {
		if o.v6() == r.v6() && !taken[o.id()] && r.mayMeet(o) {
			taken[o.id()] = true
		}
	}
	const highest = 255
	for step := 1; step < highest; step++ {
		for _, id := range []int{r.id() + step, r.id() - step} {
			if id >= 1 && id <= highest && !taken[id] {
				return fmt.Sprintf("give %s an id that ipguard knows of nobody in the segment:\nvirtual_router_id: %d", r.group(), id)
			}
		}
	}
	return ""
}
