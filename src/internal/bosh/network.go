package bosh

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/spelling"
)

// readNetwork reads one element of networks; nil where it is no map.
func (r *cloudConfigReader) readNetwork(v source.Value, zones Zones) *Network {
	if !r.isObject(v, "a network") {
		return nil
	}
	n := &Network{Type: Manual, spec: v}
	_, kindAt, given := r.text(v, "type", optional)
	if given {
		n.Type = networkType(kindAt)
	}
	switch {
	case given && r.hidden(kindAt, "the type of a network"):
		return r.readUnknownNetwork(v, n, zones)
	case kindAt.Present() && !given:
		return r.readUnknownNetwork(v, n, zones)
	case n.Type == Manual:
		r.readManual(v, n, zones)
	case n.Type == Dynamic:
		r.readDynamic(v, n, zones)
	case n.Type == VIP:
		r.readVIP(v, n, zones)
	default:
		p := r.Add(RuleNetworkType, "DeploymentInvalidNetworkType", kindAt.Place(), "a network's type is manual, dynamic or vip, not %q", kindAt)
		if near, ok := spelling.Nearest(string(n.Type), []string{string(Manual), string(Dynamic), string(VIP)}); ok {
			p.WithCure("type: %s", near)
		}
		return r.readUnknownNetwork(v, n, zones)
	}
	return n
}

// readUnknownNetwork keeps the name, so that the network is not unknown too, and
// what its subnets would say if it were a manual network. What is wrong with them
// then is not known.
func (r *cloudConfigReader) readUnknownNetwork(v source.Value, n *Network, zones Zones) *Network {
	r.networkName(v, n)
	n.Type, n.Hidden = "", true
	quiet := &cloudConfigReader{Report: Report{Opts: r.Opts}, cc: r.cc, v1: r.v1}
	for _, item := range v.Field("subnets").Items() {
		if item.IsMap() {
			n.Subnets = append(n.Subnets, quiet.readSubnet(item, n, zones, false))
		}
	}
	return n
}

func (r *cloudConfigReader) networkName(v source.Value, n *Network) source.Value {
	name, at, ok := r.text(v, "name", required)
	if ok {
		n.Name, n.At = name, at.Place()
		r.hidden(at, "the name of a network")
	}
	return at
}

func (r *cloudConfigReader) readManual(v source.Value, n *Network, zones Zones) {
	nameAt := r.networkName(v, n)
	managed := r.Opts.ManagedNetworks && truthy(v.Field("managed"))
	items, _, ok := r.list(v, "subnets", required)
	n.Hidden = !ok
	siblings := siblingCheck{}
	for _, item := range items {
		if !r.isObject(item, "a subnet of network "+n.Name) {
			n.Hidden = true
			continue
		}
		s := r.readSubnet(item, n, zones, managed)
		siblings.check(r, n, s)
		n.Subnets = append(n.Subnets, s)
	}
	if n.At.IsValid() {
		defer r.canonicalName(n.Name, nameAt, "this network")
	}
	r.checkAllOrNoZones(n)
}

// truthy is what Ruby takes for true: everything but false and null.
func truthy(v source.Value) bool {
	k := v.Kind()
	return k != source.Absent && k != source.Nil && (k != source.Bool || v.Bool())
}

// checkAllOrNoZones reports a network of which only some subnets have zones.
func (r *cloudConfigReader) checkAllOrNoZones(n *Network) {
	without := slices.IndexFunc(n.Subnets, func(s *Subnet) bool { return len(s.AZs) == 0 && !s.ZonesHidden })
	with := slices.IndexFunc(n.Subnets, func(s *Subnet) bool { return len(s.AZs) > 0 })
	if without >= 0 && with >= 0 {
		r.Add(RuleAvailabilityZone, "JobInvalidAvailabilityZone", n.Subnets[without].AZsAt,
			"this subnet of network %q names no availability zone, and the one at %s does: all must or none may", n.Name, n.Subnets[with].At).
			WithCure("az: NAME")
	}
}

// siblingCheck compares each subnet with those before it in its network.
type siblingCheck struct {
	v4, v6 []placedSpan // sorted, disjoint
	prefix string       // of the first subnet
	count  int
	odd    *Subnet // an earlier one with another prefix
}

type placedSpan struct {
	ipaddr.Span
	subnet *Subnet
}

