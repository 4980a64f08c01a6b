// Package chronicle is the history of addresses: from when to when which director
// declared one, or had granted it.
//
//	push ──central──▶ survey, snapshot ──SightOf──▶ Sight ──advance──▶ open and past claims ──Store──▶ tables
//
// A claim is open from the push that shows it first. It is past when a push shows that it
// is gone; where a push cannot show that, because something in it cannot be seen, the
// claim stays open, unsure. What a push hides is a claim itself, of nobody: who asks
// whether anybody ever had an address has to hear of it. A past claim is never changed. Times are those at which the
// server was told.
//
// What is kept are blocks of addresses: neighbours of one claimant that came together are
// one row, and part only when their fates do. An address lies in at most 129 blocks, one
// of each length, so that an index finds its history without looking at others.
package chronicle

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"go4.org/netipx"
)

// What is how somebody has an address.
type What string

// Declared: files say so. Granted: the director said that it gave it out. Hidden: what
// could not be read of the director may have it; its Owner is empty.
const (
	Declared What = "declared"
	Granted  What = "granted"
	Hidden   What = "hidden"
)

// Claimant is who has addresses of one director, and how.
type Claimant struct {
	What What
	// Owner is deployment/instance-group[/index], or what else tells it apart.
	Owner string
}

// Sight is what one push shows of a director.
type Sight struct {
	// Has are the addresses of each claimant.
	Has map[Claimant]*netipx.IPSet
	// Hidden are the addresses that a claimant may have besides: what is not seen there
	// is not known to be gone.
	Hidden func(Claimant) *netipx.IPSet
}

// Open is a claim that is not known to be gone.
type Open struct {
	Claimant
	Block netip.Prefix
	Since time.Time
	// Unsure is since when it cannot be seen; the zero time while it can.
	Unsure time.Time
}

// Past is a claim that is gone.
type Past struct {
	Open
	Until time.Time
}

// changes are what a sight makes of a director's open claims.
type changes struct {
	// gone are open claims that are there no more as they were: what became of them is
	// in begun and past.
	gone  []Open
	begun []Open
	past  []Past
	// turned are those whose Unsure is another now.
	turned []Open
}

// advance holds the open claims of a director against what a push shows.
func advance(open []Open, s *Sight, now time.Time) changes {
	var c changes
	known := map[Claimant]*netipx.IPSetBuilder{}
	for _, o := range open {
		set := known[o.Claimant]
		if set == nil {
			set = &netipx.IPSetBuilder{}
			known[o.Claimant] = set
		}
		set.AddPrefix(o.Block)
		c.follow(o, s, now)
	}
	for claimant, has := range s.Has {
		var fresh netipx.IPSetBuilder
		fresh.AddSet(has)
		if before := known[claimant]; before != nil {
			fresh.RemoveSet(built(before))
		}
		for _, block := range built(&fresh).Prefixes() {
			c.begun = append(c.begun, Open{Claimant: claimant, Block: block, Since: now})
		}
	}
	c.sort()
	return c
}

// follow says what becomes of one open claim.
func (c *changes) follow(o Open, s *Sight, now time.Time) {
	if has := s.Has[o.Claimant]; has != nil && has.ContainsPrefix(o.Block) {
		if !o.Unsure.IsZero() {
			o.Unsure = time.Time{}
			c.turned = append(c.turned, o)
		}
		return
	}
	stays, hides, over := split(o, s)
	if stays == nil && over == nil {
		if o.Unsure.IsZero() {
			o.Unsure = now
			c.turned = append(c.turned, o)
		}
		return
	}
	c.gone = append(c.gone, o)
	for _, block := range stays {
		c.begun = append(c.begun, Open{Claimant: o.Claimant, Block: block, Since: o.Since})
	}
	for _, block := range hides {
		part := Open{Claimant: o.Claimant, Block: block, Since: o.Since, Unsure: o.Unsure}
		if part.Unsure.IsZero() {
			part.Unsure = now
		}
		c.begun = append(c.begun, part)
	}
	for _, block := range over {
		c.past = append(c.past, Past{Open{Claimant: o.Claimant, Block: block, Since: o.Since, Unsure: o.Unsure}, now})
	}
}

// split parts a block into what is seen, what may be there and cannot be seen, and what
// is gone.
func split(o Open, s *Sight) (stays, hides, over []netip.Prefix) {
	var absent netipx.IPSetBuilder
	absent.AddPrefix(o.Block)
	if has := s.Has[o.Claimant]; has != nil {
		var there netipx.IPSetBuilder
		there.AddPrefix(o.Block)
		there.Intersect(has)
		stays = built(&there).Prefixes()
		absent.RemoveSet(has)
	}
	missing := built(&absent)
	if hidden := s.Hidden(o.Claimant); hidden != nil {
		var may netipx.IPSetBuilder
		may.AddSet(missing)
		may.Intersect(hidden)
		hides = built(&may).Prefixes()
		absent = netipx.IPSetBuilder{}
		absent.AddSet(missing)
		absent.RemoveSet(hidden)
		missing = built(&absent)
	}
	return stays, hides, missing.Prefixes()
}

// built is the set; adding valid ranges makes no error.
func built(b *netipx.IPSetBuilder) *netipx.IPSet {
	set, err := b.IPSet()
	if err != nil {
		return &netipx.IPSet{}
	}
	return set
}

// sort orders what is written, so that servers that write the same do it in one order.
func (c *changes) sort() {
	slices.SortFunc(c.begun, compareOpen)
	slices.SortFunc(c.gone, compareOpen)
	slices.SortFunc(c.past, func(a, b Past) int { return compareOpen(a.Open, b.Open) })
}

func compareOpen(a, b Open) int {
	return cmp.Or(a.Block.Addr().Compare(b.Block.Addr()), cmp.Compare(a.Block.Bits(), b.Block.Bits()), cmp.Compare(a.What, b.What),
		cmp.Compare(a.Owner, b.Owner), a.Since.Compare(b.Since))
}
