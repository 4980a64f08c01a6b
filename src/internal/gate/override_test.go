//go:build !race

package gate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLogAddsLines appends to logs that end with a line, within one, or are not there:
// what is there stays, and the new line stands on its own.
func TestLogAddsLines(t *testing.T) {
	for _, before := range []string{"", "{}\n", `{"old":1}`} {
		path := filepath.Join(t.TempDir(), "override.log")
		if before != "" {
			if err := os.WriteFile(path, []byte(before), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := (Override{Reason: "ticket"}).Log(path); err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rest, ok := strings.CutPrefix(string(text), before)
		lines := strings.Split(strings.TrimPrefix(rest, "\n"), "\n")
		if !ok || len(lines) != 3 || lines[2] != "" || !strings.HasPrefix(lines[0], "{") || !strings.HasPrefix(lines[1], "{") {
			t.Errorf("after %q: %q", before, text)
		}
	}
}
