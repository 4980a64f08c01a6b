package bosh

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// This file says which jobs have the properties that stand beside them: of an instance group,
// an addon, or a whole manifest. Those have them that have no properties of their own
// (deployment_plan/instance_group_spec_parser.rb; addon/addon.rb; the bosh CLI's templates).

// receivers are the jobs that have properties which stand beside them.
type receivers struct {
	// certain and possible are the names of jobs that have them, and of those of which that
	// hides.
	certain, possible []string
	// only is the job, where there is one alone.
	only source.Value
	// hides is what hides the first of the possible ones.
	hides source.Value
	// jobs is how many jobs there are, also with properties of their own.
	jobs int
}

// add adds others.
func (r *receivers) add(more receivers) {
	if len(r.possible) == 0 {
		r.hides = more.hides
	}
	r.certain, r.possible = append(r.certain, more.certain...), append(r.possible, more.possible...)
	r.only, r.jobs = more.only, r.jobs+more.jobs
}

// job adds a job, of that name.
func (r *receivers) job(job, name source.Value) {
	one := receivers{only: name, jobs: 1}
	own, open := job.Has("properties") && job.Field("properties").Kind() != source.Nil, job.OpenKey()
	switch {
	case own:
	case open.Present():
		one.possible, one.hides = []string{name.Raw()}, open
	case hides(job):
		one.possible, one.hides = []string{job.Raw()}, job
	default:
		one.certain = []string{name.Raw()}
	}
	r.add(one)
}

// expect adds the jobs of what hides where a list belongs.
func (r *receivers) expect(list source.Value) {
	if hides(list) {
		r.add(receivers{possible: []string{list.Raw()}, hides: list, jobs: 1})
	}
}

// searchGroup searches an instance group, a v1 job or an addon, of which directors know
// some keys, and returns those of its jobs that have what stands beside all of them.
func (f *vipFinder) searchGroup(name string, group source.Value, known []string) receivers {
	jobs := append(group.Field("jobs").Items(), group.Field("templates").Items()...)
	named := len(group.Field("jobs").Items()) // of templates, names alone were enough
	f.expect(propertyScope{group: name}, group.Field("jobs"), group.Field("jobs").IsList(), "jobs")
	template := group.Field("template") // v1: one name or several
	var all receivers
	all.expect(group.Field("jobs"))
	for _, t := range append(template.Items(), template) {
		switch {
		case t.IsScalar():
			all.job(t, t)
		case t.IsMap(): // which no director takes for a name
			f.expect(propertyScope{group: name}, t, false, "a job")
		}
	}
	for i, job := range jobs {
		f.expect(propertyScope{group: name}, job, job.IsMap() || i >= named && job.IsScalar() && !hides(job), "a job")
		all.job(job, job.Field("name"))
		f.searchJob(name, job)
	}
	f.overlooked(propertyScope{group: name}, group, "jobs", known, func(v source.Value) {
		for _, job := range v.Items() {
			f.searchJob(name, job)
		}
	})
	scope := propertyScope{group: name}
	if all.jobs == 1 {
		scope.job = all.only.Text()
	}
	f.searchShared(scope, group, known, all)
	return all
}

// searchJob searches a job of a group.
func (f *vipFinder) searchJob(group string, job source.Value) {
	name := job.Field("name")
	scope := propertyScope{group: group, job: name.Text(), jobs: []string{name.Raw()}, named: name.Place()}
	f.search(scope, job.Field("properties"))
	f.overlooked(scope, job, "properties", jobKeys, func(v source.Value) { f.search(scope, v) })
}

// searchShared searches the properties that stand beside jobs. Where there is no job, nobody
// tells which ones have them: they count.
func (f *vipFinder) searchShared(scope propertyScope, parent source.Value, known []string, by receivers) {
	search := func(v source.Value) {
		found := len(f.vips.Found)
		if scope.jobs = by.certain; len(by.certain) > 0 || by.jobs == 0 {
			f.search(scope, v)
		}
		if scope.jobs = by.possible; len(by.possible) > 0 {
			f.searchPossible(scope, v, by.hides, slices.Clone(f.vips.Found[found:]))
		}
	}
	search(parent.Field("properties"))
	f.overlooked(scope, parent, "properties", known, search)
}

// searchPossible searches properties of which it hides whether those jobs have them. What
// others certainly have is known.
func (f *vipFinder) searchPossible(scope propertyScope, v, behind source.Value, known []PropertyAddress) {
	gap := Gap{Hides: HidesProperties, GroupName: scope.group, What: scope.describe("properties"), At: behind.Place()}
	gap.isBehind(behind.Text())
	seen := map[place.Place]bool{}
	for _, a := range known {
		seen[a.At] = true
	}
	fresh := func(list []PropertyAddress) []PropertyAddress {
		return slices.DeleteFunc(slices.Clone(list), func(a PropertyAddress) bool { return seen[a.At] })
	}
	f.asGap(gap, func() {
		found, gaps := len(f.vips.Found), len(f.vips.Gaps)
		f.search(scope, v)
		f.vips.Found = append(f.vips.Found[:found], fresh(f.vips.Found[found:])...)
		inner := slices.DeleteFunc(slices.Clone(f.vips.Gaps[gaps:]), func(g Gap) bool { return len(g.Found) > 0 && len(fresh(g.Found)) == 0 })
		f.vips.Gaps = append(f.vips.Gaps[:gaps], inner...)
	})
}
