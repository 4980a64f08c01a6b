package source

import (
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/place"
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

func TestNames(t *testing.T) {
	n := &Names{}
	n.Withhold(fromVariables(t, map[string]string{
		"cf-prod": "cf-((v))", "z1": "z((v))", "plain": "", `two "words"`: "", "a b": "", "x-opened": "x-((v))", "naïve": "na((v))", "10.0.0.1": "10.0.0.((v))",
	}))
	n.Open("folders/x-opened/m.yml")
	for text, want := range map[string]string{
		"deployment cf-prod.":               "deployment cf-((v)).",
		"east-cf-prod-private":              "east-cf-((v))-private",
		"cf-prod2, acf-prod, cf-prods":      "cf-prod2, acf-prod, cf-prods",
		"z1/z10/z1":                         "z((v))/z10/z((v))",
		"plain":                             "plain",
		`two "words" and a b`:               `two "words" and a b`, // no reader has them
		"no https://u:hunter2@10.0.0.6:1/x": "no https://…@10.0.0.6:1/x",
		"https://10.0.0.6/a@b":              "https://10.0.0.6/a@b",
		"x-opened":                          "x-opened",
		"naïve naïvely":                     "na((v)) naïvely",
		"10.0.0.1":                          "10.0.0.1",
		"\xffcf-prod":                       "\xffcf-((v))",
		"":                                  "",
	} {
		if got := string(n.Shown([]byte(text))); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
