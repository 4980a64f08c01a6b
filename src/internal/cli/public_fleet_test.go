//go:build !race

package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// fleetOfInit lets init write the fleet file of a folder that nobody may write to: one of
// links to what is in it. It returns the path of the file and its text.
func fleetOfInit(t *testing.T, folder string) (path, text string) {
	t.Helper()
	linked := filepath.Join(t.TempDir(), filepath.Base(folder))
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(linked, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Symlink(filepath.Join(folder, e.Name()), filepath.Join(linked, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := Main(context.Background(), []string{"init", linked}, Streams{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr}); code != ExitOK {
		t.Fatalf("init %s: exit code %d\n%s", folder, code, stderr.String())
	}
	path = filepath.Join(linked, "ipguard.yml")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, string(content)
}

// unset are messages about a variable without a value, the only thing that public
// templates may be told for.
var unset = regexp.MustCompile(`^the variable \(\([-\w]+\)\) has no value here and hides `)

// TestPublicFleets lints the public material as init takes it: nothing is called wrong.
// What is said is that variables have no value, and none has one: init names no vars
// file, because those that are there are forms to be filled in.
func TestPublicFleets(t *testing.T) {
	public := sharedtest.Dir(t, "public")
	for name, least := range map[string]int{"bosh-deployment": 12, "cf-deployment": 4, "concourse-bosh-deployment": 2} {
		path, text := fleetOfInit(t, filepath.Join(public, name))
		if strings.Contains(text, "\n    vars_files:") {
			t.Errorf("%s: init takes a form without values for a vars file:\n%s", name, text)
		}
		if directors := strings.Count(text, "\n- name: "); directors < least {
			t.Errorf("%s: init names %d directors:\n%s", name, directors, text)
		}
		code, result := runJSON(t, "lint", "--fleet", path)
		if code != ExitIncomplete && code != ExitOK {
			t.Errorf("%s: exit code %d", name, code)
		}
		said := 0
		for _, f := range result.Findings {
			if m := unset.FindString(f.Message); f.Rule != "hidden-address" || f.Severity != "warning" || m == "" {
				t.Errorf("%s: %s[%s]: %s", name, f.Severity, f.Rule, f.Message)
			}
			said++
		}
		for _, f := range result.Failures {
			if !unset.MatchString(f.Message) {
				t.Errorf("%s: %s", name, f.Message)
			}
			said++
		}
		t.Logf("%s: exit code %d, %d claims, %d findings and %d failures, all about variables without a value", name, code, result.Summary.Claims, len(result.Findings), len(result.Failures))
		if said == 0 {
			t.Errorf("%s: nothing is said, though these are templates", name)
		}
	}
}

// TestPublicCheckoutsBesideEachOther: where nothing but checkouts of public repositories
// lies, init says so, and mixes nothing of them.
func TestPublicCheckoutsBesideEachOther(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := Main(context.Background(), []string{"init", "--dry-run", sharedtest.Dir(t, "public")}, Streams{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr})
	for _, name := range []string{"bosh-deployment", "cf-deployment", "concourse-bosh-deployment"} {
		if _, last, _ := strings.Cut(stderr.String(), "no cloud-config and no manifest was found but in checkouts"); !strings.Contains(last, name) {
			t.Errorf("%s is not named:\n%s", name, stderr.String())
		}
	}
	if code != ExitIncomplete || stdout.Len() > 0 {
		t.Errorf("exit code %d\n%s", code, stdout.String())
	}
}
