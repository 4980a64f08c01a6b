package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// The tests here plant tokens in what the program reads and look for them in all that
// it writes. A token is no address and, for one letter, no plain name.
const token = "tok!S3cr3t"

// secretFleet has two directors and a create-env VM in one segment, with findings of
// many rules. Comments have tokens everywhere.
var secretFleet = map[string]string{
	"ipguard.yml": `directors:
- {name: a, cloud_configs: [{config: cc.yml, vars_files: [v.yml]}], runtime_configs: [{config: rc.yml, vars_files: [v.yml]}], deployments: [{manifest: m.yml, vars_files: [v.yml]}]}
- {name: b, cloud_configs: [cb.yml], deployments: [n.yml]}
- {name: c, create_env: [{manifest: e.yml, vars_files: [v.yml]}]}
`,
	"cc.yml": `azs: [{name: z1}, {name: z2}]
vm_types: [{name: small}]
networks:
- name: default
  type: manual
  subnets:
  - range: 10.8.52.0/24
    gateway: 10.8.52.1
    dns: [10.8.52.2]
    azs: [z1, z2]
    reserved: [10.8.52.2 - 10.8.52.19, 10.8.52.100 - 10.8.52.254]
    static: [10.8.52.20 - 10.8.52.39]
    cloud_properties: {name: VLAN-52}
- {name: floating, type: vip}
- name: iaas
  type: dynamic
  subnets: [{az: z1, dns: [10.8.52.3], cloud_properties: {name: x}}]
compilation: {workers: 1, network: default, az: z1, vm_type: small}
`,
	"m.yml": `name: web
releases: []
stemcells: [{alias: default, os: ubuntu-jammy, version: "1.785"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000-60000, update_watch_time: 1000-60000, serial: true, vm_strategy: delete-create}
instance_groups:
- name: ga
  instances: 1
  azs: [z1]
  lifecycle: service
  vm_type: small
  stemcell: default
  migrated_from: [{name: old, az: z1}]
  jobs: [{name: keepalived, release: lb, properties: {keepalived: {vip: 10.8.52.50}}}]
  networks:
  - name: default
    static_ips: [10.8.52.30]
    default: [dns, gateway]
  - {name: floating, static_ips: [10.8.52.99]}
`,
	"rc.yml": `releases: [{name: lb, version: "1"}]
addons: [{name: lb, jobs: [{name: keepalived, release: lb, properties: {keepalived: {vip: 10.8.52.130}}}], include: {deployments: [web], instance_groups: [ga]}}]
`,
	"e.yml": `name: ce
releases: []
networks:
- name: private
  type: manual
  subnets: [{range: 10.8.52.0/24, gateway: 10.8.52.1, dns: [10.8.52.2], cloud_properties: {name: VLAN-52}}]
resource_pools:
- {name: vms, network: private, stemcell: {url: "file:///stemcell.tgz", sha1: "0000"}}
instance_groups:
- name: jumpbox
  instances: 1
  resource_pool: vms
  jobs: []
  networks:
  - {name: private, static_ips: [10.8.52.30]}
cloud_provider:
  template: {name: vsphere_cpi, release: cpi}
  mbus: https://mbus:` + token + `0@10.8.52.30:6868
  properties: {}
`,
	"cb.yml": `azs: [{name: z1}]
networks:
- name: default
  subnets:
  - {range: 10.8.52.0/24, gateway: 10.8.52.1, az: z1, reserved: [10.8.52.2 - 10.8.52.119], static: [10.8.52.120 - 10.8.52.139], cloud_properties: {name: VLAN-52, password: "` + token + `1"}}
compilation: {workers: 1, network: default, az: z1}
`,
	"n.yml": `name: db
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000-60000, update_watch_time: 1000-60000}
instance_groups:
- {name: gb, instances: 1, azs: [z1], jobs: [], properties: {pass: "` + token + `2"}, networks: [{name: default, static_ips: [10.8.52.130]}]} # ` + token + `3
`,
}

// TestVariablesAreNotShown puts a variable in the place of each value in turn, and
// into it, and looks for its value in what all commands say of the fleet.
func TestVariablesAreNotShown(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range secretFleet {
		writeFile(t, name, []byte(strings.ReplaceAll(text, "\n", " # "+token+"4\n")))
	}
	writeFile(t, "v.yml", []byte("v: x"))
	checkNothingShown(t, "the fleet as it is", -1)
	if code, out, _ := runMain(t, "lint", "--format", "concise"); code != ExitFindings || strings.Count(out, "[address-claimed-twice]") < 2 {
		t.Fatalf("exit code %d; the fleet should be read, and have findings:\n%s", code, out)
	}
	turn := 0
	for _, file := range []string{"cc.yml", "m.yml", "rc.yml", "e.yml"} {
		_, values := keyedValues(t, secretFleet[file])
		for i, value := range values {
			forms := [][2]string{
				{"((v))", token + "5"}, {"((v))", token + "6 10.8.52.7"}, {"((v))", "[" + token + "7]"}, {"((v))", "{" + token + "8: " + token + "9}"},
				{"%s((v))", "S3cr3tA"}, {"%s((v))", token + "B"},
			}
			turn++
			// One form a value; names, which may be shown, never get a plain one.
			if form := forms[turn/2%len(forms)]; turn%2 == 0 || value.isName() {
				plant(t, file, i, form[0], "v: "+form[1], turn)
			} else {
				plant(t, file, i, "((v))", "v: S3cr3tC", turn)
			}
		}
		writeFile(t, file, []byte(secretFleet[file]))
	}
}

