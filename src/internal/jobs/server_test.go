//go:build !race

package jobs

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/serve"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// No value is part of what is said: it may be a secret.
var wrongOfServer = []wrongValue{
	{"ipguard-server", "listen: ipguard.example.com:443", "property listen: is not ADDRESS:PORT", true},
	{"ipguard-server", "listen: 8720", "property listen: is not ADDRESS:PORT", true},
	{"ipguard-server", "url: http://ipguard.example.com", "property url: is not a URL such as https://ipguard.example.com", true},
	{"ipguard-server", "url: https://promo@ipguard.example.com", "property url: is not a URL such as", true},
	{"ipguard-server", "tls: {certificate: MIIB}", "property tls.certificate: is not a certificate in PEM", true},
	{"ipguard-server", "tls: {private_key: MIIB}", "property tls.private_key: is not a key in PEM", true},
	{"ipguard-server", "login: tokens", "property login: is not a mapping", true},
	{"ipguard-server", "fleet: [10.8.52.0/24]", "property fleet: is not a mapping", true},
	{"ipguard-server", "database: {url: 'mysql://plan@10.0.1.5/plan'}", "property database.url: is not a URL such as", true},
	{"ipguard-server", "database: {url: 'postgres://plan:s3cr3t@10.0.1.5/plan'}", "property database.url: is not a URL such as", true},
	{"ipguard-server", "database: {name: 'a b'}", "property database.name: is not the name of a database", true},
	{"ipguard-server", "database: {role: ''}", "property database.role: is no name of a role", true},
	{"ipguard-server", `database: {password: "two\nlines"}`, "property database.password: is not a text of one line", true},
	{"ipguard-server", "database: {ca: MIIB}", "property database.ca: is not a certificate in PEM", true},
	{"ipguard-server", "collect: [15m]", "property collect: is not a mapping with every, such as 15m", true},
	{"ipguard-server", "collect: {every: often}", "property collect: is not a mapping with every, such as 15m", true},
	{"ipguard-server", "webhooks: {name: ops}", "property webhooks: is not a list of mappings with name, url and secret_env", true},
	{"ipguard-server", "webhooks: [{name: ops, url: 'https://hooks.example.com'}]", "property webhooks: is not a list of mappings with name, url and secret_env", true},
	{"ipguard-server", "environment: [A]", "property environment: is not a mapping of names to texts", true},
	{"ipguard-server", "environment: {a-b: x}", `property environment: "a-b" is no name of a variable`, true},
	{"ipguard-server", "environment: {A: 1}", "property environment: the value of A is not a text of one line", true},
}

// TestServerReadsItsConfiguration gives what is rendered to the readers of the server.
func TestServerReadsItsConfiguration(t *testing.T) {
	for name, given := range map[string]map[string]any{"least": least(t, "ipguard-server"), "every option": everyOption(t, "ipguard-server")} {
		dir := mustRender(t, "ipguard-server", instance{Networks: manualNetworks, Properties: given})
		if _, errs := serve.LoadConfig(filepath.Join(dir, "config/server.yml")); len(errs) > 0 {
			t.Errorf("%s: %v", name, errs)
		}
		text, err := os.ReadFile(filepath.Join(dir, "config/fleet.yml"))
		check(t, err)
		if name == "least" { // and the configuration names no fleet file
			continue
		}
		if _, errs := fleet.Parse("fleet.yml", text); len(errs) > 0 {
			t.Errorf("%s: %v", name, errs)
		}
	}
}

// TestLinkedDatabase renders beside a database of postgres-release, as a director does,
// whose link bosh-cli's renderer has not.
func TestLinkedDatabase(t *testing.T) {
	sharedtest.Programs(t, "ruby")
	const host = "q-s0.database.default.ipguard.bosh"
	for _, test := range []struct{ role, address, url, want string }{
		{"ipguard", host, "postgres://ipguard@" + host + ":5524/ipguard", ""},
		{"ipguard", "10.0.1.5", "postgres://ipguard@10.0.1.5:5524/ipguard", ""},
		{"ipguard", "fd00::5", "postgres://ipguard@[fd00::5]:5524/ipguard", ""},
		{"another", host, "", "property database.role: is another, and the link to the database has no such role"},
	} {
		role, want := test.role, test.want
		properties := withDefaults(readSpec(t, "ipguard-server"), merged(least(t, "ipguard-server"), nested("database.role", role)))
		text, err := json.Marshal(map[string]any{
			"properties": properties,
			"link": map[string]any{"address": test.address, "properties": map[string]any{"databases": map[string]any{
				"port": 5524, "roles": []any{map[string]any{"name": "ipguard", "password": "it's"}},
			}}},
		})
		check(t, err)
		out := map[string]string{}
		for _, template := range []string{"config/environment.erb", "config/server.yml.erb", "bin/bbr/backup.erb", "bin/bbr/restore.erb"} {
			c := exec.Command("ruby", "testdata/linked.rb", filepath.Join(root, "jobs/ipguard-server/templates", template))
			c.Stdin = strings.NewReader(string(text))
			got, err := c.CombinedOutput()
			if err != nil && (want == "" || !strings.Contains(string(got), want)) {
				t.Errorf("%s of role %s: %v\n%s", template, role, err, got)
			}
			out[template] = string(got)
		}
		if want != "" {
			if !strings.Contains(out["config/environment.erb"], want) {
				t.Errorf("role %s: %s", role, out["config/environment.erb"])
			}
			continue
		}
		if got := out["config/environment.erb"]; got != "PGPASSWORD='it'\\''s'\n" {
			t.Errorf("environment: %s", got)
		}
		if got := out["config/server.yml.erb"]; !strings.Contains(got, `"`+test.url+`"`) {
			t.Errorf("configuration: %s", got)
		}
		if err := serve.CheckDatabase(test.url); err != nil {
			t.Errorf("the server reads: %v", err)
		}
		for _, script := range []string{"backup", "restore"} {
			if got := out["bin/bbr/"+script+".erb"]; !strings.Contains(got, "in PostgreSQL, which is") || strings.Contains(got, "ipguard-server --") {
				t.Errorf("%s: %s", script, got)
			}
		}
	}
}

