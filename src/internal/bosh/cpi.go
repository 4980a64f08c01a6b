package bosh

import (
	"strings"

	"github.com/ipguard/ipguard/src/internal/seal"
	"github.com/ipguard/ipguard/src/internal/source"
)

// readCPIs reads which CPI makes the VM of a create-env manifest, and which one
// the director on that VM, if there is one, will use.
func (r *manifestReader) readCPIs() {
	provider := r.doc.Field("cloud_provider")
	templates := append([]source.Value{orHidden(provider, "template")}, orHidden(provider, "templates").Items()...)
	var names []string
	for _, t := range templates {
		if name := cpiName(orHidden(t, "name")); name != "" {
			names = append(names, name)
		}
	}
	r.m.CPI = strings.Join(names, " ")
	job := func(v source.Value) {
		director := v.Field("properties").Field("director")
		if name := cpiName(orHidden(director, "cpi_job")); r.m.DirectorCPI == "" || hasVariable(r.m.DirectorCPI) && name != "" {
			r.m.DirectorCPI = name
		}
	}
	job(r.doc)
	for _, key := range []string{"instance_groups", "jobs"} {
		for _, group := range r.doc.Field(key).Items() {
			job(group)
			for _, j := range group.Field("jobs").Items() {
				job(j)
			}
		}
	}
	if r.m.DirectorCPI == "" {
		r.m.DirectorCPI = cpiName(r.hidesDirector())
	}
}

// hidesDirector is what hides as a whole and may hold a director, or its properties. Of a VM
// that certainly has other jobs there is none.
func (r *manifestReader) hidesDirector() source.Value {
	shared := r.doc.Field("properties")
	for _, key := range []string{"instance_groups", "jobs"} {
		groups := r.doc.Field(key)
		if hides(groups) {
			return groups
		}
		for _, group := range groups.Items() {
			jobs := group.Field("jobs")
			if hides(group) || hides(jobs) {
				return orElse(jobs, group)
			}
			for _, j := range jobs.Items() {
				name := j.Field("name")
				switch {
				case hides(j):
					return j
				case !hides(name) && name.Text() != DirectorJob:
				case hides(j.Field("properties")):
					return j.Field("properties")
				case !j.Has("properties") && hides(group.Field("properties")):
					return group.Field("properties")
				case !j.Has("properties") && hides(shared):
					return shared
				}
			}
		}
	}
	return source.Value{}
}

// orHidden is the field of a map, or the map itself where that hides as a whole.
func orHidden(v source.Value, field string) source.Value {
	if v.IsScalar() && hides(v) {
		return v
	}
	return v.Field(field)
}

// cpiName is the name of a CPI, or the variable that hides it; empty where nobody tells it:
// the name that a secret has may not be compared with those of known ones.
func cpiName(v source.Value) string {
	if name := v.Text(); v.IsScalar() && !seal.Is(name) {
		return name
	}
	return ""
}
