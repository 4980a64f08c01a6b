package serve_test

import (
	"os"
	"testing"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/serve"
)

// TestAllOrNothing: of several pools and arguments none is changed where one is refused.
func TestAllOrNothing(t *testing.T) {
	promo, west := twoTeams(t, func(o *serve.Options) {
		text := companyPlan + "- {name: lab, team: promo, segment: vlan-52, addresses: [10.8.52.60 - 10.8.52.69]}\n"
		if err := os.WriteFile(o.Config.Fleet.Value, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	promo.expect(0, nil, "push")
	west.expect(1, nil, "push")
	admin := west.team("network", accounts.Admin)
	admin.write("network/ipguard.yml", "server: "+admin.server.URL+"\n")
	for _, pool := range []string{"dr", "lab"} {
		admin.expect(0, nil, "book", pool, "--for", "lb/x")
	}
	before := admin.expect(0, []string{"10.8.52.60", "10.8.52.190"}, "bookings", "--all", "--format", "json")
	for _, command := range [][]string{{"release"}, {"renew", "--until", "90d"}} {
		for _, m := range []*team{promo, west} {
			m.expect(3, []string{"no scope ipguard.teams.", "nothing was changed"}, append(command, "lb/x")...)
			m.expect(3, []string{"no scope ipguard.teams.", "nothing was changed"}, append(command, "10.8.52.0/24", "--all")...)
		}
		admin.expect(2, []string{`nobody has booked "nobody"`, "nothing was changed"}, append(command, "nobody", "lb/x")...)
		admin.expect(2, []string{`nobody has booked "10.8.52.3"`, "nothing was changed"}, append(command, "10.8.52.190", "10.8.52.3")...)
		if now := admin.expect(0, nil, "bookings", "--all", "--format", "json"); now != before {
			t.Fatalf("%s changed something:\n%s\nbefore:\n%s", command[0], now, before)
		}
	}
	admin.expect(0, []string{"10.8.52.60  given back", "10.8.52.190  given back"}, "release", "lb/x")
}
