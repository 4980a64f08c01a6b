package plan

import (
	"iter"
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/place"
)

// BlindSpot is a part of the fleet that nobody could see: whose it is, why, where,
// and what it may hold at most.
//
// What it may hold is proven, never guessed: May has every claim that some value
// in the place of the hidden one would make and that its director would admit. A
// claim that all such values make is no part of it: that one is certain, and
// stands in Plan.Claims.
type BlindSpot struct {
	Owner Owner
	// What names the hidden thing: "static_ips of web on network default".
	What string
	// Variable is what has no value; empty where it is no variable that hides.
	Variable string
	Reason   Reason
	// Message says in place of What and Reason what is wrong, where a reader said
	// so already; Hint what to do. Both may be empty.
	Message, Hint string
	// Excerpt is what may be shown of the line at fault; may be empty.
	Excerpt string
	At      place.Place
	// Judged says that a run was to judge what hides.
	Judged bool
	// May are the claims that may hide, each of them any part of its Range. There
	// are none where nothing hides that has to do with addresses.
	May []Claim
}

// Reason says why a blind spot cannot be seen.
type Reason uint8

// The reasons.
const (
	// NoValue: a variable stands there that has no value.
	NoValue Reason = iota + 1
	// Unreadable: a file, or the answer of a director, could not be read.
	Unreadable
	// Refused: it is written in a way that the director refuses, which is a finding
	// of its own.
	Refused
	// Overlooked: it stands where no director looks, such as below a key with a
	// wrong name.
	Overlooked
	// Ambiguous: a network is written where addresses belong, which may mean all of them
	// or none.
	Ambiguous
	// Untold: it is written nowhere, since somebody else chooses it.
	Untold
	// Withheld: whoever told it left it out, since it may not be shown.
	Withheld
)

// Meeting is a claim that a blind spot may hold, and one that it would have an
// address in common with.
type Meeting struct {
	Overlap
	// Hidden is the one of the overlap that the spot may hold.
	Hidden *Claim
	// Other is the other one; With is its spot if it hides, too.
	Other *Claim
	With  *BlindSpot
}

// Blindness answers which claims the blind spots of a plan can meet. It remembers
// what it computed, so many questions cost little more than one.
type Blindness struct {
	plan   *Plan
	counts func(*Claim) bool // nil: all
	claims *claimIndex
	hidden *claimIndex
	// kin is hidden with the first of those alone that are kin: a thousand variables that
	// may each hold any address of a range meet as few of one another.
	kin      *claimIndex
	spots    map[*Claim]*BlindSpot
	contacts *contacts
	// crowds are all of claims and kin, by what they have in common; mark tells them apart.
	crowds    []*claimIndex
	mark      func(*Claim) int
	crowdFrom int
}

// NewBlindness returns the blindness of p, which must not change any more.
func NewBlindness(p *Plan) *Blindness {
	return &Blindness{plan: p, contacts: newContacts(), crowdFrom: crowdFrom}
}

// Among is the blindness towards some claims: only those for which counts is true
// are met, be they known or hidden. Of a fleet that is large, few are judged.
func (b *Blindness) Among(counts func(*Claim) bool) *Blindness {
	return &Blindness{plan: b.plan, counts: counts, contacts: b.contacts, crowdFrom: b.crowdFrom}
}

// indexClaims and indexHidden are done by the first question that needs them.
func (b *Blindness) indexClaims() {
	if b.claims == nil {
		b.claims = newClaimIndex(b.counted(claimsOf(b.plan)))
	}
}

func (b *Blindness) indexHidden() {
	if b.hidden != nil {
		return
	}
	b.spots = map[*Claim]*BlindSpot{}
	var hidden []*Claim
	for i := range b.plan.BlindSpots {
		spot := &b.plan.BlindSpots[i]
		for j := range spot.May {
			b.spots[&spot.May[j]] = spot
			hidden = append(hidden, &spot.May[j])
		}
	}
	counted := b.counted(hidden)
	type known struct {
		spots int
		last  *BlindSpot
	}
	of, twins := map[kinKey]known{}, TwinsOf(b.plan.Subnets)
	var few []*Claim
	for _, c := range counted {
		k := of[c.kin(twins)]
		if k.last == b.spots[c] || k.spots == kinFirst {
			continue // a spot does not meet itself
		}
		of[c.kin(twins)] = known{k.spots + 1, b.spots[c]}
		few = append(few, c)
	}
	b.kin, b.hidden = newClaimIndex(few), newClaimIndex(counted)
}

