package report

import (
	"encoding/json"
	"io"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// jsonVersion changes when a field is renamed, removed or gets another meaning;
// fields may be added at any time.
const jsonVersion = 1

// The JSON shape. No field is ever left out (except addresses, which is there
// when it was asked for), no list is null.
type (
	jsonReport struct {
		Version   int            `json:"version"`
		Findings  []jsonFinding  `json:"findings"`
		Failures  []jsonFailure  `json:"failures"`
		Summary   jsonSummary    `json:"summary"`
		Addresses *[]jsonAddress `json:"addresses,omitempty"`
		// Stale is there when a server does not answer, and what it said before is used.
		Stale *jsonStale `json:"stale,omitempty"`
		// Elsewhere is there with a server.
		Elsewhere *jsonElsewhere `json:"elsewhere,omitempty"`
	}
	jsonElsewhere struct {
		Page   string `json:"page"`
		Errors int    `json:"errors"`
	}
	jsonStale struct {
		Server string `json:"server"`
		AsOf   string `json:"as_of"`
		Why    string `json:"why"`
	}
	jsonFinding struct {
		Rule          string      `json:"rule"`
		Severity      string      `json:"severity"`
		Message       string      `json:"message"`
		Addresses     string      `json:"addresses"`
		Segment       string      `json:"segment"`
		DirectorError string      `json:"director_error"`
		Claims        []jsonClaim `json:"claims"`
		Suggestion    string      `json:"suggestion"`
		Why           string      `json:"why"`
		Fingerprint   string      `json:"fingerprint"`
		// More is there where many findings are alike: those that are not told one by one.
		More *jsonMore `json:"more,omitempty"`
	}
	// Of very many addresses and owners the first are named.
	jsonMore struct {
		Findings   int      `json:"findings"`
		Ranges     int      `json:"ranges"`
		Addresses  []string `json:"addresses"`
		OwnerCount int      `json:"owner_count"`
		Owners     []string `json:"owners"`
	}
	jsonClaim struct {
		Director      string `json:"director"`
		Deployment    string `json:"deployment"`
		InstanceGroup string `json:"instance_group"`
		Network       string `json:"network"`
		Kind          string `json:"kind"`
		Addresses     string `json:"addresses"`
		File          string `json:"file"`
		Line          int    `json:"line"`
		Column        int    `json:"column"`
		Property      string `json:"property"`
		Through       string `json:"through"`
		Note          string `json:"note"`
	}
	jsonFailure struct {
		Message string `json:"message"`
		File    string `json:"file"`
		Line    int    `json:"line"`
		Column  int    `json:"column"`
		Hint    string `json:"hint"`
	}
	jsonSummary struct {
		Errors      int `json:"errors"`
		Warnings    int `json:"warnings"`
		Infos       int `json:"infos"`
		Directors   int `json:"directors"`
		Deployments int `json:"deployments"`
		Claims      int `json:"claims"`
		Accepted    int `json:"accepted"`
	}
	jsonAddress struct {
		Network       string `json:"network"`
		InstanceGroup string `json:"instance_group"`
		// Index is null where nobody can say which instance gets the address.
		Index *int   `json:"index"`
		AZ    string `json:"az"`
		IP    string `json:"ip"`
		// Unsure says that it may be another address.
		Unsure bool   `json:"unsure,omitempty"`
		Kind   string `json:"kind"`
	}
)

// StaleField writes what WriteJSON writes of a server that does not answer; nothing, if
// there is none.
func (s *JSONStream) StaleField(stale *lint.Stale) {
	if stale != nil {
		s.Field("stale", staleJSON(stale))
	}
}

func staleJSON(s *lint.Stale) *jsonStale {
	if s == nil {
		return nil
	}
	return &jsonStale{Server: s.URL, AsOf: s.Since.UTC().Format(time.RFC3339), Why: legible.Text(s.Why)}
}

func writeJSON(w io.Writer, result lint.Result, options Options) error {
	report := jsonReport{
		Stale:    staleJSON(result.Stale),
		Version:  jsonVersion,
		Findings: make([]jsonFinding, len(result.Findings)),
		Failures: jsonFailures(result.Failures),
		Summary:  jsonSummary(result.Summary),
	}
	if e := result.Elsewhere; e != nil {
		report.Elsewhere = &jsonElsewhere{e.Page(), e.Errors}
	}
	for i, f := range result.Findings {
		report.Findings[i] = newJSONFinding(f, options)
	}
	if options.ShowAddresses {
		addresses := make([]jsonAddress, len(result.Addresses))
		for i, a := range result.Addresses {
			addresses[i] = jsonAddress{a.Network, a.InstanceGroup, indexOf(a), a.AZ, addressText(a), a.Unsure, a.Kind}
		}
		report.Addresses = &addresses
	}
	return encodeJSON(w, report)
}

func newJSONFinding(f lint.Finding, options Options) jsonFinding {
	j := jsonFinding{
		Rule: f.Rule, Severity: f.Severity.String(), Message: f.Told(), Addresses: plan.RangeText(f.Range),
		Segment: f.Segment, DirectorError: f.DirectorError, Claims: make([]jsonClaim, len(f.Claims)),
		Suggestion: f.Suggestion, Why: f.Why, Fingerprint: f.Fingerprint(options.Shown),
	}
	for i, c := range f.Claims {
		j.Claims[i] = newJSONClaim(c)
	}
	if m := f.More; m != nil {
		j.More = newJSONMore(m)
	}
	return j
}

// mostMore is how many ranges and owners are named of what a finding stands for: output is
// bounded, whatever the input is.
const mostMore = 100

func newJSONMore(m *lint.More) *jsonMore {
	return &jsonMore{
		m.Findings, len(m.Addresses), rangeTexts(m.Addresses[:min(len(m.Addresses), mostMore)]),
		len(m.Owners), append([]string{}, m.Owners[:min(len(m.Owners), mostMore)]...),
	}
}

func rangeTexts(list []netipx.IPRange) []string {
	texts := make([]string, len(list))
	for i, r := range list {
		texts[i] = plan.RangeText(r)
	}
	return texts
}

func newJSONClaim(c lint.Party) jsonClaim {
	j := jsonClaim{
		Director: c.Owner.Director, Deployment: c.Owner.Deployment, InstanceGroup: c.Owner.InstanceGroup,
		Network: c.Owner.Network, Addresses: plan.RangeText(c.Range), File: c.At.File, Line: c.At.Line,
		Column: c.At.Column, Property: c.Owner.Property, Through: c.At.Through, Note: c.Note,
	}
	if c.Kind != 0 {
		j.Kind = c.Kind.String()
	}
	return j
}

// encodeJSON writes a value as indented JSON. Characters that could steer a
// terminal are written as \u escapes, which mean the same to a JSON reader.
func encodeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(legible.NewJSONWriter(w))
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// indexOf is nil where nobody can say which instance gets the address.
func indexOf(a lint.Address) *int {
	if a.Index < 0 {
		return nil
	}
	return &a.Index
}
