package ignore

import (
	"slices"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
)

// findings are what is wrong with the exceptions.
func (j *judge) findings(seen Seen) []lint.Finding {
	var list []lint.Finding
	for i := range j.exceptions.Directives {
		d := &j.exceptions.Directives[i]
		if seen == Part && !j.met[i] {
			continue
		}
		p := j.problemOf(d)
		if p == nil && !j.over(d.Until) {
			p = j.placeProblem(i)
		}
		if p != nil {
			list = append(list, invalid(p, d.At))
			continue
		}
		list = append(list, j.stateOf("this comment", d.Until, d.At, j.unused(i, d), seen)...)
	}
	for i := range j.exceptions.Allowances {
		a := &j.exceptions.Allowances[i]
		if seen == Part && !j.usedAllow[i] {
			continue
		}
		if p := j.problemOfRule(a.Rule); p != nil {
			list = append(list, invalid(p, a.At))
			continue
		}
		var unused []string
		if !j.usedAllow[i] {
			unused = []string{a.Rule}
		}
		list = append(list, j.stateOf("this entry of allow", a.Until, a.At, unused, seen)...)
	}
	return list
}

// unused are the rules of a directive that found nothing on its line.
func (j *judge) unused(i int, d *Directive) []string {
	return slices.DeleteFunc(slices.Clone(d.Rules), func(rule string) bool { return j.usedRule[i][rule] })
}

// stateOf tells of an exception that is over or of no use.
func (j *judge) stateOf(what string, until time.Time, at place.Place, unused []string, seen Seen) []lint.Finding {
	switch {
	case j.over(until):
		return []lint.Finding{{
			Rule: lint.ExpiredExceptionID, Severity: lint.Warning, Message: what + " held until " + until.Format(time.DateOnly) + " (UTC), and that day is over",
			Why:        "what it accepted is reported again, if it is still there",
			Suggestion: "cure what it is about and remove it, or give it another day and a reason that still holds", Claims: []lint.Party{{At: at}},
		}}
	case seen == All && len(unused) > 0:
		return []lint.Finding{{
			Rule: lint.UnusedExceptionID, Severity: lint.Warning, Message: what + " accepts nothing: no finding of " + strings.Join(unused, ", ") + " is what it is about",
			Why:        "it would accept a finding that nobody has seen yet",
			Suggestion: "remove it", Claims: []lint.Party{{At: at}},
		}}
	}
	return nil
}

func invalid(p *problem, at place.Place) lint.Finding {
	return lint.Finding{
		Rule: lint.InvalidExceptionID, Severity: lint.Error, Message: p.text,
		Why: "it accepts nothing as it is", Suggestion: p.suggestion, Claims: []lint.Party{{At: at}},
	}
}
