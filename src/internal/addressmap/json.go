package addressmap

import (
	"io"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// jsonVersion changes when a field gets another meaning or goes; new fields may come.
const jsonVersion = 1

// The parts of a map's JSON. No list is null, and no field is left out.
type (
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
// stale is the server that does not answer; nil: none. Memory does not grow with what is
// written.
func WriteJSON(w io.Writer, m *Map, hidden int, failures []trouble.Trouble, stale *lint.Stale) error {
	out := report.NewJSONStream(w)
	out.Open('{')
	out.Field("version", jsonVersion)
	out.List("segments", len(m.Segments), func(i int) { jsonSegmentOf(out, m.Segments[i]) })
	out.Field("hidden", hidden)
	out.List("failures", len(failures), func(i int) {
		f := &failures[i]
		out.Value(jsonFailure{f.Message, f.At.File, f.At.Line, f.At.Column, f.Hint})
	})
	out.StaleField(stale)
	out.Close('}')
	return out.End()
}

func jsonSegmentOf(out *report.JSONStream, s *Segment) {
	out.Open('{')
	out.Field("segment", s.Name)
	out.Field("assumed", s.Assumed)
	out.List("subnets", len(s.Subnets), func(i int) {
		t := s.Subnets[i]
		out.Value(jsonSubnet{t.Range.Masked().String(), t.Director, t.Deployment, t.Network})
	})
	out.List("claims", len(s.Holdings), func(i int) {
		h := &s.Holdings[i]
		o := h.Owner()
		out.Value(jsonClaim{h.Kind.String(), plan.RangeText(h.Range), o.Director, o.Deployment, o.InstanceGroup, o.Network, o.Property,
			h.At.File, h.At.Line, h.At.Column})
	})
	out.List("conflicts", len(s.Conflicts), func(i int) {
		c := &s.Conflicts[i]
		conflict := jsonConflict{c.Rule, c.Severity.String(), c.Message, []string{}, c.Cure}
		for _, r := range c.Ranges {
			conflict.Addresses = append(conflict.Addresses, plan.RangeText(r))
		}
		out.Value(conflict)
	})
	out.Close('}')
}
