//go:build !race

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/madefleet"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestAuditOfAHealthyFleet deploys a whole made fleet, each director granting what
// it would: the audit has nothing to say. Then one file is changed.
func TestAuditOfAHealthyFleet(t *testing.T) {
	size := madefleet.Size{Directors: 16, Deployments: 80, StaticAddresses: 1500, Seed: 3}
	if sharedtest.Short() {
		size = madefleet.Size{Directors: 6, Deployments: 30, StaticAddresses: 500, Seed: 3}
	}
	made, err := madefleet.Make(size)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := made.Write("."); err != nil {
		t.Fatal(err)
	}
	granted := deployAll(t)
	if got := auditFleet(t); got != "exit 0\n" {
		t.Fatalf("%d addresses were granted as promised, and audit says:\n%s", granted, got)
	}
	agreed := auditFleet(t, "--verdict", "agreed")
	for reason, least := range map[string]int{"agreed as-promised ": size.StaticAddresses / 5, "agreed from-pool ": size.Deployments / 2, "agreed create-env ": size.Directors / 3} {
		if n := strings.Count(agreed, reason); n < least {
			t.Errorf("%s: %d times; the fleet shows too little", reason, n)
		}
	}
	oneFileChanged(t)
}

// oneFileChanged lets one director hand out what it reserved: that is a danger to
// VMs of create-env, and no drift. Then it forgets a deployment.
func oneFileChanged(t *testing.T) {
	t.Helper()
	path := "director-003/cloud-config.yml"
	writeFile(t, path, []byte(strings.ReplaceAll(readFile(t, path), "reserved:", "reserved_no_more:")))
	got := auditFleet(t)
	if !strings.Contains(got, " unprotected may-be-handed-out ") || strings.Contains(got, " drift ") || strings.Contains(got, " ghost ") {
		t.Errorf("wider pools hold what was granted, and audit says:\n%s", got)
	}
	manifests, err := filepath.Glob("director-003/deployments/*.yml")
	if err != nil || len(manifests) < 2 {
		t.Fatalf("%d manifests: %v", len(manifests), err)
	}
	if err := os.Remove(manifests[0]); err != nil {
		t.Fatal(err)
	}
	got = auditFleet(t)
	if strings.Count(got, " ghost no-deployment ") == 0 || strings.Count(got, "of director director-003\n") != strings.Count(got, " ghost ") || strings.Contains(got, " drift ") {
		t.Errorf("without %s audit says:\n%s", manifests[0], got)
	}
}

// deployAll writes a snapshot of each director of the fleet in which everything
// was deployed, names it in the fleet file, and returns how many addresses were
// granted.
func deployAll(t *testing.T) int {
	t.Helper()
	p, err := readPicture("", Streams{Stdin: strings.NewReader(""), Stderr: &strings.Builder{}})
	if err != nil {
		t.Fatal(err)
	}
	vms, granted := map[string][]string{}, 0
	for _, prediction := range p.Predicted {
		byInstance := map[string]string{}
		for _, a := range prediction.Addresses {
			if a.InstanceGroup == "" {
				continue // compiling is over
			}
			granted++
			text := a.IP.String()
			if a.IP.IsSingleIP() {
				text = a.IP.Addr().String()
			}
			byInstance[fmt.Sprintf("%s %d", a.InstanceGroup, a.Index)] += " " + text
		}
		key := prediction.Director + "/" + prediction.Deployment
		for instance, addresses := range byInstance {
			group, _, _ := strings.Cut(instance, " ")
			vms[key] = append(vms[key], group+addresses)
		}
	}
	file := readFile(t, madefleet.FleetFile)
	for _, d := range p.Fleet.Directors {
		writeSnapshot(t, d.Name+".json", liveAs(t, p, d, vms))
		file = strings.Replace(file, "- name: "+d.Name+"\n", "- name: "+d.Name+"\n  snapshot: "+d.Name+".json\n", 1)
	}
	writeFile(t, madefleet.FleetFile, []byte(file))
	return granted
}

// liveAs is a director to which all its files were given.
func liveAs(t *testing.T, p *picture, d fleet.Sources, vms map[string][]string) (live liveDirector) {
	t.Helper()
	text := func(e fleet.SourceFile) string { return uploaded(t, p.Loader, e.Path, e.Inputs) }
	for i, e := range d.CloudConfigs {
		live.Configs = append(live.Configs, liveConfig{ID: fmt.Sprint(i), Name: fmt.Sprint("config", i), Content: text(e)})
	}
	for _, e := range d.Deployments {
		content := text(e)
		var named struct{ Name string }
		if err := yaml.Unmarshal([]byte(content), &named); err != nil {
			t.Fatal(err)
		}
		live.Deployments = append(live.Deployments, liveDeployment{Name: named.Name, Manifest: content, VMs: vms[d.Name+"/"+named.Name]})
	}
	return live
}
