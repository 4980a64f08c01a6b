package bosh

import (
	"strings"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/source"
)

// propertyName is the name of a property in lower case, and spelt plainly. A pattern
// matches it by either. shown is what messages and the plan have of it: a key that came
// through a variable is judged as it is, and may be a secret.
type propertyName struct{ raw, written, plain, shown string }

func (n propertyName) hides() bool { return hasVariable(n.raw) }

// nameOf reads a name. virtualIP, virtual-ip, virtual_ip_2 and virtual_ip_v4 are
// virtual_ip, spelt plainly. A name with a variable in it is any.
func nameOf(name string) propertyName {
	written := strings.ToLower(name)
	if hasVariable(name) {
		return propertyName{name, written, written, name}
	}
	plain := strings.ReplaceAll(camelCase().ReplaceAllString(name, "${1}${3}_${2}${4}"), "-", "_")
	plain = numbered().ReplaceAllString(strings.ToLower(plain), "")
	return propertyName{name, written, plain, name}
}

// nameOfKey is the name that a key is.
func nameOfKey(key source.Value) propertyName {
	name := nameOf(key.Raw())
	name.shown = key.Text()
	return name
}

// shown are names as messages have them.
func shown(path []propertyName) []string {
	names := make([]string, len(path))
	for i, name := range path {
		names[i] = name.shown
	}
	return names
}

func namesOf(path []string) []propertyName {
	names := make([]propertyName, len(path))
	for i, name := range path {
		names[i] = nameOf(name)
	}
	return names
}

// camelCase are the places in vipAddress and VIPAddress where a word begins; IPs is one.
var camelCase = lazyregexp.New(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z][a-z])`)

// numbered is what tells one address of several from the others.
var numbered = lazyregexp.New(`_?(?:(?:ip)?v[46]|[0-9]+)$`)

// match reports whether a pattern's part is the name, in one spelling or the other.
func (n propertyName) match(w wildcard) bool { return w.match(n.written) || w.match(n.plain) }

// UsualNames are the names of properties that hold virtual addresses where the fleet
// file adds none, as patterns.
func UsualNames() []string { return defaultFind }
