package bosh

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// Router is the virtual router that a virtual address belongs to (VRRP, RFC 5798,
// section 5.2.3). All routers of one id in a segment take each other for one.
type Router struct {
	// ID is from 1 to 255; 0 where it is not known or there is no virtual router.
	ID int
	// Variable hides the ID; where that is known, whether this is the router at all.
	Variable string
	// At is where the id is written; for a default, where the virtual address is.
	At place.Place
	// Of is the map that holds both: what has it in common is one virtual router.
	Of place.Place
	// Default says that the id is the job's default.
	Default bool
}

// routerProperty is a property beside a virtual address that holds the id.
type routerProperty struct {
	// job and vip are the job's name and the path of the virtual address, as in
	// patterns; an empty job is any.
	job, vip string
	// names are those of the property, beside the virtual address.
	names []string
	// standard is the id where the property is not there; 0: none is known.
	standard int
}

// routerProperties are tried in order: the first that matches job and path decides.
var routerProperties = []routerProperty{
	// keepalived of haproxy-boshrelease and its forks (its spec's default).
	{job: "*keepalived*", vip: "keepalived.vip", names: []string{"virtual_router_id"}, standard: 1},
	// keepalived of load-balancer-boshrelease, whose properties are not nested.
	{job: "*keepalived*", vip: "vip", names: []string{"virtual_router_id", "id"}, standard: 1},
	// Whatever renders keepalived.conf by its own words.
	{vip: "*", names: []string{"virtual_router_id", "vrid"}},
}

// routersOf finds the virtual routers that a virtual address at path may be of, whose last
// name stands in the map beside, and the id that is written there. It is several where a name
// hides, of a job or of a property: each implementation that it may name has an id of its own.
// certain says that the first is the router.
func routersOf(jobs []string, path []propertyName, beside source.Value) (list []Router, id source.Value, certain bool) {
	for _, p := range routerProperties {
		pattern, err := ParsePattern(p.pattern())
		if err != nil || !pattern.match(jobs, path, true) || p.vip != "*" && len(path) != len(pattern.names) {
			continue
		}
		r, v := p.router(path, beside)
		if !id.Present() {
			id = v
		}
		if !slices.ContainsFunc(list, r.is) {
			list = append(list, r)
		}
		if pattern.match(jobs, path, false) {
			break
		}
	}
	certain = len(list) == 1
	return slices.DeleteFunc(list, Router.isNone), id, certain
}

// router is the virtual router where this implementation is it, and the id that is written.
func (p routerProperty) router(path []propertyName, beside source.Value) (r Router, id source.Value) {
	r = Router{Of: beside.Place()}
	for _, name := range p.names {
		v := beside.Field(name)
		if !v.Present() || v.Kind() == source.Nil || v.IsOpenKey() && path[len(path)-1].hides() {
			continue // a key that hides is the address's own
		}
		r.At = v.Place()
		r.ID = routerID(v)
		if TemplateIn(v.Text()) == "" {
			r.Variable, _ = VariableIn(v.Text())
		}
		return r, v // an id that cannot be read is not known
	}
	if p.standard > 0 && !beside.Field(path[len(path)-1].raw).IsMap() {
		r.ID, r.At, r.Default = p.standard, beside.Place(), true
	}
	return r, id
}

// is reports whether two routers of one map are one.
func (r Router) is(o Router) bool { return r.ID == o.ID && r.Variable == o.Variable }

// isNone reports whether no id is known, nor what hides it.
func (r Router) isNone() bool { return r.ID == 0 && r.Variable == "" }

func (p routerProperty) pattern() string {
	if p.job == "" {
		return p.vip
	}
	return p.job + "/" + p.vip
}

// routerID reads an id, as a number of YAML 1.1 (0x33, 063) or as a text; 0 for what is none.
func routerID(v source.Value) int {
	if !v.IsScalar() {
		return 0
	}
	number, ok := v.Int()
	if v.Kind() == source.String {
		id, err := strconv.Atoi(strings.TrimSpace(v.Raw()))
		number, ok = int64(id), err == nil
	}
	if !ok || number < 1 || number > 255 {
		return 0
	}
	return int(number)
}

// ForgetDefaults leaves out ids that are defaults: a snapshot that was made when
// ids were not kept yet does not tell them from others.
func (v VIPs) ForgetDefaults() VIPs {
	known := func(routers []Router) []Router {
		return slices.DeleteFunc(slices.Clone(routers), func(r Router) bool { return r.Default })
	}
	forget := func(found []PropertyAddress) []PropertyAddress {
		found = slices.Clone(found)
		for i := range found {
			found[i].Routers = known(found[i].Routers)
		}
		return found
	}
	v.Found, v.Gaps = forget(v.Found), slices.Clone(v.Gaps)
	for i := range v.Gaps {
		v.Gaps[i].Found, v.Gaps[i].Routers = forget(v.Gaps[i].Found), known(v.Gaps[i].Routers)
	}
	return v
}
