package survey

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// reading reads directors, in one or two goes: the second one is for snapshots of
// which the first one found out that they matter.
type reading struct {
	fleet     *Fleet
	loader    *interpolate.Loader
	done      []extent   // by director, as are the others
	each      []surveyor // what was found
	directors []claims.Director
}

// extent is how much of a director was read.
type extent int

const (
	nothing extent = iota
	filesOnly
	everything
)

func newReading(f *Fleet, loader *interpolate.Loader) *reading {
	n := len(f.Directors)
	return &reading{fleet: f, loader: loader, done: make([]extent, n), each: make([]surveyor, n), directors: make([]claims.Director, n)}
}

// read reads what is to be read of all directors and was not yet, and then judges
// these directors side by side.
func (r *reading) read() {
	var now []int
	for i := range r.fleet.Directors {
		d := &r.fleet.Directors[i]
		due := everything
		if d.live != nil && !d.live.needed {
			due = filesOnly
		}
		if r.done[i] < due {
			r.done[i], r.each[i] = due, surveyor{}
			now = append(now, i)
		}
	}
	r.unfold(now)
	files := readAll(r.fleet, now, r.loader)
	tasks := make([]func(), len(now))
	for j, i := range now {
		tasks[j] = func() { r.directors[i] = r.each[i].director(&files[j]) }
	}
	runAll(tasks)
}

// unfold reads the snapshots of directors that are needed.
func (r *reading) unfold(which []int) {
	var tasks []func()
	for _, i := range which {
		if d := &r.fleet.Directors[i]; d.live != nil && d.live.needed {
			tasks = append(tasks, func() { r.fleet.unfold(d, r.loader, &r.each[i]) })
		}
	}
	runAll(tasks)
}

// all puts together what was found of each director.
func (r *reading) all() *surveyor {
	all := &surveyor{targets: lint.Targets{Some: r.fleet.hasTargets()}}
	for i := range r.each {
		all.add(&r.each[i])
	}
	return all
}

// add takes over what another surveyor found, which comes after.
func (s *surveyor) add(o *surveyor) {
	s.problems = append(s.problems, o.problems...)
	s.hidden = append(s.hidden, o.hidden...)
	s.failures = append(s.failures, o.failures...)
	s.unread = append(s.unread, o.unread...)
	s.targets.Owners = append(s.targets.Owners, o.targets.Owners...)
	s.predicted = append(s.predicted, o.predicted...)
}

// hasTargets reports whether the run judges some files, not all.
func (f *Fleet) hasTargets() bool {
	return slices.ContainsFunc(f.Directors, func(d Director) bool { return d.hasTarget() })
}

// hasTarget reports whether the run judges files of the director.
func (d *Director) hasTarget() bool {
	for _, list := range [][]Entry{d.CloudConfigs, d.RuntimeConfigs, d.Deployments, d.CreateEnvs} {
		if slices.ContainsFunc(list, func(e Entry) bool { return e.Target }) {
			return true
		}
	}
	return false
}

// unreadFailures are the sources that could not be read, as failures.
func (s *surveyor) unreadFailures() []trouble.Trouble {
	var list []trouble.Trouble
	for _, u := range s.unread {
		list = append(list, trouble.Trouble{Message: u.Message, At: u.At, Hint: u.Hint, Excerpt: u.Excerpt})
	}
	return list
}
