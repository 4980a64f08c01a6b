package cli

import (
	"fmt"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// mostProposedPools is how many pools init proposes, the largest first.
const mostProposedPools = 3

// proposedPools are pools for a first fleet file, as comments: the largest ranges that
// nobody declares and nobody hands out. Nothing is proposed where a part of the fleet
// could not be read, for it may have any of them.
func proposedPools(path string, text []byte, streams Streams) string {
	files := streams.files()
	files.Keep(path, text)
	w := workspace.Open(path, streams.reading(files, workspace.Mode{}))
	read := survey.Read(w.Fleet, w.Loader)
	if len(w.Troubles)+len(read.Failures)+len(read.Unread) > 0 {
		return ""
	}
	var lines []string
	p := read.Facts.Plan
	for _, g := range p.Segments() {
		r, ok := largestFree(p, g.Subnets)
		if !ok || len(lines) == mostProposedPools {
			continue
		}
		lines = append(lines, fmt.Sprintf("# - {name: pool-%d, team: TEAM, addresses: [%s - %s]}   # of %s", len(lines)+1, r.From(), r.To(), g.Name))
	}
	if len(lines) == 0 {
		return ""
	}
	return "\n# Addresses that a team may take by itself with ipguard book: here what no file declares\n" +
		"# and no director hands out. Somebody may have reserved them for a reason: ask, before\n" +
		"# you delegate them.\n# pools:\n" + strings.Join(lines, "\n") + "\n"
}

// fewestProposed is how many addresses a pool needs to be worth a line.
const fewestProposed = 8

// largestFree is the longest range of a segment that nobody has or hands out.
func largestFree(p *plan.Plan, subnets []*plan.Subnet) (longest netipx.IPRange, ok bool) {
	var ranged []*plan.Subnet
	for _, s := range subnets {
		if s.Range.IsValid() {
			ranged = append(ranged, s)
		}
	}
	if len(ranged) == 0 {
		return longest, false
	}
	for _, r := range answer.Available(p, answer.Question{Scope: answer.Scope{Subnets: ranged}, Count: 1}).Ranges() {
		size := plan.Size(r)
		if size.IsInt64() && size.Int64() < fewestProposed {
			continue
		}
		if !ok || size.Cmp(plan.Size(longest)) > 0 {
			longest, ok = r, true
		}
	}
	return longest, ok
}
