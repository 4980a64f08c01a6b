package servecli_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/servecli"
)

func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	code = servecli.Run(ctx, servecli.Streams{Args: args, Stdout: &out, Stderr: &errs})
	return code, out.String(), errs.String()
}

// TestDemo is the newcomer's way: one command, the link that it prints, and a form.
// When it is told to end, it does, and forgets all.
func TestDemo(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	in, out := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- servecli.Run(ctx, servecli.Streams{Args: []string{"--demo", "--listen", "127.0.0.1:0"}, Stdout: out, Stderr: io.Discard})
		out.Close()
	}()
	link := ""
	for lines := bufio.NewScanner(in); link == "" && lines.Scan(); {
		if _, after, ok := strings.Cut(lines.Text(), "works once: "); ok {
			link = after
		}
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	page := get(t, browser.Get, link)
	if !strings.Contains(page, `<option value="promo">`) {
		t.Fatalf("the start page has no pool of the example plan: %s", page)
	}
	base, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	page = get(t, func(u string) (*http.Response, error) {
		return browser.PostForm(u, url.Values{"pool": {"promo"}, "for": {"promo/web/api"}, "number": {"2"}})
	}, base.Scheme+"://"+base.Host+"/take")
	if !strings.Contains(page, `data-copy="10.8.52.180, 10.8.52.181"`) {
		t.Errorf("no addresses are given: %s", page)
	}
	browser.CloseIdleConnections()
	stop()
	select {
	case got := <-code:
		if got != 0 {
			t.Errorf("exit code %d", got)
		}
	case <-time.After(20 * time.Second):
		t.Error("it does not end")
	}
}

func get(t *testing.T, do func(string) (*http.Response, error), u string) string {
	t.Helper()
	response, err := do(u)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v %s", u, response.StatusCode, err, text)
	}
	return string(text)
}

func TestUsage(t *testing.T) {
	folder := t.TempDir()
	config := filepath.Join(folder, "server.yml")
	write := func(text string) {
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		config, args, want string
		code               int
	}{
		{"", "serve", `unknown command "serve"`, 2},
		{"", "--lisen x", "unknown flag: --lisen", 2},
		{"lisen: 127.0.0.1:0\n", "--config " + config, "server.yml:1:1: unknown key `lisen`", 3},
		{"listen: 0.0.0.0:8720\n", "--config " + config, "server.yml:1:9: 0.0.0.0:8720 is reached by others, and there is no TLS", 3},
		{"tls: {certificate: x}\n", "--config " + config, "has no `key`", 3},
		{"", "--config " + folder + "/none.yml", "no such file", 3},
		{"", "token ci --scope all --database " + folder + "/x.db", `"all" is no scope`, 3},
		{"", "token ci --scope ipguard.read --life 2y --database " + folder + "/x.db", `--life takes a length of time`, 2},
		{"", "backup " + folder + "/b.db --database " + folder + "/none.db", "no such file", 3},
	} {
		write(c.config)
		code, _, stderr := run(t, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit code %d, %q; want %d, %q", c.args, code, stderr, c.code, c.want)
		}
	}
}

// TestBackup copies a database, which check then reads.
func TestBackup(t *testing.T) {
	folder := t.TempDir()
	from, to := filepath.Join(folder, "a.db"), filepath.Join(folder, "b.db")
	code, secret, stderr := run(t, "token", "ci", "--scope", "ipguard.read", "--database", from)
	if code != 0 || !strings.HasPrefix(secret, "ipguard_") {
		t.Fatalf("exit code %d, %q", code, stderr)
	}
	if code, out, stderr := run(t, "backup", to, "--database", from); code != 0 {
		t.Fatalf("exit code %d, %q %q", code, out, stderr)
	}
	if code, out, stderr := run(t, "check", "--database", to); code != 0 || !strings.Contains(out, "0 pools, 0 events") {
		t.Errorf("exit code %d, %q %q", code, out, stderr)
	}
	for _, command := range [][]string{{"check"}, {"backup", filepath.Join(folder, "c.db")}} {
		typo := filepath.Join(folder, "typo.db")
		if code, _, stderr := run(t, append(command, "--database", typo)...); code != 3 || !strings.Contains(stderr, "no such file") {
			t.Errorf("%s of a file that is not there: exit code %d, %q", command[0], code, stderr)
		}
		if _, err := os.Stat(typo); err == nil {
			t.Errorf("%s makes the database of which it tells", command[0])
		}
	}
	if code, _, stderr := run(t, "backup", to, "--database", from); code == 0 || !strings.Contains(stderr, "is there already") {
		t.Errorf("a backup over another one: exit code %d, %q", code, stderr)
	}
	for _, file := range []string{from, to} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(strings.TrimSpace(secret))) {
			t.Errorf("%s has the token itself", file)
		}
	}
}

