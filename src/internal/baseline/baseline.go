// Package baseline keeps the findings that a fleet had when somebody began to
// look, so that only new ones stop a pipeline.
//
// A finding is known again by its fingerprint (lint.Finding.Fingerprint): rule,
// segment, addresses and owners, not files, lines or words. The file is JSON with
// one finding after the other in a fixed order, so that a change of the fleet is
// a small change of the file.
package baseline

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// version changes when a file of an older program would be understood wrongly.
const version = 1

// file is the form of the file.
type file struct {
	Version  int     `json:"version"`
	Findings []entry `json:"findings"`
}

// entry is one finding. Only the fingerprint counts; the rest is for people.
type entry struct {
	Fingerprint string   `json:"fingerprint"`
	Rule        string   `json:"rule"`
	Segment     string   `json:"segment"`
	Addresses   string   `json:"addresses"`
	Owners      []string `json:"owners"`
	Message     string   `json:"message"`
}

// fingerprintDigits is the length of a fingerprint, in hexadecimal digits.
const fingerprintDigits = 64

// Text is the file with all findings, but for those about exceptions: a baseline
// must not hide that it is stale itself.
func Text(findings []lint.Finding, shown func(string) string) ([]byte, error) {
	f := file{Version: version, Findings: []entry{}}
	seen := map[string]bool{}
	for _, finding := range findings {
		if about := finding.Fingerprint(shown); !aboutExceptions(finding) && !seen[about] {
			seen[about] = true
			f.Findings = append(f.Findings, newEntry(finding, shown))
		}
	}
	slices.SortFunc(f.Findings, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Addresses, b.Addresses), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(f)
	return out.Bytes(), err
}

func aboutExceptions(f lint.Finding) bool {
	return slices.Contains([]string{
		lint.InvalidExceptionID, lint.ExpiredExceptionID, lint.UnusedExceptionID, lint.StaleBaselineID,
	}, f.Rule)
}

func newEntry(f lint.Finding, shown func(string) string) entry {
	e := entry{
		Fingerprint: f.Fingerprint(shown), Rule: f.Rule, Segment: f.Segment, Addresses: plan.RangeText(f.Range),
		Owners: []string{}, Message: f.Message,
	}
	for _, party := range f.Claims {
		if name := party.Name(); name != "" {
			e.Owners = append(e.Owners, name)
		}
	}
	slices.Sort(e.Owners)
	e.Owners = slices.Compact(e.Owners)
	return e
}

// Baseline is a file that was read.
type Baseline struct {
	// name is the file's path.
	name    string
	entries []entry
	lines   map[string]int // of fingerprints
}

// Parse reads a file; name is what its places call it. The error says what is
// wrong in the words of the user.
func Parse(name string, text []byte) (*Baseline, error) {
	var f file
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return nil, fmt.Errorf("it is no baseline: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("it is no baseline: something follows its end")
	}
	if f.Version != version {
		return nil, fmt.Errorf("it is a baseline of version %d, and this program knows version %d", f.Version, version)
	}
	b := &Baseline{name: name, entries: f.Findings, lines: map[string]int{}}
	for _, e := range f.Findings {
		if len(e.Fingerprint) != fingerprintDigits || strings.Trim(e.Fingerprint, "0123456789abcdef") != "" {
			return nil, fmt.Errorf("it is no baseline: %q is no fingerprint", e.Fingerprint)
		}
	}
	b.noteLines(text)
	return b, nil
}

// noteLines finds the lines of the fingerprints.
func (b *Baseline) noteLines(text []byte) {
	wanted := map[string]bool{}
	for _, e := range b.entries {
		wanted[e.Fingerprint] = true
	}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		_, rest, ok := bytes.Cut(line, []byte(`"fingerprint"`))
		if !ok {
			continue
		}
		if parts := bytes.SplitN(rest, []byte(`"`), 3); len(parts) == 3 && wanted[string(parts[1])] {
			b.lines[string(parts[1])] = n
		}
	}
}

// Judge returns the findings that are not in the baseline, and how many are. If
// the run saw everything (whole), entries whose finding is gone are findings
// too.
func (b *Baseline) Judge(findings []lint.Finding, whole bool, shown func(string) string) (fresh []lint.Finding, accepted int) {
	known := map[string]bool{}
	for _, e := range b.entries {
		known[e.Fingerprint] = true
	}
	found := map[string]bool{}
	for _, f := range findings {
		fingerprint := f.Fingerprint(shown)
		if known[fingerprint] && !aboutExceptions(f) {
			found[fingerprint] = true
			accepted++
			continue
		}
		fresh = append(fresh, f)
	}
	if whole {
		for _, e := range b.entries {
			if !found[e.Fingerprint] {
				fresh = append(fresh, b.stale(e))
			}
		}
	}
	return lint.Sort(fresh), accepted
}

func (b *Baseline) stale(e entry) lint.Finding {
	return lint.Finding{
		Rule: lint.StaleBaselineID, Severity: lint.Warning,
		Message:    fmt.Sprintf("the baseline accepts a finding of %s that is gone: %s", e.Rule, e.Message),
		Why:        "if it comes back nobody will notice",
		Suggestion: "ipguard baseline write",
		Claims:     []lint.Party{{At: place.Place{File: b.name, Line: max(1, b.lines[e.Fingerprint]), Column: 1}}},
	}
}
