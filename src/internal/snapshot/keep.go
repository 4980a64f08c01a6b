package snapshot

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/source"
)

// Keep is what a snapshot keeps beside what it always does.
type Keep struct {
	// VIPProperties are patterns of job properties that hold virtual addresses.
	VIPProperties []bosh.Pattern
	// CloudProperties are dotted paths in the cloud_properties of subnets, beside
	// those that tell one network from another.
	CloudProperties []string
}

// Kept is what was kept, as texts, sorted.
type Kept struct {
	VIPProperties, CloudProperties []string
	// RouterIDs says that the ids of virtual routers were kept: where there is none,
	// it is the job's default.
	RouterIDs bool
	// Types says that it was kept what groups choose of VM types and extensions.
	Types bool
}

// Kept is what a snapshot says that it kept.
func (k Keep) Kept() Kept {
	kept := Kept{CloudProperties: slices.Compact(slices.Sorted(slices.Values(k.CloudProperties))), RouterIDs: true, Types: true}
	kept.VIPProperties = patternTexts(k.VIPProperties)
	return kept
}

// Lacks returns what is wanted and was not kept, in words for a message.
func (kept Kept) Lacks(wanted Kept) []string {
	var lacks []string
	for _, p := range wanted.VIPProperties {
		if !slices.Contains(kept.VIPProperties, p) {
			lacks = append(lacks, "the job property "+p)
		}
	}
	had := Keep{CloudProperties: kept.CloudProperties}
	for _, path := range wanted.CloudProperties {
		if !had.keepsProperty(path) {
			lacks = append(lacks, "the cloud property "+path)
		}
	}
	return lacks
}

// keepsProperty reports whether the cloud property at a path is kept.
func (k Keep) keepsProperty(path string) bool {
	within := func(key string) bool { return path == key || strings.HasPrefix(path, key+".") }
	return slices.ContainsFunc(k.CloudProperties, within) || slices.ContainsFunc(plan.IdentityProperties(), within)
}

// CloudConfig reduces a cloud-config.
func (k Keep) CloudConfig(doc source.Value) Content {
	found, err := bosh.FindCloudConfigVIPs(doc)
	if err != nil {
		return unreadable(err)
	}
	vips := newVIPLeaves(found)
	named := object(field{"name", name}, field{"cloud_properties", vips.keep})
	return Content{node: object(
		field{"azs", flatListOf(object(field{"name", name}, field{"cpi", name}))},
		field{"networks", flatListOf(k.network())},
		field{"vm_types", flatListOf(named)},
		field{"vm_extensions", flatListOf(named)},
		field{"disk_types", flatListOf(object(field{"name", name}))},
		field{"compilation", compilation},
	)(doc)}
}

var compilation = object(
	field{"workers", count},
	field{"network", name},
	field{"az", name},
	field{"vm_type", name},
	field{"vm_extensions", listOf(name)},
	field{"reuse_compilation_vms", flag},
)

func (k Keep) network() shape {
	addresses := oneOrMany(address)
	properties := func(v source.Value) *yaml.Node { return k.cloudProperties(v, "") }
	zones := []field{{"az", name}, {"azs", oneOrMany(name)}}
	subnet := object(slices.Concat([]field{
		{"name", name}, {"range", address}, {"gateway", address}, {"prefix", count}, {"netmask_bits", count},
		{"reserved", addresses}, {"static", addresses}, {"dns", addresses},
	}, zones, []field{{"cloud_properties", properties}})...)
	return object(slices.Concat([]field{
		{"name", name}, {"type", word("manual", "dynamic", "vip")}, {"managed", flag}, {"prefix", count}, {"dns", addresses},
	}, zones, []field{{"cloud_properties", properties}, {"subnets", listOf(subnet)}})...)
}

// cloudProperties keeps the properties that tell networks apart.
func (k Keep) cloudProperties(v source.Value, path string) *yaml.Node {
	if !v.IsMap() {
		return variableOr(v)
	}
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for key, value := range v.Fields() {
		name := key.Raw() // whole documents are refused where one may not be shown
		below := path + name
		switch {
		case key.IsOpenKey():
			put(n, key.Text(), text(LeftOut)) // which network it names, nobody knows
		case k.keepsProperty(below) && isName(name):
			put(n, name, whole(value))
		case value.IsMap() && k.keepsBelow(below):
			put(n, name, k.cloudProperties(value, below+"."))
		}
	}
	return n
}

