package cli

import (
	"encoding/json"

	"github.com/ipguard/ipguard/src/internal/fence"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// The JSON shape of fence, version 1. No list is null, and no field is left out.
type (
	jsonFence struct {
		Version int `json:"version"`
		// Changes are what would keep all apart.
		Changes []jsonFenceChange `json:"changes"`
		// Conflicts are those that are left with all changes made.
		Conflicts []jsonFenceConflict `json:"conflicts"`
		// Short are pools that keep too little, Unknown those that are left out.
		Short    []jsonFencePool    `json:"short"`
		Unknown  []jsonFencePool    `json:"unknown"`
		Failures []jsonFenceFailure `json:"failures"`
	}
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
	out := jsonFence{Version: 1, Changes: []jsonFenceChange{}, Conflicts: []jsonFenceConflict{}, Short: []jsonFencePool{}, Unknown: []jsonFencePool{}, Failures: []jsonFenceFailure{}}
	add := func(c fence.Change, byHand string) {
		change := jsonFenceChange{poolOf(c.Subnet, c.Subnet.At), []string{}, byHand}
		for _, e := range c.Entries {
			change.Reserved = append(change.Reserved, plan.RangeText(e.Range))
		}
		out.Changes = append(out.Changes, change)
	}
	for _, f := range r.edits.Files {
		for _, c := range f.Changes {
			add(c, "")
		}
	}
	for _, h := range r.edits.ByHand {
		add(h.Change, h.Reason)
	}
	for _, f := range left {
		out.Conflicts = append(out.Conflicts, jsonFenceConflict{f.Rule, f.Message})
	}
	for _, s := range r.fence.Shortages {
		out.Short = append(out.Short, poolOf(s.Subnet, s.Subnet.At))
	}
	for _, s := range r.fence.Unknown {
		out.Unknown = append(out.Unknown, poolOf(s, s.At))
	}
	for _, f := range failures {
		out.Failures = append(out.Failures, jsonFenceFailure{f.Message, f.At.File, f.At.Line, f.Hint})
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return incomplete("", "cannot write the fence: %s", err)
	}
	return printTo(r.streams.Stdout, "%s\n", text)
}

func poolOf(s *plan.Subnet, at place.Place) jsonFencePool {
	return jsonFencePool{s.Director, s.Deployment, s.Network, s.Range.Masked().String(), at.File, at.Line, at.Column}
}
