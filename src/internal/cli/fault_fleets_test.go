package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// faultFleet is what is right for one recorded fleet on which an earlier ipguard was wrong.
type faultFleet struct {
	folder string
	args   []string // --fleet is added to all but init
	code   int
	// says and silent stand, or must not stand, in what is printed.
	says, silent []string
}

// faultFleets are those that are judged where they lie. TestVariablesAnywhere has the
// places of variables-anywhere, TestInitFollowsLinks what init-symlink stands for.
var faultFleets = []faultFleet{
	{folder: "az-variable", code: ExitOK, says: []string{"web.yml:8:9: warning[hidden-address]: the variable ((zone))"}, silent: []string{"error["}},
	{folder: "cross-cloud/aws-alicloud", code: ExitOK, silent: []string{"overlapping-pools"}},
	{folder: "cross-cloud/aws-azure", code: ExitOK, silent: []string{"overlapping-pools"}},
	{folder: "cross-cloud/aws-gcp", code: ExitOK, silent: []string{"overlapping-pools"}},
	{folder: "cross-cloud/aws-openstack", code: ExitOK, silent: []string{"overlapping-pools"}},
	{folder: "cross-cloud/aws-vsphere", code: ExitOK, silent: []string{"overlapping-pools"}},
	{folder: "cross-cloud/gcp-azure", code: ExitOK, silent: []string{"overlapping-pools"}},
	{folder: "cross-cloud/openstack-vsphere", args: []string{"lint"}, code: ExitFindings, says: []string{"error[overlapping-pools]", "assumed"}},
	{folder: "deployment-name-variables", code: ExitOK, silent: []string{"error[", "warning["}},
	{folder: "free-and-hidden-count", args: []string{"free", "a/default", "--static"}, code: ExitOK, says: []string{"10.9.0.20", "left: 10"}},
	{folder: "init-base", args: []string{"init", "--dry-run"}, code: ExitOK, says: []string{"cloud_configs:\n  - base.yml"}, silent: []string{"neither"}},
	{folder: "init-two-clouds", args: []string{"init", "--dry-run"}, code: ExitOK,
		says: []string{"- name: one\n", "- name: two\n", "no director takes all cloud-configs", "web.yml: it goes with one of the directors"}},
	{folder: "multidoc", code: ExitOK, says: []string{"cc.yml:6:1: warning[ignored-key]: a second YAML document begins here"}},
	{folder: "nested-list", code: ExitFindings, says: []string{"web.yml:12:44: error[static-in-foreign-pool]: 10.9.1.20"}, silent: []string{"wrong-type"}},
	{folder: "ops-glob", code: ExitOK, silent: []string{"no such file"}},
	{folder: "spruce", code: ExitIncomplete, says: []string{"cc.yml:3:21: failure: the range of network default is a template of spruce", "static_ips of web on network default is a template of spruce"},
		silent: []string{"the variable"}},
}

// TestFaultFleets holds each recorded fleet to what is right, and fails for one that it
// does not know.
func TestFaultFleets(t *testing.T) {
	base := sharedtest.Dir(t, "faults/fleets")
	known := []string{"variables-anywhere", "init-symlink"}
	for _, f := range faultFleets {
		known = append(known, strings.Split(f.folder, "/")[0])
		folder := filepath.Join(base, filepath.FromSlash(f.folder))
		args := slices.Clone(f.args)
		switch {
		case len(args) == 0:
			args = []string{"lint", "--format", "concise", "--fleet", filepath.Join(folder, "ipguard.yml")}
		case args[0] == "init":
			args = append(args, folder)
		default:
			args = append(args, "--fleet", filepath.Join(folder, "ipguard.yml"))
		}
		var out bytes.Buffer
		code := Main(context.Background(), args, Streams{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out})
		if code != f.code {
			t.Errorf("%s: exit code %d, not %d\n%s", f.folder, code, f.code, out.String())
		}
		for _, text := range f.says {
			if !strings.Contains(out.String(), text) {
				t.Errorf("%s: does not say %q\n%s", f.folder, text, out.String())
			}
		}
		for _, text := range f.silent {
			if strings.Contains(out.String(), text) {
				t.Errorf("%s: says %q\n%s", f.folder, text, out.String())
			}
		}
	}
	entries, err := os.ReadDir(base)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(known, e.Name()) {
			t.Errorf("nobody says what is right for %s", e.Name())
		}
	}
}

// TestInitFollowsLinks: a manifest belongs to where the link to it stands, and a folder
// that lies in itself ends.
func TestInitFollowsLinks(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, folder := range []string{"prod", "common"} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, "prod/cloud-config.yml", []byte("azs: [{name: z1}]\nnetworks: [{name: default, subnets: [{range: 10.9.0.0/24, gateway: 10.9.0.1, az: z1}]}]\ncompilation: {workers: 1, network: default, az: z1}\n"))
	writeFile(t, "common/web.yml", []byte("name: web\nreleases: []\nstemcells: []\nupdate: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}\ninstance_groups: [{name: web, instances: 1, azs: [z1], jobs: [], vm_type: default, stemcell: default, networks: [{name: default}]}]\n"))
	for link, to := range map[string]string{"prod/web.yml": "../common/web.yml", "prod/again": "../prod", "loop": "."} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	code := Main(context.Background(), []string{"init", "--dry-run"}, Streams{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr})
	if text := stdout.String(); code != ExitOK || !strings.Contains(text, "  deployments:\n  - prod/web.yml\n") || strings.Contains(text, "common/") || strings.Count(text, "- name: ") != 1+1 {
		t.Errorf("exit code %d\n%s%s", code, text, stderr.String())
	}
}
