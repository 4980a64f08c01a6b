package link

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
)

// Exclusion says which interfaces and addresses of a host are nobody's concern.
// The zero value leaves out what does not lead out of this machine, and nothing
// else.
type Exclusion struct {
	interfaces, included []string
	prefixes             []netip.Prefix
}

// ParseExclusion reads patterns of names of interfaces to leave out, with * and ?
// as in a shell, addresses or CIDRs to leave out, and patterns of names of
// interfaces that count though they do not lead out of this machine.
func ParseExclusion(interfaces, addresses, included []string) (Exclusion, error) {
	e := Exclusion{interfaces: interfaces, included: included}
	for _, pattern := range slices.Concat(interfaces, included) {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			return Exclusion{}, fmt.Errorf("%q is no pattern of interface names", pattern)
		}
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

// Takes reports whether the interface counts. named are the only ones that do, if
// there are any; they count wherever they lead.
func (e Exclusion) Takes(i Interface, named []string) bool {
	switch {
	case !i.Wire || matches(e.interfaces, i.Name):
		return false
	case len(named) > 0:
		return slices.Contains(named, i.Name)
	}
	return i.Inside == "" || matches(e.included, i.Name)
}

// KeptInside reports whether the interface does not count for no other reason than
// where it leads.
func (e Exclusion) KeptInside(i Interface, named []string) bool {
	return i.Inside != "" && len(named) == 0 && !matches(e.interfaces, i.Name) && !e.Takes(i, named)
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		matches, _ := path.Match(pattern, name) // the pattern was checked when it was read
		return matches
	})
}

// Address reports whether the address is left out.
func (e Exclusion) Address(a netip.Addr) bool {
	return slices.ContainsFunc(e.prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}
