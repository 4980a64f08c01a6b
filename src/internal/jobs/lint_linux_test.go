//go:build !race

package jobs

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/directordouble"
)

const (
	errand = "/var/vcap/jobs/ipguard-lint/bin/run"
	secret = `c1c1's "$(s3cr3t)"`
)

// cloudConfig is of a director that hands out .190 to .199 of a VLAN that another
// has too.
const cloudConfig = `
azs: [{name: z1}]
networks:
- name: default
  subnets:
  - {range: 10.8.52.0/24, gateway: 10.8.52.1, az: z1, static: [10.8.52.190 - 10.8.52.199], reserved: [%s], cloud_properties: {name: VLAN-52}}
compilation: {workers: 1, network: default, az: z1}
`

// director is a director with one deployment that has one address.
func director(name, uuid, address, reserved string) *directordouble.Director {
	return &directordouble.Director{
		Name: name, UUID: uuid, Version: "283.1.3",
		Users:   map[string]directordouble.User{"ipguard": {Password: secret, Admin: true}},
		Configs: []directordouble.Config{{ID: 1, Type: "cloud", Name: "default", Content: fmt.Sprintf(cloudConfig, reserved)}},
		Deployments: []directordouble.Deployment{{
			Name:      "db",
			Manifest:  "name: db\ninstance_groups: [{name: pgpool, azs: [z1], instances: 1, jobs: [], networks: [{name: default, static_ips: [" + address + "]}]}]",
			Instances: []directordouble.Instance{{Group: "pgpool", ID: uuid, AZ: "z1", IPs: []string{address}}},
		}},
	}
}

// lintErrand installs the errand on a VM from which the directors can be asked.
func lintErrand(t *testing.T, more string, directors ...*directordouble.Director) scene {
	t.Helper()
	s := newScene(t)
	authority, err := directordouble.NewAuthority()
	check(t, err)
	p := properties(t, more)
	var asked []any
	for _, d := range directors {
		entry := map[string]any{"name": d.Name, "url": "https://127.0.0.1:1", "client": "ipguard", "client_secret": secret, "ca_cert": string(authority.PEM)}
		if d.UUID != "" { // one that nobody has started has none
			var server *directordouble.Server
			check(t, s.host.Do(func() error {
				server, err = authority.Start(d)
				return err
			}))
			t.Cleanup(server.Close)
			entry["url"] = server.URL
		}
		asked = append(asked, entry)
	}
	s.install("ipguard-lint", instance{Networks: oneNetwork, Properties: merged(p, map[string]any{"directors": asked})})
	return s
}

const (
	uuidA = "00000000-0000-4000-8000-00000000000a"
	uuidB = "00000000-0000-4000-8000-00000000000b"
	// others is all of the subnet that the other director hands out.
	others = "10.8.52.2 - 10.8.52.189, 10.8.52.200 - 10.8.52.254"
)

