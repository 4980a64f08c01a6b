package bosh

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// stage is a part of a director's work; it stops at the first error of the
// first stage that has one.
type stage uint8

const (
	stageUploadCloudConfig stage = iota + 1
	stageUploadManifest
	stageMerge
	stageForm
	stageCloudConfig
	stageManifest
	stagePlacement
	stageReservation
	stageSettings
	stageWarnings // what no director says
)

// order is where in its work a director would meet a Problem. Problems of one
// order keep the order in which they were reported.
type order struct {
	stage stage
	group int   // of a manifest, from 0
	step  uint8 // of reading a group
	entry int   // of the group's networks
	part  uint8 // of reading that entry
}

func (o order) compare(p order) int {
	return cmp.Or(cmp.Compare(o.stage, p.stage), cmp.Compare(o.group, p.group), cmp.Compare(o.step, p.step),
		cmp.Compare(o.entry, p.entry), cmp.Compare(o.part, p.part))
}

// Sort brings the problems of ReadCloudConfigs, ReadManifest and Check, for one
// director and one manifest, into the director's order: the first that is no
// warning is the one that it would stop at.
func Sort(problems []Problem) {
	SortBy(problems, func(p Problem) Problem { return p })
}

// SortBy is Sort for values that hold a problem.
func SortBy[T any](list []T, problemOf func(T) Problem) {
	slices.SortStableFunc(list, func(x, y T) int {
		a, b := problemOf(x), problemOf(y)
		if a.Warning != b.Warning {
			if a.Warning {
				return 1
			}
			return -1
		}
		return a.order.compare(b.order)
	})
}

// report collects what is found.
type report struct {
	opts       Options
	at         order // of what is read now
	problems   []Problem
	unresolved []Unresolved
}

// add reports a problem and returns it for details.
func (r *report) add(rule, class string, at place.Place, format string, args ...any) *Problem {
	r.problems = append(r.problems, Problem{Rule: rule, Class: class, Message: fmt.Sprintf(format, args...), At: at, order: r.at})
	return &r.problems[len(r.problems)-1]
}

// warn reports what the director accepts and yet is wrong.
func (r *report) warn(rule string, at place.Place, format string, args ...any) *Problem {
	p := r.add(rule, "", at, format, args...)
	p.Warning, p.order = true, order{stage: stageWarnings}
	return p
}

// counted writes a number with its word: "1 instance", "2 instances".
func counted(n int, word, plural string) string {
	if n != 1 {
		word += plural
	}
	return strconv.Itoa(n) + " " + word
}

func (p *Problem) cure(format string, args ...any) *Problem {
	p.Cure = fmt.Sprintf(format, args...)
	return p
}

func (p *Problem) about(a ipaddr) *Problem {
	p.Range = a.addresses()
	return p
}

// hidden reports whether v is, or holds, a variable; what says what it hides.
// Where a config server will fill it in the value is Unresolved, else the
// director stops.
func (r *report) hidden(v source.Value, format string, args ...any) bool {
	name, ok := variableIn(v.Text())
	if !ok {
		return false
	}
	what := fmt.Sprintf(format, args...)
	if r.opts.NoConfigServer {
		r.add(RuleVariable, "ConfigServerDisabledError", v.Place(),
			"the variable ((%s)) hides %s and the director has no config server to ask", name, what).
			cure("give the variable when interpolating: -v %s=VALUE", name)
		return true
	}
	r.unresolved = append(r.unresolved, Unresolved{Variable: name, What: what, At: v.Place()})
	return true
}
