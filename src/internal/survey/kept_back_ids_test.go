//go:build !race

package survey_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/survey"
)

// idsOf are values of a property that names segments: of each kind that proves something,
// twice, one of them in another case too, and some that prove nothing.
func idsOf(n plan.SegmentName) []string {
	all := []string{
		"subnet-0123456789abcdef0", "subnet-0123456789abcdef1", "subnet-0123456789ABCDEF1", "vsw-bp1x", "vsw-bp1y", "vsw-bp1Y",
		"6d2b1c3e-0a5f-4a7b-9c1d-2e3f4a5b6c7d", "6D2B1C3E-0a5f-4a7b-9c1d-2e3f4a5b6c7d", "6d2b1c3e-0a5f-4a7b-9c1d-2e3f4a5b6c7e", "VLAN-52", "vlan-52", "VLAN-53", "4711",
	}
	if form := map[string]int{"aws subnet": 0, "alicloud vswitch": 3, "openstack network": 6, "network": 6}; n.Form != 0 {
		all = append(all[form[n.Scheme]:form[n.Scheme]+3], "net")
	}
	return append(all, n.Default)
}

// idFleet are two owners of one range whose cloud_properties come through variables.
type idFleet struct {
	cpi        [2]string // of directors, and of what makes a machine of create-env
	createEnv  bool      // the second one is such a machine
	properties [2]string // in the files
	vars       [2]string // files of variables
}

func (r random) idFleet() (f idFleet, cloud plan.Cloud) {
	all := plan.Clouds()
	if r.chance(2) { // those whose names prove the most
		all = all[:7]
	}
	cloud = all[r.IntN(len(all))]
	f.createEnv = r.chance(3)
	for i := range 2 {
		f.vars[i] = "other: {}\n"
		if r.chance(2) {
			f.cpi[i] = r.pick(cloud.CPIs...) + "_cpi"
		}
		if len(cloud.Names) == 0 || r.chance(8) {
			continue
		}
		n := cloud.Names[r.IntN(len(cloud.Names))]
		var list []string
		for _, key := range append([]string{n.Key, n.Scope}, n.Also...) {
			ids := idsOf(n)
			if r.chance(2) {
				ids = ids[:2]
			}
			value := r.pick(ids...)
			if key == "" || value == "" || key != n.Key && r.chance(2) {
				continue
			}
			variable := strings.NewReplacer(".", "_").Replace(key)
			if r.chance(2) && value != "4711" { // else a number
				value = strconv.Quote(value)
			}
			f.vars[i] += variable + ": " + value + "\n"
			text := "((" + variable + "))"
			if key == n.Key && r.chance(4) {
				f.vars[i] += fmt.Sprintf("second: %q\n", r.pick(idsOf(n)[:3]...))
				text = "[((second)), " + text + "]"
			}
			for parts := strings.Split(key, "."); len(parts) > 1; parts = parts[:len(parts)-1] {
				key, text = parts[len(parts)-2], fmt.Sprintf("{%s: %s}", parts[len(parts)-1], text)
			}
			list = append(list, key+": "+text)
		}
		f.properties[i] = strings.Join(list, ", ")
	}
	return f, cloud
}

