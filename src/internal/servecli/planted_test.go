package servecli_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/directordouble"
	"github.com/ipguard/ipguard/src/internal/servecli"
)

// A token that is planted in what a server is configured with, and the part of it that is
// looked for.
const (
	token       = "tok!S3cr3t"
	plantedPart = "s3cr"
)

// plantedConfiguration has values in the place of what is written in capitals.
const plantedConfiguration = `# TOKEN
listen: 127.0.0.1:0
url: URL
TLS
database: DATABASE
fleet: ipguard.yml
login:
  tokens: true
  providers: [{issuer: "ISSUER", uaa: true, client: web, client_secret_env: LOGIN_ENV, ca_cert: CA}]
webhooks:
- {name: ops, url: "HOOK", secret_env: HOOK_ENV, ca_cert: "HOOKCA"}
collect: {every: EVERY, timeout: 1m}
MORE
`

// places are the values of the configuration in which somebody may have written a secret,
// each as it is right, and as it must not be told.
var places = []struct {
	name, right string
	secret      []string
}{
	{"TOKEN", "x", nil},
	{"URL", "http://127.0.0.1:1", []string{"http://u:%s@127.0.0.1:1", "http://127.0.0.1:1/?t=%s", "http://127.0.0.1:%s", "http://127.0.0.1:1/%s"}},
	{"DATABASE", "x.db", []string{
		"postgres://u:%s@127.0.0.1:1/x", "postgres://u:%s@127.0.0.1:x/x", "postgres://u@127.0.0.1:1/x?password=%s", "postgresql://u@127.0.0.1:1/x?sslmode=%s",
		"postgres://u:%s@127.0.0.1:1/x?sslmode=none", "postgres://127.0.0.1:1/x?sslpassword=%s&sslkey=none", "postgres://u:%%zz%s@127.0.0.1:1/x", "postgres://u:%s@/x?host=/none",
	}},
	{"TLS", "", []string{
		"tls: {certificate: '-----BEGIN CERTIFICATE-----%s', key: good.pem}", "tls: {certificate: good.pem, key: '-----BEGIN PRIVATE KEY-----%s'}", "tls: {certificate: good.pem, key: bad.pem}",
		"tls: {certificate: good.pem, key: \"-----BEGIN PRIVATE KEY-----\\n%s\\n\"}",
	}},
	{"ISSUER", "https://127.0.0.1:1/oauth/token", []string{"https://u:%s@127.0.0.1:1/oauth/token", "https://127.0.0.1:%s/oauth/token", "https://127.0.0.1:1/oauth/token?client_secret=%s", "http://u:%s@127.0.0.1:1"}},
	{"LOGIN_ENV", "LOGIN", []string{"%s", "t0k_S3cr3t", "{%s: 1}", "[%s]"}},
	{"CA", "good.pem", []string{"'-----BEGIN PRIVATE KEY-----%s'", "bad.pem"}},
	{"HOOK", "https://127.0.0.1:1/x", []string{
		"https://u:%s@127.0.0.1:1/x", "https://127.0.0.1:1/%s", "https://127.0.0.1:1/?t=%s", "https://127.0.0.1:%s/", "http://hooks.example.com/%s", "%s", "https://127.0.0.1:1/#%s", "ftp://h/%s", "https://%%zz%s", "https:///%s",
	}},
	{"HOOK_ENV", "HOOKS", []string{"%s", "t0k_S3cr3t", "{%s: 1}", "[%s]"}},
	{"HOOKCA", "good.pem", []string{"-----BEGIN PRIVATE KEY-----%s", "bad.pem"}},
	{"EVERY", "15m", nil},
	{"MORE", "", []string{"client_secret: %s", "webhooks: %s", "'%s", "\t%s: {", "{%s", "login: {client_secret: %s}", "password: [%s]"}},
}

// ended keeps what is written, and calls end when the server listens.
type ended struct {
	mu   sync.Mutex
	text bytes.Buffer
	end  func()
}

func (e *ended) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.text.Write(p)
	if strings.Contains(e.text.String(), "listens on") {
		e.end()
	}
	return len(p), nil
}

// plantedRun runs ipguard-server, which ends as soon as it listens, and returns all that
// it printed.
func plantedRun(t *testing.T, environ []string, args ...string) (code int, printed string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out := &ended{end: cancel}
	code = servecli.Run(ctx, servecli.Streams{Args: args, Stdout: out, Stderr: out, Environ: environ})
	return code, out.text.String()
}

// TestPlantedConfiguration writes a secret where people write one by mistake, or must
// write one, and starts every command.
func TestPlantedConfiguration(t *testing.T) {
	authority, err := directordouble.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, text := range map[string]string{"ipguard.yml": "directors: [{name: promo}]\n", "good.pem": string(authority.PEM), "bad.pem": "-----BEGIN " + token} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environ := []string{"LOGIN=" + token + "1", "HOOKS=" + token + "2 long enough", "PGPASSWORD=" + token + "3", "PGSSLPASSWORD=" + token + "4", "UNUSED=" + token + "5"}
	config := filepath.Join(folder, "server.yml")
	codes := map[int]int{}
	try := func(what string, texts map[string]string, environ []string) {
		t.Helper()
		text := plantedConfiguration
		for _, p := range places {
			value, given := texts[p.name]
			if !given {
				value = p.right
			}
			text = strings.Replace(text, p.name, value, 1)
		}
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{}, {"check"}, {"backup", filepath.Join(folder, "new.db")}, {"restore", "--mark"}, {"restore", filepath.Join(folder, "new.db")}} {
			if len(args) > 0 && texts["DATABASE"] == "" && what != "as it should be" {
				continue // these read no more of it than the database
			}
			code, printed := plantedRun(t, environ, append([]string{"--config", config}, args...)...)
			codes[code]++
			if at := strings.Index(strings.ToLower(printed), plantedPart); at >= 0 {
				t.Errorf("%s: ipguard-server %q (exit %d) shows %s", what, args, code, printed[max(0, at-200):min(len(printed), at+60)])
			}
		}
	}
	right := map[string]string{"TOKEN": token}
	try("as it should be", right, environ)
	if codes[0] == 0 {
		t.Error("the right configuration does not start")
	}
	for _, p := range places {
		for _, form := range p.secret {
			texts := map[string]string{}
			texts[p.name] = form
			if strings.Contains(form, "%s") {
				texts[p.name] = fmt.Sprintf(form, token)
			}
			try(p.name+" is "+texts[p.name], texts, environ)
		}
	}
	for _, broken := range []string{"LOGIN=", "HOOKS=S3cr", "HOOKS=whsec_%%%" + token} {
		try(broken, right, append([]string{broken}, environ...))
	}
	if codes[3] < 20 {
		t.Errorf("exit codes %v: most of these cannot start", codes)
	}
}
