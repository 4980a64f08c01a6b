package lint

import (
	"fmt"

	"github.com/ipguard/ipguard/src/internal/plan"
)

var addressClaimedTwice = Rule{
	ID:        "address-claimed-twice",
	Severity:  Error,
	Family:    FamilyFleet,
	Title:     "one address is used by two owners that cannot see each other",
	Doc:       page("address-claimed-twice"),
	Exception: InFleetFile,
	Run: func(f *Facts, report func(Finding)) {
		for i, o := range f.overlaps() {
			if !o.A.Kind.InUse() || !o.B.Kind.InUse() || !foreign(o) || !onWire(o) || sameMachine(o) {
				continue
			}
			if o.A.Kind == plan.VIP && o.B.Kind == plan.VIP {
				continue // vip-claimed-twice
			}
			report(f.usedTwice(&f.seen[i], f.whyAnd("both will answer for it, and each breaks the other's connections whenever it speaks; ", o.Contact)))
		}
	},
}

// usedTwice is the finding about an address that two claims use.
func (f *Facts) usedTwice(o *plan.Overlap, why string) Finding {
	first, second := f.changeFirst(o.A, o.B)
	return f.usedTwiceBy(first, second, o, why)
}

// usedTwiceBy is usedTwice for claims whose order is known.
func (f *Facts) usedTwiceBy(first, second *plan.Claim, o *plan.Overlap, why string) Finding {
	one, other := who(first), who(second)
	return Finding{
		Range:   o.Range,
		Segment: segmentText(o.Contact),
		Message: fmt.Sprintf("%s is claimed twice: by %s and by %s", plan.RangeText(o.Range), one, other),
		Claims:  []Party{party(first, one), party(second, other)},
		Why:     why,
		advise: func() string {
			return paragraphs(ofOnePlace(first, second, first.At, second.At, f.instead(first)), f.isolateIfAssumed(*o), f.pushAgain(first, second))
		},
	}
}

// pushAgain is how an address outside of directors ends that the fleet file told before with one
// of its directors, and does not have any more; empty where neither claim is such.
func (f *Facts) pushAgain(list ...*plan.Claim) string {
	for _, c := range list {
		if director := f.ToldBefore[c.At]; c.Kind == plan.External && director != "" {
			return fmt.Sprintf("if %s does not have it any more, as the fleet file here says:\nipguard push %s", who(c), quotedArgument(director))
		}
	}
	return ""
}
