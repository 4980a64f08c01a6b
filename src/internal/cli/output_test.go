package cli

import (
	"os"
	"strings"
	"testing"
)

// TestOutputsOverwriteNoInput names each file that was read as an output of each command
// that takes one, also by a link: it stays what it was.
func TestOutputsOverwriteNoInput(t *testing.T) {
	t.Chdir(t.TempDir())
	files := map[string]string{"ipguard.yml": "directors:\n- {name: a, cloud_configs: [cc.yml], deployments: [{manifest: m.yml, ops_files: [o.yml], vars_files: [v.yml]}]}\n",
		"o.yml": "[]\n", "v.yml": "x: 1\n", "m.yml": plantedFiles["m.yml"], "cc.yml": plantedFiles["cc.yml"]}
	for name, text := range files {
		writeFile(t, name, []byte(text))
	}
	if err := os.Symlink("m.yml", "link"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ipguard.yml", "cc.yml", "m.yml", "o.yml", "v.yml", "./m.yml", "link"} {
		for _, args := range [][]string{{"lint", "--format", "json=" + name}, {"lint", "m.yml", "-o", "o.yml", "-l", "v.yml", "--format", "sarif=" + name}, {"map", "--html", name}, {"audit", "--format", "csv=" + name}} {
			_, stderr, code := runIn(t, args...)
			if code != ExitUsage || !strings.Contains(stderr, "was read, and would be overwritten") {
				t.Errorf("%q ends with %d: %s", args, code, stderr)
			}
		}
	}
	if _, stderr, code := runIn(t, "lint", "--format", "json=out", "--format", "sarif=./out"); code != ExitUsage || !strings.Contains(stderr, "two formats cannot both go to out") {
		t.Errorf("two formats in one file end with %d: %s", code, stderr)
	}
	for name, text := range files {
		if readFile(t, name) != text {
			t.Errorf("%s was overwritten", name)
		}
	}
	if _, stderr, code := runIn(t, "lint", "--format", "json=out"); code == ExitUsage {
		t.Errorf("a file of its own is refused: %s", stderr)
	}
}
