package serve_test

import (
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

// TestNoDirectorsOfMyOwn: who has no director has the server's, and can do all that needs
// no files.
func TestNoDirectorsOfMyOwn(t *testing.T) {
	promo, west := twoTeams(t)
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	promo.expect(0, nil, "push")
	west.expect(0, nil, "push")
	for _, rest := range []string{"directors: []\n", "", "segments: [{name: far, subnets: [{range: 10.99.0.0/24}]}]\n"} {
		west.write("dr-west/ipguard.yml", "server: "+west.server.URL+"\n"+rest)
		west.expect(0, []string{"10.8.52.191", "promo"}, "who", "10.8.52.191")
		west.expect(0, []string{"delegated to team dr"}, "free", "--team", "dr", "-n", "1")
		west.expect(0, nil, "bookings")
		west.expect(0, nil, "map")
		west.expect(0, []string{"10.8.52.19"}, "book", "dr", "--for", "lb/eng")
		west.expect(0, nil, "audit")
		if out := west.expect(0, nil, "lint"); strings.Contains(out, "neither directors") {
			t.Error(out)
		}
	}
	// Without the server the file says nothing, and that is said.
	west.write("dr-west/ipguard.yml", "segments: []\n")
	west.expect(3, []string{"has no `directors`"}, "lint")
}

// TestAuditWithServer: each team audits its own directors; what others pushed, whose files
// are not here, is no failure, and what meets an own one is told.
func TestAuditWithServer(t *testing.T) {
	promo := live(0, "promo", "10.8.52.191")
	a := startAsking(t, promo)
	west := a.company.team("west", accounts.Read)
	west.write("west/ipguard.yml", "server: "+west.server.URL+"\ndirectors: []\n")
	west.expect(3, []string{"nobody has pushed director promo yet"}, "audit")
	a.round(t)
	west.expect(3, []string{"no file describes a deployment of director promo"}, "audit", "--director", "promo")
	out := west.expect(0, nil, "audit")
	if strings.Contains(out, "director promo: what was promised is unknown") || strings.Contains(out, "no file describes") {
		t.Errorf("another team's director is a failure: %s", out)
	}
}
