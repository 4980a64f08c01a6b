package serve_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/serve"
)

// clock is one that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// running is a server with the example plan, and what it takes to ask it.
type running struct {
	t     testing.TB
	url   string
	clock *clock
	store *accounts.Store
	// program is the server itself, and config what it was started with.
	program *serve.Server
	config  serve.Config
	link    string
	log     *lockedBuffer
	// described are the operations of the API's description.
	described *description
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
}

func start(t testing.TB) *running {
	t.Helper()
	return startWith(t, func(*serve.Config) {})
}

// startWith starts a server with the example plan and a changed configuration.
func startWith(t testing.TB, change func(*serve.Config)) *running {
	t.Helper()
	config, err := serve.Demo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	change(&config)
	r := &running{t: t, clock: &clock{now: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}, log: &lockedBuffer{}}
	log := slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := serve.New(context.Background(), serve.Options{Config: config, Log: log, Environ: []string{"UAA_SECRET=server secret"}, Now: r.clock.Now, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	database, err := serve.Open(context.Background(), config.Database.Value)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = database.Close() })
	r.program, r.config, r.url, r.link = s, config, server.URL, s.OneTimeLink(server.URL)
	r.store = &accounts.Store{Read: database.SQL(), Write: database.Write(), Now: r.clock.Now}
	r.described = readDescription(t, r.url)
	return r
}

// token makes one with scopes.
func (r *running) token(name string, scopes ...string) string {
	r.t.Helper()
	secret, err := r.store.Make(context.Background(), accounts.Token{Name: name, Scopes: scopes, Ends: r.clock.Now().Add(time.Hour), By: "test"})
	if err != nil {
		r.t.Fatal(err)
	}
	return secret
}

// answered is one answer of the server.
type answered struct {
	status int
	header http.Header
	body   string
}

func (a answered) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
}

// ask asks the API, and holds the answer against its description.
func (r *running) ask(token, method, path, body string, headers ...string) answered {
	r.t.Helper()
	a := r.raw(token, method, path, body, headers...)
	if problem := r.described.judge(method, before(path), a); problem != "" {
		r.t.Errorf("%s %s: %s", method, path, problem)
	}
	return a
}

func before(path string) string {
	path, _, _ = strings.Cut(path, "?")
	return path
}

func (r *running) raw(token, method, path, body string, headers ...string) answered {
	r.t.Helper()
	request, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return read(r.t, client, request)
}

func read(t testing.TB, client *http.Client, request *http.Request) answered {
	t.Helper()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{response.StatusCode, response.Header, string(text)}
}

// description is the API's own.
type description struct {
	paths map[string]map[string]struct {
		OperationID string `json:"operationId"`
		Responses   map[string]struct {
			Content map[string]struct{ Schema any }
		}
	}
	schemas  *jsonschema.Compiler
	patterns map[string]*regexp.Regexp
}

func readDescription(t testing.TB, base string) *description {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, base+"/api/v1/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	a := read(t, http.DefaultClient, request)
	var whole struct{ Paths json.RawMessage }
	a.into(t, &whole)
	d := &description{patterns: map[string]*regexp.Regexp{}, schemas: jsonschema.NewCompiler()}
	if err := json.Unmarshal(whole.Paths, &d.paths); err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.schemas.AddResource("https://test/openapi.json", document); err != nil {
		t.Fatal(err)
	}
	parameter := regexp.MustCompile(`\\\{[a-z]+\\\}`)
	for path := range d.paths {
		d.patterns[path] = regexp.MustCompile("^" + parameter.ReplaceAllString(regexp.QuoteMeta(path), "[^/]+") + "$")
	}
	return d
}

