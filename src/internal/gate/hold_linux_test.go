//go:build !race

package gate

import (
	"bytes"
	"os"
	"testing"
)

// TestHold: what is held can be read many times, from the beginning, and nobody can
// change it.
func TestHold(t *testing.T) {
	for _, text := range [][]byte{nil, []byte("name: x\n"), bytes.Repeat([]byte("0123456789abcdef"), 1<<17)} {
		path, err := Hold(text)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, text) {
				t.Errorf("%s: %d bytes, want %d: %v", path, len(got), len(text), err)
			}
		}
		for _, how := range []int{os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND} {
			file, err := os.OpenFile(path, how, 0)
			if err != nil {
				continue
			}
			if _, err := file.Write([]byte("x")); err == nil {
				t.Errorf("%s could be written to", path)
			}
			file.Close()
		}
	}
}
