package plan

import (
	"net/netip"

	"go4.org/netipx"
)

// WholeBlocks cuts r down to whole blocks of the given prefix length, in bits;
// false if there is none. A VM with a delegated prefix gets all of a block or
// nothing (ip_provider/ip_repo.rb). A length of 0, or of a single address,
// leaves r as it is.
func WholeBlocks(r netipx.IPRange, bits int) (netipx.IPRange, bool) {
	if !inBlocks(r, bits) {
		return r, true
	}
	from, to := r.From(), r.To()
	if first := netip.PrefixFrom(from, bits); first.Masked().Addr() != from {
		from = netipx.PrefixLastIP(first).Next()
	}
	if last := netip.PrefixFrom(to, bits); netipx.PrefixLastIP(last) != to {
		to = last.Masked().Addr().Prev()
	}
	if !from.IsValid() || !to.IsValid() || to.Less(from) {
		return netipx.IPRange{}, false
	}
	return netipx.IPRangeFrom(from, to), true
}

// inBlocks reports whether prefixes of that length, in bits, are more than single addresses.
func inBlocks(r netipx.IPRange, bits int) bool { return bits > 0 && bits < r.From().BitLen() }

// BlocksFrom returns the blocks of the given prefix length, in bits, that begin in r; false
// if none does. A director that keeps addresses for static_ips keeps those that begin a
// block, drops all others, and gives the whole block (manual_network_subnet.rb). A length
// of 0, or of a single address, leaves r as it is.
func BlocksFrom(r netipx.IPRange, bits int) (netipx.IPRange, bool) {
	if !inBlocks(r, bits) {
		return r, true
	}
	from := r.From()
	if first := netip.PrefixFrom(from, bits); first.Masked().Addr() != from {
		from = netipx.PrefixLastIP(first).Next()
	}
	if !from.IsValid() || r.To().Less(from) {
		return netipx.IPRange{}, false
	}
	return netipx.IPRangeFrom(from, netipx.PrefixLastIP(netip.PrefixFrom(r.To(), bits))), true
}

// BlocksOf widens r to the blocks of the given prefix length, in bits, that have a part of
// it. A length of 0, or of a single address, leaves r as it is.
func BlocksOf(r netipx.IPRange, bits int) netipx.IPRange {
	if !inBlocks(r, bits) {
		return r
	}
	return netipx.IPRangeFrom(netip.PrefixFrom(r.From(), bits).Masked().Addr(), netipx.PrefixLastIP(netip.PrefixFrom(r.To(), bits)))
}

// mostBases bounds the list of first addresses: an IPv6 range has more blocks than anybody
// can count, and a director makes a list of all that static names.
const mostBases = 1 << 16

// Bases returns the first addresses of the blocks of the given prefix length, in bits, that
// lie in sorted, disjoint ranges as a whole: those that static_ips may name. There are at
// most 65,536. A length of 0, or of a single address, leaves the ranges as they are.
func Bases(ranges []netipx.IPRange, bits int) []netipx.IPRange {
	if len(ranges) == 0 || !inBlocks(ranges[0], bits) {
		return ranges
	}
	var list []netipx.IPRange
	for _, r := range ranges {
		whole, ok := WholeBlocks(r, bits)
		if !ok {
			continue
		}
		for base := whole.From(); base.IsValid() && !whole.To().Less(base) && len(list) < mostBases; {
			list = append(list, netipx.IPRangeFrom(base, base))
			base = netipx.PrefixLastIP(netip.PrefixFrom(base, bits)).Next()
		}
	}
	return list
}

// Requestable are the addresses of a StaticPool that static_ips may name.
func (c *Claim) Requestable() []netipx.IPRange {
	if c.Subnet == nil {
		return []netipx.IPRange{c.Range}
	}
	return Bases([]netipx.IPRange{c.Range}, c.Subnet.Prefix)
}