// TestLintErrand: the exit code is lint's, or that of what could not be asked.
func TestLintErrand(t *testing.T) {
	for _, test := range []struct {
		name, properties string
		directors        []*directordouble.Director
		code             int
		stdout           []string // in this order: the cause before what follows from it
	}{
		{"one director, nothing to find", "", []*directordouble.Director{director("promo", uuidA, "10.8.52.191", others)},
			0, []string{"promo: 1 deployment, 1 VM, written to "}},
		{"two directors with one address", "", []*directordouble.Director{director("promo", uuidA, "10.8.52.191", others), director("dr-west", uuidB, "10.8.52.191", others)},
			1, []string{"dr-west: 1 deployment, 1 VM, written to ", "10.8.52.191"}},
		{"two networks of one name that are two segments", "fleet: {segments: [{name: a, subnets: [{director: promo}]}, {name: b, subnets: [{director: dr-west}]}]}",
			[]*directordouble.Director{director("promo", uuidA, "10.8.52.191", others), director("dr-west", uuidB, "10.8.52.191", others)}, 0, []string{"written to"}},
		{"a director that does not answer", "", []*directordouble.Director{director("promo", uuidA, "10.8.52.191", others), director("dr-west", "", "10.8.52.191", others)},
			3, []string{"director dr-west: dial tcp 127.0.0.1:1: connect: connection refused; it has no snapshot", "not every director could be asked", "snapshots/dr-west.json: no such file"}},
		{"a director that refuses the secret", "", []*directordouble.Director{refuses(director("promo", uuidA, "10.8.52.191", others)), director("dr-west", uuidB, "10.8.52.191", others)},
			3, []string{"director promo: it refuses client ipguard", "check the client and its secret", "not every director could be asked", "snapshots/promo.json: no such file"}},
		{"findings, and a director that does not answer", "", []*directordouble.Director{director("promo", uuidA, "10.8.52.191", others),
			director("dr-west", uuidB, "10.8.52.191", others), director("third", "", "", others)}, 1, []string{"director third: dial tcp", "10.8.52.191"}},
		{"a fleet file that is wrong", "fleet: {segments: [{name: a}]}", []*directordouble.Director{director("promo", uuidA, "10.8.52.191", others)},
			3, []string{"failure: ipguard.yml:"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := lintErrand(t, test.properties, test.directors...)
			stdout, stderr, code := s.run(errand)
			if code != test.code || stderr != "" {
				t.Errorf("code %d, want %d: %s%s", code, test.code, stdout, stderr)
			}
			rest := stdout
			for _, want := range test.stdout {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Errorf("no %q after what comes before it, in\n%s", want, stdout)
					return
				}
				rest = after
			}
		})
	}
}

// refuses is a director whose client has another secret by now.
func refuses(d *directordouble.Director) *directordouble.Director {
	d.Users["ipguard"] = directordouble.User{Password: "another", Admin: true}
	return d
}

// TestLintErrandFormat: a format that programs read is alone on standard output.
func TestLintErrandFormat(t *testing.T) {
	t.Parallel()
	s := lintErrand(t, "format: json", director("promo", uuidA, "10.8.52.191", others), director("dr-west", uuidB, "10.8.52.191", others))
	stdout, stderr, code := s.run(errand)
	var result struct{ Findings []struct{ Rule string } }
	if err := json.Unmarshal([]byte(stdout), &result); err != nil || len(result.Findings) == 0 || code != 1 {
		t.Errorf("code %d, %v: %s%s", code, err, stdout, stderr)
	}
}

// TestLintErrandKeepsSecrets: a client's secret is on no command line, in nothing
// that is printed and in no file but one, which root alone can read.
func TestLintErrandKeepsSecrets(t *testing.T) {
	t.Parallel()
	s := lintErrand(t, "", director("promo", uuidA, "10.8.52.191", others))
	check(t, os.Rename(filepath.Join(s.vcap, "packages/ipguard/bin/ipguard"), filepath.Join(s.vcap, "packages/ipguard/bin/real")))
	s.program([]byte("#!/bin/bash\necho \"$@\" >> /var/vcap/data/commands\nexec /var/vcap/packages/ipguard/bin/real \"$@\"\n"))
	if stdout, stderr, code := s.run("/var/vcap/jobs/ipguard-lint/bin/pre-start"); code != 0 || stdout+stderr != "" {
		t.Errorf("pre-start: code %d: %s%s", code, stdout, stderr)
	}
	config := filepath.Join(s.vcap, "jobs/ipguard-lint/config/secrets")
	private := func(when string) {
		t.Helper()
		if info, err := os.Stat(config); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("after %s: %v, %v", when, info.Mode(), err)
		}
	}
	private("pre-start")
	check(t, os.Chmod(config, 0o640)) // without pre-start, as the agent writes it
	stdout, stderr, code := s.run(errand)
	private("the errand")
	commands, err := os.ReadFile(filepath.Join(s.vcap, "data/commands"))
	check(t, err)
	if code != 0 || strings.Count(string(commands), "\n") != 2 {
		t.Errorf("code %d, commands %s%s%s", code, commands, stdout, stderr)
	}
	const telling = "c1c1" // of the secret, however it is quoted
	if strings.Contains(stdout+stderr, telling) {
		t.Errorf("printed: %s%s", stdout, stderr)
	}
	check(t, filepath.WalkDir(s.vcap, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path == config {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), telling) {
			t.Errorf("%s has the secret", path)
		}
		return err
	}))
}
