// Package lint turns an address plan into findings.
//
// A rule is a documented value in one visible list (rules.go); it sees facts
// (package plan, and the problems of package bosh), never YAML, and reports
// findings. Findings are not errors: what could not be read or decided is a
// Failure, and the two travel side by side.
package lint

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Severity says how bad a finding is.
type Severity uint8

// The severities, in rising order.
const (
	Info Severity = iota + 1
	Warning
	Error
)

// String is the severity's name on the command line, in text and JSON.
func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Warning:
		return "warning"
	case Error:
		return "error"
	}
	return "unknown"
}

// Finding is one thing that is wrong, with everybody who has part in it.
type Finding struct {
	Rule     string // the rule's id
	Severity Severity
	// Message says what is wrong, naming both owners; lower case, no full stop.
	Message string
	// Range is what is at stake; invalid where no address is.
	Range netipx.IPRange
	// Segment names the broadcast domain, or says that it is assumed.
	Segment string
	// DirectorError is the error class that a director would answer with.
	DirectorError string
	// Order is where, among the refusals of its director, a director would meet
	// this one, from 1; 0 for what is no refusal of a director.
	Order int
	// Claims are the rivals, the one to change first. A finding about one
	// value has one claim, with its place.
	Claims []Party
	// Whose names the owner of the first claim where another finding says the same of another
	// owner, of a file that both read; empty for most.
	Whose string
	// More is what the finding stands for beside itself; nil for nothing (Folded).
	More *More
	// Why says what goes wrong if nobody acts; one sentence, may be empty.
	Why string
	// Suggestion says what to do: words and lines that can be copied. It may
	// have several lines.
	Suggestion string
	// advise makes the Suggestion of one of many findings, when it is shown; nil where
	// that is made.
	advise func() string
}

// Advised is the finding with its suggestion made.
func (f Finding) Advised() Finding {
	if f.advise != nil {
		f.Suggestion, f.advise = f.advise(), nil
	}
	return f
}

// Party is one side of a finding.
type Party struct {
	Owner plan.Owner
	// Kind is the claim's kind; zero where the party is no claim.
	Kind  plan.Kind
	Range netipx.IPRange
	At    place.Place
	// Note labels the source line: "here", "may be handed out by promo".
	Note string
	// Claim is the claim itself; nil where the party is none.
	Claim *plan.Claim
}

// Name is whose the party's side is: a director, DIRECTOR/DEPLOYMENT, or somebody outside
// of all directors; empty where it is nobody's.
func (p *Party) Name() string {
	if p.Kind == plan.External || p.Kind == plan.Booked {
		return p.Owner.Property
	}
	return strings.TrimSuffix(p.Owner.Director+"/"+p.Owner.Deployment, "/")
}

// Result is everything that a run of lint has to say.
type Result struct {
	Findings []Finding
	Failures []trouble.Trouble
	Summary  Summary
	// Addresses are the predicted addresses of the linted deploy (--show-addresses).
	Addresses []Address
	// Stale is the server that does not answer, of which something is used that it said
	// before; nil where there is none.
	Stale *Stale
	// Elsewhere is what a server tells of others, and what is wrong between these alone; nil
	// without a server.
	Elsewhere *Elsewhere
}

// Elsewhere is what lies between others alone: it is told, and decides nothing.
type Elsewhere struct {
	// URL is the server's.
	URL    string
	Errors int
}

// Stale is since when something is used that a server said, and why.
type Stale struct {
	URL   string
	Since time.Time
	Why   string
}

// Summary counts. Errors, Warnings and Infos count findings; Accepted counts
// those that an exception or a baseline took out.
type Summary struct {
	Errors, Warnings, Infos        int
	Directors, Deployments, Claims int
	Accepted                       int
}

// Address is one address that a deploy would take.
type Address struct {
	Director, Deployment   string
	Network, InstanceGroup string
	// Index is the instance's in its group, or negative where nobody can say which
	// of several gets the address.
	Index int
	AZ    string
	IP    netip.Prefix // a single address has the full length
	// Unsure says that it may be another one: instances without a VM may have this one.
	Unsure bool
	Kind   string // static, dynamic, compilation or vip
}

// Page is where the server shows it.
func (e *Elsewhere) Page() string { return e.URL + "/conflicts" }

// ElsewhereOf counts it.
func ElsewhereOf(url string, found []Finding) *Elsewhere {
	e := &Elsewhere{URL: url}
	for i := range found {
		if found[i].Severity == Error {
			e.Errors++
		}
	}
	return e
}

// NewResult puts a run's findings and failures together and counts them.
func NewResult(findings []Finding, failures []trouble.Trouble, summary Summary) Result {
	r := Result{Failures: once(failures), Summary: summary}
	r.SetFindings(findings)
	return r
}

// SetFindings replaces the findings and counts them anew.
func (r *Result) SetFindings(findings []Finding) {
	r.Findings = findings
	r.Summary.Errors, r.Summary.Warnings, r.Summary.Infos = 0, 0, 0
	for _, f := range findings {
		switch f.Severity {
		case Error:
			r.Summary.Errors++
		case Warning:
			r.Summary.Warnings++
		case Info:
			r.Summary.Infos++
		}
	}
}

// once drops failures that were told before: one file may be wanted twice.
func once(failures []trouble.Trouble) []trouble.Trouble {
	told := map[trouble.Trouble]bool{}
	return slices.DeleteFunc(failures, func(f trouble.Trouble) bool {
		f.At = f.At.Told()
		again := told[f]
		told[f] = true
		return again
	})
}
