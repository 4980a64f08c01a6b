package lint

import (
	"fmt"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Doubt is a blind spot because of which a run cannot say that all is well: what
// hides there may be what a rule would refuse, or nobody can tell what it is.
type Doubt struct {
	Spot *plan.BlindSpot
	// Met is what it can meet; nil where it is in doubt whatever it meets.
	Met *plan.Meeting
	// Unbooked says that it may be an address that has to be booked, and is not.
	Unbooked bool
	// Clause says, where none of these does, what nobody knows.
	Clause string
	// Allow is the rule by which somebody who knows better may say so, of all that can be
	// met at the place; empty if nobody may. Owners are those that have to be named.
	Allow  string
	Owners []plan.Owner
	meets  met
}

// Trouble is the doubt as the user is told of it.
func (d Doubt) Trouble() trouble.Trouble {
	f := trouble.Trouble{Message: d.Spot.Text(), At: d.Spot.At, Hint: d.Spot.Hint, Excerpt: d.Spot.Excerpt}
	switch {
	case d.Clause != "":
		f.Message += ": nobody knows whether " + d.Clause
	case d.Met != nil:
		f.Message += ": nobody knows whether it takes " + metText(d.Met)
	}
	if d.Unbooked {
		f.Message += ": nobody knows whether it is an address that has to be booked"
	}
	if f.Hint == "" && d.Spot.Message == "" {
		f.Hint = spotCure(d.Spot)
	}
	if d.Spot.Owner.Director != "" && d.Allow != "" {
		f.Hint = strings.TrimPrefix(f.Hint+"; where you know better, "+d.allowLine(), "; ")
	}
	return f
}

func metText(m *plan.Meeting) string {
	what := plan.RangeText(m.Range)
	switch {
	case m.With != nil && m.With.Variable != "":
		return fmt.Sprintf("an address that ((%s)) at %s takes as well", m.With.Variable, m.With.At)
	case m.With != nil:
		return fmt.Sprintf("an address that somebody takes at %s, where it hides as well", m.With.At)
	case m.Other.Kind.Pool():
		return fmt.Sprintf("%s, which %s %s on network %s", what, side(m.Other), use(m.Other.Kind), network(m.Other))
	}
	return what + ", " + who(m.Other)
}

// spotCure says how the spot could be seen.
func spotCure(s *plan.BlindSpot) string {
	if s.Variable != "" {
		return fmt.Sprintf("give its value as the deploy does: -v %s=…, -l FILE or --vars-store FILE, or vars_files in the fleet file", s.Variable)
	}
	if s.Reason == plan.Ambiguous {
		return "write the address that the VM has, such as 10.0.0.5, or all of them as a range, such as 10.0.0.5-10.0.0.9"
	}
	if s.Reason == plan.Unreadable {
		return "it looks like an address: write one, or a range, such as 10.0.0.5 or 10.0.0.5-10.0.0.9" + ifNoAddress(s.Owner.Property)
	}
	return "write it as the director reads it"
}

// ifNoAddress says how a property is left out that holds no addresses, if a fleet file can
// say so: those that the CPI reads are always looked at.
func ifNoAddress(property string) string {
	if _, err := bosh.ParsePattern(property); err != nil || strings.Contains(property, ".cloud_properties.") {
		return ""
	}
	return "; if it is none, vip_properties: {ignore: [" + property + "]} in the fleet file"
}

// About are the addresses that it is about: of very many, all between the first and the last.
func (d Doubt) About() []netipx.IPRange { return d.meets.ranges() }

// allowLine is the entry of allow that says that they do not meet.
func (d Doubt) allowLine() string {
	var owners, ranges []string
	for _, o := range d.Owners {
		owner := o.Director
		if o.Deployment != "" {
			owner += "/" + o.Deployment
		}
		if owner = yamlText(owner); !slices.Contains(owners, owner) {
			owners = append(owners, owner)
		}
	}
	for _, r := range d.About() {
		text := strings.ReplaceAll(plan.RangeText(r), " ", "")
		if strings.HasPrefix(text, ":") || strings.HasSuffix(text, ":") {
			text = `"` + text + `"` // to YAML a colon there ends a key
		}
		ranges = append(ranges, text)
	}
	return fmt.Sprintf("allow: [{rule: %s, addresses: [%s], owners: [%s], until: YYYY-MM-DD, reason: …}] in the fleet file",
		d.Allow, strings.Join(ranges, ", "), strings.Join(owners, ", "))
}

// met are the addresses that a doubt is about. Of very many the first and the last are
// remembered: an exception is for a while, and for a person to read.
type met struct {
	few       []netipx.IPRange
	four, six netipx.IPRange
}

// manyMet is of how many ranges each is remembered, and shownMet how many are shown.
const manyMet, shownMet = 256, 12

func (m *met) add(r netipx.IPRange) {
	whole := &m.four
	if r.From().Is6() {
		whole = &m.six
	}
	switch {
	case !whole.IsValid():
		*whole = r
	case r.From().Less(whole.From()):
		*whole = netipx.IPRangeFrom(r.From(), whole.To())
	}
	if whole.To().Less(r.To()) {
		*whole = netipx.IPRangeFrom(whole.From(), r.To())
	}
	if len(m.few) <= manyMet && !slices.Contains(m.few, r) {
		m.few = append(m.few, r)
	}
}

// settled reports whether more of what lies in r would change nothing.
func (m *met) settled() bool { return len(m.few) > manyMet }

// ranges are those to show: few, and then all between the first and the last.
func (m *met) ranges() []netipx.IPRange {
	var set netipx.IPSetBuilder
	for _, r := range m.few {
		set.AddRange(r)
	}
	if list := built(&set).Ranges(); !m.settled() && len(list) <= shownMet {
		return list
	}
	return slices.DeleteFunc([]netipx.IPRange{m.four, m.six}, func(r netipx.IPRange) bool { return !r.IsValid() })
}

// doubting finds the doubts of a run.
type doubting struct {
	facts    *Facts
	judge    *pairJudge
	accepts  func(*Finding) bool
	unjudged map[*plan.Claim][]plan.Kind
	// hiding are the doubts by their places: what hides of a manifest in one place is told
	// of once.
	hiding   map[hidingPlace]int
	doubts   []Doubt
	accepted []Finding
}

// Doubts are the blind spots that keep the run from being green. accepts says
// whether somebody who knows better said so of a spot and what it can meet; those
// meetings come back as accepted, as findings.
func (f *Facts) Doubts(accepts func(*Finding) bool) (doubts []Doubt, accepted []Finding) {
	f.ownHidden = map[hiddenKey]*plan.Meeting{}
	d := &doubting{facts: f, judge: newPairJudge(f), accepts: accepts, unjudged: f.unjudged(), hiding: map[hidingPlace]int{}}
	told := f.refusedPlaces()
	toJudged := f.Blindness
	if f.Targets.Some {
		toJudged = f.Blindness.Among(f.judgesClaim)
	}
	for i := range f.Plan.BlindSpots {
		spot := &f.Plan.BlindSpots[i]
		if spot.Judged || (spot.Reason == plan.Unreadable || spot.Reason == plan.Overlooked) && f.judges(spot.Owner, spot.At) {
			d.doubts = append(d.doubts, Doubt{Spot: spot})
			continue
		}
		if f.mayBeUnbooked(spot) {
			d.doubts = append(d.doubts, Doubt{Spot: spot, Unbooked: true})
			continue
		}
		if spot.Reason == plan.Refused && f.judges(spot.Owner, spot.At) && told[lineOf(spot.At)] {
			continue // whoever reads the finding knows
		}
		blindness := toJudged // of what is not judged, only what it can do to what is
		if f.Targets.Match(spot.Owner, spot.At) {
			blindness = f.Blindness
		}
		d.look(blindness, spot)
	}
	for _, found := range []func(*pairJudge, func(*Finding) bool) ([]Doubt, []Finding){f.segmentDoubts, f.routerDoubts, f.bookingDoubts} {
		more, moreAccepted := found(d.judge, accepts)
		d.doubts, d.accepted = append(d.doubts, more...), append(d.accepted, moreAccepted...)
	}
	f.doubtful = map[hiddenKey]bool{}
	for _, d := range d.doubts {
		f.doubtful[hiddenKey{d.Spot.Owner.Director, d.Spot.Owner.Deployment, d.Spot.Variable}] = true
	}
	return d.doubts, d.accepted
}

// look looks at all that the spot can meet, of very much in crowds.
func (d *doubting) look(b *plan.Blindness, spot *plan.BlindSpot) {
	if !b.InCrowd(spot) {
		for m := range b.Meetings(spot) {
			d.meet(spot, &m)
		}
		return
	}
	for c := range b.Crowds(spot, d.mark) {
		d.meetCrowd(spot, c)
	}
}

// verdict is what a meeting comes to.
type verdict uint8

const (
	harmless verdict = iota
	accepted
	doubtful
)

func (d *doubting) meet(spot *plan.BlindSpot, m *plan.Meeting) verdict {
	if !d.judge.refuses(*m) && !slices.Contains(d.unjudged[m.Other], m.Hidden.Kind) || d.facts.isTakenInItsList(*m) {
		d.facts.noteOwn(spot, *m)
		return harmless
	}
	i, known := d.hiding[placeOf(spot)]
	if known && d.doubts[i].meets.settled() {
		d.doubts[i].meets.add(m.Range)
		return doubtful
	}
	finding := meetingFinding(spot, m)
	if d.accepts(&finding) {
		d.accepted = append(d.accepted, finding)
		return accepted
	}
	if !known {
		i = len(d.doubts)
		d.hiding[placeOf(spot)] = i
		d.doubts = append(d.doubts, Doubt{Spot: spot, Met: m, Allow: HiddenAddressID, Owners: []plan.Owner{spot.Owner}})
	}
	d.doubts[i].meets.add(m.Range)
	return doubtful
}

// meetCrowd looks at the meetings of a crowd until it is known what they come to. Of a doubt
// the range that they all lie in is remembered then.
func (d *doubting) meetCrowd(spot *plan.BlindSpot, c plan.Crowd) {
	if !d.mayMatter(c) {
		d.noteOwnOf(spot, c)
		return
	}
	var seen [doubtful + 1]int
	for m := range c.Meetings() {
		v := d.meet(spot, &m)
		seen[v]++
		if v == harmless || seen[v] < c.Few() {
			continue
		}
		whole := m
		whole.Range = c.Extent()
		finding := meetingFinding(spot, &whole)
		if v == doubtful {
			d.doubts[d.hiding[placeOf(spot)]].meets.add(whole.Range)
			return
		}
		if seen[v] == c.Few() && d.accepts(&finding) {
			d.accepted = append(d.accepted, finding)
			return
		}
	}
}

// mayMatter reports whether any of the crowd could come to a doubt.
func (d *doubting) mayMatter(c plan.Crowd) bool {
	m := c.First()
	return len(d.unjudged[m.Other]) > 0 || d.judge.mayRefuse(m)
}

// noteOwnOf is noteOwn for a crowd: of a manifest's own addresses one is enough.
func (d *doubting) noteOwnOf(spot *plan.BlindSpot, c plan.Crowd) {
	if first := c.First(); !first.Hidden.Kind.InUse() || !first.Other.Kind.InUse() || first.Hidden.Owner().Director != first.Other.Owner().Director {
		return
	}
	for m := range c.Meetings() {
		if d.facts.noteOwn(spot, m) {
			return
		}
	}
}

// mark tells claims apart that are judged in different ways.
func (d *doubting) mark(c *plan.Claim) int {
	mark := 0
	if d.facts.judgesClaim(c) {
		mark++
	}
	if len(d.unjudged[c]) > 0 {
		mark += 2
	}
	return mark
}

// hidingPlace is a variable in a place of a manifest. Several parts hide there if it is
// a key that may be any of theirs.
type hidingPlace struct {
	director, deployment, variable string
	at                             place.Place
}

func placeOf(s *plan.BlindSpot) hidingPlace {
	return hidingPlace{s.Owner.Director, s.Owner.Deployment, s.Variable, s.At}
}

// noteOwn remembers that what hides may be what the same director's list, or the same
// manifest, has already: the director refuses the second, or whoever wrote both knows. It
// reports whether it knows of the latter, beside which nothing else is told.
func (f *Facts) noteOwn(spot *plan.BlindSpot, m plan.Meeting) bool {
	if spot.Variable == "" || m.With != nil || !m.Hidden.Kind.InUse() || !m.Other.Kind.InUse() || !(guarded(m.Overlap) || ofOne(m.Overlap)) {
		return false
	}
	k := hiddenKey{spot.Owner.Director, spot.Owner.Deployment, spot.Variable}
	if known := f.ownHidden[k]; known == nil || !ofOne(known.Overlap) && ofOne(m.Overlap) {
		f.ownHidden[k] = &m
	}
	return ofOne(f.ownHidden[k].Overlap)
}

func labelOf(s *plan.Subnet) string {
	if s == nil {
		return "a network that nobody knows"
	}
	return s.Label()
}

// ofWhom names who has a claim, or may hand it out.
func ofWhom(c *plan.Claim) string {
	if c.Kind.Pool() {
		return fmt.Sprintf("what %s %s on network %s", side(c), use(c.Kind), network(c))
	}
	return "that of " + who(c)
}

// judges reports whether the run judges what the owner has: itself, or the
// cloud-config that a judged deployment gets.
func (f *Facts) judges(o plan.Owner, at place.Place) bool {
	return f.Targets.Match(o, at) || o.Deployment == "" && f.Targets.haveDirector(o.Director)
}

// judgesClaim reports whether a claim is one of what the run judges.
func (f *Facts) judgesClaim(c *plan.Claim) bool { return f.Targets.Match(c.Owner(), c.At) }

// meetingFinding is what exceptions look at.
func meetingFinding(spot *plan.BlindSpot, m *plan.Meeting) Finding {
	return Finding{
		Rule: HiddenAddressID, Severity: Error, Message: spot.Text(), Range: m.Range,
		Claims: []Party{{Owner: spot.Owner, Range: m.Range, At: spot.At}, {Owner: m.Other.Owner(), Kind: m.Other.Kind}},
	}
}

type fileLine struct {
	file string
	line int
}

func lineOf(p place.Place) fileLine { return fileLine{p.File, p.Line} }

// refusedPlaces are the lines of which a director says something.
func (f *Facts) refusedPlaces() map[fileLine]bool {
	lines := map[fileLine]bool{}
	for i := range f.Problems {
		if p := &f.Problems[i]; p.Refusal() {
			lines[lineOf(p.At)] = true
		}
	}
	return lines
}

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
				other.Holder, other.Subnet = of.Held(), subnet
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

// ofOne reports whether both addresses are asked for by one manifest: whoever wrote
// it, and gives its variables, is no other owner.
func ofOne(o plan.Overlap) bool {
	return o.A.Kind.InUse() && o.B.Kind.InUse() && o.A.Owner().Deployment != "" && sameDeployment(o)
}

// isTakenInItsList reports whether what hides cannot be the address that it meets: another
// deployment has it in the list of the same director, which refuses it a second time.
func (f *Facts) isTakenInItsList(m plan.Meeting) bool {
	hidden := m.Hidden
	if hidden.Kind != plan.Static || hidden.Subnet == nil || m.With != nil {
		return false
	}
	for c := range f.Space.Claims(m.Range) {
		if c.Kind == plan.Static && c.Subnet != nil && c.Subnet.OneListWith(hidden.Subnet) && c.Owner().Deployment != hidden.Owner().Deployment &&
			c.Range.Contains(m.Range.From()) && c.Range.Contains(m.Range.To()) {
			return true
		}
	}
	return false
}

// guarded reports whether a director itself refuses the second of the two: both
// stand in its own list of addresses.
func guarded(o plan.Overlap) bool {
	listed := func(c *plan.Claim) bool {
		switch c.Kind {
		case plan.Static, plan.Lease, plan.Orphan:
			return true
		case plan.VIP:
			return c.Owner().Property == ""
		}
		return false
	}
	return o.Contact.OneList && listed(o.A) && listed(o.B)
}
