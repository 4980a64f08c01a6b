package report

import (
	"strings"
	"testing"
)

// TestShownDiff keeps back what is no address and no name of a network, and leaves
// such lines out where they are context only.
func TestShownDiff(t *testing.T) {
	diff := strings.Join([]string{
		"diff a/cc.yml b/cc.yml", "--- a/cc.yml", "+++ b/cc.yml", "@@ -10,9 +10,9 @@",
		"   cloud_properties: {name: VLAN-52, password: hunter2}", "   dns: [10.0.0.2] # hunter2", " - name: default", "   azs: [z1, z2]",
		"-  reserved: [10.8.52.2 - 10.8.52.9]", "+  reserved: [10.8.52.2 - 10.8.52.9, 10.8.52.20]", "   gateway: 10.8.52.1",
		"   secret:", "   - hunter2", "",
	}, "\n")
	want := strings.Join([]string{
		"diff a/cc.yml b/cc.yml", "--- a/cc.yml", "+++ b/cc.yml", "@@ -12,5 +12,5 @@",
		" - name: default", "   azs: [z1, z2]",
		"-  reserved: [10.8.52.2 - 10.8.52.9]", "+  reserved: [10.8.52.2 - 10.8.52.9, 10.8.52.20]", "   gateway: 10.8.52.1",
		"   secret:", "",
	}, "\n")
	if got, cut := ShownDiff(diff); got != want || cut {
		t.Errorf("got, cut %t:\n%s\nwant:\n%s", cut, got, want)
	}
	changed := "@@ -1 +1 @@\n-reserved: [] # hunter2\n+reserved: [10.0.0.1] # hunter2\n"
	want = "@@ -1,1 +1,1 @@\n-reserved: [] …\n+reserved: [10.0.0.1] …\n"
	if got, cut := ShownDiff(changed); got != want || !cut {
		t.Errorf("got, cut %t:\n%s\nwant:\n%s", cut, got, want)
	}
}
