//go:build !race

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/madefleet"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
)

// lintSnapshots lints and returns the findings and failures, one on each line.
func lintSnapshots(t *testing.T, args ...string) string {
	t.Helper()
	said, _ := lintAndCount(t, args...)
	return said
}

// lintAndCount also counts the claims that lint looks at.
func lintAndCount(t *testing.T, args ...string) (said string, claims int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := Main(context.Background(), append(append([]string{"lint"}, args...), "--format", "json"), Streams{
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Now: func() time.Time { return collectedAt.Add(26 * time.Hour) },
	})
	var result struct {
		Findings []struct {
			Rule, Severity, Message string
		}
		Failures []struct{ Message, Hint string }
		Summary  struct{ Claims int }
	}
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
	}
	var b strings.Builder
	for _, f := range result.Findings {
		if f.Rule != "unused-static-pool" { // most fleets here are too small to use theirs
			fmt.Fprintf(&b, "%s: %s\n", f.Rule, f.Message)
		}
	}
	for _, f := range result.Failures {
		fmt.Fprintf(&b, "failure: %s\n", f.Message)
	}
	fmt.Fprintf(&b, "exit %d\n", code)
	return b.String(), result.Summary.Claims
}

// TestLeases lints what directors granted against what is promised.
func TestLeases(t *testing.T) {
	one := func(statics string) string { return manifestOf("web", "nginx", "1", statics) }
	for name, c := range map[string]struct {
		a, b liveDirector
		want string
	}{
		"as promised": {
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}},
				Deployments: []liveDeployment{{Name: "web", Manifest: one(", static_ips: [10.0.0.10]"), VMs: []string{"nginx 10.0.0.10"}}}},
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofB)}},
				Deployments: []liveDeployment{{Name: "web", Manifest: one(""), VMs: []string{"nginx 10.0.0.150"}}}},
			"exit 0\n"},
		"both granted it": {
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}},
				Deployments: []liveDeployment{{Name: "web", Manifest: one(""), VMs: []string{"nginx 10.0.0.60"}}}},
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofB)}},
				Deployments: []liveDeployment{{Name: "web", Manifest: one(""), VMs: []string{"nginx 10.0.0.60"}}}},
			"address-claimed-twice: 10.0.0.60 is claimed twice: by the VM of nginx/0 of deployment web (director a) and by the VM of nginx/0 of deployment web (director b)\n" +
				"moved-instances: nginx/0 loses 10.0.0.60, which network default reserves, and gets 10.0.0.150\nexit 1\n"},
		"granted and then reserved": {
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}},
				Deployments: []liveDeployment{{Name: "web", Manifest: one(""), VMs: []string{"nginx 10.0.0.160"}}}},
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofB)}}},
			"moved-instances: nginx/0 loses 10.0.0.160, which network default reserves, and gets 10.0.0.50\n" +
				"static-in-foreign-pool: 10.0.0.160, the VM of nginx/0 of deployment web (director a), lies in what director b hands out by itself on network default\nexit 1\n"},
		"orphaned": {
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}},
				Deployments: []liveDeployment{{Name: "web", Manifest: one(", static_ips: [10.0.0.10]")}}, Orphans: []string{"old nginx 10.0.0.10"}},
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofB)}}},
			"static-ip-twice: 10.0.0.10 is claimed twice: by instance nginx/0 of deployment web (director a) and by an orphaned VM of nginx of deployment old (director a)\nexit 1\n"},
		"pinned to an older cloud-config": {
			liveDirector{Configs: []liveConfig{{ID: "1", Old: true, Content: cloudConfigOf("range: 10.0.0.0/24, reserved: [10.0.0.2 - 10.0.0.149, 10.0.0.160 - 10.0.0.254]")}, {ID: "2", Content: cloudConfigOf(ofA)}},
				Deployments: []liveDeployment{{Name: "web", Pinned: []string{"1"}, Manifest: one("")}}},
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofB)}}},
			"overlapping-pools: director a (network default, as web still has it) and director b (network default) may both hand out 10.0.0.150-10.0.0.159\nexit 1\n"},
		"pinned to an older one that says the same": {
			liveDirector{Configs: []liveConfig{{ID: "1", Old: true, Content: cloudConfigOf(ofA)}, {ID: "2", Content: cloudConfigOf(ofA) + "disk_types: [{name: x}]\n"}},
				Deployments: []liveDeployment{{Name: "web", Pinned: []string{"1"}, Manifest: one(", static_ips: [10.0.0.10]"), VMs: []string{"nginx 10.0.0.10"}}}},
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofB)}}},
			"exit 0\n"},
		"team": {
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)},
				{ID: "2", Name: "extra", Team: "t", Content: "networks: [{name: extra, subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1, az: z1, reserved: [10.0.0.2 - 10.0.0.199]}]}]"}},
				Deployments: []liveDeployment{{Name: "web", Teams: []string{"t"}, Manifest: strings.Replace(one(""), "name: default}", "name: extra}", 1)}}},
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofB)}}},
			"overlapping-pools: director a (network extra) and director b (network default) may both hand out 10.0.0.200-10.0.0.254\nexit 1\n"},
		"virtual address of a runtime config": {
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}}, Runtime: "addons: [{name: lb, jobs: [{name: keepalived, properties: {vip: 10.0.0.160}}]}]"},
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofB)}}},
			"vip-in-pool: 10.0.0.160, the virtual address vip (director a), lies in what director b hands out by itself on network default\nexit 1\n"},
		"group that was renamed": {
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}},
				Deployments: []liveDeployment{{Name: "web", Manifest: strings.Replace(one(", static_ips: [10.0.0.10]"), "instances:", "migrated_from: [{name: apache}], instances:", 1), VMs: []string{"apache 10.0.0.10"}}}},
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofB)}}},
			"exit 0\n"},
		"manifest that could not be read": {
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}}, Deployments: []liveDeployment{{Name: "web", Manifest: "name: [", VMs: []string{"nginx 10.0.0.160"}}}},
			liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofB)}}},
			"static-in-foreign-pool: 10.0.0.160, the VM of nginx/0 of deployment web (director a), lies in what director b hands out by itself on network default\n" +
				"failure: the manifest of web of director a could not be collected: its line 1 is not valid YAML\nexit 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			writeSnapshot(t, "a.json", c.a)
			writeSnapshot(t, "b.json", c.b)
			writeFile(t, "ipguard.yml", []byte("directors: [{name: a, snapshot: a.json}, {name: b, snapshot: b.json}]\nsegments: [{name: vlan, subnets: [{range: 10.0.0.0/24}]}]\n"))
			if diff := cmp.Diff(c.want, lintSnapshots(t)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDeployAgainstLeases judges one manifest against what directors granted.
func TestDeployAgainstLeases(t *testing.T) {
	a := liveDirector{
		Configs: []liveConfig{{ID: "1", Old: true, Content: cloudConfigOf("range: 10.0.0.0/24, reserved: [10.0.0.2 - 10.0.0.149, 10.0.0.160 - 10.0.0.254]")}, {ID: "2", Content: cloudConfigOf(ofA)}},
		Deployments: []liveDeployment{
			{Name: "web", Pinned: []string{"1"}, Manifest: manifestOf("web", "nginx", "1", ", static_ips: [10.0.0.10]"), VMs: []string{"nginx 10.0.0.10"}},
			{Name: "cache", Manifest: manifestOf("cache", "redis", "1", ""), VMs: []string{"redis 10.0.0.20"}},
		},
	}
	b := liveDirector{
		Configs:     []liveConfig{{ID: "1", Content: cloudConfigOf(ofB)}},
		Deployments: []liveDeployment{{Name: "db", Manifest: manifestOf("db", "pg", "1", ""), VMs: []string{"pg 10.0.0.11"}}},
	}
	for name, c := range map[string]struct{ manifest, want string }{
		"as it is":       {manifestOf("web", "nginx", "1", ", static_ips: [10.0.0.10]"), "exit 0\n"},
		"moved":          {manifestOf("web", "nginx", "1", ", static_ips: [10.0.0.12]"), "moved-instances: nginx/0 loses 10.0.0.10 and gets 10.0.0.12\nexit 0\n"},
		"to a neighbour": {manifestOf("web", "nginx", "1", ", static_ips: [10.0.0.20]"), "static-ip-twice: 10.0.0.20 is claimed twice: by an instance of nginx of deployment web (director a) and by the VM of redis/0 of deployment cache (director a)\nexit 1\n"},
		"to another director's VM": {manifestOf("web", "nginx", "1", ", static_ips: [10.0.0.11]"),
			"moved-instances: nginx/0 loses 10.0.0.10 and gets 10.0.0.11\n" +
				"address-claimed-twice: 10.0.0.11 is claimed twice: by an instance of nginx of deployment web (director a) and by the VM of pg/0 of deployment db (director b)\nexit 1\n"},
		"of another deployment": {manifestOf("api", "puma", "1", ", static_ips: [10.0.0.10]"),
			"static-ip-twice: 10.0.0.10 is claimed twice: by instance puma/0 of deployment api (director a) and by instance nginx/0 of deployment web (director a)\nexit 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			writeSnapshot(t, "a.json", a)
			writeSnapshot(t, "b.json", b)
			writeFile(t, "ipguard.yml", []byte("directors: [{name: a, snapshot: a.json}, {name: b, snapshot: b.json}]\nsegments: [{name: vlan, subnets: [{range: 10.0.0.0/24}]}]\n"))
			writeFile(t, "m.yml", []byte(c.manifest))
			if diff := cmp.Diff(c.want, lintSnapshots(t, "--director", "a", "m.yml")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestCureOfACloudConfig lets a cloud-config through that ends a conflict which
// deployments are still pinned to.
func TestCureOfACloudConfig(t *testing.T) {
	t.Chdir(t.TempDir())
	both := "range: 10.0.0.0/24"
	writeSnapshot(t, "a.json", liveDirector{
		Configs:     []liveConfig{{ID: "1", Content: cloudConfigOf(both)}, {ID: "2", Name: "other", Content: "networks: [{name: other, subnets: [{range: 10.1.0.0/24, gateway: 10.1.0.1, az: z1}]}]"}},
		Deployments: []liveDeployment{{Name: "web", Manifest: manifestOf("web", "nginx", "1", "")}},
	})
	writeSnapshot(t, "b.json", liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofB)}}})
	writeFile(t, "ipguard.yml", []byte("directors: [{name: a, snapshot: a.json}, {name: b, snapshot: b.json}]\nsegments: [{name: vlan, subnets: [{range: 10.0.0.0/24}]}]\n"))
	for subnet, want := range map[string]string{both: "exit 1\n", ofA: "exit 0\n"} {
		writeFile(t, "cc.yml", []byte(cloudConfigOf(subnet)))
		if got := lintSnapshots(t, "--director", "a", "cc.yml"); !strings.HasSuffix(got, want) {
			t.Errorf("%s: got %s", subnet, got)
		}
	}
}

// TestFilesAndSnapshots puts a file in the place of what the director told of the
// same deployment, and keeps the director's cloud-config beside that of the files.
func TestFilesAndSnapshots(t *testing.T) {
	t.Chdir(t.TempDir())
	writeSnapshot(t, "a.json", liveDirector{
		Configs:     []liveConfig{{ID: "1", Content: cloudConfigOf("range: 10.0.0.0/24, reserved: [10.0.0.2 - 10.0.0.9, 10.0.0.110 - 10.0.0.254], static: [10.0.0.10 - 10.0.0.49]")}},
		Deployments: []liveDeployment{{Name: "web", Manifest: manifestOf("web", "nginx", "1", ", static_ips: [10.0.0.10]"), VMs: []string{"nginx 10.0.0.10"}}},
	})
	writeFile(t, "a/cc.yml", []byte(cloudConfigOf(ofA)))
	writeFile(t, "a/web.yml", []byte(manifestOf("web", "nginx", "1", ", static_ips: [10.0.0.11]")))
	writeSnapshot(t, "b.json", liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofB)}}})
	writeFile(t, "ipguard.yml", []byte("directors: [{name: a, snapshot: a.json, cloud_configs: [a/cc.yml], deployments: [a/web.yml]}, {name: b, snapshot: b.json}]\nsegments: [{name: vlan, subnets: [{range: 10.0.0.0/24}]}]\n"))
	const moves = "moved-instances: nginx/0 loses 10.0.0.10 and gets 10.0.0.11\n"
	want := "overlapping-pools: director a (network default, as the director has it) and director b (network default) may both hand out 10.0.0.100-10.0.0.109\n" + moves + "exit 1\n"
	if diff := cmp.Diff(want, lintSnapshots(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// a's cloud-config is what is judged: what it had before is its past
	if diff := cmp.Diff(moves+"exit 0\n", lintSnapshots(t, "a/cc.yml")); diff != "" {
		t.Errorf("the update (-want +got):\n%s", diff)
	}
}

// TestRuntimeConfigFiles puts runtime configs in files in the place of those that
// the director has: all of them, or, where one is judged that no file names, the
// one that an update without a name replaces.
func TestRuntimeConfigFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	runtime := func(vip string) string {
		return "addons: [{name: lb, jobs: [{name: keepalived, properties: {keepalived: {vip: " + vip + "}}}]}]\n"
	}
	writeSnapshot(t, "a.json", liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}}})
	writeSnapshot(t, "b.json", liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofB)}}, Runtime: runtime("10.0.0.60")})
	writeFile(t, "other.yml", []byte(runtime("10.0.0.9")))
	inPool := "vip-in-pool: 10.0.0.60, the virtual address keepalived.vip (director b), lies in what director a hands out by itself on network default\nexit 1\n"
	fleetOf := func(more string) {
		writeFile(t, "ipguard.yml", []byte("directors: [{name: a, snapshot: a.json}, {name: b, snapshot: b.json"+more+"}]\nsegments: [{name: vlan, subnets: [{range: 10.0.0.0/24}]}]\n"))
	}
	for _, c := range []struct {
		more string
		args []string
		want string
	}{
		{"", nil, inPool},
		{", runtime_configs: [other.yml]", nil, "exit 0\n"},
		{"", []string{"--director", "b", "other.yml"}, "exit 0\n"},
		{", runtime_configs: [other.yml]", []string{"other.yml"}, "exit 0\n"},
	} {
		fleetOf(c.more)
		if diff := cmp.Diff(c.want, lintSnapshots(t, c.args...)); diff != "" {
			t.Errorf("%s, %q (-want +got):\n%s", c.more, c.args, diff)
		}
	}
}

