package lint

import "github.com/ipguard/ipguard/src/internal/plan"

var vipClaimedTwice = Rule{
	ID:        "vip-claimed-twice",
	Severity:  Error,
	Family:    FamilyFleet,
	Title:     "two deployments use the same virtual address",
	Doc:       page("vip-claimed-twice"),
	Exception: InFleetFile,
	Run: func(f *Facts, report func(Finding)) {
		told := map[[2]plan.Owner]bool{} // groups of a deployment share an address
		for i, o := range f.overlaps() {
			if o.A.Kind != plan.VIP || o.B.Kind != plan.VIP || !onWire(o) || sameDeployment(o) {
				continue
			}
			key := [2]plan.Owner{
				{Director: o.A.Owner().Director, Deployment: o.A.Owner().Deployment, Property: o.Range.String()},
				{Director: o.B.Owner().Director, Deployment: o.B.Owner().Deployment},
			}
			if told[key] {
				continue
			}
			told[key] = true
			report(f.usedTwice(&f.seen[i], f.whyAnd("the address will flap between the two, or both will hold it; ", o.Contact)))
		}
	},
}

func sameDeployment(o plan.Overlap) bool {
	return o.A.Owner().Director == o.B.Owner().Director && o.A.Owner().Deployment == o.B.Owner().Deployment
}
