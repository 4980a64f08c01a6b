package bosh

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/seal"
	"github.com/ipguard/ipguard/src/internal/source"
)

// variableForm is what the CLI takes for a variable (director/template).
var variableForm = lazyregexp.New(`\(\( ?!?([-/.\w\pL]+) ?\)\)`)

func variablesOf(text string) []string {
	var names []string
	for _, m := range variableForm().FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

// LeftOut stands in the place of what may not be kept; in that of a virtual address it may
// have been one.
const LeftOut = seal.LeftOut

// isUnfilled reports whether another tool has yet to fill in a text, or had when a snapshot
// left it out.
func isUnfilled(text string) bool { return TemplateIn(text) != "" || text == LeftOut }

// virtualAddresses are the addresses of a text: "10.0.0.5", "10.0.0.5/24",
// "10.0.0.5/255.255.255.0", "10.0.0.5:443", "https://10.0.0.5/login", "10.0.0.5,
// 10.0.0.6" with brackets and quotes or without, "10.0.0.5-10.0.0.9", or a line of
// keepalived.conf, "10.0.0.5/24 dev eth0". strange says that something looks like an
// address and is none that can be read.
//
// The first address of a network with its mask ("10.0.0.0/24") may mean the network that
// the others are in. Where there are no others, nobody knows whether it means all its
// addresses, or the first one: those are networks.
func virtualAddresses(text string) (list, networks []netipx.IPRange, strange bool) {
	known := strings.ReplaceAll(text, LeftOut, "")
	text, strange = aroundHyphen().ReplaceAllString(known, "$1-$2"), known != text
	if isSeveral := func(word string) bool { return strings.ContainsAny(word, "*?xX[{(") }; slices.ContainsFunc(looksLikeSeveral().FindAllString(text, -1), isSeveral) {
		return nil, nil, true
	}
	strange = strange || toBeFilledIn().MatchString(text) || isShort().MatchString(text)
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(`,;{}"'|`, r) || unicode.IsSpace(r) })
	for _, word := range words {
		word = strings.TrimRight(word, ".") // of a sentence, or a name's end
		r, ok := wordRange(word)
		switch {
		case ok && canBeHeld(r.From()) && canBeHeld(r.To()):
			list = append(list, r)
		case !ok && looksLikeAddress().MatchString(word):
			network, isNetwork := networkOf(word)
			strange = strange || !isNetwork
			if isNetwork && canBeHeld(network.From()) && canBeHeld(network.To()) {
				networks = append(networks, network)
			}
		}
	}
	if len(list) > 0 || strange {
		networks = nil
	}
	return list, networks, strange
}

// aroundHyphen are the blanks of "10.0.0.5 - 10.0.0.9".
var aroundHyphen = lazyregexp.New(`([0-9a-fA-F])\s+-\s+([0-9a-fA-F])`)

// looksLikeAddress is four numbers with dots between them, of any script, or three colons.
var looksLikeAddress = lazyregexp.New(`(^|[^\p{Nd}.])\p{Nd}{1,4}([.．。]\p{Nd}{1,4}){3}($|[^\p{Nd}.])|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:]+`)

// looksLikeSeveral are the short forms for several addresses that shells and scanners
// know: 10.0.0.*, 10.0.0.[5-9], 10.0.0.{5,6}, 10.0.[0-3].5.
var looksLikeSeveral = lazyregexp.New(`\b(?:(?:\d{1,3}|[*?xX]{1,3}|[\[{(][\d,|-]+[\])}])\.){3}(?:\d{1,3}|[*?xX]{1,3}|[\[{(][\d,|-]+[\])}])`)

// isShort is an address of which a part is left out: 10.*, 10.8/16, 10.0.0/24, 10.0.0.{5..9},
// 10.0.0.[5-9 without an end, fd00::*, fd00::[1-5].
var isShort = lazyregexp.New(`(?:^|[\s,;"'])(?:` +
	`\d{1,3}(?:\.\d{1,3}){1,2}/\d{1,2}|` +
	`\d{1,3}\.[\d.|-]*[*?\[({][\d.,|*?\])}/-]*|` +
	`[0-9a-fA-F]{0,4}:[0-9a-fA-F]{0,4}:[0-9a-fA-F:]*[*?\[({][0-9a-fA-F.:,|*?\])}/-]*` +
	`)(?:$|[\s,;"'])`)

