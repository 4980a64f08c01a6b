package serve_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/serve"
	"github.com/ipguard/ipguard/src/internal/uaadouble"
)

// withUAA is a server whose people log in at a UAA.
type withUAA struct {
	*running
	uaa *uaadouble.UAA
}

func startWithUAA(t *testing.T) *withUAA {
	t.Helper()
	w := &withUAA{uaa: &uaadouble.UAA{
		// The clock of startWith, which moves only by hand.
		Now:     func() time.Time { return time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC) },
		Lasts:   24 * time.Hour,
		Browser: "alice",
		Users: map[string]uaadouble.User{
			"alice": {ID: "1", Origin: "uaa", Scopes: []string{"ipguard.teams.promo.book"}},
			"guest": {ID: "2", Origin: "uaa"},
		},
		Clients: map[string]uaadouble.Client{
			"ci":  {Secret: "x", Grants: []string{"client_credentials"}, Authorities: []string{"ipguard.directors.promo.push"}},
			"web": {Secret: "server secret", Grants: []string{"authorization_code"}, Scopes: []string{"openid", "ipguard.read", "ipguard.teams.*.book"}},
		},
	}}
	w.uaa.Start()
	t.Cleanup(w.uaa.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte(w.uaa.CA()), 0o600); err != nil {
		t.Fatal(err)
	}
	text := func(s string) fleet.Text { return fleet.Text{Value: s} }
	w.running = startWith(t, func(c *serve.Config) {
		c.URL = text("http://127.0.0.1:1") // told below: the port is not known yet
		c.Login.Providers = []serve.Provider{{
			Issuer: text(w.uaa.Issuer()), UAA: true, Client: text("web"), ClientSecretEnv: fleet.VariableName{Text: text("UAA_SECRET")}, CACert: text(ca),
		}}
	})
	client := w.uaa.Clients["web"]
	client.Redirects = []string{"http://127.0.0.1:1/login/callback"}
	w.uaa.Clients["web"] = client
	return w
}

// browser is one that trusts the UAA, and takes the port of the configuration for the
// server's.
func (w *withUAA) browser() *http.Client {
	w.t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(w.uaa.CA()))
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &http.Client{Jar: jar, Transport: redirected{&http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}, strings.TrimPrefix(w.url, "http://")}}
}

type redirected struct {
	next http.RoundTripper
	host string
}

func (r redirected) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.URL.Host == "127.0.0.1:1" {
		q = q.Clone(q.Context())
		q.URL.Host, q.Host = r.host, r.host
	}
	return r.next.RoundTrip(q)
}

func (w *withUAA) get(browser *http.Client, path string) answered {
	w.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, w.url+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return read(w.t, browser, request)
}

func TestPersonLogsInAtUAA(t *testing.T) {
	t.Parallel()
	w := startWithUAA(t)
	browser := w.browser()
	if a := w.get(browser, "/mine"); a.status != 401 || !strings.Contains(a.body, `href="/login?provider=&amp;return=%2fmine"`) {
		t.Fatalf("who is not logged in: %+v", a)
	}
	if a := w.get(browser, "/login?return=%2Fmine"); a.status != 200 || !strings.Contains(a.body, "You have booked nothing") || !strings.Contains(a.body, "<span>alice</span>") {
		t.Fatalf("after the login: %+v", a)
	}
	if a := w.get(browser, "/api/v1/me"); !strings.Contains(a.body, `"name":"alice"`) || !strings.Contains(a.body, "ipguard.teams.promo.book") {
		t.Errorf("me: %+v", a)
	}
	t.Run("session ends", func(t *testing.T) {
		w.clock.pass(time.Hour + 59*time.Minute)
		if a := w.get(browser, "/mine"); a.status != 200 {
			t.Errorf("119 minutes after the last request: %d", a.status)
		}
		w.clock.pass(2*time.Hour + time.Second)
		if a := w.get(browser, "/mine"); a.status != 401 {
			t.Errorf("two hours after the last request: %+v", a)
		}
	})
}

func TestNoOpenRedirect(t *testing.T) {
	t.Parallel()
	w := startWithUAA(t)
	for _, to := range []string{"https://evil.example.com/", "//evil.example.com", "/\\evil.example.com", "/%09/evil.example.com", "javascript:alert(1)"} {
		browser := w.browser()
		visited := []string{}
		browser.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			visited = append(visited, r.URL.Host)
			return nil
		}
		a := w.get(browser, "/login?return="+url.QueryEscape(to))
		for _, host := range visited {
			if !strings.HasPrefix(host, "127.0.0.1:") {
				t.Errorf("%s leads to %s", to, host)
			}
		}
		if a.status >= 500 || len(visited) < 3 {
			t.Errorf("%s: %d after %q", to, a.status, visited)
		}
	}
}

