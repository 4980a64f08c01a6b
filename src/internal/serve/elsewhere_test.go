//go:build !race

package serve_test

import (
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

// bystander is a team that has no part in what promo and dr-west do to each other.
func bystander(t *testing.T) (promo, west, eng *team) {
	promo, west = twoTeams(t)
	eng = promo.company.team("eng", accounts.PushFor("eng"), accounts.BookFor("eng"))
	eng.write("server/ipguard.yml", companyPlan+"- {name: eng, team: eng, segment: vlan-52, addresses: [10.8.52.60 - 10.8.52.69]}\n")
	eng.write("eng/cloud.yml", strings.NewReplacer("STATIC", "10.8.52.60 - 10.8.52.69", "RESERVED", "10.8.52.2 - 10.8.52.59, 10.8.52.70 - 10.8.52.254").Replace(cloudConfig))
	eng.write("eng/api-manifest.yml", manifestOf("api", "10.8.52.60"))
	eng.write("eng/jump-env.yml", environmentOf("jump-of-eng", "10.8.52.97"))
	for _, m := range []*team{promo, west, eng} {
		m.run("push")
	}
	return promo, west, eng
}

// TestBetweenOthers: what others do to each other is told to a team in one line, and is no
// failure of its pipeline; what anybody does to its directors and bookings is.
func TestBetweenOthers(t *testing.T) {
	promo, west, eng := bystander(t)
	page := eng.server.URL + "/conflicts"
	out := eng.expect(0, []string{"between others alone: 1 error, see " + page}, "lint")
	if strings.Contains(out, "10.8.52.191") {
		t.Errorf("it is told in full:\n%s", out)
	}
	var told struct {
		Elsewhere struct {
			Page   string
			Errors int
		}
	}
	if code, _ := eng.asJSON("eng", &told, "lint"); code != 0 || told.Elsewhere.Page != page || told.Elsewhere.Errors != 1 {
		t.Errorf("%d %+v", code, told)
	}
	promo.expect(1, []string{"10.8.52.191"}, "lint")
	west.expect(1, []string{"10.8.52.191"}, "lint")
	network := eng.company.team("network", accounts.Read)
	network.write("network/ipguard.yml", "server: "+eng.server.URL+"\n") // who has no director asks about all
	network.expect(1, []string{"10.8.52.191"}, "lint")

	// One alone, whose manifest its own director refuses.
	west.write("dr-west/web-manifest.yml", manifestOf("web", "10.8.52.150"))
	west.run("push")
	west.expect(1, []string{"static-ip-outside-pool"}, "lint")
	eng.expect(0, []string{"between others alone: 3 errors"}, "lint")

	// What is booked for the team's director, and for what has none, is its own matter, and
	// nobody else's.
	west.write("dr-west/web-manifest.yml", manifestOf("web", "10.8.52.200"))
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.61"))
	west.run("push")
	eng.expect(1, []string{"create-env-in-foreign-pool"}, "lint")
	eng.write("eng/cloud.yml", strings.NewReplacer("STATIC", "10.8.52.60", "RESERVED", "10.8.52.2 - 10.8.52.59, 10.8.52.61 - 10.8.52.254").Replace(cloudConfig))
	eng.run("push")
	eng.expect(0, nil, "lint")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.199"))
	west.run("push")
	eng.expect(0, []string{"written on"}, "book", "eng", "--for", "eng/api/api", "-n", "1")
	eng.expect(0, []string{"10.8.52.63"}, "book", "eng", "--for", "lb/out", "--address", "10.8.52.63")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.63"))
	west.run("push")
	eng.expect(1, []string{"booked-by-other", "lb/out"}, "lint")
	west.expect(1, []string{"booked-by-other", "lb/out"}, "lint", "director-env.yml")
	promo.expect(0, []string{"between others alone: 1 error"}, "lint")
}

// TestOwnTeam: what a team booked for who has no director is its own matter, before it booked
// anything for its directors, too: its token tells which team it is of.
func TestOwnTeam(t *testing.T) {
	promo, west, eng := bystander(t)
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.199"))
	west.run("push")
	eng.write("eng/cloud.yml", strings.NewReplacer("STATIC", "10.8.52.60", "RESERVED", "10.8.52.2 - 10.8.52.59, 10.8.52.61 - 10.8.52.254").Replace(cloudConfig))
	eng.run("push")
	eng.expect(0, []string{"10.8.52.63"}, "book", "eng", "--for", "lb/out", "--address", "10.8.52.63")
	eng.expect(0, nil, "lint")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.63"))
	west.run("push")
	eng.expect(1, []string{"booked-by-other", "lb/out"}, "lint")
	promo.expect(0, []string{"between others alone: 1 error"}, "lint")
}

// TestBookedForAnother: an administrator's one booking for a director, in the pool of another
// team, makes what that team books for others nobody's but its own, whether the token that asks
// tells a team or only pushes. Where the team's bookings are of the director alone, they are its.
func TestBookedForAnother(t *testing.T) {
	promo, west, eng := bystander(t)
	promo.write("promo/cloud.yml", strings.NewReplacer("STATIC", "10.8.52.180 - 10.8.52.184, 10.8.52.191", "RESERVED", "10.8.52.2 - 10.8.52.99, 10.8.52.185 - 10.8.52.190, 10.8.52.192 - 10.8.52.254").Replace(cloudConfig))
	promo.run("push")
	pipeline := *eng.company.team("pipeline", accounts.PushFor("eng"))
	pipeline.name = eng.name // in the same checkout
	admin := eng.company.team("network", accounts.Admin)
	admin.write("network/ipguard.yml", "server: "+eng.server.URL+"\n")
	admin.expect(0, nil, "book", "promo", "--for", "eng/api/other")
	promo.expect(0, nil, "book", "promo", "--for", "lb/out", "--address", "10.8.52.189")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.189"))
	west.run("push")
	pipeline.expect(1, []string{"lb/out"}, "lint") // promo booked for eng, and for no other director
	eng.expect(0, []string{"between others alone: 1 error"}, "lint")
	promo.expect(0, nil, "book", "promo", "--for", "promo/pgpool/other")
	pipeline.expect(0, []string{"between others alone: 1 error"}, "lint")
	eng.expect(0, []string{"between others alone: 1 error"}, "lint")
	promo.expect(1, []string{"lb/out"}, "lint")
}

// TestHiddenElsewhere: an address that hides is the matter of those that it may meet.
func TestHiddenElsewhere(t *testing.T) {
	promo, west, eng := bystander(t)
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.199"))
	west.write("dr-west/web-manifest.yml", manifestOf("web", "((ip))"))
	west.run("push")
	// It may be any of dr-west's static addresses, and nobody else has one.
	west.expect(0, []string{"hidden-address"}, "lint")
	for _, m := range []*team{promo, eng} {
		if out := m.expect(0, nil, "lint"); strings.Contains(out, "((ip))") {
			t.Errorf("%s is told:\n%s", m.name, out)
		}
	}
	// One of them is promo's.
	promo.write("promo/jump-env.yml", environmentOf("jump", "10.8.52.205"))
	promo.run("push")
	for _, m := range []*team{promo, west} {
		m.expect(1, []string{"nobody knows whether it takes 10.8.52.205"}, "lint")
	}
	if out := eng.expect(0, nil, "lint"); strings.Contains(out, "((ip))") {
		t.Errorf("eng is told:\n%s", out)
	}
	// Before any other that it may meet, it may meet eng's: that the first is another's
	// does not hide it.
	eng.write("eng/jump-env.yml", environmentOf("jump-of-eng", "10.8.52.207"))
	eng.expect(1, []string{"nobody knows whether it takes 10.8.52.207"}, "lint")
}
