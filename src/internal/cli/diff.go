package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/ipguard/ipguard/src/internal/color"
	"github.com/ipguard/ipguard/src/internal/report"
)

// printDiff prints the change of a file to standard output, in a form that patch -p1
// and git apply take, unless it says that something is hidden in it.
func printDiff(streams Streams, painter color.Painter, path string, old, now []byte) error {
	before, after := "a/"+filepath.ToSlash(path), "b/"+filepath.ToSlash(path)
	if filepath.IsAbs(path) || strings.HasPrefix(path, "..") {
		before, after = path, path
	}
	text, cut := report.ShownDiff(string(diff.Diff(before, old, after, now)))
	for line := range strings.Lines(text) {
		body := strings.TrimRight(line, "\r\n")
		if err := printTo(streams.Stdout, "%s%s", painted(painter, body), line[len(body):]); err != nil {
			return err
		}
	}
	if cut {
		fmt.Fprintf(streams.Stderr, "ipguard: the diff of %s hides what stands beside the change; it cannot be applied, but --fix can\n", path)
	}
	return nil
}

// painted colours a line of a diff.
func painted(painter color.Painter, line string) string {
	style := ""
	switch {
	case line == "":
	case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"), strings.HasPrefix(line, "diff "):
		style = "1"
	case line[0] == '+':
		style = "32"
	case line[0] == '-':
		style = "31"
	case line[0] == '@':
		style = "36"
	}
	return painter.Paint(style, line)
}
