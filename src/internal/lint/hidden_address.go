package lint

import (
	"fmt"
	"net/netip"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// HiddenAddressID is the rule that tells of hidden addresses.
const HiddenAddressID = "hidden-address"

var hiddenAddress = Rule{
	ID: HiddenAddressID, Severity: Warning, Family: FamilyFleet,
	Title: "an address hides behind a variable that stays unresolved",
	Doc:   page(HiddenAddressID),
	Run:   runHiddenAddress,
}

func runHiddenAddress(f *Facts, report func(Finding)) {
	hides := map[hiddenKey][]Hidden{}
	var order []hiddenKey
	for _, h := range f.Hidden {
		k := hiddenKey{h.Director, h.Deployment, h.Variable}
		if hides[k] == nil {
			order = append(order, k)
		}
		hides[k] = append(hides[k], h)
	}
	for _, k := range order {
		finding := hiddenFinding(hides[k])
		switch {
		case f.Strict:
			finding.Severity = Error
		case f.Targets.Part() && f.doubtful != nil && !f.doubtful[k]:
			finding.Severity = Info
			own := f.ownHidden[k]
			if own != nil && ofOne(own.Overlap) {
				finding.Severity = Warning
				finding.Message += fmt.Sprintf(": it may be %s, which %s has in the same manifest", plan.RangeText(own.Range), who(own.Other))
				finding.Why = "what cannot be seen cannot be compared; " + ownWhy(own)
			}
			if own != nil {
				break
			}
			if extent := f.extentOf(k); extent != "" && f.Targets.Match(plan.Owner{Director: k.director, Deployment: k.deployment}, hides[k][0].At) {
				finding.Message += ": it can only be " + extent + ", which nobody else claims"
			}
		}
		report(finding)
	}
}

// ownWhy says who finds out if a manifest has one address twice.
func ownWhy(m *plan.Meeting) string {
	if guarded(m.Overlap) {
		return "if both are one address, the director refuses the deploy"
	}
	return "if both are one address, nobody refuses it, and two machines answer for it"
}

// hiddenKey is a variable of a deployment, or of its director's configs.
type hiddenKey struct{ director, deployment, variable string }

// extentOf are the addresses that may hide behind a variable, where a few ranges
// hold all of them.
func (f *Facts) extentOf(k hiddenKey) string {
	var set netipx.IPSetBuilder
	for i := range f.Plan.BlindSpots {
		s := &f.Plan.BlindSpots[i]
		if (hiddenKey{s.Owner.Director, s.Owner.Deployment, s.Variable}) == k {
			for _, c := range s.May {
				set.AddRange(c.Range)
			}
		}
	}
	ranges := built(&set).Ranges()
	if len(ranges) == 0 || len(ranges) > 3 || ranges[0] == netipx.RangeOfPrefix(netip.PrefixFrom(netip.IPv4Unspecified(), 0)) {
		return ""
	}
	return listRanges(ranges)
}

// hiddenFinding tells of all that one variable of one deployment hides.
func hiddenFinding(list []Hidden) Finding {
	first := list[0]
	what := first.What
	if len(list) > 1 {
		what += fmt.Sprintf(" (and %d more)", len(list)-1)
	}
	finding := Finding{
		Message:    fmt.Sprintf("the variable ((%s)) has no value here and hides %s", first.Variable, what),
		Why:        "what cannot be seen cannot be compared with other directors",
		Suggestion: fmt.Sprintf("give its value as the deploy does: -v %s=…, -l FILE or --vars-store FILE, or vars_files in the fleet file", first.Variable),
	}
	for _, h := range list {
		finding.Claims = append(finding.Claims, Party{Owner: ownerOf(h.Director, h.Deployment), At: h.At, Note: h.What})
	}
	return finding
}
