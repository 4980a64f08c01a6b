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
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/booking"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ignore"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/pushes"
	"github.com/ipguard/ipguard/src/internal/regularfile"
	"github.com/ipguard/ipguard/src/internal/sharedread"
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
	// Booked are the records of all pools of the database, those included that the fleet
	// file does not have; nil: there are none.
	Booked func(context.Context) (map[string]*ledger.Records, error)
	// Granted are the addresses that a director granted, by its history, and that are not
	// known to be free again; nil: there is no history.
	Granted func(ctx context.Context, director string) ([]Grant, error)
	// Load tells other servers on the database by which fleet file this one gives, as a
	// digest: from then on they give nothing by another. It ends when nothing is being
	// written by another any more; nil: there are no other servers.
	Load func(ctx context.Context, by string, in Segments) error
	// BookedIn are, by pool and address, the segments in which addresses were booked, where
	// the pool was in others since; nil: they are not known.
	BookedIn func(context.Context) (map[string]map[netip.Prefix]string, error)
	// LoadedLast is the digest that was loaded last, by whichever server, and what tells
	// that loading from others.
	LoadedLast func(ctx context.Context) (by, tag string, err error)
	// Made is called with each picture that is made; it may be nil.
	Made func(*Picture)

	sources sharedread.Reader[struct{}, sources]

	loading sync.Mutex
	// loaded is the digest that Load was told last.
	loaded string

	mu   sync.Mutex
	last *Picture
	// of is the digest of what the last picture is of, made when it was, took how long
	// that was, and making says that somebody makes the next one of the same.
	of     string
	made   time.Time
	took   time.Duration
	making bool

	judging sync.Mutex
	judged  judged
}

// Picture is the plan at one moment.
type Picture struct {
	// Tag changes with what the picture was made of.
	Tag  string
	Plan *plan.Plan
	// Pools are those of the fleet file that could be read, in its order.
	Pools []*ledger.Pool
	// Under is the tag of the fleet file by which this is given: nothing may be given by
	// another at the same time.
	Under string
	// Lost are pools that had bookings and that the fleet file does not have any more, or
	// cannot be read of it, by name: with the ranges that are booked of them.
	Lost []*ledger.Pool
	// Moved are bookings of pools that are in another segment now than when they were made:
	// their addresses are taken in that one, too.
	Moved []bookfile.PoolBookings
	// Told are the bookings of pools that teams have in their own files.
	Told []bookfile.PoolBookings
	// Damaged are the directors of which the last push is not in the database as it was
	// written: what they have is not known.
	Damaged []string
	// Vanished are addresses that VMs had and may have still, which their directors do not show.
	Vanished []survey.Vanished
	// Required are the names of those that demand that what is used is booked.
	Required map[string]bool
	// Findings are what lint says of all directors together, but for what it says of
	// bookings: Plan.Judged adds that.
	Findings []lint.Finding
	// Failures are what is wrong with the plan as a whole: nothing can be given while
	// there is one. Unread is what of single directors could not be read.
	Failures, Unread []trouble.Trouble
	// InFleetFile are the failures that are the fleet file's own.
	InFleetFile []trouble.Trouble
	// Strangers are names in the fleet file that are nobody's: of directors that nobody has
	// pushed yet, that were retired, or that were mistyped.
	Strangers []trouble.Trouble
	// Shared is the part of the fleet file that teams need beside their own.
	Shared string
	// Pushed are the versions that count. When they were collected, and their digests, may
	// be others now: pushes.Store knows.
	Pushed []pushes.Push
	// Own are the snapshots of directors that the server knows itself: what its fleet file
	// and the files there say of them, with what was pushed or they said, in the form of a
	// push. It stands for the push.
	Own map[string][]byte
	// Directors are the names of all directors: in the order of the fleet file, and then
	// those that were only pushed.
	Directors []string

	maxAges map[string]string
	// file is the fleet file, and severities are those that it gives rules.
	file       *fleet.File
	severities map[string]lint.Severity

	// outside are the directors with which owners were told that are below none.
	outside map[string]string

	// Answers are asked who has an address.
	Answers *answer.Index

	mu    sync.Mutex
	looks map[lookOf]*booking.Look
}

