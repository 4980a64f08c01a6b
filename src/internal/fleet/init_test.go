package fleet

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
)

// TestInit proposes a fleet file for the folder of each page of testdata/init.
// What is proposed must load strictly and lead to existing files.
func TestInit(t *testing.T) {
	for _, p := range pages(t, "testdata/init/*.txtar") {
		t.Run(p.name(), func(t *testing.T) {
			p.extract(t, "want", "notes")
			text, notes, err := Init(".")
			if err != nil {
				t.Fatal(err)
			}
			p.compare(t, "want", string(text))
			p.compare(t, "notes", strings.Join(append(notes, ""), "\n"))
			usable(t, ".", text)
		})
	}
}

// usable fails unless a proposed text can be used as it is.
func usable(t *testing.T, dir string, text []byte) {
	t.Helper()
	path := filepath.Join(dir, FileName)
	file, errs := Parse(path, text)
	if len(errs) > 0 {
		t.Fatalf("the proposal does not load: %s\n%s", lines(errs), text)
	}
	if _, errs := file.Resolve(); len(errs) > 0 {
		t.Errorf("the proposal does not resolve: %s\n%s", lines(errs), text)
	}
	doc, err := source.Parse(path, text)
	if err != nil {
		t.Fatal(err)
	}
	agree(t, compiledSchema(t), doc, nil)
}

func TestInitOfNothing(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "vars.yml"), "a: 1\n")
	text, notes, err := Init(dir)
	if text != nil || !errors.Is(err, ErrNothingFound) {
		t.Errorf("%q, %v", text, err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "1 other") {
		t.Errorf("notes %q", notes)
	}
	if _, _, err := Init(filepath.Join(dir, "nowhere")); err == nil || errors.Is(err, ErrNothingFound) {
		t.Errorf("of a folder that is not there: %v", err)
	}
}

// TestInitOfPublicRepositories proposes fleet files for real repositories, twice
// with the same result.
func TestInitOfPublicRepositories(t *testing.T) {
	public := sharedtest.Dir(t, "public")
	for name, parts := range map[string][]string{
		"bosh-deployment":           {"- bosh.yml\n", "- aws/cloud-config.yml\n", "- vsphere/cloud-config.yml\n"},
		"cf-deployment":             {"- cf-deployment.yml\n", "- iaas-support/vsphere/cloud-config.yml\n"},
		"concourse-bosh-deployment": {"- cluster/concourse.yml\n", "- cluster/cloud_configs/vbox.yml\n", "- lite/concourse.yml\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(public, name)
			text, notes, err := Init(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range parts {
				if !strings.Contains(string(text), part) {
					t.Errorf("%q is not in the proposal:\n%s", part, text)
				}
			}
			usable(t, dir, text)
			again, notesAgain, err := Init(dir)
			if err != nil || !bytes.Equal(text, again) || len(notes) != len(notesAgain) {
				t.Errorf("another result the second time: %v", err)
			}
		})
	}
}
