package serve_test

import (
	"strings"
	"testing"
	"time"
)

// TestLostPool: what was booked of a pool that the server's fleet file does not have any
// more is told to everybody: it is kept from others, and who declares it is told.
func TestLostPool(t *testing.T) {
	promo, west := twoTeams(t)
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	promo.expect(0, nil, "push")
	west.expect(0, nil, "push")
	west.expect(0, []string{"10.8.52.190"}, "book", "dr", "--for", "lb/front", "--address", "10.8.52.190")
	promo.write("server/ipguard.yml", strings.Replace(companyPlan, "{name: dr, team: dr,", "{name: new, team: dr,", 1))
	promo.clock.pass(time.Minute)
	for _, args := range [][]string{{"who", "10.8.52.190"}, {"bookings"}, {"history", "10.8.52.190"}, {"bookings", "lb/front"}} {
		promo.expect(0, []string{"10.8.52.190", "lb/front"}, args...)
	}
	var page string
	for _, path := range []string{"/api/v1/bookings", "/api/v1/bookings?owner=lb/front", "/api/v1/addresses/10.8.52.190", "/api/v1/addresses/10.8.52.190/history", "/addresses/10.8.52.190"} {
		if west.get(t, path, &page); !strings.Contains(page, "lb/front") {
			t.Errorf("%s does not say who booked it: %s", path, page)
		}
	}
	west.expect(0, []string{"10.8.52.192"}, "book", "new", "--for", "dr-west/other/vm")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.190"))
	west.expect(1, []string{"10.8.52.190", "there is a booking for lb/front"}, "lint")
}
