package bosh

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/source"
)

// setRouters gives addresses of one property, of which the last name stands in the map beside,
// their virtual router, or those that it may be where a name hides. An id that another tool
// has yet to fill in may be any. It reports whether more hides than a variable can tell.
func (f *vipFinder) setRouters(found []PropertyAddress, scope propertyScope, path []propertyName, beside source.Value) (untold bool) {
	routers, id, certain := routersOf(scope.jobs, path, beside)
	untold = !certain && !hideRouters(routers, scope.jobs, path)
	f.noteUnread(id)
	for i := range found {
		found[i].Routers = slices.Clone(routers)
		for j, r := range routers {
			if r.Default {
				found[i].Routers[j].At = found[i].At
			}
		}
	}
	if !id.IsOpenKey() && isUnfilled(id.Text()) {
		gap := scope.gapAt(append(slices.Clone(path[:len(path)-1]), nameOf("virtual_router_id")), id)
		gap.isBehind(id.Text())
		f.vips.Gaps = append(f.vips.Gaps, gap)
	}
	return untold && len(routers) > 0
}

// noteUnread notes the id of a virtual router that is none.
func (f *vipFinder) noteUnread(id source.Value) {
	if id.IsScalar() && routerID(id) == 0 && !hides(id) {
		f.vips.UnreadIDs = append(f.vips.UnreadIDs, id.Place())
	}
}

// hideRouters notes which variable hides whether routers are: that in the name of a job, or
// of a property. It reports whether there is one.
func hideRouters(routers []Router, jobs []string, path []propertyName) bool {
	names := slices.Clone(jobs)
	for _, name := range path {
		names = append(names, name.raw)
	}
	for _, name := range names {
		variable, ok := VariableIn(name)
		if !ok || TemplateIn(name) != "" {
			continue
		}
		for i := range routers {
			if routers[i].Variable == "" {
				routers[i].Variable = variable
			}
		}
		return true
	}
	return false
}

// doubtRouters leaves it open whether addresses that are certain have the routers that were
// set: where a name was left out, or another tool has yet to fill it in.
func (f *vipFinder) doubtRouters(found []PropertyAddress, scope propertyScope, path []propertyName, v source.Value) {
	gap := scope.gapAt(path, v)
	gap.Found = slices.Clone(found)
	for _, job := range scope.jobs {
		if gap.Template == "" {
			gap.Template = TemplateIn(job)
		}
	}
	if gap.Template != "" && scope.named.IsValid() {
		gap.What, gap.At = propertyScope{group: scope.group}.describe("the name of a job"), scope.named
	}
	f.vips.Gaps = append(f.vips.Gaps, gap)
	for i := range found {
		found[i].Routers = nil
	}
}

// setHiddenRouters gives what hides of one property, of which the last name stands in the map
// beside, the virtual routers that its address has, whichever that is.
func (f *vipFinder) setHiddenRouters(hidden []Gap, jobs []string, path []propertyName, beside source.Value) {
	if len(hidden) == 0 {
		return
	}
	routers, id, certain := routersOf(jobs, path, beside)
	f.noteUnread(id)
	if !certain && !hideRouters(routers, jobs, path) {
		return
	}
	for i := range hidden {
		if len(hidden[i].Found) > 0 {
			continue
		}
		hidden[i].Routers = slices.Clone(routers)
		for j, r := range routers {
			if r.Default {
				hidden[i].Routers[j].At = hidden[i].At
			}
		}
	}
}

// mayRoute says of the last gap, of a map that a variable hides, that the address there has a
// virtual router: the jobs give it one.
func (f *vipFinder) mayRoute(jobs []string, path []propertyName) {
	gap := &f.vips.Gaps[len(f.vips.Gaps)-1]
	routes := slices.ContainsFunc(f.holding, func(p Pattern) bool { return p.job != nil && p.goesOn(jobs, path) })
	if routes && gap.Variable != "" {
		gap.Routers = []Router{{Variable: gap.Variable, Of: gap.At, At: gap.At}}
	}
}