// TestMaxAge holds the age of a snapshot against what the fleet file allows.
func TestMaxAge(t *testing.T) {
	t.Chdir(t.TempDir())
	writeSnapshot(t, "a.json", liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}}})
	for age, c := range map[string]struct{ want, stale string }{
		"27h": {"exit 0\n", "exit 0\n"},
		"26h": {"exit 0\n", "exit 0\n"},
		"25h": {"failure: a.json is 1d2h old, and may be 1d1h: what director a granted since is unknown\nexit 3\n",
			"stale-snapshot: a.json is 1d2h old, and may be 1d1h: what director a granted since is unknown\nexit 0\n"},
		"90m": {"failure: a.json is 1d2h old, and may be 1h30m: what director a granted since is unknown\nexit 3\n",
			"stale-snapshot: a.json is 1d2h old, and may be 1h30m: what director a granted since is unknown\nexit 0\n"},
	} {
		writeFile(t, "ipguard.yml", []byte("directors: [{name: a, snapshot: a.json, max_age: "+age+"}]\n"))
		if diff := cmp.Diff(c.want, lintSnapshots(t)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", age, diff)
		}
		if diff := cmp.Diff(c.stale, lintSnapshots(t, "--allow-stale")); diff != "" {
			t.Errorf("%s, --allow-stale (-want +got):\n%s", age, diff)
		}
	}
}

