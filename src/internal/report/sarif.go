package report

import (
	"cmp"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// fingerprintKey names our fingerprint in SARIF. The key
// primaryLocationLineHash stays free for GitHub, which computes it from the
// source line and warns about any other value.
const fingerprintKey = "ipguardFinding/v1"

// The parts of SARIF 2.1.0 that are written; names and nesting are the
// standard's (OASIS, "Static Analysis Results Interchange Format (SARIF)
// Version 2.1.0", section 3).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		ColumnKind  string            `json:"columnKind"`
		Results     []sarifResult     `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string         `json:"id"`
		ShortDescription     *sarifText     `json:"shortDescription,omitempty"`
		Help                 *sarifText     `json:"help,omitempty"`
		DefaultConfiguration *sarifDefaults `json:"defaultConfiguration,omitempty"`
	}
	sarifDefaults struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifInvocation struct {
		ExecutionSuccessful        bool                `json:"executionSuccessful"`
		ToolExecutionNotifications []sarifNotification `json:"toolExecutionNotifications"`
	}
	sarifNotification struct {
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifResult struct {
		RuleID              string            `json:"ruleId"`
		RuleIndex           int               `json:"ruleIndex"`
		Level               string            `json:"level"`
		Message             sarifText         `json:"message"`
		Locations           []sarifLocation   `json:"locations,omitempty"`
		RelatedLocations    []sarifLocation   `json:"relatedLocations,omitempty"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
		Properties          map[string]string `json:"properties"`
	}
	sarifLocation struct {
		ID               int            `json:"id,omitempty"`
		PhysicalLocation *sarifPhysical `json:"physicalLocation,omitempty"`
		LogicalLocations []sarifLogical `json:"logicalLocations,omitempty"`
		Message          *sarifText     `json:"message,omitempty"`
	}
	sarifPhysical struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
	}
)

func writeSARIF(w io.Writer, result lint.Result, options Options) error {
	run := sarifRun{
		Tool: sarifTool{sarifDriver{
			Name: "ipguard", Version: options.Version,
			InformationURI: "https://github.com/ipguard/ipguard", Rules: sarifRules(result, options.Rules),
		}},
		// A column is a character, whatever its bytes (section 3.14.27).
		ColumnKind:  "unicodeCodePoints",
		Invocations: []sarifInvocation{{len(result.Failures) == 0, []sarifNotification{}}},
		Results:     []sarifResult{},
	}
	sources := newSources(result, options)
	for _, f := range result.Failures {
		n := sarifNotification{Level: "error", Message: sarifText{Text: sarifEscape(f.Message)}}
		if location, ok := newSARIFLocation(sources, f.At); ok {
			n.Locations = []sarifLocation{location}
		}
		run.Invocations[0].ToolExecutionNotifications = append(run.Invocations[0].ToolExecutionNotifications, n)
	}
	unique, _ := fingerprints(result, options)
	for i, f := range result.Findings {
		r := newSARIFResult(sources, f)
		r.RuleIndex = slices.IndexFunc(run.Tool.Driver.Rules, func(rule sarifRule) bool { return rule.ID == f.Rule })
		r.PartialFingerprints = map[string]string{fingerprintKey: unique[i]}
		run.Results = append(run.Results, r)
	}
	return encodeJSON(w, sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{run},
	})
}

// sarifRules describes all rules of the run, and bare those that only findings
// know, so that every result has a rule.
func sarifRules(result lint.Result, known []RuleInfo) []sarifRule {
	rules := []sarifRule{}
	seen := map[string]bool{}
	for _, r := range known {
		seen[r.ID] = true
		rules = append(rules, sarifRule{
			ID: r.ID, ShortDescription: &sarifText{Text: cmp.Or(r.Title, r.ID)},
			Help:                 &sarifText{Text: r.Doc(), Markdown: r.Doc()},
			DefaultConfiguration: &sarifDefaults{sarifLevel(r.Severity)},
		})
	}
	for _, f := range result.Findings {
		if !seen[f.Rule] {
			seen[f.Rule] = true
			rules = append(rules, sarifRule{ID: f.Rule})
		}
	}
	return rules
}