// judge says what of an answer the description does not promise; "" if nothing.
func (d *description) judge(method, path string, a answered) string {
	for pattern, match := range d.patterns {
		if !match.MatchString(path) {
			continue
		}
		operation, ok := d.paths[pattern][strings.ToLower(method)]
		if !ok {
			continue
		}
		response, ok := operation.Responses[strconv.Itoa(a.status)]
		if !ok {
			return fmt.Sprintf("status %d is not described: %s", a.status, a.body)
		}
		if a.body == "" {
			return ""
		}
		kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
		if _, ok := response.Content[kind]; !ok {
			return fmt.Sprintf("content %s of status %d is not described", kind, a.status)
		}
		pointer := strings.NewReplacer("~", "~0", "/", "~1")
		at := fmt.Sprintf("https://test/openapi.json#/paths/%s/%s/responses/%d/content/%s/schema",
			url.PathEscape(pointer.Replace(pattern)), strings.ToLower(method), a.status, url.PathEscape(pointer.Replace(kind)))
		schema, err := d.schemas.Compile(at)
		if err != nil {
			return err.Error()
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(a.body))
		if err != nil {
			return err.Error()
		}
		if err := schema.Validate(value); err != nil {
			return err.Error() + "\n" + a.body
		}
		return ""
	}
	return "no operation of the description has this path"
}

