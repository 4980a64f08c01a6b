package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/ipguard/ipguard/src/internal/color"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/report"
)

// mostDiffLines is how many lines of the diff of one file are printed.
const mostDiffLines = 5000

// printDiff prints the change of a file to standard output, in a form that patch -p1
// and git apply take, unless it says that something is hidden in it.
func printDiff(streams Streams, painter color.Painter, path string, old, now []byte) error {
	before, after := "a/"+filepath.ToSlash(path), "b/"+filepath.ToSlash(path)
	if filepath.IsAbs(path) || strings.HasPrefix(path, "..") {
		before, after = path, path
	}
	text, cut := report.ShownDiff(string(diff.Diff(before, old, after, now)))
	lines := slices.Collect(strings.Lines(text))
	shown := lines
	if len(lines) > mostDiffLines {
		shown = lines[:mostDiffLines]
		for len(shown) > 0 && strings.HasPrefix(lines[len(shown)], "@@") {
			shown = shown[:len(shown)-1] // it must end within a hunk: else a part of it could be applied
		}
	}
	for _, line := range shown {
		body := strings.TrimRight(line, "\r\n")
		if err := printTo(streams.Stdout, "%s%s", painted(painter, body), line[len(body):]); err != nil {
			return err
		}
	}
	if rest := len(lines) - len(shown); rest > 0 {
		fmt.Fprintf(streams.Stderr, "ipguard: the diff of %s has %s, and cannot be applied, but --fix can; name a network or a CIDR to see less\n", path, plural.Of(rest, "more line"))
	} else if cut {
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
