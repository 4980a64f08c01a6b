//go:build !race

package cli

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestFenceFixesRandomFleets lets lint judge what fence writes: small fleets on
// one VLAN, in every form that people write YAML in, have no conflict left, and
// of their files not a byte is gone.
func TestFenceFixesRandomFleets(t *testing.T) {
	fleets := 150
	if sharedtest.Short() {
		fleets = 20
	}
	before, fixed, applied := 0, 0, 0
	for seed := range uint64(fleets) {
		dir := t.TempDir()
		t.Chdir(dir)
		files := randomTexts(rand.New(rand.NewPCG(seed, 7)))
		for name, text := range files {
			writeFile(t, filepath.Join(dir, name), []byte(text))
		}
		found := conflicts(t, seed)
		before += len(found)
		diff, said, _ := runIn(t, "fence")
		if err := gitApply(t, diff); (err != nil) != strings.Contains(said, "cannot be applied") {
			t.Fatalf("seed %d: git apply of the diff: %v\n%s%s\n%s", seed, err, diff, said, texts(files))
		} else if err == nil && diff != "" {
			applied++
		}
		stdout, stderr, code := runIn(t, "fence", "--fix")
		if code != ExitOK {
			t.Fatalf("seed %d: fence --fix ends with %d\n%s%s\n%s", seed, code, stdout, stderr, texts(files))
		}
		if left := conflicts(t, seed); len(left) > 0 {
			t.Fatalf("seed %d: left after\n%s%s\n%s", seed, stdout, left, texts(files))
		}
		for name, text := range files {
			now, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !isSubsequence(text, string(now)) {
				t.Fatalf("seed %d: %s lost something:\n%s", seed, name, now)
			}
			if text != string(now) {
				fixed++
			}
		}
		if again, _, code := runIn(t, "fence"); again != "" || code != ExitOK {
			t.Fatalf("seed %d: a second fence ends with %d and wants\n%s", seed, code, again)
		}
	}
	if applied < fleets/20 {
		t.Errorf("git could apply %d diffs of %d fleets", applied, fleets)
	}
	if before < 2*fleets || fixed < fleets {
		t.Errorf("%d conflicts before, %d files changed: the fleets do not test what they should", before, fixed)
	}
	t.Logf("%d fleets, %d conflicts before, %d files changed", fleets, before, fixed)
}

// gitApply tries whether git would apply a diff to the files as they are.
func gitApply(t *testing.T, diff string) error {
	t.Helper()
	if diff == "" {
		return nil
	}
	sharedtest.Programs(t, "git")
	cmd := exec.Command("git", "apply", "--check", "-")
	cmd.Stdin = strings.NewReader(diff)
	return cmd.Run()
}

// conflicts returns what lint says about addresses, and everything that a
// director would refuse.
func conflicts(t *testing.T, seed uint64) []string {
	t.Helper()
	stdout, stderr, _ := runIn(t, "lint", "--format", "json")
	var result struct {
		Findings []struct{ Rule, Severity, Message string }
		Failures []struct{ Message string }
	}
	if err := json.Unmarshal([]byte(stdout), &result); err != nil || len(result.Failures) > 0 {
		t.Fatalf("seed %d: %v %v %s", seed, err, result.Failures, stderr)
	}
	family := map[string]lint.Family{}
	for _, rule := range lint.Rules() {
		family[rule.ID] = rule.Family
	}
	var list []string
	for _, f := range result.Findings {
		if family[f.Rule] == lint.FamilyFleet || f.Severity == "error" {
			list = append(list, f.Rule+": "+f.Message)
		}
	}
	return list
}

func isSubsequence(short, long string) bool {
	i := 0
	for _, b := range []byte(long) {
		if i < len(short) && short[i] == b {
			i++
		}
	}
	return i == len(short)
}

func texts(files map[string]string) string {
	var b strings.Builder
	for name, text := range files {
		fmt.Fprintf(&b, "-- %s --\n%s", name, text)
	}
	return b.String()
}

