//go:build !race

package serve_test

import (
	"strings"
	"testing"
)

// TestNamesake: a team whose director has the name of another team's is not told that all
// is well, for its own word would hide what that one has.
func TestNamesake(t *testing.T) {
	promo, west := twoTeams(t)
	promo.expect(0, nil, "push")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	fleet := "server: " + west.server.URL + "\ndirectors:\n- name: promo\n  cloud_configs: [cloud.yml]\n  deployments: ['*-manifest.yml']\n  create_env: ['*-env.yml']\n"
	west.write("dr-west/ipguard.yml", fleet)
	for _, args := range [][]string{{"lint"}, {"lint", "web-manifest.yml"}, {"free", "vlan-52"}, {"who", "10.8.52.77"}} {
		west.expect(3, []string{"the server has a director promo that has no deployment of this one's", "pgpool", "another name"}, args...)
	}
	// Whoever has it changes it, and is not asked who he is.
	promo.write("promo/more-manifest.yml", manifestOf("more", "10.8.52.189"))
	if _, out := promo.run("lint"); strings.Contains(out, "another name") {
		t.Errorf("its own director is another:\n%s", out)
	}
}
