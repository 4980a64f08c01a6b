// Package ipaddr computes with addresses as directors do: it reads texts as
// Ruby's IPAddr (version 1.2.8) does, compares addresses as numbers, across
// families, and keeps sets of them as sorted spans. net/netip does none of that.
package ipaddr

import (
	"net/netip"
	"strings"

	"go4.org/netipx"
)

// Addr is one address or block as Ruby's IPAddr (version 1.2.8) holds it:
// host bits are gone, zone ids too. An address is a block of one.
type Addr struct {
	V6   bool
	Base Number
	Bits int // prefix length, 0 to 32 or 128
}

// Error is what IPAddr raises.
type Error struct {
	Class  string // e.g. IPAddr::InvalidPrefixError
	Reason string // in plain words
}

// Error returns the reason.
func (e *Error) Error() string { return e.Reason }

// The classes of IPAddr's errors. The second is a kind of the first.
const (
	ClassInvalidAddress = "IPAddr::InvalidAddressError"
	ClassInvalidPrefix  = "IPAddr::InvalidPrefixError"
	ClassAddressFamily  = "IPAddr::AddressFamilyError"
)

// BadAddress says that a text is no address.
func BadAddress(reason string) *Error { return &Error{ClassInvalidAddress, reason} }
func badPrefix(reason string) *Error  { return &Error{ClassInvalidPrefix, reason} }

// Parse reads what IPAddr.new reads: an address, a CIDR block or address
// and netmask; an IPv6 address may stand in brackets and have a zone id.
func Parse(s string) (Addr, *Error) {
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
	return a.Mask(mask)
}

// cutZone removes a zone id: the last %word.
func cutZone(s string) (string, bool) {
	i := strings.LastIndexByte(s, '%')
	if i < 0 || i == len(s)-1 || strings.Contains(s, "\n") {
		return s, false
	}
	for _, c := range []byte(s[i+1:]) {
		if c != '_' && !IsDigit(c) && !IsLetter(c) {
			return s, false
		}
	}
	return s[:i], true
}

// IsDigit and IsLetter know ASCII alone, as a director's patterns do.
func IsDigit(c byte) bool  { return c >= '0' && c <= '9' }
func IsLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func parseAddr(s string, only6 bool) (Addr, *Error) {
	if !only6 && isDotted(s) {
		n, err := parseDotted(s)
		return Addr{Base: n, Bits: 32}, err
	}
	n, err := parseHex(s)
	return Addr{V6: true, Base: n, Bits: 128}, err
}

// isDotted reports whether s has the shape of an IPv4 address: four groups of
// digits.
func isDotted(s string) bool {
	groups, digits := 1, 0
	for _, c := range []byte(s) {
		switch {
		case IsDigit(c):
			digits++
		case c == '.' && digits > 0:
			groups, digits = groups+1, 0
		default:
			return false
		}
	}
	return groups == 4 && digits > 0
}

func parseDotted(s string) (n Number, err *Error) {
	for part := range strings.SplitSeq(s, ".") {
		if len(part) > 1 && part[0] == '0' {
			return n, BadAddress("a number with a leading zero is ambiguous")
		}
		octet := 0
		for _, c := range []byte(part) {
			if octet = octet*10 + int(c-'0'); octet > 255 {
				return n, BadAddress("no number of an IPv4 address is larger than 255")
			}
		}
		n.Lo = n.Lo<<8 | uint64(octet)
	}
	return n, nil
}

