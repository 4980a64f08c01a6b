package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/cli"
)

// TestReadmeCommands runs every ipguard command of the README in a copy of the
// incident's folder, and holds it to what such a command must be: known and
// rightly used. Commands of other programs must exist in the repository.
func TestReadmeCommands(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for line := range strings.Lines(string(readme)) {
		command, indented := strings.CutPrefix(line, "    ")
		words := strings.Fields(command)
		if !indented || len(words) == 0 {
			continue
		}
		switch {
		case strings.HasPrefix(words[0], "scripts/"):
			if _, err := os.Stat(filepath.Join(root, words[0])); err != nil {
				t.Errorf("README: %s: %v", words[0], err)
			}
		case strings.TrimPrefix(words[0], "./") == "ipguard":
			ran++
			t.Run(strings.Join(words, " "), func(t *testing.T) { runReadmeCommand(t, root, words[0], words[1:]) })
		}
	}
	if ran < 6 {
		t.Errorf("only %d commands of ipguard in the README", ran)
	}
}

func runReadmeCommand(t *testing.T, root, program string, args []string) {
	dir := t.TempDir()
	examples := filepath.Join(dir, "manifests-examples")
	if err := os.CopyFS(examples, os.DirFS(filepath.Join(root, "manifests-examples"))); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir) // "./ipguard" is called in a checkout
	if program == "ipguard" {
		t.Chdir(filepath.Join(examples, "incident"))
	}
	if args[0] == "init" { // it never overwrites
		if err := os.Remove("ipguard.yml"); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr strings.Builder
	code := cli.Main(context.Background(), args, cli.Streams{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr})
	if code != cli.ExitOK && code != cli.ExitFindings {
		t.Errorf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
}