// MaxAge is how old a director's snapshot may be, by the fleet file; empty: any age.
func (p *Picture) MaxAge(director string) string { return p.maxAges[director] }

// The files that the fleet file names are not looked at each time. A picture that is
// older than fresh is made again, beside those who ask; when making one takes long, so
// seldom that it takes a twentieth of the time. Nobody gets one that is older than twice
// that.
const fresh = 30 * time.Second

func (p *Plan) fresh() time.Duration { return max(fresh, 20*p.took) }

// Read returns the picture of now: every push and every change of the fleet file that was
// done before counts.
func (p *Plan) Read(ctx context.Context) (*Picture, error) {
	picture, _, err := p.ReadHeads(ctx)
	return picture, err
}

// ReadHeads is Read with the versions of now, whose digests may be newer than those that
// the picture was made of. They must not be changed.
func (p *Plan) ReadHeads(ctx context.Context) (*Picture, []pushes.Push, error) {
	found, err := p.sources.Get(ctx, struct{}{}, p.readSources)
	if err != nil {
		return nil, nil, err
	}
	picture, fresh, err := p.readOf(ctx, found.heads, found.digest)
	if err == nil && fresh { // which may have taken long
		found, err = p.sources.Get(ctx, struct{}{}, p.readSources)
	}
	return picture, found.heads, err
}

// readOf is the picture of these versions; fresh says that it was made now.
func (p *Plan) readOf(ctx context.Context, heads []pushes.Push, of string) (_ *Picture, fresh bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last != nil && p.of == of {
		switch age := p.Now().Sub(p.made); {
		case p.FleetFile == "" || age >= 0 && age < p.fresh():
			return p.last, false, nil
		case age >= 0 && age < 2*p.fresh():
			p.again(heads, of)
			return p.last, false, nil
		}
	}
	start, made := time.Now(), p.Now()
	picture, err := p.read(ctx, heads, true)
	if err != nil {
		return nil, false, err
	}
	p.keep(picture, of, made, time.Since(start))
	return picture, true, nil
}

func (p *Plan) keep(picture *Picture, of string, made time.Time, took time.Duration) {
	picture.Tag = fmt.Sprintf("%s-%x", of, made.Unix())
	if p.Made != nil {
		p.Made(picture)
	}
	p.last, p.of, p.made, p.took = picture, of, made, took
}

// again makes the next picture of the same pushes, unless somebody does already. One that
// cannot be made is left to who asks when the last one is too old.
func (p *Plan) again(heads []pushes.Push, of string) {
	if p.making {
		return
	}
	p.making = true
	go func() {
		start, made := time.Now(), p.Now()
		var picture *Picture
		err := errors.New("it could not be made")
		defer func() {
			_ = recover() // whoever asks when the last one is too old hears of it
			p.mu.Lock()
			defer p.mu.Unlock()
			p.making = false
			if errors.Is(err, errMovedOn) && p.of == of { // whoever asks next makes one, and tells others
				p.of = ""
			}
			if err == nil && p.of == of && p.made.Before(made) {
				p.keep(picture, of, made, time.Since(start))
			}
		}()
		picture, err = p.read(context.Background(), heads, false)
	}()
}

// sources are what a picture is made of, and their digest.
type sources struct {
	heads  []pushes.Push
	digest string
}

func (p *Plan) readSources(ctx context.Context, _ []struct{}) (map[struct{}]sources, error) {
	heads, err := p.Pushes.Heads(ctx)
	if err != nil {
		return nil, fmt.Errorf("what was pushed cannot be read: %w", err)
	}
	h := sha256.New()
	for _, push := range heads { // one version says the same, whenever it was collected
		fmt.Fprintf(h, "%q %d\n", push.Director, push.Version)
	}
	if p.FleetFile != "" {
		text, err := regularfile.Read(p.FleetFile)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFleetFile, err)
		}
		h.Write(text)
		if p.LoadedLast != nil { // by another fleet file, other addresses may have been given
			_, tag, err := p.LoadedLast(ctx)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(h, " %s", tag)
		}
	}
	return map[struct{}]sources{{}: {heads, hex.EncodeToString(h.Sum(nil))[:32]}}, nil
}

