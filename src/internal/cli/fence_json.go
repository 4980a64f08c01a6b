package cli

import (
	"github.com/ipguard/ipguard/src/internal/fence"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// jsonFenceVersion changes when a field goes or means something else.
const jsonFenceVersion = 1

// The parts of fence's JSON: what would keep all apart, the conflicts that are left with
// that, pools that keep too little and those that are left out, and failures. No list is
// null, and no field is left out.
type (
	jsonFencePool struct {
		Director   string `json:"director"`
		Deployment string `json:"deployment"`
		Network    string `json:"network"`
		Subnet     string `json:"subnet"`
		File       string `json:"file"`
		Line       int    `json:"line"`
		Column     int    `json:"column"`
	}
	jsonFenceChange struct {
		jsonFencePool
		Reserved []string `json:"reserved"`
		// ByHand says why --fix cannot write it; empty if it can.
		ByHand string `json:"by_hand"`
	}
	jsonFenceConflict struct {
		Rule    string `json:"rule"`
		Message string `json:"message"`
	}
	jsonFenceFailure struct {
		Message string `json:"message"`
		File    string `json:"file"`
		Line    int    `json:"line"`
		Hint    string `json:"hint"`
	}
)

// printJSON prints the fence for programs.
func (r *fencing) printJSON(left []lint.Finding, failures []trouble.Trouble) error {
	type change struct {
		fence.Change
		byHand string
	}
	var changes []change
	for _, f := range r.edits.Files {
		for _, c := range f.Changes {
			changes = append(changes, change{c, ""})
		}
	}
	for _, h := range r.edits.ByHand {
		changes = append(changes, change{h.Change, h.Reason})
	}
	out := report.NewJSONStream(r.streams.Stdout)
	out.Open('{')
	out.Field("version", jsonFenceVersion)
	out.List("changes", len(changes), func(i int) {
		c := &changes[i]
		written := jsonFenceChange{poolOf(c.Subnet, c.Subnet.At), []string{}, c.byHand}
		for _, e := range c.Entries {
			written.Reserved = append(written.Reserved, plan.RangeText(e.Range))
		}
		out.Value(written)
	})
	out.List("conflicts", len(left), func(i int) { out.Value(jsonFenceConflict{left[i].Rule, left[i].Message}) })
	out.List("short", len(r.fence.Shortages), func(i int) {
		s := r.fence.Shortages[i].Subnet
		out.Value(poolOf(s, s.At))
	})
	out.List("unknown", len(r.fence.Unknown), func(i int) { out.Value(poolOf(r.fence.Unknown[i], r.fence.Unknown[i].At)) })
	out.List("failures", len(failures), func(i int) {
		f := &failures[i]
		out.Value(jsonFenceFailure{f.Message, f.At.File, f.At.Line, f.Hint})
	})
	out.Close('}')
	if err := out.End(); err != nil {
		return incomplete("", "cannot write to standard output: %s", err)
	}
	return nil
}

func poolOf(s *plan.Subnet, at place.Place) jsonFencePool {
	return jsonFencePool{s.Director, s.Deployment, s.Network, s.Range.Masked().String(), at.File, at.Line, at.Column}
}
