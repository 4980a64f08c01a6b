package survey

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/deploy"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// SnapshotFile is the file in which a director's answers were kept.
type SnapshotFile struct {
	Path string
	// At is the line of the fleet file that names it.
	At place.Place
	// MaxAge is how old it may be; 0: any age.
	MaxAge   time.Duration
	MaxAgeAt place.Place
}

// Snapshots say how snapshots are read.
type Snapshots struct {
	// Files reads them, and keeps their texts.
	Files *source.Files
	// Now is what their age is reckoned from.
	Now time.Time
	// AllowStale makes one that is too old a finding in place of a failure.
	AllowStale bool
	// CanAllow says that the user's command has a flag for that.
	CanAllow bool
	// Wanted is what they must have kept.
	Wanted snapshot.Keep

	wanted snapshot.Kept
}

// live is what a director's snapshot says, beside entries of the files' kind.
type live struct {
	head snapshot.Head
	// snapshot is all of it; nil until it is read, and once it is unfolded.
	snapshot *snapshot.Snapshot
	// needed tells whether the rest of the snapshot must be read.
	needed bool
	// withheld is what the director does not show, by what the whole snapshot says
	// of deployments.
	withheld []trouble.Trouble
	// unreadable are deployments whose manifest could not be collected, or of which
	// there is none yet.
	unreadable []string
	// views are older cloud-configs that deployments are pinned to, and what the
	// director has where files say otherwise.
	views []view
	// teams are cloud-configs that some deployments get beside what all get.
	teams  []view
	leases []claims.Lease
	// told and orphans are the instances behind the leases, as deploys find them.
	told    []told
	orphans []deploy.Instance
}

// view is one set of cloud-configs, and the deployments that have it.
type view struct {
	docs        []source.Value
	deployments []string
	past        string
}

// openSnapshots opens the snapshots of all directors. failures are of those that
// cannot be used, or may not be.
func (f *Fleet) openSnapshots() (failures, stale []trouble.Trouble) {
	results := make([]opened, len(f.Directors))
	f.Snapshots.wanted = f.Snapshots.Wanted.Kept()
	readers := sync.Pool{New: func() any { return new(snapshot.HeadReader) }}
	var whole, heads []func() // what takes longest comes first
	for i := range f.Directors {
		d := &f.Directors[i]
		switch {
		case d.Snapshot == nil:
		case !f.hasTargets() || d.needsSnapshot():
			whole = append(whole, func() { results[i] = f.open(d, f.readWhole) })
		default:
			heads = append(heads, func() {
				reader := readers.Get().(*snapshot.HeadReader)
				defer readers.Put(reader)
				results[i] = f.open(d, func(path string) (*live, error) {
					head, err := reader.Read(path)
					return &live{head: head, needed: !head.Sealed}, err
				})
			})
		}
	}
	runAll(append(whole, heads...))
	uuids := map[string]string{}
	for i, o := range results {
		d := &f.Directors[i]
		stale = append(stale, o.stale...)
		for _, failed := range o.failures {
			d.lost = append(d.lost, claims.Unread{Source: d.snapshotSource(), Reason: plan.Unreadable, Message: failed.Message, Hint: failed.Hint, At: failed.At})
		}
		if o.live == nil {
			continue
		}
		d.live = o.live
		if d.Version == "" {
			d.Version = o.live.head.Director.Version
		}
		uuid := o.live.head.Director.UUID
		if other, ok := uuids[uuid]; ok && uuid != "" {
			failures = append(failures, trouble.Trouble{
				Message: fmt.Sprintf("directors %s and %s are one: the snapshots of both are of the UUID %s", other, d.Name, uuid),
				At:      d.Snapshot.At, Hint: "keep one of the two in the fleet file",
			})
		}
		uuids[uuid] = d.Name
	}
	return failures, stale
}

// opened is what became of opening one snapshot.
type opened struct {
	live            *live
	failures, stale []trouble.Trouble
}

