package fleet

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestNamesOfFilesThatGitDoesNotTrackAreWithheld has vars files in a checkout that are no
// part of the repository: a pipeline keeps its secrets in such.
func TestNamesOfFilesThatGitDoesNotTrackAreWithheld(t *testing.T) {
	sharedtest.Programs(t, "git")
	top := t.TempDir()
	t.Chdir(top)
	git := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v: %s", args, err, out)
		}
	}
	files := map[string]bool{ // which of them are withheld
		"kept.yml": false, "ü deep/kept.yml": false, "to-kept.yml": false,
		"ignored.yml": true, "new.yml": true, ".git/v.yml": true, "nested/v.yml": true, "../outside.yml": true, "to-outside.yml": true, "missing.yml": true,
	}
	git("init", "-q")
	git("init", "-q", "nested")
	for _, name := range []string{"kept.yml", "ü deep/kept.yml", "ignored.yml", ".git/v.yml", "nested/v.yml", "../outside.yml"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("v: secret\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"to-kept.yml": "kept.yml", "to-outside.yml": "../outside.yml"} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(".gitignore", []byte("ignored.yml\nnested\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	git("add", ".")
	if err := os.WriteFile("new.yml", []byte("v: secret\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	repository, none := trackedBelow(repositoryOf(top)), trackedBelow("")
	unasked := trackedBelow(filepath.Dir(top)) // git has no answer there
	for name, want := range files {
		if got := slices.Contains(repository.withheld([]string{name}), name); got != want {
			t.Errorf("%s is withheld: %t, want %t", name, got, want)
		}
		if len(none.withheld([]string{name})) > 0 || len(unasked.withheld([]string{name})) == 0 {
			t.Errorf("%s: something is withheld without a repository, or nothing without an answer of git", name)
		}
	}
}