// randomTexts makes the files of up to four directors on 10.9.0.0/26. What is in
// use has an address of its own, so that every conflict can be fenced off.
func randomTexts(r *rand.Rand) map[string]string {
	free := r.Perm(58) // of .2 to .59
	take := func() string {
		last := free[0] + 2
		free = free[1:]
		return fmt.Sprintf("10.9.0.%d", last)
	}
	files := map[string]string{}
	fleet := "directors:\n"
	for i := range 2 + r.IntN(3) {
		name := string(rune('a' + i))
		static := []string{take(), take()}
		files[name+"/cloud.yml"] = cloudConfigText(r, static, take)
		files[name+"/web.yml"] = webText(r, static, take)
		fleet += fmt.Sprintf("- name: %s\n  cloud_configs: [%s/cloud.yml]\n  deployments: [%s/web.yml]\n", name, name, name)
		if r.IntN(3) == 0 {
			files[name+"/jumpbox.yml"] = strings.ReplaceAll(jumpboxText, "ADDRESS", take())
			fleet += fmt.Sprintf("  create_env: [%s/jumpbox.yml]\n", name)
		}
	}
	if r.IntN(2) == 0 {
		fleet += fmt.Sprintf("external: [{owner: lb, addresses: [%s]}]\n", take())
	}
	files["ipguard.yml"] = fleet
	return files
}

// cloudConfigText writes one subnet in one of many forms.
func cloudConfigText(r *rand.Rand, static []string, take func() string) string {
	entries := []string{take()}
	if r.IntN(2) == 0 {
		entries = append(entries, take())
	}
	quoted := `"` + strings.Join(entries, `", "`) + `"`
	reserved := []string{
		"", "    reserved:   # none yet\n",
		"    reserved: [" + strings.Join(entries, ", ") + "]  # ours\n",
		"    reserved: " + entries[0] + "  # ours\n",
		"    reserved: '" + entries[0] + "'\n",
		"    reserved:\n    # ours\n    - " + strings.Join(entries, "  # a host\n    - ") + "\n",
		"    reserved:\n      - \"" + strings.Join(entries, "\"\n      - \"") + "\"\n\n",
		"    reserved: [\n      " + strings.Join(entries, ",\n      ") + ",  # ours\n    ]\n",
	}
	gateway := []string{"10.9.0.1", "10.9.0.62"}[r.IntN(2)]
	dns := ""
	if r.IntN(3) == 0 {
		dns = "    dns: [" + take() + "]\n"
	}
	if r.IntN(6) == 0 {
		return fmt.Sprintf(`{"azs": [{"name": "z1"}], "vm_types": [{"name": "s"}], "networks": [{"name": "default", "subnets": [`+
			`{"range": "10.9.0.0/26", "gateway": %q, "az": "z1", "reserved": [%s], "static": ["%s"]}]}],`+
			` "compilation": {"workers": 1, "network": "default", "az": "z1", "vm_type": "s"}}`, gateway, quoted, strings.Join(static, `", "`))
	}
	text := "azs: [{name: z1}]\nvm_types: [{name: s}]\nnetworks:\n- name: default\n  subnets:\n" +
		"  - range: 10.9.0.0/26  # the VLAN\n    gateway: " + gateway + "\n    az: z1\n" +
		reserved[r.IntN(len(reserved))] +
		[]string{"", "    cloud_properties: {name: VLAN-9}\n", "    cloud_properties: {name: VLAN-9, x: 1}\n"}[r.IntN(3)] +
		dns + "    static: [" + strings.Join(static, ", ") + "]\n" +
		"compilation: {workers: 1, network: default, az: z1, vm_type: s}"
	if r.IntN(4) == 0 {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	if r.IntN(2) == 0 {
		text += "\n"
	}
	return text
}

func webText(r *rand.Rand, static []string, take func() string) string {
	slices.Sort(static)
	text := "name: web\nreleases: [{name: web, version: '1'}]\nstemcells: [{alias: default, os: ubuntu-jammy, version: '1'}]\n" +
		"update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}\ninstance_groups:\n" +
		"- name: web\n  instances: 2\n  azs: [z1]\n  vm_type: s\n  stemcell: default\n  networks: [{name: default, static_ips: [" + strings.Join(static, ", ") + "]}]\n  jobs:\n  - name: balancer\n    release: web\n"
	if r.IntN(2) == 0 {
		text += "    properties: {keepalived: {vip: " + take() + "}}\n"
	}
	return text + fmt.Sprintf("- name: worker\n  instances: %d\n  azs: [z1]\n  vm_type: s\n  stemcell: default\n  networks: [{name: default}]\n  jobs: [{name: worker, release: web}]\n", r.IntN(4))
}

const jumpboxText = `name: jumpbox
releases: [{name: jumpbox, version: "1"}]
resource_pools: [{name: vms, network: private}]
networks:
- name: private
  type: manual
  subnets: [{range: 10.9.0.0/26, gateway: 10.9.0.1}]
instance_groups:
- name: jumpbox
  instances: 1
  resource_pool: vms
  networks: [{name: private, static_ips: [ADDRESS]}]
  jobs: [{name: jumpbox, release: jumpbox}]
cloud_provider:
  template: {name: cpi, release: cpi}
`
