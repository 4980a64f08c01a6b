package serve_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/cli"
	"github.com/ipguard/ipguard/src/internal/serve"
	"github.com/ipguard/ipguard/src/internal/uaadouble"
)

// desk is somebody's machine, with the command line and a browser.
type desk struct {
	*withUAA
	home string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{withUAA: startWithUAA(t), home: t.TempDir()}
	d.uaa.Clients["ipguard_cli"] = uaadouble.Client{
		Grants: []string{"authorization_code", "refresh_token", "password"}, Scopes: []string{"openid", "ipguard.read", "ipguard.teams.*.book"},
		Redirects: []string{"http://127.0.0.1:8721/callback", "http://127.0.0.1:8722/callback", "http://127.0.0.1:8723/callback"},
	}
	if err := os.WriteFile(d.ca(), []byte(d.uaa.CA()), 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) ca() string   { return filepath.Join(d.home, "ca.pem") }
func (d *desk) kept() string { return filepath.Join(d.home, ".config", "ipguard", "tokens.json") }

// ipguard runs a command line.
func (d *desk) ipguard(stdin string, stderr io.Writer, environ []string, args ...string) (code int, stdout string) {
	d.t.Helper()
	var out bytes.Buffer
	code = cli.Main(d.t.Context(), args, cli.Streams{
		Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: stderr, Environ: append([]string{"HOME=" + d.home}, environ...), Now: d.clock.Now,
	})
	return code, out.String()
}

// person opens the URL that is written to it.
type person struct {
	d    *desk
	text bytes.Buffer
}

func (p *person) Write(text []byte) (int, error) {
	p.text.Write(text)
	for line := range strings.Lines(string(text)) {
		if to := strings.TrimSpace(line); strings.HasPrefix(to, p.d.uaa.URL()+"/oauth/authorize") {
			go func() {
				if answer, err := p.d.browser().Get(to); err == nil {
					answer.Body.Close()
				}
			}()
		}
	}
	return len(text), nil
}

func TestDeskLogsInWithABrowser(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := &person{d: d}
	code, out := d.ipguard("", p, nil, "login", d.url, "--ca-cert", d.ca())
	if code != 0 || !strings.Contains(out, "knows you as alice, with ipguard.teams.promo.book") {
		t.Fatalf("exit %d: %s%s", code, out, p.text.String())
	}
	info, err := os.Stat(d.kept())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token is kept in %v (%v)", info, err)
	}
	fleet := d.fleetFile()
	if code, out := d.ipguard("", p, nil, "book", "promo", "--for", "promo/web/api", "--fleet", fleet); code != 0 || !strings.Contains(out, "10.8.52.180") {
		t.Errorf("book: exit %d: %s%s", code, out, p.text.String())
	}
	t.Run("refresh", func(t *testing.T) {
		before, _ := os.ReadFile(d.kept())
		changed := bytes.Replace(before, []byte(`"ends":"20`), []byte(`"ends":"19`), 1)
		if bytes.Equal(before, changed) {
			t.Fatalf("no end is kept: %s", before)
		}
		if err := os.WriteFile(d.kept(), changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out := d.ipguard("", p, nil, "bookings", "--fleet", fleet); code != 0 || !strings.Contains(out, "10.8.52.180") {
			t.Errorf("exit %d: %s%s", code, out, p.text.String())
		}
		if after, _ := os.ReadFile(d.kept()); bytes.Equal(after, changed) || !bytes.Contains(after, []byte(`"refresh"`)) {
			t.Errorf("no new token is kept")
		}
		d.uaa.Revoke()
		if err := os.WriteFile(d.kept(), changed, 0o600); err != nil {
			t.Fatal(err)
		}
		p.text.Reset()
		if code, _ := d.ipguard("", p, nil, "bookings", "--fleet", fleet); code != 3 || !strings.Contains(p.text.String(), "ipguard login "+d.url) {
			t.Errorf("revoked: exit %d: %s", code, p.text.String())
		}
	})
	if code, out := d.ipguard("", p, nil, "logout", d.url); code != 0 || !strings.Contains(out, "is forgotten") {
		t.Errorf("logout: exit %d: %s", code, out)
	}
	if text, _ := os.ReadFile(d.kept()); string(text) != "{}" {
		t.Errorf("after the logout: %d bytes are kept", len(text))
	}
}

// fleetFile is a team's own, which knows its director and the server.
func (d *desk) fleetFile() string {
	d.t.Helper()
	config, err := serve.Demo(d.home)
	if err != nil {
		d.t.Fatal(err)
	}
	text := "server: {url: " + d.url + ", ca_cert: " + d.ca() + "}\ndirectors:\n- name: promo\n  cloud_configs: [promo/cloud-config.yml]\n  deployments: [promo/pgpool.yml]\n"
	if err := os.WriteFile(config.Fleet.Value, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return config.Fleet.Value
}

func TestDeskLogsInWithAPasscode(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	answer, err := d.browser().Get(d.uaa.URL() + "/passcode")
	if err != nil {
		t.Fatal(err)
	}
	passcode, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	var said bytes.Buffer
	if code, out := d.ipguard(string(passcode)+"\n", &said, nil, "login", d.url, "--passcode", "--ca-cert", d.ca()); code != 0 || !strings.Contains(out, "knows you as alice") {
		t.Fatalf("exit %d: %s%s", code, out, said.String())
	}
	if !strings.Contains(said.String(), d.uaa.URL()+"/passcode") {
		t.Errorf("it says %s", said.String())
	}
	if code, _ := d.ipguard(string(passcode)+"\n", &said, nil, "login", d.url, "--passcode", "--ca-cert", d.ca()); code != 3 {
		t.Errorf("a passcode works twice: exit %d", code)
	}
}

// TestPipelineNeedsNoLogin: the environment has a client of the provider.
func TestPipelineNeedsNoLogin(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.uaa.Clients["ci"] = uaadouble.Client{Secret: "s3cret", Grants: []string{"client_credentials"}, Authorities: []string{"ipguard.teams.promo.book"}}
	fleet := d.fleetFile()
	var said bytes.Buffer
	server := "IPGUARD_SERVER=" + d.url
	environ := []string{"IPGUARD_CLIENT=ci", "IPGUARD_CLIENT_SECRET=s3cret\n", server}
	if code, out := d.ipguard("", &said, environ, "book", "promo", "--for", "promo/web/api", "--fleet", fleet); code != 0 || !strings.Contains(out, "10.8.52.180") {
		t.Errorf("exit %d: %s%s", code, out, said.String())
	}
	for name, environ := range map[string][]string{
		"no secret":        {"IPGUARD_CLIENT=ci", server},
		"wrong secret":     {"IPGUARD_CLIENT=ci", "IPGUARD_CLIENT_SECRET=wrong-one", server},
		"for no server":    {"IPGUARD_CLIENT=ci", "IPGUARD_CLIENT_SECRET=s3cret"},
		"another server's": {"IPGUARD_CLIENT=ci", "IPGUARD_CLIENT_SECRET=s3cret", "IPGUARD_SERVER=https://ipguard.example.com"},
		"another issuer's": {"IPGUARD_CLIENT=ci", "IPGUARD_CLIENT_SECRET=s3cret", server, "IPGUARD_ISSUER=https://login.example.com"},
		"nothing":          nil,
	} {
		said.Reset()
		if code, out := d.ipguard("", &said, environ, "book", "promo", "--for", "promo/web/db", "--fleet", fleet); code < 2 || strings.Contains(said.String()+out, "wrong-one") {
			t.Errorf("%s: exit %d: %s%s", name, code, out, said.String())
		}
	}
	if _, err := os.Stat(d.kept()); err == nil {
		t.Error("a pipeline's token is kept")
	}
}
