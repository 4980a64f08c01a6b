package bosh

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/spelling"
)

// Gap is a part of a file from which no reader could take the facts about
// addresses that it may hold: a variable without a value stands there, or what a
// director refuses, or what it passes over though somebody meant it.
type Gap struct {
	Hides Part
	// Network, Subnet, Group and Use say what the gap is in, as far as that goes.
	Network *Network
	Subnet  *Subnet
	Group   *Group
	Use     *GroupNetwork
	// GroupName is the instance group whose properties hide; empty for those of all.
	GroupName string
	// Property is the path of a property, where it has one.
	Property string
	// Variable has no value; empty where it is no variable that hides.
	Variable string
	// Meant is the key that somebody meant who wrote another one; empty otherwise.
	Meant string
	// Blocks are what is written, where that is known and only its meaning hides.
	Blocks []Block
	// Found are, of properties, the virtual addresses that are written, where that is known
	// and only hides whether they count.
	Found []PropertyAddress
	// Within is, of a range or a gateway, the block that it lies in whatever the variable in
	// it is; not valid where nobody knows.
	Within netip.Prefix
	// Routers are, of a property that hides, the virtual routers that its address has.
	Routers []Router
	What    string
	At      place.Place
	// Template is the tool that would fill it in first, such as spruce; empty where
	// it is no template.
	Template string
	// Placement says which groups have the properties; nil: what else is said of them tells.
	Placement *Placement
}

// IsNetwork reports whether a whole network stands where virtual addresses do.
func (g Gap) IsNetwork() bool {
	return g.Hides == HidesProperties && g.Variable == "" && g.Meant == "" && len(g.Found) > 0
}

// Part says what facts a gap hides.
type Part uint8

// The parts. What they may hold at most is for package claims to say.
const (
	// HidesNetworks: networks, or one of them as a whole.
	HidesNetworks Part = iota + 1
	// HidesNetworkName and HidesNetworkType: of a network that is known otherwise.
	HidesNetworkName
	HidesNetworkType
	// HidesSubnets: subnets of a network, or one of them as a whole.
	HidesSubnets
	// The keys of a subnet.
	HidesRange
	HidesGateway
	HidesReserved
	HidesStatic
	HidesPrefix
	HidesDNS
	// HidesGroups: instance groups, or one of them as a whole.
	HidesGroups
	// HidesUses: networks of a group, or one of them as a whole.
	HidesUses
	// HidesUseName: which network a group uses.
	HidesUseName
	// HidesStaticIPs: addresses that a group asks for.
	HidesStaticIPs
	// HidesProperties: virtual addresses, in a property or in what has properties.
	HidesProperties
	// HidesContact: the address by which create-env reaches its VM.
	HidesContact
)

// gaps collects them.
type gaps struct {
	list []Gap
	opts Options
}

// add notes that v hides a part. what names it.
func (g *gaps) add(gap Gap, v source.Value, format string, args ...any) {
	gap.What, gap.At = fmt.Sprintf(format, args...), v.Place()
	gap.isBehind(v.Text())
	g.list = append(g.list, gap)
}

// Behind is what has yet to be filled in, a variable or a template, as stands between (( and
// )); empty where neither hides the part.
func (g Gap) Behind() string {
	if g.Template != "" {
		return source.StandInOf(g.Template)
	}
	return g.Variable
}

// isBehind notes the template or the variable of a text. It reports whether it is a variable.
func (g *Gap) isBehind(text string) (variable bool) {
	if g.Template = TemplateIn(text); g.Template == "" {
		g.Variable, variable = VariableIn(text)
	}
	return variable
}

// hides reports whether a variable without a value stands in v.
func hides(v source.Value) bool {
	return hasVariable(v.Text())
}

// items are the elements of a list. What is no list is a gap, and nothing at all
// is one where the key is needed.
func (g *gaps) items(parent source.Value, key string, gap Gap, n need, format string, args ...any) []source.Value {
	v := parent.Field(key)
	switch {
	case v.IsList():
		return v.Items()
	case v.Present() && (v.Kind() != source.Nil || n == required || gap.Hides == HidesGroups):
		g.add(gap, v, format, args...)
	case n == required && !v.Present():
		g.add(gap, parent, format, args...)
	}
	return nil
}

// cloudConfigGaps finds the gaps of cloud-configs from which cc was read.
func cloudConfigGaps(docs []source.Value, cc *CloudConfig, opts Options) []Gap {
	g := &gaps{opts: opts}
	// A director takes no cloud-config without networks (DeploymentNoNetworks,
	// deployment_plan/cloud_manifest_parser.rb): those that it has stand elsewhere.
	if len(docs) > 0 && !slices.ContainsFunc(docs, mayHaveNetworks) {
		g.add(Gap{Hides: HidesNetworks}, orElse(docs[0].Field("networks"), docs[0]), "the networks of the cloud-config")
	}
	for _, doc := range docs {
		if !doc.IsMap() {
			g.add(Gap{Hides: HidesNetworks}, doc, "a cloud-config")
			continue
		}
		g.eitherKey(doc, "networks", Gap{Hides: HidesNetworks}, "networks of the cloud-config")
		for _, item := range flat(g.items(doc, "networks", Gap{Hides: HidesNetworks}, optional, "networks of the cloud-config")) {
			if !item.IsMap() && item.Kind() != source.Nil {
				g.add(Gap{Hides: HidesNetworks}, item, "a network")
			}
		}
		g.types(doc)
	}
	g.networks(cc)
	cc.forget()
	return g.list
}

