//go:build !race

package serve_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

// TestSharedPool: in a pool of two teams, what the director of one uses is booked for nobody
// else's quota, on whichever way somebody tries; and each adopts what is its own.
func TestSharedPool(t *testing.T) {
	shared := "{name: dr, team: promo, teams: [dr],"
	c := newCompanyOf(t, strings.Replace(companyPlan, "{name: dr, team: dr,", shared, 1))
	promo := c.team("promo", accounts.BookFor("promo"), accounts.PushFor("promo"))
	west := c.team("dr-west", accounts.BookFor("dr"), accounts.PushFor("dr-west"))
	engineer := &team{c, "promo", ""}
	var err error
	engineer.token, err = c.accounts.Make(t.Context(), accounts.Token{Name: "engineer", Scopes: []string{accounts.BookFor("promo")}, Ends: c.clock.Now().AddDate(0, 0, 1), By: "test"})
	if err != nil {
		t.Fatal(err)
	}
	cloud := strings.NewReplacer("STATIC", "10.8.52.195 - 10.8.52.199", "RESERVED", "10.8.52.2 - 10.8.52.194, 10.8.52.200 - 10.8.52.254")
	c.write("promo/cloud.yml", strings.NewReplacer("STATIC", "10.8.52.180 - 10.8.52.189", "RESERVED", "10.8.52.2 - 10.8.52.179, 10.8.52.190 - 10.8.52.254").Replace(cloudConfig))
	c.write("promo/pgpool-manifest.yml", manifestOf("pgpool", "10.8.52.181"))
	c.write("promo/jump-env.yml", environmentOf("jump", "10.8.52.192"))
	c.write("dr-west/cloud.yml", cloud.Replace(cloudConfig))
	c.write("dr-west/web-manifest.yml", manifestOf("web", "10.8.52.195"))
	c.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.210"))
	promo.expect(0, nil, "push")
	west.expect(0, nil, "push")

	for _, who := range []*team{promo, engineer} {
		out := who.expect(0, []string{"10.8.52.195 for dr-west/web/web: left to who pushes the director"}, "adopt", "dr")
		if strings.Contains(out, "+ 10.8.52.195") {
			t.Errorf("%s adopts what is dr-west's: %s", who.name, out)
		}
		who.expect(3, []string{"dr-west/web/web is of director dr-west, which is team dr's"}, "book", "dr", "--for", "dr-west/web/web")
		status, err := (&oneOfTwo{url: c.server.URL}).ask(http.MethodPost, "/api/v1/pools/dr/bookings", who.token, `{"for": "dr-west/other/vm"}`)
		if err != nil || status != http.StatusForbidden {
			t.Errorf("POST: %d %v", status, err)
		}
	}
	promo.expect(0, []string{"promo/jump/"}, "bookings", "10.8.52.192")
	west.expect(0, []string{"10.8.52.195"}, "adopt", "dr")
	west.expect(0, []string{"dr-west/web/web"}, "bookings", "10.8.52.195")
	west.expect(0, []string{"10.8.52.196"}, "book", "dr", "--for", "dr-west/more/vm")
	engineer.expect(0, nil, "book", "dr", "--for", "promo/more/vm")
	west.expect(0, nil, "release", "dr-west/more/vm")
	west.expect(3, []string{"which is team promo's"}, "book", "dr", "--for", "promo/pgpool/pgpool")

	// What is outside of directors is of the team that tells it.
	c.write("dr-west/ipguard.yml", "server: "+c.server.URL+"\ndirectors: [{name: dr-west, cloud_configs: [cloud.yml], deployments: [web-manifest.yml], create_env: [director-env.yml]}]\nexternal: [{owner: west-lb, addresses: [10.8.52.193]}, {owner: lb/front, addresses: [10.8.52.194]}]\n")
	west.expect(0, nil, "push")
	engineer.expect(0, []string{"2 addresses of pool dr, such as 10.8.52.193 for west-lb: left to who pushes"}, "adopt", "dr")
	for _, owner := range []string{"west-lb", "lb/front"} {
		engineer.expect(3, []string{owner + " is of director dr-west, which is team dr's"}, "book", "dr", "--for", owner)
	}
	west.expect(0, []string{"10.8.52.193", "10.8.52.194"}, "adopt", "dr")
	west.expect(0, []string{"west-lb"}, "bookings", "10.8.52.193")
}

