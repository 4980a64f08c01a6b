package survey

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/garbage"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Side is one director twice: as files promise it, and as it says itself that it
// is. Read puts both together; here they are apart, to be held against each other.
type Side struct {
	Name string
	At   place.Place
	// Promised is what the files say; nil if they say nothing of deployments. Networks
	// are the director's own where no file has a cloud-config.
	Promised *claims.Director
	// Partial says that a file of the director could not be read, so that there
	// may be promises that are not known.
	Partial bool
	// Granted is what the director said; nil without a snapshot that can be read.
	Granted *claims.Director
	// Head is the snapshot's; the zero value where Granted is nil.
	Head snapshot.Head
	// Lost is what the director's snapshot does not tell because it cannot be used.
	Lost []claims.Unread
	// Withheld is what the director does not show of its deployments.
	Withheld []trouble.Trouble
	// Unread are deployments whose manifest could not be collected.
	Unread []string
	// Silent says that the director has no deployments to promise anything to: it
	// stands in the fleet file for VMs of create-env alone.
	Silent bool
}

// Sides are all directors of a fleet in the order of the fleet file.
type Sides struct {
	Sides    []Side
	Failures []trouble.Trouble
	// Stale are snapshots that are older than they may be, and count all the same.
	Stale []trouble.Trouble
	// Booked are the bookings that are taken or rest, Over those that ended, and
	// UnreadBookings what could not be read of them.
	Booked, Over   []plan.Claim
	UnreadBookings []plan.BlindSpot
}

// ReadSides reads the files and the snapshots of a fleet apart from each other.
// What is wrong with the files is not found out: lint does that.
func ReadSides(f Fleet, loader *interpolate.Loader) *Sides {
	defer garbage.CollectLess(memoryLimit)()
	f.Directors, f.onlyClaims = slices.Clone(f.Directors), true
	result := &Sides{Sides: make([]Side, len(f.Directors))}
	result.Failures, result.Stale = f.openSnapshots()
	for i := range f.Directors {
		d := &f.Directors[i]
		result.Sides[i] = Side{Name: d.Name, At: d.At, Lost: d.lost, Silent: d.Snapshot == nil && len(d.CloudConfigs)+len(d.Deployments) == 0 && len(d.CreateEnvs) > 0}
	}
	result.readPromised(f, loader)
	result.readGranted(f, loader)
	bookings := f.readBookings()
	result.Booked, result.Over, result.UnreadBookings = bookings.claims, bookings.over, bookings.spots
	return result
}

// readPromised reads what files say. A director of which they say nothing but its
// own VM promises that VM, and nothing to deployments.
func (s *Sides) readPromised(f Fleet, loader *interpolate.Loader) {
	var which []int
	var directors []Director
	for i := range f.Directors {
		d := f.Directors[i]
		if len(d.CloudConfigs)+len(d.RuntimeConfigs)+len(d.Deployments)+len(d.CreateEnvs) == 0 {
			s.Sides[i].Partial = d.Unresolved
			continue
		}
		d.only = onlyConfigs
		if len(d.CloudConfigs) > 0 {
			d.Snapshot, d.live, d.lost = nil, nil, nil
		}
		d.live = d.live.fresh()
		which, directors = append(which, i), append(directors, d)
	}
	r, all := f.readOnly(directors, loader)
	for k, i := range which {
		s.Sides[i].Promised = &r.directors[k]
		s.Sides[i].Partial = len(r.each[k].failures)+len(r.each[k].unread) > 0 || unread(&directors[k], &r.directors[k])
	}
	s.Failures = slices.Concat(s.Failures, all.failures)
}

// unread reports whether a manifest was read and says nothing.
func unread(d *Director, read *claims.Director) bool {
	return len(read.Deployments)+len(read.CreateEnvs) < len(d.Deployments)+len(d.CreateEnvs)
}

// readGranted reads what directors say. Their own addresses come from files: no
// director tells them.
func (s *Sides) readGranted(f Fleet, loader *interpolate.Loader) {
	var which []int
	var directors []Director
	for i := range f.Directors {
		d := f.Directors[i]
		if d.live == nil {
			continue
		}
		d.CloudConfigs, d.Deployments, d.RuntimeConfigs, d.CreateEnvs = nil, nil, nil, nil
		if promised := s.Sides[i].Promised; promised != nil {
			d.Addresses = claims.OwnAddresses(promised)
		}
		d.only = onlyDirector
		if len(f.Directors[i].RuntimeConfigs) == 0 {
			d.only = onlyComparable
		}
		d.live = d.live.fresh()
		which, directors = append(which, i), append(directors, d)
	}
	r, all := f.readOnly(directors, loader)
	for k, i := range which {
		live := directors[k].live
		s.Sides[i].Granted, s.Sides[i].Head, s.Sides[i].Unread = &r.directors[k], live.head, live.unreadable
		s.Sides[i].Withheld = live.withheld
		s.Sides[i].Granted.KeepLeases = true
	}
	s.Failures = slices.Concat(s.Failures, all.failures)
}

// readOnly reads some directors.
func (f *Fleet) readOnly(directors []Director, loader *interpolate.Loader) (*reading, *surveyor) {
	part := *f
	part.Directors = directors
	r := newReading(&part, loader)
	r.read()
	return r, r.all()
}

// only says which part of a snapshot counts; 0: all of it.
type only uint8

const (
	// onlyConfigs are the latest cloud-configs.
	onlyConfigs only = iota + 1
	// onlyDirector is all that the director said, and no file.
	onlyDirector
	// onlyComparable leaves out runtime configs besides: there are none in files.
	onlyComparable
)

// fresh is the same snapshot, before anything of it was put where files are.
func (l *live) fresh() *live {
	if l == nil {
		return nil
	}
	return &live{head: l.head, snapshot: l.snapshot, needed: true}
}

// keepOnly takes away what does not count.
func (d *Director) keepOnly() {
	deployed := func(e Entry) bool { return e.Deployed }
	switch d.only {
	case onlyConfigs:
		d.RuntimeConfigs = slices.DeleteFunc(d.RuntimeConfigs, deployed)
		d.Deployments = slices.DeleteFunc(d.Deployments, deployed)
		d.live.leases, d.live.views, d.live.told, d.live.orphans = nil, nil, nil, nil
	case onlyComparable:
		d.RuntimeConfigs = nil
	}
}
