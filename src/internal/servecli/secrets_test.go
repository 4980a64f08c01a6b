package servecli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecretInConfiguration puts a secret where its name or its path belongs, and wherever
// else somebody might write one: the server does not start, and nothing that it says has
// the secret, for that goes to a journal.
func TestSecretInConfiguration(t *testing.T) {
	const secret = "abcdefgh0123456789TOPSECRET"
	folder := t.TempDir()
	config := filepath.Join(folder, "server.yml")
	for name, text := range map[string]string{
		"webhook's secret":             "webhooks: [{name: a, url: 'http://127.0.0.1:1', secret_env: " + secret + "}]",
		"webhook's secret, no name":    "webhooks: [{name: a, url: 'http://127.0.0.1:1', secret_env: whsec_" + secret + "==}]",
		"webhook's URL":                "webhooks: [{name: a, url: 'http://hooks.example.com/" + secret + "', secret_env: HOME}]",
		"webhook's URL without scheme": "webhooks: [{name: a, url: 'hooks.example.com/" + secret + "', secret_env: HOME}]",
		"client's secret":              "login: {providers: [{issuer: 'https://127.0.0.1:1', client: x, client_secret_env: " + secret + "}]}\nurl: http://127.0.0.1",
		"issuer's password":            "login: {providers: [{issuer: 'https://x:" + secret + "@127.0.0.1:1/', ca_cert: none}]}",
		"URL's password":               "url: 'https://x:" + secret + "@127.0.0.1'",
		"key":                          "tls: {certificate: server.yml, key: '" + secret + "'}",
		"key as PEM":                   "tls: {certificate: server.yml, key: \"-----BEGIN PRIVATE KEY-----\\n" + secret + "\\n-----END PRIVATE KEY-----\"}",
		"certificate with its key":     "tls: {certificate: \"-----BEGIN PRIVATE KEY-----\\n" + secret + "\\n-----END PRIVATE KEY-----\", key: x}",
		"database's password":          "database: 'postgres://x:" + secret + "@127.0.0.1:1/x'",
		"database's password, no port": "database: 'postgres://x:" + secret + "@127.0.0.1:port/x'",
		"database's scheme":            "database: 'postgress://x:" + secret + "@127.0.0.1/x'",
		"database's slashes":           "database: 'postgres:/x:" + secret + "@127.0.0.1/x'",
		"another database":             "database: 'mysql://x:" + secret + "@127.0.0.1/x'",
	} {
		if err := os.WriteFile(config, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		all := [][]string{{"--config", config, "--database", filepath.Join(folder, "x.db")}}
		if database, ok := strings.CutPrefix(text, "database: "); ok {
			all = append([][]string{{"--config", config}}, []string{"--database", strings.Trim(database, "'")}, []string{"check", "--config", config}, []string{"backup", "x", "--database", strings.Trim(database, "'")},
				[]string{"token", "x", "--scope", "ipguard.read", "--config", config}, []string{"restore", "--mark", "--database", strings.Trim(database, "'")}, []string{"restore", config, "--database", strings.Trim(database, "'")})
		}
		for _, args := range all {
			code, stdout, stderr := run(t, args...)
			if code < 2 || strings.Contains(stdout+stderr, secret) || stderr == "" {
				t.Errorf("%s: %s ends with %d:\n%s%s", name, args[0], code, stdout, stderr)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(folder, "*"+secret+"*"))
	if err != nil || len(files) > 0 {
		t.Errorf("%v are made, %v", files, err)
	}
}
