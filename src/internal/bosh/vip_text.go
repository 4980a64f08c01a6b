package bosh

import (
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

// virtualAddresses are the addresses of a text, as vipWords reads it. strange says
// that something looks like an address and is none that can be read, or, where an address
// or a network is understood, that the rest of the text is not. beside says that there is
// one elsewhere in the list that the text is an element of.
//
// The first address of a network with its mask ("10.0.0.0/24") may mean the network that
// the others are in. Where there are no others, nobody knows whether it means all its
// addresses, or the first one: those are networks.
func virtualAddresses(text string, beside bool) (list, networks []netipx.IPRange, strange bool) {
	known := strings.ReplaceAll(text, LeftOut, "")
	text, strange = aroundHyphen().ReplaceAllString(known, "$1-$2"), known != text
	if isSeveral := func(word string) bool { return strings.ContainsAny(word, "*?xX[{(") }; slices.ContainsFunc(looksLikeSeveral().FindAllString(text, -1), isSeveral) {
		return nil, nil, true
	}
	strange = strange || toBeFilledIn().MatchString(text) || isShort().MatchString(text) || isScattered(text)
	held := readVIPWords(text)
	beside = beside || len(held.list) > 0 || len(held.networks) > 0
	strange = strange || held.strange || beside && held.rest
	if len(held.list) > 0 || strange {
		held.networks = nil
	}
	return held.list, held.networks, strange
}

// aroundHyphen are the blanks of "10.0.0.5 - 10.0.0.9", on one line: on two it is a list.
var aroundHyphen = lazyregexp.New(`([0-9a-fA-F])[ \t]+-[ \t]+([0-9a-fA-F])`)

// looksLikeAddress is four numbers with dots between them, of any script, or two colons.
var looksLikeAddress = lazyregexp.New(`(^|[^\p{Nd}.])` + aNumber + `([.．。]` + aNumber + `){3}($|[^\p{Nd}.]|\.\.|\.$)|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:]+`)

const aNumber = `(?:0[xX][0-9a-fA-F]{1,8}|\p{Nd}{1,4})`

// looksLikeSeveral are the short forms for several addresses that shells and scanners
// know: 10.0.0.*, 10.0.0.[5-9], 10.0.0.{5,6}, 10.0.[0-3].5, *.0.0.5.
var looksLikeSeveral = lazyregexp.New(`(?:\b|^|[\s,;"'|=:/@-])(?:(?:\d{1,3}|[*?xX]{1,3}|[\[{(][\d,|-]+[\])}])\.){3}(?:\d{1,3}|[*?xX]{1,3}|[\[{(][\d,|-]+[\])}])`)

// isShort is an address of which a part is left out: 10.*, 10/8, 10.8/16, 10.0.0/24,
// 10.0.0., .0.0.5, 10.0.0.{5..9}, 10.0.0.[5-9 without an end, fd00::*, fd00::[1-5].
var isShort = lazyregexp.New(`(?:^|[\s,;"'])(?:` +
	`\d{1,3}(?:\.\d{1,3}){1,2}/\d{1,2}|\d{1,3}/8|` +
	`(?:\d{1,3}\.){3}(?:[^\pL\p{Nd}\s._-]\S*)?|[^\pL\p{Nd}\s.]?(?:\.\d{1,3}){3}|` +
	`\d{1,3}\.[\d.|-]*[*?\[({][\d.,|*?\])}/-]*|` +
	`[0-9a-fA-F]{0,4}:[0-9a-fA-F]{0,4}:[0-9a-fA-F:]*[*?\[({][0-9a-fA-F.:,|*?\])}/-]*` +
	`)(?:$|[\s,;"'])`)

// toBeFilledIn are words with a placeholder, alone or in the place of a part of an address:
// $VIP, 10.0.0.$N, 10.0.0.1$N, fd00:1$N, 10.0.0.N, 10.0.0.%d, https://$VIP:443. No host name looks
// like them. They are whole words, since a password may hold any of them.
var toBeFilledIn = lazyregexp.New(`(?:^|[\s,;"'[])(?:\w+://)?(?:(?:\d{1,3}\.){3}[a-zA-Z_]{1,3}|(?:(?:\d{1,3}\.)*\d{0,3}|[0-9a-fA-F]{0,4}:[0-9a-fA-F:]*)(?:` + source.Placeholder +
	`|%\d*[dsiu])|[0-9a-fA-F]{1,4}\(\s*\(.*)(?:\.\d{1,3})*(?:[:/]\S*)?(?:$|[\s,;"'\]])`)

// isScattered reports whether a text is four numbers with one sign between them, as
// "10,0,0,5", or with blanks, as "10.0.0. 5".
func isScattered(text string) bool {
	text = strings.TrimFunc(text, func(r rune) bool { return !unicode.IsDigit(r) })
	numbers := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsDigit(r) })
	signs := strings.FieldsFunc(text, unicode.IsDigit)
	if len(numbers) != 4 || strings.ContainsFunc(text, unicode.IsLetter) || looksLikeAddress().MatchString(text) {
		return false
	}
	return !slices.ContainsFunc(signs, func(sign string) bool { return strings.TrimSpace(sign) != strings.TrimSpace(signs[0]) }) &&
		!slices.ContainsFunc(numbers, func(n string) bool { return len([]rune(n)) > 3 })
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

// reservedV4 is never assigned to a machine (RFC 1112, section 4); netmasks lie in it.
var reservedV4 = netip.MustParsePrefix("240.0.0.0/4")

// canBeHeld reports whether a machine can answer for addr on its segment.
func canBeHeld(addr netip.Addr) bool {
	return !addr.IsUnspecified() && !addr.IsLoopback() && !addr.IsLinkLocalUnicast() &&
		!addr.IsMulticast() && !reservedV4.Contains(addr)
}