// fleet is what survey reads of it; keptBack says whose variables may not be shown.
func (f idFleet) fleet(keptBack [2]bool) (survey.Fleet, *interpolate.Loader) {
	files := source.NewFiles(strings.NewReader(""))
	files.Names = &source.Names{}
	read := survey.Fleet{File: &fleet.File{}, VIPs: patterns, Snapshots: survey.Snapshots{Files: files}}
	for i := range 2 {
		d := fleet.Sources{Name: string(rune('a' + i)), CPI: f.cpi[i]}
		text := "azs: [{name: z1}]\nvm_types: [{name: small}]\nnetworks:\n- {name: default, subnets: [{range: 10.0.0.0/28, gateway: 10.0.0.1, az: z1, cloud_properties: {" + f.properties[i] +
			"}}]}\ncompilation: {workers: 1, network: default, az: z1, vm_type: small}\n"
		e := fleet.SourceFile{Path: d.Name + ".yml"}
		vars := d.Name + "-vars.yml"
		e.Inputs.VarsFiles = []string{vars}
		if keptBack[i] {
			e.Inputs.Withheld = []string{vars}
		}
		files.Keep(vars, []byte(f.vars[i]))
		if f.createEnv && i == 1 {
			text = "name: b\nnetworks:\n- {name: private, type: manual, subnets: [{range: 10.0.0.0/28, gateway: 10.0.0.1, cloud_properties: {" + f.properties[i] + "}}]}\n" +
				"resource_pools: [{name: vms, network: private, stemcell: {url: \"file:///s\", sha1: aa}}]\n" +
				"instance_groups: [{name: b, instances: 1, resource_pool: vms, jobs: [], networks: [{name: private, static_ips: [10.0.0.9]}]}]\n" +
				"cloud_provider: {template: {name: " + f.cpi[i] + "}, mbus: \"https://mbus@10.0.0.9:6868\"}\n"
			d.CPI = ""
			d.CreateEnvs = []fleet.SourceFile{e}
		} else {
			d.CloudConfigs = []fleet.SourceFile{e}
		}
		files.Keep(e.Path, []byte(text))
		read.Directors = append(read.Directors, d)
	}
	return read, interpolate.NewLoader(files, nil)
}

// verdict is what is refused, by rule and addresses, and how a run ends.
func (f idFleet) verdict(read survey.Fleet, loader *interpolate.Loader) (exit int, refused []string) {
	s := survey.Read(read, loader)
	for _, finding := range lint.Run(s.Facts, rules) {
		if finding.Severity >= lint.Error {
			refused, exit = append(refused, finding.Rule), 1
		}
	}
	doubts, _ := s.Facts.Doubts(func(*lint.Finding) bool { return false })
	if exit == 0 && len(doubts)+len(s.Failures) > 0 {
		exit = 3
	}
	return exit, refused
}

// TestKeptBackIDs holds that ids of networks which may not be shown prove what they prove
// openly, whoever keeps them back; and that a snapshot without them is not wrong and not
// greener for it.
func TestKeptBackIDs(t *testing.T) {
	t.Parallel()
	r := random{rand.New(rand.NewPCG(15, 1))}
	exits, pushed := map[string]int{}, map[string]int{}
	folder := t.TempDir()
	for range max(scale(t)/8, 40) {
		f, cloud := r.idFleet()
		wantExit, want := f.verdict(f.fleet([2]bool{}))
		exits[fmt.Sprint(cloud.Name, " ", wantExit)]++
		keptBack := [][2]bool{{true, true}, {true, false}, {false, true}}[r.IntN(3)]
		exit, refused := f.verdict(f.fleet(keptBack))
		if exit != wantExit || !slices.Equal(refused, want) {
			t.Fatalf("%s: %+v\nkept back %v: exit %d, %v; openly: %d, %v", cloud.Name, f, keptBack, exit, refused, wantExit, want)
		}
		read, loader := f.fleet([2]bool{true, true})
		which := r.IntN(2)
		told, err := survey.Promised(read.Directors[which], loader, read.Snapshots.Files, snapshot.Keep{VIPProperties: patterns.Find}, nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		text := told.Encode()
		for _, id := range idsOf(plan.SegmentName{}) {
			if id != "" && strings.Contains(string(text), id) {
				t.Fatalf("%s is told: %s", id, text)
			}
		}
		path := filepath.Join(folder, "pushed.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		read.Directors[which] = fleet.Sources{Name: read.Directors[which].Name, Snapshot: &fleet.SnapshotFile{Path: path, Pushed: true}}
		exit, refused = f.verdict(read, loader)
		pushed[fmt.Sprint(wantExit, " ", exit)]++
		if exit != wantExit && exit != 3 {
			t.Fatalf("%s: %+v\npushed %d: exit %d, %v; openly: %d, %v", cloud.Name, f, which, exit, refused, wantExit, want)
		}
	}
	for _, seen := range []string{"AWS 0", "AWS 1", "GCP 0", "Azure 0"} {
		if exits[seen] == 0 {
			t.Errorf("no fleet in %s: %v", seen, exits)
		}
	}
	if pushed["0 3"] == 0 || pushed["1 1"] == 0 {
		t.Errorf("how what was told ended: %v", pushed)
	}
}
