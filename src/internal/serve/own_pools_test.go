//go:build !race

package serve_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/madefleet"
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

	// Another one's checkout, in which they are not, takes nobody's bookings out of the plan.
	promo.booked("mine", "10.8.52.90", "lb/z")
	promo.expect(1, nil, "push")
	other := promo.company.team("other", accounts.PushFor("promo"))
	other.name = promo.name
	if err := os.Rename(filepath.Join(promo.folder, "promo", "bookings"), filepath.Join(promo.folder, "aside")); err != nil {
		t.Fatal(err)
	}
	other.expect(3, []string{"lacks 10.8.52.90 of booking lb/z, which token promo pushed", "--replaces"}, "push")
	promo.expect(0, []string{"10.8.52.90 of booking lb/z is not in it any more"}, "push")
	west.expect(0, nil, "lint")

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
	west.expect(1, []string{"bookings-overlap", "lb/one", "lb/two", "ipguard release lb/two/0"}, "lint") // by the address, both would go

	// What cannot be read may be any address: nothing is told without it.
	promo.write("promo/bookings/mine/10.8.52.91.yml", "- {what: booked}\n")
	promo.expect(3, []string{"10.8.52.91.yml", "nothing was pushed"}, "push")
}

// TestTwoClones: of two clones of one repository, the one that pushes later takes out no
// booking of the other's without a word: not by one of the same address for somebody else, and
// by none that ends earlier, or is older.
func TestTwoClones(t *testing.T) {
	promo, west := twoTeams(t)
	promo.ownPool("10.8.52.90 - 10.8.52.99")
	clone := promo.company.team("clone", accounts.PushFor("promo"))
	clone.name = promo.name
	day := func(n int) string { return promo.clock.Now().AddDate(0, 0, n).Format(time.RFC3339) }
	write := func(owner string, since, until int, more string) {
		promo.write("promo/bookings/mine/10.8.52.90.yml", "- {at: "+day(since)+", what: booked, owner: "+owner+", until: "+day(until)+"}\n"+more)
	}
	rests := "- {at: " + day(-1) + ", what: released, owner: lb/one, until: " + day(6) + "}\n"
	write("lb/one", -3, 9, "")
	promo.expect(0, nil, "push")
	for name, other := range map[string]func(){
		"another owner": func() { write("lb/two", -3, 9, "") },
		"a later one":   func() { write("lb/two", -1, 30, "") },
		"an end before": func() { write("lb/one", -3, 8, "") },
		"an older one":  func() { write("lb/one", -4, 30, "") },
		"its rest":      func() { write("lb/one", -4, 9, rests) },
	} {
		other()
		if out := clone.expect(3, []string{"lacks 10.8.52.90 of booking lb/one until " + day(9), "--replaces"}, "push"); t.Failed() {
			t.Fatal(name, out)
		}
	}
	west.expect(0, []string{"lb/one"}, "who", "10.8.52.90")
	for _, more := range []func(){
		func() { write("lb/one", -3, 9, "") },
		func() { write("lb/one", -3, 10, "") },
		func() { write("lb/one", -2, 10, "") },
		func() { write("lb/one", -2, 10, rests) },
	} {
		more()
		if out := clone.expect(0, nil, "push"); strings.Contains(out, "any more") {
			t.Error(out)
		}
	}
	write("lb/two", -1, 9, "") // whoever pushed it says that it is another's
	clone.expect(0, nil, "push")
	write("lb/one", -1, 9, "")
	clone.expect(0, []string{"10.8.52.90 of booking lb/two until " + day(9) + " is not in it any more"}, "push")
	promo.expect(0, nil, "push")
	write("lb/two", -1, 9, "")
	clone.expect(0, []string{"10.8.52.90 of booking lb/one"}, "push", "--replaces")
}

// TestBookingsBesideFiles books at random, in the repository of one team, addresses that
// somebody has and others. Once all have pushed, lint says to each team what it says of all
// files in one place, of what the team has part in.
func TestBookingsBesideFiles(t *testing.T) {
	found := 0
	for seed := range uint64(2) {
		random := rand.New(rand.NewPCG(seed, 15))
		made, err := madefleet.Make(madefleet.Size{Directors: 3, Deployments: 4, StaticAddresses: 40, Conflicts: 2, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		f := wholeFleet{name: "booked", files: map[string][]byte{}}
		var addresses []string
		for _, file := range made.Files {
			f.files[file.Path] = file.Text
			addresses = append(addresses, anAddress.FindAllString(string(file.Text), -1)...)
		}
		d, ok := divide(t, f.files[fleet.FileName], random)
		if !ok {
			t.Fatal("the fleet has not several directors")
		}
		teams := companyOf(t, f, d)
		whose := d.directors[random.IntN(len(d.directors))]
		const pool = "\npools: [{name: mine, team: x, addresses: [192.0.2.0/24]}]\n"
		for _, folder := range []string{"whole", whose} {
			m := teams[whose]
			m.write(folder+"/"+fleet.FileName, m.read(folder+"/"+fleet.FileName)+pool)
			again := rand.New(rand.NewPCG(seed, 16))
			for i := range 8 {
				address := addresses[again.IntN(len(addresses))]
				owner := []string{fmt.Sprintf("lb/%d", i), whose + "/nobody/x"}[again.IntN(2)]
				at := m.clock.Now().Add(-time.Hour).Format(time.RFC3339)
				m.write(folder+"/bookings/mine/"+address+".yml", fmt.Sprintf("- {at: %s, what: booked, owner: %s, number: %d}\n", at, owner, i))
			}
		}
		d.external = whose // whose what has no director is
		whole := teams[whose].lint("whole")
		for _, name := range d.directors {
			if code, out := teams[name].run("push"); code > 1 {
				t.Fatalf("push of %s: %d %s", name, code, out)
			}
		}
		for _, name := range d.directors {
			got := teams[name].lint(name)
			for k := range whole.findings {
				if d.concerns(name, k) && !got.findings[k] {
					t.Errorf("%d: %s is not told: %s", seed, name, k)
				}
				if strings.HasPrefix(k, "booked-by-other") && name != whose && d.concerns(name, k) {
					found++
				}
			}
			for k := range got.findings {
				if !whole.findings[k] || !d.concerns(name, k) {
					t.Errorf("%d: %s is told, and files do not say it, or it is others': %s", seed, name, k)
				}
			}
		}
	}
	if found == 0 {
		t.Error("nobody met a booking of another team")
	}
}
