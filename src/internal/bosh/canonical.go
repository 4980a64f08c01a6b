package bosh

import (
	"strings"

	"github.com/ipguard/ipguard/src/internal/source"
)

// Canonical makes a DNS label of a name as canonicalizer.rb does: lower case,
// "_" becomes "-", other characters than letters, digits and "-" are dropped. A name
// that hides in part is like no other: two are equal only where the same variables
// stand in the same text.
func Canonical(name string) string {
	if hasVariable(name) {
		return "\x00" + name
	}
	return strings.Map(func(c rune) rune {
		switch {
		case c == '_':
			return '-'
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-':
			return c
		}
		return -1
	}, name)
}

// canonicalName returns the canonical form of a name and reports one that
// begins or ends with a hyphen.
func (r *Report) canonicalName(name string, v source.Value, what string) (string, bool) {
	c := Canonical(name)
	const class = "DnsInvalidCanonicalName"
	switch {
	case hasVariable(name):
	case strings.HasPrefix(c, "-"):
		r.Add(RuleInvalidName, class, v.Place(), "the name %q of %s becomes %q in DNS, which begins with a hyphen", name, what, c)
	case strings.HasSuffix(c, "-"):
		r.Add(RuleInvalidName, class, v.Place(), "the name %q of %s becomes %q in DNS, which ends with a hyphen", name, what, c)
	default:
		return c, true
	}
	return c, hasVariable(name)
}
