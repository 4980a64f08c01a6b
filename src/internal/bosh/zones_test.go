//go:build !race

package bosh

import (
	"slices"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// TestZonesThatAreNotShown holds the order of zones that variables brought against that of
// the names that the director has.
func TestZonesThatAreNotShown(t *testing.T) {
	var root yaml.Node
	if err := yaml.Unmarshal([]byte("azs: [{name: z9}, {name: z3}, {name: z7}, {name: z1}, {name: z5}]"), &root); err != nil {
		t.Fatal(err)
	}
	before := map[*yaml.Node]string{}
	for _, az := range root.Content[0].Content[1].Content[:4] { // z5 is written where it stands
		before[az.Content[1]] = "z((n))"
	}
	doc, err := source.NewDocument("cc.yml", root.Content[0], map[*yaml.Node]place.Place{}, before)
	if err != nil {
		t.Fatal(err)
	}
	new(source.Names).Withhold(doc)
	cc, _, _ := ReadCloudConfigs([]source.Value{doc.Root()}, Options{})
	var zones []string
	for _, az := range cc.AZs {
		zones = append(zones, az.Name)
	}
	slices.SortFunc(zones, cc.CompareZones)
	if want := []string{cc.AZs[3].Name, cc.AZs[1].Name, "z5", cc.AZs[2].Name, cc.AZs[0].Name}; !slices.Equal(zones, want) {
		t.Errorf("zones are in the order %q, want %q", zones, want)
	}
	for _, az := range cc.AZs {
		if az.Name != "z5" && az.Name[0] == 'z' {
			t.Errorf("zone %q is shown", az.Name)
		}
	}
}
