package lint

import (
	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// directorRules report what a director, or the CLI for create-env, says about
// its own files: the problems that the readers found.
func directorRules() []Rule {
	var rules []Rule
	for _, p := range directorPages {
		rules = append(rules, Rule{
			ID: p.id, Severity: Error, Family: FamilyDirector, Title: p.title, Doc: p.doc,
			Run: func(f *Facts, report func(Finding)) { reportProblems(f, p.id, report) },
		})
	}
	return rules
}

// directorPage documents one kind of problem.
type directorPage struct{ id, title, doc string }

// reportProblems reports the problems of one rule.
func reportProblems(f *Facts, id string, report func(Finding)) {
	for i := range f.Problems {
		p := &f.Problems[i]
		if p.Rule != id || toldAsOverlap(p) {
			continue
		}
		finding := Finding{
			Message: p.Message, Range: p.Range, DirectorError: p.Class, Suggestion: p.Cure, Order: p.Order,
			Claims: []Party{{Owner: ownerOf(p.Director, p.Deployment), Range: p.Range, At: p.At}},
		}
		if p.Warning {
			finding.Severity = Warning
		}
		report(finding)
	}
}

// alreadyInUse is the director's answer to an address that another instance has.
const alreadyInUse = "NetworkReservationAlreadyInUse"

// toldAsOverlap reports whether a fleet rule says the same with both places.
func toldAsOverlap(p *Problem) bool {
	return p.Rule == bosh.RuleStaticIPTwice && p.Class == alreadyInUse
}

// refusals maps the places at which a director refuses an address that is in
// use to where in its work it does.
func (f *Facts) refusals() map[place.Place]int {
	orders := map[place.Place]int{}
	for i := range f.Problems {
		if p := &f.Problems[i]; toldAsOverlap(p) {
			orders[p.At] = p.Order
		}
	}
	return orders
}

func ownerOf(director, deployment string) plan.Owner {
	return plan.Owner{Director: director, Deployment: deployment}
}
