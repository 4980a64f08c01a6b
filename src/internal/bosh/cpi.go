package bosh

import (
	"strings"

	"github.com/ipguard/ipguard/src/internal/source"
)

// readCPIs reads which CPI makes the VM of a create-env manifest, and which one
// the director on that VM, if there is one, will use.
func (r *manifestReader) readCPIs() {
	provider := r.doc.Field("cloud_provider")
	templates := append([]source.Value{provider.Field("template")}, provider.Field("templates").Items()...)
	var names []string
	for _, t := range templates {
		if name := t.Field("name"); name.IsScalar() {
			names = append(names, name.Shown())
		}
	}
	r.m.CPI = strings.Join(names, " ")
	job := func(v source.Value) {
		if name := v.Field("properties").Field("director").Field("cpi_job"); name.IsScalar() && r.m.DirectorCPI == "" {
			r.m.DirectorCPI = name.Shown()
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
}
