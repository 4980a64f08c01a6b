package lint

import (
	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
)

var staticIPTwice = Rule{
	ID:       "static-ip-twice",
	Severity: Error,
	Family:   FamilyFleet,
	Title:    "one director is asked for the same address twice",
	Doc: `Two instance groups, of one deployment or of two, ask one director for the
same static address. The director finds out in the middle of the deploy, when it
reserves addresses (NetworkReservationAlreadyInUse). It keeps one list for all
its networks, so that also equal addresses of isolated networks are refused.

Bad:

    instance_groups:
    - name: web
      networks: [{name: default, static_ips: [10.0.0.10]}]
    - name: api
      networks: [{name: default, static_ips: [10.0.0.10]}]

Good: one address for each instance.`,
	Run: runStaticIPTwice,
}

func runStaticIPTwice(f *Facts, report func(Finding)) {
	reportProblems(f, bosh.RuleStaticIPTwice, report)
	orders := f.refusals()
	for _, o := range f.Overlaps {
		if !o.A.Kind.InUse() || !o.B.Kind.InUse() || foreign(o) || sameMachine(o) || parked(o) {
			continue
		}
		known := leased(o.A) && leased(o.B)
		if !known && (!onWire(o) || o.A.Kind == plan.VIP && o.B.Kind == plan.VIP) {
			continue // the director knows of no properties; vip-claimed-twice tells of two
		}
		if !known {
			report(f.usedTwice(o, "the director does not know of the virtual address; both will answer for it"))
			continue
		}
		first, second := f.changeFirst(o.A, o.B)
		if orders[first.At] < orders[second.At] {
			first, second = second, first // the director refuses the later one
		}
		finding := f.usedTwiceBy(first, second, o, "the director refuses the second one in the middle of its deploy")
		finding.DirectorError, finding.Order = alreadyInUse, orders[first.At]
		report(finding)
	}
}

// leased reports whether the director itself hands the address out: an address
// in a property is unknown to it.
func leased(c *plan.Claim) bool { return c.Owner.Property == "" }

// parked reports whether a virtual address stands as static_ips of the same
// deployment: a common way to keep a director from handing it out.
func parked(o plan.Overlap) bool {
	return sameDeployment(o) && (leased(o.A) != leased(o.B))
}
