package fleet

import (
	"fmt"
	"testing"
)

// TestOwnersOfBookings: who booked an address has any name, also in allow; elsewhere an
// owner is a director's or that of external addresses.
func TestOwnersOfBookings(t *testing.T) {
	for rule, taken := range map[string]bool{"booked-by-other": true, "bookings-overlap": true, "released-in-use": true, "address-claimed-twice": false} {
		_, errs := Parse("ipguard.yml", fmt.Appendf(nil, `directors: [{name: promo, deployments: [web.yml]}]
allow: [{rule: %s, addresses: [10.0.0.10], owners: [promo/web, lb/x], until: 2027-01-31, reason: moves}]
`, rule))
		if (len(errs) == 0) != taken {
			t.Errorf("%s: %v", rule, errs)
		}
	}
}
