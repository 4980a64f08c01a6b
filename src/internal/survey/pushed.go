package survey

import (
	"fmt"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// A team's fleet file speaks of the team's own directors: what it says of virtual
// addresses and of addresses outside of directors is pushed with each of them, and what
// was pushed is read by it. Beside it counts the part of the server's fleet file that all
// have, and nothing else: so one push says the same to everybody.

// Shared is the part of a fleet file that all have: the server's.
type Shared struct {
	VIPs bosh.Patterns
	// Wanted is what pushes must have kept.
	Wanted snapshot.Keep
	// Segments are the names of those that it defines.
	Segments []string
}

// isPushed reports whether what is known of a director is what a team pushed.
func isPushed(d *fleet.Sources) bool { return d.Snapshot != nil && d.Snapshot.Pushed }

// patternsOf are those by which a director's snapshot is read; nil: the fleet's.
func (f *Fleet) patternsOf(d *fleet.Sources, s *snapshot.Snapshot) *bosh.Patterns {
	if !isPushed(d) {
		return nil
	}
	patterns := s.Patterns(f.Shared.VIPs)
	return &patterns
}

// externalsOf are the addresses outside of directors that a snapshot tells. A segment that
// not all have is another one here, or none: then they may be in any.
func (f *Fleet) externalsOf(s *snapshot.Snapshot) (list []claims.External) {
	for _, e := range s.Settings.External {
		external := claims.External{Owner: e.Owner}
		if slices.Contains(f.Shared.Segments, e.Segment) {
			external.Segment = e.Segment
		}
		for _, a := range e.Addresses {
			external.Blocks = append(external.Blocks, a.Block)
		}
		list = append(list, external)
	}
	return list
}

// wanting is what snapshots must have kept: those of one's own, and those that teams pushed.
type wanting struct{ own, pushed snapshot.Kept }

func (f *Fleet) wanting() wanting { return wanting{f.Snapshots.Wanted.Kept(), f.Shared.Wanted.Kept()} }

// of is what a director's snapshot must have kept. Virtual addresses of another team's
// jobs are that team's to name, or everybody's; segments are told by whoever defines them.
func (w wanting) of(f *Fleet, d *fleet.Sources) snapshot.Kept {
	if !isPushed(d) {
		return w.own
	}
	w.pushed.CloudProperties = f.File.CloudProperties(d.Name)
	return w.pushed
}

// looksAgain is the cure for a snapshot that was written when nothing asked for something.
func (f *Fleet) looksAgain(d *fleet.Sources, head *snapshot.Head) string {
	hint := again(d) + ", which looks for it now"
	if !isPushed(d) {
		return hint
	}
	if head.Director.UUID != "" { // a push tells what was collected
		hint = fmt.Sprintf("whoever has it runs ipguard collect %s, which looks for it now, and ipguard push %s", d.Name, d.Name)
	}
	if len(head.Kept.Lacks(f.Shared.Wanted.Kept())) == 0 { // one's own segments ask for it alone
		hint = "name directors in subnets: of your segments, or define these in the server's fleet file, where all teams have them; then " + hint
	}
	return hint
}

// unlooked tells that nobody looked for virtual addresses in what others pushed that this
// fleet file knows of and the server's does not: others may have the same jobs.
func (f *Fleet) unlooked(all []opened) []trouble.Trouble {
	w := f.wanting()
	own := snapshot.Kept{VIPProperties: slices.DeleteFunc(w.own.VIPProperties, func(p string) bool { return slices.Contains(w.pushed.VIPProperties, p) })}
	if len(own.VIPProperties) == 0 {
		return nil
	}
	var lacks, names []string
	for i := range f.Directors {
		if d := &f.Directors[i]; isPushed(d) && all[i].there {
			if list := all[i].head.Kept.Lacks(own); len(list) > 0 {
				lacks, names = append(lacks, list...), append(names, d.Name)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(lacks)
	t := trouble.Trouble{
		Message: fmt.Sprintf("nobody looked for %s in what was pushed of director %s", several(slices.Compact(lacks)), several(names)),
		Hint:    "if others have such jobs, move it to vip_properties of the server's fleet file, where all teams have it; whoever pushes then looks for it",
	}
	for _, p := range f.File.VIPProperties.Add {
		if slices.Contains(own.VIPProperties, p.Pattern.String()) {
			t.At = p.At
			break
		}
	}
	return []trouble.Trouble{t}
}
