package report

import (
	"cmp"
	"io"
	"path/filepath"

	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
)

// The shape of GitLab's code quality report (docs.gitlab.com, "Code Quality",
// "Code Quality report format").
type (
	gitLabIssue struct {
		Description string         `json:"description"`
		CheckName   string         `json:"check_name"`
		Fingerprint string         `json:"fingerprint"`
		Severity    string         `json:"severity"`
		Location    gitLabLocation `json:"location"`
	}
	gitLabLocation struct {
		Path  string      `json:"path"`
		Lines gitLabLines `json:"lines"`
	}
	gitLabLines struct {
		Begin int `json:"begin"`
	}
)

// writeGitLab writes all findings, and all failures as issues of the highest
// severity. GitLab wants a path and a line for each; what has none is put at
// line 1 of the folder that was linted.
func writeGitLab(w io.Writer, result lint.Result, options Options) error {
	issues := []gitLabIssue{}
	findings, failures := fingerprints(result, options)
	for i, f := range result.Findings {
		main, others, _ := mainParty(f)
		issues = append(issues, gitLabIssue{
			Description: legible.Text(f.Told()) + alsoAt(others), CheckName: legible.Text(f.Rule), Fingerprint: findings[i],
			Severity: gitLabSeverity(f.Severity), Location: newGitLabLocation(main.At),
		})
	}
	for i, f := range result.Failures {
		issues = append(issues, gitLabIssue{
			Description: legible.Text(f.Message), CheckName: "failure", Fingerprint: failures[i],
			Severity: "blocker", Location: newGitLabLocation(f.At),
		})
	}
	return encodeJSON(w, issues)
}

func newGitLabLocation(p place.Place) gitLabLocation {
	return gitLabLocation{filepath.ToSlash(cmp.Or(legible.Text(p.File), ".")), gitLabLines{max(p.Line, 1)}}
}

func gitLabSeverity(s lint.Severity) string {
	switch s {
	case lint.Error:
		return "critical"
	case lint.Warning:
		return "minor"
	}
	return "info"
}
