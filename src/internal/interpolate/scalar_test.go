//go:build !race

package interpolate

import (
	"strings"
	"testing"

	yaml2 "gopkg.in/yaml.v2"
	"gopkg.in/yaml.v3"
)

// checkPlain compares the value of a scalar without quotes with what yaml.v2
// makes of it inside a document. It reports false for a text that is no such
// scalar.
func checkPlain(t *testing.T, text string) bool {
	t.Helper()
	document := []byte("- " + text + "\n")
	var nodes yaml.Node
	if yaml.Unmarshal(document, &nodes) != nil || len(nodes.Content) != 1 || len(nodes.Content[0].Content) != 1 {
		return false
	}
	n := nodes.Content[0].Content[0]
	if n.Kind != yaml.ScalarNode || n.Style != 0 || n.Value != text {
		return false
	}
	var want []any
	if yaml2.Unmarshal(document, &want) != nil || len(want) != 1 {
		return false
	}
	if got, ok := newScalars().value(n); !ok || !sameScalar(got, want[0]) {
		t.Errorf("%q is %#v, for yaml.v2 %#v", text, got, want[0])
	}
	return true
}

// scalarSeeds are the words and forms to which YAML 1.1 gives a meaning.
var scalarSeeds = strings.Fields(`y Y yes Yes YES n No on ON off OFF true True false FALSE null Null ~ <<
	.nan .inf -.inf +.INF . .. .5 -.5 1. 1.0 1e3 1E+3 1.5e-3 0 -0 +1 007 08 0o7 0x1F 0b101 -0b11 1_000 _1 1__0
	18446744073709551615 9223372036854775808 99999999999999999999 1:30 190:20:30 10.8.52.190 1.2.3
	2001-01-01 2001-1-1 2001-01-01T10:00:00Z 2001-01-01T10:00:00.5+02:00 yesterday nothing none- =`)

func TestPlainScalars(t *testing.T) {
	texts := append(scalarSeeds, "", "2001-01-01 10:00:00", "1 2", "a b", "falsey", "nullx", "two words")
	for _, text := range texts {
		if !checkPlain(t, text) && text != "" {
			t.Errorf("%q is no plain scalar: the list tests less than it seems", text)
		}
	}
}

// TestShortScalars compares all texts of up to four of the characters that numbers,
// times and words are made of.
func TestShortScalars(t *testing.T) {
	compared := 0
	texts := []string{""}
	for range 4 {
		var longer []string
		for _, text := range texts {
			for _, c := range "019eExaTZ-.:_" {
				longer = append(longer, text+string(c))
			}
		}
		for _, text := range longer {
			if checkPlain(t, text) {
				compared++
			}
		}
		texts = longer
	}
	if compared < 20_000 {
		t.Errorf("only %d texts were plain scalars", compared)
	}
}

func FuzzPlainScalar(f *testing.F) {
	for _, text := range scalarSeeds {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkPlain(t, text) })
}
