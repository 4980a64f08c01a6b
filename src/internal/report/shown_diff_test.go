//go:build !race

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
	for name, c := range map[string]struct {
		context, shown string
		cut            bool
	}{
		"the network's name":     {" cloud_properties: {name: VLAN-52}\n", " cloud_properties: {name: VLAN-52}\n", false},
		"a subnet":               {" - {range: 10.0.0.0/24, reserved: [10.0.0.2 - 10.0.0.9, 10.0.0.20], az: z1}\n", " - {range: 10.0.0.0/24, reserved: [10.0.0.2 - 10.0.0.9, 10.0.0.20], az: z1}\n", false},
		"nothing":                {" cloud_properties: {}\n", " cloud_properties: {}\n", false},
		"a password behind it":   {" cloud_properties: {name: VLAN-52, password: hunter2}\n", "", true},
		"a password in a list":   {" - {range: 10.0.0.0/24, x: [10.0.0.1, hunter2]}\n", "", true},
		"a name that is none":    {" cloud_properties: {name: a{hunter2}}\n", "", true},
		"a mapping in it":        {" cloud_properties: {name: {x: hunter2}}\n", "", true},
		"not closed":             {" cloud_properties: {name: VLAN-52\n", "", true},
		"the end of the file":    {"", "", false},
		"no newline at the end":  {"\\ No newline at end of file\n", "\\ No newline at end of file\n", false},
		"a comment, and another": {" gateway: 10.0.0.1 # hunter2\n dns: [10.0.0.2]\n", "", true},
	} {
		after := "@@ -1,2 +1,2 @@\n-reserved: []\n+reserved: [10.0.0.1]\n"
		got, cut := ShownDiff(after + c.context)
		if _, body, _ := strings.Cut(got, "@@\n"); body != "-reserved: []\n+reserved: [10.0.0.1]\n"+c.shown || cut != c.cut {
			t.Errorf("%s: cut %t:\n%s", name, cut, got)
		}
	}
	changed := "@@ -1 +1 @@\n-reserved: [] # hunter2\n+reserved: [10.0.0.1] # hunter2\n"
	want = "@@ -1,1 +1,1 @@\n-reserved: [] …\n+reserved: [10.0.0.1] …\n"
	if got, cut := ShownDiff(changed); got != want || !cut {
		t.Errorf("got, cut %t:\n%s\nwant:\n%s", cut, got, want)
	}
}
