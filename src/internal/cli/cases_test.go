package cli

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected output of the cases")

// TestCases runs lint on every case of testdata/cases: the files of a fleet, the
// arguments in the first lines of its comment ("lint ARGS", several lines for
// several runs), and what must come out as text and as JSON. The comment above
// says what the case is about.
func TestCases(t *testing.T) {
	paths, err := filepath.Glob("testdata/cases/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { runCase(t, path) })
	}
}

const (
	wantText = "want.txt"
	wantJSON = "want.json"
)

func runCase(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{}
	dir := t.TempDir()
	var inputs []txtar.File
	for _, f := range archive.Files {
		if f.Name == wantText || f.Name == wantJSON {
			want[f.Name] = f.Data
			continue
		}
		inputs = append(inputs, f)
		writeFile(t, filepath.Join(dir, f.Name), f.Data)
	}
	t.Chdir(dir)
	got := []txtar.File{
		{Name: wantText, Data: []byte(runLines(t, string(archive.Comment), "text"))},
		{Name: wantJSON, Data: []byte(runLines(t, string(archive.Comment), "json"))},
	}
	if *update {
		archive.Files = append(inputs, got...)
		if err := os.WriteFile(absolute, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, f := range got {
		if diff := cmp.Diff(string(want[f.Name]), string(f.Data)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f.Name, diff)
		}
	}
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// runLines runs each "lint ARGS" line of a comment and returns what it printed,
// with the exit code.
func runLines(t *testing.T, comment, format string) string {
	t.Helper()
	var out strings.Builder
	runs := 0
	for line := range strings.Lines(comment) {
		args := strings.Fields(line)
		if len(args) == 0 || args[0] != "lint" {
			continue
		}
		runs++
		var stdout, stderr bytes.Buffer
		code := Main(context.Background(), append(args, "--format", format), Streams{
			Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
		})
		fmt.Fprintf(&out, "$ ipguard %s\n%s%sexit %d\n", strings.Join(args, " "), stdout.String(), stderr.String(), code)
	}
	if runs == 0 {
		t.Fatal("the case runs nothing: its comment has no line that begins with lint")
	}
	return out.String()
}
