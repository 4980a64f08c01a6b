//go:build !race

package snapshot

import (
	"strings"
	"testing"
)

// TestHeadFirst: what belongs into the head and stands behind the first list, where an editor
// may put it, is refused, and not passed over.
func TestHeadFirst(t *testing.T) {
	const head = `"ipguard_snapshot":1,"collected":"2026-11-27T12:00:00Z","director":{"name":"b"}`
	for text, want := range map[string]string{
		`{` + head + `,"unseen":["orphaned VMs"],"cloud_configs":[]}`: "",
		`{` + head + `,"cloud_configs":[],"unseen":["orphaned VMs"]}`: "unseen stands behind cloud_configs",
		`{` + head + `,"cloud_configs":[],"covers":["10.0.0.0/24"]}`:  "covers stands behind cloud_configs",
		`{` + head + `,"cloud_configs":[],"orphaned_vms":[]}`:         "",
	} {
		_, err := Read("s.json", []byte(text))
		if got := err != nil; got != (want != "") || got && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