// TestOwnerAlone: whatever the umask, nobody but its owner reads a file that has the plans
// of all teams, or the key that signs what clients show.
func TestOwnerAlone(t *testing.T) {
	folder := t.TempDir()
	script := `umask 0; cd "$1"; set -e
"$0" token ci --scope ipguard.admin --database a.db >token
"$0" backup b.db --database a.db
"$0" restore b.db --database a.db
"$0" restore --mark --database a.db
exec "$0" --database a.db --listen 127.0.0.1:0`
	cmd := exec.Command("sh", "-c", script, os.Args[0], folder)
	cmd.Env = append(os.Environ(), programEnv+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // its exit code is the kill's
	}()
	listens := false
	for lines := bufio.NewScanner(out); !listens && lines.Scan(); {
		listens = strings.Contains(lines.Text(), "listens on")
	}
	seen := map[string]bool{}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if seen[f.Name()] = true; f.Name() != "token" && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is for %s", f.Name(), info.Mode())
		}
	}
	if !listens || !seen["a.db"] || !seen["a.db-wal"] || !seen["a.db.mark"] || !seen["b.db"] || len(seen) < 6 {
		t.Errorf("the server listens: %v; files: %v", listens, seen)
	}
}

// TestNewDatabase: a database is made where there is none, and that is said, for its name
// may be mistyped.
func TestNewDatabase(t *testing.T) {
	database := filepath.Join(t.TempDir(), "typo.db")
	for _, is := range []string{"is made", ""} {
		code, secret, stderr := run(t, "token", "ci"+is, "--scope", "ipguard.read", "--database", database)
		if code != 0 || !strings.HasPrefix(secret, "ipguard_") || strings.Contains(stderr, "was not there and is made") != (is != "") {
			t.Errorf("%d %q, want %q", code, stderr, is)
		}
	}
}

// TestRestore puts a backup back, and wants the server fenced until somebody accepts.
func TestRestore(t *testing.T) {
	folder := t.TempDir()
	database, copied := filepath.Join(folder, "a.db"), filepath.Join(folder, "b.db")
	expect := func(code int, words []string, args ...string) {
		t.Helper()
		got, out, stderr := run(t, append(args, "--database", database)...)
		if got != code {
			t.Errorf("%v: exit code %d, want %d: %s %s", args, got, code, out, stderr)
		}
		for _, w := range words {
			if !strings.Contains(out+stderr, w) {
				t.Errorf("%v does not say %q: %s %s", args, w, out, stderr)
			}
		}
	}
	expect(3, []string{"no such file"}, "restore", "--accept")
	expect(0, nil, "token", "ci", "--scope", "ipguard.read")
	expect(3, []string{"nothing is fenced", "--mark"}, "restore", "--accept")
	expect(0, nil, "backup", copied)
	expect(2, []string{"one file, or --accept, or --mark"}, "restore")
	expect(2, []string{"one file, or --accept, or --mark"}, "restore", copied, "--accept")
	expect(2, []string{"--replay needs --accept"}, "restore", copied, "--replay", "x")
	expect(3, []string{"no such file"}, "restore", copied+"x")
	if err := os.WriteFile(copied+".bad", []byte("this is no database, however long it is"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(3, []string{"cannot be put back"}, "restore", copied+".bad")
	expect(0, []string{"all is as it was written"}, "check") // what cannot be put back changed nothing
	expect(0, []string{"a.db.before-", "count again, also those that were revoked since: ci", "all pools are fenced"}, "restore", copied)
	expect(3, []string{"all pools are fenced since", "restore --accept"}, "check")
	expect(3, []string{"no such file"}, "restore", "--accept", "--replay", folder+"/none.json")
	expect(3, []string{"is none of the files"}, "restore", "--accept", "--replay", copied)
	expect(0, []string{"all pools: lifted; serials go on from 1000001"}, "restore", "--accept")
	expect(0, []string{"all is as it was written"}, "check")
	expect(0, []string{"all pools are fenced"}, "restore", "--mark")
	expect(0, []string{"go on from 2000001"}, "restore", "--accept")
	database = "postgres://localhost/none"
	expect(2, []string{"pg_restore"}, "restore", copied)
}
