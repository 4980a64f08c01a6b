package bosh

import (
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
)

// vipWords is what a text says of addresses, read by this grammar. What is outside it
// beside an address may be more addresses, in words that nobody knows:
//
//	text    = item { ("," | ";" | "|" | "{" | "}" | newline) item }
//	item    = ["-"] { word }
//	word    = [name ("=" | ":")] held | setting value | value | joint
//	held    = address [":" port ["/" path]] | address "-" address | network | URL
//	address = IPv4 or IPv6 ["/" mask], in [] or not
//	setting = name "=" | name ":" | name "=>" | option | a word of keepalived or ip-address
//	value   = name | host name | path | URL | MAC | a number from 256
//	joint   = "and" | "or" | "&" | "+" | "/" | "#" | "!"
//
// A number that may be the rest of an address is the value of a setting or it is not
// understood, and so is a word between two addresses, which may mean "to".
type vipWords struct {
	list, networks []netipx.IPRange
	// strange says that a word looks like an address and is none that can be read.
	strange bool
	// rest says that a word is outside the grammar.
	rest bool
	// hex says that there is a number that is no part of IPv4, and may be one of IPv6.
	hex bool
}

func readVIPWords(text string) vipWords {
	var w vipWords
	for _, item := range strings.FieldsFunc(quotedKey().ReplaceAllString(text, "$1 "), func(r rune) bool { return strings.ContainsRune(",;|{}\n\r", r) }) {
		words := strings.FieldsFunc(item, func(r rune) bool { return strings.ContainsRune(`"'`, r) || unicode.IsSpace(r) })
		if len(words) > 1 && words[0] == "-" {
			words = words[1:]
		}
		w.item(words)
	}
	w.rest = w.rest || w.hex && slices.ContainsFunc(append(w.list, w.networks...), func(r netipx.IPRange) bool { return r.From().Is6() })
	return w
}

// item reads the words between two commas.
func (w *vipWords) item(words []string) {
	held, between, before := false, false, outside
	for _, word := range words {
		kind := w.word(word)
		switch {
		case kind == holds:
			w.rest = w.rest || between
			held, between = true, false
		case kind == outside, kind == number && before != setting:
			w.rest = true
		case kind == bare && before != setting:
			between = held
		}
		before = kind
	}
}

// vipWord says what a word of a text is.
type vipWord uint8

const (
	// outside is a word outside the grammar.
	outside vipWord = iota
	// holds is an address, a range or a network.
	holds
	// setting is a word that has a value after it.
	setting
	// number may be a part of an address.
	number
	// bare is a word of letters alone.
	bare
	// value is any other word that is understood.
	value
)

// held reads a word that is an address, a range or a network, and takes those that a
// machine can have; ok is false for others.
func (w *vipWords) held(word string) (kind vipWord, ok bool) {
	list := &w.list
	r, ok := wordRange(word)
	if !ok {
		list = &w.networks
		r, ok = networkOf(word)
	}
	if !ok || !canBeHeld(r.From()) || !canBeHeld(r.To()) {
		return value, ok // such as a netmask
	}
	*list = append(*list, r)
	return holds, true
}

// word reads a word, and takes the addresses that it holds.
func (w *vipWords) word(word string) vipWord {
	word = strings.Trim(strings.TrimSuffix(word, "."), "()") // of a sentence, or a name's end
	if kind, ok := w.held(word); ok {
		return kind
	}
	if m := keyed().FindStringSubmatch(word); m != nil {
		if kind, ok := w.held(m[1]); ok {
			return kind
		}
	}
	plain := strings.Trim(word, "[]")
	n, err := strconv.Atoi(plain)
	mac, macErr := net.ParseMAC(plain)
	switch {
	case err == nil && 255 < n && n < 1<<16, err != nil && isHex().MatchString(plain):
		w.hex = true
		return value
	case err == nil, plain == "-":
		return number
	case macErr == nil && len(mac) == 6, plain == "" && word != "", isJoint().MatchString(plain):
		return value
	case isURLOf(word, func(host string) bool { return isName().MatchString(host) }):
		return value
	case isSetting().MatchString(plain):
		return setting
	case looksLikeAddress().MatchString(plain):
		w.strange = true
		return outside
	case isBare().MatchString(plain):
		return bare
	case isName().MatchString(plain) && !endsInNumbers().MatchString(plain):
		return value
	}
	return outside
}

// quotedKey is the end of a key in quotes, as in {"ip": "10.0.0.5"}.
var quotedKey = lazyregexp.New(`["']\s*([:=]>?)`)

