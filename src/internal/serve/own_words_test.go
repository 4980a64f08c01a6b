//go:build !race

package serve_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

// TestFleetFileAndPush: what the server's fleet file, and files there, say of a director
// counts for everybody beside what was pushed of it, as it does without a server.
func TestFleetFileAndPush(t *testing.T) {
	promo, west := twoTeams(t)
	promo.write("server/extra-manifest.yml", manifestOf("extra", "10.8.52.189"))
	promo.write("server/ipguard.yml", strings.Replace(companyPlan, "{name: promo}", "{name: promo, director_ips: [10.8.52.97], deployments: [extra-manifest.yml], max_age: 1h}", 1))
	promo.expect(0, nil, "push")
	for _, address := range []string{"10.8.52.97", "10.8.52.189", "10.8.52.191"} {
		west.expect(0, []string{"in use by", "director promo"}, "who", address)
	}
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.97"))
	west.expect(1, []string{"10.8.52.97 is claimed twice"}, "lint")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.189"))
	west.expect(1, []string{"10.8.52.189 is claimed twice"}, "lint")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	west.expect(0, nil, "push")
	west.expect(0, nil, "lint")

	// What was pushed grows old, though no snapshot stands in the fleet file.
	promo.clock.pass(2 * time.Hour)
	west.expect(3, []string{"what was pushed of director promo is 2h old, and may be 1h"}, "lint")
	west.expect(3, []string{"promo"}, "book", "dr", "--for", "lb/x")
	promo.expect(0, []string{"unchanged"}, "push")
	promo.clock.pass(time.Minute)
	west.expect(0, nil, "lint")
}

// TestExternalGetsAnotherOwner: what a team's fleet file says of an address outside of directors
// is its only source, and no double of what it said before; others see it until the push.
func TestExternalGetsAnotherOwner(t *testing.T) {
	promo, west := twoTeams(t)
	before := promo.read("promo/ipguard.yml")
	fleet := func(external string) { promo.write("promo/ipguard.yml", before+"external: ["+external+"]\n") }
	fleet("{owner: lb, addresses: [10.8.52.32, 10.8.52.33]}")
	promo.expect(0, nil, "push")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	west.expect(0, nil, "push")
	for _, now := range []string{
		"{owner: load balancer, addresses: [10.8.52.32, 10.8.52.33]}", "{owner: load balancer, addresses: [10.8.52.32 - 10.8.52.33], segment: vlan-52}",
		"{owner: one, addresses: [10.8.52.32]}, {owner: two, addresses: [10.8.52.33]}",
	} {
		fleet(now)
		promo.expect(0, nil, "lint")
		west.expect(0, []string{"lb (outside of bosh)"}, "who", "10.8.52.33")
	}
	// One that the file says nothing of any more is taken until the push.
	fleet("{owner: one, addresses: [10.8.52.32]}")
	promo.write("promo/pgpool-manifest.yml", manifestOf("pgpool", "10.8.52.33"))
	promo.write("promo/cloud.yml", strings.Replace(promo.read("promo/cloud.yml"), "10.8.52.2 - 10.8.52.99", "10.8.52.2 - 10.8.52.32, 10.8.52.34 - 10.8.52.99", 1))
	promo.write("promo/cloud.yml", strings.Replace(promo.read("promo/cloud.yml"), "static: [", "static: [10.8.52.33, ", 1))
	promo.expect(1, []string{"10.8.52.33 is claimed twice", "if lb (outside of bosh) does not have it any more", "ipguard push promo\n"}, "lint")
	promo.expect(0, []string{"10.8.52.33 of external lb is not in it any more"}, "push")
	promo.expect(0, nil, "lint")
	if out := west.expect(0, nil, "who", "10.8.52.33"); strings.Contains(out, "lb") {
		t.Errorf("it is outside of bosh still: %s", out)
	}
}

// TestOneFileOfTwoDirectors: a file that tells its external addresses and its bookings in git with
// two directors is no conflict with itself while they change, pushed whole or director by director.
func TestOneFileOfTwoDirectors(t *testing.T) {
	promo, west := twoTeams(t)
	promo.expect(0, nil, "push")
	both := &team{west.company, "both", ""}
	var err error
	both.token, err = west.accounts.Make(t.Context(), accounts.Token{Name: "both", Scopes: []string{accounts.PushFor("b1"), accounts.PushFor("b2")}, Ends: west.clock.Now().AddDate(0, 0, 1), By: "test"})
	if err != nil {
		t.Fatal(err)
	}
	both.write("both/b1-env.yml", environmentOf("b1", "10.8.52.61"))
	both.write("both/b2-env.yml", environmentOf("b2", "10.8.52.62"))
	tell := func(status int, external string, args ...string) {
		t.Helper()
		both.write("both/ipguard.yml", "server: "+both.server.URL+"\ndirectors: [{name: b1, create_env: [b1-env.yml]}, {name: b2, create_env: [b2-env.yml]}]\nexternal: ["+external+"]\n")
		both.expect(status, nil, append([]string{"push"}, args...)...)
		if out := west.expect(0, nil, "who", "10.8.52.64"); status == 0 && strings.Contains(out, "by 2") {
			t.Errorf("%s: %s", external, out)
		}
	}
	tell(0, "{owner: lb, addresses: [10.8.52.64, 10.8.52.66]}")
	tell(0, "{owner: load balancer, addresses: [10.8.52.64, 10.8.52.66]}")
	tell(0, "{owner: third, addresses: [10.8.52.64, 10.8.52.66]}", "b1")
	tell(0, "{owner: fourth, addresses: [10.8.52.64]}", "b2")
	west.expect(0, []string{"third"}, "who", "10.8.52.66") // until the other director is pushed
	tell(0, "{owner: fourth, addresses: [10.8.52.64]}")
	west.expect(0, []string{"nobody has it"}, "who", "10.8.52.66")
	// An address that moves from the second to the first is a conflict of neither.
	both.write("both/b2-env.yml", environmentOf("b2", "10.8.52.63"))
	both.write("both/b1-env.yml", environmentOf("b1", "10.8.52.62"))
	tell(0, "{owner: fourth, addresses: [10.8.52.64]}")
	// Another file's word stays.
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	west.write("dr-west/ipguard.yml", west.read("dr-west/ipguard.yml")+"external: [{owner: other, addresses: [10.8.52.64]}]\n")
	west.expect(1, []string{"fourth", "other"}, "push")
	west.expect(0, []string{"by 2"}, "who", "10.8.52.64")
}
