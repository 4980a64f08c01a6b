//go:build !race

package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/report"
)

// TestSecretsChangeNothingThatIsSaid lints a fleet whose names hold a secret, and again with
// other secrets in its place. All that is written is the same, hashes included: else
// whoever has it could try a list of words.
func TestSecretsChangeNothingThatIsSaid(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "cc.yml", []byte(cloudConfigOf(ofA)))
	writeFile(t, "cb.yml", []byte(cloudConfigOf(ofA)))
	writeFile(t, "n.yml", []byte(manifestOf("db", "pg", "1", ", static_ips: [10.0.0.10]")))
	writeFile(t, "ipguard.yml", []byte(`directors:
- {name: a, cloud_configs: [cc.yml], deployments: [{manifest: m.yml, var_files: {word: word.txt}}]}
- {name: b, cloud_configs: [cb.yml], deployments: [n.yml]}
`))
	for _, names := range [][2]string{{"((word))", "nginx"}, {"web-((word))", "nginx"}, {"web", "((word))"}, {"((word))", "x((word))"}} {
		writeFile(t, "m.yml", []byte(manifestOf(names[0], names[1], "1", ", static_ips: [10.0.0.10]")))
		first := ""
		for _, word := range []string{"hunter2", "abc", "tok!3n"} {
			writeFile(t, "word.txt", []byte(word))
			said := saidInEachFormat(t)
			if !strings.Contains(said, "address-claimed-twice") {
				t.Fatalf("no conflict is found:\n%s", said)
			}
			if first == "" {
				first = said
			}
			if diff := cmp.Diff(first, said); diff != "" {
				t.Errorf("%q with %q (-first +this):\n%s", names, word, diff)
			}
		}
	}
}

func saidInEachFormat(t *testing.T) string {
	t.Helper()
	args := []string{"lint"}
	for _, format := range report.Formats() {
		args = append(args, "--format", format.Name+"=said."+format.Name)
	}
	stdout, stderr, _ := runIn(t, args...)
	all := stdout + stderr
	for _, format := range report.Formats() {
		text, err := os.ReadFile("said." + format.Name)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	if _, stderr, code := runIn(t, "baseline", "write", "--baseline", "b.json"); code != 0 {
		t.Fatal(stderr)
	}
	text, err := os.ReadFile("b.json")
	if err != nil {
		t.Fatal(err)
	}
	if stdout, stderr, code := runIn(t, "baseline", "check", "--baseline", "b.json"); code != 0 {
		t.Errorf("what was accepted is not known again: %d\n%s%s", code, stdout, stderr)
	}
	if err := os.Remove("b.json"); err != nil {
		t.Fatal(err)
	}
	return all + string(text)
}
