package plan

import "net/netip"

// Twins are subnets that nothing but their places tells apart, each with the first of them.
// A director refuses them, and there may be thousands: what holds of a few holds of all.
type Twins map[*Subnet]*Subnet

// twinKey is what twins have in common: all that a contact or a rule depends on.
type twinKey struct {
	director, deployment, network, past, segment string
	at                                           netip.Prefix
	prefix                                       int
	gateway                                      netip.Addr
	incomplete                                   bool
	identity                                     Identity
}

// TwinsOf finds the twins among subnets; it has none of those that are alone.
func TwinsOf(subnets []*Subnet) Twins {
	first := make(map[twinKey]*Subnet, len(subnets))
	found := Twins{}
	for _, s := range subnets {
		if !s.Range.IsValid() || len(s.Among) > 0 {
			continue
		}
		key := twinKey{s.Director, s.Deployment, s.Network, s.Past, s.Segment, s.Range, s.Prefix, s.Gateway, s.Incomplete, s.Identity}
		if one, ok := first[key]; ok {
			found[s] = one
		} else {
			first[key] = s
		}
	}
	return found
}

// FirstOf is the first of the twins of a subnet, or itself.
func (t Twins) FirstOf(s *Subnet) *Subnet {
	if one, ok := t[s]; ok {
		return one
	}
	return s
}

// Others are, by the first of some twins, the others in their order.
func (t Twins) Others(subnets []*Subnet) map[*Subnet][]*Subnet {
	others := map[*Subnet][]*Subnet{}
	for _, s := range subnets {
		if one, ok := t[s]; ok {
			others[one] = append(others[one], s)
		}
	}
	return others
}

// numbers counts each of the subnets among its twins, from 0.
func (t Twins) numbers(subnets []*Subnet) []int {
	next := map[*Subnet]int{}
	numbers := make([]int, len(subnets))
	for i, s := range subnets {
		one := t.FirstOf(s)
		numbers[i] = next[one]
		next[one]++
	}
	return numbers
}