// parseHex reads an IPv6 address, with "::" at most once and an IPv4 tail
// perhaps.
func parseHex(s string) (Number, *Error) {
	bad := BadAddress("not an IP address")
	left, right, compressed := strings.Cut(s, "::")
	head, ok1 := hexGroups(left, !compressed)
	tail, ok2 := hexGroups(right, true)
	if !ok1 || !ok2 || strings.Contains(right, "::") {
		return Number{}, bad
	}
	if !compressed {
		if len(head) != 8 {
			return Number{}, bad
		}
	} else if strings.Count(s, ":") > maxColons(left, right) {
		return Number{}, bad
	}
	var groups [8]uint16
	copy(groups[:], head)
	copy(groups[8-len(tail):], tail)
	var n Number
	for i := range 4 {
		n.Hi = n.Hi<<16 | uint64(groups[i])
		n.Lo = n.Lo<<16 | uint64(groups[4+i])
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
			return append(groups, uint16(n.Lo>>16), uint16(n.Lo)), true
		}
		if part == "" || len(part) > 4 || len(groups) == 8 {
			return nil, false
		}
		var g uint16
		for _, c := range []byte(part) {
			switch {
			case IsDigit(c):
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

// Mask applies what stands behind the slash: a length, or a netmask.
func (a Addr) Mask(mask string) (Addr, *Error) {
	if n, ok := SmallNumber(mask); ok {
		if len(mask) > 1 && mask[0] == '0' {
			return a, badPrefix("a prefix length has no leading zero")
		}
		if n > a.Width() {
			return a, badPrefix("the prefix length is too large")
		}
		return a.WithBits(n), nil
	}
	m, err := Parse(mask)
	if err != nil {
		return a, err
	}
	if m.V6 != a.V6 {
		return a, badPrefix("address and netmask are of different families")
	}
	n := m.Base.Xor(LowBits(m.Width()).Xor(LowBits(m.Width() - m.Bits)))
	if !n.Inc().And(n).IsZero() {
		return a, badPrefix("not a netmask")
	}
	free := m.Base.Xor(LowBits(a.Width()))
	if !free.Inc().And(free).IsZero() {
		// Only a netmask with a length of its own gets here; Ruby keeps the
		// holes, nobody else does.
		return a, badPrefix("not a netmask")
	}
	return a.WithBits(a.Width() - free.Inc().trailingZeros()), nil
}

// SmallNumber reads decimal digits; numbers beyond 999 are held there.
func SmallNumber(s string) (n int, ok bool) {
	for _, c := range []byte(s) {
		if !IsDigit(c) {
			return 0, false
		}
		n = min(n*10+int(c-'0'), 999)
	}
	return n, s != ""
}

// Width is the length of a single address of the family in bits: 32 or 128.
func (a Addr) Width() int {
	if a.V6 {
		return 128
	}
	return 32
}

// WithBits is the block of that length that holds a.
func (a Addr) WithBits(n int) Addr {
	host := LowBits(a.Width() - n)
	return Addr{V6: a.V6, Base: a.Base.or(host).Xor(host), Bits: n}
}

// Last is the last address of the block.
func (a Addr) Last() Number { return a.Base.or(LowBits(a.Width() - a.Bits)) }

// Single reports whether the block is one address.
func (a Addr) Single() bool { return a.Bits == a.Width() }

// Coerced is the first address of other as a sees it: as a number of a's
// family. An IPv6 address is too large for an IPv4 block, and Ruby raises then.
func (a Addr) Coerced(other Addr) (Number, *Error) {
	if !a.V6 && !other.Base.IsV4() {
		return Number{}, BadAddress("an IPv6 address does not belong to an IPv4 range")
	}
	return other.Base, nil
}

// Includes is IPAddr#include? behind IpAddrOrCidr: it looks at the first address
// of other only.
func (a Addr) Includes(other Addr) (bool, *Error) {
	n, err := a.Coerced(other)
	return err == nil && !n.Less(a.Base) && !a.Last().Less(n), err
}

// Words is a block as a person writes it.
func (a Addr) Words() string {
	if a.Single() {
		return a.Addr().String()
	}
	return a.Prefix().String()
}

// Addr is the first address.
func (a Addr) Addr() netip.Addr { return AddrOf(a.Base, a.V6) }

// Prefix is the block as netip has it.
func (a Addr) Prefix() netip.Prefix { return netip.PrefixFrom(a.Addr(), a.Bits) }

// Addresses are the block from its first address to its last.
func (a Addr) Addresses() netipx.IPRange {
	return netipx.IPRangeFrom(a.Addr(), AddrOf(a.Last(), a.V6))
}

// FromPrefix is a valid prefix as an ipaddr.
func FromPrefix(p netip.Prefix) Addr {
	return Addr{V6: p.Addr().Is6(), Base: NumberOf(p.Addr()), Bits: p.Bits()}
}

// ByNumber is the address that IpAddrOrCidr makes of a number: IPv4 up to
// 255.255.255.255, IPv6 above.
func ByNumber(n Number) Addr {
	if n.IsV4() {
		return Addr{Base: n, Bits: 32}
	}
	return Addr{V6: true, Base: n, Bits: 128}
}
