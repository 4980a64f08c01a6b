package answer

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/seal"
)

// Scope is the part of the plan in which an address is looked for.
type Scope struct {
	// Name is how it was asked for.
	Name string
	// Subnets are not empty, and have ranges of addresses.
	Subnets []*plan.Subnet
	// Within narrows it to a range; invalid for all addresses of the subnets.
	Within netipx.IPRange
}

// NotFound says that a name stands for no subnet of the plan.
type NotFound struct {
	Name string
	// Known are the names that stand for something, sorted.
	Known []string
}

func (e *NotFound) Error() string {
	return fmt.Sprintf("no segment, network or range of the fleet is %q", e.Name)
}

// Ambiguous says that a name stands for networks of several segments, so that an
// address may be free in one and taken in another.
type Ambiguous struct {
	Name string
	// Choices are names of which each stands for one of them, sorted.
	Choices []string
}

func (e *Ambiguous) Error() string {
	return fmt.Sprintf("%q stands for %d networks that are not one segment", e.Name, len(e.Choices))
}

// Find returns what a CIDR, an address, a segment's name or a network's name
// stands for. A network is named as in its cloud-config, or as Network does; a
// segment as in the plan (plan.Segments), or by its id, such as VLAN-52. The error is a
// *NotFound or an *Ambiguous.
func Find(p *plan.Plan, name string) (Scope, error) {
	scope := Scope{Name: name}
	if r, ok := ParseRange(name); ok {
		scope.Within = r
		scope.Subnets = ranged(p, func(s *plan.Subnet) bool { return netipx.RangeOfPrefix(s.Range).Overlaps(r) })
		if len(scope.Subnets) == 0 {
			return scope, &NotFound{Name: name, Known: Names(p)}
		}
		return scope, nil
	}
	segments := p.Segments()
	for _, g := range segments {
		if isNamed(g.Name, name) {
			scope.Subnets = g.Subnets
			return scope, nil
		}
	}
	for _, fits := range []func(*plan.Subnet) bool{
		func(s *plan.Subnet) bool { return seal.Same(Network(s), name) },
		func(s *plan.Subnet) bool { return seal.Same(s.Network, name) },
		func(s *plan.Subnet) bool { return s.Identity.ID != "" && isNamed(s.Identity.ID, name) },
	} {
		if scope.Subnets = ranged(p, fits); len(scope.Subnets) > 0 {
			return scope, oneSegment(name, segments, scope.Subnets)
		}
	}
	return scope, &NotFound{Name: name, Known: Names(p)}
}

// isNamed reports whether a segment or its id is called so: case tells no two apart.
func isNamed(known, name string) bool {
	return strings.EqualFold(known, name) || seal.Same(known, name)
}

// ParseRange reads an address or a CIDR; host bits are masked away.
func ParseRange(text string) (netipx.IPRange, bool) {
	if prefix, err := netip.ParsePrefix(text); err == nil && !prefix.Addr().Is4In6() {
		return netipx.RangeOfPrefix(prefix.Masked()), true
	}
	addr, err := netip.ParseAddr(text)
	addr = addr.Unmap()
	return netipx.IPRangeFrom(addr, addr), err == nil && addr.Zone() == ""
}

// ranged returns the subnets with addresses that fit.
func ranged(p *plan.Plan, fits func(*plan.Subnet) bool) []*plan.Subnet {
	var list []*plan.Subnet
	for _, s := range p.Subnets {
		if s.Range.IsValid() && fits(s) {
			list = append(list, s)
		}
	}
	return list
}

// oneSegment refuses networks of which some cannot meet the others.
func oneSegment(name string, all []*plan.Segment, subnets []*plan.Subnet) error {
	var choices []string
	for _, s := range subnets {
		choices = append(choices, Network(s))
	}
	slices.Sort(choices)
	choices = slices.Compact(choices)
	if len(choices) == 1 || inOne(all, subnets) {
		return nil // one network may have subnets in several segments
	}
	return &Ambiguous{Name: name, Choices: choices}
}

// Names returns every name that Find takes, but for ranges, sorted.
func Names(p *plan.Plan) []string {
	var names []string
	for _, g := range p.Segments() {
		names = append(names, g.Name)
	}
	for _, s := range p.Subnets {
		if !s.Range.IsValid() {
			continue
		}
		for _, name := range []string{Network(s), s.Network, s.Identity.ID} {
			if name != "" {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
