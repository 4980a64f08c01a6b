package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/snapshot"
)

var collectedAt = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

// liveDirector is what a snapshot says, in a form that is quick to write.
type liveDirector struct {
	Configs []liveConfig
	// Runtime is the content of a runtime config.
	Runtime     string
	Deployments []liveDeployment
	// Orphans are written as VMs: "DEPLOYMENT GROUP ADDRESS…".
	Orphans []string
	// Unseen is what it did not show.
	Unseen string
}

type liveConfig struct {
	ID, Name, Team, Content string
	Old                     bool
}

type liveDeployment struct {
	Name, Manifest string
	Teams, Pinned  []string
	// VMs are written "GROUP ADDRESS…".
	VMs []string
}

// writeSnapshot writes the snapshot of a director.
func writeSnapshot(t *testing.T, path string, d liveDirector) {
	t.Helper()
	k := defaultKeep()
	s := &snapshot.Snapshot{Head: snapshot.Head{Collected: collectedAt, Kept: k.Kept(), Director: snapshot.Identity{Name: path, UUID: "uuid of " + path}}}
	for _, c := range d.Configs {
		if c.Name == "" {
			c.Name = "default"
		}
		s.CloudConfigs = append(s.CloudConfigs, snapshot.Config{ID: c.ID, Name: c.Name, Team: c.Team, Latest: !c.Old, Content: k.ReduceCloudConfig(c.Content)})
	}
	if d.Runtime != "" {
		s.RuntimeConfigs = []snapshot.Config{{ID: "99", Name: "default", Latest: true, Content: k.ReduceRuntimeConfig(d.Runtime)}}
	}
	for _, dep := range d.Deployments {
		live := snapshot.Deployment{Name: dep.Name, Teams: dep.Teams, Pinned: dep.Pinned, Manifest: k.ReduceManifest(dep.Manifest)}
		for i, vm := range dep.VMs {
			live.VMs = append(live.VMs, vmOf(t, i, strings.Fields(vm)))
		}
		s.Deployments = append(s.Deployments, live)
	}
	if d.Unseen != "" {
		s.Unseen = []string{d.Unseen}
	}
	for i, vm := range d.Orphans {
		words := strings.Fields(vm)
		orphan := vmOf(t, i, words[1:])
		orphan.Deployment = words[0]
		s.Orphans = append(s.Orphans, orphan)
	}
	if _, err := s.Write(path, 0); err != nil {
		t.Fatal(err)
	}
}

// cloudConfigOf is a cloud-config with one subnet.
func cloudConfigOf(subnet string) string {
	return "azs: [{name: z1}]\nnetworks: [{name: default, subnets: [{gateway: 10.0.0.1, az: z1, " + subnet + "}]}]\ncompilation: {workers: 1, network: default, az: z1}\n"
}

// manifestOf is a manifest with one group.
func manifestOf(name, group, instances, statics string) string {
	return fmt.Sprintf("name: %s\nreleases: []\nstemcells: [{alias: default, os: ubuntu-jammy, version: '1.1'}]\n"+
		"update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}\n"+
		"instance_groups: [{name: %s, azs: [z1], instances: %s, vm_type: a, stemcell: default, jobs: [], networks: [{name: default%s}]}]\n", name, group, instances, statics)
}

// Addresses below 10.0.0.10 are nobody's; those up to .99 are a's, the rest b's.
const (
	ofA = "range: 10.0.0.0/24, reserved: [10.0.0.2 - 10.0.0.9, 10.0.0.100 - 10.0.0.254], static: [10.0.0.10 - 10.0.0.49]"
	ofB = "range: 10.0.0.0/24, reserved: [10.0.0.2 - 10.0.0.99], static: [10.0.0.100 - 10.0.0.149]"
)

func vmOf(t *testing.T, i int, words []string) snapshot.VM {
	t.Helper()
	vm := snapshot.VM{Group: words[0], ID: fmt.Sprintf("%08d-0000-4000-8000-000000000000", i), AZ: "z1", Index: i}
	for _, text := range words[1:] {
		a, ok := snapshot.NewAddress(text)
		if !ok {
			t.Fatalf("%s is no address", text)
		}
		vm.Addresses = append(vm.Addresses, a)
	}
	return vm
}

func defaultKeep() snapshot.Keep { return snapshot.Keep{VIPProperties: bosh.DefaultPatterns().Find} }
