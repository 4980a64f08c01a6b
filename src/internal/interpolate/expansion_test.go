//go:build !race

package interpolate

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// TestExpansion loads documents whose variables and aliases stand for a great deal. What
// is too much is refused at its place before any of it is made, what a large deployment
// has is not.
func TestExpansion(t *testing.T) {
	t.Chdir(t.TempDir())
	text := "a: " + strings.Repeat("x", 100<<10) + "\n"
	certificate := strings.Repeat("MIIEpAIBAAKCAQEA7vFz\n", 100)
	store := "store:\n"
	for i := range 150 {
		store += fmt.Sprintf("  c%d: {ca: %q, certificate: %q, private_key: %q}\n", i, certificate, certificate, certificate)
	}
	uses := ""
	for i := range 150 {
		uses += fmt.Sprintf("- {tls: {ca: ((store.c%d.ca)), both: \"((store.c%d.certificate)) ((store.c%d.private_key))\"}}\n", i, i, i)
	}
	const tooMuch = "the variables up to here stand for more than 250000 values or 32 MiB"
	for name, c := range map[string]struct{ base, vars, ops, want string }{
		"a long text":        {"a: 1\nb: \"" + strings.Repeat("((a))", 5000) + "\"\n", text, "", "base.yml:2:4: " + tooMuch},
		"a list":             {"b:\n" + strings.Repeat("- ((a))\n", 1000), "a: [" + strings.Repeat("10.0.0.30,", 1000) + "]\n", "", "base.yml:251:3: " + tooMuch},
		"texts":              {"b:\n" + strings.Repeat("- ((a))\n", 1000), text, "", "base.yml:329:3: " + tooMuch},
		"an ops file":        {"b: 1\n", text, "- {type: replace, path: /b, value: \"" + strings.Repeat("((a))", 5000) + "\"}\n", "ops.yml:1:36: " + tooMuch},
		"what a value names": {"b: ((c))\n", text + "c: [" + strings.Repeat("((a)),", 400) + "]\n", "", "base.yml:1:4: " + tooMuch},
		"aliases and texts":  {"a: &a \"" + strings.Repeat("((a))", 30) + "\"\nb: [" + strings.Repeat("*a,", 30) + "]\n", text, "", "base.yml:2:32: " + tooMuch},
		"many in one text":   {"b: \"" + strings.Repeat("((a))", 3000) + "\"\n", "a: " + strings.Repeat("x", 1000) + "\n", "", "base.yml:1:4: this text has too many variables with too long values"},
		"aliases":            {"a: &a [" + strings.Repeat("x,", 1000) + "]\nb: [" + strings.Repeat("*a,", 1000) + "]\n", "x: 1\n", "", "base.yml:2:752: the aliases of this document stand for more than 250000 values or 32 MiB"},
		"aliases of texts":   {"a: &a " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.Repeat("*a,", 1000) + "]\n", "x: 1\n", "", "base.yml:2:101: the aliases of this document stand for more than 250000 values or 32 MiB"},
		"certificates":       {uses, store, "", ""},
		"nothing has values": {"b: \"" + strings.Repeat("((c))", 2000) + "\"\n", text, "", ""},
	} {
		writeFile(t, "base.yml", []byte(c.base))
		writeFile(t, "vars.yml", []byte(c.vars))
		in := Inputs{VarsFiles: []string{"vars.yml"}}
		if c.ops != "" {
			writeFile(t, "ops.yml", []byte(c.ops))
			in.OpsFiles = []string{"ops.yml"}
		}
		for _, load := range []func(*Loader, string, Inputs) (*source.Document, error){(*Loader).Load, (*Loader).LoadProven} {
			_, err := load(NewLoader(source.NewFiles(nil), nil), "base.yml", in)
			var e *trouble.Trouble
			if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &e) || fmt.Sprintf("%s: %s", e.At, e.Message) != c.want) {
				t.Errorf("%s: got %v, want %q", name, err, c.want)
			}
		}
	}
}
