package lint

import (
	"fmt"

	"github.com/ipguard/ipguard/src/internal/plan"
)

var gatewayInUse = Rule{
	ID:       "gateway-in-use",
	Severity: Error,
	Family:   FamilyFleet,
	Title:    "a VM uses the address of a gateway",
	Doc:      page("gateway-in-use"),
	Run: func(f *Facts, report func(Finding)) {
		for _, o := range f.overlaps() {
			vm, gateway := o.A, o.B
			if vm.Kind == plan.Gateway {
				vm, gateway = gateway, vm
			}
			if gateway.Kind != plan.Gateway || !vm.Kind.InUse() || vm.Kind == plan.VIP || !onWire(o) {
				continue
			}
			if vm.Subnet == gateway.Subnet {
				continue // the director or the CLI speaks about its own subnet
			}
			report(Finding{
				Range: o.Range, Segment: segmentText(o.Contact),
				Message: fmt.Sprintf("%s of %s is %s", plan.RangeText(o.Range), who(vm), who(gateway)),
				Claims:  []Party{party(vm, who(vm)), party(gateway, who(gateway))},
				Why:     f.whyAnd("machines of that subnet send everything for other networks to this address; ", o.Contact),
				advise:  func() string { return paragraphs(f.instead(vm), f.isolateIfAssumed(o)) },
			})
		}
	},
}
