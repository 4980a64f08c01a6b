package snapshot

import (
	"strconv"
	"strings"

	"go4.org/netipx"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// vipLeaves are the scalars of a document in which virtual addresses stand, and
// what to keep of each: the addresses, and the variables that hide some.
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
		if g.Variable != "" && len(g.Blocks) == 0 {
			add(g.At, "(("+g.Variable+"))")
		}
		for _, block := range g.Blocks {
			addRange(block.At, block.Range)
		}
	}
	for _, f := range vips.Found {
		if f.Router.ID > 0 && !f.Router.Default {
			leaves[f.Router.At] = strconv.Itoa(f.Router.ID)
		}
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
	switch {
	case v.IsScalar():
		if kept, ok := l[v.Place()]; ok {
			return text(kept)
		}
	case v.IsList():
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, item := range v.Items() {
			if kept := l.keep(item); kept != nil {
				n.Content = append(n.Content, kept)
			}
		}
		return orNil(n)
	case v.IsMap():
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for key, value := range v.Fields() {
			if kept := l.keep(value); kept != nil {
				put(n, key.Text(), kept)
			}
		}
		return orNil(n)
	}
	return nil
}

func orNil(n *yaml.Node) *yaml.Node {
	if len(n.Content) == 0 {
		return nil
	}
	return n
}

// job is the shape of a job in a group; in old manifests it may be a name alone.
func (l vipLeaves) job(v source.Value) *yaml.Node {
	if v.IsScalar() {
		return name(v)
	}
	return object(field{"name", name}, field{"properties", l.keep})(v)
}

func (l vipLeaves) group() shape {
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
		field{"resource_pool", name},
		field{"update", object(field{"max_in_flight", count}, field{"vm_strategy", word("create-swap-delete", "delete-create")})},
		field{"jobs", listOf(l.job)},
		field{"templates", listOf(l.job)},
		field{"template", oneOrMany(name)},
		field{"properties", l.keep},
	)
}

// addons keeps the jobs of addons that name virtual addresses, nil if none does.
func (l vipLeaves) addons(v source.Value) *yaml.Node {
	addons := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, addon := range v.Items() {
		jobs := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, job := range addon.Field("jobs").Items() {
			if l.keep(job.Field("properties")) != nil {
				jobs.Content = append(jobs.Content, l.job(job))
			}
		}
		kept := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		if len(jobs.Content) > 0 {
			put(kept, "jobs", jobs)
		}
		if properties := l.keep(addon.Field("properties")); properties != nil {
			put(kept, "properties", properties)
		}
		if orNil(kept) != nil {
			addons.Content = append(addons.Content, kept)
		}
	}
	return orNil(addons)
}
