package snapshot

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go4.org/netipx"
	"gopkg.in/yaml.v3"
)

// claiming are the keys below which addresses stand that somebody has or may
// get. A gateway or a resolver outside of its range is nobody's, and what is
// reserved too.
var claiming = map[string]bool{"range": true, "static": true, "static_ips": true, "properties": true, "mbus": true, "host": true}

// tell computes what the head tells of the addresses that stand behind it.
func (s *Snapshot) tell() {
	c := coverage{known: true, reserves: true, usesKnown: len(s.NotShown()) == 0, segments: map[string]bool{}}
	for _, configs := range [][]Config{s.CloudConfigs, s.RuntimeConfigs} {
		for _, config := range configs {
			c.content(config.Content)
		}
	}
	for _, d := range s.Deployments {
		c.content(d.Manifest)
		c.vms(d.VMs)
	}
	c.reserves = false // create-env does not look at it
	for _, content := range s.CreateEnvs {
		c.content(content)
	}
	c.known = c.known && !s.hides()
	c.vms(s.Orphans)
	for _, e := range s.Settings.External {
		c.vms([]VM{{Addresses: e.Addresses}})
	}
	for _, b := range s.Settings.Bookings {
		c.text(rangeText(netipx.RangeOfPrefix(b.Range)), true)
	}
	c.vms([]VM{{Addresses: s.Settings.Own}, {Addresses: s.Settings.AnswersAt}, {Addresses: s.Settings.Proxies}})
	head := Head{Collected: s.Collected, Director: s.Director, Unseen: s.Unseen, Kept: s.Kept, Deployed: len(s.Deployments)}
	if all, err := c.set.IPSet(); err == nil && c.known {
		head.Covers = all
	}
	if used, err := c.uses.IPSet(); err == nil && head.Covers != nil && c.usesKnown {
		if routers, ok := s.routers(); ok {
			head.Uses, head.Routers, head.Unplaced = used, routers.ids(false), routers.ids(true)
		}
	}
	if len(head.Routers) > 0 {
		head.Segments = slices.Sorted(maps.Keys(c.segments))
	}
	s.Head = head
}

type coverage struct {
	set, uses netipx.IPSetBuilder
	// segments are the names in cloud_properties of subnets.
	segments map[string]bool
	// known and usesKnown say that all of them were seen.
	known, usesKnown bool
	// reserves says that nobody gets what is reserved in a subnet.
	reserves bool
}

func (c *coverage) vms(list []VM) {
	for _, vm := range list {
		for _, a := range vm.Addresses {
			c.text(a.Text, true)
		}
	}
}

func (c *coverage) content(content Content) {
	if content.Unreadable != "" {
		c.known = false
	}
	if content.node != nil {
		c.node(content.node, "")
	}
}

// node visits what is kept; key is the claiming key above it, if there is one.
func (c *coverage) node(n *yaml.Node, key string) {
	switch n.Kind {
	case yaml.ScalarNode:
		switch {
		case key != "" && n.Tag == "!!str":
			c.text(n.Value, key != "range")
		case key != "" && n.Tag != "!!null":
			c.usesKnown = false
		case key == "" && isVariable(n.Value):
			c.known = false // a whole list of networks or groups may be behind it
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			c.node(item, key)
		}
	case yaml.MappingNode:
		if key == "" {
			c.subnet(n)
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			below := key
			switch name := n.Content[i].Value; {
			case key == "" && claiming[name]:
				below = name
			case name == "vm_types" || name == "vm_extensions":
				c.types(n.Content[i+1])
				continue
			case name == "cloud_properties" && key == "":
				c.names(n.Content[i+1]) // of a subnet: no addresses
				continue
			}
			c.node(n.Content[i+1], below)
		}
	}
}

// types visits VM types and extensions, whose cloud_properties hold virtual
// addresses and nothing else.
func (c *coverage) types(list *yaml.Node) {
	for _, item := range list.Content {
		for i := 0; i+1 < len(item.Content); i += 2 {
			if item.Content[i].Value == "cloud_properties" {
				c.node(item.Content[i+1], "properties")
			}
		}
	}
}

// subnet adds what a mapping uses if it is a subnet: its range less what it reserves,
// its gateway and its resolvers.
func (c *coverage) subnet(n *yaml.Node) {
	var within netipx.IPSetBuilder
	for i := 0; i+1 < len(n.Content); i += 2 {
		value := n.Content[i+1]
		switch n.Content[i].Value {
		case "range":
			if r, ok := parseRange(value.Value); ok && r.IsValid() {
				within.AddRange(wholeBlock(r))
			}
		case "gateway", "dns":
			c.references(value)
		case "prefix", "managed":
			c.usesKnown = false // blocks are wider than what is written, and ranges are the IaaS's
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "reserved" && c.reserves {
			removeReserved(&within, n.Content[i+1])
		}
	}
	if set, err := within.IPSet(); err == nil {
		c.uses.AddSet(set)
	} else {
		c.usesKnown = false
	}
}

// references adds gateways and resolvers.
func (c *coverage) references(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		for _, item := range n.Content {
			c.references(item)
		}
		return
	}
	switch r, ok := parseRange(n.Value); {
	case ok && r.IsValid():
		c.uses.AddRange(wholeBlock(r))
	case n.Tag == "!!str" && n.Value != LeftOut:
		c.usesKnown = false
	}
}

