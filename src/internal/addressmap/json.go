package addressmap

import (
	"encoding/json"
	"io"

	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// jsonVersion changes when a field gets another meaning or goes; new fields may come.
const jsonVersion = 1

// The JSON shape of a map. No list is null, and no field is left out.
type (
	jsonMap struct {
		Version  int           `json:"version"`
		Segments []jsonSegment `json:"segments"`
		// Hidden counts what nobody can see and may be an address.
		Hidden   int           `json:"hidden"`
		Failures []jsonFailure `json:"failures"`
	}
	jsonSegment struct {
		Segment   string         `json:"segment"`
		Assumed   bool           `json:"assumed"`
		Subnets   []jsonSubnet   `json:"subnets"`
		Claims    []jsonClaim    `json:"claims"`
		Conflicts []jsonConflict `json:"conflicts"`
	}
	jsonSubnet struct {
		Range      string `json:"range"`
		Director   string `json:"director"`
		Deployment string `json:"deployment"`
		Network    string `json:"network"`
	}
	jsonClaim struct {
		Kind          string `json:"kind"`
		Addresses     string `json:"addresses"`
		Director      string `json:"director"`
		Deployment    string `json:"deployment"`
		InstanceGroup string `json:"instance_group"`
		Network       string `json:"network"`
		Property      string `json:"property"`
		File          string `json:"file"`
		Line          int    `json:"line"`
		Column        int    `json:"column"`
	}
	jsonConflict struct {
		Rule       string   `json:"rule"`
		Severity   string   `json:"severity"`
		Message    string   `json:"message"`
		Addresses  []string `json:"addresses"`
		Suggestion string   `json:"suggestion"`
	}
	jsonFailure struct {
		Message string `json:"message"`
		File    string `json:"file"`
		Line    int    `json:"line"`
		Column  int    `json:"column"`
		Hint    string `json:"hint"`
	}
)

// WriteJSON writes the map for programs: each segment with its subnets, claims and
// conflicts. hidden counts what nobody can see, failures are what could not be read.
func WriteJSON(w io.Writer, m *Map, hidden int, failures []trouble.Trouble) error {
	out := jsonMap{Version: jsonVersion, Segments: []jsonSegment{}, Hidden: hidden, Failures: []jsonFailure{}}
	for _, s := range m.Segments {
		out.Segments = append(out.Segments, jsonOf(s))
	}
	for _, f := range failures {
		out.Failures = append(out.Failures, jsonFailure{f.Message, f.At.File, f.At.Line, f.At.Column, f.Hint})
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}

func jsonOf(s *Segment) jsonSegment {
	out := jsonSegment{Segment: s.Name, Assumed: s.Assumed, Subnets: []jsonSubnet{}, Claims: []jsonClaim{}, Conflicts: []jsonConflict{}}
	for _, t := range s.Subnets {
		out.Subnets = append(out.Subnets, jsonSubnet{t.Range.Masked().String(), t.Director, t.Deployment, t.Network})
	}
	for i := range s.Holdings {
		h := &s.Holdings[i]
		o := h.Owner()
		out.Claims = append(out.Claims, jsonClaim{h.Kind.String(), plan.RangeText(h.Range), o.Director, o.Deployment, o.InstanceGroup, o.Network, o.Property,
			h.At.File, h.At.Line, h.At.Column})
	}
	for _, c := range s.Conflicts {
		conflict := jsonConflict{c.Rule, c.Severity.String(), c.Message, []string{}, c.Cure}
		for _, r := range c.Ranges {
			conflict.Addresses = append(conflict.Addresses, plan.RangeText(r))
		}
		out.Conflicts = append(out.Conflicts, conflict)
	}
	return out
}