// mayHaveNetworks reports whether networks stand in a cloud-config, or may.
func mayHaveNetworks(doc source.Value) bool {
	networks := doc.Field("networks")
	empty := networks.IsList() && len(flat(networks.Items())) == 0
	return !doc.IsMap() || networks.Present() && networks.Kind() != source.Nil && !empty
}

// eitherKey notes a key that is a variable where the one that it may be stands already:
// which of the two counts then, nobody knows.
func (g *gaps) eitherKey(parent source.Value, key string, gap Gap, format string, args ...any) {
	if open := parent.OpenKey(); open.Present() && parent.Has(key) {
		g.add(gap, open, format, args...)
	}
}

// types finds where vm_types and vm_extensions may hide as a whole, and with them virtual
// addresses.
func (g *gaps) types(doc source.Value) {
	for _, key := range []string{"vm_types", "vm_extensions"} {
		for _, item := range flat(g.items(doc, key, Gap{Hides: HidesProperties}, optional, "%s of the cloud-config", key)) {
			if !item.IsMap() && item.Kind() != source.Nil {
				g.add(Gap{Hides: HidesProperties}, item, "an element of %s", key)
			}
		}
	}
}

// flat takes lists in a list for one list, as the director does with those of a
// cloud-config (cloud_config/cloud_configs_consolidator.rb).
func flat(items []source.Value) []source.Value {
	var list []source.Value
	for _, item := range items {
		if item.IsList() {
			list = append(list, item.Items()...)
		} else {
			list = append(list, item)
		}
	}
	return list
}

// networks finds the gaps of the networks that could be read.
func (g *gaps) networks(cc *CloudConfig) {
	for _, n := range cc.Networks {
		in := Gap{Network: n}
		if name := n.spec.Field("name"); !n.At.IsValid() || hides(name) {
			in.Hides = HidesNetworkName
			g.add(in, orElse(name, n.spec), "the name of a network")
		}
		if kind := n.spec.Field("type"); kind.Present() && n.Type != Manual && n.Type != Dynamic && n.Type != VIP {
			in.Hides = HidesNetworkType
			g.add(in, kind, "the type of network %s", n.Name)
		}
		in.Hides = HidesSubnets
		g.eitherKey(n.spec, "subnets", in, "the subnets of network %s", n.Name)
		subnets := n.spec.Field("subnets")
		if subnets.Present() && !subnets.IsList() && (subnets.Kind() != source.Nil || n.Type == Manual) || !subnets.Present() && n.Type == Manual {
			g.add(in, orElse(subnets, n.spec), "the subnets of network %s", n.Name)
		}
		for _, item := range subnets.Items() {
			if !item.IsMap() {
				g.add(in, item, "a subnet of network %s", n.Name)
			}
		}
		for _, s := range n.Subnets {
			g.subnet(n, s)
		}
	}
}

func orElse(v, otherwise source.Value) source.Value {
	if v.Present() {
		return v
	}
	return otherwise
}

// subnet finds the gaps of a subnet.
func (g *gaps) subnet(n *Network, s *Subnet) {
	in := func(part Part) Gap { return Gap{Hides: part, Network: n, Subnet: s} }
	switch n.Type {
	case Dynamic:
		return
	case VIP:
		g.blocks(in(HidesStatic), s.spec.Field("static"), "static of network %s", n.Name)
		g.mistaken(in, n, s)
		return
	}
	if text := s.spec.Field("range"); !s.Range.IsValid() && !(g.opts.ManagedNetworks && !text.Present()) {
		gap := in(HidesRange)
		gap.Within = blockWithin(text.Text())
		g.add(gap, orElse(text, s.spec), "the range of network %s", n.Name)
	}
	if v := s.spec.Field("gateway"); v.Present() && !g.isAddress(v) {
		gap := in(HidesGateway)
		gap.Within = addressWithin(v.Text())
		g.add(gap, v, "the gateway of network %s", n.Name)
	}
	g.blocks(in(HidesReserved), s.spec.Field("reserved"), "reserved of network %s", n.Name)
	for _, at := range s.refused {
		gap := in(HidesReserved)
		gap.What, gap.At = "reserved of network "+n.Name, at
		g.list = append(g.list, gap)
	}
	g.blocks(in(HidesStatic), s.spec.Field("static"), "static of network %s", n.Name)
	if v := s.spec.Field("prefix"); hides(v) || v.Present() && s.PrefixError != "" {
		g.add(in(HidesPrefix), v, "the prefix of network %s", n.Name)
	}
	dns := s.spec.Field("dns")
	if dns.Present() && !dns.IsList() && dns.Kind() != source.Nil {
		g.add(in(HidesDNS), dns, "the dns servers of network %s", n.Name)
	}
	for _, item := range dns.Items() {
		if !g.isAddress(item) && item.Kind() != source.Int {
			g.add(in(HidesDNS), item, "a dns server of network %s", n.Name)
		}
	}
	g.mistaken(in, n, s)
}

