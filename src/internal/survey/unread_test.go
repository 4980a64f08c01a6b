//go:build !race

package survey_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/survey"
)

const vm = `name: jumpbox
networks:
- {name: private, type: manual, subnets: [{range: 10.0.0.0/27, gateway: 10.0.0.1, cloud_properties: {PROPERTIES}}]}
resource_pools: [{name: vms, network: private}]
instance_groups:
- {name: vm, instances: 1, resource_pool: vms, jobs: [], networks: [{name: private, static_ips: [10.0.0.20]}]}
cloud_provider: {template: {name: cpi, release: cpi}}
`

// TestSourcesThatCannotBeRead lints one VM of create-env beside a director of which
// a source cannot be read. It is refused where that source may have its address,
// and told nothing where the two can never meet.
func TestSourcesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cc := fleet.SourceFile{Path: write("cc.yml", "networks: [{name: default, subnets: [{range: 10.0.0.0/27, gateway: 10.0.0.1, reserved: [10.0.0.2 - 10.0.0.30], cloud_properties: {subnet: subnet-1}}]}]\ncompilation: {workers: 1, network: default}\n")}
	broken := fleet.SourceFile{Path: write("broken.yml", "a: [")}
	gone := fleet.SourceFile{Path: filepath.Join(dir, "gone.yml")}
	cut := write("cut.json", `{"version": 1, "collected": "2026-`)
	for name, c := range map[string]struct {
		other fleet.Sources
		// properties of the VM's subnet; the director's is on subnet-1 of AWS.
		properties string
		exit       int
	}{
		"all can be read":                     {fleet.Sources{CloudConfigs: []fleet.SourceFile{cc}}, "subnet: subnet-1", 0},
		"a cloud-config is gone":              {fleet.Sources{CloudConfigs: []fleet.SourceFile{gone}}, "subnet: subnet-1", 3},
		"a cloud-config is no YAML":           {fleet.Sources{CloudConfigs: []fleet.SourceFile{cc, broken}}, "subnet: subnet-1", 3},
		"a cloud-config, of which cloud?":     {fleet.Sources{CloudConfigs: []fleet.SourceFile{broken}}, "subnet: subnet-2", 3},
		"a manifest":                          {fleet.Sources{CloudConfigs: []fleet.SourceFile{cc}, Deployments: []fleet.SourceFile{broken}}, "subnet: subnet-1", 3},
		"a manifest of another network":       {fleet.Sources{CloudConfigs: []fleet.SourceFile{cc}, Deployments: []fleet.SourceFile{broken}}, "subnet: subnet-2", 0},
		"a runtime config":                    {fleet.Sources{CloudConfigs: []fleet.SourceFile{cc}, RuntimeConfigs: []fleet.SourceFile{gone}}, "subnet: subnet-1", 3},
		"a runtime config of another network": {fleet.Sources{CloudConfigs: []fleet.SourceFile{cc}, RuntimeConfigs: []fleet.SourceFile{gone}}, "subnet: subnet-2", 0},
		"a manifest for create-env":           {fleet.Sources{CreateEnvs: []fleet.SourceFile{broken}}, "subnet: subnet-1", 3},
		"no source at all":                    {fleet.Sources{}, "subnet: subnet-1", 3},
		"a snapshot is gone":                  {fleet.Sources{Snapshot: &fleet.SnapshotFile{Path: gone.Path}}, "subnet: subnet-1", 3},
		"a snapshot is cut off":               {fleet.Sources{Snapshot: &fleet.SnapshotFile{Path: cut}}, "subnet: subnet-1", 3},
		"a snapshot beside files":             {fleet.Sources{CloudConfigs: []fleet.SourceFile{cc}, Snapshot: &fleet.SnapshotFile{Path: cut}}, "subnet: subnet-1", 3},
		"a snapshot of another network":       {fleet.Sources{CloudConfigs: []fleet.SourceFile{cc}, Snapshot: &fleet.SnapshotFile{Path: cut}}, "subnet: subnet-2", 0},
	} {
		t.Run(name, func(t *testing.T) {
			files := source.NewFiles(strings.NewReader(""))
			c.other.Name = "other"
			files.Keep("vm.yml", []byte(strings.Replace(vm, "PROPERTIES", c.properties, 1)))
			f := survey.Fleet{
				File: &fleet.File{}, VIPs: patterns, Snapshots: survey.Snapshots{Files: files, Now: time.Now()},
				Directors: []fleet.Sources{c.other, {Name: "jumpbox", CreateEnvs: []fleet.SourceFile{{Path: "vm.yml", Target: true}}}},
			}
			s := survey.Read(f, interpolate.NewLoader(files, nil))
			doubts, _ := s.Facts.Doubts(func(*lint.Finding) bool { return false })
			exit := 0
			if len(doubts)+len(s.Failures) > 0 {
				exit = 3
			}
			for _, finding := range lint.Run(s.Facts, rules) {
				if finding.Severity >= lint.Error {
					t.Errorf("%s: %s", finding.Rule, finding.Message)
				}
			}
			if exit != c.exit {
				t.Errorf("exit %d, want %d: %v %v", exit, c.exit, doubts, s.Failures)
			}
		})
	}
}