// read makes a picture. newest says that nobody reads the fleet file later at the same time.
func (p *Plan) read(ctx context.Context, heads []pushes.Push, newest bool) (picture *Picture, err error) {
	files := source.NewFiles(nil)
	var texts [][]byte
	reading := workspace.Reading{Files: files, Environ: p.Environ, Now: p.Now(), OfServer: true}
	var w *workspace.Workspace
	if p.FleetFile == "" {
		w = workspace.Empty(reading, fleet.Sources{})
		w.Fleet.Directors = nil
	} else {
		w = workspace.Open(p.FleetFile, reading)
	}
	var damaged []string
	under := ""
	switch {
	case p.Load == nil || p.FleetFile == "":
	case len(w.Troubles) > 0:
		under = nothing
	default:
		// Before the bookings are read: those that others make by other files are done then.
		by, err := p.givingBy(w, files)
		if err != nil {
			return nil, err
		}
		if under, err = p.load(ctx, by, segmentsOf(w.Fleet.File), newest); err != nil {
			return nil, err
		}
	}
	for _, push := range heads {
		text, err := p.Pushes.Text(ctx, push.Director, push.Version)
		texts = append(texts, text)
		name := nameOf(push)
		if errors.As(err, new(*pushes.DamagedError)) { // of the others everything is known
			damaged = append(damaged, push.Director)
			directorIn(&w.Fleet, push.Director, place.Place{File: name}).Damaged = true
			continue
		}
		if err != nil {
			return nil, err
		}
		files.Keep(name, text)
		pushed(&w.Fleet, push.Director, name)
	}
	strays, err := p.strays(ctx, w.Fleet.File)
	if err != nil {
		return nil, err
	}
	w.Fleet.Bookings = slices.Concat(strays.list, strays.moved)
	read := survey.Read(w.Fleet, w.Loader)
	own := slices.Concat(w.Troubles, overlapping(w.Fleet.File))
	picture = &Picture{
		Damaged: damaged, Lost: strays.lost, Moved: strays.moved, Told: read.Told, InFleetFile: own, Under: under, Required: map[string]bool{},
		Plan: read.Facts.Plan, Findings: p.accepted(w.Fleet.File, lint.Run(read.Facts, p.rules())), Pushed: heads,
		Failures: slices.Concat(own, read.Failures), Unread: slices.Concat(strays.told, read.Unread), maxAges: map[string]string{},
		file: w.Fleet.File, severities: read.Facts.Severities,
	}
	for i, push := range heads { // behind what is judged: nobody can mend what has gone
		gone, err := p.vanished(ctx, picture.Plan, push, nameOf(push), texts[i])
		if err != nil {
			return nil, err
		}
		picture.Vanished = append(picture.Vanished, gone...)
	}
	survey.AddVanished(picture.Plan, picture.Vanished)
	picture.outside = picture.toldOutside()
	picture.Answers = answer.NewIndex(plan.NewIndex(picture.Plan))
	if picture.Shared, err = p.shared(files); err != nil && len(own) == 0 { // else it was said with its place
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
			picture.Required[pool.Name] = w.Fleet.File.Pools[i].Book.Value != ""
		}
	}
	for i := range w.Fleet.Directors {
		picture.Directors = append(picture.Directors, w.Fleet.Directors[i].Name)
	}
	picture.Strangers = w.Fleet.File.CheckNames(picture.Directors, func(owner string) bool {
		return slices.ContainsFunc(picture.Plan.Claims, func(c plan.Claim) bool {
			return (c.Kind == plan.External || c.Kind == plan.Booked) && c.Owner().Property == owner
		})
	})
	p.own(picture, w)
	return picture, nil
}

// nameOf is the name of a push as a file.
func nameOf(push pushes.Push) string {
	return fmt.Sprintf("push %d of %s", push.Version, push.Director)
}

// accepted leaves of findings those that the fleet file does not allow. What comments in
// the files of teams accept counts for these teams alone.
func (p *Plan) accepted(file *fleet.File, found []lint.Finding) []lint.Finding {
	accepts := ignore.Accepting(ignore.Exceptions{Allowances: workspace.Allowances(file)}, p.Now().UTC().Truncate(24*time.Hour))
	return slices.DeleteFunc(found, func(f lint.Finding) bool { return accepts(&f) })
}

