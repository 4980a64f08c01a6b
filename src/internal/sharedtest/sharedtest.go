// Package sharedtest finds what tests need from outside of the project: programs,
// and material that they read in place: real manifests, directors' verdicts,
// recorded API answers. The material lies in a folder named "shared" beside the
// checkout, or where IPGUARD_SHARED points.
//
// What is missing skips a test on a user's machine. Where CI is "true" it fails
// it, so that a run that tested nothing is never green.
package sharedtest

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// ExitsAtOnce is a line of an environment. A program that was built with the race detector
// sleeps for a second before it exits, but for one that finds this.
const ExitsAtOnce = "GORACE=atexit_sleep_ms=0"

// ExitAtOnce gives that line to all programs that the test starts with its own environment.
func ExitAtOnce() {
	name, value, _ := strings.Cut(ExitsAtOnce, "=")
	_ = os.Setenv(name, strings.TrimSpace(os.Getenv(name)+" "+value)) // the name is one
}

// WaitSideBySide lets eight parallel tests run at once, unless the command line says how
// many: for packages whose tests wait for timers most of the time.
func WaitSideBySide() {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", "8") // it is a number
	}
}

// Unavailable ends the test, which cannot run here for the reason that is given.
func Unavailable(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format+"; CI must not skip what needs it", args...)
	}
	t.Skipf(format, args...)
}

// Programs ends the test unless all these programs are on the PATH.
func Programs(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			Unavailable(t, "%s is not installed or not on the PATH", name)
		}
	}
}

// Dir returns the folder of that name in the material.
func Dir(t testing.TB, name string) string {
	t.Helper()
	base := os.Getenv("IPGUARD_SHARED")
	if base == "" {
		base = filepath.Join(filepath.Dir(root(t)), "shared")
	}
	dir := filepath.Join(base, name)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		Unavailable(t, "%s: no such folder (IPGUARD_SHARED names the folder that holds %q)", dir, name)
	}
	return dir
}

// Bosh returns the path of the real bosh, as scripts/bosh-peer built it; in CI it
// has it built.
func Bosh(t testing.TB) string {
	t.Helper()
	if os.Getenv("CI") == "true" {
		program, err := boshPeer()
		if err != nil {
			Unavailable(t, "scripts/bosh-peer: %v", err)
		}
		return program
	}
	built, err := filepath.Glob(filepath.Join(root(t), "tmp", "bin", "bosh-peer-*"))
	if err != nil || len(built) == 0 {
		Unavailable(t, "the real bosh was not built: scripts/bosh-peer does it")
	}
	return built[len(built)-1]
}

// boshPeer asks the script once for all tests of a package.
var boshPeer = sync.OnceValues(func() (string, error) {
	folder, err := findRoot()
	if err != nil {
		return "", err
	}
	out, err := exec.Command(filepath.Join(folder, "scripts", "bosh-peer")).Output()
	return strings.TrimSpace(string(out)), err
})

// root is the folder of the checkout.
func root(t testing.TB) string {
	t.Helper()
	folder, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// findRoot looks for go.mod in the working directory and above.
func findRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("no go.mod above the test's folder")
		}
		folder = parent
	}
}
