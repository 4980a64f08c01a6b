// Package survey reads a fleet: every file of every director, as a deploy would
// get it, down to the facts that lint looks at.
//
//	Fleet ─open─▶ opened ─choose─▶ input ─compose─▶ composed ─readAll─▶ documents ─judge─▶ judged ─▶ lint.Facts
//	files          heads of      what of   files and           YAML               claims,
//	               snapshots     a director snapshot together                    problems
//
// Each stage takes values, one for each director, and returns others; none changes
// what it was given. Files are read side by side, as many at a time as there are
// processors; what one file is worth is taken out of it at once, so that no more
// documents are in memory than are being read. What cannot be read is a
// trouble.Trouble and does not stop the rest.
//
// A run that judges a few files need not read all snapshots: those whose heads prove
// that nothing in them can meet what is judged are left (choose.go). Nothing that is
// left can change the verdict; what is said beside a finding, such as which address is
// free, it can, and Thorough reads it then.
package survey

import (
	"maps"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/deploy"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/garbage"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// hasTarget reports whether the run judges files of the director.
func hasTarget(d *fleet.Sources) bool {
	for _, list := range [][]fleet.SourceFile{d.CloudConfigs, d.RuntimeConfigs, d.Deployments, d.CreateEnvs} {
		if slices.ContainsFunc(list, func(e fleet.SourceFile) bool { return e.Target }) {
			return true
		}
	}
	return false
}

// Fleet is everything to read.
type Fleet struct {
	Directors []fleet.Sources
	Externals []claims.External
	// File is the fleet file, for its segments; an empty one if there is none.
	File *fleet.File
	// VIPs are the patterns of properties that hold virtual addresses.
	VIPs bosh.Patterns
	// Shared is what counts for what teams pushed.
	Shared Shared
	// Severities are those that the fleet file gives rules, by their ids.
	Severities map[string]lint.Severity
	// Strict makes addresses that nobody can see errors.
	Strict bool
	// Snapshots say how those of directors are read.
	Snapshots Snapshots
	// Elsewhere is the URL of the server that tells of others, where the run judges what the
	// fleet file has; what lies between these others alone is then not judged. Empty: all is.
	Elsewhere string
	// Bookings are those that do not stand beside the fleet file, but on a server.
	Bookings []bookfile.PoolBookings
	// Teams are those for which who asks the server may book.
	Teams []string
	// Vanished is what a server knows that VMs had.
	Vanished []Vanished

	// strangers are the failures of directors that are not those that the server knows by
	// their names.
	strangers []trouble.Trouble
}

// hasTargets reports whether the run judges some files, not all.
func (f *Fleet) hasTargets() bool {
	return slices.ContainsFunc(f.Directors, func(d fleet.Sources) bool { return hasTarget(&d) })
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
}

// Survey is what was read.
type Survey struct {
	Facts *lint.Facts
	// Failures are what is wrong with the fleet as a whole. What of its directors
	// could not be read are blind spots of the plan.
	Failures []trouble.Trouble
	// Unread are the failures behind those.
	Unread []trouble.Trouble
	// Summary counts directors, deployments and claims; findings are not yet known.
	Summary lint.Summary
	// Predicted holds the addresses that each deployment's next deploy would take.
	Predicted []Prediction
	// Told are the bookings of pools that teams have themselves.
	Told []bookfile.PoolBookings
	// Said are the snapshots that the plan rests on.
	Said []Said

	thorough func() *Survey
}

// Thorough is the survey with all snapshots that cover addresses of the judged
// directors. It finds no more than the survey itself, and knows better what is free
// and what is taken around it.
func (s *Survey) Thorough() *Survey {
	if s.thorough == nil {
		return s
	}
	return s.thorough()
}

// Said is what a director said about itself, and when.
type Said struct {
	Director string
	// File is the snapshot's path, or the URL of the server that tells it.
	File      string
	Collected time.Time
	// Unseen says what the director did not show: one clause each.
	Unseen []string
}

// Prediction is the addresses that one deploy would take.
type Prediction struct {
	Director, Deployment string
	// Target says that this run judges the deployment.
	Target    bool
	Addresses []deploy.PredictedAddress
}

// Read reads the fleet.
func Read(f Fleet, loader *interpolate.Loader) *Survey {
	defer garbage.CollectLess(garbage.Limit)()
	s := f.withoutStrangers(loader)
	if f.Names().Late() {
		return f.withoutStrangers(loader) // now all that is one name is read as one
	}
	return s
}

// Names seal those that may not be shown; nil where nobody asks for it.
func (f *Fleet) Names() *source.Names {
	if f.Snapshots.Files == nil {
		return nil
	}
	return f.Snapshots.Files.Names
}

// withoutStrangers is Read, with what is known of names so far.
func (f Fleet) withoutStrangers(loader *interpolate.Loader) *Survey {
	s, strangers := f.read(loader)
	if len(strangers) > 0 { // what the server has of these is of others
		f.Directors = slices.Clone(f.Directors)
		for _, i := range slices.Sorted(maps.Keys(strangers)) {
			f.Directors[i].Pushed = nil
			f.strangers = append(f.strangers, strangers[i])
		}
		s, _ = f.read(loader)
	}
	return s
}

// read reads the fleet. Strangers are the directors, by their numbers, that are not those
// that the server knows by their names.
func (f Fleet) read(loader *interpolate.Loader) (s *Survey, strangers map[int]trouble.Trouble) {
	given := f
	f.Directors = slices.Clone(f.Directors) // openAll chooses their snapshots
	r := reader{fleet: &f, loader: loader, mode: judgeAll}
	opened := f.openAll()
	if !f.hasTargets() {
		read := r.further(nil, f.inputs(opened, func(*fleet.Sources, *snapshot.Head) bool { return true }))
		return f.survey(opened, read, r.build(read)), f.namesakes(opened, read)
	}
	r.mode = judgeTargets
	read := r.further(nil, f.inputs(opened, f.besideTargets(opened)))
	p := r.build(read)
	asked := f.asked(p, f.targetsOf(read))
	if more := r.further(read, f.inputs(opened, asked.meets)); !same(read, more) {
		read, p = more, r.build(more)
	}
	s = f.survey(opened, read, p)
	s.thorough = func() *Survey {
		defer garbage.CollectLess(garbage.Limit)()
		more := r.further(read, f.inputs(opened, asked.covers))
		switch {
		case same(read, more):
			return s
		case f.Names().Late():
			again, _ := given.read(loader)
			return again.Thorough()
		}
		return f.survey(opened, more, r.build(more))
	}
	return s, f.namesakes(opened, read)
}

// build makes the plan of what was read.
func (r reader) build(read []judged) *plan.Plan {
	directors := make([]claims.Director, len(read))
	for i := range read {
		directors[i] = read[i].claims
	}
	return claims.Build(directors, r.fleet.Externals, r.fleet.File.SegmentsOf)
}

// survey puts together what was read of each director, with its plan.
func (f *Fleet) survey(opened []opened, read []judged, p *plan.Plan) *Survey {
	subnets := judgedSubnets(p.Subnets, f.targetsOf(read))
	bookings, told := f.readBookings(), f.told(read)
	for _, pool := range told {
		bookings.pool(f.File, pool, f.Snapshots.Now)
	}
	bookings.addTo(p)
	AddVanished(p, stopped(f.Vanished))
	contradictions, idle := f.File.CheckSegments(subnets, p.Unseen)
	facts := lint.NewFacts(p)
	facts.ToldBefore = map[place.Place]string{}
	s := &Survey{
		Told: told, Facts: facts, Failures: slices.Concat(f.sameDirectors(opened), f.strangers, failuresOf(f.ownAmong(read)), failures(contradictions), bookings.ownerless),
		Unread:  slices.Concat(unreadFailures(read), bookings.unread),
		Summary: lint.Summary{Directors: len(f.Directors), Deployments: p.Deployments, Claims: len(p.Claims)},
	}
	for i := range read {
		facts.Problems, facts.Hidden = append(facts.Problems, read[i].problems...), append(facts.Hidden, read[i].hidden...)
		s.Predicted = append(s.Predicted, read[i].predicted...)
		facts.Stale = append(facts.Stale, opened[i].stale...)
		if d := &f.Directors[i]; opened[i].there && d.Snapshot != nil {
			s.Said = append(s.Said, Said{d.Name, d.Snapshot.Shown(), opened[i].head.Collected, opened[i].head.Unseen})
		}
		facts.Unseen = append(facts.Unseen, unseen(&f.Directors[i], opened[i].head)...)
		facts.Unseen = append(facts.Unseen, read[i].withheld...)
		for _, name := range read[i].partly {
			p.Withheld = append(p.Withheld, plan.Owner{Director: f.Directors[i].Name, Deployment: name})
		}
		if d := &f.Directors[i]; d.Pushed != nil && hasFiles(d) {
			for _, e := range read[i].claims.Externals {
				for _, b := range e.Blocks {
					facts.ToldBefore[b.At] = d.Name
				}
			}
		}
		if read[i].of == filesOnly {
			s.Summary.Deployments += opened[i].head.Deployed
		}
	}
	facts.Unseen = append(facts.Unseen, f.unlooked(opened)...)
	for _, segment := range f.File.Segments {
		facts.Segments = append(facts.Segments, segment.Name.Value)
	}
	facts.Idle, facts.Targets, facts.Strict, facts.Delegations = failures(idle), f.targetsOf(read), f.Strict, delegations(f.File)
	facts.Severities, facts.Needs, facts.Fence = f.Severities, needsOf(p.Subnets, s.Predicted), fenceOf
	facts.Now, facts.Pools, facts.Over = f.Snapshots.Now, poolsOf(f.File), bookings.over
	return s
}

// judgedSubnets are those of which the run judges something: of others it cannot be
// told what is wrong with them, for not all are read.
func judgedSubnets(all []*plan.Subnet, targets lint.Targets) []*plan.Subnet {
	if !targets.Part() {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(s *plan.Subnet) bool {
		return !slices.ContainsFunc(targets.Owners, func(o plan.Owner) bool { return o.Director == s.Director })
	})
}

// targetsOf are what the run judges.
func (f *Fleet) targetsOf(read []judged) lint.Targets {
	targets := lint.Targets{Some: f.hasTargets()}
	if !targets.Some && f.Elsewhere != "" {
		return f.own()
	}
	for i := range read {
		targets.Owners = append(targets.Owners, read[i].owners...)
	}
	return targets
}

func failuresOf(read []judged) []trouble.Trouble {
	var list []trouble.Trouble
	for i := range read {
		list = append(list, read[i].failures...)
	}
	return list
}

// unreadFailures are the sources that could not be read, as failures.
func unreadFailures(read []judged) []trouble.Trouble {
	var list []trouble.Trouble
	for i := range read {
		for _, u := range read[i].unread {
			list = append(list, trouble.Trouble{Message: u.Message, At: u.At, Hint: u.Hint, Excerpt: u.Excerpt})
		}
	}
	return list
}