func newSARIFResult(sources sources, f lint.Finding) sarifResult {
	r := sarifResult{
		RuleID: f.Rule, Level: sarifLevel(f.Severity),
		Message:    sarifText{Text: sarifEscape(f.Told())},
		Properties: map[string]string{"addresses": plan.RangeText(f.Range)},
	}
	for _, property := range [][2]string{
		{"segment", f.Segment}, {"directorError", f.DirectorError}, {"why", f.Why}, {"suggestion", f.Suggestion},
	} {
		if property[1] != "" {
			r.Properties[property[0]] = property[1]
		}
	}
	if f.More != nil {
		m := newJSONMore(f.More)
		r.Properties["moreFindings"], r.Properties["moreRanges"], r.Properties["moreOwnerCount"] = strconv.Itoa(m.Findings), strconv.Itoa(m.Ranges), strconv.Itoa(m.OwnerCount)
		r.Properties["moreAddresses"], r.Properties["moreOwners"] = strings.Join(m.Addresses, ", "), strings.Join(m.Owners, ", ")
	}
	main, others, ok := mainParty(f)
	if !ok {
		return r
	}
	if location, ok := newSARIFLocation(sources, main.At); ok {
		location.Message = &sarifText{Text: partyText(main)}
		r.Locations = []sarifLocation{location}
	}
	r.RelatedLocations = relatedLocations(sources, others)
	for i, l := range r.RelatedLocations {
		lead := ", "
		if i == 0 {
			lead = "; see "
		}
		// A link to a related location (section 3.11.6); GitHub shows no
		// related location without one.
		r.Message.Text += lead + "[" + linkBrackets.Replace(l.Message.Text) + "](" + strconv.Itoa(l.ID) + ")"
	}
	return r
}

// relatedLocations lists the other parties' places. They must be unique
// (section 3.27.22), so parties at one place share one location.
func relatedLocations(sources sources, parties []lint.Party) []sarifLocation {
	var order []place.Place
	texts := map[place.Place][]string{}
	for _, p := range parties {
		at := p.At.Told()
		at.Through = "" // stands in the text
		if texts[at] == nil {
			order = append(order, at)
		}
		if text := partyText(p); !slices.Contains(texts[at], text) {
			texts[at] = append(texts[at], text)
		}
	}
	var related []sarifLocation
	for _, at := range order {
		if location, ok := newSARIFLocation(sources, at); ok {
			location.ID = len(related) + 1
			location.Message = &sarifText{Text: strings.Join(texts[at], "; ")}
			related = append(related, location)
		}
	}
	return related
}

// newSARIFLocation describes a place: a region of a file, or the name of the
// flag or stream that the value came from. false: it is nowhere.
func newSARIFLocation(sources sources, p place.Place) (sarifLocation, bool) {
	if p.File == "" {
		return sarifLocation{}, false
	}
	if p.File == "-" || isFlag(p.File) {
		return sarifLocation{LogicalLocations: []sarifLogical{{p.File}}}, true
	}
	physical := &sarifPhysical{ArtifactLocation: sarifArtifact{fileURI(p.File)}}
	if p.Line > 0 {
		physical.Region = &sarifRegion{StartLine: p.Line, StartColumn: max(p.Column, 0), EndColumn: sources.endColumn(p)}
	}
	return sarifLocation{PhysicalLocation: physical}, true
}

// fileURI writes a path as a URI reference (RFC 3986), absolute paths with the
// scheme file.
func fileURI(path string) string {
	u := url.URL{Path: filepath.ToSlash(path)}
	if filepath.IsAbs(path) {
		u.Scheme = "file"
	}
	return u.String()
}

// partyText is never empty: a link needs a text.
func partyText(p lint.Party) string {
	return sarifEscape(cmp.Or(label(p), position(p.At)))
}

func sarifLevel(s lint.Severity) string {
	switch s {
	case lint.Error:
		return "error"
	case lint.Warning:
		return "warning"
	}
	return "note"
}

var (
	// Braces mark placeholders in a message and are doubled (section 3.11.5).
	sarifBraces = strings.NewReplacer("{", "{{", "}", "}}")
	// Brackets end a link's text and are escaped in it (section 3.11.6).
	linkBrackets = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`)
)

func sarifEscape(message string) string { return sarifBraces.Replace(legible.Text(message)) }
