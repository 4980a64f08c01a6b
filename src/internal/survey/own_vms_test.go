//go:build !race

package survey

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
)

const ownCloudConfig = `azs: [{name: z1}]
vm_types: [{name: small}]
networks:
- name: default
  type: manual
  subnets:
  - range: 10.0.0.0/24
    gateway: 10.0.0.1
    azs: [z1]
    static: [10.0.0.30 - 10.0.0.39]
compilation: {workers: 1, network: default, az: z1, vm_type: small}
`

const ownManifest = `name: web
releases: []
stemcells: [{alias: default, os: ubuntu-jammy, version: "1.1"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}
instance_groups:
- name: lb
  instances: 1
  azs: [z1]
  vm_type: small
  stemcell: default
  jobs: []
  networks: [{name: default, static_ips: [10.0.0.30]}]
`

// TestOwnVMIsNoDouble hides parts of a cloud-config and a manifest that the director has as
// they are, with the VM that came of them: whoever has the address, it is the same one.
func TestOwnVMIsNoDouble(t *testing.T) {
	for name, hide := range map[string][2]string{
		"nothing":          {"", ""},
		"range":            {"range: 10.0.0.0/24", "range: ((x))"},
		"gateway":          {"gateway: 10.0.0.1", "gateway: ((x))"},
		"static":           {"static: [10.0.0.30 - 10.0.0.39]", "static: ((x))"},
		"type":             {"type: manual", "type: ((x))"},
		"subnets":          {ownCloudConfig[strings.Index(ownCloudConfig, "  subnets:"):strings.Index(ownCloudConfig, "compilation")], "  subnets: ((x))\n"},
		"networks":         {ownCloudConfig[strings.Index(ownCloudConfig, "networks:"):strings.Index(ownCloudConfig, "compilation")], "networks: ((x))\n"},
		"network's name":   {"[{name: default, static", "[{name: ((x)), static"},
		"group's name":     {"- name: lb", "- name: ((x))"},
		"deployment":       {"name: web", "name: ((x))"},
		"former name":      {"- name: lb", "- name: front\n  migrated_from: [{name: ((x))}]"},
		"former names":     {"- name: lb", "- name: front\n  migrated_from: ((x))"},
		"a former one of":  {"- name: lb", "- name: front\n  migrated_from: [((x))]"},
		"zones":            {"azs: [z1]\n  vm_type", "azs: ((x))\n  vm_type"},
		"number":           {"instances: 1", "instances: ((x))"},
		"vip of nobody":    {"jobs: []", "jobs: [{name: k, release: r, properties: {vip: ((x))}}]"},
		"network of group": {"networks: [{name: default, static_ips: [10.0.0.30]}]", "networks: [((x)), {name: default, static_ips: [10.0.0.30]}]"},
	} {
		t.Run(name, func(t *testing.T) {
			config, manifest := strings.Replace(ownCloudConfig, hide[0], hide[1], 1), strings.Replace(ownManifest, hide[0], hide[1], 1)
			if hide[0] != "" && config+manifest == ownCloudConfig+ownManifest {
				t.Fatal("nothing was replaced")
			}
			for _, f := range lintOwn(t, config, manifest) {
				if f.Severity >= lint.Error {
					t.Errorf("%s: %s", f.Rule, f.Message)
				}
			}
		})
	}
}

// lintOwn judges a director whose snapshot has the same as its files, and one VM.
func lintOwn(t *testing.T, config, manifest string) []lint.Finding {
	t.Helper()
	k := snapshot.Keep{}
	address := netip.MustParseAddr("10.0.0.30")
	vm := snapshot.VM{Group: "lb", ID: "1", AZ: "z1", Addresses: []snapshot.Address{{Text: address.String(), Block: bosh.Block{Range: netipx.IPRangeFrom(address, address)}}}}
	s := &snapshot.Snapshot{
		Head:         snapshot.Head{Collected: time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)},
		CloudConfigs: []snapshot.Config{{ID: "1", Name: "default", Latest: true, Content: k.ReduceCloudConfig(config)}},
		Deployments:  []snapshot.Deployment{{Name: "web", Manifest: k.ReduceManifest(manifest), VMs: []snapshot.VM{vm}}},
	}
	s.Director.UUID = "u"
	files := source.NewFiles(strings.NewReader(""))
	for name, text := range map[string][]byte{"cc.yml": []byte(config), "web.yml": []byte(manifest), "promo.json": s.Encode()} {
		files.Keep(name, text)
	}
	d := fleet.Sources{Name: "promo", CloudConfigs: []fleet.SourceFile{{Path: "cc.yml"}}, Deployments: []fleet.SourceFile{{Path: "web.yml"}}, Snapshot: &fleet.SnapshotFile{Path: "promo.json"}}
	f := Fleet{File: &fleet.File{Path: "ipguard.yml"}, Directors: []fleet.Sources{d}, Snapshots: Snapshots{Files: files, Now: s.Collected}}
	return lint.Run(Read(f, interpolate.NewLoader(files, nil)).Facts, lint.Rules())
}