// TestPartialSnapshot: what a director did not show is told, also when a file is
// judged that has nothing to do with it, and is an error to who is strict.
func TestPartialSnapshot(t *testing.T) {
	t.Chdir(t.TempDir())
	writeSnapshot(t, "a.json", liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}}, Unseen: "orphaned VMs"})
	writeFile(t, "b.yml", []byte(cloudConfigOf(ofB)))
	writeFile(t, "ipguard.yml", []byte("directors: [{name: a, snapshot: a.json}, {name: b, cloud_configs: [b.yml]}]\n"))
	const told = "partial-snapshot: director a did not show orphaned VMs\n"
	for want, args := range map[string][]string{
		told + "exit 0\n": {"b.yml"},
		told + "exit 1\n": {"b.yml", "--strict"},
	} {
		if diff := cmp.Diff(want, lintSnapshots(t, args...)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", args, diff)
		}
	}
}

// TestSnapshotsThatCannotBeUsed fails closed.
func TestSnapshotsThatCannotBeUsed(t *testing.T) {
	t.Chdir(t.TempDir())
	writeSnapshot(t, "a.json", liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}}})
	whole, err := os.ReadFile("a.json")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, "cut.json", whole[:len(whole)-100])
	later := bytes.Replace(whole, []byte("2027-01-31"), []byte("2027-02-28"), 1)
	writeFile(t, "dated.json", later)
	writeFile(t, "future.json", regexp.MustCompile(`(?m)^"head":.*\n`).ReplaceAll(later, nil)) // as older ones are
	for name, c := range map[string]struct{ fleet, want string }{
		"missing": {"directors: [{name: a, snapshot: none.json}]", "failure: none.json: no such file\nexit 3\n"},
		"cut":     {"directors: [{name: a, snapshot: cut.json}]", "failure: this is no complete snapshot: it ends in the middle\nexit 3\n"},
		"twins": {"directors: [{name: a, snapshot: a.json}, {name: b, snapshot: ./a.json}]",
			"failure: directors a and b are one: the snapshots of both are of the UUID uuid of a.json\nexit 1\n"},
		"other patterns": {"directors: [{name: a, snapshot: a.json}]\nvip_properties: {add: [lb.frontend]}\nsegments: [{name: s, subnets: [{cloud_properties: {site: west}}]}]",
			"failure: a.json was written when nothing asked for the job property lb.frontend, the cloud property site\nexit 3\n"},
		"dated anew": {"directors: [{name: a, snapshot: dated.json, max_age: 1d}]",
			"failure: this snapshot's head is not as it was written: its checksum is another one\nexit 3\n"},
		"future": {"directors: [{name: a, snapshot: future.json, max_age: 1d}]",
			"failure: future.json was written at 2027-02-28T12:00:00Z, which is in the future: its age is unknown\nexit 3\n"},
	} {
		t.Run(name, func(t *testing.T) {
			writeFile(t, "ipguard.yml", []byte(c.fleet+"\n"))
			if got := lintSnapshots(t); !strings.HasSuffix(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestSnapshotsOfAFleet makes snapshots of a made fleet: lint finds the same
// in them as in the files, and the same about one manifest whether it reads all
// snapshots or those that matter.
func TestSnapshotsOfAFleet(t *testing.T) {
	size := madefleet.Size{Directors: 24, Deployments: 120, StaticAddresses: 2000, Conflicts: 30, Seed: 7}
	if sharedtest.Short() {
		size = madefleet.Size{Directors: 12, Deployments: 60, StaticAddresses: 600, Conflicts: 15, Seed: 7}
	}
	made, err := madefleet.Make(size)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	if err := made.Write(dir); err != nil {
		t.Fatal(err)
	}
	fromFiles := messages(lintSnapshots(t))
	manifests, err := filepath.Glob("director-0*/deployments/*.yml")
	if err != nil || len(manifests) < size.Deployments*2/5 {
		t.Fatalf("%d manifests, error %v", len(manifests), err)
	}
	ofOne := map[string]string{}
	every := 7
	if sharedtest.Short() {
		every = 14
	}
	for i := 0; i < len(manifests); i += every {
		ofOne[manifests[i]] = lintSnapshots(t, manifests[i])
	}
	snapshotsOf(t, madefleet.FleetFile)
	// The files are still there, and now no fleet file names them: that is said.
	isUnlisted := func(message string) bool { return strings.HasPrefix(message, "unlisted-file:") }
	fromSnapshots := messages(lintSnapshots(t))
	if !slices.ContainsFunc(fromSnapshots, isUnlisted) {
		t.Error("nothing is said of the files that nobody names any more")
	}
	fromSnapshots = slices.DeleteFunc(fromSnapshots, isUnlisted)
	if diff := cmp.Diff(fromFiles, fromSnapshots); diff != "" || len(fromFiles) < size.Conflicts {
		t.Errorf("%d findings (-files +snapshots):\n%s", len(fromFiles), diff)
	}
	conflicts := 0
	for path, want := range ofOne {
		if diff := cmp.Diff(messages(want), messages(lintSnapshots(t, "--director", filepath.Dir(filepath.Dir(path)), path))); diff != "" {
			t.Errorf("%s (-files +snapshots):\n%s", path, diff)
		}
		conflicts += len(messages(want))
	}
	if conflicts == 0 {
		t.Error("no manifest has a finding: the comparison says nothing")
	}
}

// TestFilesBesideUnreadSnapshots lets a deploy claim what a director has outside of
// its networks, and so outside of what its snapshot covers.
func TestFilesBesideUnreadSnapshots(t *testing.T) {
	t.Chdir(t.TempDir())
	writeSnapshot(t, "a.json", liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofA)}}})
	other := strings.ReplaceAll(cloudConfigOf(ofA), "10.0.0.", "10.9.0.")
	writeSnapshot(t, "b.json", liveDirector{Configs: []liveConfig{{ID: "1", Content: other}}})
	writeFile(t, "web.yml", []byte(manifestOf("web", "nginx", "1", ", static_ips: [10.0.0.10]")))
	writeFile(t, "jumpbox.yml", []byte(manifestOf("jumpbox", "jumpbox", "1", ", static_ips: [10.0.0.10]")+
		"networks: [{name: default, type: manual, subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1, static: [10.0.0.10]}]}]\n"))
	for more, want := range map[string]string{
		"":                            "exit 0\n",
		", director_ips: [10.0.0.10]": "address-claimed-twice: 10.0.0.10 is claimed twice: by instance nginx/0 of deployment web (director a) and by the machine of director b\nexit 1\n",
		", create_env: [jumpbox.yml]": "address-claimed-twice: 10.0.0.10 is claimed twice: by instance nginx/0 of deployment web (director a) and by the create-env VM jumpbox (director b)\nexit 1\n",
	} {
		writeFile(t, "ipguard.yml", []byte("directors: [{name: a, snapshot: a.json}, {name: b, snapshot: b.json"+more+"}]\n"))
		if diff := cmp.Diff(want, lintSnapshots(t, "--director", "a", "web.yml")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", more, diff)
		}
	}
}

