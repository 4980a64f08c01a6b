// Package ignore accepts findings for a while, and takes care that nobody forgets
// it: what is accepted has a reason and a last day, and an exception that is
// wrong, over or of no use is a finding itself.
//
// There are two kinds of exceptions. A comment on the line that a finding points
// to (Directive, found by Scan in the text of the file) accepts what one side can
// settle: what is wrong with its own files, or its own address on that line. On the
// line of a range it would accept whatever others do there, now and later; and with
// more than one other owner it has to say whom it means. An entry of allow in the fleet file (Allowance) names the addresses and
// everybody who has part in the finding; an address in use by two is accepted by
// such an entry only.
package ignore

import (
	"maps"
	"slices"
	"strings"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/seal"
	"github.com/ipguard/ipguard/src/internal/spelling"
)

// Allowance is an entry of allow in the fleet file. It accepts the findings of
// its rule whose addresses are all in Ranges and in which exactly Owners have
// part. A finding of two addresses, as of two virtual routers, has either.
type Allowance struct {
	Rule   string
	Ranges []netipx.IPRange
	// Owners are DIRECTOR, DIRECTOR/DEPLOYMENT, or owners of external addresses.
	Owners []string
	// Until is the last day, at midnight UTC.
	Until time.Time
	At    place.Place
}

// Exceptions are all of a run.
type Exceptions struct {
	Directives []Directive
	Allowances []Allowance
}

// Seen says how much of the fleet a run looked at.
type Seen uint8

// How much: some deploys, of which the exceptions on the lines of their findings
// matter and no others; all of it but for what could not be read; or all of it,
// when an exception that no finding needs is of no use.
const (
	Part Seen = iota + 1
	AllThatCouldBeRead
	All
)

// Judge holds findings against the exceptions. It returns those that are not
// accepted, together with what is wrong with the exceptions, and how many are
// accepted. today is the day, at midnight UTC.
func Judge(findings []lint.Finding, e Exceptions, today time.Time, seen Seen) (kept []lint.Finding, accepted int) {
	j := newJudge(e, today)
	for _, f := range findings {
		j.noteOthers(&f)
	}
	for _, f := range findings {
		if j.accepts(&f) {
			accepted++
			continue
		}
		j.showAllow(&f)
		kept = append(kept, f)
	}
	return lint.Sort(append(kept, j.findings(seen)...)), accepted
}

// Accepting returns a function that says whether an exception in force covers a
// finding. It remembers nothing: what it accepts must be handed to Judge.
func Accepting(e Exceptions, today time.Time) func(*lint.Finding) bool {
	return newJudge(e, today).accepts
}

// judge remembers which exceptions were of use.
type judge struct {
	exceptions Exceptions
	today      time.Time
	rules      map[string]lint.Exception
	byLine     map[line][]int // indexes of directives
	// usedRule holds, for each directive, those of its rules that were found; met
	// says that anything was found on its line that nothing else accepts.
	usedRule  []map[string]bool
	met       []bool
	usedAllow []bool
	// misplaced holds, for each directive, the findings that only allow could accept
	// in the place of its comment; others the other owners at its line, by rule.
	misplaced [][]lint.Finding
	others    []map[string]map[string]bool
}

type line struct {
	file string
	line int
}

func newJudge(e Exceptions, today time.Time) *judge {
	j := &judge{
		exceptions: e, today: today, rules: map[string]lint.Exception{}, byLine: map[line][]int{},
		usedRule: make([]map[string]bool, len(e.Directives)), met: make([]bool, len(e.Directives)), usedAllow: make([]bool, len(e.Allowances)),
		misplaced: make([][]lint.Finding, len(e.Directives)), others: make([]map[string]map[string]bool, len(e.Directives)),
	}
	for _, r := range lint.Rules() {
		j.rules[r.ID] = r.Exception
	}
	for i, d := range e.Directives {
		at := line{d.At.File, d.At.Line}
		j.byLine[at] = append(j.byLine[at], i)
		j.usedRule[i], j.others[i] = map[string]bool{}, map[string]map[string]bool{}
	}
	return j
}

