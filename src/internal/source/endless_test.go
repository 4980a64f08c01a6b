//go:build !race

package source

import (
	"bytes"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// endless is a device that never ends.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// TestEndless reads what has no end: it is refused, and costs no more memory than the
// largest file that is read.
func TestEndless(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := readLimited(endless{}, 0)
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "larger than 256 MiB") {
		t.Errorf("%v", err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > MaxFileSize+MaxFileSize/8 {
		t.Errorf("it took %d MiB", took>>20)
	}
}

// TestReadLimited reads texts of any length in any pieces, whatever their length was said
// to be: they come out whole.
func TestReadLimited(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 1))
	for _, length := range []int{0, 1, bytes.MinRead, 4096, 1<<20 - 1, 1 << 20, 3<<20 + 7} {
		text := make([]byte, length)
		for i := range text {
			text[i] = byte(r.Uint32())
		}
		for _, said := range []int64{0, 1, int64(length) - 1, int64(length), int64(length) + 1} {
			for _, reader := range []io.Reader{bytes.NewReader(text), iotest.HalfReader(bytes.NewReader(text)), iotest.DataErrReader(bytes.NewReader(text))} {
				if got, err := readLimited(reader, max(said, 0)); err != nil || !bytes.Equal(got, text) {
					t.Errorf("%d bytes, said to be %d: %d, %v", length, said, len(got), err)
				}
			}
		}
	}
	if _, err := readLimited(iotest.ErrReader(io.ErrClosedPipe), 0); err != io.ErrClosedPipe {
		t.Errorf("%v", err)
	}
}
