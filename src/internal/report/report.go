// Package report writes what lint found: as text for a person at a terminal,
// and in the formats of the places where people read findings.
//
// Formats is the list of formats; each is one function from a lint.Result to a
// writer and lives in a file of its own. None of them computes an exit code,
// drops a finding or reorders anything: every format tells the same story, and
// lint.Sort has already decided the order. Failures (what could not be read or
// decided) are told in every format, because a report that looks clean must be
// clean.
//
// Two rules hold for all of them. Nothing that comes from a file can steer a
// terminal: visible (visible.go) writes control characters out. And no secret
// is shown: of a line in a vars file only the address itself is (excerpt.go).
//
// Text is laid out in three steps: excerpt (excerpt.go) finds the scalar at a
// place and hides what must not be seen, snippet (snippet.go) turns it into
// terminal columns and cuts it to the width, text.go puts gutter, marks and
// labels around it.
package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/ipguard/ipguard/src/internal/lint"
)

// Options are what a format needs beside the findings. The zero value works.
type Options struct {
	// Color allows colour and bold type; text only.
	Color bool
	// Width is the terminal's width in columns, of which text uses at least
	// 40. With 0 (no terminal) prose is not wrapped and source lines are cut at
	// 160 columns.
	Width int
	// Shown is a text with names as they may be shown, asked before a text is broken
	// into lines; nil: as it is.
	Shown func(text string) string
	// Line returns a line of a file, counting from 1, without its line end;
	// false if it cannot be had. Without it no source lines are shown.
	Line func(file string, line int) (string, bool)
	// Rules describe the rules that ran, in the order of the rule list; SARIF only.
	Rules []RuleInfo
	// Version is the program's version; SARIF only.
	Version string
	// FailOn is the lowest severity that fails the run; JUnit only. The zero
	// value means lint.Error.
	FailOn lint.Severity
	// ShowAddresses adds the predicted addresses to text and JSON.
	ShowAddresses bool
	// Quiet leaves out everything but findings and failures; text only.
	Quiet bool
	// Statistics adds how often each rule found something; text only.
	Statistics bool
}

func (o Options) shown(text string) string {
	if o.Shown == nil {
		return text
	}
	return o.Shown(text)
}

// RuleInfo describes a rule to a program that shows findings.
type RuleInfo struct {
	ID       string
	Title    string        // one line
	Doc      func() string // the rule's page, Markdown
	Severity lint.Severity
}

// Format is one way to write a result.
type Format struct {
	Name        string
	Description string // one line, for the help text
	Write       func(io.Writer, lint.Result, Options) error
}

// Formats lists all formats, the default first.
func Formats() []Format {
	return []Format{
		{"text", "source lines of all sides, the reason and the cure, for people", writeText},
		{"concise", "one line per finding, for editors and grep", writeConcise},
		{"json", "everything, in a versioned shape, for programs", writeJSON},
		{"sarif", "SARIF 2.1.0, for code scanning", writeSARIF},
		{"junit", "JUnit XML, for the test page of a CI system", writeJUnit},
		{"github", "annotations of GitHub Actions", writeGitHub},
		{"gitlab", "code quality report of GitLab CI", writeGitLab},
	}
}

// ParseFormat reads the value of a --format flag: NAME or NAME=FILE. file is
// empty where the format goes to standard output.
func ParseFormat(text string) (format Format, file string, err error) {
	name, file, hasFile := strings.Cut(text, "=")
	if hasFile && file == "" {
		return Format{}, "", fmt.Errorf("format %q names no file after the equals sign", text)
	}
	var names []string
	for _, f := range Formats() {
		if f.Name == name {
			return f, file, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, "", fmt.Errorf("unknown format %q; there are %s", name, strings.Join(names, ", "))
}
