package survey

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// opened is what became of opening one director's snapshot.
type opened struct {
	// there says that there is one that can be read.
	there bool
	head  snapshot.Head
	// whole is all of it; nil where the head was enough so far.
	whole *snapshot.Snapshot
	// lost is what the director's plan lacks because of what is wrong with it.
	lost  []claims.Unread
	stale []trouble.Trouble
	// pushed is what the server has beside files, or beside the snapshot of the checkout;
	// own is whose that snapshot is.
	pushed pushed
	own    snapshot.Names
}

// openAll opens the snapshots of all directors. Where some files are judged, only the
// heads of those are read beside which there are no files.
func (f *Fleet) openAll() []opened {
	all := make([]opened, len(f.Directors))
	wanted := f.wanting()
	someJudged := f.hasTargets()
	readers := sync.Pool{New: func() any { return new(snapshot.HeadReader) }}
	var whole, heads []func() // what takes longest comes first
	for i := range f.Directors {
		d := &f.Directors[i]
		switch {
		case d.Pushed != nil && (d.Snapshot != nil || hasFiles(d)):
			whole = append(whole, func() { all[i] = f.openBeside(d, wanted) })
			continue
		case d.Pushed != nil:
			d.Snapshot, d.Server = d.Pushed, d.Pushed.Server
		}
		switch {
		case d.Snapshot == nil:
		case !someJudged || needsSnapshot(d):
			whole = append(whole, func() {
				s, err := f.Snapshots.readWhole(d)
				if err == nil {
					all[i] = opened{head: s.Head, whole: s}
				}
				all[i] = f.accept(d, all[i], err, wanted)
			})
		default:
			heads = append(heads, func() {
				reader := readers.Get().(*snapshot.HeadReader)
				defer readers.Put(reader)
				head, err := reader.Read(d.Snapshot.Path)
				all[i] = f.accept(d, opened{head: head}, err, wanted)
			})
		}
	}
	runAll(append(whole, heads...))
	return all
}

// needsSnapshot reports whether what files tell of the director says little without
// its snapshot: what they say fits into what the director has, or is judged.
// Create-env manifests stand for themselves.
func needsSnapshot(d *fleet.Sources) bool {
	return len(d.CloudConfigs)+len(d.RuntimeConfigs)+len(d.Deployments) > 0 || hasTarget(d)
}

// readWhole reads a director's snapshot to its end.
func (s Snapshots) readWhole(d *fleet.Sources) (*snapshot.Snapshot, error) {
	text, err := s.Files.Read(d.Snapshot.Path)
	if err != nil {
		return nil, err
	}
	if shown := d.Snapshot.Shown(); shown != d.Snapshot.Path {
		s.Files.Keep(shown, text) // lines of it are shown by that name
	}
	return snapshot.ReadBeside(s.Files.Names.Of(d.Name), d.Snapshot.Shown(), text)
}

// accept says what a snapshot that was opened is worth.
func (f *Fleet) accept(d *fleet.Sources, o opened, err error, wanted wanting) opened {
	lose := func(t trouble.Trouble) {
		o.lost = append(o.lost, unreadOf(snapshotSource(d), "", false, t))
	}
	if err != nil {
		failed := failure(err, d.Snapshot.At)
		if failed.Hint == "" {
			failed.Hint = strings.TrimPrefix(again(d), "run ") + " writes it"
			if isPushed(d) {
				failed.Hint = again(d)
			}
		}
		lose(failed)
		return opened{lost: o.lost}
	}
	o.there = true
	if late, ok := f.Snapshots.tooOld(d, o.head); ok {
		if f.Snapshots.AllowStale {
			o.stale = append(o.stale, late)
		} else {
			lose(late)
		}
	}
	if lacks := o.head.Kept.Lacks(wanted.of(f, d)); len(lacks) > 0 {
		lose(trouble.Trouble{
			Message: fmt.Sprintf("%s was written when nothing asked for %s", nameOf(d), several(lacks)),
			At:      d.Snapshot.At, Hint: f.looksAgain(d, &o.head),
		})
	}
	return o
}