// TestOthersUseWhatIsBooked: who booked what others use gives it back, or it ends at its end; who
// uses it has it then, and nobody else is given it.
func TestOthersUseWhatIsBooked(t *testing.T) {
	promo, west := twoTeams(t)
	promo.expect(0, nil, "push")
	fleet := west.read("dr-west/ipguard.yml")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	west.expect(0, nil, "push")
	for _, ended := range []bool{false, true} {
		address, owner, user := "10.8.52.192", "dr-west/x/y", "load balancer"
		if ended {
			address, owner, user = "10.8.52.193", "dr-west/x/z", "old balancer"
		}
		west.expect(0, []string{address}, "book", "dr", "--for", owner, "--address", address)
		fleet += "external: [{owner: " + user + ", addresses: [" + address + "]}]\n"
		west.write("dr-west/ipguard.yml", fleet)
		west.expect(1, []string{"there is a booking for " + owner}, "push")
		if ended {
			west.clock.pass(15 * 24 * time.Hour)
			west.expect(1, nil, "push")
			west.expect(0, nil, "book", "dr", "--for", "lb/other") // writes what ended
		} else {
			west.expect(1, []string{"if " + owner + " does without it:", "ipguard release " + owner}, "lint")
			west.expect(0, []string{"given back by " + owner}, "release", owner)
		}
		west.expect(0, nil, "lint")
		if out := west.expect(1, nil, "free", "dr-west/default", "-n", "100"); strings.Contains(out, address+"  ") {
			t.Errorf("what is in use is free: %s", out)
		}
		west.expect(1, nil, "book", "dr", "--for", "lb/third", "--address", address)
		west.expect(0, []string{"+ " + address, user}, "adopt", "dr")
		west.expect(0, []string{user}, "bookings", address)
		west.expect(0, nil, "lint")
		fleet = strings.Replace(fleet, "external: [{owner: "+user+", addresses: ["+address+"]}]\n", "", 1)
	}
}

// TestAdoptInPoolsOfOthers: what a team's pools do not have is left to others, and the dry run
// shows what the run does.
func TestAdoptInPoolsOfOthers(t *testing.T) {
	promo, west := twoTeams(t)
	promo.write("promo/jump-env.yml", environmentOf("jump", "10.8.52.195"))
	promo.expect(0, nil, "push")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	west.expect(0, nil, "push")
	promo.write("promo/pgpool-manifest.yml", manifestOf("pgpool", "10.8.52.181"))
	promo.expect(0, nil, "push")
	for _, args := range [][]string{{"adopt", "--dry-run"}, {"adopt"}, {"adopt"}, {"adopt", "dr"}} {
		out := promo.expect(0, []string{"10.8.52.195 for promo/jump/bosh: left to who has the scope ipguard.teams.dr.book"}, args...)
		if strings.Contains(out, "+ 10.8.52.195") || len(args) == 2 && args[1] == "--dry-run" && !strings.Contains(out, "+ 10.8.52.181") {
			t.Errorf("%q: %s", args, out)
		}
	}
	for _, args := range [][]string{{"adopt", "--dry-run", "--team", "dr"}, {"adopt", "--team", "dr"}} {
		promo.expect(3, []string{"has no scope ipguard.teams.dr.book"}, append(args, "dr")...)
	}
	west.expect(0, []string{"+ 10.8.52.195"}, "adopt", "dr")
}

// TestOwnersOfNoBooking: a name that one team gives to its own things, and by which nothing can be
// booked, is said of that address alone: all else is adopted, and the network team has its page.
func TestOwnersOfNoBooking(t *testing.T) {
	promo, west := twoTeams(t)
	promo.write("server/ipguard.yml", strings.Replace(companyPlan, "{name: small, team: dr,", "{name: small, team: dr, book: required,", 1))
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.199"))
	promo.expect(0, nil, "push")
	before := west.read("dr-west/ipguard.yml")
	admin := west.company.team("admin", accounts.Admin)
	for _, name := range []string{"lb/w/1/2", "/", "x//y", " ", "a/", "lb/x\u202ey", "10.8.52.0/24"} {
		west.write("dr-west/ipguard.yml", before+fmt.Sprintf("external: [{owner: %q, addresses: [10.8.52.51]}, {owner: good, addresses: [10.8.52.52]}]\n", name))
		west.clock.pass(time.Minute)
		if code, out := west.run("push", "--replaces"); code != 0 {
			t.Fatalf("%q: %d %s", name, code, out)
		}
		var drift string
		if admin.get(t, "/api/v1/drift", &drift); !strings.Contains(drift, `"not-booked"`) || !strings.Contains(drift, `"not-bookable"`) || !strings.Contains(drift, "10.8.52.51") {
			t.Errorf("%q: %s", name, drift)
		}
		west.expect(1, []string{"! 10.8.52.51", "cannot be booked", "+ 10.8.52.52", "for good"}, "adopt", "small", "--dry-run")
	}
	west.expect(1, []string{"! 10.8.52.51", "+ 10.8.52.52", "written on"}, "adopt", "small")
	west.expect(0, []string{"good"}, "bookings", "10.8.52.52")
}
