package bosh

import (
	"strings"

	"github.com/ipguard/ipguard/src/internal/seal"
	"github.com/ipguard/ipguard/src/internal/source"
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

// hasVariable reports whether a variable without a value stands in s, or a template of
// another tool: what it will be is unknown.
func hasVariable(s string) bool {
	_, ok := VariableIn(s)
	return ok || TemplateIn(s) != ""
}

// TemplateIn names the tool whose template stands in a text, or hides behind what stands in
// its place; empty if none does.
func TemplateIn(text string) string {
	t, _ := source.TemplateIn(text)
	return t.Tool
}

// TemplateText says that a part is a template of a tool.
func TemplateText(what, tool string) string {
	return what + " is a template of " + tool + ", which nobody has filled in"
}

// TemplateHint says what to do about a template of a tool, by its name.
func TemplateHint(tool string) string { return source.HintFor(tool) }

// MayBeOne reports whether two names are one, or may be: a variable without a value may
// stand for anything.
func MayBeOne(a, b string) bool {
	headA, tailA, hidesA := known(a)
	headB, tailB, hidesB := known(b)
	switch {
	case !hidesA && !hidesB:
		return a == b
	case seal.Is(a) || seal.Is(b):
		return true
	case !hidesA:
		return strings.HasPrefix(a, headB) && strings.HasSuffix(a, tailB) && len(a) >= len(headB)+len(tailB)
	case !hidesB:
		return MayBeOne(b, a)
	}
	return (strings.HasPrefix(headA, headB) || strings.HasPrefix(headB, headA)) && (strings.HasSuffix(tailA, tailB) || strings.HasSuffix(tailB, tailA))
}

// known are what stands before the first variable of a name, and behind the last.
func known(name string) (head, tail string, hides bool) {
	if _, hides = VariableIn(name); !hides {
		return name, "", false
	}
	return name[:strings.Index(name, "((")], name[strings.LastIndex(name, "))")+2:], true
}
