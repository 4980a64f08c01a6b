package cli

import (
	"strings"
	"testing"
)

// TestAnswersNameTheirSnapshots: what free and fence say rests on snapshots, and on what
// a director did not show, which both name.
func TestAnswersNameTheirSnapshots(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "ipguard.yml", []byte("directors: [{name: a, snapshot: a.json}]\n"))
	for unseen, hint := range map[string]string{"": "", "orphaned VMs": "did not show orphaned VMs"} {
		writeSnapshot(t, "a.json", liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}}, Unseen: unseen})
		free, _, _ := runIn(t, "free", "10.0.0.0/24")
		if said := "as of: a.json: what director a said at "; !strings.Contains(free, said) || hint != "" && !strings.Contains(free, hint) || hint == "" && strings.Contains(free, "did not show") {
			t.Errorf("with %q unseen free says %s", unseen, free)
		}
		json, _, _ := runIn(t, "free", "10.0.0.0/24", "--format", "json")
		if !strings.Contains(json, `"file": "a.json"`) || unseen != "" && !strings.Contains(json, `"`+unseen+`"`) {
			t.Errorf("with %q unseen free says %s", unseen, json)
		}
		_, fence, _ := runIn(t, "fence")
		if strings.Contains(fence, "did not show orphaned VMs") != (unseen != "") {
			t.Errorf("with %q unseen fence says %s", unseen, fence)
		}
	}
}
