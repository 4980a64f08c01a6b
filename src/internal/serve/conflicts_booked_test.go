package serve_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestConflictsKnowBookings: what is booked for who uses it is no conflict, however it was
// before; what somebody else booked is one, at the push that declares it. Lint says the same.
func TestConflictsKnowBookings(t *testing.T) {
	h := &hooked{status: http.StatusOK}
	promo, west := twoTeams(t, listening(t, h))
	promo.write("server/ipguard.yml", strings.Replace(companyPlan, "{name: promo, team: promo,", "{name: promo, team: promo, book: required,", 1))
	cloud := func(static, reserved string) {
		promo.write("promo/cloud.yml", strings.NewReplacer("STATIC", "10.8.52.180 - 10.8.52.189"+static, "RESERVED", "10.8.52.2 - 10.8.52.99, "+reserved).Replace(cloudConfig))
	}
	cloud("", "10.8.52.190 - 10.8.52.254")
	both := func(code int, words ...string) {
		t.Helper()
		promo.expect(code, words, "lint")
		promo.expect(code, words, "push")
	}
	open := func(want int) conflictList {
		t.Helper()
		var list conflictList
		west.get(t, "/api/v1/conflicts", &list)
		if len(list.Conflicts) != want {
			t.Errorf("%d conflicts are open, want %d: %+v", len(list.Conflicts), want, list)
		}
		return list
	}
	west.expect(0, nil, "push")
	promo.write("promo/pgpool-manifest.yml", manifestOf("pgpool", "10.8.52.180"))
	both(1, "10.8.52.180", "is not booked, as pool promo demands")
	for _, c := range open(1).Conflicts {
		for _, p := range c.Parties {
			if strings.TrimSpace(strings.TrimPrefix(p.Owner, "network")) == "" {
				t.Errorf("a side without a name: %+v", c.Parties)
			}
		}
	}
	promo.expect(0, []string{"10.8.52.180"}, "book", "promo", "--for", "promo/pgpool/pgpool", "--address", "10.8.52.180")
	both(0)
	open(0)

	west.expect(0, []string{"10.8.52.195"}, "book", "dr", "--for", "lb/front", "--address", "10.8.52.195")
	cloud(", 10.8.52.195", "10.8.52.190 - 10.8.52.194, 10.8.52.196 - 10.8.52.254")
	promo.write("promo/pgpool-manifest.yml", manifestOf("pgpool", "10.8.52.195"))
	both(1, "10.8.52.195", "there is a booking for lb/front")
	if c := open(1).Conflicts; len(c) == 1 && (c[0].Rule != "booked-by-other" ||
		!slices.ContainsFunc(c[0].Parties, func(p struct{ Owner, Director, At string }) bool { return p.Owner == "a booking for lb/front" })) {
		t.Errorf("got %+v", c)
	}
	promo.clock.pass(time.Second)
	if err := promo.program.Tell(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(h.bodies, " "), "there is a booking for lb/front") {
		t.Errorf("webhooks were not told of lb/front: %q", h.bodies)
	}
	// Given back while it is used is no conflict with others, though lint says it to the team.
	promo.write("promo/pgpool-manifest.yml", manifestOf("pgpool", "10.8.52.180"))
	both(0)
	west.expect(0, nil, "release", "lb/front")
	if err := promo.program.Record(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(0)
}
