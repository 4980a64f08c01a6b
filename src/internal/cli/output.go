package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ipguard/ipguard/src/internal/atomicfile"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/spelling"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// outputFlags say how findings are told, and which of them fail the run.
type outputFlags struct {
	formats []string
	failOn  string
	color   string
	// addresses adds the predicted addresses (lint only).
	addresses         bool
	quiet, statistics bool
}

func (f *outputFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.formats, "format", []string{"text"}, "FORMAT or FORMAT=FILE: "+formatNames()+"; may be repeated")
	addFailOnFlag(cmd, &f.failOn)
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "print findings and failures alone, nothing when all is well (format text)")
	flags.BoolVar(&f.statistics, "statistics", false, "count the findings of each rule at the end (format text)")
	addColorFlag(cmd, &f.color)
}

func formatNames() string {
	text := ""
	for i, f := range report.Formats() {
		if i > 0 {
			text += ", "
		}
		text += f.Name
	}
	return text
}

// outputs is a judged outputFlags.
type outputs struct {
	formats []output
	failOn  lint.Severity
	color   string
	// addresses tells the predicted addresses as well.
	addresses         bool
	quiet, statistics bool
}

type output struct {
	format report.Format
	file   string
}

func (f *outputFlags) parse() (*outputs, error) {
	o := &outputs{color: f.color, addresses: f.addresses, quiet: f.quiet, statistics: f.statistics}
	var files []string
	for _, text := range f.formats {
		format, file, err := report.ParseFormat(text)
		if err != nil {
			return nil, usage("write --format NAME or --format NAME=FILE", "%s", err)
		}
		o.formats, files = append(o.formats, output{format, file}), append(files, file)
	}
	err := oneToStdout(files)
	if err != nil {
		return nil, err
	}
	if o.failOn, err = parseSeverity(f.failOn); err != nil {
		return nil, err
	}
	return o, checkColor(f.color)
}

// parseSeverity reads --fail-on.
func parseSeverity(name string) (lint.Severity, error) {
	if s, ok := lint.ParseSeverity(name); ok {
		return s, nil
	}
	names := []string{"error", "warning", "info"}
	near, ok := spelling.Nearest(name, names)
	for _, whole := range names {
		if name != "" && strings.HasPrefix(whole, name) {
			near, ok = whole, true
		}
	}
	hint := "write --fail-on error, warning or info"
	if ok {
		hint = "did you mean --fail-on " + near + "?"
	}
	return 0, usage(hint, "--fail-on takes error, warning or info, and got %q", name)
}

func checkColor(color string) error {
	if color != "auto" && color != "always" && color != "never" {
		return usage("write --color auto, always or never", "--color takes auto, always or never, and got %q", color)
	}
	return nil
}

// write tells the result in every format. The error carries the exit code: with
// both findings and failures it is that of findings.
func (o *outputs) write(result lint.Result, files *source.Files, streams Streams) error {
	shown := result
	shown.Findings, shown.Failures = lint.Folded(result.Findings), trouble.Few(result.Failures)
	for _, out := range o.formats {
		if err := o.writeOne(out, shown, files, streams); err != nil {
			return err
		}
	}
	return o.code(result)
}

// code is the exit code of a result as an error, nil for 0.
func (o *outputs) code(result lint.Result) error {
	for _, f := range result.Findings {
		if f.Severity >= o.failOn {
			return exitCode(ExitFindings)
		}
	}
	if len(result.Failures) > 0 {
		return exitCode(ExitIncomplete)
	}
	return nil
}

func (o *outputs) writeOne(out output, result lint.Result, files *source.Files, streams Streams) error {
	options := report.Options{Line: files.Line, Version: versionText(), FailOn: o.failOn, Rules: ruleInfos(), ShowAddresses: o.addresses, Quiet: o.quiet, Statistics: o.statistics}
	return writeReport(out.format.Name, out.file, o.color, streams, options, func(w io.Writer, options report.Options) error {
		return out.format.Write(w, result, options)
	})
}

// oneToStdout refuses reports of which more than one has no file.
func oneToStdout(files []string) error {
	toStdout := func(file string) bool { return file == "" }
	if i := slices.IndexFunc(files, toStdout); i >= 0 && slices.ContainsFunc(files[i+1:], toStdout) {
		return usage("give all but one of them a file: --format NAME=FILE", "two formats cannot both go to standard output")
	}
	for i, file := range files {
		if slices.ContainsFunc(files[i+1:], func(other string) bool { return filepath.Clean(other) == filepath.Clean(file) }) {
			return usage("give each a file of its own", "two formats cannot both go to %s", file)
		}
	}
	return nil
}

// writeOutput writes what a command makes to a file that it did not read: a manifest
// behind --format text= would be lost. what names the output.
func writeOutput(what, file string, text []byte, streams Streams) error {
	if streams.names.Opened(file) {
		return usage("name another file for what is written", "%s was read, and would be overwritten", file)
	}
	if err := atomicfile.Write(file, atomicfile.Shared, text); err != nil {
		return incomplete("", "cannot write the %s %s: %s", what, file, err)
	}
	return nil
}

// writeReport writes a report in the format of that name to a file, or without one
// to standard output, in colour as a --color flag wants it.
func writeReport(format, file, color string, streams Streams, options report.Options, write func(io.Writer, report.Options) error) error {
	options.Shown = streams.shown
	if file == "" {
		options.Color, options.Width = terminal(color, streams)
		if err := write(streams.Stdout, options); err != nil {
			return incomplete("", "cannot write to standard output: %s", err)
		}
		return nil
	}
	var text bytes.Buffer
	if err := write(&text, options); err != nil {
		return incomplete("", "cannot write the %s report %s: %s", format, file, err)
	}
	return writeOutput(format+" report", file, streams.names.Shown(text.Bytes()), streams)
}

// terminal says whether standard output takes colour, as a --color flag wants
// it, and how wide it is; 0 for no terminal.
func terminal(wanted string, streams Streams) (color bool, width int) {
	fd, isTerminal := terminalOf(streams.Stdout)
	if isTerminal {
		width, _, _ = term.GetSize(fd)
	}
	if columns, ok := streams.env("COLUMNS"); ok {
		if n, err := strconv.Atoi(columns); err == nil && n > 0 {
			width = n
		}
	}
	noColor, _ := streams.env("NO_COLOR")
	termName, _ := streams.env("TERM")
	switch wanted {
	case "always":
		color = true
	case "auto":
		color = isTerminal && noColor == "" && termName != "dumb"
	}
	return color, width
}

func terminalOf(w io.Writer) (fd int, ok bool) {
	if s, ok := w.(shown); ok {
		w = s.to
	}
	file, isFile := w.(*os.File)
	if !isFile {
		return 0, false
	}
	return int(file.Fd()), isatty.IsTerminal(file.Fd())
}

func ruleInfos() []report.RuleInfo {
	var list []report.RuleInfo
	for _, r := range lint.Rules() {
		list = append(list, report.RuleInfo{ID: r.ID, Title: r.Title, Doc: r.Doc, Severity: r.Severity})
	}
	return list
}

// printTo writes a command's own text and turns a failed write into an error.
func printTo(w io.Writer, format string, args ...any) error {
	if _, err := fmt.Fprintf(w, format, args...); err != nil {
		return incomplete("", "cannot write to standard output: %s", err)
	}
	return nil
}
