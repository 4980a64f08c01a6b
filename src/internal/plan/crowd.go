package plan

import (
	"iter"

	"go4.org/netipx"
)

// crowdFrom is from how many claims on that overlap what may hide in a spot they are looked
// at in crowds.
const crowdFrom = 512

// fewOfCrowd is how many of a crowd are looked at where all of them come to the same.
const fewOfCrowd = 32

// crowdProbes is of how many of a crowd at most it is asked whether they can meet what hides.
const crowdProbes = 64

// Crowd is a claim that a spot may hold, in one piece or in several, and claims that it meets
// and that differ in nothing that a contact or a rule depends on but their addresses, the
// deployment and the network. A thousand ranges that hide may each hold any address, and so
// meet each of the others: that is a million meetings, and a few crowds.
type Crowd struct {
	blindness *Blindness
	spot      *BlindSpot
	pieces    []*Claim
	others    *claimIndex
	first     Meeting
}

// crowdKey is what the claims of a crowd have in common.
type crowdKey struct {
	director                         string
	ofDeployment, ofProperty         bool
	kind                             Kind
	errand, eitherPool, runsDirector bool
	booking                          *Booking
	mark                             int
	subnet                           crowdSubnet
}

// crowdSubnet is of a subnet what a contact with one of another network depends on.
type crowdSubnet struct {
	known, named, ofDeployment bool
	director, past, segment    string
	perhaps                    Perhaps
	identity                   Identity
	one                        *Subnet // itself, where it is any of several
}

func (b *Blindness) crowdKeyOf(c *Claim) crowdKey {
	o := c.Owner()
	key := crowdKey{
		director: o.Director, ofDeployment: o.Deployment != "", ofProperty: o.Property != "", kind: c.Kind,
		errand: c.Errand, eitherPool: c.EitherPool, runsDirector: c.RunsDirector, booking: c.Booking(), mark: b.mark(c),
	}
	if s := c.Subnet; s != nil {
		key.subnet = crowdSubnet{
			known: true, named: s.Network != "", ofDeployment: s.Deployment != "",
			director: s.Director, past: s.Past, segment: s.Segment, perhaps: s.Perhaps, identity: s.Identity,
		}
		if len(s.Among) > 0 {
			key.subnet.one = s
		}
		// Which variable hides is in the reason alone.
		key.subnet.identity.Hidden, key.subnet.perhaps.Hidden = anyOf(s.Identity.Hidden), anyOf(s.Perhaps.Hidden)
	}
	return key
}

// anyOf is one text for all that are not empty.
func anyOf(text string) string {
	if text == "" {
		return ""
	}
	return "some"
}

// indexCrowds parts the claims, known and hidden, into crowds.
func (b *Blindness) indexCrowds(mark func(*Claim) int) {
	if b.crowds != nil {
		return
	}
	b.indexClaims()
	b.indexHidden()
	b.mark = mark
	number, parts := map[crowdKey]int{}, [][]*Claim{}
	for _, index := range []*claimIndex{b.claims, b.kin} {
		for _, c := range index.items {
			key := b.crowdKeyOf(c)
			n, ok := number[key]
			if !ok {
				n = len(parts)
				number[key], parts = n, append(parts, nil)
			}
			parts[n] = append(parts[n], c)
		}
	}
	b.crowds = []*claimIndex{}
	for _, part := range parts {
		b.crowds = append(b.crowds, newClaimIndex(part))
	}
}

// WithCrowdsFrom is the blindness that calls it a crowd if what may hide in a spot overlaps
// more than n claims.
func (b *Blindness) WithCrowdsFrom(n int) *Blindness {
	return &Blindness{plan: b.plan, counts: b.counts, contacts: b.contacts, crowdFrom: n}
}

// InCrowd reports whether the spot has more meetings than are looked at one by one.
func (b *Blindness) InCrowd(spot *BlindSpot) bool {
	b.indexClaims()
	b.indexHidden()
	n := 0
	for i := range spot.May {
		for _, index := range []*claimIndex{b.claims, b.kin} {
			for range index.overlapping(spot.May[i].Range) {
				if n++; n > b.crowdFrom {
					return true
				}
			}
		}
	}
	return false
}

// Crowds yields what Meetings does, in crowds. mark tells claims apart that look alike and
// that the caller judges in different ways; it is one function for all questions.
func (b *Blindness) Crowds(spot *BlindSpot, mark func(*Claim) int) iter.Seq[Crowd] {
	return func(yield func(Crowd) bool) {
		b.indexCrowds(mark)
		for _, pieces := range b.piecesOf(spot) {
			for _, others := range b.crowds {
				c := Crowd{blindness: b, spot: spot, pieces: pieces, others: others}
				if c.isApart() {
					continue
				}
				for m := range c.Meetings() {
					c.first = m
					break
				}
				if c.first.Other != nil && !yield(c) {
					return
				}
			}
		}
	}
}

// piecesOf are the claims that a spot may hold, those together that differ in their addresses
// and networks alone, of one family.
func (b *Blindness) piecesOf(spot *BlindSpot) [][]*Claim {
	type pieceKey struct {
		alike crowdKey
		owner Owner
		six   bool
	}
	number, parts := map[pieceKey]int{}, [][]*Claim{}
	for i := range spot.May {
		may := &spot.May[i]
		key := pieceKey{b.crowdKeyOf(may), may.Owner(), may.Range.From().Is6()}
		key.owner.Network = ""
		n, ok := number[key]
		if !ok {
			n = len(parts)
			number[key], parts = n, append(parts, nil)
		}
		parts[n] = append(parts[n], may)
	}
	return parts
}

// isApart reports whether none of the crowd can meet what hides: what parts one of another
// network from it parts all.
func (c Crowd) isApart() bool {
	own := c.pieces[0].Subnet
	for _, other := range c.others.items[:min(len(c.others.items), crowdProbes)] {
		if own != nil && other.Subnet != nil && own.Network == other.Subnet.Network && own.Director == other.Subnet.Director {
			continue
		}
		contact := c.blindness.contacts.of(own, other.Subnet)
		return contact.Relation == Isolated && !contact.OneList
	}
	return false
}

// Meetings yields those of the crowd.
func (c Crowd) Meetings() iter.Seq[Meeting] {
	return func(yield func(Meeting) bool) {
		for _, piece := range c.pieces {
			if !c.blindness.meetings(c.spot, piece, c.others, yield) {
				return
			}
		}
	}
}

// Few is how many of a crowd are looked at that come to the same: where crowds begin with
// fewer claims, fewer.
func (c Crowd) Few() int { return max(2, min(fewOfCrowd, c.blindness.crowdFrom)) }

// First is the first of the meetings.
func (c Crowd) First() Meeting { return c.first }

// Extent is a range in which all addresses of the meetings lie.
func (c Crowd) Extent() netipx.IPRange {
	items := c.others.items
	all := netipx.IPRangeFrom(items[0].Range.From(), items[c.others.furthest[len(items)/2]].Range.To())
	from, to := c.pieces[0].Range.From(), c.pieces[0].Range.To()
	for _, piece := range c.pieces {
		if piece.Range.From().Less(from) {
			from = piece.Range.From()
		}
		if to.Less(piece.Range.To()) {
			to = piece.Range.To()
		}
	}
	if all.To().BitLen() != to.BitLen() { // it goes on in the other family
		all = netipx.IPRangeFrom(all.From(), to)
	}
	if all.From().BitLen() != from.BitLen() {
		all = netipx.IPRangeFrom(from, all.To())
	}
	return Intersection(netipx.IPRangeFrom(from, to), all)
}
