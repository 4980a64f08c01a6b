//go:build !race

package proposal

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
)

var update = flag.Bool("update", false, "write the results of the pages in testdata; look at the difference before committing")

// TestPages proposes a fleet file for the folder of each page. What is proposed must
// load strictly, lead to existing files, and every entry must be readable with its
// inputs. A line "link PATH -> TARGET" at the top of a page makes a symbolic link.
func TestPages(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		absolute, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			want := extract(t, archive)
			text, notes, err := Of(".")
			if err != nil {
				t.Fatal(err)
			}
			usable(t, ".", text)
			got := map[string]string{"want": string(text), "notes": strings.Join(append(notes, ""), "\n")}
			if *update {
				rewrite(t, absolute, archive, got)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// extract writes a page's files into a new folder named fleet, which becomes the
// working directory, and returns what the page expects.
func extract(t *testing.T, archive *txtar.Archive) map[string]string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "fleet")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	want := map[string]string{"want": "", "notes": ""}
	for _, f := range archive.Files {
		if _, ok := want[f.Name]; ok {
			want[f.Name] = string(f.Data)
			continue
		}
		writeFile(t, f.Name, f.Data)
	}
	for line := range strings.Lines(string(archive.Comment)) {
		if link, ok := strings.CutPrefix(strings.TrimSpace(line), "link "); ok {
			name, target, _ := strings.Cut(link, " -> ")
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(target, name); err != nil {
				t.Fatal(err)
			}
		}
	}
	return want
}

func writeFile(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func rewrite(t *testing.T, path string, archive *txtar.Archive, got map[string]string) {
	t.Helper()
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { _, ok := got[f.Name]; return ok })
	for _, name := range []string{"want", "notes"} {
		if got[name] != "" {
			archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(got[name])})
		}
	}
	if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// usable fails unless a proposed text can be used as it is: by lint, and each entry
// with its inputs.
func usable(t *testing.T, dir string, text []byte) {
	t.Helper()
	path := filepath.Join(dir, fleet.FileName)
	file, errs := fleet.Parse(path, text)
	for _, err := range errs {
		t.Errorf("the proposal does not load: %v", err)
	}
	if len(errs) > 0 {
		t.Fatalf("%s", text)
	}
	directors, errs := file.Resolve()
	for _, err := range errs {
		t.Errorf("the proposal does not resolve: %v\n%s", err, text)
	}
	loader := interpolate.NewLoader(source.NewFiles(nil), nil)
	for _, d := range directors {
		for _, list := range [][]fleet.SourceFile{d.CloudConfigs, d.RuntimeConfigs, d.Deployments, d.CreateEnvs} {
			for _, f := range list {
				if _, err := loader.Load(f.Path, f.Inputs); err != nil {
					t.Errorf("an entry cannot be read: %v", err)
				}
			}
		}
	}
}

func TestNothing(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "vars.yml"), []byte("a: 1\n"))
	text, notes, err := Of(dir)
	if text != nil || !errors.Is(err, ErrNothingFound) {
		t.Errorf("%q, %v", text, err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "other YAML files") {
		t.Errorf("notes %q", notes)
	}
	if _, _, err := Of(filepath.Join(dir, "nowhere")); err == nil || errors.Is(err, ErrNothingFound) {
		t.Errorf("of a folder that is not there: %v", err)
	}
}

// TestPublicRepositories proposes fleet files for real repositories, twice with the
// same result.
func TestPublicRepositories(t *testing.T) {
	public := sharedtest.Dir(t, "public")
	for name, parts := range map[string][]string{
		"bosh-deployment":           {"bosh.yml\n", "- aws/cloud-config.yml\n", "- vsphere/cloud-config.yml\n"},
		"cf-deployment":             {"cf-deployment.yml\n", "iaas-support/vsphere/cloud-config.yml\n"},
		"concourse-bosh-deployment": {"- cluster/*.yml\n", "- cluster/cloud_configs/vbox.yml\n", "lite/concourse.yml\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(public, name)
			text, notes, err := Of(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range parts {
				if !strings.Contains(string(text), part) && !strings.Contains(strings.Join(notes, "\n"), strings.TrimSuffix(strings.TrimPrefix(part, "- "), "\n")) {
					t.Errorf("%q is neither in the proposal nor in the notes:\n%s\n%s", part, text, strings.Join(notes, "\n"))
				}
			}
			usable(t, dir, text)
			again, notesAgain, err := Of(dir)
			if err != nil || !bytes.Equal(text, again) || len(notes) != len(notesAgain) {
				t.Errorf("another result the second time: %v", err)
			}
		})
	}
}

// FuzzScript reads arbitrary texts as a script beside a manifest. They must never
// make the proposal panic, or give it an entry that cannot be used.
func FuzzScript(f *testing.F) {
	f.Add([]byte("cd \"$(dirname \"$0\")/..\"\nbosh -d x deploy m.yml -v a=1 -l v.yml\n"))
	f.Add([]byte("A=m.yml; bosh int ${A} -o \"$B\" --path /x >out\n"))
	f.Add([]byte("exec bosh create-env m.yml --vars-store=s.yml --var-file k=<(cat x)\n"))
	f.Fuzz(func(t *testing.T, script []byte) {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "run.sh"), script)
		writeFile(t, filepath.Join(dir, "v.yml"), []byte("a: 1\n"))
		writeFile(t, filepath.Join(dir, "m.yml"), []byte("name: m\nreleases: []\ninstance_groups: [{name: m, instances: ((a))}]\n"))
		text, _, err := Of(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, errs := fleet.Parse("ipguard.yml", text); len(errs) > 0 {
			t.Errorf("%v\n%s", errs[0], text)
		}
	})
}
