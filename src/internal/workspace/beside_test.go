//go:build !race

package workspace

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestBesideIsShort looks at a file of 1 GiB beside: nothing of it is read.
func TestBesideIsShort(t *testing.T) {
	dir := t.TempDir()
	short, long := filepath.Join(dir, "short.yml"), filepath.Join(dir, "long.yml")
	const text = "networks:\n- name: a\n"
	for _, path := range []string{short, long} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(long, 1<<30); err != nil {
		t.Fatal(err)
	}
	if read, err := readBeside(short); err != nil || string(read) != text {
		t.Errorf("%q %v", read, err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := readBeside(long)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, errTooLong) || took > 1<<20 {
		t.Errorf("%d bytes: %v", took, err)
	}
}