func (c *siblingCheck) check(r *cloudConfigReader, n *Network, s *Subnet) {
	if s.Range.IsValid() {
		c.checkOverlap(r, n, s)
	}
	// A director compares the first prefix with those of the subnets before this
	// one: an odd last subnet passes (manual_network.rb, parse).
	if c.odd != nil && !r.Opts.Single() {
		r.Add(RulePrefix, "NetworkPrefixSizesDiffer", c.odd.PrefixAt,
			"this subnet of network %q gives each VM a /%s, the first one a /%s: all must be alike", n.Name, prefixWords(c.odd), c.prefix)
		c.odd = nil
	}
	if c.count == 0 {
		c.prefix = prefixWords(s)
	} else if prefixWords(s) != c.prefix && s.Range.IsValid() {
		c.odd = s
	}
	c.count++
}

func (c *siblingCheck) checkOverlap(r *cloudConfigReader, n *Network, s *Subnet) {
	list := &c.v4
	if s.Range.Addr().Is6() {
		list = &c.v6
	}
	own := placedSpan{ipaddr.FromPrefix(s.Range).Span(), s}
	i := sort.Search(len(*list), func(i int) bool { return !(*list)[i].Last.Less(own.First) })
	if i < len(*list) && !own.Last.Less((*list)[i].First) {
		other := (*list)[i].subnet
		r.Add(RuleOverlappingSubnets, "NetworkOverlappingSubnets", s.RangeAt,
			"the subnet %s of network %q overlaps %s at %s", s.Range, n.Name, other.Range, other.RangeAt).
			WithCure("subnets of one network must be apart; put this one into a network of its own")
		return
	}
	*list = slices.Insert(*list, i, own)
}

func (r *cloudConfigReader) readDynamic(v source.Value, n *Network, zones Zones) {
	nameAt := r.networkName(v, n)
	if n.At.IsValid() {
		r.canonicalName(n.Name, nameAt, "this network")
	}
	r.checkDynamicKeys(v, n)
	subnets := v.Field("subnets")
	if !subnets.Present() {
		r.object(v, "cloud_properties", optional)
		s := newSubnet(v)
		s.DNS = r.readDNS(v, n.Name)
		s.CloudProperties = cloudProperties(v)
		s.AZs, s.AZsAt = misplacedZones(v)
		n.Subnets, n.bare = []*Subnet{s}, true
		return
	}
	for _, key := range []string{"dns", "cloud_properties"} {
		if at := v.Field(key); v.Has(key) && v.Has("subnets") {
			r.Add(RuleNetworkProperty, "NetworkInvalidProperty", at.Place(), "%s has no place beside subnets in network %q", key, n.Name).
				WithCure("move %s into each subnet", key)
		}
	}
	if k := subnets.Kind(); k != source.List {
		if n.Hidden = r.hidden(subnets, "the subnets of network %s", n.Name); n.Hidden || k == source.Map && len(subnets.Node().Content) == 0 {
			return // an empty map is an empty list to Ruby
		}
		r.Add(RuleWrongType, classOfIndexing(k == source.Map), subnets.Place(), "subnets must be a list, not %s", k)
		return
	}
	for _, item := range subnets.Items() {
		switch item.Kind() {
		case source.List, source.Int, source.Bool, source.Float:
			r.Add(RuleWrongType, classOfIndexing(item.Kind() == source.List || item.Kind() == source.Int), item.Place(), "a subnet of network %q must be a map, not %s", n.Name, item.Kind())
		default:
			if r.isObject(item, "a subnet of network "+n.Name) {
				n.Subnets = append(n.Subnets, r.readDynamicSubnet(item, n, zones))
			} else {
				n.Hidden = true
			}
		}
	}
}

// classOfIndexing is the error of Ruby code that takes what it got for a map:
// lists and integers can be indexed, but not by a string.
func classOfIndexing(indexed bool) string {
	if indexed {
		return "TypeError"
	}
	return "NoMethodError"
}

// checkDynamicKeys reports keys of the network that belong to subnets or to
// other types.
func (r *cloudConfigReader) checkDynamicKeys(v source.Value, n *Network) {
	for _, key := range []string{"az", "azs", "managed", "prefix"} {
		if at := v.Field(key); v.Has(key) && !(key == "prefix" && r.Opts.Single()) {
			p := r.Add(RuleNetworkProperty, "NetworkInvalidProperty", at.Place(), "%s has no place in the dynamic network %q", key, n.Name)
			if key == "az" || key == "azs" {
				names, _ := misplacedZones(v)
				p.WithCure("%s", cureBare(names))
			}
		}
	}
}

