//go:build !race

package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	boshjob "github.com/cloudfoundry/bosh-cli/v7/release/job"
	"github.com/cloudfoundry/bosh-cli/v7/release/resource"
	boshlog "github.com/cloudfoundry/bosh-utils/logger"
	boshsystem "github.com/cloudfoundry/bosh-utils/system"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestSpecs holds each job's spec to what an operator reads of it, and to the
// files beside it.
func TestSpecs(t *testing.T) {
	for _, job := range jobNames {
		t.Run(job, func(t *testing.T) {
			s := readSpec(t, job)
			if s.Name != job || s.Description == "" || !slices.Equal(s.Packages, []string{packageOf(job)}) {
				t.Errorf("name %q, packages %q, description %q", s.Name, s.Packages, s.Description)
			}
			for name, p := range s.Properties {
				if strings.TrimSpace(p.Description) == "" {
					t.Errorf("property %s has no description", name)
				}
				_, structured := p.Default.([]any)
				if p.Example == nil && (p.Default == nil || structured && len(p.Default.([]any)) == 0) {
					t.Errorf("property %s is a list and has no example", name)
				}
			}
			found := map[string]bool{}
			base := filepath.Join(root, "jobs", job, "templates")
			check(t, filepath.WalkDir(base, func(path string, entry os.DirEntry, err error) error {
				if err == nil && !entry.IsDir() {
					found[strings.TrimPrefix(path, base+"/")] = true
				}
				return err
			}))
			if got, want := slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(s.Templates)); !slices.Equal(got, want) {
				t.Errorf("templates %q, but the spec has %q", got, want)
			}
		})
	}
}

// TestJobNames finds jobs that no test would look at.
func TestJobNames(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join(root, "jobs"))
	check(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, jobNames) {
		t.Errorf("jobs are %q, tested are %q", names, jobNames)
	}
}

// TestPropertiesAreUsed takes each property away, which must change what is
// rendered or fail; and a template that reads one that is not declared fails to
// render at all.
func TestPropertiesAreUsed(t *testing.T) {
	for _, job := range jobNames {
		base := instance{Properties: everyOption(t, job), Networks: manualNetworks}
		want := text(t, mustRender(t, job, base))
		for _, name := range slices.Sorted(maps.Keys(readSpec(t, job).Properties)) {
			t.Run(job+"/"+name, func(t *testing.T) {
				t.Parallel()
				without := base
				without.Undeclared, without.Reading = name, []string{name}
				dir, err := render(t, job, without)
				same := true
				for path, got := range text(t, dir) {
					same = same && got == want[path]
				}
				if err == nil && same {
					t.Errorf("no template reads %s", name)
				}
				if err != nil && !strings.Contains(err.Error(), name) {
					t.Errorf("the error does not name it: %v", err)
				}
			})
		}
	}
}

// schema compiles a job's schema, against the meta-schema that a director
// insists on.
func schema(t testing.TB, job string) *jsonschema.Schema {
	t.Helper()
	path := filepath.Join(root, "jobs", job, "properties_schema.json")
	b, err := os.ReadFile(path)
	check(t, err)
	var doc map[string]any
	check(t, json.Unmarshal(b, &doc))
	if doc["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
		t.Fatalf("%s: a director refuses the draft %v", path, doc["$schema"])
	}
	compiled, err := jsonschema.NewCompiler().Compile(path)
	check(t, err)
	return compiled
}

// asJSON is a value as a director holds it against the schema.
func asJSON(t testing.TB, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	check(t, err)
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
	check(t, err)
	return doc
}

// withDefaults are the properties that a job gets: those of the manifest that
// its spec declares, and defaults for the others (release/job.rb of the
// director), null where there is none.
func withDefaults(s spec, given map[string]any) map[string]any {
	all := map[string]any{}
	for name, p := range s.Properties {
		keys := strings.Split(name, ".")
		from, to := any(given), all
		for _, k := range keys[:len(keys)-1] {
			m, _ := from.(map[string]any)
			from = m[k]
			if to[k] == nil {
				to[k] = map[string]any{}
			}
			to = to[k].(map[string]any)
		}
		m, _ := from.(map[string]any)
		value, ok := m[keys[len(keys)-1]]
		if !ok || value == nil {
			value = p.Default
		}
		to[keys[len(keys)-1]] = value
	}
	return all
}