// readWhole reads a snapshot to its end.
func (f *Fleet) readWhole(path string) (*live, error) {
	text, err := f.Snapshots.Files.Read(path)
	if err != nil {
		return nil, err
	}
	s, err := snapshot.Read(path, text)
	if err != nil {
		return nil, err
	}
	return &live{head: s.Head, snapshot: s, needed: true}, nil
}

// open opens a director's snapshot by read.
func (f *Fleet) open(d *Director, read func(path string) (*live, error)) (o opened) {
	l, err := read(d.Snapshot.Path)
	if err != nil {
		failed := failure(err, d.Snapshot.At)
		if failed.Hint == "" {
			failed.Hint = "ipguard collect " + d.Name + " writes it"
		}
		return opened{failures: []trouble.Trouble{failed}}
	}
	o.live = l
	if late, ok := f.Snapshots.tooOld(d, l.head); ok {
		if f.Snapshots.AllowStale {
			o.stale = append(o.stale, late)
		} else {
			o.failures = append(o.failures, late)
		}
	}
	if lacks := l.head.Kept.Lacks(f.Snapshots.wanted); len(lacks) > 0 {
		o.failures = append(o.failures, trouble.Trouble{
			Message: fmt.Sprintf("%s was written when nothing asked for %s", d.Snapshot.Path, several(lacks)),
			At:      d.Snapshot.At, Hint: "run ipguard collect " + d.Name + ", which looks for it now",
		})
	}
	return o
}

// unseen says what directors did not show.
func (f *Fleet) unseen() []trouble.Trouble {
	var list []trouble.Trouble
	for i := range f.Directors {
		if d := &f.Directors[i]; d.live != nil && len(d.live.head.Unseen) > 0 {
			list = append(list, trouble.Trouble{
				Message: fmt.Sprintf("director %s did not show %s", d.Name, strings.Join(d.live.head.Unseen, "; ")),
				At:      d.Snapshot.At, Hint: "run ipguard collect " + d.Name + " as a client that sees it, such as one with the scope bosh.admin",
			})
		}
		if d := &f.Directors[i]; d.live != nil {
			list = append(list, d.live.withheld...)
		}
	}
	return list
}

// withholds notes what the director does not show of its deployments.
func (d *Director) withholds(s *snapshot.Snapshot) {
	for i := range s.Deployments {
		dep := &s.Deployments[i]
		text := dep.NotShown()
		if text == "" {
			continue
		}
		hint := "run ipguard collect " + d.Name + " again when the task has ended"
		if !dep.Locked {
			hint = fmt.Sprintf("deploy it, or delete it: bosh -d %s delete-deployment", dep.Name)
		}
		d.live.withheld = append(d.live.withheld, trouble.Trouble{Message: "director " + d.Name + " did not show " + text, At: d.Snapshot.At, Hint: hint})
	}
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
func (s Snapshots) tooOld(d *Director, head snapshot.Head) (trouble.Trouble, bool) {
	age := s.Now.Sub(head.Collected).Truncate(time.Minute)
	late := trouble.Trouble{At: d.Snapshot.MaxAgeAt, Hint: "run ipguard collect " + d.Name}
	if s.CanAllow {
		late.Hint += ", or take it as it is with --allow-stale"
	}
	switch {
	case d.Snapshot.MaxAge == 0:
		return trouble.Trouble{}, false
	case age > d.Snapshot.MaxAge:
		late.Message = fmt.Sprintf("%s is %s old, and may be %s: what director %s granted since is unknown",
			d.Snapshot.Path, ageText(age), ageText(d.Snapshot.MaxAge), d.Name)
		return late, true
	case age < -skew:
		late.Message = fmt.Sprintf("%s was written at %s, which is in the future: its age is unknown", d.Snapshot.Path, head.Collected.Format(time.RFC3339))
		return late, true
	}
	return trouble.Trouble{}, false
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
