//go:build !race

package yamledit

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// addReserved adds items to reserved of every mapping that has a key range.
func addReserved(text []byte, items ...Item) ([]byte, []error, error) {
	documents, err := parse(text)
	if err != nil {
		return nil, nil, err
	}
	var additions []Addition
	var find func(n *yaml.Node)
	find = func(n *yaml.Node) {
		if _, value := pairOf(n, "range"); n.Kind == yaml.MappingNode && value != nil {
			additions = append(additions, Addition{
				Line: n.Line, Column: n.Column, Key: "reserved", After: []string{"gateway", "range"},
				Items: func([]string) []Item { return items },
			})
		}
		for _, child := range n.Content {
			find(child)
		}
	}
	find(documents[0])
	return Add(text, additions)
}

var two = []Item{{"10.0.0.5", "a"}, {"10.0.0.8 - 10.0.0.9", ""}}

func TestAdd(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"block list": {`
subnets:
- range: 10.0.0.0/24   # the range
  reserved:
  # routers
  - 10.0.0.2 - 10.0.0.3    # ours
  # - 10.0.0.4
  static: [10.0.0.10]
`, `
subnets:
- range: 10.0.0.0/24   # the range
  reserved:
  # routers
  - 10.0.0.2 - 10.0.0.3    # ours
  - 10.0.0.5  # a
  - 10.0.0.8 - 10.0.0.9
  # - 10.0.0.4
  static: [10.0.0.10]
`},
		"indented block list with quotes, at the end of the file": {
			"- range: r\n  reserved:\n    - '10.0.0.2'",
			"- range: r\n  reserved:\n    - '10.0.0.2'\n    - '10.0.0.5'  # a\n    - '10.0.0.8 - 10.0.0.9'"},
		"Windows line ends": {
			"- range: r\r\n  reserved:\r\n  - 10.0.0.2 # x\r\n  az: z1\r\n",
			"- range: r\r\n  reserved:\r\n  - 10.0.0.2 # x\r\n  - 10.0.0.5  # a\r\n  - 10.0.0.8 - 10.0.0.9\r\n  az: z1\r\n"},
		"flow list":               {"- range: r\n  reserved: [10.0.0.2, ((x))]  # c\n", "- range: r\n  reserved: [10.0.0.2, ((x)), 10.0.0.5, 10.0.0.8 - 10.0.0.9]  # c\n"},
		"flow list over lines":    {"range: r\nreserved: [\n  10.0.0.2,  # b\n  10.0.0.3,\n]\n", "range: r\nreserved: [\n  10.0.0.2,  # b\n  10.0.0.3, 10.0.0.5, 10.0.0.8 - 10.0.0.9,\n]\n"},
		"empty flow list":         {"range: r\nreserved: [ ]\n", "range: r\nreserved: [10.0.0.5, 10.0.0.8 - 10.0.0.9 ]\n"},
		"one string":              {"range: r\nreserved: 10.0.0.2-10.0.0.3  # b\n", "range: r\nreserved: [10.0.0.2-10.0.0.3, 10.0.0.5, 10.0.0.8 - 10.0.0.9]  # b\n"},
		"one quoted string":       {"range: r\nreserved: \"10.0.0.2\"\n", "range: r\nreserved: [\"10.0.0.2\", \"10.0.0.5\", \"10.0.0.8 - 10.0.0.9\"]\n"},
		"no value":                {"range: r\nreserved:   # none yet\naz: z1\n", "range: r\nreserved: [10.0.0.5, 10.0.0.8 - 10.0.0.9]   # none yet\naz: z1\n"},
		"null":                    {"range: r\nreserved: ~ # none\n", "range: r\nreserved: [10.0.0.5, 10.0.0.8 - 10.0.0.9] # none\n"},
		"no key":                  {"- range: r\n  gateway: g # c\n\n  az: z1\n", "- range: r\n  gateway: g # c\n  reserved:\n  - 10.0.0.5  # a\n  - 10.0.0.8 - 10.0.0.9\n\n  az: z1\n"},
		"no key, in style":        {"- range: r\n  static:\n    - 10.0.0.7\n", "- range: r\n  reserved:\n    - 10.0.0.5  # a\n    - 10.0.0.8 - 10.0.0.9\n  static:\n    - 10.0.0.7\n"},
		"no key, flow":            {"s: [{range: r, gateway: g}]\n", "s: [{range: r, gateway: g, reserved: [10.0.0.5, 10.0.0.8 - 10.0.0.9]}]\n"},
		"JSON":                    {`{"s": [{"range": "r", "gateway": "g", "az": "z1"}]}`, `{"s": [{"range": "r", "gateway": "g", "reserved": ["10.0.0.5", "10.0.0.8 - 10.0.0.9"], "az": "z1"}]}`},
		"byte order mark":         {"\ufeffrange: r\nreserved: [x]\n", "\ufeffrange: r\nreserved: [x, 10.0.0.5, 10.0.0.8 - 10.0.0.9]\n"},
		"wide characters":         {"s: {ü: \"日本\", range: r, reserved: [x]}\n", "s: {ü: \"日本\", range: r, reserved: [x, 10.0.0.5, 10.0.0.8 - 10.0.0.9]}\n"},
		"several documents":       {"range: r\nreserved: [x]\n---\nrange: r\nreserved: [x]\n", "range: r\nreserved: [x, 10.0.0.5, 10.0.0.8 - 10.0.0.9]\n---\nrange: r\nreserved: [x]\n"},
		"two mappings":            {"- {range: r, reserved: [x]}\n- {range: r}\n", "- {range: r, reserved: [x, 10.0.0.5, 10.0.0.8 - 10.0.0.9]}\n- {range: r, reserved: [10.0.0.5, 10.0.0.8 - 10.0.0.9]}\n"},
		"the key stands twice":    {"reserved: [x]\nrange: r\nreserved: [y]\n", "reserved: [x]\nrange: r\nreserved: [y, 10.0.0.5, 10.0.0.8 - 10.0.0.9]\n"},
		"an anchor nobody uses":   {"range: r\nreserved: &a [x]\n", "range: r\nreserved: &a [x, 10.0.0.5, 10.0.0.8 - 10.0.0.9]\n"},
		"other merged keys":       {"base: &b {az: z1}\ns: {<<: *b, range: r}\n", "base: &b {az: z1}\ns: {<<: *b, range: r, reserved: [10.0.0.5, 10.0.0.8 - 10.0.0.9]}\n"},
		"nested lists":            {"range: r\nreserved:\n- x\n- [y, z]\n", "range: r\nreserved:\n- x\n- 10.0.0.5  # a\n- 10.0.0.8 - 10.0.0.9\n- [y, z]\n"},
		"a value that spans more": {"range: r\ngateway: |\n  g\naz: z1\n", "range: r\nreserved:\n- 10.0.0.5  # a\n- 10.0.0.8 - 10.0.0.9\ngateway: |\n  g\naz: z1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, refused, err := addReserved([]byte(c.before), two...)
			if err != nil || errors.Join(refused...) != nil {
				t.Fatal(err, refused)
			}
			if diff := cmp.Diff(c.after, string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestIPv6IsQuoted(t *testing.T) {
	got, _, err := addReserved([]byte("range: r\nreserved: [x]\n"), Item{Text: "1:2:3:4:5:6:7:8"}, Item{Text: "2001:db8::"})
	if want := "range: r\nreserved: [x, \"1:2:3:4:5:6:7:8\", \"2001:db8::\"]\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"an alias":            {"x: &a [y]\ns: {range: r, reserved: *a}\n", "2:25: reserved is the alias *a"},
		"a shared list":       {"x: {range: r, reserved: &a [y]}\ny: *a\n", "1:25: this is used in other places as well, through the anchor &a"},
		"a shared mapping":    {"x: &a {range: r}\ny: *a\n", "1:4: this is used in other places as well, through the anchor &a"},
		"a merged list":       {"x: &a {reserved: [y]}\ns: {<<: *a, range: r}\n", "2:4: its reserved comes from a merge key (<<)"},
		"a mapping":           {"range: r\nreserved: {a: b}\n", "2:11: reserved is no list"},
		"only long values":    {"range: >\n  r\n  s\n", "1:1: it has no gateway or range that ends on its own line"},
		"a list of variables": {"range: r\nreserved: ((list))\n", "2:11: the value cannot become a list by itself"},
		"only lists in it":    {"range: r\nreserved:\n- [x]\n", "3:1: no item of the list is a string on a line of its own"},
	} {
		t.Run(name, func(t *testing.T) {
			got, refused, err := addReserved([]byte(c.text), two...)
			if err != nil {
				t.Fatal(err)
			}
			if refusal := errors.Join(refused...); refusal == nil || refusal.Error() != c.want {
				t.Errorf("refused with %v, want %s", refusal, c.want)
			}
			if string(got) != c.text {
				t.Errorf("the text was changed:\n%s", got)
			}
		})
	}
	for name, text := range map[string]string{"UTF-16": "\xff\xfea\x00", "no YAML": "a: [", "nothing": "# only a comment"} {
		if _, _, err := Add([]byte(text), nil); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, refused, _ := Add([]byte("a: b"), []Addition{{Line: 1, Column: 4, Key: "k"}}); refused[0] == nil {
		t.Error("a place without a mapping was accepted")
	}
	for _, item := range []string{"", "a, b", "[a]", "a # b", "-a", "a\nb"} {
		if _, refused, _ := addReserved([]byte("range: r"), Item{Text: item}); refused[0] == nil {
			t.Errorf("item %q was accepted", item)
		}
	}
}

// FuzzAdd holds edited texts against what another reading of YAML makes of
// them: plain Go values, in which only reserved may have grown.
func FuzzAdd(f *testing.F) {
	for _, text := range []string{
		"- range: r\n  reserved:\n  - 10.0.0.2 # c\n", "s: [{range: r, reserved: [a, 'b', \"c\"]}]", "range: r\nreserved: ~\nx: y",
		"range: r\r\nreserved:\r\n", "a: &x {range: r}\nb: *x\n", "range: r\n---\nrange: r\n", "- - range: r\n    gateway: g",
		"\ufeffrange: r", "range: r\nreserved: !!str x\n", "range: r\nreserved: 'it''s'\n", "? range\n: r\n", "range: r\nreserved: # c\n  - x\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		edited, refused, err := addReserved([]byte(text), two...)
		if err != nil {
			return
		}
		made := 0
		for _, r := range refused {
			if r == nil {
				made++
			}
		}
		if made == 0 {
			if !bytes.Equal(edited, []byte(text)) {
				t.Fatalf("nothing was added, and the text changed:\n%s", edited)
			}
			return
		}
		if !keepsBytes(text, string(edited)) {
			t.Fatalf("bytes are gone:\n%s\n---\n%s", text, edited)
		}
		var before, after any
		if yaml.Unmarshal([]byte(text), &before) != nil {
			return // a repeated key, a merge of no mapping: not for Go values
		}
		if err := yaml.Unmarshal(edited, &after); err != nil {
			t.Fatalf("no YAML any more: %v\n%s", err, edited)
		}
		if diff := cmp.Diff(grown(before), grown(after)); diff != "" {
			t.Fatalf("more than reserved changed (-before +after):\n%s", diff)
		}
	})
}

// keepsBytes reports whether edited is text with insertions, but for words that
// mean null.
func keepsBytes(text, edited string) bool {
	i := 0
	for _, b := range []byte(edited) {
		if i < len(text) && text[i] == b {
			i++
		}
	}
	return i == len(text) || strings.Contains(text, "~") || strings.Contains(strings.ToLower(text), "null")
}

// grown returns a value without anything that reserved holds beside a range.
func grown(value any) any {
	switch v := value.(type) {
	case map[string]any:
		m := map[any]any{}
		for key, value := range v {
			m[key] = value
		}
		return grown(m)
	case map[any]any: // where a key is no string
		m := map[any]any{}
		_, hasRange := v["range"]
		for key, value := range v {
			if !hasRange || key != "reserved" {
				m[key] = grown(value)
			}
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = grown(v[i])
		}
		return list
	}
	return value
}
