package source

import (
	"fmt"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/seal"
)

// fromVariables is a document of one list, with what its items were before variables;
// an empty text for what is all that a variable has.
func fromVariables(t *testing.T, items map[string]string) *Document {
	t.Helper()
	root := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	origins, before := map[*yaml.Node]place.Place{}, map[*yaml.Node]string{}
	for text, was := range items {
		n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
		root.Content = append(root.Content, n)
		origins[n] = place.Place{File: "v.yml", Line: 1, Column: 1, Through: "v"}
		if was != "" {
			before[n] = was
		}
	}
	doc, err := NewDocument("m.yml", root, origins, before)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestShownOfVariables(t *testing.T) {
	for text, c := range map[string]struct{ before, want string }{
		"hunter2":             {"", "((v))"},
		"10.8.52.31\n":        {"", "10.8.52.31"},
		"\t10.8.52.0/28 \n":   {"", "10.8.52.0/28"},
		"10.8.52.30":          {"", "10.8.52.30"},
		"10.8.52.0/24":        {"10.8.((v)).0/24", "10.8.52.0/24"},
		"10.0.0.1 - 10.0.0.9": {"", "10.0.0.1 - 10.0.0.9"},
		"10.8.52.hunter2":     {"10.8.52.((v))", "10.8.52.((v))"},
		"cf-prod":             {"cf-((v))", "cf-((v))"},
		"":                    {"", "((v))"},
	} {
		v := fromVariables(t, map[string]string{text: c.before}).Root().Items()[0]
		if got := v.Shown(); got != c.want {
			t.Errorf("%q shows %q, want %q", text, got, c.want)
		}
	}
	doc, err := Parse("m.yml", []byte("[hunter2]"))
	if err != nil {
		t.Fatal(err)
	}
	if got := doc.Root().Items()[0].Shown(); got != "hunter2" {
		t.Errorf("what stands openly shows %q", got)
	}
}

// TestNames shows what became of names that readers had, and touches nothing else: equal
// words of others least of all.
func TestNames(t *testing.T) {
	n := &Names{}
	items := map[string]string{"cf-prod": "cf-((v))", "z1": "z((v))", "plain": "", `two "words"`: "", "network": "net((v))", "naïve": "na((v))", "10.0.0.1": "10.0.0.((v))"}
	shown := map[string]string{"cf-prod": "cf-((v))", "z1": "z((v))", "plain": "plain", `two "words"`: "((v))", "network": "net((v))", "naïve": "na((v))", "10.0.0.1": "10.0.0.1"}
	doc, open := fromVariables(t, items), fromVariables(t, items)
	n.Of("a").Withhold(doc)
	n.Of("b").Withhold(open)
	open.origins, open.before = nil, nil // written where they stand
	others := map[string]string{}
	for _, item := range open.Root().Items() {
		others[item.Raw()] = item.Text()
	}
	for _, item := range doc.Root().Items() {
		raw, name, other := item.Raw(), item.Text(), others[item.Raw()]
		text := fmt.Sprintf("%s east-%s-west, %s of a (%s of b)", raw, name, name, other)
		want := fmt.Sprintf("%s east-%s-west, %s of a (%s of b)", raw, shown[raw], shown[raw], raw)
		if got := string(n.Shown([]byte(text))); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if again := n.Of("a").Openly(raw); again != name {
			t.Errorf("%q written openly in a is %q, and %q where a variable brought it", raw, again, name)
		}
		if !seal.Same(name, other) || !seal.Same("a/"+name+"/x", "a/"+other+"/x") || seal.Same(name, other+"x") {
			t.Errorf("%q of a and of b are not the same name", raw)
		}
	}
	for text, want := range map[string]string{
		"no https://u:hunter2@10.0.0.6:1/x": "no https://…@10.0.0.6:1/x",
		"https://10.0.0.6/a@b":              "https://10.0.0.6/a@b",
		"":                                  "",
	} {
		if got := string(n.Shown([]byte(text))); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
