package claims

import (
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
)

// External is addresses that somebody outside of all directors holds.
type External struct {
	Owner   string
	Segment string
	Blocks  []bosh.Block
}

// Externals are those that a fleet file says, and those that were told with directors. A
// fleet file of several directors is told with each of them, and the server's may say the
// same: once is enough.
func Externals(file []External, directors []Director) []External {
	type told struct {
		owner, segment string
		addresses      netipx.IPRange
	}
	seen := map[told]bool{}
	for _, e := range file {
		for _, block := range e.Blocks {
			seen[told{e.Owner, e.Segment, block.Range}] = true
		}
	}
	all := slices.Clone(file)
	for i := range directors {
		for _, e := range directors[i].Externals {
			fresh := External{Owner: e.Owner, Segment: e.Segment}
			for _, block := range e.Blocks {
				if key := (told{e.Owner, e.Segment, block.Range}); !seen[key] {
					seen[key] = true
					fresh.Blocks = append(fresh.Blocks, block)
				}
			}
			all = append(all, fresh)
		}
	}
	return all
}