func (b *Blindness) counted(list []*Claim) []*Claim {
	if b.counts == nil {
		return list
	}
	return slices.DeleteFunc(list, func(c *Claim) bool { return !b.counts(c) })
}

// Meetings yields what the spot can meet on the wire, or in the list of its own
// director: claims, and what may hide in other spots. Of many that are kin it yields
// the first.
func (b *Blindness) Meetings(spot *BlindSpot) iter.Seq[Meeting] {
	return func(yield func(Meeting) bool) {
		b.indexClaims()
		b.indexHidden()
		for i := range spot.May {
			for _, index := range []*claimIndex{b.claims, b.kin} {
				if !b.meetings(spot, &spot.May[i], index, yield) {
					return
				}
			}
		}
	}
}

// meetings yields those of one claim of the spot with claims of an index; it reports whether
// more is wanted.
func (b *Blindness) meetings(spot *BlindSpot, may *Claim, index *claimIndex, yield func(Meeting) bool) bool {
	for other := range index.overlapping(may.Range) {
		if b.spots[other] == spot {
			continue
		}
		m := b.meetingOf(may, other)
		if m.Contact.Relation == Isolated && !m.Contact.OneList {
			continue
		}
		if !yield(m) {
			return false
		}
	}
	return true
}

func (b *Blindness) meetingOf(may, other *Claim) Meeting {
	o := Overlap{A: may, B: other, Range: Intersection(may.Range, other.Range), Contact: b.contacts.of(may.Subnet, other.Subnet)}
	return Meeting{Overlap: o, Hidden: may, Other: other, With: b.spots[other]}
}

// Reaching yields the spots that may hold an address of r that a machine in s
// would meet; with s nil, in any segment.
func (b *Blindness) Reaching(s *Subnet, r netipx.IPRange) iter.Seq2[*BlindSpot, *Claim] {
	return func(yield func(*BlindSpot, *Claim) bool) {
		b.indexHidden()
		for may := range b.hidden.overlapping(r) {
			contact := b.contacts.of(s, may.Subnet)
			if s != nil && contact.Relation == Isolated && !contact.OneList {
				continue
			}
			if !yield(b.spots[may], may) {
				return
			}
		}
	}
}

func claimsOf(p *Plan) []*Claim {
	list := make([]*Claim, len(p.Claims))
	for i := range p.Claims {
		list[i] = &p.Claims[i]
	}
	return list
}

var allV4, allV6 = netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")

// Everywhere are all addresses of both families.
func Everywhere() *netipx.IPSet {
	var set netipx.IPSetBuilder
	set.AddPrefix(allV4)
	set.AddPrefix(allV6)
	all, err := set.IPSet()
	if err != nil {
		return &netipx.IPSet{} // prefixes that are valid make no error
	}
	return all
}

// MayHide reports whether something that cannot be seen of the owner's director, or of
// its deployment, may be a claim of that kind at an address of r; with r invalid, at
// any. Where it is true, a claim that is not there is not known to be gone.
func (p *Plan) MayHide(owner Owner, kind Kind, r netipx.IPRange) bool {
	for _, o := range p.Withheld {
		if o.Director == owner.Director && o.Deployment == owner.Deployment {
			return true
		}
	}
	for i := range p.BlindSpots {
		spot := &p.BlindSpots[i]
		if spot.Owner.Director != owner.Director || spot.Owner.Deployment != "" && owner.Deployment != "" && spot.Owner.Deployment != owner.Deployment {
			continue
		}
		for j := range spot.May {
			if may := &spot.May[j]; alike(may.Kind, kind) && (!r.IsValid() || may.Range.Overlaps(r)) {
				return true
			}
		}
	}
	return false
}

// Shows reports whether the owner's director, or its deployment, is seen to have a claim of
// that kind at an address of r; with r invalid, at any.
func (p *Plan) Shows(owner Owner, kind Kind, r netipx.IPRange) bool {
	for i := range p.Claims {
		c := &p.Claims[i]
		o := c.Owner()
		if o.Director == owner.Director && (o.Deployment == owner.Deployment || owner.Deployment == "") && alike(c.Kind, kind) && (!r.IsValid() || c.Range.Overlaps(r)) {
			return true
		}
	}
	return false
}

// alike reports whether what hides as one kind may turn out to be the other.
func alike(may, kind Kind) bool {
	return may == kind || may.InUse() && kind.InUse() || may.Pool() && kind.Pool()
}
