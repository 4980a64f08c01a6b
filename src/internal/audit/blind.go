package audit

import (
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// This file is about what nobody can see: which grants and promises it keeps from
// being judged, and which blind spots can meet what was asked for.

// Asked is what somebody wants to know: about which directors and which addresses,
// and how bad it must be to count.
type Asked struct {
	Judged func(director string) bool
	// Within says of a claim, or of one that may hide, whether it has an address that
	// was asked for.
	Within func(*plan.Claim) bool
	// Least is the lowest severity that ends the run with a finding.
	Least lint.Severity
}

// Doubts are the blind spots that may hold what would be told of at least as bad as
// was asked: a promise of what somebody else was granted or may be handed out, a
// grant of what is promised, a pool that may hand out what nobody keeps off.
//
// What one director guards is no doubt: a promise that its own list of addresses
// does not have room for, it refuses.
func (r *Result) Doubts(asked Asked) []*plan.BlindSpot {
	c := r.comparison
	grants, pools := c.grants(), c.pools
	var list []*plan.BlindSpot
	for _, side := range []struct {
		of      *plan.Plan
		matters func(spot *plan.BlindSpot, m *plan.Meeting) bool
		alone   func(spot *plan.BlindSpot) bool
		meets   [][]*plan.Claim
	}{
		{c.promised, asked.promiseMeets(c), asked.promiseMatters(c), [][]*plan.Claim{grants, pools, c.exposedClaims()}},
		{c.granted, asked.grantMeets(c), asked.grantMatters(c), [][]*plan.Claim{grants, c.exposedClaims(), c.promises()}},
		{&plan.Plan{BlindSpots: c.bookings.BlindSpots}, asked.bookingMeets(c), func(*plan.BlindSpot) bool { return false }, [][]*plan.Claim{grants, pools}},
	} {
		other := &plan.Plan{BlindSpots: side.of.BlindSpots}
		for _, claims := range side.meets {
			for _, claim := range claims {
				other.Claims = append(other.Claims, *claim)
			}
		}
		blindness := plan.NewBlindness(other)
		// A pool matters to what somebody has, and not to the many others that may hide.
		noPools := blindness.Among(func(c *plan.Claim) bool { return !c.Kind.Pool() })
		for i := range side.of.BlindSpots {
			spot, of := &side.of.BlindSpots[i], blindness
			if !slices.ContainsFunc(spot.May, func(may plan.Claim) bool { return !may.Kind.Pool() }) {
				of = noPools
			}
			if side.alone(spot) || meets(of, spot, side.matters) {
				list = append(list, spot)
			}
		}
	}
	return list
}

// Behind are the blind spots because of which a claim is not judged.
func (r *Result) Behind(c *plan.Claim) []*plan.BlindSpot {
	var list []*plan.BlindSpot
	for _, p := range []*plan.Plan{r.Promised, r.Granted} {
		for i := range p.BlindSpots {
			spot := &p.BlindSpots[i]
			mine := spot.Owner.Director == c.Owner().Director && (spot.Owner.Deployment == "" || spot.Owner.Deployment == c.Owner().Deployment || isVariable(spot.Owner.Deployment))
			if mine && slices.ContainsFunc(spot.May, func(may plan.Claim) bool { return may.Range.Overlaps(c.Range) }) {
				list = append(list, spot)
			}
		}
	}
	return list
}

func meets(b *plan.Blindness, spot *plan.BlindSpot, matters func(*plan.BlindSpot, *plan.Meeting) bool) bool {
	for m := range b.Meetings(spot) {
		if matters(spot, &m) {
			return true
		}
	}
	return false
}

// about reports whether an item of the two would be one that was asked for.
func (a Asked) about(m *plan.Meeting) bool {
	judged := func(c *plan.Claim) bool { return c.Owner().Director != "" && a.Judged(c.Owner().Director) }
	if !judged(m.Hidden) && !judged(m.Other) {
		return false
	}
	hidden, other := *m.Hidden, *m.Other
	hidden.Range, other.Range = m.Range, m.Range
	return a.Within(&hidden) || a.Within(&other)
}

// promiseMatters is about promises that nobody was granted, each of them a warning.
func (a Asked) promiseMatters(c *comparison) func(*plan.BlindSpot) bool {
	return func(spot *plan.BlindSpot) bool {
		if a.Least > lint.Warning {
			return false
		}
		for i := range spot.May {
			may := &spot.May[i]
			if d := c.byName[may.Owner().Director]; may.Kind.InUse() && d != nil && d.Granted != nil && a.Judged(d.Name) && a.Within(may) {
				return true
			}
		}
		return false
	}
}

// promiseMeets is about what files may say.
func (a Asked) promiseMeets(c *comparison) func(*plan.BlindSpot, *plan.Meeting) bool {
	return func(_ *plan.BlindSpot, m *plan.Meeting) bool {
		switch hidden, other := m.Hidden, m.Other; {
		case !a.about(m) || !c.meet(hidden, other):
			return false
		case hidden.Kind.InUse() && isGrant(other) && m.With == nil:
			return !c.fulfils(other, hidden) && !oneDeployment(hidden, other) && !oneList(hidden, other)
		case hidden.Kind.InUse() && dynamic(other.Kind):
			d := c.byName[hidden.Owner().Director]
			return hidden.Kind == plan.CreateEnvVM || d != nil && d.Granted != nil
		}
		return c.mayTake(m)
	}
}

// mayTake reports whether what hides is a pool from which a promise may be handed out
// that nobody keeps off.
func (c *comparison) mayTake(m *plan.Meeting) bool {
	if !dynamic(m.Hidden.Kind) || !m.Other.Kind.InUse() {
		return false
	}
	for _, e := range c.exposed {
		if e.claim.Owner() == m.Other.Owner() && e.claim.Kind == m.Other.Kind && e.except != m.Hidden.Owner().Director && e.at.Overlaps(m.Range) {
			return true
		}
	}
	return m.With != nil
}

// grantMatters is about virtual addresses that a director may have, which its files
// would have to tell.
func (a Asked) grantMatters(c *comparison) func(*plan.BlindSpot) bool {
	return func(spot *plan.BlindSpot) bool {
		d := c.byName[spot.Owner.Director]
		if d == nil || d.Promised == nil || !a.Judged(d.Name) {
			return false
		}
		for i := range spot.May {
			if may := &spot.May[i]; mayBeGrant(spot, may) && a.Within(may) {
				return true
			}
		}
		return false
	}
}

// grantMeets is about what directors may have granted.
func (a Asked) grantMeets(c *comparison) func(*plan.BlindSpot, *plan.Meeting) bool {
	return func(spot *plan.BlindSpot, m *plan.Meeting) bool {
		switch hidden, other := m.Hidden, m.Other; {
		case !a.about(m) || !c.meet(hidden, other):
			return false
		case mayBeGrant(spot, hidden):
			return m.With == nil && other.Kind.InUse() && !c.fulfils(hidden, other) && !oneDeployment(hidden, other) && !oneList(hidden, other)
		}
		return c.mayTake(m)
	}
}

// bookingMeets is about what somebody may have booked.
func (a Asked) bookingMeets(c *comparison) func(*plan.BlindSpot, *plan.Meeting) bool {
	return func(_ *plan.BlindSpot, m *plan.Meeting) bool {
		return a.about(m) && c.meet(m.Hidden, m.Other) && m.With == nil
	}
}

// mayBeGrant reports whether a director may have granted what hides: what a deployed
// manifest asks for by static_ips is no grant, unless all that the director said hides.
func mayBeGrant(spot *plan.BlindSpot, may *plan.Claim) bool {
	return may.Kind == plan.VIP && may.Owner().Property != "" || may.Kind == plan.Static && spot.Reason == plan.Unreadable && spot.Owner.Deployment == ""
}

// oneList reports whether one director has both in its list of addresses, and so
// refuses the second.
func oneList(a, b *plan.Claim) bool {
	return a.Owner().Director == b.Owner().Director && listed(a) && listed(b)
}

// exposed is a promise that no grant protects.
type exposed struct {
	claim *plan.Claim
	at    netipx.IPRange
	// except names the director that keeps off it all the same.
	except string
}

func (c *comparison) exposedClaims() []*plan.Claim {
	var list []*plan.Claim
	for _, e := range c.exposed {
		list = append(list, e.claim)
	}
	return list
}

// hides reports whether the files of a deployment, or of a director's configs for an
// empty one, may promise a virtual address that cannot be seen.
func (c *comparison) hides(director, deployment string) bool {
	return c.hidesIn(c.promised, director, deployment, func(may *plan.Claim) bool { return may.Kind == plan.VIP })
}

// mayHave reports whether a director may have granted what is promised to its owner,
// where that cannot be seen.
func (c *comparison) mayHave(m stray) bool {
	p := m.claim
	return p.Owner().Property != "" && c.hidesIn(c.granted, p.Owner().Director, p.Owner().Deployment, func(may *plan.Claim) bool {
		return may.Kind == plan.VIP && may.Owner().Property != "" && may.Range.Overlaps(m.at)
	})
}

func (c *comparison) hidesIn(p *plan.Plan, director, deployment string, fits func(*plan.Claim) bool) bool {
	for i := range p.BlindSpots {
		spot := &p.BlindSpots[i]
		if spot.Owner.Director != director || spot.Owner.Deployment != deployment {
			continue
		}
		for j := range spot.May {
			if fits(&spot.May[j]) {
				return true
			}
		}
	}
	return false
}

// mayBePooled reports whether a pool that cannot be seen may hold what a director
// granted.
func (c *comparison) mayBePooled(g *plan.Claim) bool {
	pool := func(deployment string) bool {
		return c.hidesIn(c.promised, g.Owner().Director, deployment, func(may *plan.Claim) bool {
			return (dynamic(may.Kind) || may.Kind == plan.StaticPool) && may.Range.Overlaps(g.Range)
		})
	}
	return pool("") || pool(g.Owner().Deployment)
}

// hidesGroup reports whether a group of the manifest may be any: its name hides, that of
// the group that it was before (migrated_from), or the list of groups does.
func hidesGroup(m *bosh.Manifest) bool {
	return slices.ContainsFunc(m.Groups, func(g *bosh.Group) bool { return isVariable(g.Name) || g.PastHidden }) ||
		slices.ContainsFunc(m.Gaps, func(gap bosh.Gap) bool { return gap.Hides == bosh.HidesGroups })
}

// hidesUses reports whether the group may be on a network that cannot be seen.
func hidesUses(m *bosh.Manifest, group *bosh.Group) bool {
	return slices.ContainsFunc(m.Gaps, func(gap bosh.Gap) bool {
		return gap.Group == group && (gap.Hides == bosh.HidesUses || gap.Hides == bosh.HidesUseName)
	})
}

// hidesDeployment reports whether a file of the director may describe any deployment.
func hidesDeployment(d *claims.Director) bool {
	return slices.ContainsFunc(d.Deployments, func(m *bosh.Manifest) bool { return isVariable(m.Name) })
}

func isVariable(name string) bool {
	_, hidden := bosh.VariableIn(name)
	return hidden
}
