//go:build !race

package source

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/trouble"
)

const wellFormed = `name: web
releases: []
instance_groups:
- name: web
  instances: 1
  azs: [z1]
  networks:
  - name: default
    static_ips: [10.0.0.1, 10.0.0.2]
properties:
  text: |
    some	text
    <no markup>
  password: "secret-word"
update:
  canaries: 1
`

// TestMistakes makes one mistake in a text and wants it called by its name, with the
// line that it was made in.
func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string
		line          int
		message       string
		excerpt       string
	}{
		"tab":                     {"  instances: 1", "\tinstances: 1", 5, "a tab in the indentation", "→instances: …"},
		"tab deep":                {"  - name: default", "  \t- name: default", 8, "a tab in the indentation", "  →- name: default"},
		"merge":                   {"releases: []", "<<<<<<< HEAD\nreleases: []\n=======\nreleases: [x]\n>>>>>>> other", 2, "a merge marker", "<<<<<<< …"},
		"merge end":               {"update:", ">>>>>>> other\nupdate:", 15, "a merge marker", ">>>>>>> …"},
		"no colon":                {"  instances: 1", "  instances 1", 5, "a missing colon after the key", "  instances …"},
		"no colon, first line":    {"name: web", "name web", 1, "a missing colon after the key", "name …"},
		"no colon, last line":     {"  canaries: 1", "  canaries 1\n  x: 1", 16, "a missing colon after the key", "  canaries …"},
		"no colon before a list":  {"  networks:", "  networks", 7, "a missing colon after the key", "  networks"},
		"no colon at a secret":    {`  password: "secret-word"`, `  password "secret-word"`, 14, "a missing colon after the key", "  …"},
		"no space":                {"  instances: 1", "  instances:1", 5, "a missing space after the colon", "  …"},
		"no bracket":              {"  azs: [z1]", "  azs: [z1", 6, "a bracket that is opened here", "  azs: […"},
		"no quote":                {`"secret-word"`, `"secret-word`, 14, "a quote that is opened here", "  …"},
		"indentation":             {"  azs: [z1]", "   azs: [z1]", 6, "this line does not fit in", "   azs: […]"},
		"too little indentation":  {"  azs: [z1]", " azs: [z1]", 6, "this line does not fit in", " azs: […]"},
		"a character":             {"name: web", "name: @web", 1, "a character that cannot begin a value", "name: …"},
		"an alias":                {`"secret-word"`, `*secret-word`, 14, "a word that begins with * is an alias", "  …"},
		"an alias and more":       {`"secret-word"`, `*secret!word`, 14, "a word that begins with * or & is an alias or an anchor", "  …"},
		"an alias in a list":      {"10.0.0.2]", "*secret]", 9, "a word that begins with * is an alias", "    static_ips: [10.0.0.1, …]"},
		"merge, and a tab before": {"releases: []", "\treleases: []\n<<<<<<< a\nb: 1", 3, "a merge marker", "<<<<<<< …"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(wellFormed, c.before, c.after, 1)
			if text == wellFormed {
				t.Fatal("no mistake was made")
			}
			_, err := Parse("web.yml", []byte(text))
			if err == nil {
				t.Fatal("it is YAML")
			}
			got := trouble.Of(err)
			if got.At.Line != c.line || !strings.Contains(got.Message, c.message) || got.Excerpt != c.excerpt {
				t.Errorf("line %d, %q, excerpt %q; want line %d, %q, %q", got.At.Line, got.Message, got.Excerpt, c.line, c.message, c.excerpt)
			}
			if strings.Contains(got.Message+got.Excerpt+got.Hint, "secret") {
				t.Errorf("a secret is shown: %q", got)
			}
		})
	}
}

// TestMistakeLines makes mistakes anywhere in a longer text: the line is the one that
// was changed, and nothing of a value is shown.
func TestMistakeLines(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 5))
	for range 300 {
		var lines []string
		for i := range 3 + random.IntN(60) {
			lines = append(lines, fmt.Sprintf("key%d:", i), fmt.Sprintf("  inner: hidden%d", random.IntN(9)), "  list: [hidden, hidden]")
		}
		at := random.IntN(len(lines))
		want := "a tab in the indentation"
		switch {
		case random.IntN(2) == 0 && !strings.HasPrefix(lines[at], "key"):
			lines[at] = "\t" + strings.TrimSpace(lines[at])
		case random.IntN(2) == 0:
			lines[at], want = ">>>>>>> hidden", "a merge marker"
		default:
			at -= at % 3
			lines[at], want = strings.TrimSuffix(lines[at], ":"), "a missing colon"
		}
		text := strings.Join(lines, "\n") + "\n"
		_, err := Parse("x.yml", []byte(text))
		if err == nil {
			t.Fatalf("it is YAML:\n%s", text)
		}
		got := trouble.Of(err)
		if got.At.Line != at+1 || !strings.Contains(got.Message, want) {
			t.Fatalf("line %d: %s; want line %d: %s\n%s", got.At.Line, got.Message, at+1, want, text)
		}
		if strings.Contains(got.Excerpt, "hidden") {
			t.Fatalf("a value is shown: %q", got.Excerpt)
		}
	}
}