// misplacedZones are the zones that a dynamic network names though only subnets can:
// that was said, and what needs them is not wrong besides.
func misplacedZones(v source.Value) (names []string, at place.Place) {
	for _, key := range []string{"az", "azs"} {
		zones := v.Field(key)
		if !v.Has(key) {
			continue
		}
		at = zones.Place()
		for _, item := range append(zones.Items(), zones) {
			if item.IsScalar() && item.Text() != "" {
				names = append(names, item.Text())
			}
		}
	}
	return names, at
}

// cureBare says how a dynamic network without subnets gets zones.
func cureBare(zones []string) string {
	if len(zones) == 0 {
		zones = []string{"NAME"}
	}
	return "write subnets, and move cloud_properties and dns of the network into it:\nsubnets: [{azs: [" + strings.Join(zones, ", ") + "]}]"
}

// CureZones says how the network gets zones that it does not serve.
func (n *Network) CureZones(zones []string) string {
	if n.bare {
		return cureBare(zones)
	}
	return "give each subnet of " + n.Name + " an az"
}

func (r *cloudConfigReader) readDynamicSubnet(v source.Value, n *Network, zones Zones) *Subnet {
	s := newSubnet(v)
	if v.Kind() == source.Nil {
		r.Add(RuleWrongType, "NoMethodError", v.Place(), "a subnet of network %q is null; it must be a map", n.Name)
		return s
	}
	s.DNS = r.readDNS(v, n.Name)
	r.object(v, "cloud_properties", optional)
	s.CloudProperties = cloudProperties(v)
	if !r.Opts.Single() {
		prefix, at, ok := r.integer(v, "prefix", optional)
		if ok && prefix != 32 {
			r.Add(RuleNetworkProperty, "NetworkInvalidProperty", at.Place(), "a dynamic network gives each VM one address; prefix %d has no place in network %q", prefix, n.Name).
				WithCure("remove prefix")
		}
	}
	r.readZones(v, s, n.Name, zones)
	for _, key := range []string{"range", "gateway", "reserved", "static"} {
		if at := v.Field(key); v.Has(key) {
			r.Warn(RuleIgnoredKey, at.Place(), "a director passes over %s in the dynamic network %q: the IaaS chooses the addresses", key, n.Name).
				WithCure("remove %s, or make the network manual", key)
		}
	}
	return s
}

func (r *cloudConfigReader) readVIP(v source.Value, n *Network, zones Zones) {
	nameAt := r.networkName(v, n)
	items, at, ok := r.list(v, "subnets", optional)
	n.Hidden = at.Present() && !ok
	for _, item := range items {
		if r.isObject(item, "a subnet of network "+n.Name) {
			n.Subnets = append(n.Subnets, r.readVIPSubnet(item, n, zones))
		} else {
			n.Hidden = true
		}
	}
	r.object(v, "cloud_properties", optional)
	if n.At.IsValid() {
		r.canonicalName(n.Name, nameAt, "this network")
	}
}

func (r *cloudConfigReader) readVIPSubnet(v source.Value, n *Network, zones Zones) *Subnet {
	s := newSubnet(v)
	if v.Kind() == source.Nil {
		r.Add(RuleWrongType, "NoMethodError", v.Place(), "a subnet of network %q is null; it must be a map", n.Name)
		return s
	}
	if _, at, ok := r.list(v, "static", optional); ok {
		what := "static of network " + n.Name
		s.StaticAt = at.Place()
		s.Incomplete = !r.eachEntry(at, what, func(e entry) {
			s.Static = appendBlock(s.Static, e)
			r.warnEntry(e, what)
		})
	} else if at.Present() {
		s.Incomplete = true
	}
	s.CloudProperties = cloudProperties(v)
	r.readZones(v, s, n.Name, zones)
	return s
}

// newSubnet is a subnet of which nothing is known but its place.
func newSubnet(v source.Value) *Subnet {
	at := v.Place()
	return &Subnet{spec: v, At: at, RangeAt: at, GatewayAt: at, ReservedAt: at, StaticAt: at, AZsAt: at, PrefixAt: at, Prefix: 32}
}

