package bosh

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// Stage is a part of a director's work; it stops at the first error of the
// first stage that has one.
type Stage uint8

// The stages, in their order; those that only this package reports to have no
// exported name.
const (
	StageUploadCloudConfig Stage = iota + 1
	StageUploadManifest
	stageMerge
	stageForm
	stageCloudConfig
	StageManifest
	StagePlacement
	StageReservation
	StageSettings
	stageWarnings // what no director says
)

// Order is where in its work a director would meet a Problem. Problems of one
// order keep the order in which they were reported.
type Order struct {
	Stage Stage
	Group int   // of a manifest, from 0
	Step  uint8 // of reading a group
	Entry int   // of the group's networks
	Part  uint8 // of reading that entry
}

// Refusal reports whether the director refuses what has the problem.
func (p Problem) Refusal() bool { return !p.Warning && !p.Info }

// Stage is the stage in which the director would meet the problem.
func (p Problem) Stage() Stage { return p.order.Stage }

func (o Order) compare(p Order) int {
	return cmp.Or(cmp.Compare(o.Stage, p.Stage), cmp.Compare(o.Group, p.Group), cmp.Compare(o.Step, p.Step),
		cmp.Compare(o.Entry, p.Entry), cmp.Compare(o.Part, p.Part))
}

// Sort brings the problems of ReadCloudConfigs, ReadManifest and deploy.Check, for
// one director and one manifest, into the director's order: the first that is no
// warning is the one that it would stop at.
func Sort(problems []Problem) {
	SortBy(problems, func(p Problem) Problem { return p })
}

// SortBy is Sort for values that hold a problem.
func SortBy[T any](list []T, problemOf func(T) Problem) {
	slices.SortStableFunc(list, func(x, y T) int {
		a, b := problemOf(x), problemOf(y)
		if a.Refusal() != b.Refusal() {
			if b.Refusal() {
				return 1
			}
			return -1
		}
		return a.order.compare(b.order)
	})
}

// Report collects what is found. Whoever adds to it sets At to where a director
// would be by then.
type Report struct {
	Opts       Options
	At         Order // of what is read now
	Problems   []Problem
	unresolved []Unresolved
	// templates are values that are none yet.
	templates []Gap
}

// Add reports a problem and returns it for details.
func (r *Report) Add(rule, class string, at place.Place, format string, args ...any) *Problem {
	r.Problems = append(r.Problems, Problem{Rule: rule, Class: class, Message: fmt.Sprintf(format, args...), At: at, order: r.At})
	return &r.Problems[len(r.Problems)-1]
}

// Warn reports what the director accepts and yet is wrong.
func (r *Report) Warn(rule string, at place.Place, format string, args ...any) *Problem {
	p := r.Add(rule, "", at, format, args...)
	p.Warning, p.order = true, Order{Stage: stageWarnings}
	return p
}

// Inform tells what the director accepts and may be meant.
func (r *Report) Inform(rule string, at place.Place, format string, args ...any) *Problem {
	p := r.Warn(rule, at, format, args...)
	p.Warning, p.Info = false, true
	return p
}

// WithCure says what to write instead.
func (p *Problem) WithCure(format string, args ...any) *Problem {
	p.Cure = fmt.Sprintf(format, args...)
	return p
}

// About says which addresses are at stake.
func (p *Problem) About(a ipaddr.Addr) *Problem {
	p.Range = a.Addresses()
	return p
}

// hidden reports whether v is, or holds, a variable; what says what it hides.
// Where a config server will fill it in the value is Unresolved, else the
// director stops.
func (r *Report) hidden(v source.Value, format string, args ...any) bool {
	if tool := TemplateIn(v.Text()); tool != "" {
		r.templates = append(r.templates, Gap{What: fmt.Sprintf(format, args...), At: v.Place(), Template: tool})
		return true
	}
	name, ok := VariableIn(v.Text())
	if !ok {
		return false
	}
	what := fmt.Sprintf(format, args...)
	if r.Opts.NoConfigServer {
		r.Add(RuleVariable, "ConfigServerDisabledError", v.Place(),
			"the variable ((%s)) hides %s and the director has no config server to ask", name, what).
			WithCure("give the variable when interpolating: -v %s=VALUE", name)
		return true
	}
	if v.IsOpenKey() {
		r.hiddenKey(v, name)
		return true
	}
	r.unresolved = append(r.unresolved, Unresolved{Variable: name, What: what, At: v.Place()})
	return true
}

// hiddenKey notes once that a key hides, whatever it may be.
func (r *Report) hiddenKey(v source.Value, variable string) {
	at := v.Place()
	if !slices.ContainsFunc(r.unresolved, func(u Unresolved) bool { return u.At == at }) {
		r.unresolved = append(r.unresolved, Unresolved{Variable: variable, What: "a key", At: at})
	}
}
