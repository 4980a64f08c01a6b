//go:build !race

package linebreak

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestPlacesHoldTheirKeys: an editor that opens any key's place finds that key there.
func TestPlacesHoldTheirKeys(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	moved := 0
	for range 2000 {
		text := madeText(random)
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		Find([]byte(text)).Correct(&doc)
		lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n"), "\n")
		root := doc.Content[0]
		for i := 0; i < len(root.Content); i += 2 {
			key := root.Content[i]
			if at := string([]rune(lines[key.Line-1])[key.Column-1:]); !strings.HasPrefix(at, key.Value+":") {
				t.Fatalf("%q: key %s is at %d:%d, where %q stands", text, key.Value, key.Line, key.Column, at)
			}
		}
		if Find([]byte(text)) != nil {
			moved++
		}
	}
	if moved < 500 {
		t.Errorf("only %d texts had such characters", moved)
	}
}

func madeText(random *rand.Rand) string {
	separators := []string{" ", "\u0085", "\u2028", "\u2029", "é", ""}
	ends := []string{"\n", "\r\n", "\n\n", "\n# a\u2028# b\n"}
	var b strings.Builder
	if random.IntN(4) == 0 {
		b.WriteString("\ufeff")
	}
	inFlow := random.IntN(3) == 0
	if inFlow {
		b.WriteString("{")
	}
	end := ends[random.IntN(2)]
	for i := range 1 + random.IntN(5) {
		fmt.Fprintf(&b, `key%d: "a%sb%sc"`, i, separators[random.IntN(len(separators))], separators[random.IntN(len(separators))])
		switch {
		case !inFlow:
			b.WriteString(end)
			b.WriteString(ends[2*random.IntN(2)][:0])
		default:
			b.WriteString(", ")
		}
	}
	if inFlow {
		b.WriteString("}")
	}
	return b.String()
}