// rules are those that a picture is judged by: not those about bookings, if there are any.
func (p *Plan) rules() []lint.Rule {
	if p.Booked == nil {
		return lint.Rules()
	}
	ofBookings := map[string]bool{}
	for _, r := range lint.BookingRules() {
		ofBookings[r.ID] = true
	}
	return slices.DeleteFunc(lint.Rules(), func(r lint.Rule) bool { return ofBookings[r.ID] })
}

// own makes snapshots of the directors of which the fleet file says more than what was
// pushed, or that nobody pushed.
func (p *Plan) own(picture *Picture, w *workspace.Workspace) {
	picture.Own = map[string][]byte{}
	for _, d := range w.Fleet.Directors {
		if d.Damaged {
			continue // its files are not all that it has
		}
		isPushed := slices.ContainsFunc(picture.Pushed, func(o pushes.Push) bool { return o.Director == d.Name })
		if isPushed && !survey.Adds(&d) || !isPushed && !survey.Told(&d) {
			continue
		}
		// To the hour, so that they are the same when nothing changed.
		s, err := survey.Promised(d, w.Loader, w.Fleet.Snapshots.Files, workspace.Keep(w.Fleet.File), nil, p.Now().Truncate(time.Hour))
		if err != nil {
			if t := trouble.Of(err); !slices.ContainsFunc(picture.Failures, func(o trouble.Trouble) bool { return o.Message == t.Message && o.At == t.At }) {
				picture.Failures = append(picture.Failures, t)
			}
			continue
		}
		picture.Own[d.Name] = s.Encode()
	}
}

// pushed puts a snapshot into the fleet: of a director that the fleet file names, or
// of one more.
func pushed(f *survey.Fleet, director, name string) {
	file := &fleet.SnapshotFile{Path: name, Pushed: true, At: place.Place{File: name}}
	for i := range f.File.Directors { // its max_age counts, whatever it says of a snapshot
		if d := &f.File.Directors[i]; d.Name.Value == director {
			file.MaxAge, file.MaxAgeAt = d.MaxAge.Length, d.MaxAge.At
		}
	}
	directorIn(f, director, file.At).Snapshot = file
}

// directorIn is the fleet's director of a name: of those that the fleet file names, or one
// more, told in a place.
func directorIn(f *survey.Fleet, name string, at place.Place) *fleet.Sources {
	i := slices.IndexFunc(f.Directors, func(d fleet.Sources) bool { return d.Name == name })
	if i < 0 {
		i = len(f.Directors)
		f.Directors = append(f.Directors, fleet.Sources{Name: name, At: at})
	}
	return &f.Directors[i]
}

// Booked are all pools that may have bookings.
func (p *Picture) Booked() []*ledger.Pool { return slices.Concat(p.Pools, p.Lost) }

// Pool is the pool of that name; nil if there is none.
func (p *Picture) Pool(name string) *ledger.Pool {
	i := slices.IndexFunc(p.Pools, func(o *ledger.Pool) bool { return o.Name == name })
	if i < 0 {
		return nil
	}
	return p.Pools[i]
}

// lookOf is what a look is kept by.
type lookOf struct {
	pool   *ledger.Pool
	unsure bool
}

// Look is a look at the plan for a pool of the picture.
func (p *Picture) Look(pool *ledger.Pool, now time.Time) *booking.Look {
	return p.look(lookOf{pool, false}, now)
}

// UnsureLook is one that gives addresses also where somebody may have them who cannot be
// seen. It is for the question whether that is why there are too few.
func (p *Picture) UnsureLook(pool *ledger.Pool, now time.Time) *booking.Look {
	return p.look(lookOf{pool, true}, now)
}

func (p *Picture) look(of lookOf, now time.Time) *booking.Look {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.looks[of]
	if known == nil {
		known = &booking.Look{Plan: p.Plan, Pool: of.pool, Unsure: of.unsure}
		known.Ready()
		if p.looks == nil {
			p.looks = map[lookOf]*booking.Look{}
		}
		p.looks[of] = known
	}
	look := *known
	look.Now = now
	return &look
}
