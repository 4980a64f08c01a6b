package source

import (
	"testing"
)

// The values are what Psych and bosh-cli's yaml.v2 make of the same texts.
func TestMergesCountWhereTheyStand(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"own key behind", "base: &b {k: base}\nx: {<<: *b, k: own}", "own"},
		{"own key before", "base: &b {k: base}\nx: {k: own, <<: *b}", "base"},
		{"first of a list", "a: &a {k: first}\nb: &b {k: second}\nx: {<<: [*a, *b]}", "first"},
		{"second merge", "a: &a {k: first}\nb: &b {k: second}\nx:\n  <<: *a\n  <<: *b", "second"},
		{"merge in a merge", "a: &a {k: inner}\nb: &b {<<: *a, j: 1}\nx: {<<: *b}", "inner"},
		{"key twice", "x: {k: first, k: last}", "last"},
		{"alias as key", "name: &n k\nx: {*n : aliased}", "aliased"},
		{"no such key", "x: {j: 1}", ""},
	} {
		doc, err := Parse("f.yml", []byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		x := doc.Root().Field("x")
		if got := x.Field("k").Text(); got != c.want {
			t.Errorf("%s: Field gives %q, want %q", c.name, got, c.want)
		}
		var listed string
		for key, value := range x.Fields() {
			if key.Text() == "k" {
				listed = value.Text()
			}
		}
		if listed != c.want {
			t.Errorf("%s: Fields gives %q, want %q", c.name, listed, c.want)
		}
	}
}