// isAddress reports whether v is one address that can be read.
func (g *gaps) isAddress(v source.Value) bool {
	a, err := ipaddr.Parse(v.Raw())
	return v.Kind() == source.String && err == nil && a.Single()
}

// blocks finds the entries of reserved, static or static_ips that cannot be read.
func (g *gaps) blocks(in Gap, v source.Value, format string, args ...any) {
	switch v.Kind() {
	case source.Absent, source.Nil:
	case source.List:
		for _, item := range v.Items() {
			g.blocks(in, item, format, args...)
		}
	default:
		if _, ok := (&Report{}).entry(v, ""); v.Kind() != source.String || !ok || hides(v) {
			g.add(in, v, format, args...)
		}
	}
}

// mistaken finds keys that were meant to be those whose absence lets addresses
// vanish. The director passes over them; what it makes of the rest is known.
func (g *gaps) mistaken(in func(Part) Gap, n *Network, s *Subnet) {
	parts := map[string]Part{"prefix": HidesPrefix, "dns": HidesDNS}
	if n.Type == VIP {
		parts = map[string]Part{"static": HidesStatic}
	}
	for key, value := range s.spec.Fields() {
		if isSubnetKey(key.Text()) {
			continue
		}
		meant, ok := mistakenKeys[key.Text()]
		if !ok {
			meant, ok = spelling.Nearest(key.Text(), subnetKeys)
		}
		if part := parts[meant]; ok && part != 0 && !s.spec.Field(meant).Present() {
			gap := in(part)
			gap.Meant, gap.Blocks = meant, readableBlocks(value)
			g.add(gap, key, "%s of network %s", meant, n.Name)
			g.list[len(g.list)-1].Variable = ""
		}
	}
}

// readableBlocks are the addresses that stand in v.
func readableBlocks(v source.Value) []Block {
	var list []Block
	(&Report{}).eachEntry(v, "", func(e entry) { list = appendBlock(list, e) })
	return list
}

// forget lets go of the document that the facts were read from.
func (cc *CloudConfig) forget() {
	for _, n := range cc.Networks {
		n.spec = source.Value{}
		for _, s := range n.Subnets {
			s.spec = source.Value{}
		}
	}
}

func (m *Manifest) forget() {
	if m.Own != nil {
		m.Own.forget()
	}
	for _, g := range m.Groups {
		g.spec = source.Value{}
		for _, use := range g.Networks {
			use.spec = source.Value{}
		}
	}
}

// forJobs are keys below which texts may stand that the director takes as they are:
// what looks like a template there may be one for a job.
var forJobs = map[string]bool{"properties": true, "jobs": true, "variables": true, "addons": true}

// withTemplates adds the templates that readers met where no address stands; those of
// spruce and spiff anywhere in the documents, since nothing of such a text is final;
// and others where no job reads.
func withTemplates(list, met []Gap, docs ...source.Value) []Gap {
	known := map[place.Place]bool{}
	for _, g := range list {
		known[g.At] = true
	}
	add := func(g Gap) {
		if !known[g.At] {
			known[g.At] = true
			list = append(list, g)
		}
	}
	for _, g := range met {
		add(g)
	}
	for _, doc := range docs {
		walkScalars(doc.Node(), false, func(n *yaml.Node, ofJobs bool) {
			switch tool := TemplateIn(n.Value); {
			case tool == "":
			case !ofJobs, (tool == "spruce" || tool == "spiff") && strings.HasPrefix(n.Value, "(("):
				add(Gap{What: "a value", At: doc.At(n).Place(), Template: tool})
			}
		})
	}
	return list
}

// WithTemplates adds to the gaps of a runtime config those of templates that hide no address.
func WithTemplates(list []Gap, runtimeConfig source.Value) []Gap {
	return withTemplates(list, nil, runtimeConfig)
}

// walkScalars visits the scalars below a node, those of aliases where they are
// anchored. ofJobs says that the node is something that jobs may read.
func walkScalars(n *yaml.Node, ofJobs bool, visit func(n *yaml.Node, ofJobs bool)) {
	if n == nil {
		return
	}
	if n.Kind == yaml.ScalarNode {
		visit(n, ofJobs)
	}
	for i, c := range n.Content {
		isValue := n.Kind == yaml.MappingNode && i%2 == 1
		walkScalars(c, ofJobs || isValue && forJobs[n.Content[i-1].Value], visit)
	}
}
