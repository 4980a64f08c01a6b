package cli

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPipesInPlaceOfFiles puts a named pipe that nobody writes into the place of each
// input: no command waits for it, and none is green without what it should hold.
func TestPipesInPlaceOfFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	inputs := map[string]string{
		"ipguard.yml": "directors:\n- name: a\n  snapshot: a.json\n  cloud_configs: [cc.yml]\n  runtime_configs: [rc.yml]\n  deployments: [{manifest: \"m*.yml\", ops_files: [ops.yml], vars_files: [vars.yml]}]\n" +
			"- name: b\n  create_env: [{manifest: ce.yml, vars_store: store.yml}]\n",
		"a.json": "{}", "cc.yml": "networks: []\n", "rc.yml": "releases: []\n", "m.yml": "name: m\ninstance_groups: []\n", "ops.yml": "[]\n", "vars.yml": "a: b\n",
		"ce.yml": "name: ce\n", "store.yml": "a: b\n", ".ipguard-baseline": "{}\n",
	}
	for name, text := range inputs {
		writeFile(t, name, []byte(text))
	}
	for name, text := range inputs {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, command := range []string{"lint", "lint ce.yml", "lint --baseline .ipguard-baseline", "who 10.0.0.1", "free a", "map", "fence", "audit", "init --dry-run", "bosh -n update-runtime-config rc.yml"} {
			if strings.Contains(command, " "+name) {
				continue // who names a pipe may mean it: TestPipesThatArePipes
			}
			done := make(chan int, 1)
			go func() {
				_, _, code := runIn(t, strings.Fields(command)...)
				done <- code
			}()
			select {
			case code := <-done:
				if code == ExitOK && !strings.HasPrefix(command, "init") && name != ".ipguard-baseline" {
					t.Errorf("%s is a pipe, and %s is green", name, command)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("%s is a pipe, and %s waits for it", name, command)
			}
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		writeFile(t, name, []byte(text))
	}
}

// TestPipesThatArePipes reads a pipe that the command line names, as its writer comes.
func TestPipesThatArePipes(t *testing.T) {
	t.Chdir(t.TempDir())
	const fleet = "directors:\n- {name: a, create_env: [{manifest: ce.yml}]}\n"
	writeFile(t, "ce.yml", []byte("name: ce\ndescription: ((text))\n"))
	writeFile(t, "ipguard.yml", []byte(fleet))
	for _, c := range []struct{ command, text string }{
		{"lint --fleet pipe", fleet}, {"lint --fleet=pipe", fleet}, {"lint --no-fleet ce.yml -l pipe", "text: x\n"}, {"lint --no-fleet pipe", "name: ce\n"},
	} {
		if err := syscall.Mkfifo("pipe", 0o600); err != nil {
			t.Fatal(err)
		}
		go os.WriteFile("pipe", []byte(c.text), 0o600)
		if stdout, stderr, code := runIn(t, strings.Fields(c.command)...); strings.Contains(stdout+stderr, "pipe or a device") {
			t.Errorf("%s: code %d\n%s%s", c.command, code, stdout, stderr)
		}
		if err := os.Remove("pipe"); err != nil {
			t.Fatal(err)
		}
	}
}