// isJoint are words and signs between words that are no part of an address.
var isJoint = lazyregexp.New(`^(?:and|or|&{1,2}|[+/#!])$`)

// isSetting is an option, a key, or a word of keepalived.conf(5) or ip-address(8) that
// has a value after it.
var isSetting = lazyregexp.New(`^(?i:-{1,2}\pL[\w-]*|\pL\w*_\w*|\pL[\w.-]*[:=]>?|` +
	`dev|interface|label|scope|brd|broadcast|peer|via|src|table|metric|proto|port|weight|priority|state|mtu|vlan|mask|netmask|prefix|id|vrid)$`)

// keyed is a value with its key, which is no part of IPv6: vip=10.0.0.5, web:10.0.0.5.
var keyed = lazyregexp.New(`^[-@]{0,2}(?:[\w.-]*[g-zG-Z_][\w.-]*|[a-fA-F]+)[:=](.+)$`)

// isHex is a number as in IPv6.
var isHex = lazyregexp.New(`^\d[0-9a-fA-F]{0,3}$`)

// isBare is a word without a number or a dot in it.
var isBare = lazyregexp.New(`^[\pL-]+$`)

// isName is the name of an interface, a machine, a file or anything else: no address
// begins with a letter, or ends in one beside a number.
var isName = lazyregexp.New(`^(?:[-/@#!]{0,2}\pL[\w\pL/:@%=-]*(?:\.[\w\pL/:@%=-]+)*[:=]?|\p{Nd}+\pL+|[\w-]+(?:\.[\w-]+)*\.\pL[\w-]+)$`)

// endsInNumbers is an address with something before it that takes its first number.
var endsInNumbers = lazyregexp.New(`(?:\.\d+){3}$`)

// urlForm has the host of a URL, and what is before and after it.
var urlForm = lazyregexp.New(`^([a-zA-Z][\w+.-]*://(?:[^/@]*@)?)(\[[^\]]+\]|[^/:?#]+)((?::\d*)?(?:[/?#].*)?)$`)

// hostForm has an address with a port, as a number or a name, and a path.
var hostForm = lazyregexp.New(`^()(\[[^\]]+\]|[^:]+)(:(?:\d{1,5}(?:/.*)?|\pL[\w-]*(?:/.*)?|/\pL.*)?)$`)

// isURLOf reports whether a word is a URL of a host that is meant.
func isURLOf(word string, isMeant func(host string) bool) bool {
	return isPartOf(urlForm(), word, isMeant)
}

// isPartOf reports whether a form's host is meant, and nothing beside it is an address.
func isPartOf(form *regexp.Regexp, word string, isMeant func(host string) bool) bool {
	m := form.FindStringSubmatch(word)
	return m != nil && isMeant(strings.Trim(m[2], "[]")) && !looksLikeAddress().MatchString(m[1]+" "+m[3])
}

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

// wordRange is the address or the range that a word means.
func wordRange(word string) (r netipx.IPRange, ok bool) {
	if first, last, ok := strings.Cut(word, "-"); ok {
		from, okFrom := wordAddress(strings.Trim(first, "[]"))
		to, okTo := wordAddress(strings.Trim(last, "[]"))
		r := netipx.IPRangeFrom(from, to)
		if okFrom && okTo && r.IsValid() {
			return r, true
		}
	}
	isAddress := func(text string) bool {
		addr, ok := wordAddress(text)
		r = netipx.IPRangeFrom(addr, addr)
		return ok
	}
	ok = isAddress(strings.Trim(word, "[]")) || isPartOf(hostForm(), word, isAddress) || isURLOf(word, isAddress)
	return r, ok
}

func wordAddress(word string) (netip.Addr, bool) {
	text, mask, masked := strings.Cut(word, "/")
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, false
	}
	addr = addr.Unmap().WithZone("")
	if noGroups.Contains(addr) && !addr.IsUnspecified() && !addr.IsLoopback() {
		return netip.Addr{}, false // the end of another
	}
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

// noGroups is reserved (RFC 4291, section 2.5.2), and what the rest of an address reads as.
var noGroups = netip.MustParsePrefix("::/64")

// maskLength is the length of a mask written as 24 or as 255.255.255.0.
func maskLength(mask string) (int, bool) {
	if ip := net.ParseIP(mask).To4(); ip != nil {
		ones, bits := net.IPMask(ip).Size()
		return ones, bits != 0
	}
	p, err := netip.ParsePrefix("::/" + mask)
	return p.Bits(), err == nil
}
