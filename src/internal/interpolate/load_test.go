package interpolate

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

func writeFile(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestBadFiles hands files that are no ops, vars or var files to the loader.
// Each must be refused with the name of the file.
func TestBadFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "base.yml", []byte("a: ((x))\n"))
	writeFile(t, "binary", []byte{0x7f, 'E', 'L', 'F', 0, 0, 1})
	writeFile(t, "bomb", aliasBomb())
	writeFile(t, "circle", []byte("a: &a [*a]\n"))
	if err := os.Mkdir("folder", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"binary", "bomb", "circle", "folder", "missing"} {
		for kind, in := range map[string]Inputs{
			"ops file":   {OpsFiles: []string{file}},
			"vars file":  {VarsFiles: []string{file}},
			"vars store": {VarsStore: file},
			"var file":   {VarFiles: []KV{{"x", file}}},
			"base":       {Vars: []KV{{"x", "1"}}},
		} {
			path := "base.yml"
			if kind == "base" {
				path = file
			}
			if kind == "var file" && file != "folder" && file != "missing" || kind == "vars store" && file == "missing" {
				continue // any text is a value, and a missing store is an empty one
			}
			_, err := NewLoader(source.NewFiles(nil), nil).Load(path, in)
			var e *trouble.Trouble
			if !errors.As(err, &e) || e.At.File != file {
				t.Errorf("%s as %s: want an error about it, got %v", file, kind, err)
			}
		}
	}
}

// aliasBomb is a short text of 10^9 values.
func aliasBomb() []byte {
	text := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for _, n := range "12345678" {
		before := string(n - 1)
		text += "a" + string(n) + ": &a" + string(n) + " [" + strings.Repeat("*a"+before+", ", 9) + "*a" + before + "]\n"
	}
	return []byte(text)
}

// TestLargeVariables uses a large variable so often that the document would not
// fit into memory.
func TestLargeVariables(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "base.yml", []byte("list: ["+strings.Repeat("((x)), ", 400)+"]\n"))
	writeFile(t, "text", bytes.Repeat([]byte("x"), 1<<20))
	writeFile(t, "list.yml", []byte("x: ["+strings.Repeat("1, ", 50_000)+"]\n"))
	all := map[string]Inputs{
		"text": {VarFiles: []KV{{"x", "text"}}},
		"list": {VarsFiles: []string{"list.yml"}},
	}
	for name, in := range all {
		_, err := NewLoader(source.NewFiles(nil), nil).Load("base.yml", in)
		if err == nil || !strings.Contains(err.Error(), "the variables up to here stand for more than") {
			t.Errorf("%s: want an error about the size, got %v", name, err)
		}
	}
}

// TestBinaryVarFile takes a file that is no text as a variable's value, as bosh
// does.
func TestBinaryVarFile(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "base.yml", []byte("a: ((x))\nb: ((y))\n"))
	writeFile(t, "x", []byte{0xff, 0xfe, 0, 'a'})
	writeFile(t, "y", []byte("a\x00b"))
	got, err := NewLoader(source.NewFiles(nil), nil).prove("base.yml", Inputs{VarFiles: []KV{{"x", "x"}, {"y", "y"}}})
	if err != nil {
		t.Fatal(err)
	}
	a := got.document.Root().Field("a")
	if got.untraced != 0 || a.Node().Tag != "!!binary" || a.Place().File != "x" || a.Place().Through != "x" {
		t.Errorf("%d values lost their place:\n%s", got.untraced, listing(got.document))
	}
}

// TestWithoutInputs: the document is the text as it was written, which for
// another spelling of true makes a difference.
func TestWithoutInputs(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "base.yml", []byte("b: yes\na: ((x))\n"))
	doc, err := NewLoader(source.NewFiles(nil), nil).Load("base.yml", Inputs{})
	if err != nil {
		t.Fatal(err)
	}
	if text := doc.Root().Field("b").Text(); text != "yes" {
		t.Errorf("b is %q", text)
	}
	if !(Inputs{}).Empty() || (Inputs{VarsStore: "creds.yml"}).Empty() {
		t.Error("Empty does not tell whether there are inputs")
	}
}

// TestConcurrentLoads uses one loader from many goroutines; the race detector
// judges.
func TestConcurrentLoads(t *testing.T) {
	dir := t.TempDir()
	base, ops, vars := filepath.Join(dir, "base.yml"), filepath.Join(dir, "ops.yml"), filepath.Join(dir, "vars.yml")
	writeFile(t, base, []byte("a: ((x))\n"))
	writeFile(t, ops, []byte("- {type: replace, path: \"/b?\", value: {c: ((x))}}\n"))
	writeFile(t, vars, []byte("x: [1, 2]\n"))
	loader := NewLoader(source.NewFiles(nil), nil)
	in := Inputs{OpsFiles: []string{ops}, VarsFiles: []string{vars}}
	want, err := loader.Load(base, in)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			doc, err := loader.LoadProven(base, in)
			if err != nil {
				t.Error(err)
				return
			}
			if got := listing(doc); got != listing(want) {
				t.Errorf("got\n%s", got)
			}
		})
	}
	group.Wait()
}