// accepts reports whether an exception that is in force covers the finding, and
// marks every one that covers it.
func (j *judge) accepts(f *lint.Finding) bool {
	accepted := false
	var met, misplaced []int
	for _, party := range f.Claims {
		for _, i := range j.byLine[line{party.At.File, party.At.Line}] {
			d := &j.exceptions.Directives[i]
			met = append(met, i)
			if !slices.Contains(d.Rules, f.Rule) || !d.means(f, party) {
				continue
			}
			if d.Problem == "" && !j.over(d.Until) && (j.rules[f.Rule] == lint.InFleetFile || !mayAccept(f, party)) {
				misplaced = append(misplaced, i)
				continue
			}
			j.usedRule[i][f.Rule] = true
			switch {
			case d.Problem != "" || j.over(d.Until):
			case j.problemOf(d) == nil && !j.isAmbiguous(i, f.Rule):
				j.met[i], accepted = true, true
			}
		}
	}
	for i := range j.exceptions.Allowances {
		if a := &j.exceptions.Allowances[i]; a.covers(f) {
			j.usedAllow[i] = true
			accepted = accepted || j.problemOfRule(a.Rule) == nil && !j.over(a.Until)
		}
	}
	if !accepted {
		for _, i := range met {
			j.met[i] = true
		}
		for _, i := range misplaced {
			j.misplaced[i] = append(j.misplaced[i], *f)
		}
	}
	return accepted
}

func (j *judge) over(until time.Time) bool { return until.Before(j.today) }

// problemOf says why a directive accepts nothing; nil if it does.
func (j *judge) problemOf(d *Directive) *problem {
	if d.Problem != "" {
		return &problem{d.Problem, "write " + form + "; ipguard rules lists the rules"}
	}
	for _, rule := range d.Rules {
		if p := j.problemOfRule(rule); p != nil {
			return p
		}
		if j.rules[rule] == lint.InFleetFile {
			return &problem{"findings of " + rule + " cannot be accepted by a comment: they are a matter of both sides", "accept it by allow in the fleet file; ipguard explain " + rule + " shows how"}
		}
	}
	return nil
}

// problem is what is wrong with an exception, and what to do.
type problem struct{ text, suggestion string }

func (j *judge) problemOfRule(rule string) *problem {
	exception, known := j.rules[rule]
	switch {
	case known && exception == lint.Never:
		return &problem{"findings of " + rule + " cannot be accepted", "cure them"}
	case known:
		return nil
	}
	if near, ok := spelling.Nearest(rule, slices.Sorted(maps.Keys(j.rules))); ok {
		return &problem{"there is no rule " + rule, "did you mean " + near + "?"}
	}
	return &problem{"there is no rule " + rule, "ipguard rules lists them"}
}

// covers reports whether the finding is what the allowance is about.
func (a *Allowance) covers(f *lint.Finding) bool {
	if a.Rule != f.Rule || !f.Range.IsValid() || len(f.Claims) == 0 {
		return false
	}
	either := func(party lint.Party) bool { return f.Rule == lint.SameRouterID && a.has(party.Range) }
	if !a.has(f.Range) && !slices.ContainsFunc(f.Claims, either) {
		return false
	}
	if f.Rule == lint.HiddenAddressID { // what hides is one side's, whatever it could meet
		return slices.ContainsFunc(a.Owners, func(owner string) bool { return names(owner, f.Claims[0]) })
	}
	for _, party := range f.Claims {
		if !slices.ContainsFunc(a.Owners, func(owner string) bool { return names(owner, party) }) {
			return false
		}
	}
	for _, owner := range a.Owners {
		if !slices.ContainsFunc(f.Claims, func(party lint.Party) bool { return names(owner, party) }) {
			return false
		}
	}
	return true
}

// has reports whether all addresses of a range are the allowance's.
func (a *Allowance) has(r netipx.IPRange) bool {
	if !r.IsValid() || !slices.ContainsFunc(a.Ranges, r.Overlaps) {
		return false
	}
	var ranges netipx.IPSetBuilder
	for _, own := range a.Ranges {
		ranges.AddRange(own)
	}
	set, err := ranges.IPSet()
	return err == nil && set.ContainsRange(r)
}

// names reports whether an owner's name in the fleet file means a party.
func names(owner string, party lint.Party) bool {
	if party.Kind == plan.External {
		return owner == party.Owner.Property
	}
	director, deployment, narrowed := strings.Cut(owner, "/")
	if party.Kind == plan.Booked {
		n := plan.ReadOwnerName(party.Owner.Property)
		return owner == party.Owner.Property || strings.HasPrefix(party.Owner.Property, owner+"/") || n.Director == director && n.Deployment == deployment && narrowed
	}
	return director == party.Owner.Director && (!narrowed || seal.Same(deployment, party.Owner.Deployment))
}