// toBeFilledIn are words with a placeholder, alone or in the place of a part of an address:
// $VIP, 10.0.0.$N, 10.0.0.N, https://$VIP:443. No host name looks like them. They are whole
// words, since a password may hold any of them.
var toBeFilledIn = lazyregexp.New(`(?:^|[\s,;"'[])(?:\w+://)?(?:(?:\d{1,3}\.){3}[a-zA-Z_]{1,3}|(?:\d{1,3}\.)*(?:` + source.Placeholder +
	`))(?:\.\d{1,3})*(?:[:/]\S*)?(?:$|[\s,;"'\]])`)

// networkOf is the network that a word is, with its mask.
func networkOf(word string) (r netipx.IPRange, ok bool) {
	text, mask, masked := strings.Cut(strings.Trim(word, "[]"), "/")
	addr, err := netip.ParseAddr(text)
	bits, ok := maskLength(mask)
	if !masked || err != nil || !ok {
		return r, false
	}
	network, err := addr.Unmap().WithZone("").Prefix(bits)
	if err != nil {
		return r, false
	}
	return netipx.RangeOfPrefix(network), true
}

// isNumberOfAddress reports whether a number can only be an address of IPv4 as some
// programs write it, in one number: it is none of the ports, ids and times that stand
// beside addresses.
func isNumberOfAddress(v source.Value) bool {
	if !v.IsScalar() {
		return false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(v.Raw()), 0, 32)
	return err == nil && 1<<24 <= n && n < 0xe0<<24
}

// wordRange is the address or the range that a word means.
func wordRange(word string) (netipx.IPRange, bool) {
	if first, last, ok := strings.Cut(word, "-"); ok {
		from, okFrom := wordAddress(strings.Trim(first, "[]"))
		to, okTo := wordAddress(strings.Trim(last, "[]"))
		r := netipx.IPRangeFrom(from, to)
		if okFrom && okTo && r.IsValid() {
			return r, true
		}
	}
	for _, form := range []string{strings.Trim(word, "[]"), word} {
		if addr, ok := wordAddress(form); ok {
			return netipx.IPRangeFrom(addr, addr), true
		}
	}
	_, rest, isURL := strings.Cut(word, "://")
	host := HostOf(word)
	if !isURL {
		rest, host = word, strings.Trim(word, "[]")
		if h, _, err := net.SplitHostPort(word); err == nil {
			host = h
		}
	}
	if addr, ok := wordAddress(host); ok && rest != "" {
		return netipx.IPRangeFrom(addr, addr), true
	}
	return netipx.IPRange{}, false
}

func wordAddress(word string) (netip.Addr, bool) {
	text, mask, masked := strings.Cut(word, "/")
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, false
	}
	addr = addr.Unmap().WithZone("")
	if !masked {
		return addr, true
	}
	bits, ok := maskLength(mask)
	if !ok {
		return netip.Addr{}, false
	}
	network, err := addr.Prefix(bits)
	if err != nil || (bits < addr.BitLen()-1 && network.Addr() == addr) {
		return netip.Addr{}, false
	}
	return addr, true
}

// maskLength is the length of a mask written as 24 or as 255.255.255.0.
func maskLength(mask string) (int, bool) {
	if ip := net.ParseIP(mask).To4(); ip != nil {
		ones, bits := net.IPMask(ip).Size()
		return ones, bits != 0
	}
	p, err := netip.ParsePrefix("::/" + mask)
	return p.Bits(), err == nil
}

// reservedV4 is never assigned to a machine (RFC 1112, section 4); netmasks lie in it.
var reservedV4 = netip.MustParsePrefix("240.0.0.0/4")

// canBeHeld reports whether a machine can answer for addr on its segment.
func canBeHeld(addr netip.Addr) bool {
	return !addr.IsUnspecified() && !addr.IsLoopback() && !addr.IsLinkLocalUnicast() &&
		!addr.IsMulticast() && !reservedV4.Contains(addr)
}
