package workspace

import (
	"fmt"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Team is what the fleet file of a team says beside its directors, for others. shared is
// the server's part; nil: it is not known. A segment that the team defines by itself is
// known to nobody else: the addresses are told without it, and may be in any.
func (w *Workspace) Team(shared *fleet.File) (*survey.Team, []trouble.Trouble) {
	file := w.Fleet.File
	team := &survey.Team{}
	for _, p := range file.VIPProperties.Add {
		team.VIPs.Add = append(team.VIPs.Add, p.Pattern)
	}
	for _, p := range file.VIPProperties.Ignore {
		team.VIPs.Ignore = append(team.VIPs.Ignore, p.Pattern)
	}
	var troubles []trouble.Trouble
	for i := range file.External {
		e := &file.External[i]
		segment := e.Segment.Value
		switch {
		case file.HasSegment(segment):
			segment = ""
		case segment != "" && shared != nil && !shared.HasSegment(segment):
			troubles = append(troubles, noSegment(e.Segment))
			continue
		}
		var blocks []bosh.Block
		for _, a := range e.Addresses {
			blocks = append(blocks, a.Block)
		}
		told, ok := snapshot.NewExternal(e.Owner.Value, segment, blocks)
		if !ok {
			troubles = append(troubles, trouble.Trouble{At: e.Owner.At, Message: "this is no name that can be told to others", Hint: "an owner has at most 255 characters on one line, and no URL with a password"})
			continue
		}
		team.External = append(team.External, told)
	}
	if len(file.External) > 0 && len(file.Directors) == 0 {
		troubles = append(troubles, trouble.Trouble{
			At: file.External[0].At, Message: "external addresses are told to others with the directors of this file, and it has none",
			Hint: "put them into external: of the server's fleet file",
		})
	}
	if len(w.Fleet.Directors) > 1 {
		team.With = slices.Sorted(slices.Values(w.Names()))
	}
	bookings, more := w.Fleet.OwnBookings(shared)
	team.Bookings = bookings
	return team, append(troubles, more...)
}

func noSegment(named fleet.Text) trouble.Trouble {
	return trouble.Trouble{At: named.At, Message: fmt.Sprintf("no segment of this file or of its server is named `%s`", named.Value)}
}

// strangeSegments are names of segments that neither the file nor its server has.
func strangeSegments(file *fleet.File) (list []trouble.Trouble) {
	named := func(t fleet.Text) {
		if t.Value != "" && !file.HasSegment(t.Value) && !slices.ContainsFunc(list, func(o trouble.Trouble) bool { return o.At == t.At }) {
			list = append(list, noSegment(t))
		}
	}
	for _, e := range file.External {
		named(e.Segment)
	}
	for i := range file.Pools {
		named(file.Pools[i].Segment)
	}
	return list
}
