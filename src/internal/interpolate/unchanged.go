package interpolate

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/source"
)

// Also without ops and variables bosh reads a document and writes it anew
// (Template.Evaluate of bosh-cli): what others read then is not always what stands
// there. A quoted "<<" becomes a merge key, y becomes true, !!binary its bytes.

// meansTheSame reports whether a director reads in what bosh writes what it would
// read in the document itself. Where that is not sure, the answer is no. A byte order mark,
// which matters to directors, bosh does not send.
func (s *scalars) meansTheSame(doc *source.Document, text []byte) bool {
	return !doc.HasByteOrderMark() && !hasBareTag(text) && s.nodeMeansTheSame(doc.Root(), doc.Node())
}

func (s *scalars) nodeMeansTheSame(v source.Value, n *yaml.Node) bool {
	switch n.Kind {
	case yaml.AliasNode:
		return true // what it names is looked at where it stands
	case yaml.ScalarNode:
		return s.scalarMeansTheSame(v.At(n))
	}
	if n.Style&yaml.TaggedStyle != 0 {
		return false
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && isMerge(c) {
			if c.Style != 0 || !canBeMerged(n.Content[i+1]) {
				return false
			}
			continue
		}
		if n.Kind == yaml.MappingNode && i%2 == 0 && !s.isOneKey(c) {
			return false
		}
		if !s.nodeMeansTheSame(v, c) {
			return false
		}
	}
	return true
}

// canBeMerged reports whether bosh takes a value of "<<".
func canBeMerged(n *yaml.Node) bool {
	isMap := func(n *yaml.Node) bool {
		return n.Kind == yaml.MappingNode || n.Kind == yaml.AliasNode && n.Alias.Kind == yaml.MappingNode
	}
	if n.Kind == yaml.SequenceNode {
		return !slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return !isMap(c) })
	}
	return isMap(n)
}

// isOneKey reports whether no other text is the same key to bosh, as 0x1 and 1 are.
func (s *scalars) isOneKey(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode || n.Style&yaml.TaggedStyle != 0 {
		return false
	}
	if n.Style != 0 {
		return true
	}
	switch value := s.plain(n.Value).(type) {
	case string:
		return true
	case int:
		return strconv.Itoa(value) == n.Value
	}
	return false
}

func (s *scalars) scalarMeansTheSame(v source.Value) bool {
	n := v.Node()
	text := n.Value
	switch {
	case n.Style&yaml.TaggedStyle != 0 || text == "<<":
		return false
	case text != "" && surelyText(text) && (n.Style == 0 && text[0] != ':' || isPlain(text)):
		return true // a text for everybody, with quotes and without
	case n.Style != 0:
		return s.quotedMeansTheSame(v)
	}
	kind := v.Kind()
	switch value := s.plain(text).(type) {
	case nil:
		return kind == source.Nil
	case bool:
		return kind == source.Bool && v.Bool() == value
	case string:
		if kind == source.String {
			return true
		}
		quoted, ok := s.quoted(text)
		return ok && !quoted
	case float64:
		return kind == source.Float && strconv.FormatFloat(value, 'g', -1, 64) == text && s.rewritten(value) == value
	case int, int64, uint64:
		number, ok := v.Int()
		return kind == source.Int && ok && fmt.Sprint(value) == strconv.FormatInt(number, 10)
	}
	return false
}

// quotedMeansTheSame is about a text in quotes or a block, which bosh may write
// without.
func (s *scalars) quotedMeansTheSame(v source.Value) bool {
	text := v.Node().Value
	if strings.Contains(text, "\n") || v.Untagged() == source.String {
		return true
	}
	if text == "" {
		return true // written as ""
	}
	if _, isText := s.plain(text).(string); !isText {
		return true // bosh quotes what it would read as something else
	}
	quoted, ok := s.quoted(text)
	return ok && quoted
}

// hasBareTag looks for the tag "!" without a name, of which yaml.v3 tells nothing.
func hasBareTag(text []byte) bool {
	for {
		i := bytes.IndexByte(text, '!')
		if i < 0 {
			return false
		}
		text = text[i+1:]
		if len(text) == 0 || text[0] == ' ' || text[0] == '\n' || text[0] == '\r' || text[0] == '\t' {
			return true
		}
	}
}