func TestReplayedCallback(t *testing.T) {
	t.Parallel()
	w := startWithUAA(t)
	browser := w.browser()
	var callback *url.URL
	browser.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/login/callback" {
			callback = r.URL
		}
		return nil
	}
	if a := w.get(browser, "/login"); a.status != 200 || callback == nil {
		t.Fatalf("%+v", a)
	}
	for name, b := range map[string]*http.Client{"the same browser": browser, "another browser": w.browser()} {
		if a := w.get(b, callback.RequestURI()); a.status != 403 || !strings.Contains(a.body, "did not begin this login") {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if a := w.get(browser, "/mine"); a.status != 200 {
		t.Errorf("a replay ends the session: %+v", a)
	}
}

// TestSessionIsNotFixed: what an attacker put into the browser before is worth nothing
// after the login.
func TestSessionIsNotFixed(t *testing.T) {
	t.Parallel()
	w := startWithUAA(t)
	browser := w.browser()
	base, _ := url.Parse(w.url)
	stopped := *browser
	stopped.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	w.get(&stopped, "/login")
	before := browser.Jar.Cookies(base)
	if len(before) != 1 {
		t.Fatalf("cookies %v", before)
	}
	if a := w.get(browser, "/login"); a.status != 200 {
		t.Fatalf("%+v", a)
	}
	fixed := w.browser()
	fixed.Jar.SetCookies(base, before)
	if a := w.get(fixed, "/mine"); a.status != 401 {
		t.Errorf("the session of before is logged in: %d", a.status)
	}
}

func TestSomebodyWithoutRights(t *testing.T) {
	t.Parallel()
	w := startWithUAA(t)
	w.uaa.Browser = "guest"
	browser := w.browser()
	if a := w.get(browser, "/login"); a.status != 403 && !strings.Contains(a.body, "no rights") {
		t.Errorf("%+v", a)
	}
	if a := w.get(browser, "/mine"); a.status != 401 {
		t.Errorf("%+v", a)
	}
}

func TestTokensOfUAA(t *testing.T) {
	t.Parallel()
	w := startWithUAA(t)
	now := w.clock.Now()
	claims := func(change map[string]any) string {
		c := map[string]any{
			"iss": w.uaa.Issuer(), "aud": []string{"ci", "ipguard.directors.promo"}, "sub": "ci", "client_id": "ci", "grant_type": "client_credentials",
			"scope": []string{"ipguard.directors.promo.push"}, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		}
		for name, value := range change {
			c[name] = value
		}
		return w.uaa.Sign(c, nil)
	}
	if a := w.ask(claims(nil), "GET", "/api/v1/me", ""); a.status != 200 || !strings.Contains(a.body, `"client ci"`) {
		t.Fatalf("%+v", a)
	}
	for name, token := range map[string]string{
		"stale":          claims(map[string]any{"exp": now.Add(-time.Hour).Unix()}),
		"foreign issuer": claims(map[string]any{"iss": "https://evil.example.com/oauth/token"}),
		"wrong audience": claims(map[string]any{"aud": "bosh"}),
		"alg none":       "eyJhbGciOiJub25lIn0." + strings.Split(claims(nil), ".")[1] + ".",
		"changed":        claims(nil) + "x",
	} {
		if a := w.ask(token, "GET", "/api/v1/pools", ""); a.status != 401 {
			t.Errorf("%s: %+v", name, a)
		}
	}
	// No scope of ours is no right.
	if a := w.ask(claims(map[string]any{"scope": []string{"bosh.admin", "openid", "ipguard.everything"}}), "GET", "/api/v1/pools", ""); a.status != 403 {
		t.Errorf("without rights: %+v", a)
	}
	if strings.Contains(w.log.text(), strings.Split(claims(nil), ".")[1][:20]) {
		t.Error("the log has a token")
	}
}

func TestTokensWhileUAAIsDown(t *testing.T) {
	t.Parallel()
	w := startWithUAA(t)
	token := w.uaa.Sign(map[string]any{"iss": w.uaa.Issuer(), "aud": "ipguard", "exp": w.clock.Now().Add(time.Hour).Unix(), "sub": "x"}, nil)
	own := w.token("own", accounts.Read)
	w.uaa.Close()
	if a := w.raw(token, "GET", "/api/v1/pools", ""); a.status != 503 {
		t.Errorf("a token of the UAA: %+v", a)
	}
	if a := w.raw(own, "GET", "/api/v1/pools", ""); a.status != 200 {
		t.Errorf("the server's own: %+v", a)
	}
	if a := w.get(w.browser(), "/login"); a.status != 503 {
		t.Errorf("a browser: %+v", a)
	}
}

func TestLoginConfig(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "server.yml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`url: https://ipguard.example.com
login:
  providers:
  - issuer: https://uaa.example.com:8443/oauth/token
    uaa: true
    client: ipguard
    client_secret_env: UAA_SECRET
    ca_cert: uaa.pem
    leeway: 2m
    map: {netops: [ipguard.admin]}
`)
	c, errs := serve.LoadConfig(file)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	p := c.Login.Providers[0]
	if p.CACert.Value != filepath.Join(folder, "uaa.pem") || p.Leeway.Length != 2*time.Minute || p.Map["netops"][0].Value != "ipguard.admin" {
		t.Errorf("read: %+v", p)
	}
	write("login:\n  providers:\n  - isuer: https://uaa.example.com\n")
	if _, errs := serve.LoadConfig(file); len(errs) == 0 || !strings.Contains(errs[0].Error(), "server.yml:3") {
		t.Errorf("a word that is wrong: %v", errs)
	}
	for name, change := range map[string]func(*serve.Provider){
		"a secret that is not set": func(p *serve.Provider) { p.ClientSecretEnv.Value = "NOT_SET" },
		"a scope that is none":     func(p *serve.Provider) { p.Map = map[string][]fleet.Text{"x": {{Value: "ipguard.all"}}} },
		"http":                     func(p *serve.Provider) { p.Issuer.Value = "http://uaa.example.com" },
		"a file that is missing":   func(p *serve.Provider) { p.CACert.Value = filepath.Join(folder, "none") },
	} {
		p := serve.Provider{Issuer: fleet.Text{Value: "https://uaa.example.com"}, UAA: true}
		change(&p)
		config := serve.Config{Database: fleet.Text{Value: filepath.Join(folder, "x.db")}, Login: serve.Login{Providers: []serve.Provider{p}}}
		if s, err := serve.New(t.Context(), serve.Options{Config: config, Log: slog.New(slog.DiscardHandler), Now: time.Now}); err == nil {
			_ = s.Close()
			t.Errorf("%s: it starts", name)
		}
	}
}