// keepsBelow reports whether something below a path is kept.
func (k Keep) keepsBelow(path string) bool {
	below := func(key string) bool { return strings.HasPrefix(key, path+".") }
	return slices.ContainsFunc(k.CloudProperties, below) || slices.ContainsFunc(plan.IdentityProperties(), below)
}

// whole keeps a value with everything below it, as names.
func whole(v source.Value) *yaml.Node {
	switch {
	case v.IsList():
		return listOf(whole)(v)
	case v.IsMap():
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for key, value := range v.Fields() {
			if name, ok := key.Written(); ok && isName(name) {
				put(n, name, whole(value))
			}
		}
		return n
	}
	return name(v)
}

// RuntimeConfig reduces a runtime config to the addons that name virtual addresses, and
// to what hides some; the content is empty if there is no such thing.
func (k Keep) RuntimeConfig(doc source.Value) Content {
	vips, err := k.vipsOf(doc)
	if err != nil {
		return unreadable(err)
	}
	if n := orNil(object(field{"addons", vips.addons})(doc)); n != nil {
		return Content{node: n}
	}
	return Content{}
}

// Manifest reduces a deployment's manifest, of the present form or of that of
// 2017.
func (k Keep) Manifest(doc source.Value) Content {
	vips, err := k.vipsOf(doc)
	if err != nil {
		return unreadable(err)
	}
	groups := vips.groups(doc)
	return Content{node: object(
		field{"name", name},
		field{"update", object(field{"max_in_flight", count}, field{"vm_strategy", word("create-swap-delete", "delete-create")})},
		field{"networks", listOf(k.network())},
		field{"compilation", compilation},
		field{"resource_pools", listOf(object(field{"name", name}, field{"network", name}))},
		field{"stemcells", listOf(object(field{"alias", name}, field{"os", name}))},
		field{"instance_groups", groups},
		field{"jobs", groups},
		field{"addons", vips.addons},
		field{"properties", vips.keep},
	)(doc)}
}

// CreateEnv reduces a manifest of create-env. Of how the machine is reached nothing is
// kept but its address: the rest is a password.
func (k Keep) CreateEnv(doc source.Value) Content {
	vips, err := k.vipsOf(doc)
	if err != nil {
		return unreadable(err)
	}
	groups := vips.groups(doc)
	cpi := object(field{"name", name})
	return Content{node: object(
		field{"name", name},
		field{"networks", listOf(k.network())},
		field{"resource_pools", listOf(object(field{"name", name}, field{"network", name}))},
		field{"instance_groups", groups},
		field{"jobs", groups},
		field{"properties", vips.keep},
		field{"cloud_provider", object(
			field{"template", cpi},
			field{"templates", listOf(cpi)},
			field{"mbus", contact},
			field{"ssh_tunnel", object(field{"host", address})},
		)},
	)(doc)}
}

// Named is a manifest with the name that a fleet file gives it, in place of its own; with an
// empty one, the manifest as it is.
func (c Content) Named(name string) Content {
	if name == "" || c.node == nil {
		return c
	}
	m := newMapping()
	m.text("name", name)
	for i := 0; i+1 < len(c.node.Content); i += 2 {
		if c.node.Content[i].Value != "name" {
			m.put(c.node.Content[i].Value, c.node.Content[i+1])
		}
	}
	c.node = &m.Node
	return c
}

// contact keeps the address of a URL.
func contact(v source.Value) *yaml.Node {
	if host := bosh.HostOf(v.Raw()); v.Kind() == source.String && mayBeAddress(host) {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return text(host)
	}
	return scrubbed(v)
}

// vipsOf finds all properties that may hold virtual addresses. Exceptions do not
// count: whoever reads the snapshot makes them, and may change them.
func (k Keep) vipsOf(doc source.Value) (vipLeaves, error) {
	found, err := bosh.FindVIPs(doc, bosh.Patterns{Find: k.VIPProperties})
	return newVIPLeaves(found), err
}
