package bosh

import (
	"net/netip"
	"strings"

	"go4.org/netipx"
)

// ipaddr is one address or block as Ruby's IPAddr (version 1.2.8) holds it:
// host bits are gone, zone ids too. An address is a block of one.
type ipaddr struct {
	v6   bool
	base u128
	bits int // prefix length, 0 to 32 or 128
}

// addressError is what IPAddr raises.
type addressError struct {
	class  string // e.g. IPAddr::InvalidPrefixError
	reason string // in plain words
}

func (e *addressError) Error() string { return e.reason }

// The classes of IPAddr's errors. The second is a kind of the first.
const (
	classInvalidAddress = "IPAddr::InvalidAddressError"
	classInvalidPrefix  = "IPAddr::InvalidPrefixError"
	classAddressFamily  = "IPAddr::AddressFamilyError"
)

func badAddress(reason string) *addressError { return &addressError{classInvalidAddress, reason} }
func badPrefix(reason string) *addressError  { return &addressError{classInvalidPrefix, reason} }

// parseIPAddr reads what IPAddr.new reads: an address, a CIDR block or address
// and netmask; an IPv6 address may stand in brackets and have a zone id.
func parseIPAddr(s string) (ipaddr, *addressError) {
	text, mask, masked := strings.Cut(s, "/")
	only6 := false
	if len(text) >= 2 && text[0] == '[' && text[len(text)-1] == ']' && !strings.Contains(text, "\n") {
		text, only6 = text[1:len(text)-1], true
	}
	if head, ok := cutZone(text); ok {
		text, only6 = head, true
	}
	a, err := parseAddr(text, only6)
	if err != nil || !masked {
		return a, err
	}
	return a.mask(mask)
}

