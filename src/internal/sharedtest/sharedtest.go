// Package sharedtest finds material that tests read in place: real manifests,
// directors' verdicts, recorded API answers. They are not part of the project;
// they lie in a folder named "shared" beside the checkout, or where
// IPGUARD_SHARED points.
package sharedtest

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir returns the folder of that name. Where the material is missing the test
// is skipped; if CI is "true" it fails, so that a run that tested nothing is
// never green.
func Dir(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join(base(t), name)
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return dir
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s: no such folder, and CI must not skip what needs it", dir)
	}
	t.Skipf("%s: no such folder; set IPGUARD_SHARED to the folder that holds %q", dir, name)
	return ""
}

func base(t testing.TB) string {
	if dir := os.Getenv("IPGUARD_SHARED"); dir != "" {
		return dir
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(root), "shared")
		}
		parent := filepath.Dir(root)
		if parent == root {
			t.Fatal("no go.mod above the test's folder")
		}
		root = parent
	}
}
