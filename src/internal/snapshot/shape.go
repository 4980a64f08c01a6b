package snapshot

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/source"
)

// LeftOut stands in the place of a text that an allow-list did not let pass.
const LeftOut = bosh.LeftOut

// shape is an allow-list for one value: it returns what may be kept of it.
type shape func(v source.Value) *yaml.Node

// field is a key of a mapping that is kept, and what is kept of its value.
type field struct {
	key   string
	shape shape
}

// object keeps the named keys of a mapping, in the order of the list.
func object(fields ...field) shape {
	return func(v source.Value) *yaml.Node {
		if !v.IsMap() {
			return variableOr(v)
		}
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for _, f := range fields {
			if !v.Has(f.key) {
				continue
			}
			if kept := f.shape(v.Field(f.key)); kept != nil {
				put(n, f.key, kept)
			}
		}
		if name, ok := bosh.VariableIn(v.OpenKey().Text()); ok && isVariable("(("+name+"))") {
			put(n, "(("+name+"))", text(LeftOut)) // any of the keys that are not there
		}
		return n
	}
}

func put(n *yaml.Node, key string, value *yaml.Node) {
	n.Content = append(n.Content, text(key), value)
}

func null() *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"} }

// listOf keeps the elements of a list.
func listOf(element shape) shape {
	return func(v source.Value) *yaml.Node {
		if !v.IsList() {
			return variableOr(v)
		}
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, item := range v.Items() {
			n.Content = append(n.Content, element(item))
		}
		return n
	}
}

// flatListOf keeps the elements of a list, and of lists in it, which directors flatten
// where they merge cloud-configs (cloud_config/cloud_configs_consolidator.rb).
func flatListOf(element shape) shape {
	return listOf(func(v source.Value) *yaml.Node {
		if v.IsList() {
			return listOf(element)(v)
		}
		return element(v)
	})
}

// oneOrMany keeps a scalar, or lists of them that may be nested, as directors
// flatten them.
func oneOrMany(leaf shape) shape {
	var both shape
	both = func(v source.Value) *yaml.Node {
		if v.IsList() {
			return listOf(both)(v)
		}
		return leaf(v)
	}
	return both
}

// name keeps a text that can be a name, and numbers, which directors read as
// names. What came through a variable is kept only if it may be shown.
func name(v source.Value) *yaml.Node {
	switch v.Kind() {
	case source.String:
		if name, ok := v.Written(); ok && isName(name) {
			return text(name)
		}
	case source.Int, source.Float:
		if number, ok := v.Coerced(); ok && decimal().MatchString(number) {
			return number64(number)
		}
		return text(LeftOut) // any number would be a name
	}
	return scrubbed(v)
}

// decimal is a number that JSON writes as Ruby does.
var decimal = lazyregexp.New(`^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$`)

// userinfo is what a URL may have and no name has: a user and a password.
var userinfo = lazyregexp.New(`://[^/\s]*@`)

// isName reports whether s is short and on one line.
func isName(s string) bool {
	const longest = 255 // columns of the director's database
	return len(s) <= longest && !userinfo().MatchString(s) && !strings.ContainsFunc(s, unicode.IsControl) && strings.ToValidUTF8(s, "") == s
}

// word keeps a text that is one of a few.
func word(allowed ...string) shape {
	return func(v source.Value) *yaml.Node {
		if v.Kind() == source.String && slices.Contains(allowed, v.Raw()) {
			return text(v.Raw())
		}
		return variableOr(v)
	}
}

// flag keeps true and false.
func flag(v source.Value) *yaml.Node {
	return variableOr(v)
}

var smallNumber = lazyregexp.New(`^[0-9]{1,6}%?$`)

// count keeps numbers below a million, and texts that are one: counts, lengths
// of prefixes, percentages. Larger ones are no counts and may be anything.
func count(v source.Value) *yaml.Node {
	switch v.Kind() {
	case source.Int:
		if n, ok := v.Int(); ok && -1_000_000 < n && n < 1_000_000 {
			return number64(strconv.FormatInt(n, 10))
		}
	case source.Float:
		if number, ok := v.Coerced(); ok && len(number) <= 6 && decimal().MatchString(number) {
			return number64(number)
		}
	case source.String:
		if number, ok := v.Written(); ok && smallNumber().MatchString(number) {
			return text(number)
		}
	}
	return variableOr(v)
}

// variableOr keeps a scalar that is a ((variable)) and nothing else.
func variableOr(v source.Value) *yaml.Node {
	if v.IsScalar() && v.Kind() == source.String && isVariable(v.Text()) {
		return text(v.Text())
	}
	return scrubbed(v)
}

// variableForm is what directors and the CLI take for a variable.
var variableForm = lazyregexp.New(`\(\( ?!?[-/.\w\pL]+ ?\)\)`)

func isVariable(s string) bool { return variableForm().FindString(s) == s && s != "" }

// scrubbed is a value of the same type as v that tells nothing but that.
func scrubbed(v source.Value) *yaml.Node {
	switch v.Kind() {
	case source.Nil, source.Absent:
		return null()
	case source.Bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v.Bool())}
	case source.Int:
		return number64("0")
	case source.Float:
		return number64("0.5")
	case source.Map:
		return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	case source.List:
		return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	}
	return text(LeftOut)
}

func text(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: s}
}

// number64 is a number that is written in decimal.
func number64(digits string) *yaml.Node {
	tag := "!!int"
	if strings.Contains(digits, ".") {
		tag = "!!float"
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: digits}
}
