//go:build !race

package serve_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/directordouble"
	"github.com/ipguard/ipguard/src/internal/serve"
	"github.com/ipguard/ipguard/src/internal/uaadouble"
)

// The tests here plant tokens in all that a server is given, and look for them, and for
// parts of them, in all that it prints, answers, sends and keeps.
//
// A secret of the configuration, its environment, a director's answer or a request's
// headers may be nowhere. What a body, a path or a query says may be in the answer to it,
// a path in the log as well, and what was booked where bookings are.
const token = "tok!S8cr3t"

// plantedPart is the part of every token that is looked for. The ids of requests have no 8,
// and digests no s: chance writes it in neither.
const plantedPart = "s8cr"

// planted is a server that all tokens were given to, and all that came out of it.
type planted struct {
	*team
	t         *testing.T
	log       lockedBuffer
	hook      hooked
	directors map[string]*directordouble.Director
	uaa       *uaadouble.UAA
	// secrets are what the server itself made, such as tokens of the API; nothing shows
	// them but the answer in which they were made.
	secrets []string
	// described are the API's operations by path.
	described map[string]map[string]any
}

// shows is the first token, or part of one, in a text; "" for none.
func (p *planted) shows(text string) string {
	lower := strings.ToLower(text)
	for _, part := range append([]string{plantedPart}, p.secrets...) {
		if at := strings.Index(lower, strings.ToLower(part)); at >= 0 {
			return text[max(0, at-150):min(len(text), at+60)]
		}
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(token))
	if at := strings.Index(text, encoded[:len(encoded)-4]); at >= 0 {
		return text[max(0, at-150):min(len(text), at+60)]
	}
	return ""
}

func (p *planted) look(where, text string) {
	p.t.Helper()
	if found := p.shows(text); found != "" {
		p.t.Errorf("%s shows %s", where, found)
	}
}

// plantedDirector is what a director says, with tokens wherever no name or address is.
func plantedDirector(n int, name, ip string) *directordouble.Director {
	d := live(n, name, ip)
	d.Users["ipguard"] = directordouble.User{Password: token + "1"}
	d.Configs[0].Content = strings.Replace(d.Configs[0].Content, "az: z1,", "az: z1, cloud_properties: {name: VLAN-52, password: '"+token+"2'}, ", 1) + " # " + token + "3"
	d.Deployments[0].Manifest = strings.Replace(d.Deployments[0].Manifest, "jobs: []", "jobs: [], properties: {pass: '"+token+"4', url: 'https://u:"+token+"5@h'}", 1) + " # " + token + "6"
	return d
}

