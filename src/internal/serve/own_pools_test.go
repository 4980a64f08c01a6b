package serve_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ownPool gives a team a pool of its own, whose bookings lie in its repository.
func (m *team) ownPool(addresses string) {
	m.write(m.name+"/ipguard.yml", "server: "+m.server.URL+"\npools: [{name: mine, team: "+m.name+", segment: vlan-52, addresses: ["+addresses+"]}]\n"+
		"directors:\n- name: "+m.name+"\n  cloud_configs: [cloud.yml]\n  deployments: ['*-manifest.yml']\n  create_env: ['*-env.yml']\n")
}

// booked writes a booking into the team's repository; more are events after it.
func (m *team) booked(pool, address, owner string, more ...string) {
	at := m.clock.Now().Format(time.RFC3339)
	text := "- {at: " + at + ", what: booked, owner: " + owner + ", by: Ann <ann@example.com>, why: for a reason}\n"
	for _, event := range more {
		text += "- {at: " + at + ", owner: " + owner + ", " + event + "}\n"
	}
	m.write(m.name+"/bookings/"+pool+"/"+address+".yml", text)
}

// TestBookingsInGit: what a team booked of a pool that it keeps itself is taken for everybody
// once it pushed, and until it pushes that it is not.
func TestBookingsInGit(t *testing.T) {
	promo, west := twoTeams(t)
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.90"))
	promo.ownPool("10.8.52.90 - 10.8.52.99")
	for _, m := range []*team{promo, west} {
		m.expect(0, nil, "push")
	}
	west.expect(0, nil, "lint")
	promo.booked("mine", "10.8.52.90", "lb/z")
	promo.expect(1, []string{"promo: 1 conflict", "10.8.52.90", "lb/z", "director"}, "push")
	for _, m := range []*team{promo, west} {
		m.expect(1, []string{"booked-by-other", "10.8.52.90", "lb/z"}, "lint")
		m.expect(0, []string{"booked by 1", "lb/z", "mine"}, "who", "10.8.52.90")
	}
	west.expect(1, []string{"booked-by-other"}, "lint", "director-env.yml")
	west.expect(1, []string{"10.8.52.90", "lb/z", "mine of director promo"}, "push")
	west.expect(0, []string{"a booking for lb/z (pool mine)"}, "history", "10.8.52.90")
	if out := west.expect(0, nil, "who", "10.8.52.90", "--format", "json"); strings.Contains(out, "ann@") || strings.Contains(out, "for a reason") {
		t.Errorf("who booked, and why, is told to others:\n%s", out)
	}

	// One's own repository counts for oneself at once; for others, once it is pushed.
	promo.booked("mine", "10.8.52.90", "lb/z", "what: released, until: "+promo.clock.Now().Add(time.Hour).Format(time.RFC3339), "what: freed")
	promo.expect(0, []string{"in use by 1"}, "who", "10.8.52.90")
	promo.expect(0, nil, "lint")
	west.expect(1, nil, "lint")
	if rules, unsure := promo.openConflicts(t); rules != "booked-by-other " || unsure != 0 {
		t.Errorf("before: %q, %d", rules, unsure)
	}
	promo.expect(0, nil, "push")
	west.expect(0, nil, "lint")
	if rules, _ := promo.openConflicts(t); rules != "" {
		t.Errorf("after: %q", rules)
	}

	// The server gives nobody what a team has, whatever its pool is called, or was.
	promo.booked("mine", "10.8.52.50", "lb/old")
	promo.booked("mine", "10.8.52.51", "lb/rests", "what: released, until: "+promo.clock.Now().Add(time.Hour).Format(time.RFC3339))
	promo.write("server/ipguard.yml", strings.ReplaceAll(companyPlan, "name: small", "name: mine"))
	promo.expect(0, nil, "push")
	west.expect(1, []string{"10.8.52.50", "lb/old"}, "book", "mine", "--for", "lb/y", "--address", "10.8.52.50")
	west.expect(1, []string{"10.8.52.51", "lb/rests"}, "book", "mine", "--for", "lb/y", "--address", "10.8.52.51")
	west.expect(0, []string{"10.8.52.52  booked"}, "book", "mine", "--for", "lb/y")
	west.expect(0, []string{"10.8.52.53"}, "free", "10.8.52.50/29")

	// Two who cannot see each other book one address.
	west.ownPool("10.8.52.80 - 10.8.52.89")
	west.write("dr-west/ipguard.yml", strings.NewReplacer("pools: [{name: mine, ", "pools: [{name: own, ").Replace(west.read("dr-west/ipguard.yml")))
	promo.booked("mine", "10.8.52.80", "lb/one")
	west.booked("own", "10.8.52.80", "lb/two")
	promo.expect(0, nil, "push")
	west.expect(1, []string{"bookings-overlap", "lb/one", "lb/two"}, "lint")

	// What cannot be read may be any address: nothing is told without it.
	promo.write("promo/bookings/mine/10.8.52.91.yml", "- {what: booked}\n")
	promo.expect(3, []string{"10.8.52.91.yml", "nothing was pushed"}, "push")
}

// read is a file's text.
func (m *team) read(name string) string {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.folder, filepath.FromSlash(name)))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}
