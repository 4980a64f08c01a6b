package source

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestNothingBehindIsMissed holds what is said to be passed over against the library,
// which is asked for the next document of texts of random lines: where it finds one with
// a value, or stops, something is said to be passed over.
func TestNothingBehindIsMissed(t *testing.T) {
	lines := []string{"---", "...", "# comment", "", "a: 1", "b: 2", "--- # c", "--- {c: 1}", "%YAML 1.1", "-x", "---x: 1", "  ---", "[broken"}
	random := rand.New(rand.NewPCG(3, 4))
	found, none := 0, 0
	for range 3000 {
		var text strings.Builder
		for range 1 + random.IntN(6) {
			text.WriteString(lines[random.IntN(len(lines))] + "\n")
		}
		doc, err := Parse("a.yml", []byte(text.String()))
		if err != nil {
			continue // said
		}
		said := false
		for _, p := range doc.PassedOver() {
			said = said || p.Key == ""
		}
		if want := nextHolds(text.String()); said != want {
			t.Fatalf("%q: said %v, the library %v: %+v", text.String(), said, want, doc.PassedOver())
		}
		if said {
			found++
		} else {
			none++
		}
	}
	if found < 300 || none < 300 {
		t.Errorf("%d with something behind, %d without", found, none)
	}
}

// nextHolds reports whether the library has more of a text behind its first document.
func nextHolds(text string) bool {
	all := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	var n yaml.Node
	if all.Decode(&n) != nil {
		return false
	}
	for {
		var next yaml.Node
		err := all.Decode(&next)
		if errors.Is(err, io.EOF) {
			return false
		}
		if err != nil || len(next.Content) > 0 && (next.Content[0].Kind != yaml.ScalarNode || next.Content[0].Value != "") {
			return true
		}
	}
}