// TestDescriptionIsTrue goes through the life of an address, and more; ask holds each
// answer against the description.
func TestDescriptionIsTrue(t *testing.T) {
	t.Parallel()
	r := start(t)
	admin := r.token("admin", accounts.Admin)
	promo := r.token("promo", accounts.BookFor("promo"))
	if a := r.ask(promo, "GET", "/api/v1/me", ""); a.status != 200 || !strings.Contains(a.body, "token promo") {
		t.Errorf("me: %+v", a)
	}
	book := func(body string) answered { return r.ask(promo, "POST", "/api/v1/pools/promo/bookings", body) }
	var got struct {
		Bookings []struct{ Address, State, By string }
		New      int
	}
	first := book(`{"for": "promo/web/api", "why": "ticket 1"}`)
	first.into(t, &got)
	if first.status != 201 || got.New != 1 || got.Bookings[0].Address != "10.8.52.180" || got.Bookings[0].By != "token promo" {
		t.Fatalf("the first free address: %+v", first)
	}
	again := book(`{"for": "promo/web/api", "why": "ticket 1"}`)
	again.into(t, &got)
	if again.status != 200 || got.New != 0 || got.Bookings[0].Address != "10.8.52.180" {
		t.Errorf("asked again: %+v", again)
	}
	for body, want := range map[string]string{
		`{"for": "promo/web/db", "addresses": ["10.8.52.180"]}`: `"reason":"taken"`,
		`{"for": "promo/web/db", "addresses": ["10.8.52.191"]}`: `"reason":"in-use"`,
		`{"for": "promo/web/db", "addresses": ["10.9.0.1"]}`:    `"reason":"not-delegated"`,
		`{"for": "promo/web/db", "number": 13}`:                 `"reason":"quota"`,
	} {
		if a := book(body); a.status != 409 || !strings.Contains(a.body, want) {
			t.Errorf("%s: %+v, want 409 with %s", body, a, want)
		}
	}
	for _, body := range []string{`{"for": ""}`, `{"for": "a//b"}`, `{"for": "a/b/c", "number": 0}`, `{"for": "a/b/c", "addresses": ["x"]}`, `{}`, `{"for": "a/b/c", "more": 1}`,
		`{"FOR": "a/b/c"}`, `{"for": "a/b/c", "endless": true, "until": "2027-01-01T00:00:00Z"}`} {
		if a := book(body); a.status != 422 {
			t.Errorf("%s: %+v, want 422", body, a)
		}
	}
	for _, body := range []string{"{\"for\": \"lb/\xff\"}", `{"for": "lb/\ud800"}`, `{"for": "lb/u", "for": "lb/v"}`} {
		if a := book(body); a.status != 400 && a.status != 422 {
			t.Errorf("%q: %+v, want a refusal", body, a)
		}
	}
	if a := r.ask(promo, "GET", "/api/v1/bookings?limit=1", ""); !strings.Contains(a.body, "10.8.52.180") {
		t.Errorf("bookings: %+v", a)
	}
	for _, path := range []string{
		"/api/v1/pools", "/api/v1/pools/promo", "/api/v1/pools/none", "/api/v1/pools/promo/free?number=3&for=promo/x/y", "/api/v1/pools/promo/free?number=30&for=promo/x/y",
		"/api/v1/addresses/10.8.52.191", "/api/v1/addresses/x", "/api/v1/addresses/10.8.52.180/history", "/api/v1/conflicts", "/api/v1/directors", "/api/v1/pools/promo/records",
		"/api/v1/tokens", "/api/v1/sessions", "/api/v1/actions",
	} {
		r.ask(promo, "GET", path, "")
		if a := r.ask(admin, "GET", path, ""); a.status >= 500 {
			t.Errorf("%s: %+v", path, a)
		}
	}
	if a := r.ask(promo, "POST", "/api/v1/pools/promo/renew", `{"for": "promo/web/api", "until": "2027-01-01T00:00:00Z"}`); a.status != 200 || !strings.Contains(a.body, "2027-01-01") {
		t.Errorf("renew: %+v", a)
	}
	if a := r.ask(promo, "POST", "/api/v1/pools/promo/release", `{"addresses": ["10.8.52.180"]}`); a.status != 200 || !strings.Contains(a.body, "quarantined") {
		t.Errorf("release: %+v", a)
	}
	if a := r.ask(promo, "POST", "/api/v1/pools/promo/release", `{"addresses": ["10.8.52.185"]}`); a.status != 409 {
		t.Errorf("release of what nobody has: %+v", a)
	}
	var history struct {
		Pools []struct{ Events []struct{ What string } }
	}
	r.ask(promo, "GET", "/api/v1/addresses/10.8.52.180/history", "").into(t, &history)
	whats := ""
	for _, e := range history.Pools[0].Events {
		whats += e.What + " "
	}
	if whats != "booked renewed released " {
		t.Errorf("history: %s", whats)
	}
	made := r.ask(admin, "POST", "/api/v1/tokens", `{"name": "ci", "scopes": ["ipguard.read"], "ends": "2026-12-26T00:00:00Z"}`)
	var token struct{ Secret string }
	made.into(t, &token)
	if made.status != 201 || r.ask(token.Secret, "GET", "/api/v1/pools", "").status != 200 {
		t.Errorf("a new token: %+v", made)
	}
	if a := r.ask(admin, "DELETE", "/api/v1/tokens/ci", ""); a.status != 204 || r.ask(token.Secret, "GET", "/api/v1/pools", "").status != 401 {
		t.Errorf("a revoked token lets in: %+v", a)
	}
	if a := r.ask(admin, "GET", "/api/v1/actions", ""); !strings.Contains(a.body, "revoked a token") {
		t.Errorf("the trail has no revocation: %s", a.body)
	}
}

