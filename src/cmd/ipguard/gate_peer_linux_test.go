//go:build !race

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/directordouble"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// live is a fleet whose director is a double, and the real bosh.
type live struct {
	t      *testing.T
	folder string
	bosh   string
	double *directordouble.Director
	env    []string
}

func newLive(t *testing.T) *live {
	t.Helper()
	bosh := sharedtest.Bosh(t)
	l := &live{t: t, bosh: bosh, folder: gateFolder(t, ""), double: &directordouble.Director{
		Name: "promo", UUID: "00000000-0000-4000-8000-000000000001", Version: "283.1.3",
		Users: map[string]directordouble.User{"admin": {Password: "s3cr3t", Admin: true}},
	}}
	authority, err := directordouble.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	server, err := authority.Start(l.double)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	l.write("ca.pem", string(authority.PEM))
	fleet, err := os.ReadFile("ipguard.yml")
	if err != nil {
		t.Fatal(err)
	}
	l.write("ipguard.yml", strings.ReplaceAll(string(fleet), "10.1.0.6", "'"+server.URL+"'"))
	l.env = append(os.Environ(), "HOME="+l.folder, "IPGUARD_BOSH="+bosh, "BOSH_ENVIRONMENT="+server.URL, "BOSH_CA_CERT=ca.pem",
		"BOSH_CLIENT=admin", "BOSH_CLIENT_SECRET=s3cr3t", "BOSH_NON_INTERACTIVE=true", "BOSH_DEPLOYMENT=pgpool")
	return l
}

