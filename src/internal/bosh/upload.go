package bosh

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/source"
)

// upload makes the checks that a director makes when it gets a document: it
// must be a map, and hold nothing but plain data. class is the error's:
// BadConfig or BadManifest.
func (r *Report) upload(doc source.Value, class, what string) bool {
	r.checkClasses(doc, doc.Node(), class)
	r.warnPassedOver(doc)
	if doc.IsMap() {
		r.checkByteOrderMark(doc)
		return true
	}
	if !hides(doc) { // which is a gap
		r.Add(RuleInvalidYAML, class, doc.Place(), "%s must be a map, not %s", what, doc.Kind())
	}
	return false
}

// checkByteOrderMark reports a mark before the first key. Ruby sees that key one
// column further right than the others, and ends the map behind it.
func (r *Report) checkByteOrderMark(doc source.Value) {
	if d := doc.Document(); d == nil || !d.HasByteOrderMark() || doc.Node().Line != 1 || doc.Node().Style == yaml.FlowStyle {
		return
	}
	class := classMissingField
	if r.At.Stage == StageUploadCloudConfig && doc.Node().Content[0].Value != "networks" {
		class = "DeploymentNoNetworks"
	}
	r.Add(RuleInvalidYAML, class, doc.Place(), "the file begins with a byte order mark, behind which a director reads one key only").
		WithCure("save the file as UTF-8 without a byte order mark")
}

// checkClasses reports values that Ruby would make objects of. Directors load
// strings, numbers, booleans, nulls and symbols only.
func (r *Report) checkClasses(doc source.Value, n *yaml.Node, class string) {
	if n == nil || n.Kind == yaml.AliasNode {
		return
	}
	switch {
	case n.Style&yaml.TaggedStyle != 0 && misfits(doc.At(n)):
		r.Add(RuleInvalidYAML, class, doc.At(n).Place(), "the value does not fit its tag %s", n.Tag).
			WithCure("remove the tag")
	case n.Style&yaml.TaggedStyle != 0 && namesClass(n):
		r.Add(RuleInvalidYAML, class, doc.At(n).Place(), "the tag %s makes an object, which a director does not load", n.Tag).
			WithCure("remove the tag")
	case n.Kind == yaml.ScalarNode && mayBeDate(n):
		v := doc.At(n)
		if k := v.Kind(); k == source.Date || k == source.Time {
			r.Add(RuleInvalidYAML, class, v.Place(), "%s is %s, which a director does not load", v, k).
				WithCure("quote it: %q", v)
		}
	}
	for _, c := range n.Content {
		r.checkClasses(doc, c, class)
	}
}

// mayBeDate keeps the walk cheap: dates begin with a digit or a minus.
func mayBeDate(n *yaml.Node) bool {
	return (n.Style == 0 || n.Style&yaml.TaggedStyle != 0) && len(n.Value) >= 8 &&
		(ipaddr.IsDigit(n.Value[0]) || n.Value[0] == '-') && strings.IndexByte(n.Value, '-') >= 0
}

// misfits reports whether Psych fails on a tag's value: a float that is no
// number, a string that is a map.
func misfits(v source.Value) bool {
	switch v.Node().Tag {
	case "!!float", "!float":
		return v.IsScalar() && !v.Untagged().IsNumber()
	case "!!str", "!str":
		return v.IsMap()
	}
	return false
}

// namesClass reports whether Psych would look for a Ruby class
// (psych/visitors/to_ruby.rb).
func namesClass(n *yaml.Node) bool {
	name, argument, named := strings.Cut(n.Tag, ":")
	switch name {
	case "!ruby/regexp", "!ruby/range", "!ruby/class", "!ruby/module":
		return n.Kind == yaml.ScalarNode
	case "!ruby/object":
		return n.Kind == yaml.MappingNode || n.Kind == yaml.ScalarNode && (argument == "BigDecimal" || argument == "DateTime" || argument == "Complex" || argument == "Rational")
	case "!ruby/exception":
		return n.Kind == yaml.MappingNode
	case "!ruby/struct":
		return n.Kind == yaml.MappingNode
	case "!!set", "!set", "!!omap":
		return n.Kind == yaml.MappingNode
	case "!ruby/hash", "!ruby/hash-with-ivars", "!map":
		return named && n.Kind == yaml.MappingNode
	case "!ruby/array", "!seq":
		return named && n.Kind == yaml.SequenceNode
	case "!ruby/string", "!str":
		return named && n.Kind == yaml.ScalarNode
	}
	return false
}

// CheckRuntimeConfig tells what of a runtime config no director gets to see.
func CheckRuntimeConfig(doc source.Value) []Problem {
	r := &Report{}
	r.warnPassedOver(doc)
	return r.Problems
}

// warnPassedOver tells of parts of a text that no director gets to see.
func (r *Report) warnPassedOver(doc source.Value) {
	if doc.Document() == nil {
		return
	}
	for _, p := range doc.Document().PassedOver() {
		if p.Stray {
			r.Warn(RuleIgnoredKey, p.At, "what follows here is behind the end of the document: bosh reads what stands before it, and nothing of this").
				WithCure("take it into the document, or out of the file")
			continue
		}
		if p.Key == "" {
			r.Warn(RuleIgnoredKey, p.At, "a second YAML document begins here: bosh reads the first one of a file, and nothing of this").
				WithCure("put it into a file of its own, or into the first document")
			continue
		}
		r.Warn(RuleIgnoredKey, p.At, "the key %q stands again at %s, and only that one counts", p.Key, p.Again).
			WithCure("remove one of the two")
	}
}
