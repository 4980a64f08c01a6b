package survey

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/fleet"
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
	defer garbage.CollectLess(garbage.Limit)()
	f.Directors = slices.Clone(f.Directors)
	for i := range f.Directors { // files are held against the director, not against files that were pushed
		f.Directors[i].Pushed = nil
	}
	s := f.readSides(loader)
	if f.Names().Late() {
		return f.readSides(loader)
	}
	return s
}

func (given *Fleet) readSides(loader *interpolate.Loader) *Sides {
	f := *given
	r := reader{fleet: &f, loader: loader, mode: claimsOnly}
	opened := f.openAll()
	s := &Sides{Sides: make([]Side, len(f.Directors)), Failures: f.sameDirectors(opened)}
	for i := range f.Directors {
		d := &f.Directors[i]
		s.Sides[i] = Side{Name: d.Name, At: d.At, Lost: opened[i].lost, Silent: d.Snapshot == nil && len(d.CloudConfigs)+len(d.Deployments) == 0 && len(d.CreateEnvs) > 0}
		s.Stale = append(s.Stale, opened[i].stale...)
	}
	s.readPromised(r, opened)
	s.readGranted(r, opened)
	bookings := f.readBookings()
	s.Booked, s.Over, s.UnreadBookings = bookings.claims, bookings.over, bookings.spots
	s.Failures = slices.Concat(s.Failures, bookings.ownerless)
	return s
}

// readPromised reads what files say. A director of which they say nothing but its
// own VM promises that VM, and nothing to deployments.
func (s *Sides) readPromised(r reader, opened []opened) {
	var which []int
	var inputs []input
	for i, o := range opened {
		d := &r.fleet.Directors[i]
		if len(d.CloudConfigs)+len(d.RuntimeConfigs)+len(d.Deployments)+len(d.CreateEnvs) == 0 {
			s.Sides[i].Partial = d.Unresolved
			continue
		}
		in := input{Sources: d, snapshot: o, of: configsOnly}
		if len(d.CloudConfigs) > 0 {
			in.of, in.snapshot.lost = filesOnly, nil
		}
		which, inputs = append(which, i), append(inputs, in)
	}
	read := r.read(inputs)
	for k, i := range which {
		s.Sides[i].Promised = &read[k].claims
		s.Sides[i].Partial = len(read[k].failures)+len(read[k].unread) > 0 || unread(inputs[k].Sources, &read[k].claims)
	}
	s.Failures = slices.Concat(s.Failures, failuresOf(read))
}

// unread reports whether a manifest was read and says nothing.
func unread(d *fleet.Sources, read *claims.Director) bool {
	return len(read.Deployments)+len(read.CreateEnvs) < len(d.Deployments)+len(d.CreateEnvs)
}

// readGranted reads what directors say. Their own addresses come from files: no
// director tells them.
func (s *Sides) readGranted(r reader, opened []opened) {
	var which []int
	var inputs []input
	for i, o := range opened {
		if !o.there {
			continue
		}
		d := r.fleet.Directors[i]
		in := input{Sources: &d, snapshot: o, of: everything}
		if len(d.RuntimeConfigs) == 0 {
			in.of = withoutRuntime
		}
		d.CloudConfigs, d.Deployments, d.RuntimeConfigs, d.CreateEnvs, d.Reached = nil, nil, nil, nil, nil // what it told alone
		if promised := s.Sides[i].Promised; promised != nil {
			d.Addresses = claims.OwnAddresses(promised)
		}
		which, inputs = append(which, i), append(inputs, in)
	}
	read := r.read(inputs)
	for k, i := range which {
		side := &s.Sides[i]
		side.Granted, side.Head, side.Unread, side.Withheld = &read[k].claims, opened[i].head, read[k].unreadable, read[k].withheld
		side.Granted.KeepLeases = true
	}
	s.Failures = slices.Concat(s.Failures, failuresOf(read))
}
