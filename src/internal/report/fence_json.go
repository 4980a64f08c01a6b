package report

import (
	"io"

	"github.com/ipguard/ipguard/src/internal/fence"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Fence is the answer to "what keeps the pools of all directors apart?".
type Fence struct {
	Changes []FenceChange
	// Conflicts are those that are left with all changes.
	Conflicts []lint.Finding
	// Short are the subnets that keep too little of their own, and Unknown those that are
	// left out, since what they hand out hides.
	Short, Unknown []*plan.Subnet
	Failures       []trouble.Trouble
	// Stale is the server that does not answer, of which something is used that it said
	// before.
	Stale *lint.Stale
}

// FenceChange is what one subnet's reserved gets.
type FenceChange struct {
	fence.Change
	// ByHand says why ipguard cannot write it; empty if it can.
	ByHand string
}

// jsonFenceVersion changes when a field goes or means something else.
const jsonFenceVersion = 1

// The JSON shape of fence. No list is null, and no field is left out.
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
		ByHand   string   `json:"by_hand"`
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

// WriteFenceJSON writes a fence for programs.
func WriteFenceJSON(w io.Writer, f Fence) error {
	out := NewJSONStream(w)
	out.Open('{')
	out.Field("version", jsonFenceVersion)
	out.List("changes", len(f.Changes), func(i int) {
		c := &f.Changes[i]
		written := jsonFenceChange{fencePool(c.Subnet), []string{}, c.ByHand}
		for _, e := range c.Entries {
			written.Reserved = append(written.Reserved, plan.RangeText(e.Range))
		}
		out.Value(written)
	})
	out.List("conflicts", len(f.Conflicts), func(i int) { out.Value(jsonFenceConflict{f.Conflicts[i].Rule, f.Conflicts[i].Message}) })
	out.List("short", len(f.Short), func(i int) { out.Value(fencePool(f.Short[i])) })
	out.List("unknown", len(f.Unknown), func(i int) { out.Value(fencePool(f.Unknown[i])) })
	out.List("failures", len(f.Failures), func(i int) {
		t := &f.Failures[i]
		out.Value(jsonFenceFailure{t.Message, t.At.File, t.At.Line, t.Hint})
	})
	out.StaleField(f.Stale)
	out.Close('}')
	return out.End()
}

func fencePool(s *plan.Subnet) jsonFencePool {
	return jsonFencePool{s.Director, s.Deployment, s.Network, s.Range.Masked().String(), s.At.File, s.At.Line, s.At.Column}
}
