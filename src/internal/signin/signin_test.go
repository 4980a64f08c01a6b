package signin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/protocol"
	"github.com/ipguard/ipguard/src/internal/uaadouble"
)

type world struct {
	t        *testing.T
	ports    []int
	uaa      *uaadouble.UAA
	provider *Provider
	browser  *http.Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	redirects := []string{"http://" + free.Addr().String() + callback}
	ports := []int{busy.Addr().(*net.TCPAddr).Port, free.Addr().(*net.TCPAddr).Port}
	_ = free.Close()
	scopes := []string{"openid", "ipguard.read", "ipguard.teams.*.book"}
	w := &world{t: t, ports: ports, uaa: &uaadouble.UAA{
		Now: time.Now, Browser: "alice",
		Users: map[string]uaadouble.User{"alice": {ID: "1", Origin: "uaa", Scopes: []string{"ipguard.teams.promo.book"}}},
		Clients: map[string]uaadouble.Client{
			"ipguard_cli": {Grants: []string{"authorization_code", "refresh_token", "password"}, Scopes: scopes, Redirects: redirects},
			"public":      {Public: true, Grants: []string{"authorization_code", "refresh_token"}, Scopes: scopes, Redirects: redirects},
			"ci":          {Secret: "s&:/ é", Grants: []string{"client_credentials"}, Authorities: []string{"ipguard.directors.promo.push"}},
		},
	}}
	w.uaa.Start()
	t.Cleanup(w.uaa.Close)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(w.uaa.CA()))
	w.browser = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	w.provider = w.discover("ipguard_cli")
	return w
}

func (w *world) discover(client string) *Provider {
	w.t.Helper()
	ca := filepath.Join(w.t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte(w.uaa.CA()), 0o600); err != nil {
		w.t.Fatal(err)
	}
	h, err := HTTP(ca)
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := Discover(context.Background(), h, protocol.Login{Issuer: w.uaa.Issuer(), Client: client, UAA: true})
	if err != nil {
		w.t.Fatal(err)
	}
	p.ports = w.ports
	return p
}

// follow is a person who opens the URL; change may change where the browser comes back.
func (w *world) follow(change func(*url.URL)) func(string) {
	return func(to string) {
		go func() {
			b := *w.browser
			b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
				if change != nil && r.URL.Path == callback {
					change(r.URL)
				}
				return nil
			}
			if answer, err := b.Get(to); err == nil {
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
			}
		}()
	}
}

func TestBrowser(t *testing.T) {
	w := newWorld(t)
	for _, client := range []string{"ipguard_cli", "public"} {
		token, err := w.discover(client).Browser(context.Background(), w.follow(nil))
		if err != nil || token.Access == "" || token.Refresh == "" || token.Ends.IsZero() {
			t.Fatalf("%s: %+v, %v", client, token, err)
		}
		again, err := w.discover(client).Refresh(context.Background(), token.Refresh)
		if err != nil || again.Access == "" || again.Access == token.Access || again.Refresh == "" {
			t.Fatalf("%s: refreshed: %+v, %v", client, again, err)
		}
	}
}

func TestBrowserOfAnotherLogin(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		change func(*url.URL)
		why    string
	}{
		"another state":  {func(u *url.URL) { set(u, "state", "x") }, "did not come back"},
		"no state":       {func(u *url.URL) { set(u, "state", "") }, "did not come back"},
		"another path":   {func(u *url.URL) { u.Path = "/callback/x" }, "did not come back"},
		"another code":   {func(u *url.URL) { set(u, "code", "code-99") }, "invalid_grant"},
		"another issuer": {func(u *url.URL) { set(u, "iss", "https://evil.example.com") }, "another provider"},
		"hostile error":  {func(u *url.URL) { set(u, "error", "a\nb") }, "no reason given"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
			if c.why != "did not come back" {
				ctx, cancel = context.WithTimeout(context.Background(), 20*time.Second)
			}
			defer cancel()
			token, err := w.provider.Browser(ctx, w.follow(c.change))
			if token != nil || err == nil || !strings.Contains(err.Error(), c.why) {
				t.Errorf("got %+v, %v; want %q", token, err, c.why)
			}
		})
	}
}

func set(u *url.URL, name, value string) {
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
}

func TestPersonGivesUp(t *testing.T) {
	w := newWorld(t)
	w.uaa.Browser = ""
	_, err := w.provider.Browser(context.Background(), w.follow(nil))
	if refused := (*RefusedError)(nil); !errors.As(err, &refused) || !strings.Contains(err.Error(), "access_denied") {
		t.Errorf("got %v", err)
	}
}

func TestPasscode(t *testing.T) {
	w := newWorld(t)
	answer, err := w.browser.Get(w.provider.PasscodeURL())
	if err != nil {
		t.Fatal(err)
	}
	code, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", answer.StatusCode, err)
	}
	if token, err := w.provider.Passcode(context.Background(), string(code)); err != nil || token.Access == "" || token.Refresh == "" {
		t.Fatalf("got %+v, %v", token, err)
	}
	if _, err := w.provider.Passcode(context.Background(), string(code)); err == nil || strings.Contains(err.Error(), string(code)) {
		t.Errorf("a second time: %v", err)
	}
}

func TestClientCredentials(t *testing.T) {
	w := newWorld(t)
	if token, err := w.provider.Client(context.Background(), "ci", "s&:/ é"); err != nil || token.Access == "" {
		t.Fatalf("got %+v, %v", token, err)
	}
	if _, err := w.provider.Client(context.Background(), "ci", "wrong-secret"); err == nil || strings.Contains(err.Error(), "wrong-secret") {
		t.Errorf("a wrong secret: %v", err)
	}
}

func TestRefreshThatWasRevoked(t *testing.T) {
	w := newWorld(t)
	token, err := w.provider.Browser(context.Background(), w.follow(nil))
	if err != nil {
		t.Fatal(err)
	}
	w.uaa.Revoke()
	_, err = w.provider.Refresh(context.Background(), token.Refresh)
	if refused := (*RefusedError)(nil); !errors.As(err, &refused) || strings.Contains(err.Error(), token.Refresh) {
		t.Errorf("got %v", err)
	}
}

func TestProviderThatIsWrong(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"another issuer": func(d map[string]any) { d["issuer"] = "https://evil.example.com" },
		"no TLS":         func(d map[string]any) { d["token_endpoint"] = "http://127.0.0.1/token" },
		"script":         func(d map[string]any) { d["authorization_endpoint"] = "javascript:alert(1)" },
	} {
		w := newWorld(t)
		w.uaa.Describe = change
		if _, err := Discover(context.Background(), w.provider.http, w.provider.login); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	w := newWorld(t)
	if _, err := Discover(context.Background(), w.provider.http, protocol.Login{Issuer: "http://uaa.example.com"}); err == nil {
		t.Error("http is taken")
	}
	w.uaa.Fault = func(*http.Request) uaadouble.Fault { return uaadouble.Fault{Status: 503, Body: "secret text"} }
	if _, err := w.provider.Refresh(context.Background(), "x"); err == nil || strings.Contains(err.Error(), "secret text") || errors.As(err, new(*RefusedError)) {
		t.Errorf("out of order: %v", err)
	}
}

func TestNoPortIsFree(t *testing.T) {
	w := newWorld(t)
	w.provider.ports = w.ports[:1]
	if _, err := w.provider.Browser(context.Background(), w.follow(nil)); err == nil || !strings.Contains(err.Error(), "use a passcode") {
		t.Errorf("got %v", err)
	}
}
