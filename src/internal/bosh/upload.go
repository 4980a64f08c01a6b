package bosh

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/source"
)

// upload makes the checks that a director makes when it gets a document: it
// must be a map, and hold nothing but plain data. class is the error's:
// BadConfig or BadManifest.
func (r *report) upload(doc source.Value, class, what string) bool {
	r.checkClasses(doc, doc.Node(), class)
	if doc.IsMap() {
		r.checkByteOrderMark(doc)
		return true
	}
	r.add(RuleInvalidYAML, class, doc.Place(), "%s must be a map, not %s", what, doc.Kind())
	return false
}

// checkByteOrderMark reports a mark before the first key. Ruby sees that key one
// column further right than the others, and ends the map behind it.
func (r *report) checkByteOrderMark(doc source.Value) {
	if d := doc.Document(); d == nil || !d.HasByteOrderMark() || doc.Node().Line != 1 || doc.Node().Style == yaml.FlowStyle {
		return
	}
	class := classMissingField
	if r.at.stage == stageUploadCloudConfig && doc.Node().Content[0].Value != "networks" {
		class = "DeploymentNoNetworks"
	}
	r.add(RuleInvalidYAML, class, doc.Place(), "the file begins with a byte order mark, behind which a director reads one key only").
		cure("save the file as UTF-8 without a byte order mark")
}

// checkClasses reports values that Ruby would make objects of. Directors load
// strings, numbers, booleans, nulls and symbols only.
func (r *report) checkClasses(doc source.Value, n *yaml.Node, class string) {
	if n == nil || n.Kind == yaml.AliasNode {
		return
	}
	if n.Kind == yaml.ScalarNode && (n.Style == 0 || n.Style == yaml.TaggedStyle) && mayBeObject(n) {
		v := doc.At(n)
		switch k := v.Kind(); {
		case k == source.Date || k == source.Time:
			r.add(RuleInvalidYAML, class, v.Place(), "%s is %s, which a director does not load", n.Value, k).
				cure("quote it: %q", n.Value)
		case strings.HasPrefix(n.Tag, "!ruby/") && k != source.Symbol:
			r.add(RuleInvalidYAML, class, v.Place(), "the tag %s makes an object, which a director does not load", n.Tag)
		}
	}
	for _, c := range n.Content {
		r.checkClasses(doc, c, class)
	}
}

// mayBeObject keeps the walk cheap: dates begin with a digit or a minus.
func mayBeObject(n *yaml.Node) bool {
	if n.Style == yaml.TaggedStyle {
		return true
	}
	return len(n.Value) >= 8 && (isDigit(n.Value[0]) || n.Value[0] == '-') && strings.IndexByte(n.Value, '-') >= 0
}
