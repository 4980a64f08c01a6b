package serve_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/serve"
)

// session writes one of somebody, of which no browser has the cookie.
func (r *running) session(actor string) {
	r.t.Helper()
	content, err := scs.GobCodec{}.Encode(time.Now().Add(time.Hour), map[string]any{accounts.SessionActor: actor, accounts.SessionThrough: "link", accounts.SessionSince: r.clock.Now().UnixMicro()})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := (accounts.Sessions{Store: r.store}).Commit("digest of "+actor, content, time.Now().Add(time.Hour)); err != nil {
		r.t.Fatal(err)
	}
}

// TestSessionsEndWithWhatMadeThem changes each key of a provider that decides who somebody is
// and what they may, by SIGHUP and by a restart, seen by a request meanwhile and not, and puts
// it back: the session is ended. Other keys end none.
func TestSessionsEndWithWhatMadeThem(t *testing.T) {
	t.Parallel()
	w := startWithUAA(t)
	text := func(s string) fleet.Text { return fleet.Text{Value: s} }
	changes := []struct {
		key    string
		change func(p *serve.Provider)
	}{
		{"name", func(p *serve.Provider) { p.Name = text("corp") }},
		{"map", func(p *serve.Provider) { p.Map = map[string][]fleet.Text{"x": {text("ipguard.read")}} }},
		{"claim", func(p *serve.Provider) { p.Claim = []fleet.Text{text("groups")} }},
		{"name_claim", func(p *serve.Provider) { p.NameClaim = text("sub") }},
		{"client", func(p *serve.Provider) { p.Client = text("other") }},
		{"audience", func(p *serve.Provider) { p.Audience = text("other") }},
		{"scopes", func(p *serve.Provider) { p.Scopes = []fleet.Text{text("ipguard.read")} }},
		{"rights_in_id_token", func(p *serve.Provider) { p.RightsInIDToken = true }},
	}
	with := func(change func(p *serve.Provider)) serve.Config {
		c := w.config
		c.Login.Providers = []serve.Provider{w.config.Login.Providers[0]}
		change(&c.Login.Providers[0])
		return c
	}
	for n, c := range changes {
		browser := w.browser()
		if a := w.get(browser, "/login?return=%2Fmine"); a.status != 200 {
			t.Fatalf("%s: %+v", c.key, a)
		}
		if n%3 == 0 { // a restart, and nobody looks meanwhile
			s, err := serve.New(t.Context(), serve.Options{Config: with(c.change), Log: slog.New(slog.DiscardHandler), Environ: []string{"UAA_SECRET=server secret"}, Now: w.clock.Now})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		} else {
			w.program.Reload(with(c.change))
		}
		if n%3 == 2 {
			if a := w.get(browser, "/mine"); a.status != 401 {
				t.Errorf("%s is another one, and who came in by the one before is inside: %d", c.key, a.status)
			}
		}
		w.program.Reload(w.config)
		if a := w.get(browser, "/mine"); a.status != 401 {
			t.Errorf("%s is as it was, and the session counts again: %d", c.key, a.status)
		}
	}
	browser := w.browser()
	w.get(browser, "/login?return=%2Fmine")
	w.program.Reload(with(func(p *serve.Provider) {
		p.Leeway.Length, p.CLIClient = 2*time.Minute, text("another")
	}))
	w.program.Reload(w.config)
	if a := w.get(browser, "/mine"); a.status != 200 {
		t.Errorf("what decides nothing ends sessions: %d", a.status)
	}
}

// TestAdministratorEndsSessions: whose sessions are ended is nobody with the next request, and
// nobody else is touched.
func TestAdministratorEndsSessions(t *testing.T) {
	t.Parallel()
	w := startWithUAA(t)
	admin := w.token("admin", accounts.Admin)
	browsers := []*http.Client{w.browser(), w.browser()}
	for _, b := range browsers {
		w.get(b, "/login?return=%2Fmine")
	}
	w.session("bob")
	if a := w.ask(admin, "GET", "/api/v1/sessions", ""); !strings.Contains(a.body, `{"actor":"alice","number":2,"since":"2026-11-26T12:00:00Z"`) || !strings.Contains(a.body, `"bob"`) {
		t.Fatalf("%+v", a)
	}
	if a := w.ask(admin, "POST", "/api/v1/sessions/end", `{"actor": "alice"}`); a.status != 200 || !strings.Contains(a.body, `"ended":2`) {
		t.Errorf("%+v", a)
	}
	for _, b := range browsers {
		if a := w.get(b, "/mine"); a.status != 401 {
			t.Errorf("a session that was ended is inside: %d", a.status)
		}
	}
	if a := w.ask(admin, "POST", "/api/v1/sessions/end", `{"actor": "alice"}`); a.status != 404 {
		t.Errorf("a second time: %+v", a)
	}
	if a := w.ask(admin, "GET", "/api/v1/sessions", ""); strings.Contains(a.body, "alice") || !strings.Contains(a.body, `"bob"`) {
		t.Errorf("%+v", a)
	}
	if a := w.ask(admin, "GET", "/api/v1/actions", ""); !strings.Contains(a.body, `"actor":"token admin","what":"ended sessions","about":"alice"`) {
		t.Errorf("the trail: %s", a.body)
	}
	if a := w.get(browsers[0], "/login?return=%2Fmine"); a.status != 200 {
		t.Errorf("who may log in may do so again: %d", a.status)
	}
}
