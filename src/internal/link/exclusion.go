package link

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
)

// Exclusion says which interfaces and addresses of a host are nobody's concern:
// bridges of containers, addresses that every host has. The zero value excludes
// nothing.
type Exclusion struct {
	interfaces []string
	prefixes   []netip.Prefix
}

// ParseExclusion reads patterns of interface names, with * and ? as in a shell,
// and addresses or CIDRs.
func ParseExclusion(interfaces, addresses []string) (Exclusion, error) {
	var e Exclusion
	for _, pattern := range interfaces {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			return Exclusion{}, fmt.Errorf("%q is no pattern of interface names", pattern)
		}
		e.interfaces = append(e.interfaces, pattern)
	}
	for _, text := range addresses {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			address, err := netip.ParseAddr(text)
			if err != nil || address.Zone() != "" {
				return Exclusion{}, fmt.Errorf("%q is neither an address nor a CIDR", text)
			}
			address = address.Unmap()
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		e.prefixes = append(e.prefixes, prefix)
	}
	return e, nil
}

// Interface reports whether the interface is left out.
func (e Exclusion) Interface(name string) bool {
	return slices.ContainsFunc(e.interfaces, func(pattern string) bool {
		matches, _ := path.Match(pattern, name) // the pattern was checked when it was read
		return matches
	})
}

// Address reports whether the address is left out.
func (e Exclusion) Address(a netip.Addr) bool {
	return slices.ContainsFunc(e.prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}
