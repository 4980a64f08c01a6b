//go:build !race

package serve_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
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
	const lost = "of pool dr, which the server's fleet file does not have"
	for _, args := range [][]string{{"release", "10.8.52.190"}, {"release", "lb/front"}, {"renew", "10.8.52.190"}, {"release", "dr"}} {
		if out := west.expect(2, []string{lost, "give the pool its name back"}, args...); strings.Contains(out, "nobody has booked") {
			t.Error(out)
		}
	}
	if out := west.expect(1, []string{lost}, "book", "new", "--for", "lb/front", "--address", "10.8.52.190"); strings.Contains(out, "take another") {
		t.Error(out)
	}
	if a := west.post(t, "/api/v1/pools/dr/release", `{"addresses": ["10.8.52.190"]}`); a.status != 404 || !strings.Contains(a.body, "1 booking") {
		t.Errorf("%d %s", a.status, a.body)
	}
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.190"))
	out := west.expect(1, []string{"10.8.52.190", "there is a booking for lb/front"}, "lint")
	if strings.Contains(out, "ipguard book dr ") {
		t.Errorf("it advises to book of a pool that is not there: %s", out)
	}
}

// TestRequestOfLostPool: nobody decides about a request that nothing can be booked for,
// because the server's fleet file does not have the pool, or cannot be read; and who agreed
// by mistake takes it back while it waits.
func TestRequestOfLostPool(t *testing.T) {
	_, west := twoTeams(t)
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	approver := west.company.team("approver", accounts.ApproveFor("small"))
	west.write("approver/ipguard.yml", "server: "+west.server.URL+"\n")
	west.expect(0, nil, "push")
	ask := func(number string) string {
		return `{"for": "lb/big", "team": "dr", "number": ` + number + `}`
	}
	if a := west.post(t, "/api/v1/pools/small/requests", ask("3")); a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	load := func(text string) {
		west.write("server/ipguard.yml", text)
		west.clock.pass(time.Minute)
	}
	for text, code := range map[string]int{strings.Replace(companyPlan, "{name: small,", "{name: other,", 1): 1, "pools: [{}]\n": 3} {
		load(text)
		approver.expect(code, nil, "requests", "approve", "1")
		approver.expect(0, []string{"request 1: open"}, "requests")
	}
	load(companyPlan)
	if a := west.post(t, "/api/v1/pools/small/requests", ask("11")); a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	approver.expect(0, []string{"request 2: approved", "nothing could be booked yet"}, "requests", "approve", "2")
	approver.expect(0, []string{"request 2: declined"}, "requests", "decline", "2")
	approver.expect(1, []string{"is declined already"}, "requests", "approve", "2")
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
		out := promo.expect(0, []string{"10.8.52.190", "lb/front"}, args...)
		if args[0] == "bookings" && strings.Count(out, "lb/front") != 1 || strings.Contains(out, "booked by 2") {
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
