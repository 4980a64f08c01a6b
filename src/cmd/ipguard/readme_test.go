package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/cli"
	"github.com/ipguard/ipguard/src/internal/directordouble"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
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
	var environ []string
	if slices.Contains([]string{"book", "bookings", "renew", "release", "adopt", "history"}, args[0]) {
		t.Chdir(filepath.Join(examples, "delegated"))
		environ = commitAll(t)
	}
	if args[0] == "init" { // it never overwrites
		if err := os.Remove("ipguard.yml"); err != nil {
			t.Fatal(err)
		}
	}
	if args[0] == "collect" { // the directors of the examples do not exist
		environ = []string{"BOSH_CLIENT_SECRET=" + startDirector(t)}
	}
	var stdout, stderr strings.Builder
	code := cli.Main(context.Background(), args, cli.Streams{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Environ: environ})
	if code != cli.ExitOK && code != cli.ExitFindings {
		t.Errorf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
}

// commitAll makes the working directory a repository, and returns git's environment.
func commitAll(t *testing.T) (environ []string) {
	t.Helper()
	sharedtest.Programs(t, "git")
	environ = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=x", "GIT_AUTHOR_EMAIL=x@example.com", "GIT_COMMITTER_NAME=x", "GIT_COMMITTER_EMAIL=x@example.com")
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"commit", "-qm", "A fleet"}} {
		cmd := exec.Command("git", args...)
		cmd.Env = environ
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	return environ
}

// startDirector starts a director, puts it into a fleet file in the place of the
// one that is there, and returns the secret of its client.
func startDirector(t *testing.T) (secret string) {
	authority, err := directordouble.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	secret = "secret"
	server, err := authority.Start(&directordouble.Director{Name: "promo", Users: map[string]directordouble.User{"ipguard": {Password: secret}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	fleetFile := "directors: [{name: promo, snapshot: promo.json, environment: {target: '" + server.URL + "', ca_cert: ca.pem, client: ipguard}}]\n"
	for name, text := range map[string][]byte{"ca.pem": authority.PEM, "ipguard.yml": []byte(fleetFile)} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return secret
}
