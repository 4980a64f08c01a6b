package lint

import (
	"fmt"

	"github.com/ipguard/ipguard/src/internal/plan"
)

var addressClaimedTwice = Rule{
	ID:       "address-claimed-twice",
	Severity: Error,
	Family:   FamilyFleet,
	Title:    "one address is used by two owners that cannot see each other",
	Doc: `Two owners use the same address in one segment: a static address of one
director, the VM of a create-env manifest, a virtual address, the machine of a
director. Each side is told by its own director, or by nobody, that the address
is free. Both VMs will answer for it, and connections of either break whenever
the other speaks.

Bad:

    # promo/pgpool.yml                      # dr-west/director.yml (create-env)
    networks:                               networks:
    - name: default                         - name: private
      static_ips: [10.8.52.190, 10.8.52.191]  static_ips: [10.8.52.191]

Good: take one of the addresses that the finding proposes, in one of the files.
If the two networks are not one segment, say so in the fleet file (segments).
A virtual address that the same deployment parks as a static_ips is no conflict.`,
	Run: func(f *Facts, report func(Finding)) {
		for _, o := range f.Overlaps {
			if !o.A.Kind.InUse() || !o.B.Kind.InUse() || !foreign(o) || !onWire(o) || sameMachine(o) {
				continue
			}
			if o.A.Kind == plan.VIP && o.B.Kind == plan.VIP {
				continue // vip-claimed-twice
			}
			report(f.usedTwice(o, "both will answer for it, and each breaks the other's connections whenever it speaks; "+whySame(o.Contact)))
		}
	},
}

// usedTwice is the finding about an address that two claims use.
func (f *Facts) usedTwice(o plan.Overlap, why string) Finding {
	first, second := f.changeFirst(o.A, o.B)
	return f.usedTwiceBy(first, second, o, why)
}

// usedTwiceBy is usedTwice for claims whose order is known.
func (f *Facts) usedTwiceBy(first, second *plan.Claim, o plan.Overlap, why string) Finding {
	return Finding{
		Range:      o.Range,
		Segment:    segmentText(o.Contact),
		Message:    fmt.Sprintf("%s is claimed twice: by %s and by %s", plan.RangeText(o.Range), who(first), who(second)),
		Claims:     []Party{party(first, who(first)), party(second, who(second))},
		Why:        why,
		Suggestion: paragraphs(f.instead(first), isolateIfAssumed(o)),
	}
}

// isolateIfAssumed offers the lines that end a finding which rests on an
// assumption.
func isolateIfAssumed(o plan.Overlap) string {
	if o.Contact.Relation != plan.Assumed {
		return ""
	}
	return isolateLines(o.A.Subnet, o.B.Subnet)
}
