package watch

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const someMappings = `00400000-00b0c000 r-xp 00000000 fe:00 10143685                           /opt/ip guard (deleted)
Size:               7216 kB
Rss:                2624 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
00b0c000-011ec000 r--p 0070c000 fe:00 10143685                           /opt/ip guard (deleted)
Anonymous:             4 kB
011ec000-01261000 rw-p 00dec000 fe:00 10143685                           /opt/ip guard (deleted)
Anonymous:             0 kB
7fecbffa0000-7fecc0200000 rw-p 00000000 00:00 0
Rss:                 780 kB
`

// TestMappings: only what can be had from the file again is given back.
func TestMappings(t *testing.T) {
	got, err := readMappings(strings.NewReader(someMappings))
	if err != nil {
		t.Fatal(err)
	}
	want := []mapping{
		{0x400000, 0xb0c000, "r-xp", "/opt/ip guard (deleted)", 0},
		{0xb0c000, 0x11ec000, "r--p", "/opt/ip guard (deleted)", 4},
		{0x11ec000, 0x1261000, "rw-p", "/opt/ip guard (deleted)", 0},
		{0x7fecbffa0000, 0x7fecc0200000, "rw-p", "", -1},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mapping{})); diff != "" {
		t.Error(diff)
	}
	var pristine []bool
	for _, m := range got {
		pristine = append(pristine, m.pristine())
	}
	if !slices.Equal(pristine, []bool{true, false, false, false}) {
		t.Errorf("pristine: %v", pristine)
	}
	for _, broken := range []string{"00400000 r-xp 0 0 0 x", "x-y r-xp 0 0 0 x", "2-1 r-xp 0 0 0 x", "1-2 r-xp", "1-2 r-xp 0 0 0 x\nAnonymous: x kB"} {
		if m, err := readMappings(strings.NewReader(broken)); err == nil {
			t.Errorf("%q was read as %+v", broken, m)
		}
	}
}

// TestReturnMemory: the program runs on, and less of its file is in memory.
func TestReturnMemory(t *testing.T) {
	before := residentOfFile(t)
	if err := returnMemory(); err != nil {
		t.Fatal(err)
	}
	if after := residentOfFile(t); after >= before {
		t.Errorf("%d KiB of the file in memory, before %d", after, before)
	}
}

// residentOfFile is how much of the process's files is in memory, in KiB.
func residentOfFile(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	n, err := kibOf(string(status), "RssFile:")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func kibOf(status, name string) (n int, err error) {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strconv.Atoi(strings.Fields(rest)[0])
		}
	}
	return 0, errors.New("no " + name)
}
