//go:build !race

package jobs

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

var update = flag.Bool("update", false, "write what was rendered to testdata")

// manualNetworks are those of a VM on two networks, with an address in a vip
// network and a delegated prefix, as a director tells of them.
var manualNetworks = map[string]any{
	"default": map[string]any{"type": "manual", "ip": "10.9.0.191", "prefix": "32", "netmask": "255.255.255.0", "gateway": "10.9.0.1", "default": []string{"dns", "gateway"}},
	"storage": map[string]any{"type": "manual", "ip": "10.8.52.191", "netmask": "255.255.255.0", "gateway": "10.8.52.1"},
	"public":  map[string]any{"type": "vip", "ip": "203.0.113.7"},
	"pods":    map[string]any{"type": "manual", "ip": "2001:db8:52::", "prefix": "80", "gateway": "2001:db8:52::1"},
	"dhcp":    map[string]any{"type": "dynamic", "ip": "10.7.0.4", "gateway": "10.7.0.1"},
}

// everyOption are properties of which each differs from its default.
func everyOption(t testing.TB, job string) map[string]any {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "every-option", job+".yml"))
	check(t, err)
	return properties(t, string(b))
}

// least are the properties that a job does not render without.
func least(t testing.TB, job string) map[string]any {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "least", job+".yml"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	check(t, err)
	return properties(t, string(b))
}

// merged are the properties of base, but for those that over has.
func merged(base, over map[string]any) map[string]any {
	all := map[string]any{}
	maps.Copy(all, base)
	for name, value := range over {
		below, ok := value.(map[string]any)
		if was, both := all[name].(map[string]any); ok && both {
			value = merged(was, below)
		}
		all[name] = value
	}
	return all
}

// TestEveryOption keeps everyOption true to its name.
func TestEveryOption(t *testing.T) {
	for _, job := range jobNames {
		s, every := readSpec(t, job), everyOption(t, job)
		given := withDefaults(s, every)
		for name, p := range s.Properties {
			var value any = given
			for k := range strings.SplitSeq(name, ".") {
				value = value.(map[string]any)[k]
			}
			if cmp.Equal(value, p.Default) {
				t.Errorf("%s: %s has its default", job, name)
			}
		}
	}
}

// TestGolden renders every job for the defaults and for every option, and holds
// it against testdata; -update writes it.
func TestGolden(t *testing.T) {
	for _, job := range jobNames {
		for name, i := range map[string]instance{
			"create-env":   {Properties: least(t, job)},
			"defaults":     {Properties: least(t, job), Networks: manualNetworks},
			"every-option": {Networks: manualNetworks, Properties: everyOption(t, job)},
		} {
			t.Run(job+"/"+name, func(t *testing.T) {
				golden(t, filepath.Join("testdata", "golden", job+"-"+name+".txtar"), text(t, mustRender(t, job, i)))
			})
		}
	}
}

