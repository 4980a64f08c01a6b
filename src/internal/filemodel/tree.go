package filemodel

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// InTree wants a file of the tree to be what was made, or with update writes it.
func InTree(t testing.TB, update bool, path, made string) {
	t.Helper()
	if update {
		if err := os.WriteFile(path, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(Read(t, path), made); diff != "" {
		t.Errorf("%s is not what the types say; go test with -update writes it:\n%s", path, diff)
	}
}

// Read is the text of a file of the tree.
func Read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Examples are the files of a page, by their names.
func Examples(t testing.TB, path string) map[string]string {
	t.Helper()
	page, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	examples := map[string]string{}
	for _, f := range page.Files {
		examples[f.Name] = string(f.Data)
	}
	return examples
}
