//go:build !race

package filemodel_test

import (
	"flag"
	"reflect"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/filemodel"
	"github.com/ipguard/ipguard/src/internal/fleet"
)

var update = flag.Bool("update", false, "write what the types say into the tree")

var fleetSections = []filemodel.Section{
	{reflect.TypeFor[fleet.File](), "the whole file"},
	{reflect.TypeFor[fleet.Server](), "`server`"},
	{reflect.TypeFor[fleet.Director](), "each element of `directors`"},
	{reflect.TypeFor[fleet.Environment](), "`environment` of a director"},
	{reflect.TypeFor[fleet.Config](), "each element of `cloud_configs` and `runtime_configs`"},
	{reflect.TypeFor[fleet.Manifest](), "each element of `deployments` and `create_env`"},
	{reflect.TypeFor[fleet.Segment](), "each element of `segments`"},
	{reflect.TypeFor[fleet.Match](), "each element of `subnets` of a segment"},
	{reflect.TypeFor[fleet.External](), "each element of `external`"},
	{reflect.TypeFor[fleet.Pool](), "each element of `pools`"},
	{reflect.TypeFor[fleet.Team](), "each element of `teams`"},
	{reflect.TypeFor[fleet.Allowance](), "each element of `allow`"},
	{reflect.TypeFor[fleet.RuleSeverity](), "each element of `severities`"},
	{reflect.TypeFor[fleet.VIPProperties](), "`vip_properties`"},
	{reflect.TypeFor[fleet.Gate](), "`gate`"},
}

const fleetTop = `# The fleet file

` + "`ipguard.yml`" + ` tells where the files of all directors are, and what nobody could know from them.
` + "`ipguard init`" + ` writes a first one, ` + "`ipguard schema`" + ` prints the JSON Schema for editors. Paths are
relative to the file's folder. A key that is not known, given twice or of the wrong type is
refused with its line.

This page is made from the types that the program reads the file into; a test loads every
example.
`

// usualNames are those of properties that need not stand in the fleet file.
func usualNames() string {
	return "\n## The usual names of virtual addresses\n\n" +
		"These properties hold virtual addresses without a word in `vip_properties`, at any depth below `properties`:\n`" +
		strings.Join(bosh.UsualNames(), "`, `") + "`.\n\n" +
		"`virtualIP`, `virtual-ip`, `virtual_ip_2` and `virtual_ip_v4` are spellings of `virtual_ip`; the same goes for\n" +
		"every name and pattern. Whatever has another name is seen if `add` names it.\n\n" +
		"A variable without a value counts under such a name, or under that of a program that moves addresses, such as\n" +
		"`keepalived: ((k))`. Under another name, as `ha: ((ha))`, it is taken for no address, as `password: ((p))` is none:\n" +
		"where it is a map that has one, name that by `add: [ha.vip]`.\n"
}

// fleetModel is the fleet file.
func fleetModel(t *testing.T) *filemodel.Model {
	return &filemodel.Model{
		Title: fleet.FileName, Root: reflect.TypeFor[fleet.File](), Properties: true,
		Sources: []string{filemodel.Read(t, "../fleet/model.go")},
	}
}

// TestFleetSchema: the schema in the tree is what the types make, so that a change of the
// form shows in a review as what users' editors will see.
func TestFleetSchema(t *testing.T) {
	filemodel.InTree(t, *update, "../fleet/ipguard.schema.json", string(fleetModel(t).Schema()))
}

// TestFleetReference: docs/fleet.md is made from the types, their comments and examples.
// Every example is a whole fleet file without a mistake, and has every key of its type.
func TestFleetReference(t *testing.T) {
	m, examples := fleetModel(t), filemodel.Examples(t, "../fleet/testdata/reference.txtar")
	for name, text := range examples {
		if _, troubles := fleet.Parse("ipguard.yml", []byte(text)); len(troubles) > 0 {
			t.Errorf("the example of %s: %v", name, troubles)
		}
	}
	for _, missing := range m.Missing(fleetSections, examples) {
		t.Errorf("docs/fleet.md lacks %s", missing)
	}
	filemodel.InTree(t, *update, "../../../docs/fleet.md", m.Reference(fleetTop, fleetSections, examples)+usualNames())
}
