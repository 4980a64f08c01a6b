//go:build !race

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/lint"
)

// TestExamplesOfPages lints every example of every rule's page. A bad one is
// found fault with by its rule and by no other, a good one by none.
func TestExamplesOfPages(t *testing.T) {
	for _, rule := range lint.Rules() {
		examples := rule.Examples()
		good, bad := 0, 0
		var before lint.Example
		for i, e := range examples {
			verdict := "bad"
			if e.Good {
				verdict = "good"
				good++
				e = overlaid(before, e)
			} else {
				bad++
				before = e
			}
			t.Run(fmt.Sprintf("%s/%d-%s", rule.ID, i+1, verdict), func(t *testing.T) { runExample(t, rule, e) })
		}
		if good == 0 || bad == 0 {
			t.Errorf("%s: the page has %d bad and %d good examples; it needs one of each", rule.ID, bad, good)
		}
	}
}

// overlaid returns the files of a bad example with those that a good one changes.
func overlaid(bad, good lint.Example) lint.Example {
	all := lint.Example{Good: true}
	for _, f := range bad.Files {
		if !slices.ContainsFunc(good.Files, func(o lint.ExampleFile) bool { return o.Name == f.Name }) {
			all.Files = append(all.Files, f)
		}
	}
	all.Files = append(all.Files, good.Files...)
	return all
}

// inseparable are rules that cannot be shown without another one: a static
// address always lies in a static range, and one that is reserved as well makes
// that range unusable.
var inseparable = map[string]string{
	"reserved-too-wide":      "compilation", // nothing is left for VMs
	"static-in-foreign-pool": "overlapping-pools",
	"static-ip-reserved":     "unusable-static",
}

// exampleSnapshot is the name of snapshots in examples.
const exampleSnapshot = "director.json"

func runExample(t *testing.T, rule lint.Rule, e lint.Example) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range completed(t, e) {
		writeFile(t, filepath.Join(dir, name), []byte(text))
	}
	args := []string{"lint"}
	if slices.ContainsFunc(e.Files, func(f lint.ExampleFile) bool { return f.Name == baselineFile }) {
		args = []string{"baseline", "check"}
	}
	if slices.ContainsFunc(e.Files, func(f lint.ExampleFile) bool { return f.Name == exampleSnapshot }) {
		args = append(args, "--allow-stale")
	}
	var stdout, stderr bytes.Buffer
	code := Main(context.Background(), append(args, "--format", "json"), Streams{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr})
	var result struct {
		Findings []struct{ Rule, Message string }
		Failures []struct{ Message string }
	}
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatalf("exit code %d: %v\n%s%s", code, err, stdout.String(), stderr.String())
	}
	for _, f := range result.Failures {
		t.Errorf("failure: %s", f.Message)
	}
	reported := false
	for _, f := range result.Findings {
		reported = reported || f.Rule == rule.ID
		if e.Good || f.Rule != rule.ID && f.Rule != inseparable[rule.ID] {
			t.Errorf("%s: %s", f.Rule, f.Message)
		}
	}
	if !e.Good && !reported {
		t.Errorf("%s is not reported", rule.ID)
	}
}

// completed returns the files of an example with all that lint needs beside what
// the reader has to see.
func completed(t *testing.T, e lint.Example) map[string]string {
	t.Helper()
	b := exampleFleet{t: t, files: map[string]string{}, directors: map[string]map[string][]string{}}
	fleetFile := lint.ExampleFile{Name: fleet.FileName, Text: "{}"}
	for _, f := range e.Files {
		switch f.Name {
		case fleet.FileName:
			fleetFile = f
		case exampleSnapshot:
			b.files[f.Name] = keepingAll(t, f)
		case baselineFile:
			b.files[f.Name] = strings.Join(strings.SplitAfter(f.Text, "\n")[1:], "") // JSON has no comments
		default:
			if bookfile.IsBooking(f.Name) {
				b.files[f.Name] = f.Text
				continue
			}
			b.add(f)
		}
	}
	b.addFleetFile(fleetFile)
	return b.files
}

// keepingAll adds to a snapshot what it was to keep.
func keepingAll(t *testing.T, f lint.ExampleFile) string {
	t.Helper()
	var patterns []string
	for _, p := range bosh.DefaultPatterns().Find {
		patterns = append(patterns, p.String())
	}
	kept, err := json.Marshal(map[string]any{"vip_properties": patterns})
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(f.Text, "{") // behind the comment, which JSON has not
	if !ok {
		t.Fatalf("%s is no mapping", f.Name)
	}
	return `{"kept":` + string(kept) + "," + rest // what a reader needs first stands first
}

// exampleFleet gathers the files of an example.
type exampleFleet struct {
	t     *testing.T
	files map[string]string
	// directors holds the paths of each director's files by the fleet file's key.
	directors map[string]map[string][]string
}