// TestSchemas holds each schema against the spec's defaults and examples, and
// its names against the spec's.
func TestSchemas(t *testing.T) {
	for _, job := range jobNames {
		t.Run(job, func(t *testing.T) {
			s, compiled := readSpec(t, job), schema(t, job)
			for name, given := range map[string]map[string]any{"defaults": least(t, job), "every option": everyOption(t, job)} {
				if err := compiled.Validate(asJSON(t, withDefaults(s, given))); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			for name, p := range s.Properties {
				if p.Example == nil {
					continue
				}
				if err := compiled.Validate(asJSON(t, withDefaults(s, merged(least(t, job), nested(name, p.Example))))); err != nil {
					t.Errorf("example of %s: %v", name, err)
				}
			}
			if got, want := schemaNames(compiled, "", s), slices.Sorted(maps.Keys(s.Properties)); !slices.Equal(got, want) {
				t.Errorf("the schema has %q, the spec %q", got, want)
			}
		})
	}
}

// nested is a value under a dotted name.
func nested(name string, value any) map[string]any {
	keys := strings.Split(name, ".")
	for _, k := range slices.Backward(keys) {
		value = map[string]any{k: value}
	}
	return value.(map[string]any)
}

// schemaNames are the dotted names that a schema has, down to those that the
// spec declares.
func schemaNames(s *jsonschema.Schema, prefix string, declared spec) (names []string) {
	for name, below := range s.Properties {
		full := prefix + name
		if _, ok := declared.Properties[full]; ok || len(below.Properties) == 0 {
			names = append(names, full)
			continue
		}
		names = append(names, schemaNames(below, full+".", declared)...)
	}
	slices.Sort(names)
	return names
}

// TestPropertiesPage keeps docs/addon-properties.md equal to the specs; -update
// writes it.
func TestPropertiesPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Properties of the jobs\n\nWritten from the jobs' specs by `go test ./src/internal/jobs -update`.\n")
	for _, job := range jobNames {
		s := readSpec(t, job)
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| property | default | what it is |\n| --- | --- | --- |\n", job, oneLine(s.Description))
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			p := s.Properties[name]
			value := "none: it must be given"
			if p.Default != nil {
				value = "`" + asText(t, p.Default) + "`"
			}
			description := oneLine(p.Description)
			if p.Example != nil && len(asText(t, p.Example)) < 100 {
				description += " Such as `" + asText(t, p.Example) + "`."
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, strings.ReplaceAll(value, "|", `\|`), strings.ReplaceAll(description, "|", `\|`))
		}
	}
	page := filepath.Join(root, "docs/addon-properties.md")
	if *update {
		check(t, os.WriteFile(page, []byte(b.String()), 0o644))
		return
	}
	want, err := os.ReadFile(page)
	check(t, err)
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("docs/addon-properties.md (-update writes it):\n%s", diff)
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func asText(t testing.TB, value any) string {
	t.Helper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	check(t, encoder.Encode(value))
	return strings.TrimSpace(b.String())
}

// TestJobsArePacked has bosh-cli's own reader say what goes into the release: all
// that the job is made of, and nothing else.
func TestJobsArePacked(t *testing.T) {
	for _, job := range jobNames {
		var packed []string
		archive := func(args resource.ArchiveFactoryArgs) resource.Archive {
			for _, f := range args.Files {
				packed = append(packed, filepath.ToSlash(f.RelativePath))
			}
			return notArchived{}
		}
		folder, err := filepath.Abs(filepath.Join(root, "jobs", job))
		check(t, err)
		files := boshsystem.NewOsFileSystem(boshlog.NewLogger(boshlog.LevelNone))
		read, err := boshjob.NewDirReaderImpl(archive, files).Read(folder)
		check(t, err)
		if !slices.Equal(read.PackageNames, []string{packageOf(job)}) {
			t.Errorf("%s: packages %q", job, read.PackageNames)
		}
		var want []string
		for name := range text(t, folder) {
			want = append(want, strings.Replace(name, "spec", "job.MF", 1))
		}
		slices.Sort(want)
		slices.Sort(packed)
		if diff := cmp.Diff(want, packed); diff != "" {
			t.Errorf("%s: files of the job and of the release differ (-job +release):\n%s", job, diff)
		}
	}
}

// notArchived stands for the archive of files that nobody asks for.
type notArchived struct{}

func (notArchived) Fingerprint() (string, error) { return "none", nil }
func (notArchived) Build(string) (path, digest string, err error) {
	return "", "", errors.ErrUnsupported
}
func (notArchived) CleanUp(string) {}
