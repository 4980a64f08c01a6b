package source

import (
	"testing"

	"github.com/ipguard/ipguard/src/internal/trouble"
)

func TestAsTemplateFindsMarksOfYTT(t *testing.T) {
	for text, at := range map[string]string{
		"a: #@ data.values.x\n":      "m.yml:1:4",
		"a:\n- #@ data.values.x\n":   "m.yml:2:3",
		"a: [ #@ data.values.x\n ]":  "m.yml:1:6",
		"a: [#@ data.values.x\n]":    "m.yml:1:5",
		"a: [1, #@ data.values.x\n]": "m.yml:1:8",
		"a: { #@ data.values.x\n }":  "m.yml:1:6",
		"#@ if data.values.x:\na: 1": "m.yml:1:1",
		"a: 1 #@ of somebody\n":      "",
		"#@ of somebody\na: 1\n":     "",
		"a: \"[ #@ in a text\"\n":    "",
	} {
		doc, err := Parse("m.yml", []byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		got := ""
		if err := AsTemplate(doc, []byte(text)); err != nil {
			got = trouble.Of(err).At.String()
		}
		if got != at {
			t.Errorf("%q has a mark at %q, want %q", text, got, at)
		}
	}
}
