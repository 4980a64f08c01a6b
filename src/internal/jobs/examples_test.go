//go:build !race

package jobs

import (
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
)

// examples is the folder of manifests that use the jobs.
const examples = root + "/manifests-examples/addon"

// interpolated is what bosh makes of a manifest, with every variable given.
func interpolated(t *testing.T, manifest string, ops ...string) map[string]any {
	t.Helper()
	program := sharedtest.Bosh(t)
	arguments := []string{"int", manifest, "--var-errs", "-l", "testdata/vars.yml"}
	for _, o := range ops {
		arguments = append(arguments, "-o", o)
	}
	var stderr strings.Builder
	c := exec.Command(program, arguments...)
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("bosh %q: %v\n%s%s", arguments, err, out, stderr.String())
	}
	var doc map[string]any
	check(t, yaml.Unmarshal(out, &doc))
	return doc
}

// placed is a job with its properties in a manifest.
type placed struct {
	Name, Release string
	Properties    map[string]any
}

// placedJobs are all jobs of a runtime config's add-ons and of a deployment's
// instance groups.
func placedJobs(t *testing.T, doc map[string]any) (all []placed) {
	t.Helper()
	b, err := yaml.Marshal(doc)
	check(t, err)
	type group struct{ Jobs []placed }
	var m struct {
		Addons         []group
		InstanceGroups []group `yaml:"instance_groups"`
		Releases       []struct{ Name string }
	}
	check(t, yaml.Unmarshal(b, &m))
	if len(m.Releases) == 0 || m.Releases[0].Name != "ipguard" {
		t.Errorf("releases %+v", m.Releases)
	}
	for _, g := range slices.Concat(m.Addons, m.InstanceGroups) {
		all = append(all, g.Jobs...)
	}
	return all
}

// TestExamples has bosh read every manifest, and every ops file alone and all of
// them together; what comes out is held against the jobs' specs and schemas and
// rendered. The rendered files that differ from the defaults are in testdata.
func TestExamples(t *testing.T) {
	ops, err := filepath.Glob(examples + "/ops/*.yml")
	check(t, err)
	runtimeConfig := filepath.Join(examples, "runtime-config.yml")
	type example struct {
		name, manifest string
		ops            []string
	}
	list := []example{{"runtime-config", runtimeConfig, nil}}
	for _, o := range ops {
		list = append(list, example{"ops-" + strings.TrimSuffix(filepath.Base(o), ".yml"), runtimeConfig, []string{o}})
	}
	together := slices.DeleteFunc(slices.Clone(ops), func(o string) bool { return filepath.Base(o) == "probe-only.yml" })
	list = append(list, example{"all-ops", runtimeConfig, together})
	manifests, err := filepath.Glob(examples + "/*.yml")
	check(t, err)
	for _, m := range manifests {
		if m != runtimeConfig {
			list = append(list, example{strings.TrimSuffix(filepath.Base(m), ".yml"), m, nil})
		}
	}
	if len(ops) == 0 || len(manifests) < 3 {
		t.Fatalf("%d ops files, %d manifests", len(ops), len(manifests))
	}
	plain := interpolated(t, runtimeConfig)
	usual := map[string]map[string]string{}
	for _, job := range jobNames {
		usual[job] = text(t, mustRender(t, job, instance{Networks: manualNetworks, Properties: least(t, job)}))
	}
	for _, e := range list {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			doc := interpolated(t, e.manifest, e.ops...)
			if len(e.ops) > 0 && sameYAML(t, doc, plain) {
				t.Error("the ops file changes nothing")
			}
			files := map[string]string{}
			for _, j := range placedJobs(t, doc) {
				exampleJob(t, j, usual[j.Name], files)
			}
			golden(t, filepath.Join("testdata", "golden", "example-"+e.name+".txtar"), files)
		})
	}
}

func sameYAML(t *testing.T, a, b map[string]any) bool {
	t.Helper()
	one, err := yaml.Marshal(a)
	check(t, err)
	two, err := yaml.Marshal(b)
	check(t, err)
	return string(one) == string(two)
}

// exampleJob judges one job of an example, and adds what is rendered otherwise
// than usual to files.
func exampleJob(t *testing.T, j placed, usual, files map[string]string) {
	t.Helper()
	if j.Release != "ipguard" || !slices.Contains(jobNames, j.Name) {
		t.Fatalf("there is no job %s of release %s", j.Name, j.Release)
	}
	s := readSpec(t, j.Name)
	for _, name := range leaves("", j.Properties) {
		declared := func(p string) bool { return name == p || strings.HasPrefix(name, p+".") }
		if !slices.ContainsFunc(slices.Collect(maps.Keys(s.Properties)), declared) {
			t.Errorf("%s has no property %s", j.Name, name)
		}
	}
	if err := schema(t, j.Name).Validate(asJSON(t, withDefaults(s, j.Properties))); err != nil {
		t.Errorf("%s: %v", j.Name, err)
	}
	if len(j.Properties) == 0 {
		return // rendered as usual
	}
	for name, content := range text(t, mustRender(t, j.Name, instance{Networks: manualNetworks, Properties: j.Properties})) {
		if content != usual[name] {
			files[j.Name+"/"+name] = content
		}
	}
}

// leaves are the dotted names of all values.
func leaves(prefix string, properties map[string]any) (names []string) {
	for name, value := range properties {
		below, ok := value.(map[string]any)
		if ok && len(below) > 0 {
			names = append(names, leaves(prefix+name+".", below)...)
			continue
		}
		names = append(names, prefix+name)
	}
	slices.Sort(names)
	return names
}

// TestPropertiesClaimNothing: what the jobs are told of others' addresses is a
// guard, and lint must not take it for one more owner.
func TestPropertiesClaimNothing(t *testing.T) {
	for _, job := range jobNames {
		text, err := yaml.Marshal(map[string]any{"addons": []any{map[string]any{
			"name": "ipguard", "jobs": []any{map[string]any{"name": job, "release": "ipguard", "properties": everyOption(t, job)}},
		}}})
		check(t, err)
		doc, err := source.Parse("runtime-config.yml", text)
		check(t, err)
		found, err := bosh.FindVIPs(doc.Root(), bosh.DefaultPatterns())
		check(t, err)
		for _, f := range found.Found {
			t.Errorf("lint takes %+v of %s for a virtual address that the VM has", f, job)
		}
	}
}