// TestUnreadSnapshots lints manifests against snapshots, of which those that
// cover none of their addresses are not read, and again when all must be read
// because no checksum vouches for them: it finds the same. A snapshot that is not
// read and is damaged is a failure.
func TestUnreadSnapshots(t *testing.T) {
	size := madefleet.Size{Directors: 12, Deployments: 60, StaticAddresses: 1000, Conflicts: 40, Seed: 11}
	if sharedtest.Short() {
		size = madefleet.Size{Directors: 12, Deployments: 24, StaticAddresses: 300, Conflicts: 20, Seed: 11}
	}
	made, err := madefleet.Make(size)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := made.Write("."); err != nil {
		t.Fatal(err)
	}
	snapshotsOf(t, madefleet.FleetFile)
	manifests, err := filepath.Glob("director-0*/deployments/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	type outcome struct {
		findings string
		claims   int
	}
	lint := func(path string) outcome {
		args := []string{"--director", filepath.Dir(filepath.Dir(path)), path}
		said, claims := lintAndCount(t, args...)
		return outcome{said, claims}
	}
	of := map[string]outcome{}
	every := 3
	if sharedtest.Short() {
		every = 12
	}
	for i := 0; i < len(manifests); i += every {
		of[manifests[i]] = lint(manifests[i])
	}
	damaged := "director-011.json"
	whole := readFile(t, damaged)
	writeFile(t, damaged, []byte(strings.Replace(whole, `"static_ips"`, `"static_ipz"`, 1)))
	if got := lintSnapshots(t, "--director", "director-000", manifests[0]); !strings.Contains(got, "failure: this snapshot is not as it was written: ") {
		t.Errorf("%s is damaged, and lint says:\n%s", damaged, got)
	}
	writeFile(t, damaged, []byte(whole))
	snapshots, err := filepath.Glob("*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range snapshots {
		writeFile(t, path, regexp.MustCompile(`(?m)^"(rest|head)":.*\n`).ReplaceAll([]byte(readFile(t, path)), nil))
	}
	conflicts, unread := 0, 0
	for path, got := range of {
		want := lint(path)
		if diff := cmp.Diff(want.findings, got.findings); diff != "" {
			t.Errorf("%s (-all are read +some are read):\n%s", path, diff)
		}
		conflicts += strings.Count(got.findings, "\n") - 1
		unread += want.claims - got.claims
	}
	if conflicts == 0 || unread == 0 {
		t.Errorf("%d findings, %d claims were not read: the comparison says nothing", conflicts, unread)
	}
}

