//go:build !race

package cli

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestWhatIsGrantedIsSeen books an address that no file declares, and that a director
// granted to its owner: it is used, so that it is not told as unused and is not freed.
func TestWhatIsGrantedIsSeen(t *testing.T) {
	sharedtest.Programs(t, "git")
	const event = "- {at: 2026-01-02T03:04:05Z, what: booked, owner: a/web/nginx}\n"
	dynamic := manifestOf("web", "nginx", "1", "")
	t.Chdir(t.TempDir())
	for path, text := range map[string]string{
		"ipguard.yml": "directors:\n- {name: a, snapshot: a.json, cloud_configs: [cc.yml], deployments: [m.yml]}\n" +
			"segments: [{name: vlan, subnets: [{range: 10.0.0.0/24}]}]\npools: [{name: p, team: t, segment: vlan, addresses: [10.0.0.10 - 10.0.0.80]}]\n",
		"cc.yml": cloudConfigOf(ofA), "m.yml": dynamic,
		"bookings/p/10.0.0.60.yml": event, "bookings/p/10.0.0.30.yml": strings.Replace(event, "nginx}", "nginx, number: 1}", 1),
	} {
		writeFile(t, path, []byte(text))
	}
	writeSnapshot(t, "a.json", liveOf(liveDeployment{Name: "web", Manifest: dynamic, VMs: []string{"nginx 10.0.0.60"}}))
	for _, args := range [][]string{{"init", "-q"}, {"config", "user.name", "x"}, {"config", "user.email", "x@example.com"}, {"add", "."}, {"commit", "-qm", "A fleet"}} {
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	has := func(text string, args ...string) {
		t.Helper()
		if stdout, stderr, _ := runIn(t, args...); !strings.Contains(stdout+stderr, text) {
			t.Errorf("%v does not say %q:\n%s%s", args, text, stdout, stderr)
		}
	}
	unused, _, _ := runIn(t, "bookings", "--unused")
	if strings.Contains(unused, "10.0.0.60") || !strings.Contains(unused, "10.0.0.30") {
		t.Errorf("10.0.0.60 is granted, 10.0.0.30 is not, and unused are\n%s", unused)
	}
	has("the VM of nginx/0 of deployment web", "release", "10.0.0.60")
	if stdout, stderr, code := runIn(t, "release", "10.0.0.60"); code != ExitFindings {
		t.Errorf("a granted address is given back: exit %d\n%s%s", code, stdout, stderr)
	}
	lint, _, _ := runIn(t, "lint")
	if strings.Contains(lint, "[booking-unused]: 10.0.0.60") || !strings.Contains(lint, "[booking-unused]: 10.0.0.30") {
		t.Errorf("lint tells of\n%s", lint)
	}
}
