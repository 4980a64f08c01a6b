package serve_test

import (
	"strings"
	"testing"
	"time"
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