// readZones reads az or azs of a subnet (subnet.rb, parse_availability_zones).
func (r *cloudConfigReader) readZones(v source.Value, s *Subnet, network string, zones Zones) {
	one, many := v.Field("az"), v.Field("azs")
	if v.Has("az") && v.Has("azs") {
		r.Add(RuleNetworkProperty, "NetworkInvalidProperty", one.Place(), "a subnet of network %q has both az and azs", network).
			WithCure("keep azs")
	}
	if !many.Present() || v.Has("az") && !v.Has("azs") {
		name, _, ok := r.text(v, "az", optional)
		if one.Present() {
			s.AZsAt = one.Place()
		}
		switch {
		case ok && r.hidden(one, "an availability zone of network %s", network):
			s.hideZone(one)
		case ok && r.knownZone(one, name, network, zones):
			s.AZs = []string{name}
		}
		return
	}
	s.AZsAt = many.Place()
	items, _, ok := r.list(v, "azs", required)
	if !ok {
		s.hideZone(many)
		return
	}
	if len(items) == 0 {
		s.ZonesHidden = true
		r.Add(RuleNetworkProperty, "NetworkInvalidProperty", many.Place(), "azs of a subnet of network %q is empty", network).
			WithCure("name a zone, or remove azs")
	}
	for _, item := range items {
		name := item.Text()
		switch item.Kind() {
		case source.Nil:
			name = ""
		case source.String:
			if r.hidden(item, "an availability zone of network %s", network) {
				s.hideZone(item)
				continue
			}
			if !r.knownZone(item, name, network, zones) {
				s.ZonesHidden = true // which one was meant, nobody knows
				continue
			}
		default: // no type is coerced here: 1 is not the zone "1"
			r.unknownZone(item, network, zones)
			continue
		}
		s.AZs = append(s.AZs, name)
	}
}

// hideZone notes that v hides a zone, or is none that can be read.
func (s *Subnet) hideZone(v source.Value) {
	s.ZonesHidden = true
	if name, ok := VariableIn(v.Text()); ok && s.ZoneVariable == "" {
		s.ZoneVariable = name
	}
}

func (r *cloudConfigReader) knownZone(v source.Value, name, network string, zones Zones) bool {
	if zones.Has(name) {
		return true
	}
	r.unknownZone(v, network, zones)
	return false
}

func (r *cloudConfigReader) unknownZone(v source.Value, network string, zones Zones) {
	if r.v1 {
		return // a manifest of that form defines no zones
	}
	r.Add(RuleAvailabilityZone, "NetworkSubnetUnknownAvailabilityZone", v.Place(),
		"network %q is in the availability zone %q, which is not defined", network, v).WithCure("%s", zones.Cure(v.Text()))
}

// readDNS reads the resolvers (network_parser/name_servers_parser.rb).
func (r *cloudConfigReader) readDNS(v source.Value, network string) []Block {
	items, _, _ := r.list(v, "dns", optional)
	var list []Block
	for _, item := range items {
		switch item.Kind() {
		case source.String:
			if r.hidden(item, "a dns server of network %s", network) {
				continue
			}
			a, err := ipaddr.Parse(item.Raw())
			if err != nil {
				r.Add(RuleInvalidDNS, err.Class, item.Place(), "dns of network %q: %q is no address: %s", network, item, err.Reason)
				continue
			}
			if !a.Single() {
				r.Add(RuleInvalidDNS, "NetworkInvalidDns", item.Place(), "dns of network %q: %q is a block; a resolver is one address", network, item).About(a)
				continue
			}
			list = append(list, Block{Range: a.Addresses(), At: item.Place()})
		case source.Int: // Ruby takes a number for the address that it encodes
		default:
			r.Add(RuleInvalidDNS, ipaddr.ClassAddressFamily, item.Place(), "dns of network %q holds %s where an address belongs", network, item.Kind()).
				WithCure("write addresses as strings, or remove the entry")
		}
	}
	return list
}

// cloudProperties lists the scalars below cloud_properties by their path.
func cloudProperties(v source.Value) map[string]string {
	properties := v.Field("cloud_properties")
	if properties.IsScalar() && hasVariable(properties.Text()) {
		return map[string]string{"": properties.Text()} // all of them hide
	}
	if !properties.IsMap() {
		return nil
	}
	flat := map[string]string{}
	flatten(properties, "", flat, 0)
	return flat
}

// maxDepth stops at trees that no cloud_properties have.
const maxDepth = 20

func flatten(v source.Value, path string, flat map[string]string, depth int) {
	if depth > maxDepth || len(flat) > 1000 {
		return
	}
	join := func(key string) string {
		if path == "" {
			return key
		}
		return path + "." + key
	}
	switch v.Kind() {
	case source.Map:
		for key, value := range v.Fields() {
			name := key.Raw() // which property it is counts, though the word may be a secret elsewhere
			if hasVariable(name) {
				name = key.Text()
			}
			flatten(value, join(name), flat, depth+1)
		}
	case source.List:
		for i, item := range v.Items() {
			flatten(item, join(strconv.Itoa(i)), flat, depth+1)
		}
	case source.Nil:
	default:
		flat[path] = v.Text()
	}
}