func (l *live) write(name, text string) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.folder, name), []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// run runs a program of the folder.
func (l *live) run(stdin string, name string, args ...string) (code int, stdout, stderr string) {
	l.t.Helper()
	cmd := exec.Command(name, args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = l.folder, l.env, strings.NewReader(stdin), &out, &errs
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	cmd.Wait()
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// gate runs ipguard bosh.
func (l *live) gate(stdin string, args ...string) (code int, stdout, stderr string) {
	l.t.Helper()
	return l.run(stdin, "ipguard", append([]string{"bosh"}, args...)...)
}

// refused fails unless lint refuses the command and the director heard nothing.
func (l *live) refused(stdin string, args ...string) {
	l.t.Helper()
	before := len(l.double.Requests())
	code, stdout, stderr := l.gate(stdin, args...)
	if code != 1 || stdout != "" || !strings.Contains(stderr, "was not run") {
		l.t.Errorf("%q: exit code %d\n%s%s", args, code, stdout, stderr)
	}
	if got := l.double.Requests()[before:]; len(got) > 0 {
		l.t.Errorf("%q: the director was asked %q", args, got)
	}
}

// allowed fails unless bosh sends to path exactly once what bosh int makes of the
// same arguments.
func (l *live) allowed(path, stdin string, args, inputs []string) {
	l.t.Helper()
	_, want, _ := l.run(stdin, l.bosh, append([]string{"int"}, inputs...)...)
	before := len(l.double.Posts())
	code, stdout, stderr := l.gate(stdin, args...)
	if code != 0 || stderr != "" {
		l.t.Errorf("%q: exit code %d\n%s%s", args, code, stdout, stderr)
	}
	var sent []string
	for _, p := range l.double.Posts()[before:] {
		if strings.HasPrefix(p.Request, "POST "+path) && !strings.Contains(p.Request, "/diff") {
			sent = append(sent, p.Body)
		}
	}
	if len(sent) != 1 {
		l.t.Errorf("%q: sent %d times: %+v", args, len(sent), l.double.Posts()[before:])
		return
	}
	if diff := cmp.Diff(want, sent[0]); want == "" || diff != "" {
		l.t.Errorf("%q: (-bosh int +sent):\n%s", args, diff)
	}
}

// TestRealInterpolate: a command that has nothing to do with directors is bosh's,
// byte for byte, also where it fails.
func TestRealInterpolate(t *testing.T) {
	l := newLive(t)
	l.write("ops.yml", "- {type: replace, path: /name, value: ((x))}\n")
	for _, args := range [][]string{
		{"int", "pgpool.yml"}, {"int", "pgpool.yml", "-o", "ops.yml", "-v", "x=[1, 2]"}, {"int", "-"}, {"int", "pgpool.yml", "--path", "/name"},
		{"int", "pgpool.yml", "-o", "ops.yml", "--var-errs"}, {"int", "missing.yml"}, {"int"}, {"--help"}, {"deploy", "--help"}, {"deploy"}, {"-v"},
		{"no-such-command"}, {"vms", "--no-such-option"}, {"envs", "--json"}, {"update-config", "--type", "cpi", "--name", "x", "missing.yml"},
	} {
		code1, stdout1, stderr1 := l.run("a: ((b))\n", l.bosh, args...)
		code2, stdout2, stderr2 := l.gate("a: ((b))\n", args...)
		// bosh calls itself by the name that it was run by.
		stdout2 = strings.ReplaceAll(stdout2, "  bosh ", "  "+filepath.Base(l.bosh)+" ")
		if diff := cmp.Diff(fmt.Sprint(code1, "\n", stdout1, stderr1), fmt.Sprint(code2, "\n", stdout2, stderr2)); diff != "" {
			t.Errorf("%q (-bosh +through ipguard):\n%s", args, diff)
		}
	}
}

// TestRealDeploy: refused, then allowed.
func TestRealDeploy(t *testing.T) {
	l := newLive(t)
	l.write("take.yml", "- type: replace\n  path: /instance_groups/0/jobs/0/properties/vip?\n  value: ((vip))\n")
	l.refused("", "deploy", "taken.yml")
	l.refused("", "deploy", "pgpool.yml", "-o", "take.yml", "-v", "vip=10.8.52.9")
	l.refused(gateManifest("10.8.52.9", true), "deploy", "-")
	l.allowed("/deployments", "", []string{"deploy", "pgpool.yml"}, []string{"pgpool.yml"})
	l.allowed("/deployments", "", []string{"deploy", "-o", "take.yml", "pgpool.yml", "-v", "vip=10.8.52.11", "--recreate"},
		[]string{"-o", "take.yml", "pgpool.yml", "-v", "vip=10.8.52.11"})
	l.allowed("/deployments", gateManifest("10.8.52.11", true), []string{"deploy", "-"}, []string{"-"})
	if n := l.double.Asked("POST /deployments?recreate=true"); n != 1 {
		t.Errorf("--recreate was passed on %d times: %q", n, l.double.Requests())
	}
}

// TestRealDeployOfWhatWasLinted: the manifest is another one by the time bosh runs.
func TestRealDeployOfWhatWasLinted(t *testing.T) {
	l := newLive(t)
	script := "#!/bin/sh\ncp taken.yml pgpool.yml\nexec '" + l.bosh + "' \"$@\"\n"
	if err := os.WriteFile("slow-bosh", []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	l.env = append(l.env, "IPGUARD_BOSH="+filepath.Join(l.folder, "slow-bosh"))
	l.write("same.yml", gateManifest("", false))
	l.allowed("/deployments", "", []string{"deploy", "pgpool.yml"}, []string{"same.yml"})
	l.refused("", "deploy", "pgpool.yml")
}

// TestRealConfigs: the same for configs.
func TestRealConfigs(t *testing.T) {
	l := newLive(t)
	cloud, err := os.ReadFile("cloud.yml")
	if err != nil {
		t.Fatal(err)
	}
	l.write("wide.yml", strings.ReplaceAll(string(cloud), "10.8.52.2 -", "10.8.52.20 -"))
	l.write("addons.yml", "releases: []\naddons: [{name: lb, jobs: [{name: keepalived, release: lb, properties: {keepalived: {vip: ((vip))}}}]}]\n")
	l.refused("", "update-cloud-config", "wide.yml")
	l.refused("", "update-config", "--type", "cloud", "--name", "default", "wide.yml")
	l.refused("", "update-runtime-config", "addons.yml", "-v", "vip=10.8.52.9")
	l.refused("", "update-config", "--type=runtime", "--name=lb", "addons.yml", "-v", "vip=10.8.52.9")
	l.allowed("/cloud_configs", "", []string{"update-cloud-config", "cloud.yml"}, []string{"cloud.yml"})
	l.allowed("/runtime_configs", "", []string{"update-runtime-config", "addons.yml", "-v", "vip=10.8.52.11"}, []string{"addons.yml", "-v", "vip=10.8.52.11"})
	code, stdout, stderr := l.gate("", "update-config", "--type", "cloud", "--name", "default", "cloud.yml")
	if n := l.double.Asked("POST /configs") - l.double.Asked("POST /configs/diff"); code != 0 || n != 1 {
		t.Errorf("update-config: exit code %d, sent %d times\n%s%s", code, n, stdout, stderr)
	}
}

// TestRealSnapshot: the gate in front of a director of which nothing is known but
// what ipguard collect heard from it. What changes stands in place of its former
// self, and of nothing else.
func TestRealSnapshot(t *testing.T) {
	l := newLive(t)
	cloud, err := os.ReadFile("cloud.yml")
	if err != nil {
		t.Fatal(err)
	}
	extra := "networks: [{name: extra, type: manual, subnets: [{range: 10.9.0.0/24, gateway: 10.9.0.1, azs: [z1], cloud_properties: {name: VLAN-9}}]}]\n"
	l.double.Configs = []directordouble.Config{
		{ID: 1, Type: "cloud", Name: "default", Content: string(cloud)}, {ID: 2, Type: "cloud", Name: "extra", Content: extra},
	}
	l.double.Deployments = []directordouble.Deployment{{
		Name: "pgpool", Manifest: gateManifest("", false), Configs: []int{1, 2},
		Instances: []directordouble.Instance{{Group: "pgpool", ID: "8934794d-aecc-489e-84ad-288219a65ff5", AZ: "z1", IPs: []string{"10.8.52.191"}}},
	}}
	fleet, err := os.ReadFile("ipguard.yml")
	if err != nil {
		t.Fatal(err)
	}
	before, after, _ := strings.Cut(string(fleet), "cloud_configs:")
	_, after, _ = strings.Cut(after, "\n")
	l.write("ipguard.yml", before+"snapshot: promo.json}\n"+after)
	if code, stdout, stderr := l.run("", "ipguard", "collect"); code != 0 {
		t.Fatalf("collect: exit code %d\n%s%s", code, stdout, stderr)
	}
	l.write("wide.yml", strings.ReplaceAll(string(cloud), "10.8.52.2 -", "10.8.52.20 -"))
	l.write("extra.yml", strings.ReplaceAll(extra, "azs: [z1],", "azs: [z1], reserved: [10.9.0.2 - 10.9.0.9],"))
	l.refused("", "deploy", "taken.yml")
	l.refused("", "update-cloud-config", "wide.yml")
	l.refused("", "update-config", "--type=cloud", "--name=default", "wide.yml")
	l.refused("", "update-config", "--type=cloud", "--name=another", "extra.yml") // its network is there already
	l.allowed("/deployments", "", []string{"deploy", "pgpool.yml"}, []string{"pgpool.yml"})
	l.allowed("/cloud_configs", "", []string{"update-cloud-config", "cloud.yml"}, []string{"cloud.yml"})
	if code, stdout, stderr := l.gate("", "update-config", "--type=cloud", "--name=extra", "extra.yml"); code != 0 || l.double.Asked("POST /configs") != 2 {
		t.Errorf("exit code %d\n%s%s%q", code, stdout, stderr, l.double.Requests())
	}
}

// TestRealVarsStore: lint neither makes values nor writes them; bosh does both.
func TestRealVarsStore(t *testing.T) {
	l := newLive(t)
	for _, name := range []string{"taken.yml", "pgpool.yml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		l.write(name, string(text)+"variables: [{name: password, type: password}]\ntags: {x: ((password))}\n")
	}
	l.refused("", "deploy", "taken.yml", "--vars-store", "store.yml")
	if _, err := os.Stat("store.yml"); err == nil {
		t.Error("the vars store was written though nothing was deployed")
	}
	if code, stdout, stderr := l.gate("", "deploy", "pgpool.yml", "--vars-store", "store.yml"); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	store, err := os.ReadFile("store.yml")
	_, password, ok := strings.Cut(strings.TrimSpace(string(store)), "password: ")
	posts := l.double.Posts()
	if last := posts[len(posts)-1]; !ok || !strings.Contains(last.Body, password) {
		t.Errorf("%v: %q was not deployed: %+v", err, store, last)
	}
}

// TestRealCreateEnv: refused before anything happens. That the same command leaves
// traces when lint allows it shows that the test would see them.
func TestRealCreateEnv(t *testing.T) {
	l := newLive(t)
	traces := func() string {
		t.Helper()
		var found []string
		for _, pattern := range []string{"*state*", ".bosh/*", ".bosh"} {
			names, err := filepath.Glob(filepath.Join(l.folder, pattern))
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, names...)
		}
		return strings.Join(found, " ")
	}
	l.refused("", "create-env", "director.yml", "-v", "address=10.8.52.9", "--ipguard-director", "promo")
	l.refused("", "create-env", "-v", "address=10.8.52.191", "--state", "my-state.json", "director.yml", "--ipguard-director", "promo")
	if got := traces(); got != "" {
		t.Errorf("a refused create-env left %s", got)
	}
	code, stdout, stderr := l.gate("", "create-env", "director.yml", "-l", "vars.yml")
	if !strings.Contains(stderr, "Parsing release set manifest '"+filepath.Join(l.folder, "director.yml")+"'") || code != 1 {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if got := traces(); !strings.Contains(got, "director-state.json") {
		t.Errorf("create-env left %q, and no state", got)
	}
}
