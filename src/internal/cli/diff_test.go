//go:build !race

package cli

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/color"
)

// TestDiffIsBounded holds that of a large diff so much is printed, that it then ends
// within a hunk, so that nobody applies a part, and that a long line is cut and that said.
func TestDiffIsBounded(t *testing.T) {
	for _, apart := range []int{1, 3, 8, 20} { // lines from change to change: one hunk, or one each
		var old, now strings.Builder
		for i := range 4 * mostDiffLines {
			fmt.Fprintf(&old, "- range: 10.%d.%d.0/24\n", i>>8, i&255)
			if fmt.Fprintf(&now, "- range: 10.%d.%d.0/24\n", i>>8, i&255); i%apart == 0 {
				now.WriteString("  reserved: [10.0.0.2]\n")
			}
		}
		var stdout, stderr bytes.Buffer
		if err := printDiff(Streams{Stdout: &stdout, Stderr: &stderr}, color.Painter(false), "a.yml", []byte(old.String()), []byte(now.String())); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
		if len(lines) > mostDiffLines || len(lines) < mostDiffLines-10 || !strings.Contains(stderr.String(), "more lines, and cannot be applied") {
			t.Errorf("%d apart: %d lines; %s", apart, len(lines), stderr.String())
		}
		at := len(lines) - 1
		for !strings.HasPrefix(lines[at], "@@") {
			at--
		}
		size, err := strconv.Atoi(regexp.MustCompile(`\+\d+,(\d+) @@`).FindStringSubmatch(lines[at])[1])
		if err != nil {
			t.Fatal(err)
		}
		if len(lines)-1-at >= size {
			t.Errorf("%d apart: the last hunk is whole", apart)
		}
	}
	var stdout, stderr bytes.Buffer
	long := "reserved: [" + strings.Repeat("10.0.0.2, ", 10_000) + "10.0.0.3]\n"
	if err := printDiff(Streams{Stdout: &stdout, Stderr: &stderr}, color.Painter(false), "a.yml", []byte("a: 1\n"+long), []byte("a: 1\n"+strings.Replace(long, "3]", "4]", 1))); err != nil {
		t.Fatal(err)
	}
	if stdout.Len() > 10_000 || !strings.Contains(stderr.String(), "it cannot be applied, but --fix can") {
		t.Errorf("%d bytes of two long lines; %s", stdout.Len(), stderr.String())
	}
}
