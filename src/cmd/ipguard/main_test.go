//go:build !race

package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"documented-bosh": documentedBosh})
}

// tests are those of this package. All of them run the program as users have it: what runs
// side by side in it the race detector watches in the tests of its packages, and here it would
// take most of the time of thousands of short runs.
type tests struct{ *testing.M }

func (m tests) Run() (code int) {
	sharedtest.ExitAtOnce()
	folder, err := os.MkdirTemp("", "ipguard-program-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(folder, "ipguard"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v: %s\n", err, out)
		return 1
	}
	if err := os.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.M.Run()
}

// TestPages runs every page of testdata: the command line as users type it, on
// the examples and on files of the page, with the real program.
func TestPages(t *testing.T) {
	examples, err := filepath.Abs("../../../manifests-examples")
	if err != nil {
		t.Fatal(err)
	}
	checkout, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	goSettings := goEnvironment(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			// A page works on its own copy of the examples.
			if err := os.CopyFS(filepath.Join(env.WorkDir, "examples"), os.DirFS(examples)); err != nil {
				return err
			}
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("NO_COLOR", "1")
			env.Setenv("CHECKOUT", checkout)
			env.Vars = append(append(env.Vars, sharedtest.ExitsAtOnce), goSettings...)
			return os.Mkdir(filepath.Join(env.WorkDir, ".git"), 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}