// golden holds files against an archive.
func golden(t *testing.T, path string, files map[string]string) {
	t.Helper()
	archive := &txtar.Archive{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		data := files[name]
		if data != "" && !strings.HasSuffix(data, "\n") {
			t.Errorf("%s does not end in a newline", name)
			data += "\n"
		}
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(data)})
	}
	if *update {
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		check(t, os.WriteFile(path, txtar.Format(archive), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	check(t, err)
	if diff := cmp.Diff(string(want), string(txtar.Format(archive))); diff != "" {
		t.Errorf("%s (-update writes it):\n%s", path, diff)
	}
}

// TestShellScripts has shellcheck read every script as it is rendered.
func TestShellScripts(t *testing.T) {
	sharedtest.Programs(t, "shellcheck")
	for _, job := range jobNames {
		for name, given := range map[string]map[string]any{"defaults": least(t, job), "every option": everyOption(t, job)} {
			dir := mustRender(t, job, instance{Networks: manualNetworks, Properties: given})
			scripts := 0
			for file, text := range text(t, dir) {
				first, _, _ := strings.Cut(text, "\n")
				if strings.HasPrefix(file, "bin/") != strings.HasPrefix(first, "#!/") {
					t.Errorf("%s: %s begins with %q", job, file, first)
				}
				if !strings.HasPrefix(first, "#!/bin/bash") && !strings.HasPrefix(first, "#!/bin/sh") {
					continue
				}
				scripts++
				if out, err := exec.Command("shellcheck", filepath.Join(dir, file)).CombinedOutput(); err != nil {
					t.Errorf("%s with %s: %v\n%s", job, name, err, out)
				}
			}
			if scripts == 0 {
				t.Errorf("%s has no script", job)
			}
		}
	}
}

// wrongValue is a property that must not be rendered, and why.
type wrongValue struct {
	Job        string
	Properties string
	// Says is part of the error.
	Says string
	// Schema says that a director that knows schemas refuses it too.
	Schema bool
}

// TestWrongValues: each is refused by the template, with the property's name and
// the reason; what a schema can tell is refused by it as well.
func TestWrongValues(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range wrongValues {
		name := strings.NewReplacer("\n", " ", "/", "|").Replace(w.Properties)
		t.Run(w.Job+"/"+name, func(t *testing.T) {
			t.Parallel()
			wrong := properties(t, w.Properties)
			given := merged(least(t, w.Job), wrong)
			_, err := render(t, w.Job, instance{Networks: manualNetworks, Properties: given, Reading: slices.Collect(maps.Keys(wrong))})
			if err == nil || !strings.Contains(errorText(err), w.Says) {
				t.Errorf("rendered with %v; want an error that says %q", err, w.Says)
			}
			err = schema(t, w.Job).Validate(asJSON(t, withDefaults(readSpec(t, w.Job), given)))
			if (err != nil) != w.Schema {
				t.Errorf("the schema says %v", err)
			}
		})
		for property := range readSpec(t, w.Job).Properties {
			if strings.Contains(w.Says, "property "+property+":") || strings.Contains(w.Says, "'"+property+"'") {
				seen[w.Job+" "+property] = true
			}
		}
	}
	for _, job := range jobNames {
		for property := range readSpec(t, job).Properties {
			if !seen[job+" "+property] {
				t.Errorf("no wrong value of %s of %s is tried", property, job)
			}
		}
	}
}

// wrongValues of the jobs' properties. Ruby's inspect writes the value.
var wrongValues = slices.Concat(wrongOfProbe, wrongOfWatch, wrongOfLint, wrongOfServer)

var wrongOfProbe = []wrongValue{
	{"ipguard-probe", "on_conflict: maybe", `property on_conflict: "maybe" is not "fail" or "warn"`, true},
	{"ipguard-probe", "on_conflict: true", `property on_conflict: true is not "fail" or "warn"`, true},
	{"ipguard-probe", "require_probe: 'yes'", `property require_probe: "yes" is not true or false`, true},
	{"ipguard-probe", "retry_for: soon", `property retry_for: "soon" is not a duration such as`, true},
	{"ipguard-probe", "retry_for: 30", `property retry_for: 30 is not a duration such as`, true},
	{"ipguard-probe", "retry_for: -1s", `property retry_for: "-1s" is not a duration such as`, true},
	{"ipguard-probe", "deadline: [60s]", `property deadline: ["60s"] is not a duration such as`, true},
	{"ipguard-probe", "deadline: 30s", `property deadline: "30s" is not longer than retry_for, 30s`, false},
	{"ipguard-probe", "timeout: 1ms", `property timeout: "1ms" is not from 20ms to 10s`, false},
	{"ipguard-probe", "timeout: 1m", `property timeout: "1m" is not from 20ms to 10s`, false},
	{"ipguard-probe", "rfc5227: 1", `property rfc5227: 1 is not true or false`, true},
	{"ipguard-probe", "moving_addresses: 10.8.52.200", `property moving_addresses: "10.8.52.200" is not a list`, true},
	{"ipguard-probe", "moving_addresses: [10.8.52.0/24]", `property moving_addresses: "10.8.52.0/24" is not an address`, true},
	{"ipguard-probe", "moving_addresses: [10.8.52.300]", `property moving_addresses: "10.8.52.300" is not an address`, false},
	{"ipguard-probe", "moving_addresses: ['fe80::1%eth0']", `property moving_addresses: "fe80::1%eth0" is not an address`, true},
	{"ipguard-probe", "moving_addresses: ['[2001:db8::1]']", `property moving_addresses: "[2001:db8::1]" is not an address`, true},
	{"ipguard-probe", "moving_addresses: [12]", `property moving_addresses: 12 is not an address`, true},
	{"ipguard-probe", `moving_addresses: ["10.8.52.200; reboot"]`, `property moving_addresses: "10.8.52.200; reboot" is not an address`, true},
	{"ipguard-probe", "shared: [10.8.52.201=]", `property shared: "10.8.52.201=" is not ADDRESS or ADDRESS=MAC,MAC`, true},
	{"ipguard-probe", "shared: ['10.8.52.201=00:50:56']", `property shared: "10.8.52.201=00:50:56" is not ADDRESS or ADDRESS=MAC,MAC`, true},
	{"ipguard-probe", "shared: ['10.8.52.201=vrrp,']", `property shared: "10.8.52.201=vrrp," is not ADDRESS or ADDRESS=MAC,MAC`, true},
	{"ipguard-probe", "shared: ['pgpool=vrrp']", `property shared: "pgpool=vrrp" is not ADDRESS or ADDRESS=MAC,MAC`, true},
	{"ipguard-probe", "controls: [gateway]", `property controls: "gateway" is not an address`, true},
	{"ipguard-probe", "include: {interfaces: [a/b]}", `property include.interfaces: "a/b" is not a pattern of interface names`, true},
	{"ipguard-probe", "exclude: [eth2]", `property exclude: ["eth2"] is not a mapping of interfaces and addresses`, true},
	{"ipguard-probe", "interfaces: eth0", `property interfaces: "eth0" is not a list`, true},
	{"ipguard-probe", "interfaces: ['eth0,eth1']", `property interfaces: "eth0,eth1" is not the name of an interface`, true},
	{"ipguard-probe", "exclude: {interfaces: ['[']}", `property exclude.interfaces: "[" is not a pattern of interface names`, true},
	{"ipguard-probe", "exclude: {addresses: [10.8.52.0/40]}", `property exclude.addresses: "10.8.52.0/40" is not an address or a CIDR`, false},
	{"ipguard-probe", "exclude: {addresses: [10.8.52.0/255.255.255.0]}", `property exclude.addresses: "10.8.52.0/255.255.255.0" is not an address or a CIDR`, true},
	{"ipguard-probe", "exclude: {addresses: 10.8.52.7}", `property exclude.addresses: "10.8.52.7" is not a list`, true},
}

var wrongOfWatch = []wrongValue{
	{"ipguard-watch", "use_bpm: maybe", `property use_bpm: "maybe" is not true or false`, true},
	{"ipguard-watch", "metrics: 9479", `property metrics: 9479 is not a mapping of address`, true},
	{"ipguard-watch", "metrics: {address: 9479}", `property metrics.address: 9479 is not ADDRESS:PORT, nor empty`, true},
	{"ipguard-watch", "metrics: {address: '10.8.52.300:9479'}", `property metrics.address: "10.8.52.300:9479" is not ADDRESS:PORT`, false},
	{"ipguard-watch", "metrics: {address: '127.0.0.1:70000'}", `property metrics.address: "127.0.0.1:70000" is not ADDRESS:PORT`, false},
	{"ipguard-watch", "metrics: {address: 'localhost:9479'}", `property metrics.address: "localhost:9479" is not ADDRESS:PORT`, true},
	{"ipguard-watch", "defend: yes", `property defend: "yes" is not "never" or "once" or "always"`, true},
	{"ipguard-watch", "check_every: 0s", `property check_every: "0s" is not never or a duration such as 5s, at least three times check_timeout, 200ms`, false},
	{"ipguard-watch", "check_every: {}", `property check_every: {} is not never or a duration`, true},
	{"ipguard-watch", "check_timeout: 1ms", `property check_timeout: "1ms" is not a duration such as 200ms, from 10ms on`, false},
	{"ipguard-watch", "probe_every: 100ms", `property probe_every: "100ms" is not auto, never or a duration such as 5m, from 1s on`, false},
	{"ipguard-watch", "probe_every: rarely", `property probe_every: "rarely" is not auto, never or a duration`, true},
	{"ipguard-watch", "latch: 59s", `property latch: "59s" is not a duration such as 1h, from 1m on`, false},
	{"ipguard-watch", "peers: [director.example.org]", `property peers: "director.example.org" is not ADDRESS or ADDRESS:PORT`, true},
	{"ipguard-watch", "peers: ['10.8.52.10:0']", `property peers: "10.8.52.10:0" is not ADDRESS or ADDRESS:PORT`, false},
	{"ipguard-watch", "inventory: [10.8.52.190]", `property inventory: ["10.8.52.190"] is not a mapping of addresses to MACs`, true},
	{"ipguard-watch", "inventory: {pgpool: null}", `property inventory: "pgpool" is not an address`, true},
	{"ipguard-watch", "inventory: {10.8.52.190: 12:34}", `property inventory: "12:34" is not a MAC in quotes, such as`, true},
	{"ipguard-watch", "inventory: {10.8.52.190: 45296}", `property inventory: 45296 is not a MAC in quotes, such as`, true},
	{"ipguard-watch", "moving_addresses: 10.8.52.200", `property moving_addresses: "10.8.52.200" is not a list`, true},
	{"ipguard-watch", "moving_addresses: [10.8.52.200=vrrp]", `property moving_addresses: "10.8.52.200=vrrp" is not ADDRESS or ADDRESS=MAC,MAC`, true},
	{"ipguard-watch", "moving_addresses: ['10.8.52.200=']", `property moving_addresses: "10.8.52.200=" is not ADDRESS or ADDRESS=MAC,MAC`, true},
	{"ipguard-watch", "moving_addresses: [10.8.52.300]", `property moving_addresses: "10.8.52.300" is not ADDRESS or ADDRESS=MAC,MAC`, false},
	{"ipguard-watch", "shared: [pgpool]", `property shared: "pgpool" is not ADDRESS or ADDRESS=MAC,MAC`, true},
	{"ipguard-watch", "include: {interfaces: [a/b]}", `property include.interfaces: "a/b" is not a pattern of interface names`, true},
	{"ipguard-watch", "exclude: [eth2]", `property exclude: ["eth2"] is not a mapping of interfaces and addresses`, true},
	{"ipguard-watch", "interfaces: ['eth*']", `property interfaces: "eth*" is not the name of an interface`, true},
	{"ipguard-watch", "exclude: {interfaces: docker0}", `property exclude.interfaces: "docker0" is not a list`, true},
	{"ipguard-watch", "exclude: {addresses: [all]}", `property exclude.addresses: "all" is not an address or a CIDR`, true},
	{"ipguard-watch", "hook: logger", `property hook: "logger" is not a line such as #!/bin/bash`, true},
	{"ipguard-watch", "hook: [logger]", `property hook: Array is not a text`, true},
	{"ipguard-watch", "log_format: xml", `property log_format: "xml" is not "text" or "json"`, true},
}

var wrongOfLint = []wrongValue{
	{"ipguard-lint", "directors: null", `Can't find property 'directors'`, true},
	{"ipguard-lint", "directors: []", `property directors: is not a list with one director or more`, true},
	{"ipguard-lint", "directors: {name: promo}", `property directors: is not a list with one director or more`, true},
	{"ipguard-lint", "directors: [promo]", `property directors: number 1 is not a mapping`, true},
	{"ipguard-lint", "directors: [{url: x}]", `property directors: the name of number 1 is not one of letters, digits and . _ -`, true},
	{"ipguard-lint", "directors: [{name: ../promo}]", `property directors: the name of number 1 is not one of letters`, true},
	{"ipguard-lint", "directors: [{name: promo, secret: hidden-7}]", `property directors: promo has a secret, which is not one of name url client`, true},
	{"ipguard-lint", "directors: [{name: promo, url: x, client: y, client_secret: 1234567}]", `property directors: the client_secret of promo is missing, or is not a text`, true},
	{"ipguard-lint", "directors: [{name: promo, url: x, client: y, client_secret: hidden-7}]", `property directors: the ca_cert of promo is missing, or is not a text`, true},
	{"ipguard-lint", "directors: [{name: promo, url: x, client: y, client_secret: hidden-7, ca_cert: /ca.pem}]", `property directors: the ca_cert of promo is not a certificate in PEM`, false},
	{"ipguard-lint", "directors: [{name: promo, url: x y, client: y, client_secret: hidden-7, ca_cert: '-----BEGIN CERTIFICATE-----'}]", `property directors: the url of promo has white space in it`, true},
	{"ipguard-lint", "directors: [{name: promo, url: x, client: y, client_secret: hidden-7, ca_cert: '-----BEGIN CERTIFICATE-----', proxy: {}}]", `property directors: the proxy of promo is not a text`, true},
	{"ipguard-lint", "directors: [{name: a, url: x, client: y, client_secret: hidden-7, ca_cert: '-----BEGIN CERTIFICATE-----'}, {name: a, url: x, client: y, client_secret: hidden-7, ca_cert: '-----BEGIN CERTIFICATE-----'}]", `property directors: two are called a`, false},
	{"ipguard-lint", "fleet: [segments]", `property fleet: ["segments"] is not a mapping`, true},
	{"ipguard-lint", "fleet: {directors: []}", `property fleet: has a directors, which is not one of segments external`, true},
	{"ipguard-lint", "fail_on: never", `property fail_on: "never" is not "error" or "warning" or "info"`, true},
	{"ipguard-lint", "strict: 1", `property strict: 1 is not true or false`, true},
	{"ipguard-lint", "format: html", `property format: "html" is not "text" or`, true},
	{"ipguard-lint", "full: all", `property full: "all" is not true or false`, true},
	{"ipguard-lint", "timeout: 0s", `property timeout: "0s" is not a duration such as 90s or 5m`, true},
	{"ipguard-lint", "timeout: 90", `property timeout: 90 is not a duration such as 90s or 5m`, true},
}

// TestUnknownProperties: a property that is misspelt below one that the job has is
// said by the job, and refused by a director that knows schemas. One that is not
// below any is seen by nobody: a director does not pass it on.
func TestUnknownProperties(t *testing.T) {
	for job, script := range map[string]string{"ipguard-probe": "bin/pre-start", "ipguard-watch": "bin/watch"} {
		given := properties(t, "exclude: {adresses: [10.8.52.7], it's: 1}\nexlude: {}")
		rendered := text(t, mustRender(t, job, instance{Networks: manualNetworks, Properties: given}))[script]
		for _, want := range []string{"WARNING: there is no property exclude.adresses; it changes nothing'", `exclude.it'\''s; it changes`, "'--exclude=169.254.0.0/16'"} {
			if !strings.Contains(rendered, want) {
				t.Errorf("%s: no %q in\n%s", job, want, rendered)
			}
		}
		if strings.Contains(rendered, "exlude") {
			t.Errorf("%s: a director passes on what it does not", job)
		}
		if schema(t, job).Validate(asJSON(t, withDefaults(readSpec(t, job), given))) == nil {
			t.Errorf("%s: the schema does not refuse it", job)
		}
		if plain := text(t, mustRender(t, job, instance{Networks: manualNetworks}))[script]; strings.Contains(plain, "there is no property") {
			t.Errorf("%s: %s", job, plain)
		}
	}
}

// TestGatewaysArePeers: of every network that an interface can be on, and of none
// twice.
func TestGatewaysArePeers(t *testing.T) {
	for given, want := range map[string]string{
		"":                              `["10.9.0.1","10.7.0.1","2001:db8:52::1","10.8.52.1"]`,
		"peers: [10.8.52.10]":           `["10.9.0.1","10.7.0.1","2001:db8:52::1","10.8.52.1","10.8.52.10"]`,
		"peers: ['10.8.52.1:22']":       `["10.9.0.1","10.7.0.1","2001:db8:52::1","10.8.52.1:22"]`,
		"peers: ['[2001:db8:52::1]:9']": `["10.9.0.1","10.7.0.1","10.8.52.1","[2001:db8:52::1]:9"]`,
	} {
		rendered := text(t, mustRender(t, "ipguard-watch", instance{Networks: manualNetworks, Properties: properties(t, given)}))["config/watch.yml"]
		var config struct{ Peers []string }
		check(t, json.Unmarshal([]byte(rendered), &config))
		if got := asText(t, config.Peers); got != want {
			t.Errorf("%s: %s, want %s", given, got, want)
		}
	}
	itself := map[string]any{"default": map[string]any{"type": "manual", "ip": "10.9.0.1", "gateway": "10.9.0.1"}}
	if rendered := text(t, mustRender(t, "ipguard-watch", instance{Networks: itself}))["config/watch.yml"]; strings.Contains(rendered, "10.9.0.1") {
		t.Errorf("a VM is its own peer: %s", rendered)
	}
	if rendered := text(t, mustRender(t, "ipguard-watch", instance{}))["config/watch.yml"]; !strings.Contains(rendered, `"peers": [`) {
		t.Errorf("in create-env: %s", rendered)
	}
}

// TestErrorsHideSecrets: what a template says of a director never has its secret.
func TestErrorsHideSecrets(t *testing.T) {
	tried := 0
	for _, w := range wrongOfLint {
		if !strings.Contains(w.Properties, "hidden-7") && !strings.Contains(w.Properties, "1234567") {
			continue
		}
		tried++
		_, err := render(t, w.Job, instance{Properties: properties(t, w.Properties)})
		if said := errorText(err); err == nil || strings.Contains(said, "hidden-7") || strings.Contains(said, "1234567") {
			t.Errorf("%s: %s", w.Properties, said)
		}
	}
	if tried == 0 {
		t.Error("no wrong value has a secret")
	}
}
