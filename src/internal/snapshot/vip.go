package snapshot

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"go4.org/netipx"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// vipLeaves are the values of a document in which virtual addresses stand or may
// hide, and what to keep of each: the addresses, and the variables that hide some;
// LeftOut where nobody can read what is meant.
type vipLeaves map[place.Place]string

func newVIPLeaves(vips bosh.VIPs) vipLeaves {
	leaves := vipLeaves{}
	add := func(at place.Place, text string) {
		if known, ok := leaves[at]; !ok {
			leaves[at] = text
		} else if !strings.Contains(known+", ", text+", ") {
			leaves[at] = known + ", " + text
		}
	}
	addRange := func(at place.Place, r netipx.IPRange) {
		if r.From() == r.To() {
			add(at, r.From().String())
		} else {
			add(at, r.From().String()+"-"+r.To().String()) // a CIDR would mean the network
		}
	}
	for _, f := range vips.Found {
		addRange(f.At, f.Range)
	}
	for _, g := range vips.Gaps {
		switch {
		case len(g.Found) > 0:
		case g.Variable != "":
			add(g.At, "(("+g.Variable+"))")
		default:
			add(g.At, LeftOut)
		}
		for _, f := range g.Found {
			if prefix, ok := f.Range.Prefix(); ok && g.IsNetwork() {
				add(f.At, prefix.String())
			} else {
				addRange(f.At, f.Range)
			}
		}
	}
	route := func(routers []bosh.Router) {
		for _, r := range routers {
			switch {
			case r.Default || leaves[r.At] != "" && r.ID == 0:
			case r.ID > 0:
				leaves[r.At] = strconv.Itoa(r.ID)
			default:
				leaves[r.At] = "((" + r.Variable + "))"
			}
		}
	}
	for f := range vips.Written() {
		route(f.Routers)
	}
	for _, g := range vips.Gaps {
		route(g.Routers)
	}
	for _, at := range vips.UnreadIDs {
		leaves[at] = LeftOut
	}
	for _, h := range vips.Unresolved {
		add(h.At, "(("+h.Variable+"))")
	}
	return leaves
}

// keep is the shape of properties: the leaves and the way to them, nil if there
// are none.
func (l vipLeaves) keep(v source.Value) *yaml.Node {
	if len(l) == 0 {
		return nil
	}
	kept, ok := l[v.Place()]
	if ok && !v.IsMap() && !v.IsList() {
		return text(kept)
	}
	switch {
	case v.IsList():
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, item := range v.Items() {
			if kept := l.keep(item); kept != nil {
				n.Content = append(n.Content, kept)
			}
		}
		if ok { // a list where none belongs
			return n
		}
		return orNil(n)
	case v.IsMap():
		if n := l.keepMap(v); n != nil || !ok {
			return n
		}
		return text(kept) // a map where none belongs
	}
	return nil
}

// keepMap is keep for a mapping, whose keys may be addresses. Two that are one address
// are told apart by blanks.
func (l vipLeaves) keepMap(v source.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	seen := map[string]int{}
	for key, value := range v.Fields() {
		name, kept := key.Raw(), l.keep(value)
		if address, ok := l[key.Place()]; ok {
			name, kept = address, cmp.Or(kept, null())
		}
		if kept == nil {
			continue
		}
		seen[name]++
		put(n, name+strings.Repeat(" ", seen[name]-1), kept)
	}
	return orNil(n)
}

func orNil(n *yaml.Node) *yaml.Node {
	if len(n.Content) == 0 {
		return nil
	}
	return n
}

// job is the shape of a job in a group; in old manifests it may be a name alone. Properties of
// its own are in place of those beside it, whatever they are: where shared ones are kept, so
// is that it has some.
func (l vipLeaves) job(shared bool) shape {
	return func(v source.Value) *yaml.Node {
		if v.IsScalar() {
			return jobName(v)
		}
		return object(field{"name", jobName}, field{"release", name}, field{"properties", func(own source.Value) *yaml.Node {
			kept := l.keep(own)
			if kept == nil && shared && own.Kind() != source.Nil {
				kept = scrubbed(own)
			}
			return kept
		}})(v)
	}
}

