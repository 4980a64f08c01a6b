package yamledit

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
)

// editor works out changes of one text. The text itself stays as it is.
type editor struct {
	text     []byte
	lines    []int // the offset of each line, from line 1 on
	document *yaml.Node
	// mappings are the mappings by where they begin, above what each node lies in; nil
	// until something is looked for.
	mappings map[spot]*yaml.Node
	above    map[*yaml.Node]*yaml.Node
}

func lineStarts(text []byte) []int {
	starts := []int{0}
	if bytes.HasPrefix(text, []byte("\ufeff")) {
		starts[0] = len("\ufeff") // no character of the first line
	}
	for i, b := range text {
		if b == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// offset is where a node begins in the text.
func (e *editor) offset(n *yaml.Node) (int, bool) {
	if n.Line < 1 || n.Line > len(e.lines) {
		return 0, false
	}
	at := e.lines[n.Line-1]
	for range n.Column - 1 {
		if at >= len(e.text) || e.text[at] == '\n' {
			return 0, false
		}
		_, size := utf8.DecodeRune(e.text[at:])
		at += size
	}
	return at, true
}

// add works out one addition.
func (e *editor) add(a Addition) (change, error) {
	path := e.findMapping(a.Line, a.Column)
	if path == nil {
		return change{}, &Refusal{Line: a.Line, Column: a.Column, Reason: "no mapping begins here"}
	}
	mapping := path[len(path)-1]
	key, value := pairOf(mapping, a.Key)
	if value != nil {
		path = append(path, value)
	} else if merged(mapping, a.Key, nil) {
		return change{}, refuse(mapping, "its %s comes from a merge key (<<)", a.Key)
	}
	if n := e.sharedBy(path); n != nil {
		return change{}, refuse(n, "this is used in other places as well, through the anchor &%s", n.Anchor)
	}
	c := change{mapping: mapping, key: a.Key, value: value}
	var err error
	switch {
	case value == nil:
		c.items = a.Items(nil)
		c.edits, err = e.newKey(mapping, a, c.items)
	case value.Kind == yaml.AliasNode:
		err = refuse(value, "%s is the alias *%s", a.Key, value.Value)
	case value.Kind == yaml.SequenceNode:
		c.items = a.Items(scalarsOf(value))
		c.edits, err = e.append(value, c.items)
	case value.Kind == yaml.ScalarNode && value.Tag == "!!null":
		c.items = a.Items(nil)
		c.edits, err = e.replaceNull(key, value, c.items)
	case value.Kind == yaml.ScalarNode:
		c.items = a.Items([]string{value.Value})
		c.edits, err = e.wrap(value, c.items)
	default:
		err = refuse(value, "%s is no list", a.Key)
	}
	if err == nil {
		err = checkItems(mapping, c.items)
	}
	return c, err
}

var plainItem = lazyregexp.New(`^[0-9A-Za-z.:/][0-9A-Za-z.:/ -]*$`)

func checkItems(at *yaml.Node, items []Item) error {
	if len(items) == 0 {
		return refuse(at, "there is nothing to add")
	}
	for _, item := range items {
		if !plainItem().MatchString(item.Text) || strings.ContainsAny(item.Comment, "\r\n") {
			return refuse(at, "%q cannot be written as a plain item", item.Text)
		}
	}
	return nil
}

// newKey puts the key behind the first of a.After that ends on its line.
func (e *editor) newKey(mapping *yaml.Node, a Addition, items []Item) ([]edit, error) {
	for _, name := range a.After {
		key, value := pairOf(mapping, name)
		if value == nil || value.Kind != yaml.ScalarNode {
			continue
		}
		end, ok := e.scalarEnd(value)
		if !ok {
			continue
		}
		if mapping.Style&yaml.FlowStyle != 0 {
			quote := quoteOf(key)
			return []edit{{offset: end, text: ", " + quote + a.Key + quote + ": " + flow(items, quoteOf(value))}}, nil
		}
		eol, at := e.lineEnd(end)
		indent := strings.Repeat(" ", key.Column-1)
		return []edit{{offset: at, text: eol + indent + a.Key + ":" + e.newList(mapping, items, eol, indent)}}, nil
	}
	return nil, refuse(mapping, "it has no %s that ends on its own line", strings.Join(a.After, " or "))
}

// newList is the value of a new key: one item beside the key, more below it, as
// far in as the other lists of the mapping are.
func (e *editor) newList(mapping *yaml.Node, items []Item, eol, indent string) string {
	if len(items) == 1 {
		return " " + flow(items, "") + comment(items[0])
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if value.Kind == yaml.SequenceNode && value.Style&yaml.FlowStyle == 0 && value.Line > key.Line && value.Column >= key.Column {
			indent = strings.Repeat(" ", value.Column-1)
			break
		}
	}
	var b strings.Builder
	for _, item := range items {
		b.WriteString(eol + indent + "- " + item.quoted("") + comment(item))
	}
	return b.String()
}

// append adds items to a list behind its last simple item.
func (e *editor) append(list *yaml.Node, items []Item) ([]edit, error) {
	isFlow := list.Style&yaml.FlowStyle != 0
	if isFlow && len(list.Content) == 0 {
		at, ok := e.offset(list)
		if !ok || at >= len(e.text) || e.text[at] != '[' {
			return nil, refuse(list, "the list carries an anchor or a tag")
		}
		return []edit{{offset: at + 1, text: join(items, "")}}, nil
	}
	for _, last := range slices.Backward(list.Content) {
		end, ok := e.scalarEnd(last)
		if !ok {
			continue
		}
		quote := quoteOf(last)
		if isFlow {
			return []edit{{offset: end, text: ", " + join(items, quote)}}, nil
		}
		dash, ok := e.dashBefore(last)
		if !ok {
			continue
		}
		eol, at := e.lineEnd(end)
		var b strings.Builder
		for _, item := range items {
			b.WriteString(eol + dash + item.quoted(quote) + comment(item))
		}
		return []edit{{offset: at, text: b.String()}}, nil
	}
	return nil, refuse(list, "no item of the list is a string on a line of its own")
}

// dashBefore is what stands before an item of a block list on its line:
// indentation and the hyphen.
func (e *editor) dashBefore(item *yaml.Node) (string, bool) {
	at, ok := e.offset(item)
	if !ok {
		return "", false
	}
	before := string(e.text[e.lines[item.Line-1]:at])
	return before, strings.TrimLeft(before, " ") != "" && strings.Trim(before, " ") == "-"
}

// replaceNull gives a key without a value, or with null, a list.
func (e *editor) replaceNull(key, value *yaml.Node, items []Item) ([]edit, error) {
	if value.Value != "" {
		at, ok := e.offset(value)
		if end, hasEnd := e.scalarEnd(value); ok && hasEnd {
			return []edit{{offset: at, removes: end - at, text: flow(items, "")}}, nil
		}
		return nil, refuse(value, "the null carries an anchor or a tag")
	}
	end, ok := e.scalarEnd(key)
	if !ok || end >= len(e.text) || e.text[end] != ':' {
		return nil, refuse(key, "its value is missing")
	}
	return []edit{{offset: end + 1, text: " " + flow(items, quoteOf(key))}}, nil
}

// wrap makes a list of a string that stands alone.
func (e *editor) wrap(value *yaml.Node, items []Item) ([]edit, error) {
	at, ok := e.offset(value)
	end, hasEnd := e.scalarEnd(value)
	if !ok || !hasEnd || quoteOf(value) == "" && !plainItem().MatchString(value.Value) {
		return nil, refuse(value, "the value cannot become a list by itself")
	}
	return []edit{{offset: at, text: "["}, {offset: end, text: ", " + join(items, quoteOf(value)) + "]"}}, nil
}

// scalarEnd is the offset behind a string that begins and ends on one line.
func (e *editor) scalarEnd(n *yaml.Node) (int, bool) {
	at, ok := e.offset(n)
	if !ok || n.Kind != yaml.ScalarNode || n.Value == "" {
		return 0, false
	}
	line := e.text[at:]
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
	}
	switch n.Style &^ yaml.TaggedStyle {
	case 0:
		return at + len(n.Value), bytes.HasPrefix(line, []byte(n.Value))
	case yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle:
		quote := quoteOf(n)
		// What has to be escaped is left to people.
		return at + len(n.Value) + 2, bytes.HasPrefix(line, []byte(quote+n.Value+quote))
	}
	return 0, false
}

// lineEnd returns the line end that the text uses around an offset, and where
// the line of the offset ends.
func (e *editor) lineEnd(offset int) (eol string, at int) {
	next := bytes.IndexByte(e.text[offset:], '\n')
	if next < 0 {
		if bytes.Contains(e.text, []byte("\r\n")) {
			return "\r\n", len(e.text)
		}
		return "\n", len(e.text)
	}
	at = offset + next
	if at > offset && e.text[at-1] == '\r' {
		return "\r\n", at - 1
	}
	return "\n", at
}

func flow(items []Item, quote string) string { return "[" + join(items, quote) + "]" }

func join(items []Item, quote string) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = item.quoted(quote)
	}
	return strings.Join(texts, ", ")
}

// quoted is the item with the quotes that its neighbours have. IPv6 is always
// quoted: some of its addresses are numbers of base 60 to Ruby, or end in a
// colon, which no plain text of a flow list may.
func (i Item) quoted(quote string) string {
	if quote == "" && strings.Contains(i.Text, ":") {
		quote = `"`
	}
	return quote + i.Text + quote
}

func comment(item Item) string {
	if item.Comment == "" {
		return ""
	}
	return "  # " + item.Comment
}

// quoteOf is the quotation mark of a scalar; empty for a plain one.
func quoteOf(n *yaml.Node) string {
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return `"`
	case n.Style&yaml.SingleQuotedStyle != 0:
		return "'"
	}
	return ""
}
