//go:build !race

// Package jobs holds the jobs of the BOSH release against what the directors,
// the agent, monit and bpm make of them. It has no code but tests.
//
// Templates are rendered by bosh-cli's own renderer, for the defaults, for every
// example and for wrong values (render_test.go), and held against the jobs' spec
// and schema (spec_test.go). What was rendered is run with the compiled program
// on a segment of network namespaces (…_linux_test.go).
package jobs

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cloudfoundry/bosh-cli/v7/templatescompiler/erbrenderer"
	boshlog "github.com/cloudfoundry/bosh-utils/logger"
	boshsystem "github.com/cloudfoundry/bosh-utils/system"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

const root = "../../.."

// The release's jobs.
var jobNames = []string{"ipguard-lint", "ipguard-probe", "ipguard-server", "ipguard-watch"}

// packageOf names the package of a job: one program for all VMs, one for the server's.
func packageOf(job string) string {
	if job == "ipguard-server" {
		return job
	}
	return "ipguard"
}

// spec is a job's spec file; docs of BOSH, "Jobs".
type spec struct {
	Name        string
	Description string
	Templates   map[string]string
	Packages    []string
	Consumes    []struct {
		Name, Type string
		Optional   bool
	}
	Properties map[string]struct {
		Description      string
		Default, Example any
	}
}

func readSpec(t testing.TB, job string) spec {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "jobs", job, "spec"))
	check(t, err)
	var s spec
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	check(t, decoder.Decode(&s))
	return s
}

// instance is what the director knows about the VM that a job is rendered for.
type instance struct {
	Networks   map[string]any
	Properties map[string]any
	// Undeclared is taken out of the spec's properties.
	Undeclared string
	// Reading limits what is rendered to the files that mention one of these properties, by the
	// first part of its name; with none, all are rendered. Each file takes a Ruby of its own.
	Reading []string
}

// reads reports whether a file may read one of the properties.
func (i instance) reads(t testing.TB, path string) bool {
	t.Helper()
	if len(i.Reading) == 0 {
		return true
	}
	text, err := os.ReadFile(path)
	check(t, err)
	return slices.ContainsFunc(i.Reading, func(name string) bool {
		top, _, _ := strings.Cut(name, ".")
		return strings.Contains(string(text), top)
	})
}

// MarshalJSON makes the context of bosh-cli's templates (templatescompiler's
// RootContext), with networks as a director fills them in.
func (i instance) context(s spec) jsonContext {
	defaults := map[string]any{}
	for name, p := range s.Properties {
		if name != i.Undeclared {
			defaults[name] = p.Default
		}
	}
	properties, networks := i.Properties, i.Networks
	if properties == nil {
		properties = map[string]any{}
	}
	if networks == nil { // as in create-env
		networks = map[string]any{"default": map[string]any{"ip": "", "netmask": "", "gateway": ""}}
	}
	return jsonContext{
		"index": 0, "id": "8934794d-aecc-489e-84ad-288219a65ff5", "az": "z1", "bootstrap": true,
		"job": map[string]any{"name": s.Name}, "deployment": "pgpool", "networks": networks,
		"global_properties": map[string]any{}, "cluster_properties": map[string]any{},
		"job_properties": properties, "default_properties": defaults,
	}
}

type jsonContext map[string]any

func (c jsonContext) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]any(c)) }

// render renders all templates of the job and its monit file into a folder, as
// it lies on a VM below jobs. The error is that of the first template.
func render(t testing.TB, job string, i instance) (dir string, err error) {
	t.Helper()
	sharedtest.Programs(t, "ruby")
	s := readSpec(t, job)
	dir = t.TempDir()
	logger := boshlog.NewLogger(boshlog.LevelNone)
	renderer := erbrenderer.NewERBRenderer(boshsystem.NewOsFileSystem(logger), boshsystem.NewExecCmdRunner(logger), logger)
	source := filepath.Join(root, "jobs", job)
	if monit := filepath.Join(source, "monit"); i.reads(t, monit) {
		if err := renderer.Render(monit, filepath.Join(dir, "monit"), i.context(s)); err != nil {
			return dir, err
		}
	}
	for _, template := range slices.Sorted(maps.Keys(s.Templates)) {
		from, to := filepath.Join(source, "templates", template), filepath.Join(dir, s.Templates[template])
		if !i.reads(t, from) {
			continue
		}
		check(t, os.MkdirAll(filepath.Dir(to), 0o755))
		if err := renderer.Render(from, to, i.context(s)); err != nil {
			return dir, err
		}
		mode := os.FileMode(0o640)
		if strings.HasPrefix(s.Templates[template], "bin/") {
			mode = 0o755
		}
		check(t, os.Chmod(to, mode))
	}
	return dir, nil
}

func mustRender(t testing.TB, job string, i instance) (dir string) {
	t.Helper()
	dir, err := render(t, job, i)
	check(t, err)
	return dir
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// properties reads YAML as properties.
func properties(t testing.TB, text string) map[string]any {
	t.Helper()
	var p map[string]any
	check(t, yaml.Unmarshal([]byte(text), &p))
	return p
}

// text is everything that was rendered, by path.
func text(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	check(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir+"/")] = string(b)
		return err
	}))
	return files
}

// errorText is what a person would read of a failed render: bosh-cli adds the
// whole of Ruby's output to it.
func errorText(err error) string { return fmt.Sprint(err) }
