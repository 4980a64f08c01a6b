package source

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/place"
)

// Unknown stands for a value of which nobody can say what it came from.
const Unknown = "…"

// Shown is what may be said of a scalar: its text, if that was written where it
// stands. What came through a variable may be a secret, so that it is shown only if
// it is an address, a block or a range; else as it was before, with ((variables)).
func (v Value) Shown() string {
	text := v.Text()
	if v.node == nil || ipaddr.IsText(text) {
		return text
	}
	if before, ok := v.doc.before[v.node]; ok {
		return before
	}
	if through := v.Place().Through; through != "" {
		return "((" + through + "))"
	}
	return text
}

// Format is Shown for messages: a value that is formatted shows no more than that.
func (v Value) Format(s fmt.State, verb rune) {
	fmt.Fprintf(s, fmt.FormatString(s, verb), v.Shown())
}

// isWhole reports whether a scalar is as it was written, or all that a variable has.
func (v Value) isWhole() bool { _, composed := v.doc.before[v.node]; return !composed }

// withheldNames calls add for each scalar that was put together from variables, or
// came through one and is no plain name, and what to show in its place.
func (d *Document) withheldNames(add func(text, shown string)) {
	withhold := func(n *yaml.Node) {
		v := Value{doc: d, node: n}
		if shown := v.Shown(); n.Kind == yaml.ScalarNode && shown != n.Value && !(v.isWhole() && isPlainName(n.Value)) {
			add(n.Value, shown)
		}
	}
	for n := range d.origins {
		withhold(n)
	}
	for n := range d.before {
		withhold(n)
	}
}

// isPlainName reports whether a text has letters, digits and - _ + . only.
func isPlainName(text string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool {
		return !place.IsPlain(r)
	}) < 0
}
