//go:build !race

package serve_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/snapshot"
)

// TestPartHidesNothing: an own entry of a director that the server knows, whatever part of
// it the files have, hides nothing of the rest: not from lint, who, free or the gate.
func TestPartHidesNothing(t *testing.T) {
	promo, west := twoTeams(t)
	promo.expect(0, nil, "push")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.191")) // pgpool's of promo
	west.write("dr-west/promo-env.yml", environmentOf("another", "10.8.52.77"))
	west.write("dr-west/promo-rc.yml", "addons: []\nreleases: []\n")
	west.write("dr-west/promo-web.yml", manifestOf("web", "10.8.52.180"))
	own := "server: " + west.server.URL + "\ndirectors:\n- {name: dr-west, create_env: [director-env.yml]}\n"
	for _, entry := range []string{
		"", "{name: promo}", "{name: promo, environment: 'https://promo.example.com'}", "{name: promo, create_env: [promo-env.yml]}",
		"{name: promo, runtime_configs: [promo-rc.yml]}", "{name: promo, cloud_configs: [cloud.yml]}", "{name: promo, director_ips: [10.8.52.4]}",
	} {
		fleet := own
		if entry != "" {
			fleet += "- " + entry + "\n"
		}
		west.write("dr-west/ipguard.yml", fleet)
		west.expect(1, []string{"10.8.52.191 is claimed twice"}, "lint")
		west.expect(1, []string{"10.8.52.191 is claimed twice"}, "lint", "--director", "dr-west", "director-env.yml")
		west.expect(1, []string{"10.8.52.191"}, "bosh", "create-env", "director-env.yml")
		west.expect(0, []string{"deployment pgpool (director promo)"}, "who", "10.8.52.191")
		west.expect(1, []string{"deployment pgpool (director promo)"}, "free", "vlan-52", "--why", "10.8.52.191")
	}

	// The files of a director are what the deploy will be.
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	west.expect(0, nil, "push", "dr-west")
	promo.write("promo/pgpool-manifest.yml", manifestOf("pgpool", "10.8.52.181"))
	if out := promo.expect(0, nil, "who", "10.8.52.181", "10.8.52.191"); strings.Count(out, "deployment pgpool") != 1 {
		t.Errorf("what the files do not say any more counts: %s", out)
	}
	promo.expect(0, nil, "lint")
}

// TestOldSnapshotHidesNothing: a snapshot in an old checkout stands for nothing that the
// server was told later; a newer one stands for what the server was told before.
func TestOldSnapshotHidesNothing(t *testing.T) {
	promo, west := twoTeams(t)
	said := func(age time.Duration, address string) string {
		promo.write("promo/pgpool-manifest.yml", manifestOf("pgpool", address))
		promo.expect(0, nil, "push")
		var text string
		promo.get(t, "/api/v1/directors/promo/snapshot", &text)
		s, err := snapshot.Read("promo.json", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		s.Director.UUID, s.Collected = "u", promo.clock.Now().Add(-age)
		return string(s.Encode())
	}
	old, now := said(7*24*time.Hour, "10.8.52.181"), said(0, "10.8.52.191")
	newer, ahead := said(-time.Minute, "10.8.52.181"), said(-24*time.Hour, "10.8.52.181")
	promo.clock.pass(2 * time.Minute)
	promo.write("promo/promo.json", now)
	fleet := "server: " + west.server.URL + "\ndirectors:\n- {name: promo, snapshot: promo.json}\n"
	promo.write("promo/ipguard.yml", fleet)
	promo.expect(0, []string{"new"}, "push")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.191"))
	west.write("dr-west/ipguard.yml", fleet+"- {name: dr-west, create_env: [director-env.yml]}\n")
	for _, here := range []string{old, now} {
		west.write("dr-west/promo.json", here)
		west.expect(1, []string{"10.8.52.191 is claimed twice"}, "lint", "--director", "dr-west", "director-env.yml")
		west.expect(0, []string{"deployment pgpool (director promo)"}, "who", "10.8.52.191")
	}
	west.write("dr-west/promo.json", newer)
	if out := west.expect(1, nil, "lint", "--director", "dr-west", "director-env.yml"); strings.Contains(out, "claimed twice") {
		t.Errorf("what was told later does not count: %s", out)
	}
	west.expect(0, []string{"deployment pgpool (director promo)"}, "who", "10.8.52.181")

	// Of one that is not yet nobody knows whether it is newer.
	west.write("dr-west/promo.json", ahead)
	west.expect(1, []string{"10.8.52.191 is claimed twice", "which is in the future"}, "lint", "--director", "dr-west", "director-env.yml")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	west.expect(3, []string{"which is in the future"}, "lint")
}