// add adds a file of a director, which is its folder.
func (b *exampleFleet) add(f lint.ExampleFile) {
	director := path.Dir(f.Name)
	if director == "." {
		director = "director"
	}
	if b.directors[director] == nil {
		b.directors[director] = map[string][]string{}
	}
	list := b.directors[director]
	if f.Purpose == "which the fleet file does not name" {
		list = map[string][]string{}
	}
	doc := mapping(f.Text)
	kind, defaults := "deployments", exampleManifest
	switch {
	case f.Purpose == "for create-env":
		kind, defaults = "create_env", exampleCreateEnv
	case f.Purpose == "a cloud-config" || doc != nil && has(doc, "networks") && !has(doc, "jobs"):
		kind, defaults = "cloud_configs", exampleCloudConfig(doc)
	}
	list[kind] = append(list[kind], f.Name)
	if doc == nil || f.Purpose == "as it is" {
		b.files[f.Name] = f.Text
		return
	}
	name := strings.TrimSuffix(path.Base(f.Name), ".yml")
	fill(doc, mapping(strings.ReplaceAll(defaults, "NAME", name)))
	group := exampleGroup
	if kind == "create_env" {
		group += "resource_pool: vms\n"
	}
	for _, g := range items(doc, "instance_groups") {
		fill(g, mapping(group))
	}
	b.files[f.Name] = encoded(b.t, doc)
}

// exampleCloudConfig is what a cloud-config needs beside its networks:
// compilation on the first of them.
func exampleCloudConfig(doc *yaml.Node) string {
	for _, n := range items(doc, "networks") {
		var network struct{ Name, Type, AZ string }
		_ = n.Decode(&network) // another shape is what the example is about
		if network.Type != "vip" {
			return "compilation: {workers: 1, network: " + network.Name + "}"
		}
	}
	return "{}"
}

const (
	exampleDefaultCloudConfig = `
networks:
- name: default
  subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1}]
compilation: {workers: 1, network: default}
`
	exampleManifest = `
name: NAME
releases: []
stemcells: [{alias: default, os: ubuntu-jammy, version: "1.1"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}
`
	exampleGroup = `
name: web
instances: 1
vm_type: default
stemcell: default
jobs: []
networks: [{name: default}]
`
	exampleCreateEnv = `
name: NAME
releases: [{name: bosh, version: "1"}, {name: cpi, version: "1"}]
resource_pools: [{name: vms, network: default}]
disk_pools: [{name: disks, disk_size: 1024}]
networks:
- name: default
  type: manual
  subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1}]
instance_groups:
- name: vm
  instances: 1
  resource_pool: vms
  jobs: []
  networks: [{name: default, static_ips: [10.0.0.5]}]
cloud_provider: {template: {name: cpi, release: cpi}, properties: {}}
`
)

// addFleetFile completes the fleet file with the directors and their files, and
// gives a director without a cloud-config one if its manifests need it.
func (b *exampleFleet) addFleetFile(f lint.ExampleFile) {
	doc := mapping(f.Text)
	if doc == nil {
		b.files[f.Name] = f.Text
		return
	}
	directors := child(doc, "directors")
	if directors == nil {
		directors = &yaml.Node{Kind: yaml.SequenceNode}
		doc.Content = append(doc.Content, scalar("directors"), directors)
	}
	for _, name := range sortedKeys(b.directors) {
		list := b.directors[name]
		if len(list["deployments"]) > 0 && len(list["cloud_configs"]) == 0 {
			file := name + "-cloud-config.yml"
			b.files[file] = exampleDefaultCloudConfig
			list["cloud_configs"] = []string{file}
		}
		var node *yaml.Node
		for _, d := range directors.Content {
			if n := child(d, "name"); n != nil && n.Value == name {
				node = d
			}
		}
		if node == nil {
			node = mapping("name: " + name)
			directors.Content = append(directors.Content, node)
		}
		for _, key := range sortedKeys(list) {
			var paths yaml.Node
			if err := paths.Encode(list[key]); err != nil {
				b.t.Fatal(err)
			}
			if child(node, key) == nil {
				node.Content = append(node.Content, scalar(key), &paths)
			}
		}
	}
	b.files[f.Name] = encoded(b.t, doc)
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// mapping parses YAML; nil if it is no mapping.
func mapping(text string) *yaml.Node {
	var doc yaml.Node
	if yaml.Unmarshal([]byte(text), &doc) != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil
	}
	return doc.Content[0]
}

func scalar(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }

func child(m *yaml.Node, key string) *yaml.Node {
	if m == nil {
		return nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

func has(m *yaml.Node, key string) bool { return child(m, key) != nil }

// items are the mappings in a list.
func items(m *yaml.Node, key string) []*yaml.Node {
	list := child(m, key)
	if list == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(list.Content), func(n *yaml.Node) bool { return n.Kind != yaml.MappingNode })
}

// fill adds the keys that are missing.
func fill(m, defaults *yaml.Node) {
	if defaults == nil {
		return
	}
	m.Style = 0
	for i := 0; i+1 < len(defaults.Content); i += 2 {
		if !has(m, defaults.Content[i].Value) {
			m.Content = append(m.Content, defaults.Content[i], defaults.Content[i+1])
		}
	}
}

func encoded(t *testing.T, doc *yaml.Node) string {
	t.Helper()
	text, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
