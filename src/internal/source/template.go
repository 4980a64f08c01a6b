package source

import (
	"bytes"
	"strings"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Template is a form that another tool has yet to fill in: no value, and nothing that
// a director gets to see.
type Template struct {
	// Tool is its name, and Command what makes a manifest of it.
	Tool, Command string
	// scalar is how a value of it looks, and line how one that is no YAML.
	scalar, line lazyregexp.Regexp
}

// templates are those that are known. The bosh CLI takes no spaces within a variable's
// parentheses, so that what has some is none of its own.
var templates = []Template{
	{"spiff", "spiff merge FILE... > merged.yml",
		lazyregexp.New(`\(\(\s+(merge|inline)(\s+\)\)|\s+\|\|)|\(\(\s*merge\s+\S`), nil},
	{"spruce", "spruce merge FILE... > merged.yml",
		lazyregexp.New(`^\(\(\s*(grab|concat|static_ips|param|vault|inject|join|calc|load|file|defer|ips|stringify|base64|cartesian-product|prune|awsparam|awssecret|empty|keys|sort)(\s+[^\s)]|\(|\s+\)\))`),
		lazyregexp.New(`\(\(\s*(grab|concat|static_ips|param|vault|inject|join)\s`)},
	{"ERB", "erb FILE > merged.yml", lazyregexp.New(`(?s)<%.*%>`), lazyregexp.New(`<%`)},
	{"Terraform", "terraform apply, of which take the file that it renders", lazyregexp.New(`(?s)\$\{.*\}`), lazyregexp.New(`\$\{.*\}|%\{.*\}`)},
	{"Jinja", "jinja2 FILE VARIABLES.yml > merged.yml", lazyregexp.New(`(?s)\{\{.*\}\}|\{%.*%\}`), lazyregexp.New(`\{\{.*\}\}|\{%|\{#`)},
	{"ytt", "ytt -f FOLDER > merged.yml", lazyregexp.New(`(?s)\(@.*@\)`), lazyregexp.New(`(:|^|-)\s*#@ |\(@.*@\)`)},
}

// anotherTool stands for a script, a person or a tool that is not known. Its forms may stand
// in any text, so that they count in names and addresses alone.
var anotherTool = Template{Tool: "another tool"}

// Placeholder are words in whose place it puts a value: $NET, $(cat net), `cat net`, @net@,
// %NET%, %(net)s, <net>, {net}, [[net]], #{net}, &net;, __NET__; and a variable of bosh that
// is misspelt, ((net).
const Placeholder = "[$]{1,2}\\w+|[$]\\(.*\\)|`[^`]*`|@{1,2}\\w+@{1,2}|%\\w+%|%[({]\\w+[)}]s?|<{1,2}[a-zA-Z][^<>]*>{1,2}|" +
	`#?\{[a-zA-Z_][^{}\s:,]*\}|\[\[[^\[\]]+\]\]|&\w+;|__\w+__|\(\s*\(.*`

// hasPlaceholder is a name, or an address, with such a word in it.
var hasPlaceholder = lazyregexp.New(`(^|[-./])(` + Placeholder + `)($|[-./])`)

// HintFor says what to do about a template of a tool.
func HintFor(tool string) string {
	for _, t := range append(templates, anotherTool) {
		if t.Tool == tool {
			return t.Hint()
		}
	}
	return ""
}

var genesis = Template{Tool: "genesis", Command: "genesis manifest ENVIRONMENT > merged.yml"}

// TemplateIn says whose template stands in a scalar's text; ok is false if none does.
func TemplateIn(text string) (t Template, ok bool) {
	if !strings.ContainsAny(text, "({<$") || isVariable(text) {
		return Template{}, false
	}
	_, standsFor, _ := strings.Cut(text, aTemplateOf)
	if strings.HasPrefix(standsFor, anotherTool.Tool+"))") {
		return anotherTool, true
	}
	for _, t := range templates {
		if strings.HasPrefix(standsFor, t.Tool+"))") || t.scalar().MatchString(text) {
			return t, true
		}
	}
	return Template{}, false
}

// unfilledIn is TemplateIn for a text that is a name or an address.
func unfilledIn(text string) (t Template, ok bool) {
	if t, ok = TemplateIn(text); !ok && strings.ContainsAny(text, "$`@%<{[&_(") && !isVariable(text) {
		return anotherTool, hasPlaceholder().MatchString(text)
	}
	return t, ok
}

// aTemplateOf is what a stand-in says of a template.
const aTemplateOf = "a template of "

// standIn is what readers get in the place of a template: a variable that TemplateIn knows
// again. shown is what may be said of the text, which may hold a secret if it came through
// a variable.
func (t Template) standIn(raw, shown string) string {
	before, behind, closed := strings.Cut(shown, "))")
	switch {
	case !closed || !strings.Contains(before, "(("):
		if shown != raw {
			return "((" + StandInOf(t.Tool) + "))"
		}
		return "((" + raw + ": " + StandInOf(t.Tool) + "))"
	case shown == raw:
		return raw
	}
	return before + ": " + aTemplateOf + t.Tool + "))" + behind
}

// StandInOf is what a variable is called that stands for a template of a tool.
func StandInOf(tool string) string { return aTemplateOf + tool }

// isVariable is a text that is one variable of the bosh CLI.
func isVariable(text string) bool {
	name, opened := strings.CutPrefix(text, "((")
	name, closed := strings.CutSuffix(name, "))")
	return opened && closed && name != "" && !strings.ContainsAny(name, "() \t\n\f\r")
}

// Hint says what to do about it.
func (t Template) Hint() string {
	if t.Command == "" {
		return "lint the file in which that is filled in, which is what the director gets"
	}
	return "lint the merged result, which is what the director gets: " + t.Command
}

// Says what the tool would have to fill in.
func (t Template) says() string {
	return aTemplateOf + t.Tool + ", which nobody has filled in"
}

// yttMark is a line of ytt's, which are comments to YAML.
var yttMark = lazyregexp.New(`(?m)^\s*#@ ?(load\(|def |for .*:\s*$|if .*:\s*$|end\s*$|data/|overlay/|library/|schema/)|^[^#'"|>]*([:-] |[[,{] ?)#@ \S`)

// AsTemplate refuses a document that is YAML and still a template as a whole: its
// marks are comments or keys. The error is a *trouble.Trouble at the mark; nil if it
// is none.
func AsTemplate(doc *Document, text []byte) error {
	var found Template
	var at place.Place
	root := doc.Root()
	switch kit := root.Field("kit"); {
	case bytes.Contains(text, []byte("#@")):
		where := yttMark().FindIndex(text)
		if where == nil {
			return nil
		}
		found = templates[len(templates)-1]
		mark := where[0] + bytes.Index(text[where[0]:where[1]], []byte("#@"))
		begin := bytes.LastIndexByte(text[:mark], '\n') + 1
		at = place.Place{File: doc.File(), Line: 1 + bytes.Count(text[:mark], []byte("\n")), Column: 1 + Characters(string(text[begin:mark]))}
	case root.Has("kit") && (root.Has("genesis") || root.Has("params")) && !root.Has("instance_groups"):
		found, at = genesis, kit.Place()
	default:
		return nil
	}
	return &trouble.Trouble{At: at, Message: "this is " + found.says(), Hint: found.Hint()}
}
