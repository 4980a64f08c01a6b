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

// TestHiddenPartsAreVisible: what an ops file or a variable is called reaches no terminal
// as it is, whichever command tells of it.
func TestHiddenPartsAreVisible(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "ipguard.yml", []byte("directors:\n- {name: a, cloud_configs: [cc.yml], deployments: [m.yml, {manifest: m.yml, name: other, ops_files: [o.yml]}]}\n"))
	writeFile(t, "cc.yml", []byte(plantedFiles["cc.yml"]))
	writeFile(t, "m.yml", []byte(strings.Replace(plantedFiles["m.yml"], "[10.8.52.30]", `["((x`+"\u202e"+`))"]`, 1)))
	writeFile(t, "o.yml", []byte("- {type: replace, path: \"/a\\e[31m/b\", value: 1}\n"))
	for _, args := range [][]string{{"map"}, {"map", "--format", "json"}, {"map", "--html", "out"}, {"fence"}, {"fence", "--fix"}, {"lint"}, {"free", "10.8.52.0/24"}, {"who", "10.8.52.30"}, {"audit"}} {
		stdout, stderr, _ := runIn(t, args...)
		if strings.ContainsAny(stdout+stderr, "\x1b\u202e") {
			t.Errorf("%q prints %q%q", args, stdout, stderr)
		}
	}
	if _, stderr, code := runIn(t, "lint", "m.yml", "--director-version", "newest"); code != ExitUsage || !strings.Contains(stderr, "takes a version") {
		t.Errorf("a version that is none ends with %d: %s", code, stderr)
	}
}