func startPlanted(t *testing.T) *planted {
	t.Helper()
	p := &planted{t: t, directors: map[string]*directordouble.Director{}}
	authority, err := directordouble.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	plan := "# " + token + "10\ndirectors:\n"
	for i, name := range []string{"promo", "dr-west"} {
		d := plantedDirector(i, name, "10.8.52.191")
		server, err := authority.Start(d)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		p.directors[name] = d
		target := strings.Replace(server.URL, "://", "://u:"+token+"11@", 1)
		plan += fmt.Sprintf("- {name: %s, environment: {target: '%s', ca_cert: ca.pem, client: ipguard, client_secret_env: DIRECTORS}}\n", name, target)
	}
	plan += "segments: [{name: vlan-52, subnets: [{range: 10.8.52.0/24}]}]\npools:\n- {name: promo, team: promo, segment: vlan-52, addresses: [10.8.52.180 - 10.8.52.189]}\n"
	p.uaa = &uaadouble.UAA{
		Now: time.Now, Lasts: 24 * time.Hour, Browser: "alice",
		Users:   map[string]uaadouble.User{"alice": {ID: "1", Origin: "uaa", Scopes: []string{"ipguard.teams.promo.book"}}},
		Clients: map[string]uaadouble.Client{"web": {Secret: token + "12", Grants: []string{"authorization_code"}, Scopes: []string{"openid", "ipguard.read", "ipguard.teams.*.book"}}},
	}
	client := p.uaa.Clients["web"]
	client.Redirects = []string{"http://127.0.0.1:1/login/callback"}
	p.uaa.Clients["web"] = client
	p.uaa.Start()
	t.Cleanup(p.uaa.Close)
	receiver := httptest.NewServer(&p.hook)
	t.Cleanup(receiver.Close)
	p.hook.status = http.StatusInternalServerError
	folder := t.TempDir()
	configuration := `# ` + token + `13
listen: 127.0.0.1:0
url: http://127.0.0.1:1
login:
  tokens: true
  providers: [{issuer: "` + p.uaa.Issuer() + `", uaa: true, client: web, client_secret_env: UAA_SECRET, ca_cert: uaa.pem}]
webhooks:
- {name: ops, url: "` + strings.Replace(receiver.URL, "://", "://u:"+token+"14@", 1) + `/hooks/` + token + `15?key=` + token + `16", secret_env: HOOK}
- {name: away, url: "http://127.0.0.1:1/` + token + `17?key=` + token + `18", secret_env: HOOK}
collect: {every: 15m, timeout: 1m}
`
	for name, text := range map[string]string{"server.yml": configuration, "uaa.pem": p.uaa.CA()} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config, wrong := serve.LoadConfig(filepath.Join(folder, "server.yml"))
	if len(wrong) > 0 {
		t.Fatal(wrong[0])
	}
	c := newCompanyOf(t, plan, func(o *serve.Options) {
		config.Database, config.Fleet = o.Config.Database, o.Config.Fleet
		o.Config, o.Log = config, slog.New(slog.NewJSONHandler(&p.log, &slog.HandlerOptions{Level: slog.LevelDebug - 100}))
		o.Environ = []string{"DIRECTORS=" + token + "1", "UAA_SECRET=" + token + "12", "HOOK=" + token + "19 long enough", "PGPASSWORD=" + token + "20", "UNUSED=" + token + "21", "BOSH_CLIENT_SECRET=" + token + "22"}
		p.secrets = append(p.secrets, base64.StdEncoding.EncodeToString([]byte("ipguard:" + token + "1"))[:14])
	})
	c.write("server/ca.pem", string(authority.PEM))
	p.team = c.team("admin", accounts.Admin)
	p.secrets = append(p.secrets, p.token)
	var api struct{ Paths map[string]map[string]any }
	p.send(false, "GET", "/api/v1/openapi.json", "").into(t, &api)
	if p.described = api.Paths; len(p.described) < 15 {
		t.Fatalf("only %d paths", len(p.described))
	}
	return p
}

