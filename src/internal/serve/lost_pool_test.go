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

// TestMovedPool: what was booked of a pool that is in another segment now is told to
// everybody where it was booked, until it is given back.
func TestMovedPool(t *testing.T) {
	promo, west := twoTeams(t)
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	promo.expect(0, nil, "push")
	west.expect(0, nil, "push")
	west.expect(0, []string{"10.8.52.190"}, "book", "dr", "--for", "lb/front", "--address", "10.8.52.190")
	moved := strings.NewReplacer("segments: [", "segments: [{name: vlan-53, subnets: [{range: 10.8.53.0/24}]}, ", "{name: dr, team: dr, segment: vlan-52,", "{name: dr, team: dr, segment: vlan-53,")
	promo.write("server/ipguard.yml", moved.Replace(companyPlan)+"- {name: new, team: dr, segment: vlan-52, addresses: [10.8.52.190 - 10.8.52.199]}\n")
	promo.clock.pass(time.Minute)
	west.expect(1, []string{"10.8.52.190", "lb/front"}, "book", "new", "--for", "lb/thief", "--address", "10.8.52.190")
	for _, args := range [][]string{{"who", "10.8.52.190"}, {"bookings"}, {"history", "10.8.52.190"}} {
		if out := promo.expect(0, []string{"10.8.52.190", "lb/front"}, args...); args[0] == "bookings" && strings.Count(out, "lb/front") != 1 {
			t.Errorf("not once: %s", out)
		}
	}
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.190"))
	west.expect(1, []string{"10.8.52.190", "there is a booking for lb/front"}, "lint")
	west.expect(1, nil, "push")
	var page string
	if west.get(t, "/api/v1/conflicts", &page); !strings.Contains(page, "booked-by-other") {
		t.Errorf("no conflict: %s", page)
	}
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	west.expect(0, nil, "lint")
	west.expect(0, nil, "push")
	west.expect(0, nil, "release", "lb/front")
	promo.clock.pass(8 * 24 * time.Hour)
	west.expect(0, nil, "book", "new", "--for", "lb/next", "--address", "10.8.52.190")
}
