// Package central is the plan of the whole company, as the server knows it: its own
// fleet file, and what teams pushed of their directors.
//
//	fleet file ──workspace──▶ fleet ─┐
//	pushes, the last of each ────────┴▶ survey ─▶ Picture: plan, pools, findings
//
// A Picture is not changed once it is made. Read makes a new one when a push or the
// fleet file differs from what the last one was made of.
package central

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/ipguard/ipguard/src/internal/booking"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/pushes"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/trouble"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// Plan reads pictures.
type Plan struct {
	// FleetFile is the path of the server's own; empty: it has none.
	FleetFile string
	Pushes    *pushes.Store
	Environ   []string
	Now       func() time.Time

	mu   sync.Mutex
	last *Picture
}

// Picture is the plan at one moment.
type Picture struct {
	// Tag changes with what the picture was made of.
	Tag  string
	Plan *plan.Plan
	// Pools are those of the fleet file that could be read, in its order.
	Pools []*ledger.Pool
	// Findings are what lint says of all directors together.
	Findings []lint.Finding
	// Failures are what is wrong with the plan as a whole: nothing can be given while
	// there is one. Unread is what of single directors could not be read.
	Failures, Unread []trouble.Trouble
	// Shared is the part of the fleet file that teams need beside their own.
	Shared string
	// Pushed are the versions that count.
	Pushed []pushes.Push
	// Own are the snapshots of directors that the server knows itself and nobody pushed:
	// what their files promise and they said, in the form of a push.
	Own map[string][]byte
	// Directors are the names of all directors, sorted.
	Directors []string

	maxAges map[string]string
}

// MaxAge is how old a director's snapshot may be, by the fleet file; empty: any age.
func (p *Picture) MaxAge(director string) string { return p.maxAges[director] }

// most is how old the parts of a picture may be that are not looked at each time: the
// files that the fleet file names.
const most = 30 * time.Second

// Read returns the picture of now.
func (p *Plan) Read(ctx context.Context) (*Picture, error) {
	heads, err := p.Pushes.Heads(ctx)
	if err != nil {
		return nil, fmt.Errorf("what was pushed cannot be read: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	tag, err := p.tag(heads)
	if err != nil {
		return nil, err
	}
	if p.last != nil && p.last.Tag == tag {
		return p.last, nil
	}
	picture, err := p.read(ctx, heads)
	if err != nil {
		return nil, err
	}
	picture.Tag, p.last = tag, picture
	return picture, nil
}

// tag is the digest of what the picture is made of.
func (p *Plan) tag(heads []pushes.Push) (string, error) {
	h := sha256.New()
	for _, push := range heads {
		fmt.Fprintf(h, "%q %d %s\n", push.Director, push.Version, push.Digest)
	}
	if p.FleetFile != "" {
		text, err := os.ReadFile(p.FleetFile)
		if err != nil {
			return "", fmt.Errorf("the fleet file cannot be read: %w", err)
		}
		h.Write(text)
		fmt.Fprint(h, p.Now().Truncate(most).Unix())
	}
	return hex.EncodeToString(h.Sum(nil))[:32], nil
}

func (p *Plan) read(ctx context.Context, heads []pushes.Push) (picture *Picture, err error) {
	files := source.NewFiles(nil)
	reading := workspace.Reading{Files: files, Environ: p.Environ, Now: p.Now()}
	var w *workspace.Workspace
	if p.FleetFile == "" {
		w = workspace.Empty(reading, fleet.Sources{})
		w.Fleet.Directors = nil
	} else {
		w = workspace.Open(p.FleetFile, reading)
	}
	for _, push := range heads {
		text, err := p.Pushes.Text(ctx, push.Director, push.Version)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("push %d of %s", push.Version, push.Director)
		files.Keep(name, text)
		pushed(&w.Fleet, push.Director, name)
	}
	read := survey.Read(w.Fleet, w.Loader)
	picture = &Picture{
		Plan: read.Facts.Plan, Findings: lint.Sort(lint.Run(read.Facts, lint.Rules())), Pushed: heads,
		Failures: slices.Concat(w.Troubles, read.Failures), Unread: read.Unread, maxAges: map[string]string{},
	}
	if picture.Shared, err = p.shared(files); err != nil {
		return nil, err
	}
	for i := range w.Fleet.Directors {
		if s := w.Fleet.Directors[i].Snapshot; s != nil && s.MaxAge > 0 {
			picture.maxAges[w.Fleet.Directors[i].Name] = fmt.Sprintf("%dm", int(s.MaxAge.Minutes()))
		}
	}
	for i := range w.Fleet.File.Pools {
		if pool := survey.PoolOf(&w.Fleet.File.Pools[i]); len(pool.Ranges) > 0 {
			picture.Pools = append(picture.Pools, pool)
		}
	}
	for i := range w.Fleet.Directors {
		picture.Directors = append(picture.Directors, w.Fleet.Directors[i].Name)
	}
	slices.Sort(picture.Directors)
	p.own(picture, w)
	return picture, nil
}

// own makes snapshots of the directors that nobody pushed.
func (p *Plan) own(picture *Picture, w *workspace.Workspace) {
	picture.Own = map[string][]byte{}
	for _, d := range w.Fleet.Directors {
		if slices.ContainsFunc(picture.Pushed, func(o pushes.Push) bool { return o.Director == d.Name }) || !survey.Told(&d) {
			continue
		}
		// To the hour, so that they are the same when nothing changed.
		s, err := survey.Promised(d, picture.Plan.Claims, w.Loader, w.Fleet.Snapshots.Files, workspace.Keep(w.Fleet.File), p.Now().Truncate(time.Hour))
		if err != nil {
			picture.Failures = append(picture.Failures, trouble.Of(err))
			continue
		}
		picture.Own[d.Name] = s.Encode()
	}
}

// pushed puts a snapshot into the fleet: of a director that the fleet file names, or
// of one more.
func pushed(f *survey.Fleet, director, name string) {
	file := &fleet.SnapshotFile{Path: name, At: place.Place{File: name}}
	for i := range f.Directors {
		if d := &f.Directors[i]; d.Name == director {
			if d.Snapshot != nil {
				file.MaxAge, file.MaxAgeAt = d.Snapshot.MaxAge, d.Snapshot.MaxAgeAt
			}
			d.Snapshot = file
			return
		}
	}
	f.Directors = append(f.Directors, fleet.Sources{Name: director, Snapshot: file, At: file.At})
}

// Pool is the pool of that name; nil if there is none.
func (p *Picture) Pool(name string) *ledger.Pool {
	i := slices.IndexFunc(p.Pools, func(o *ledger.Pool) bool { return o.Name == name })
	if i < 0 {
		return nil
	}
	return p.Pools[i]
}

// Look is a look at the plan for a pool.
func (p *Picture) Look(pool *ledger.Pool, now time.Time) *booking.Look {
	return &booking.Look{Plan: p.Plan, Pool: pool, Now: now}
}
