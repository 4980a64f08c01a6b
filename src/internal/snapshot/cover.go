package snapshot

import (
	"net/netip"
	"strconv"
	"strings"

	"go4.org/netipx"
	"gopkg.in/yaml.v3"
)

// claiming are the keys below which addresses stand that somebody has or may
// get. A gateway or a resolver outside of its range is nobody's, and what is
// reserved too.
var claiming = map[string]bool{"range": true, "static": true, "static_ips": true, "properties": true}

// covers returns every address that the snapshot may claim, nil if that cannot
// be known.
func (s *Snapshot) covers() *netipx.IPSet {
	c := coverage{known: true}
	for _, configs := range [][]Config{s.CloudConfigs, s.RuntimeConfigs} {
		for _, config := range configs {
			c.content(config.Content)
		}
	}
	for _, d := range s.Deployments {
		c.content(d.Manifest)
		c.vms(d.VMs)
	}
	c.vms(s.Orphans)
	set, err := c.set.IPSet()
	if err != nil || !c.known {
		return nil
	}
	return set
}

type coverage struct {
	set   netipx.IPSetBuilder
	known bool
}

func (c *coverage) vms(list []VM) {
	for _, vm := range list {
		for _, a := range vm.Addresses {
			c.text(a.Text)
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
			c.text(n.Value)
		case key == "" && isVariable(n.Value):
			c.known = false // a whole list of networks or groups may be behind it
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			c.node(item, key)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			below := key
			switch name := n.Content[i].Value; {
			case claiming[name]:
				below = name
			case name == "vm_types" || name == "vm_extensions":
				c.types(n.Content[i+1])
				continue
			case name == "cloud_properties" && key == "":
				continue // of a subnet: names, no addresses
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

// text adds the addresses of a text: a range, or several addresses.
func (c *coverage) text(s string) {
	if strings.Contains(s, "((") {
		c.known = false
		return
	}
	for _, part := range strings.Split(s, ",") {
		r, ok := parseRange(part)
		switch {
		case ok && r.IsValid():
			c.set.AddRange(wholeBlock(r))
		case !ok && s != LeftOut && !isNumber(s):
			c.known = false
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

// parseSet reads what rangeTexts wrote.
func parseSet(texts []string) (*netipx.IPSet, bool) {
	var set netipx.IPSetBuilder
	for _, s := range texts {
		r, ok := parseRange(s)
		if !ok || !r.IsValid() {
			return nil, false
		}
		set.AddRange(r)
	}
	all, err := set.IPSet()
	return all, err == nil
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