// TestRights asks every operation of the description as nobody, as who may read alone,
// and as another team.
func TestRights(t *testing.T) {
	t.Parallel()
	r := start(t)
	reader := r.token("reader", accounts.Read)
	stale := r.token("stale", accounts.Admin)
	r.clock.pass(2 * time.Hour)
	reader2 := r.token("reader2", accounts.Read)
	bodies := map[string]string{
		"book": `{"for": "promo/web/api"}`, "release": `{"for": "promo/web/api"}`, "renew": `{"for": "promo/web/api"}`,
		"make-token": `{"name": "x", "scopes": ["ipguard.admin"], "ends": "2026-11-27T00:00:00Z"}`, "push": "{}", "end-sessions": `{"actor": "joe"}`,
		"request": `{"for": "promo/web/api", "number": 13}`, "approve": "{}", "decline": "{}", "withdraw": "{}", "import": `{"pools": ["promo"]}`,
		"add-entries": `{"entries": [{"address": "10.8.52.185", "event": {"at": "2026-11-26T14:00:00Z", "what": "booked", "owner": "promo/web/api", "number": 0, "team": "promo"}}]}`,
	}
	operations := 0
	for path, list := range r.described.paths {
		real := strings.NewReplacer("{pool}", "promo", "{address}", "10.8.52.185", "{director}", "promo", "{name}", "reader2", "{id}", "1").Replace(path)
		if strings.HasSuffix(real, "/free") {
			real += "?for=promo/web/api"
		}
		for method, operation := range list {
			operations++
			headers := []string{"If-Match", `"0"`}
			for who, token := range map[string]string{"nobody": "", "an ended token": reader, "an ended administrator": stale, "a made-up token": "ipguard_aaaa", "alg=none": "eyJhbGciOiJub25lIn0.eyJzY29wZSI6ImlwZ3VhcmQuYWRtaW4ifQ."} {
				if a := r.ask(token, strings.ToUpper(method), real, bodies[operation.OperationID], headers...); a.status != 401 {
					t.Errorf("%s as %s: %d %s", operation.OperationID, who, a.status, a.body)
				}
			}
			a := r.ask(reader2, strings.ToUpper(method), real, bodies[operation.OperationID], headers...)
			mayRead := method == "get" && operation.OperationID != "list-tokens" && operation.OperationID != "list-sessions" && operation.OperationID != "list-actions"
			if mayRead && a.status >= 300 || !mayRead && a.status != 403 && a.status != 404 {
				t.Errorf("%s as who may read: %d %s", operation.OperationID, a.status, a.body)
			}
		}
	}
	if operations < 15 {
		t.Errorf("only %d operations were found", operations)
	}
	late := r.token("late", accounts.BookFor("other"), accounts.PushFor("other"))
	for _, body := range []string{`{"for": "promo/web/api"}`, `{"for": "promo/web/api", "team": "promo"}`} {
		if a := r.ask(late, "POST", "/api/v1/pools/promo/bookings", body); a.status != 403 {
			t.Errorf("another team takes of promo: %s: %+v", body, a)
		}
	}
	if a := r.ask(late, "POST", "/api/v1/pools/promo/bookings", `{"for": "promo/web/api", "team": "other"}`); a.status != 409 || !strings.Contains(a.body, "not-of-team") {
		t.Errorf("another team takes of promo in its own name: %+v", a)
	}
	if a := r.ask(late, "PUT", "/api/v1/directors/promo/snapshot", "{}"); a.status != 403 {
		t.Errorf("another director's push: %+v", a)
	}
}

