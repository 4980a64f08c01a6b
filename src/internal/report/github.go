package report

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
)

// gitHubLimit is how many annotations of each level GitHub shows for one step
// (github.com/actions/toolkit, docs/problem-matchers.md, "Limitations").
const gitHubLimit = 10

// writeGitHub writes workflow commands that become annotations at the lines of
// a pull request. GitHub resolves files against the root of the repository, so
// ipguard has to run there. Where there are more annotations than GitHub shows,
// the first one says so: the log of the step has them all.
func writeGitHub(w io.Writer, result lint.Result, o Options) error {
	var out bytes.Buffer
	counts := map[string]int{}
	for _, f := range result.Findings {
		level := gitHubLevel(f.Severity)
		counts[level]++
		main, others, _ := mainParty(f)
		gitHubCommand(&out, level, main.At, "ipguard: "+f.Rule, o.shown(gitHubMessage(f, others)))
	}
	for _, f := range result.Failures {
		counts["error"]++
		message := f.Message
		if f.Hint != "" {
			message += "\nhint: " + f.Hint
		}
		gitHubCommand(&out, "error", f.At, "ipguard: failure", o.shown(message))
	}
	var head bytes.Buffer
	if most := max(counts["error"], counts["warning"], counts["notice"]); most > gitHubLimit {
		total := len(result.Findings) + len(result.Failures)
		gitHubCommand(&head, "notice", place.Place{}, "ipguard",
			fmt.Sprintf("GitHub shows at most %d annotations of each level for a step; the log of this step has all %d", gitHubLimit, total))
	}
	_, err := io.Copy(w, io.MultiReader(&head, &out))
	return err
}

func gitHubLevel(s lint.Severity) string {
	switch s {
	case lint.Error:
		return "error"
	case lint.Warning:
		return "warning"
	}
	return "notice"
}

func gitHubMessage(f lint.Finding, others []lint.Party) string {
	all := []string{f.Told()}
	for _, p := range others {
		if at := position(p.At); at != "" {
			all = append(all, strings.TrimSuffix("also "+at+": "+label(p), ": "))
		}
	}
	for _, n := range notes(f) {
		all = append(all, n.name+": "+n.text)
	}
	return strings.Join(all, "\n")
}

// gitHubCommand writes one workflow command:
//
//	::error file=…,line=…,col=…,title=…::message
//
// A place that is no file has its position in the message instead.
func gitHubCommand(out *bytes.Buffer, level string, at place.Place, title, message string) {
	var properties []string
	if inFile(at) {
		properties = append(properties, "file="+gitHubProperty(at.File), "line="+strconv.Itoa(at.Line))
		if at.Column > 0 {
			properties = append(properties, "col="+strconv.Itoa(at.Column))
		}
	} else {
		message = located(position(at), message)
	}
	properties = append(properties, "title="+gitHubProperty(title))
	fmt.Fprintf(out, "::%s %s::%s\n", level, strings.Join(properties, ","), gitHubDataEscapes.Replace(strings.Join(lines(message), "\n")))
}

// The escapes of workflow commands (github.com/actions/toolkit,
// packages/core/src/command.ts, escapeData and escapeProperty).
var (
	gitHubDataEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	gitHubPropertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func gitHubProperty(s string) string { return gitHubPropertyEscapes.Replace(legible.Text(s)) }
