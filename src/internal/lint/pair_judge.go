package lint

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// pairJudge says whether the rules would refuse two claims that overlap. It asks
// the rules themselves, once for each kind of pair.
type pairJudge struct {
	facts *Facts
	rules []Rule
	known map[pairKey]bool
	// deployed are the gateways and resolvers that directors deploy themselves.
	deployed map[plan.Kind]map[ownAddress]bool
}

// pairKey is everything of two claims that a rule of the fleet looks at.
type pairKey struct {
	a, b                                     side1
	relation                                 plan.Relation
	oneList                                  bool
	sameDirector, sameDeployment, sameSubnet bool
}

type side1 struct {
	kind                     plan.Kind
	property, judged, either bool
	director, runsDirector   bool
	// meant says of a booking that its owner is the other side, and taken that it holds.
	meant, taken bool
	// theirs says of a booking that its owner is of the other side's director.
	theirs bool
}

func newPairJudge(f *Facts) *pairJudge {
	rules := slices.DeleteFunc(Rules(), func(r Rule) bool { return r.Family != FamilyFleet || r.ID == HiddenAddressID })
	return &pairJudge{facts: f, rules: rules, known: map[pairKey]bool{}, deployed: map[plan.Kind]map[ownAddress]bool{
		plan.Gateway: f.deployedAt(plan.Gateway), plan.DNS: f.deployedAt(plan.DNS),
	}}
}

// refuses reports whether the meeting would be an error that has to do with what
// is judged, and that no director keeps from happening.
func (j *pairJudge) refuses(m plan.Meeting) bool {
	m = anotherMachine(m)
	if m.Hidden.Kind.Pool() && m.With == nil && j.deployed[m.Other.Kind][ownAddress{m.Hidden.Owner().Director, m.Other.Range.From()}] {
		return false
	}
	return j.refusesKind(m)
}

// mayRefuse reports whether some meeting of the crowd could be refused of which m is one: the
// others may or may not be of the deployment, and of the network, of what hides.
func (j *pairJudge) mayRefuse(m plan.Meeting) bool {
	m = anotherMachine(m)
	subnets, contacts := []*plan.Subnet{m.Other.Subnet, m.Hidden.Subnet}, []plan.Contact{m.Contact, m.Contact}
	contacts[1].Relation = plan.Same
	if s := m.Other.Subnet; s != nil {
		another := *s
		another.Network += nobodys
		subnets, contacts = append(subnets, &another), append(contacts, contactOf(m.Hidden.Subnet, &another))
	}
	owner := m.Other.Owner()
	for _, deployment := range []string{owner.Deployment, m.Hidden.Owner().Deployment, owner.Deployment + nobodys} {
		if (deployment == "") != (owner.Deployment == "") {
			continue // these are never in one crowd
		}
		of := owner
		of.Deployment = deployment
		for _, subnet := range subnets {
			for _, contact := range contacts {
				as, other := m, *m.Other
				other.Holder, other.Subnet, other.At = of.Held(), subnet, place.Place{} // each stands elsewhere
				as.B, as.Other, as.Contact = &other, &other, contact
				if j.refusesKind(as) {
					return true
				}
			}
		}
	}
	return false
}

// nobodys is in no name.
const nobodys = "\x00"

func (j *pairJudge) refusesKind(m plan.Meeting) bool {
	if !relevant(m.A, m.B) || guarded(m.Overlap) || ofOne(m.Overlap) {
		return false
	}
	of := func(c, other *plan.Claim) side1 {
		judged := j.facts.judgesClaim(c)
		if c.Kind == plan.Booked {
			return side1{kind: c.Kind, meant: plan.Means(c.Booking().Owner, other), taken: c.Booking().State == plan.BookingTaken,
				judged: judged, theirs: c.Booking().Director() == other.Owner().Director, property: c.Booking().Owner != ""}
		}
		return side1{kind: c.Kind, property: c.Owner().Property != "", judged: judged, either: c.EitherPool, director: c.Owner().Director != "", runsDirector: c.RunsDirector}
	}
	key := pairKey{
		a: of(m.A, m.B), b: of(m.B, m.A), relation: m.Contact.Relation, oneList: m.Contact.OneList,
		sameDirector:   m.A.Owner().Director == m.B.Owner().Director,
		sameDeployment: m.A.Owner().Deployment == m.B.Owner().Deployment,
		sameSubnet:     m.A.Subnet == m.B.Subnet,
	}
	refused, ok := j.known[key]
	if !ok {
		empty := &plan.Plan{}
		alone := &Facts{Plan: empty, seen: []plan.Overlap{m.Overlap}, paired: true, Space: plan.NewSpace(empty), Targets: j.facts.Targets}
		refused = slices.ContainsFunc(Run(alone, j.rules), func(f Finding) bool { return f.Severity >= Error && j.facts.Targets.concern(f) })
		j.known[key] = refused
	}
	return refused
}

// anotherMachine is the meeting if what hides is not the machine that the other is.
func anotherMachine(m plan.Meeting) plan.Meeting {
	if !m.Hidden.RunsDirector {
		return m
	}
	other := *m.Hidden
	other.RunsDirector = false
	if m.A == m.Hidden {
		m.A = &other
	} else {
		m.B = &other
	}
	m.Hidden = &other
	return m
}