// TestHostile is what attackers try.
func TestHostile(t *testing.T) {
	t.Parallel()
	r := start(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if a := r.raw("", "HEAD", strings.TrimPrefix(r.link, r.url), ""); a.status != 405 || a.header.Get("Set-Cookie") != "" {
		t.Errorf("who looks where the one-time link leads: %+v", a)
	}
	browser := &http.Client{Jar: jar}
	request, _ := http.NewRequest(http.MethodGet, r.link, nil)
	if a := read(t, browser, request); a.status != 200 || !strings.Contains(a.body, "<select name=\"pool\"") {
		t.Fatalf("the one-time link: %+v", a)
	}
	if a := r.raw("", "GET", strings.TrimPrefix(r.link, r.url), ""); a.status != 403 {
		t.Errorf("the one-time link works twice: %+v", a)
	}
	form := func(values url.Values, headers ...string) answered {
		t.Helper()
		request, _ := http.NewRequest(http.MethodPost, r.url+"/take", strings.NewReader(values.Encode()))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i+1 < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		return read(t, browser, request)
	}
	good := url.Values{"pool": {"promo"}, "for": {"promo/web/api"}, "number": {"1"}}
	if a := form(good); a.status != 200 || !strings.Contains(a.body, "10.8.52.180") {
		t.Fatalf("an address is taken: %+v", a)
	}
	t.Run("CSRF", func(t *testing.T) {
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example.com"}} {
			if a := form(good, header...); a.status != 403 {
				t.Errorf("%v: %+v", header, a)
			}
		}
	})
	t.Run("XSS", func(t *testing.T) {
		for _, field := range []string{"pool", "for", "number", "why"} {
			values := url.Values{"pool": {"promo"}, "for": {"promo/web/api"}, "number": {"1"}, "why": {"x"}}
			values.Set(field, `"><script>alert(1)</script>`)
			if a := form(values); strings.Contains(a.body, "<script>") {
				t.Errorf("%s: %s", field, a.body)
			}
		}
	})
	t.Run("another name", func(t *testing.T) {
		if a := r.raw("", "GET", "/", "", "Host", "evil.example.com"); a.status != http.StatusMisdirectedRequest {
			t.Errorf("got %+v", a)
		}
	})
	t.Run("paths", func(t *testing.T) {
		for _, path := range []string{"/pages/../web.go", "/pages/..%2fweb.go", "/pages/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "//evil.example.com", "/login/once/", "/login/once/x"} {
			a := r.raw("", "GET", path, "")
			if to := a.header.Get("Location"); a.status < 300 || strings.HasPrefix(to, "//") || strings.Contains(to, ":") {
				t.Errorf("%s: %d %s %s", path, a.status, a.header, a.body)
			}
		}
	})
	t.Run("large body", func(t *testing.T) {
		token := r.token("large", accounts.Admin)
		if a := r.ask(token, "POST", "/api/v1/tokens", `{"name": "`+strings.Repeat("x", 2<<20)+`"}`); a.status != 413 && a.status != 422 {
			t.Errorf("got %d", a.status)
		}
		if a := form(url.Values{"why": {strings.Repeat("x", 1<<20)}}); a.status != 400 {
			t.Errorf("form: %d", a.status)
		}
	})
	t.Run("log", func(t *testing.T) {
		r.raw("", "GET", "/a%0a%7b%22level%22:%22FORGED%22%7d", "")
		r.raw("ipguard_secretsecret", "GET", "/api/v1/pools?x=secretquery", "")
		text := r.log.text()
		secret := strings.TrimPrefix(r.link, r.url+"/login/once/")
		for _, no := range []string{"\n{\"level\":\"FORGED", "secretsecret", "secretquery", secret} {
			if strings.Contains(text, no) {
				t.Errorf("the log has %q", no)
			}
		}
		if !strings.Contains(text, "FORGED") {
			t.Error("the log does not have the request: this test tests nothing")
		}
	})
	t.Run("headers", func(t *testing.T) {
		a := r.raw("", "GET", "/", "")
		if p := a.header.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || strings.Contains(p, "unsafe") {
			t.Errorf("policy %q", p)
		}
	})
}

// TestConfig: what would let anybody in does not start.
func TestConfig(t *testing.T) {
	t.Parallel()
	text := func(s string) fleet.Text { return fleet.Text{Value: s} }
	for name, c := range map[string]struct {
		config serve.Config
		want   string
	}{
		"public without TLS":   {serve.Config{Listen: text("0.0.0.0:8720")}, "there is no TLS"},
		"all addresses":        {serve.Config{Listen: text(":8720")}, "there is no TLS"},
		"a name":               {serve.Config{Listen: text("localhost:8720")}, "there is no TLS"},
		"public without login": {serve.Config{Listen: text("[::]:8720"), TLS: serve.TLS{Certificate: text("c"), Key: text("k")}}, "there is no login"},
		"no port":              {serve.Config{Listen: text("127.0.0.1")}, "no address and port"},
		"URL":                  {serve.Config{URL: text("ftp://x")}, "no URL"},
	} {
		c.config.Database = text(filepath.Join(t.TempDir(), "x.db"))
		_, err := serve.New(t.Context(), serve.Options{Config: c.config, Log: slog.Default(), Now: time.Now})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