// shares reports whether something of the properties is kept that stand beside jobs, or is
// what may be these.
func (l vipLeaves) shares(parent source.Value) bool {
	return parent.OpenKey().Present() || l.keep(parent.Field("properties")) != nil
}

// jobName keeps the name of a job, and that a director is one, also where names may be secrets.
func jobName(v source.Value) *yaml.Node {
	if v.Raw() == bosh.DirectorJob {
		return text(bosh.DirectorJob)
	}
	return name(v)
}

// groups are the shape of instance groups of a manifest.
func (l vipLeaves) groups(manifest source.Value) shape {
	own, shared := l.group(false), l.group(true)
	everywhere := l.shares(manifest)
	return listOf(func(v source.Value) *yaml.Node {
		if everywhere || l.shares(v) {
			return shared(v)
		}
		return own(v)
	})
}

func (l vipLeaves) group(shared bool) shape {
	network := object(
		field{"name", name},
		field{"static_ips", oneOrMany(address)},
		field{"default", listOf(word("dns", "gateway", "addressable"))},
		field{"nic_group", count},
	)
	return object(
		field{"name", name},
		field{"lifecycle", word("service", "errand")},
		field{"instances", count},
		field{"azs", listOf(name)},
		field{"networks", listOf(network)},
		field{"migrated_from", listOf(object(field{"name", name}, field{"az", name}))},
		field{"vm_type", name},
		field{"vm_extensions", listOf(name)},
		field{"resource_pool", name},
		field{"release", name},
		field{"stemcell", name},
		field{"update", object(field{"max_in_flight", count}, field{"vm_strategy", word("create-swap-delete", "delete-create")})},
		field{"jobs", listOf(l.job(shared))},
		field{"templates", listOf(l.job(shared))},
		field{"template", oneOrMany(name)},
		field{"properties", l.keep},
	)
}

// placement says to which groups an addon goes.
var placement = object(
	field{"deployments", listOf(name)},
	field{"instance_groups", listOf(name)},
	field{"networks", listOf(name)},
	field{"azs", listOf(name)},
	field{"teams", listOf(name)},
	field{"lifecycle", word("service", "errand")},
	field{"jobs", listOf(object(field{"name", name}, field{"release", name}))},
	field{"stemcell", listOf(object(field{"os", name}))},
)

// addons keeps the jobs of addons that name virtual addresses, and what hides some; nil
// if there is no such thing. Beside properties for all of them it keeps all jobs.
func (l vipLeaves) addons(v source.Value) *yaml.Node {
	fields := []field{{"jobs", withVIPs(func(job source.Value) *yaml.Node {
		if job.IsMap() && l.keep(job.Field("properties")) == nil && !job.OpenKey().Present() {
			return nil
		}
		return l.job(false)(job)
	})}, {"properties", l.keep}}
	head := []field{{"name", name}, {"include", placement}, {"exclude", placement}}
	holds, addon := object(fields...), object(slices.Concat(head, fields)...)
	shared := object(slices.Concat(head, []field{{"jobs", listOf(l.job(true))}, {"properties", l.keep}})...)
	return withVIPs(func(v source.Value) *yaml.Node {
		switch {
		case v.IsMap() && orNil(holds(v)) == nil:
			return nil
		case l.shares(v):
			return shared(v)
		}
		return addon(v)
	})(v)
}

// withVIPs keeps those elements of a list of which something is left, nil if there are
// none.
func withVIPs(element shape) shape {
	return func(v source.Value) *yaml.Node {
		if !v.IsList() {
			if v.Kind() == source.Nil {
				return nil
			}
			return variableOr(v)
		}
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, item := range v.Items() {
			if kept := element(item); kept != nil && item.Kind() != source.Nil {
				n.Content = append(n.Content, kept)
			}
		}
		return orNil(n)
	}
}