// removeReserved takes away what a list reserves for certain, whoever reads it: plain
// addresses, blocks and ranges of two addresses.
func removeReserved(set *netipx.IPSetBuilder, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		for _, item := range n.Content {
			removeReserved(set, item)
		}
		return
	}
	if n.Tag != "!!str" {
		return
	}
	if p, err := netip.ParsePrefix(n.Value); err == nil {
		if p == p.Masked() && !p.Addr().Is4In6() {
			set.RemovePrefix(p)
		}
		return
	}
	first, last, ranged := strings.Cut(n.Value, "-")
	if !ranged {
		last = first
	}
	from, err := netip.ParseAddr(strings.Trim(first, " "))
	to, err2 := netip.ParseAddr(strings.Trim(last, " "))
	if r := netipx.IPRangeFrom(from, to); err == nil && err2 == nil && r.IsValid() && !from.Is4In6() && !to.Is4In6() {
		set.RemoveRange(r)
	}
}

// text adds the addresses of a text: a range, or several addresses. used says whether
// somebody has or may get all of them.
func (c *coverage) text(s string, used bool) {
	if strings.Contains(s, "((") {
		c.known = false
		return
	}
	for _, part := range strings.Split(s, ",") {
		r, ok := parseRange(strings.Trim(part, "[]")) // as the host of a URL
		switch {
		case ok && r.IsValid():
			c.set.AddRange(wholeBlock(r))
			if used {
				c.uses.AddRange(wholeBlock(r))
			}
		case s == LeftOut:
			c.usesKnown = false
		case !ok:
			c.known = c.known && isNumber(s)
		}
	}
}

// names notes what may name a segment.
func (c *coverage) names(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		c.segments[n.Value] = true
		return
	}
	for i, child := range n.Content {
		if n.Kind != yaml.MappingNode || i%2 == 1 {
			c.names(child)
		}
	}
}

// isNumber reports whether a text is the id of a virtual router, which is kept beside
// virtual addresses and is none.
func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}

// wholeBlock is a range as its address family counts it.
func wholeBlock(r netipx.IPRange) netipx.IPRange {
	return netipx.IPRangeFrom(r.From().Unmap(), r.To().Unmap())
}

// rangeTexts writes a set as CIDRs and ranges, whichever is shorter.
func rangeTexts(set *netipx.IPSet) []string {
	list := []string{}
	for _, r := range set.Ranges() {
		list = append(list, rangeText(r))
	}
	return list
}

func rangeText(r netipx.IPRange) string {
	if prefix, ok := r.Prefix(); ok {
		if prefix.Bits() == prefix.Addr().BitLen() {
			return prefix.Addr().String()
		}
		return prefix.String()
	}
	return r.From().String() + "-" + r.To().String()
}

// parseSet reads what rangeTexts wrote; nil is nil.
func parseSet(texts []string) (*netipx.IPSet, bool) {
	if texts == nil {
		return nil, true
	}
	var set netipx.IPSetBuilder
	for _, s := range texts {
		r, ok := parseWritten(s)
		if !ok || !r.IsValid() {
			return nil, false
		}
		set.AddRange(r)
	}
	all, err := set.IPSet()
	return all, err == nil
}

// parseWritten reads what rangeText wrote, and what parseRange reads besides.
func parseWritten(s string) (netipx.IPRange, bool) {
	first, last, ranged := strings.Cut(s, "-")
	if p, err := netip.ParsePrefix(s); !ranged && err == nil {
		return netipx.RangeOfPrefix(p), true
	}
	if !ranged {
		last = first
	}
	from, err := netip.ParseAddr(first)
	to, err2 := netip.ParseAddr(last)
	if err != nil || err2 != nil {
		return parseRange(s)
	}
	return netipx.IPRangeFrom(from, to), true
}

// parseGranted reads an address as a director prints it in lists of VMs.
func parseGranted(s string) (netipx.IPRange, bool) {
	if strings.Contains(s, "/") {
		prefix, err := netip.ParsePrefix(s)
		return netipx.RangeOfPrefix(prefix.Masked()), err == nil
	}
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Zone() != "" {
		return netipx.IPRange{}, false
	}
	addr = addr.Unmap()
	return netipx.IPRangeFrom(addr, addr), true
}
