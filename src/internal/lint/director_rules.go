package lint

import (
	"net/netip"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// directorRules report what a director, or the CLI for create-env, says about
// its own files: the problems that the readers found.
func directorRules() []Rule {
	var rules []Rule
	for _, p := range directorPages {
		rules = append(rules, Rule{
			ID: p.id, Severity: p.severity, Family: FamilyDirector, Title: p.title, Doc: page(p.id),
			Run: func(f *Facts, report func(Finding)) { reportProblems(f, p.id, report) },
		})
	}
	return rules
}

// directorPage documents one kind of problem.
type directorPage struct {
	id, title string
	severity  Severity // of most of its problems
}

// reportProblems reports the problems of one rule.
func reportProblems(f *Facts, id string, report func(Finding)) {
	others := others{facts: f, proposed: map[netip.Addr]bool{}}
	for i := range f.Problems {
		if p := &f.Problems[i]; p.Rule == id {
			finding := problemFinding(p)
			if p.Instead != nil {
				finding.Suggestion = others.cure(p)
			}
			report(finding)
		}
	}
}

func problemFinding(p *Problem) Finding {
	finding := Finding{
		Severity: Error, Message: p.Message, Range: p.Range, DirectorError: p.Class, Suggestion: p.Cure, Order: p.Order,
		Claims: []Party{{Owner: ownerOf(p.Director, p.Deployment), Range: p.Range, At: p.At}},
	}
	switch {
	case p.Warning:
		finding.Severity = Warning
	case p.Info:
		finding.Severity = Info
	}
	return finding
}

func ownerOf(director, deployment string) plan.Owner {
	return plan.Owner{Director: director, Deployment: deployment}
}
