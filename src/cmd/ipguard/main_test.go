package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ipguard/ipguard/src/internal/cli"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){
		"ipguard":         func() { os.Exit(cli.Run(context.Background())) },
		"documented-bosh": documentedBosh,
	})
}

// tests are those of this package; their programs, which are this test binary by other
// names, are no tests.
type tests struct{ *testing.M }

func (m tests) Run() int {
	sharedtest.ExitAtOnce()
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