// plant replaces the value of that number in a file, %s in with being its text.
func plant(t *testing.T, file string, number int, with, vars string, turn int) {
	t.Helper()
	doc, values := keyedValues(t, secretFleet[file])
	n := values[number].node
	was := n.Value
	*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.ReplaceAll(with, "%s", was)}
	text, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, text)
	writeFile(t, "v.yml", []byte(vars))
	checkNothingShown(t, fmt.Sprintf("%s: %s in the place of %q below %s; %s", file, n.Value, was, values[number].key, vars), turn)
}

// TestArgumentsAreNotShown gives secrets on command lines, right and wrong ones.
func TestArgumentsAreNotShown(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range secretFleet {
		writeFile(t, name, []byte(text))
	}
	writeFile(t, "v.yml", []byte("v: x"))
	url := "https://u:" + token + "@10.0.0.9"
	for _, args := range [][]string{
		{"lint", "m.yml", "-v", "pw: " + token}, {"lint", "m.yml", "-v", "=" + token}, {"lint", "m.yml", "-v", "pw=[" + token}, {"lint", "m.yml", "-v", "pw=" + token},
		{"lint", "m.yml", "--var-file", token}, {"lint", "m.yml", "--director", url}, {"collect", url}, {"audit", url}, {"map", url}, {"who", url}, {"free", url}, {"fence", url},
		{"bosh", "-e", url, "-d", "web", "deploy", "m.yml", "-v", "pw=" + token}, {"bosh", "-e", url, "-d", "web", "deploy", "m.yml", "-v", token},
		{"bosh", "-e", url, "-d", "db", "deploy", "m.yml"}, {"bosh", "-e", url, "update-cloud-config", "cc.yml", "--client-secret", token},
	} {
		var out bytes.Buffer
		Main(context.Background(), args, Streams{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Environ: []string{"IPGUARD_BOSH=/bin/true", "PATH=" + os.Getenv("PATH"), "BOSH_CLIENT_SECRET=" + token}})
		checkText(t, strings.Join(args, " "), "it", out.String())
	}
}

// keyedValue is a key, or a value and the key that it stands below.
type keyedValue struct {
	key  string
	node *yaml.Node
}

// isName reports whether what stands there is the name of a network, a group, a zone
// or a deployment.
func (v keyedValue) isName() bool {
	return v.node.Kind == yaml.ScalarNode && slices.Contains([]string{"name", "network", "az", "azs", "deployments", "instance_groups"}, v.key)
}

// keyedValues are all keys and values of a text.
func keyedValues(t *testing.T, text string) (doc *yaml.Node, values []keyedValue) {
	t.Helper()
	doc = &yaml.Node{}
	if err := yaml.Unmarshal([]byte(text), doc); err != nil {
		t.Fatal(err)
	}
	var walk func(n *yaml.Node, key string)
	walk = func(n *yaml.Node, key string) {
		values = append(values, keyedValue{key, n})
		for i, c := range n.Content {
			below := key
			if n.Kind == yaml.MappingNode {
				below = ""
				if i%2 == 1 {
					below = n.Content[i-1].Value
				}
			}
			walk(c, below)
		}
	}
	walk(doc.Content[0], "")
	return doc, values
}

// checkNothingShown runs commands that read a fleet and looks for tokens in what they
// and write. Lint runs always, of the others one in turn, or all with -1.
func checkNothingShown(t *testing.T, what string, turn int) {
	t.Helper()
	written := t.TempDir()
	in := func(name string) string { return filepath.Join(written, name) }
	lint := []string{"lint", "--show-addresses", "--format", "text"}
	for _, format := range []string{"concise", "json", "sarif", "junit", "github", "gitlab"} {
		lint = append(lint, "--format", format+"="+in(format))
	}
	others := [][]string{
		{"baseline", "write", "--baseline", in("baseline.json")}, {"map"}, {"map", "--html", in("map.html")},
		{"who", "10.8.52.30", "10.8.52.130", "10.8.52.50"}, {"free", "10.8.52.0/24"}, {"free", "--format", "json", "10.8.52.0/24"},
		{"who", "--format", "json", "10.8.52.30"}, {"fence"}, {"__complete", "who", ""}, {"__complete", "map", ""}, {"__complete", "lint", "--deployment", ""},
	}
	if turn >= 0 {
		others = others[turn%len(others):][:1]
	}
	for _, args := range append([][]string{lint}, others...) {
		var out bytes.Buffer
		code := Main(context.Background(), args, Streams{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out})
		if code == ExitUsage && args[0] != "map" && args[0] != "free" && args[0] != "who" {
			t.Fatalf("%s: ipguard %q is wrong usage:\n%s", what, args, &out)
		}
		checkText(t, what, strings.Join(args, " "), out.String())
	}
	entries, err := os.ReadDir(written)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(in(e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		checkText(t, what, e.Name(), string(text))
	}
}

// checkText fails if a token is in a text, for whatever way of writing it.
func checkText(t *testing.T, what, where, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.Contains(strings.ToLower(line), "s3cr3t") {
			t.Errorf("%s:\n%s shows %s", what, where, line[max(0, strings.Index(strings.ToLower(line), "s3cr3t")-150):])
			return
		}
	}
}