// messages are the sorted findings of a run, without the order in which the files
// stand.
func messages(result string) []string {
	list := strings.Split(strings.TrimSpace(result), "\n")
	list = slices.DeleteFunc(list, func(line string) bool { return strings.HasPrefix(line, "exit ") })
	for i, line := range list {
		list[i] = inOrder(line)
	}
	slices.Sort(list)
	return list
}

// inOrder puts the two sides of a message into the order of their names: which
// one is to change depends on where they stand.
func inOrder(line string) string {
	rule, rest, _ := strings.Cut(line, ": ")
	sides := strings.Split(rest, " and ")
	slices.Sort(sides)
	return rule + ": " + strings.Join(sides, " and ")
}

// uploaded is a file as a director gets it.
func uploaded(t *testing.T, loader *interpolate.Loader, path string, inputs interpolate.Inputs) string {
	t.Helper()
	doc, err := loader.Load(path, inputs)
	if err != nil {
		t.Fatal(err)
	}
	data, err := yaml.Marshal(doc.Node())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// snapshotsOf writes a snapshot of each director of a fleet, as if everything had
// been deployed, and a fleet file that names these and the create-env manifests.
func snapshotsOf(t *testing.T, path string) {
	t.Helper()
	files := source.NewFiles(strings.NewReader(""))
	file, errs := fleet.Load(files, path)
	if len(errs) > 0 {
		t.Fatal(errs[0])
	}
	directors, errs := file.Resolve()
	if len(errs) > 0 {
		t.Fatal(errs[0])
	}
	loader := interpolate.NewLoader(files, nil)
	text := func(f fleet.SourceFile) string { return uploaded(t, loader, f.Path, f.Inputs) }
	var b strings.Builder
	b.WriteString("directors:\n")
	for _, d := range directors {
		var live liveDirector
		for i, c := range d.CloudConfigs {
			name := "" // the default one
			if i > 0 {
				name = fmt.Sprint("config", i)
			}
			live.Configs = append(live.Configs, liveConfig{ID: fmt.Sprint(i), Name: name, Content: text(c)})
		}
		for _, m := range d.Deployments {
			content := text(m)
			var named struct{ Name string }
			if err := yaml.Unmarshal([]byte(content), &named); err != nil {
				t.Fatal(err)
			}
			live.Deployments = append(live.Deployments, liveDeployment{Name: named.Name, Manifest: content})
		}
		name := d.Name
		writeSnapshot(t, name+".json", live)
		fmt.Fprintf(&b, "- name: %s\n  snapshot: %s.json\n  create_env:\n", name, name)
		for _, m := range d.CreateEnvs {
			writeFile(t, m.Path+".whole.yml", []byte(text(m)))
			fmt.Fprintf(&b, "  - %s.whole.yml\n", m.Path)
		}
	}
	writeFile(t, path, []byte(b.String()))
}