// TestServerExamples renders the server's job of each example.
func TestServerExamples(t *testing.T) {
	const folder = root + "/manifests-examples/server/"
	for _, files := range [][]string{{"sqlite.yml"}, {"postgres.yml"}, {"sqlite.yml", folder + "uaa.yml"}, {"postgres.yml", folder + "uaa.yml"}} {
		doc := interpolated(t, folder+files[0], files[1:]...)
		found := 0
		for _, j := range placedJobs(t, doc) {
			if j.Release != "ipguard" {
				continue
			}
			found++
			exampleJob(t, j, nil, map[string]string{}) // that it renders
		}
		if found != 1 {
			t.Errorf("%s: %d jobs of this release", files, found)
		}
	}
}

// TestBackupAndRestore runs the scripts of BBR, below another folder than /var/vcap: what
// is put back is fenced.
func TestBackupAndRestore(t *testing.T) {
	sharedtest.Programs(t, "bash")
	vcap := t.TempDir()
	dir := mustRender(t, "ipguard-server", instance{Networks: manualNetworks, Properties: least(t, "ipguard-server")})
	program := filepath.Join(vcap, "packages/ipguard-server/bin/ipguard-server")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/ipguard-server").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	database := filepath.Join(vcap, "store/ipguard-server/ipguard-server.db")
	artifacts := filepath.Join(vcap, "artifacts")
	check(t, os.MkdirAll(filepath.Dir(database), 0o755))
	check(t, os.MkdirAll(artifacts, 0o755))
	run := func(name string, args ...string) string {
		t.Helper()
		c := exec.Command(name, args...)
		c.Env = append(os.Environ(), "BBR_ARTIFACT_DIRECTORY="+artifacts)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	place := strings.NewReplacer("/var/vcap", vcap, "vcap:vcap", "$(id -u)")
	script := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, "bin/bbr", name))
		check(t, err)
		return place.Replace(string(text))
	}
	config, err := os.ReadFile(filepath.Join(dir, "config/server.yml"))
	check(t, err)
	check(t, os.MkdirAll(filepath.Join(vcap, "jobs/ipguard-server/config"), 0o755))
	check(t, os.WriteFile(filepath.Join(vcap, "jobs/ipguard-server/config/server.yml"), []byte(place.Replace(string(config))), 0o600))
	run(program, "--database", database, "token", "before", "--scope", "ipguard.read")
	run("bash", "-c", script("backup"))
	run(program, "--database", database, "token", "after", "--scope", "ipguard.read")
	if out := run("bash", "-c", script("restore")); !strings.Contains(out, "all pools are fenced") {
		t.Errorf("restore: %s", out)
	}
	out, err := exec.Command(program, "--database", database, "check").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "is fenced") && !strings.Contains(string(out), "are fenced") {
		t.Errorf("check: %v %s", err, out)
	}
	run(program, "--database", database, "restore", "--accept")
	run(program, "--database", database, "check")

	// What is of the other kind of database is neither backed up nor put back in silence.
	postgres := mustRender(t, "ipguard-server", instance{Networks: manualNetworks, Properties: merged(least(t, "ipguard-server"), nested("database.url", "postgres://ipguard@10.0.1.5:5432/ipguard"))})
	sqlite := dir
	fails := func(name, want string) {
		t.Helper()
		c := exec.Command("bash", "-c", script(name))
		c.Env = append(os.Environ(), "BBR_ARTIFACT_DIRECTORY="+artifacts)
		if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
	dir = postgres
	fails("restore", "the server works on PostgreSQL")
	check(t, os.Remove(filepath.Join(artifacts, "ipguard-server.db")))
	if out := run("bash", "-c", script("backup")); !strings.Contains(out, "in PostgreSQL") {
		t.Errorf("backup: %s", out)
	}
	if left, err := os.ReadDir(artifacts); err != nil || len(left) > 0 {
		t.Errorf("a file that nobody uses is backed up: %v %v", left, err)
	}
	run("bash", "-c", script("restore"))
	dir = sqlite
	fails("restore", "nothing was put back")
}
