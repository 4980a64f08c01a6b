//go:build !race

package layout

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// oneOfMany is a one with a noun in the plural, the mark of a text that counts
// without package plural.
var oneOfMany = regexp.MustCompile(`(?:^|[^\w.:/-])1 ([a-z]+s)\b`)

// noNouns end with an s and are no plurals.
var noNouns = map[string]bool{"is": true, "was": true, "has": true, "this": true, "address": true, "as": true, "loses": true, "does": true, "vips": true}

// TestOneIsNoPlural reads the tests and all expected outputs of the repository.
func TestOneIsNoPlural(t *testing.T) {
	read := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !strings.Contains(path, "testdata") && !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		read++
		for i, line := range strings.Split(string(text), "\n") {
			for _, m := range oneOfMany.FindAllStringSubmatch(line, -1) {
				if !noNouns[m[1]] {
					t.Errorf("%s:%d: 1 %s", path, i+1, m[1])
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if read < 300 {
		t.Errorf("only %d files were read", read)
	}
	if m := oneOfMany.FindStringSubmatch("it has 1" + " addresses"); m == nil || noNouns[m[1]] {
		t.Error("the test finds nothing")
	}
}
