package interpolate

import (
	"errors"
	"testing"

	"github.com/cppforlife/go-patch/patch"
	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// TestOverlayFallsBack lays a traced document over an output that has other
// values: these must win, and take the place of what is around them.
func TestOverlayFallsBack(t *testing.T) {
	traced := parseNode(t, "traced.yml", "same: 1\nother: a\nkind: {x: 1}\nlonger: [1, 2]\ndeep:\n  other: [a, b]\n")
	base, err := source.Parse("base.yml", []byte("base: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	const output = "deep: {other: [a, c]}\nkind: x\nlonger: [1]\nother: b\nsame: 1\n"
	lay := newOverlay(&evaluation{base: base, scalars: newScalars()})
	doc, err := lay.document([]byte(output), traced)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for key, value := range doc.Root().Fields() {
		got[key.Text()] = value.Place().String()
	}
	want := map[string]string{
		"same":   "traced.yml:1:7",
		"other":  "traced.yml:1:1",
		"kind":   "traced.yml:1:1",
		"longer": "traced.yml:1:1",
		"deep":   "traced.yml:6:3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	items := doc.Root().Field("deep").Field("other").Items()
	if a, c := items[0].Place().String(), items[1].Place().String(); a != "traced.yml:6:11" || c != "traced.yml:6:10" {
		t.Errorf("the list's elements are at %s and %s", a, c)
	}
	if lay.untraced != 4 {
		t.Errorf("%d values lost their place, want 4", lay.untraced)
	}
}

// TestOverlayMissingKey: a key that was not traced has the place of its map.
func TestOverlayMissingKey(t *testing.T) {
	base, err := source.Parse("base.yml", []byte("base: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	lay := newOverlay(&evaluation{base: base, scalars: newScalars()})
	doc, err := lay.document([]byte("m: {b: {c: 1}}\n"), parseNode(t, "traced.yml", "m:\n  a: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	c := doc.Root().Field("m").Field("b").Field("c")
	if got := c.Place().String(); got != "traced.yml:2:3" || lay.untraced != 1 {
		t.Errorf("c is at %s, %d values lost their place", got, lay.untraced)
	}
}

// TestTracerThatCannotFollow: if the tracer does not understand what the engine
// has accepted, all values have the place of the document.
func TestTracerThatCannotFollow(t *testing.T) {
	base, err := source.Parse("base.yml", []byte("base: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	unknown := operation{kind: "replace", path: patch.MustNewPointerFromString("/nowhere/x"), value: &node{}}
	p := newProof("base.yml", &evaluation{root: parseNode(t, "base.yml", "base: 1\n"), vars: &variables{}, ops: []operation{unknown}}, true)
	traced, err := p.judge(nil)
	if traced != nil || err != nil {
		t.Fatalf("got %v, %v", traced, err)
	}
	lay := newOverlay(&evaluation{base: base, scalars: newScalars()})
	doc, err := lay.document([]byte("a: {b: 1}\n"), traced)
	if err != nil {
		t.Fatal(err)
	}
	if got := doc.Root().Field("a").Field("b").Place(); got != (place.Place{File: "base.yml", Line: 1, Column: 1}) || lay.untraced != 1 {
		t.Errorf("b is at %s, %d values lost their place", got, lay.untraced)
	}
}

func parseNode(t *testing.T, file, text string) *node {
	t.Helper()
	doc, err := source.Parse(file, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	n, err := buildDocument(doc, newScalars())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestEngineYAMLError: the line is kept, what is quoted from the text is not.
func TestEngineYAMLError(t *testing.T) {
	for message, want := range map[string]string{
		"yaml: line 3: did not find expected ',' or ']'":                            "f:3:1: the bosh CLI cannot read this document: did not find expected ',' or ']'",
		"yaml: control characters are not allowed":                                  "f:1:1: the bosh CLI cannot read this document: control characters are not allowed",
		"yaml: unmarshal errors:\n  line 2: cannot unmarshal !!str `s3cret` into x": "f:2:1: the bosh CLI cannot read this document: cannot unmarshal !!str a value into x",
		"yaml: unknown anchor 's3cret' referenced":                                  "f:1:1: the bosh CLI cannot read this document: unknown anchor referenced",
		"yaml: invalid map key: map[interface {}]interface {}{\"s3cret\":1}":        "f:1:1: the bosh CLI cannot read this document",
	} {
		if got := engineYAMLError("f", errors.New(message)).Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
