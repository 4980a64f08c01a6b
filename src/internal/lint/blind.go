package lint

import (
	"fmt"
	"slices"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

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
	for _, found := range []func(*pairJudge, func(*Finding) bool) ([]Doubt, []Finding){f.segmentDoubts, f.routerDoubts, f.bookingDoubts, f.keptDoubts} {
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
	if first := c.First(); spot.Variable == "" || !first.Hidden.Kind.InUse() || !first.Other.Kind.InUse() || first.Hidden.Owner().Director != first.Other.Owner().Director {
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
