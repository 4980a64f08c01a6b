package serve_test

import (
	"strings"
	"testing"
)

// TestAllowOthers: the line that lint names as the cure for what another team hides can
// be written into one's own fleet file.
func TestAllowOthers(t *testing.T) {
	promo, west := twoTeams(t)
	promo.write("promo/pgpool-manifest.yml", manifestOf("pgpool", "((ip))"))
	if code, out := promo.run("push"); code > 1 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	west.expect(1, nil, "push")
	code, out := west.run("lint")
	_, rest, ok := strings.Cut(out, "allow: [{")
	line, _, ended := strings.Cut(rest, "}]")
	if code != 3 && code != 1 || !ok || !ended {
		t.Fatalf("no cure is named: %d\n%s", code, out)
	}
	fleet := "server: " + west.server.URL + "\ndirectors:\n- name: dr-west\n  cloud_configs: [cloud.yml]\n  deployments: ['*-manifest.yml']\n  create_env: ['*-env.yml']\n"
	cure := "allow: [{" + strings.NewReplacer("YYYY-MM-DD", "2026-12-20", "reason: …", "reason: x").Replace(line) + "}]\n"
	west.write("dr-west/ipguard.yml", fleet+cure)
	if code, out := west.run("lint"); strings.Contains(out, "is named") || strings.Contains(out, "nobody knows whether") {
		t.Errorf("the cure is none: %d\n%s\n%s", code, cure, out)
	}
	west.write("dr-west/ipguard.yml", fleet+strings.ReplaceAll(cure, "promo", "prono"))
	west.expect(3, []string{"no director of this file or of its server is named `prono`", "did you mean `promo`?"}, "who", "10.8.52.77")
}
