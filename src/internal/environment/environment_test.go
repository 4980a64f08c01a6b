package environment

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	boshuaa "github.com/cloudfoundry/bosh-cli/v7/uaa"
)

const config = `
environments:
- url: https://10.0.0.6:25555
  alias: promo
  ca_cert: certificate of the file
  username: admin
  password: secret of the file
- url: 10.0.0.7
  alias: user
  access_token_type: bearer
  access_token: token
  refresh_token: refresh
`

func load(t *testing.T, text string) *Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAccess holds what is used against what bosh would use: the fleet file
// first, then the environment variables, then the configuration file.
func TestAccess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("certificate of a path"), 0o600); err != nil {
		t.Fatal(err)
	}
	fromFile := Access{URL: "https://10.0.0.6:25555", CACert: "certificate of the file", Client: "admin", Secret: "secret of the file"}
	changed := func(change func(a *Access)) Access {
		a := fromFile
		change(&a)
		return a
	}
	for name, c := range map[string]struct {
		wanted Wanted
		env    map[string]string
		want   Access
		err    string
	}{
		"by alias": {Wanted{Target: "promo"}, nil, fromFile, ""},
		"by URL":   {Wanted{Target: "https://10.0.0.6:25555"}, nil, fromFile, ""},
		"logged in": {Wanted{Target: "user"}, nil,
			Access{URL: "10.0.0.7", TokenType: "bearer", Token: "token", RefreshToken: "refresh"}, ""},
		"unknown": {Wanted{Target: "10.0.0.8"}, nil, Access{}, "no client is given, and nobody has logged in"},
		"variables": {Wanted{Target: "promo"},
			map[string]string{"BOSH_CLIENT": "c", "BOSH_CLIENT_SECRET": "s", "BOSH_CA_CERT": "BEGIN CERTIFICATE", "BOSH_ALL_PROXY": "socks5://p"},
			changed(func(a *Access) { a.Client, a.Secret, a.CACert, a.Proxy = "c", "s", "BEGIN CERTIFICATE", "socks5://p" }), ""},
		"certificate by path": {Wanted{Target: "promo"}, map[string]string{"BOSH_CA_CERT": file},
			changed(func(a *Access) { a.CACert = "certificate of a path" }), ""},
		"fleet file": {Wanted{Target: "promo", CACert: file, Client: "f", SecretVariable: "F_SECRET", Proxy: "socks5://f"},
			map[string]string{"F_SECRET": "fs", "BOSH_CLIENT": "c", "BOSH_CLIENT_SECRET": "s", "BOSH_CA_CERT": "BEGIN", "BOSH_ALL_PROXY": "socks5://p"},
			changed(func(a *Access) {
				a.Client, a.Secret, a.CACert, a.Proxy = "f", "fs", "certificate of a path", "socks5://f"
			}), ""},
		"client of the file": {Wanted{Target: "promo", Client: "admin"}, nil, fromFile, ""},
		"client of the file, other secret": {Wanted{Target: "promo", Client: "admin"}, map[string]string{"BOSH_CLIENT_SECRET": "s"},
			changed(func(a *Access) { a.Secret = "s" }), ""},
		"no secret":            {Wanted{Target: "promo", Client: "f"}, nil, Access{}, "the secret of client f is missing: BOSH_CLIENT_SECRET is not set"},
		"variable without one": {Wanted{Target: "promo", Client: "admin", SecretVariable: "X"}, nil, Access{}, "the secret of client admin is missing: the variable that client_secret_env names is not set"},
		"no certificate":       {Wanted{Target: "promo", CACert: "/nowhere/ca.pem"}, nil, Access{}, "the certificate /nowhere/ca.pem cannot be read: no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := load(t, config).Access(c.wanted, func(name string) string { return c.env[name] })
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if text := errorText(err); text != c.err {
				t.Errorf("error %q, want %q", text, c.err)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestAddress recognises a director under all of its names.
func TestAddress(t *testing.T) {
	c := load(t, config)
	for target, want := range map[string]string{
		"promo": "10.0.0.6:25555", "https://10.0.0.6:25555": "10.0.0.6:25555", "10.0.0.6": "10.0.0.6:25555", "https://10.0.0.6": "10.0.0.6:25555",
		"user": "10.0.0.7:25555", "BOSH.example.com": "bosh.example.com:25555", "https://bosh.example.com:8443/": "bosh.example.com:8443",
	} {
		if got, err := c.Address(target); err != nil || got != want {
			t.Errorf("%s: got %s and error %v, want %s", target, got, err, want)
		}
	}
	if _, err := c.Address(""); err == nil {
		t.Error("nothing has an address")
	}
}

// TestBrokenConfig does not quote the file.
func TestBrokenConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte("environments: s3cr3t"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	if err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("got %v", err)
	}
	if c, err := Load(filepath.Join(t.TempDir(), "none")); err != nil || c.URL("x") != "x" {
		t.Errorf("a missing file: %v", err)
	}
}

// TestTokensOfTwo keeps what another process wrote into the file.
func TestTokensOfTwo(t *testing.T) {
	c := load(t, config)
	if err := os.WriteFile(c.path, []byte(config+"- {url: new, alias: new}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.UpdateConfigWithToken("10.0.0.7", boshuaa.NewRefreshableAccessToken("bearer", "fresh", "refresh2")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(c.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"access_token: fresh", "refresh_token: refresh2", "alias: new", "password: secret of the file"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func TestResolveKey(t *testing.T) {
	resolve := func(path string) (string, error) { return "/fleet/" + path, nil }
	for proxy, want := range map[string]string{
		"":                "",
		"socks5://h:1080": "socks5://h:1080",
		"ssh+socks5://u@h:22?private-key=jump.key": "ssh+socks5://u@h:22?private-key=%2Ffleet%2Fjump.key",
		"ssh+socks5://u@h:22":                      "ssh+socks5://u@h:22",
		"ssh+socks5://[":                           "ssh+socks5://[",
	} {
		if got, err := ResolveKey(proxy, resolve); err != nil || got != want {
			t.Errorf("%s: got %s and error %v, want %s", proxy, got, err, want)
		}
	}
}