// again is how the director's snapshot is made anew.
func again(d *fleet.Sources) string {
	if d.Server != "" || isPushed(d) {
		return "whoever has it runs ipguard push " + d.Name
	}
	return "run ipguard collect " + d.Name
}

// nameOf is what the director's snapshot is called.
func nameOf(d *fleet.Sources) string {
	if isPushed(d) {
		return "what was pushed of director " + d.Name
	}
	return d.Snapshot.Path
}

// snapshotSource is what is unknown of the director without its snapshot.
func snapshotSource(d *fleet.Sources) claims.Source {
	if len(d.CloudConfigs) > 0 {
		return claims.LeasesSource
	}
	return claims.DirectorSource
}

// sameDirectors tells of directors that are one, by their snapshots.
func (f *Fleet) sameDirectors(all []opened) (failures []trouble.Trouble) {
	names := map[string]string{}
	for i, o := range all {
		d, uuid := &f.Directors[i], o.head.Director.UUID
		if other, ok := names[uuid]; ok && uuid != "" {
			failures = append(failures, trouble.Trouble{
				Message: fmt.Sprintf("directors %s and %s are one: the snapshots of both are of the UUID %s", other, d.Name, uuid),
				At:      d.Snapshot.At, Hint: "keep one of the two in the fleet file",
			})
		}
		names[uuid] = d.Name
	}
	return failures
}

// unseen says what the director did not show.
func unseen(d *fleet.Sources, head snapshot.Head) []trouble.Trouble {
	if len(head.Unseen) == 0 {
		return nil
	}
	return []trouble.Trouble{{
		Message: fmt.Sprintf("director %s did not show %s", d.Name, strings.Join(head.Unseen, "; ")),
		At:      d.Snapshot.At, Hint: again(d) + " as a client that sees it, such as one with the scope bosh.admin",
	}}
}

// several lists the first of many words.
func several(words []string) string {
	const most = 3
	if rest := len(words) - most; rest > 0 {
		return strings.Join(words[:most], ", ") + fmt.Sprintf(" and %d more", rest)
	}
	return strings.Join(words, ", ")
}

// skew is how far two clocks may be apart.
const skew = time.Hour

// tooOld says how old a snapshot is that may not be so old. One from the future
// has no age that could be trusted.
func (s Snapshots) tooOld(d *fleet.Sources, head snapshot.Head) (trouble.Trouble, bool) {
	age := s.Now.Sub(head.Collected).Truncate(time.Minute)
	late := trouble.Trouble{At: d.Snapshot.MaxAgeAt, Hint: again(d)}
	if s.CanAllow {
		late.Hint += ", or take it as it is with --allow-stale"
	}
	switch {
	case d.Snapshot.MaxAge == 0:
		return trouble.Trouble{}, false
	case age > d.Snapshot.MaxAge:
		late.Message = fmt.Sprintf("%s is %s old, and may be %s: what director %s granted since is unknown",
			nameOf(d), ageText(age), ageText(d.Snapshot.MaxAge), d.Name)
		return late, true
	case s.ahead(head):
		late.Message = notYet(d, head)
		return late, true
	}
	return trouble.Trouble{}, false
}

// ahead reports whether a snapshot was written in the future.
func (s Snapshots) ahead(head snapshot.Head) bool { return head.Collected.Sub(s.Now) > skew }

func notYet(d *fleet.Sources, head snapshot.Head) string {
	return fmt.Sprintf("%s was written at %s, which is in the future: its age is unknown", nameOf(d), head.Collected.Format(time.RFC3339))
}

// ageText is a length of time as the fleet file has it, in its largest unit.
func ageText(age time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case age >= day:
		if rest := age % day / time.Hour; rest > 0 {
			return fmt.Sprintf("%dd%dh", age/day, rest)
		}
		return fmt.Sprintf("%dd", age/day)
	case age >= time.Hour:
		if rest := age % time.Hour / time.Minute; rest > 0 {
			return fmt.Sprintf("%dh%dm", age/time.Hour, rest)
		}
		return fmt.Sprintf("%dh", age/time.Hour)
	}
	return fmt.Sprintf("%dm", age/time.Minute)
}
