package snapshot

import (
	"net"
	"net/netip"
	"strings"

	"go4.org/netipx"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/source"
)

// address keeps a text that is an address, a block or a range, or could be meant
// as one: a director's own error must be able to quote it.
func address(v source.Value) *yaml.Node {
	if v.Kind() == source.String && mayBeAddress(v.Raw()) {
		return text(v.Raw())
	}
	return scrubbed(v)
}

// punctuated is a text of digits that somebody meant as IPv4 addresses.
var punctuated = lazyregexp.New(`^[0-9]{0,3}(?:[./, -]+[0-9]{1,3})*[./, -]*$`)

// tooLong is the length of a block that no block can have.
var tooLong = lazyregexp.New(`^[0-9]{1,3}$`)

// around is what may stand around the variables of an address.
var around = lazyregexp.New(`^[0-9./: -]{0,40}$`)

func mayBeAddress(s string) bool {
	if len(s) > 255 {
		return false
	}
	if rest := variableForm().ReplaceAllString(s, ""); rest != s {
		return around().MatchString(rest)
	}
	if _, ok := parseRange(s); ok {
		return true
	}
	if base, mask, ok := strings.Cut(s, "/"); ok && tooLong().MatchString(mask) {
		_, ok := parseBlock(base)
		return ok
	}
	return strings.Count(s, ".") >= 3 && punctuated().MatchString(s)
}

// parseRange reads an address, a block (10.0.0.0/24, 10.0.0.0/255.255.255.0) or a
// range (10.0.0.5 - 10.0.0.9). A reversed range is no mistake: it is empty, and
// not valid.
func parseRange(s string) (netipx.IPRange, bool) {
	first, last, ranged := strings.Cut(s, "-")
	if !ranged {
		return parseBlock(s)
	}
	from, ok := parseBlock(first)
	if strings.TrimSpace(last) == "" {
		return from, ok
	}
	to, ok2 := parseBlock(last)
	if !ok || !ok2 {
		return netipx.IPRange{}, false
	}
	return netipx.IPRangeFrom(from.From(), to.To()), true
}

func parseBlock(s string) (netipx.IPRange, bool) {
	s = strings.Map(withoutBrackets, strings.TrimSpace(s))
	base, mask, masked := strings.Cut(s, "/")
	addr, err := netip.ParseAddr(base)
	if err != nil {
		return netipx.IPRange{}, false
	}
	addr = addr.WithZone("")
	if !masked {
		return netipx.IPRangeFrom(addr, addr), true
	}
	if ip := net.ParseIP(mask).To4(); ip != nil && addr.Is4() {
		ones, bits := net.IPMask(ip).Size()
		if bits == 0 {
			return netipx.IPRange{}, false
		}
		return netipx.RangeOfPrefix(netip.PrefixFrom(addr, ones).Masked()), true
	}
	prefix, err := netip.ParsePrefix(addr.String() + "/" + mask)
	if err != nil {
		return netipx.IPRange{}, false
	}
	return netipx.RangeOfPrefix(prefix.Masked()), true
}

// withoutBrackets drops the brackets in which IPv6 addresses may stand.
func withoutBrackets(r rune) rune {
	if r == '[' || r == ']' {
		return -1
	}
	return r
}