// cutZone removes a zone id: the last %word.
func cutZone(s string) (string, bool) {
	i := strings.LastIndexByte(s, '%')
	if i < 0 || i == len(s)-1 || strings.Contains(s, "\n") {
		return s, false
	}
	for _, c := range []byte(s[i+1:]) {
		if c != '_' && !isDigit(c) && !isLetter(c) {
			return s, false
		}
	}
	return s[:i], true
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func parseAddr(s string, only6 bool) (ipaddr, *addressError) {
	if !only6 && isDotted(s) {
		n, err := parseDotted(s)
		return ipaddr{base: n, bits: 32}, err
	}
	n, err := parseHex(s)
	return ipaddr{v6: true, base: n, bits: 128}, err
}

// isDotted reports whether s has the shape of an IPv4 address: four groups of
// digits.
func isDotted(s string) bool {
	groups, digits := 1, 0
	for _, c := range []byte(s) {
		switch {
		case isDigit(c):
			digits++
		case c == '.' && digits > 0:
			groups, digits = groups+1, 0
		default:
			return false
		}
	}
	return groups == 4 && digits > 0
}

func parseDotted(s string) (n u128, err *addressError) {
	for part := range strings.SplitSeq(s, ".") {
		if len(part) > 1 && part[0] == '0' {
			return n, badAddress("a number with a leading zero is ambiguous")
		}
		octet := 0
		for _, c := range []byte(part) {
			if octet = octet*10 + int(c-'0'); octet > 255 {
				return n, badAddress("no number of an IPv4 address is larger than 255")
			}
		}
		n.lo = n.lo<<8 | uint64(octet)
	}
	return n, nil
}

// parseHex reads an IPv6 address, with "::" at most once and an IPv4 tail
// perhaps.
func parseHex(s string) (u128, *addressError) {
	bad := badAddress("not an IP address")
	left, right, compressed := strings.Cut(s, "::")
	head, ok1 := hexGroups(left, !compressed)
	tail, ok2 := hexGroups(right, true)
	if !ok1 || !ok2 || strings.Contains(right, "::") {
		return u128{}, bad
	}
	if !compressed {
		if len(head) != 8 {
			return u128{}, bad
		}
	} else if strings.Count(s, ":") > maxColons(left, right) {
		return u128{}, bad
	}
	var groups [8]uint16
	copy(groups[:], head)
	copy(groups[8-len(tail):], tail)
	var n u128
	for i := range 4 {
		n.hi = n.hi<<16 | uint64(groups[i])
		n.lo = n.lo<<16 | uint64(groups[4+i])
	}
	return n, nil
}

// maxColons is how many colons an address with "::" may have: "::" stands for
// one group at least, except beside a dotted tail.
func maxColons(left, right string) int {
	switch {
	case strings.Contains(right, "."):
		return 6
	case left == "" || right == "":
		return 8
	}
	return 7
}

// hexGroups reads groups of 16 bits; a dotted IPv4 tail makes two.
func hexGroups(s string, dottedTail bool) (groups []uint16, ok bool) {
	if s == "" {
		return nil, true
	}
	parts := strings.Split(s, ":")
	for i, part := range parts {
		if dottedTail && i == len(parts)-1 && strings.Contains(part, ".") {
			if !isDotted(part) {
				return nil, false
			}
			n, err := parseDotted(part)
			if err != nil {
				return nil, false
			}
			return append(groups, uint16(n.lo>>16), uint16(n.lo)), true
		}
		if part == "" || len(part) > 4 || len(groups) == 8 {
			return nil, false
		}
		var g uint16
		for _, c := range []byte(part) {
			switch {
			case isDigit(c):
				g = g<<4 | uint16(c-'0')
			case c|0x20 >= 'a' && c|0x20 <= 'f':
				g = g<<4 | uint16(c|0x20-'a'+10)
			default:
				return nil, false
			}
		}
		groups = append(groups, g)
	}
	return groups, true
}

// mask applies what stands behind the slash: a length, or a netmask.
func (a ipaddr) mask(mask string) (ipaddr, *addressError) {
	if n, ok := smallNumber(mask); ok {
		if len(mask) > 1 && mask[0] == '0' {
			return a, badPrefix("a prefix length has no leading zero")
		}
		if n > a.width() {
			return a, badPrefix("the prefix length is too large")
		}
		return a.withBits(n), nil
	}
	m, err := parseIPAddr(mask)
	if err != nil {
		return a, err
	}
	if m.v6 != a.v6 {
		return a, badPrefix("address and netmask are of different families")
	}
	n := m.base.xor(lowBits(m.width()).xor(lowBits(m.width() - m.bits)))
	if !n.inc().and(n).isZero() {
		return a, badPrefix("not a netmask")
	}
	free := m.base.xor(lowBits(a.width()))
	if !free.inc().and(free).isZero() {
		// Only a netmask with a length of its own gets here; Ruby keeps the
		// holes, nobody else does.
		return a, badPrefix("not a netmask")
	}
	return a.withBits(a.width() - free.inc().trailingZeros()), nil
}

// smallNumber reads decimal digits; numbers beyond 999 are held there.
func smallNumber(s string) (n int, ok bool) {
	for _, c := range []byte(s) {
		if !isDigit(c) {
			return 0, false
		}
		n = min(n*10+int(c-'0'), 999)
	}
	return n, s != ""
}

func (a ipaddr) width() int {
	if a.v6 {
		return 128
	}
	return 32
}

// withBits is the block of that length that holds a.
func (a ipaddr) withBits(n int) ipaddr {
	host := lowBits(a.width() - n)
	return ipaddr{v6: a.v6, base: a.base.or(host).xor(host), bits: n}
}

func (a ipaddr) last() u128   { return a.base.or(lowBits(a.width() - a.bits)) }
func (a ipaddr) single() bool { return a.bits == a.width() }

// coerced is the first address of other as a sees it: as a number of a's
// family. An IPv6 address is too large for an IPv4 block, and Ruby raises then.
func (a ipaddr) coerced(other ipaddr) (u128, *addressError) {
	if !a.v6 && !other.base.isV4() {
		return u128{}, badAddress("an IPv6 address does not belong to an IPv4 range")
	}
	return other.base, nil
}

// includes is IPAddr#include? behind IpAddrOrCidr: it looks at the first address
// of other only.
func (a ipaddr) includes(other ipaddr) (bool, *addressError) {
	n, err := a.coerced(other)
	return err == nil && !n.less(a.base) && !a.last().less(n), err
}

// addr is the first address.
func (a ipaddr) addr() netip.Addr { return addrOf(a.base, a.v6) }

func (a ipaddr) prefix() netip.Prefix { return netip.PrefixFrom(a.addr(), a.bits) }

func (a ipaddr) addresses() netipx.IPRange {
	return netipx.IPRangeFrom(a.addr(), addrOf(a.last(), a.v6))
}

// fromPrefix is a valid prefix as an ipaddr.
func fromPrefix(p netip.Prefix) ipaddr {
	return ipaddr{v6: p.Addr().Is6(), base: numberOf(p.Addr()), bits: p.Bits()}
}

// byNumber is the address that IpAddrOrCidr makes of a number: IPv4 up to
// 255.255.255.255, IPv6 above.
func byNumber(n u128) ipaddr {
	if n.isV4() {
		return ipaddr{base: n, bits: 32}
	}
	return ipaddr{v6: true, base: n, bits: 128}
}