// send makes a request, and looks at the answer: at its head always, at its body unless
// it may say what it was told.
func (p *planted) send(told bool, method, path, body string, headers ...string) answered {
	p.t.Helper()
	request, err := http.NewRequest(method, p.server.URL+"/", strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if request.URL, err = url.Parse(p.server.URL + path); err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+p.token)
	if strings.HasPrefix(body, "{") {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	a := read(p.t, &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, request)
	if !told {
		p.look(fmt.Sprintf("%s %s, answered %d:", method, path, a.status), fmt.Sprint(a.header)+a.body)
	}
	return a
}

// everything looks at all pages, all answers of the API that change nothing, the
// metrics, the log, what webhooks were sent, and the database.
func (p *planted) everything(when string) {
	p.t.Helper()
	paths := []string{
		"/", "/pools", "/pools/promo", "/addresses/10.8.52.191", "/mine", "/conflicts", "/search?q=10.8.52.191", "/network", "/trail", "/network/drift", "/network/import",
		"/metrics", "/readyz", "/healthz", "/api/v1/openapi.json",
	}
	for pattern, operations := range p.described {
		if _, reads := operations["get"]; reads {
			paths = append(paths, strings.NewReplacer("{address}", "10.8.52.191", "{pool}", "promo", "{director}", "promo").Replace(pattern))
		}
	}
	for _, path := range paths {
		p.send(false, "GET", path, "")
	}
	p.look(when+": the log", p.log.text())
	p.hook.mu.Lock()
	p.look(when+": webhooks", strings.Join(p.hook.bodies, "\n"))
	p.hook.mu.Unlock()
	for _, name := range []string{"x.db", "x.db-wal"} {
		text, err := os.ReadFile(filepath.Join(p.folder, "server", name))
		if err != nil {
			p.t.Fatal(err)
		}
		p.look(when+": "+name, string(text))
	}
}

// TestPlantedServer has a server ask directors, tell webhooks, and be asked.
func TestPlantedServer(t *testing.T) {
	t.Parallel()
	p := startPlanted(t)
	if err := p.program.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	var list conflictList
	p.get(t, "/api/v1/conflicts", &list)
	if list.only("address-claimed-twice"); len(list.Conflicts) != 1 {
		t.Fatalf("the directors were not read: %+v", list)
	}
	for _, status := range []int{500, 302, 204} {
		p.hook.status = status
		p.clock.pass(time.Hour)
		if err := p.program.Tell(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if p.hook.count() == 0 {
		t.Error("no webhook was told")
	}
	p.everything("directors that answer")

	for _, fault := range []directordouble.Fault{
		{Status: 500, Body: token + "30"}, {Status: 401, Body: `{"description":"` + token + `31"}`}, {Status: 200, Body: `{"` + token + `32": `}, {Status: 200, Body: token + "33"}, {Status: 302, Body: token + "34"}, {Cut: true},
	} {
		for _, d := range p.directors {
			d.Fault = func(*http.Request) directordouble.Fault { return fault }
		}
		p.clock.pass(16 * time.Minute)
		if err := p.program.Collect(t.Context()); err != nil {
			t.Fatal(err)
		}
		var directors string
		p.get(t, "/api/v1/directors", &directors)
		p.look("directors", directors)
	}
	p.everything("directors that fail")
}

// TestPlantedRequests puts tokens into all parts of requests.
func TestPlantedRequests(t *testing.T) {
	t.Parallel()
	p := startPlanted(t)
	for _, header := range []string{
		"Authorization: Bearer " + token + "40", "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(token+":"+token)), "Authorization: " + token + "41", "Authorization: Bearer a." + token + ".c",
		"Cookie: ipguard=" + token + "42", "Cookie: " + token + "43=" + token, "Origin: https://" + token + "44", "Referer: http://127.0.0.1:1/?t=" + token + "45", "User-Agent: " + token + "46",
		"X-Forwarded-For: " + token + "47", "X-Forwarded-Host: " + token, "X-Request-Id: " + token + "48", "If-Match: \"" + token + "49\"", "If-None-Match: " + token, "Idempotency-Key: " + token + "50",
		// The type is of the body, and the answer says that it is none that the server takes.
		"Content-Type: " + token + "/x", "Accept: " + token, "Accept-Encoding: " + token, "Sec-Fetch-Site: " + token, "Range: " + token, "Content-Encoding: " + token,
	} {
		name, value, _ := strings.Cut(header, ": ")
		for _, ask := range [][3]string{{"GET", "/", ""}, {"GET", "/api/v1/pools", ""}, {"POST", "/api/v1/pools/promo/bookings", `{"for": "promo/web/api"}`}, {"PUT", "/api/v1/directors/promo/snapshot", `{}`}, {"POST", "/take", "pool=promo&for=promo/x"}, {"GET", "/none", ""}} {
			p.send(name == "Content-Type", ask[0], ask[1], ask[2], name, value)
		}
	}
	p.everything("headers with tokens")

	// What a request says itself, its answer may say; nothing else may.
	for _, body := range []string{
		`{"for": "` + token + `60"}`, `{"` + token + `61": 1}`, `{"for": "promo/web/api", "` + token + `62": ""}`, `{"for": "a/b/c", "addresses": ["` + token + `63"]}`, `{"for": "promo/web/api", "until": "` + token + `64"}`,
		`{"for": ` + token, token + "65", `{"for": {"` + token + `": 1}}`, `["` + token + `66"]`, `{"for": "promo/web/api", "number": "` + token + `67"}`,
	} {
		for _, path := range []string{"/api/v1/pools/promo/bookings", "/api/v1/pools/promo/renew", "/api/v1/pools/promo/release", "/api/v1/tokens", "/api/v1/requests"} {
			p.send(true, "POST", path, body)
		}
		p.send(true, "PUT", "/api/v1/directors/promo/snapshot", body)
		p.send(true, "POST", "/take", "pool=promo&for="+url.QueryEscape(body))
	}
	for _, query := range []string{"/?t=%s", "/network?q=%s", "/api/v1/pools?x=%s", "/api/v1/bookings?limit=%s", "/api/v1/pools/promo/free?for=%s", "/login?provider=%s", "/login?return=%s", "/login/callback?code=%s&state=%s", "/login/callback?error=%s&error_description=%s", "/metrics?%s", "/none?%s"} {
		p.send(true, "GET", strings.ReplaceAll(query, "%s", url.QueryEscape(token+"70")), "")
	}
	p.everything("bodies and queries with tokens")
}

// TestPlantedLinks: a one-time link and a session are secrets, however they are written.
func TestPlantedLinks(t *testing.T) {
	t.Parallel()
	p := startPlanted(t)
	link := p.program.OneTimeLink(p.server.URL)
	secret := link[strings.LastIndexByte(link, '/')+1:]
	if len(secret) < 20 {
		t.Fatalf("%q is no one-time link", link)
	}
	p.secrets = append(p.secrets, secret)
	for _, path := range []string{"//login/once/", "/login//once/", "/x/../login/once/", "/LOGIN/once/", "/login/Once/", "/login/once//", "/%6cogin/once/", "/api/v1/login/once/", "/login/once/x/"} {
		for _, method := range []string{"HEAD", "OPTIONS", "GET"} {
			if method == "GET" && strings.HasPrefix(path, "/%6c") {
				continue // that is the link, and uses it up
			}
			p.send(true, method, path+secret, "")
		}
	}
	p.everything("links in other writings")
	a := p.send(true, "GET", "/login/once/"+secret, "")
	cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	if a.status != http.StatusSeeOther || !strings.Contains(cookie, "=") {
		t.Fatalf("the link does not log in: %+v", a)
	}
	p.secrets = append(p.secrets, cookie[strings.IndexByte(cookie, '=')+1:])
	made := p.send(true, "POST", "/api/v1/tokens", `{"name": "ci", "scopes": ["ipguard.read"], "ends": "`+p.clock.Now().Add(time.Hour).Format(time.RFC3339)+`"}`)
	var ci struct{ Secret string }
	if made.into(t, &ci); made.status != http.StatusCreated || len(ci.Secret) < 20 {
		t.Fatalf("no token was made: %+v", made)
	}
	p.secrets = append(p.secrets, ci.Secret)
	p.everything("a session")
}

// TestPlantedLogin has a provider answer with tokens, and a person come back with some.
func TestPlantedLogin(t *testing.T) {
	t.Parallel()
	p := startPlanted(t)
	browser := p.browser()
	ask := func(path string) string {
		response, err := browser.Get(p.server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		p.look(path, string(body))
		return string(body)
	}
	ask("/login/callback?code=" + url.QueryEscape(token) + "&state=" + url.QueryEscape(token))
	ask("/login?return=/mine")
	if page := ask("/mine"); !strings.Contains(page, "alice") {
		t.Errorf("alice is not logged in: %.500s", page)
	}
	p.everything("a login")
}

// browser is one that trusts the provider, and takes the port of the configuration for the
// server's.
func (p *planted) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(p.uaa.CA()))
	return &http.Client{Jar: jar, Transport: redirected{&http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}, strings.TrimPrefix(p.server.URL, "http://")}}
}
