package lint

import (
	"cmp"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// Sort orders findings for the user and drops exact duplicates. It reuses the
// slice. What a director would refuse comes first, director by director, in the
// order in which it would: the first is the one that it would stop at. All else
// is ordered by the place to change first, then by rule and addresses; every
// other field decides after these, so that the result does not depend on the
// order in which rules ran.
func Sort(findings []Finding) []Finding {
	slices.SortFunc(findings, compareFindings)
	return slices.CompactFunc(findings, func(a, b Finding) bool { return compareFindings(a, b) == 0 })
}

func compareFindings(a, b Finding) int {
	return cmp.Or(
		compareRefusals(a, b),
		firstPlace(a).Compare(firstPlace(b)),
		cmp.Compare(a.Rule, b.Rule),
		compareRanges(a.Range, b.Range),
		cmp.Compare(b.Severity, a.Severity), // the worse one first
		cmp.Compare(a.Message, b.Message),
		cmp.Compare(a.Whose, b.Whose),
		cmp.Compare(a.Segment, b.Segment),
		cmp.Compare(a.DirectorError, b.DirectorError),
		slices.CompareFunc(a.Claims, b.Claims, compareParties),
		cmp.Compare(a.Why, b.Why),
		cmp.Compare(a.Suggestion, b.Suggestion),
	)
}

// compareRefusals puts refusals before all else, in their director's order.
func compareRefusals(a, b Finding) int {
	switch {
	case a.Order == 0 && b.Order == 0:
		return 0
	case a.Order == 0:
		return 1
	case b.Order == 0:
		return -1
	}
	return cmp.Or(cmp.Compare(a.Claims[0].Owner.Director, b.Claims[0].Owner.Director), cmp.Compare(a.Order, b.Order))
}

// firstPlace is the place to change first, or nowhere.
func firstPlace(f Finding) place.Place {
	if len(f.Claims) == 0 {
		return place.Place{}
	}
	return f.Claims[0].At
}

func compareParties(a, b Party) int {
	return cmp.Or(
		a.At.Compare(b.At),
		cmp.Compare(a.Kind, b.Kind),
		compareRanges(a.Range, b.Range),
		compareOwners(a.Owner, b.Owner),
		cmp.Compare(a.Note, b.Note),
	)
}

func compareOwners(a, b plan.Owner) int {
	return cmp.Or(
		cmp.Compare(a.Director, b.Director),
		cmp.Compare(a.Deployment, b.Deployment),
		cmp.Compare(a.InstanceGroup, b.InstanceGroup),
		cmp.Compare(a.Network, b.Network),
		cmp.Compare(a.Property, b.Property),
	)
}

func compareRanges(a, b netipx.IPRange) int {
	return cmp.Or(a.From().Compare(b.From()), a.To().Compare(b.To()))
}
