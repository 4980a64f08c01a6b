//go:build !race

package layout

import (
	"go/ast"
	"go/build/constraint"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestRaceWatchesWhatRunsAtOnce wants a test under the race detector beside all code that begins
// what runs at once, or guards against it. Files of tests that say !race are not watched.
func TestRaceWatchesWhatRunsAtOnce(t *testing.T) {
	watched := 0
	for folder, files := range readTree(t) {
		why := slices.Collect(concurrency(files))
		if len(why) == 0 {
			continue
		}
		all, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == 0 {
			continue // tried by tests of those who use it
		}
		if slices.ContainsFunc(all, func(name string) bool { return isWatched(t, name) }) {
			watched++
			continue
		}
		t.Errorf("%s: the race detector watches none of %d files of tests here: they all say !race", why[0], len(all))
	}
	if watched < 15 {
		t.Errorf("only %d packages were found that run at once: the test looks in the wrong place", watched)
	}
}

// concurrency tells where files begin a goroutine or import what guards against one.
func concurrency(files []*sourceFile) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, file := range files {
			for _, spec := range file.syntax.Imports {
				path, _ := strconv.Unquote(spec.Path.Value)
				guards := path == "sync" || path == "sync/atomic" || strings.HasPrefix(path, "golang.org/x/sync/")
				if guards && !yield(file.at(spec.Pos())) {
					return
				}
			}
			for n := range ast.Preorder(file.syntax) {
				if begin, ok := n.(*ast.GoStmt); ok && !yield(file.at(begin.Pos())) {
					return
				}
			}
		}
	}
}

// isWatched tells whether a file of tests takes part under the race detector.
func isWatched(t *testing.T, name string) bool {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if !constraint.IsGoBuild(line) {
		return true
	}
	when, err := constraint.Parse(line)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return when.Eval(func(tag string) bool { return tag == "race" || tag == "linux" || tag == "unix" })
}
