package source

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// The kinds and values that Ruby gave (testdata/psych.rb).
func TestScalarsAreWhatPsychSays(t *testing.T) {
	file, err := os.Open("testdata/psych.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	doc := &Document{}
	count := 0
	for lines := bufio.NewScanner(file); lines.Scan(); count++ {
		fields := strings.Split(lines.Text(), "\t")
		var text string
		if err := json.Unmarshal([]byte(fields[0]), &text); err != nil {
			t.Fatal(err)
		}
		v := Value{doc: doc, node: &yaml.Node{Kind: yaml.ScalarNode, Value: text}}
		if got := v.Kind().String(); got != fields[1] {
			t.Errorf("%q is %s, Psych says %s %s", text, got, fields[1], fields[2])
			continue
		}
		if got, _ := v.Coerced(); fields[2] != "" && got != fields[2] && len(fields[2]) < 19 {
			t.Errorf("%q is %s, Psych says %s", text, got, fields[2])
		}
	}
	if count < 500 {
		t.Errorf("%d scalars only", count)
	}
}
