package bosh

import (
	"strings"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
)

// VariableIn finds the first ((variable)) of a text.
func VariableIn(s string) (name string, ok bool) {
	_, rest, ok := strings.Cut(s, "((")
	if !ok {
		return "", false
	}
	name, _, ok = strings.Cut(rest, "))")
	name = strings.TrimPrefix(strings.TrimSpace(name), "!")
	return name, ok && name != ""
}

// isWholeVariable reports whether nothing but one variable stands in s, so that
// its value may be of any type.
func isWholeVariable(s string) bool {
	return strings.HasPrefix(s, "((") && strings.HasSuffix(s, "))") && strings.Count(s, "((") == 1
}

// hasVariable reports whether a variable without a value stands in s.
func hasVariable(s string) bool {
	_, ok := VariableIn(s)
	return ok
}

// templates are how values look that another tool has yet to fill in.
var templates = []struct {
	tool string
	form lazyregexp.Regexp
}{
	{"spruce", lazyregexp.New(`^\(\(\s*(grab|concat|static_ips|param|vault|inject|join|calc|load|file|defer|ips|stringify|base64|cartesian-product|prune|awsparam|awssecret|empty|keys|sort)(\s|\(|\)\))`)},
	{"ERB", lazyregexp.New(`<%.*%>`)},
	{"Jinja", lazyregexp.New(`\{\{.*\}\}|\{%.*%\}`)},
	{"Terraform", lazyregexp.New(`\$\{.*\}`)},
	{"ytt", lazyregexp.New(`\(@.*@\)`)},
}

// templateIn names the tool whose template stands in a text; empty if none does.
// Such a text is no value yet, and nothing that a director gets to see.
func templateIn(s string) string {
	if !strings.ContainsAny(s, "({<$") {
		return ""
	}
	if name, ok := VariableIn(s); ok && !strings.ContainsAny(name, " \t(") {
		return ""
	}
	for _, t := range templates {
		if t.form().MatchString(s) {
			return t.tool
		}
	}
	return ""
}
