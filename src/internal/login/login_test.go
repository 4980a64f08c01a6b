package login

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/ipguard/ipguard/src/internal/uaadouble"
)

// clock is one that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// world is a UAA, and a server that trusts it.
type world struct {
	t         *testing.T
	uaa       *uaadouble.UAA
	clock     *clock
	providers Providers
}

const redirect = "https://ipguard.example.com/login/callback"

// keysOnce are for all doubles: making one takes a while.
var keysOnce = sync.OnceValue(func() []*rsa.PrivateKey {
	var list []*rsa.PrivateKey
	for range 3 {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		list = append(list, key)
	}
	return list
})

func newUAA(t *testing.T, c *clock) *uaadouble.UAA {
	u := &uaadouble.UAA{
		Now: c.now, Keys: slices.Clone(keysOnce()),
		Clients: map[string]uaadouble.Client{
			"ipguard": {
				Secret: "server secret", Grants: []string{"authorization_code", "refresh_token"}, Redirects: []string{redirect},
				Scopes: []string{"openid", "ipguard.read", "ipguard.admin", "ipguard.teams.*.book"},
			},
			"pipeline": {Secret: "s3cret", Grants: []string{"client_credentials"}, Authorities: []string{"ipguard.directors.dr-west.push"}},
			"other":    {Secret: "other", Grants: []string{"client_credentials"}, Authorities: []string{"bosh.admin"}},
		},
		Users: map[string]uaadouble.User{
			"alice": {ID: "0a1b", Origin: "uaa", Scopes: []string{"ipguard.read", "ipguard.teams.promo.book", "bosh.admin"}},
			"admin": {ID: "77", Origin: "ldap", Scopes: []string{"ipguard.admin"}},
			"guest": {ID: "88", Origin: "uaa"},
		},
		Browser: "alice",
	}
	u.Start()
	t.Cleanup(u.Close)
	return u
}

func config(u *uaadouble.UAA) Config {
	return Config{
		Issuer: u.Issuer(), ClientID: "ipguard", ClientSecret: "server secret", Audience: "ipguard", UAA: true,
		Redirect: redirect, CA: u.CA(), Leeway: time.Minute,
	}
}

func isScope(text string) bool {
	return strings.HasPrefix(text, "ipguard.")
}

func newWorld(t *testing.T, change func(*Config)) *world {
	w := &world{t: t, clock: &clock{time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)}}
	w.uaa = newUAA(t, w.clock)
	c := config(w.uaa)
	if change != nil {
		change(&c)
	}
	var err error
	if w.providers, err = New([]Config{c}, Environment{Now: w.clock.now, IsScope: isScope}); err != nil {
		t.Fatal(err)
	}
	return w
}

// begin begins a login and lets the browser go to the provider.
func (w *world) begin() (*Attempt, url.Values) {
	w.t.Helper()
	to, attempt, err := w.providers[0].Begin(context.Background(), "/pools/a?x=1")
	if err != nil {
		w.t.Fatal(err)
	}
	return attempt, w.browse(to)
}

// browse is what a browser brings back from a URL of the provider.
func (w *world) browse(to string) url.Values {
	w.t.Helper()
	client := client(w.t, w.uaa)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := client.Get(to)
	if err != nil {
		w.t.Fatal(err)
	}
	answer.Body.Close()
	back, err := answer.Location()
	if err != nil || !strings.HasPrefix(back.String(), redirect+"?") {
		w.t.Fatalf("the browser is sent to %v (%v), status %d", back, err, answer.StatusCode)
	}
	return back.Query()
}

func client(t *testing.T, u *uaadouble.UAA) *http.Client {
	t.Helper()
	block, _ := pem.Decode([]byte(u.CA()))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
}

func (w *world) finish(a *Attempt, query url.Values) (*Identity, error) {
	return w.providers[0].Finish(context.Background(), a, query)
}

// token is an access token that a client gets by itself.
func (w *world) token(name, secret string) string {
	w.t.Helper()
	request, err := http.NewRequest(http.MethodPost, w.uaa.URL()+"/oauth/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		w.t.Fatal(err)
	}
	request.SetBasicAuth(name, secret)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := client(w.t, w.uaa).Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	var body struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil || body.Token == "" {
		w.t.Fatalf("no token: %v, status %d", err, answer.StatusCode)
	}
	return body.Token
}

// claims are those of a good token, changed.
func (w *world) claims(change map[string]any) map[string]any {
	now := w.clock.now()
	c := map[string]any{
		"iss": w.uaa.Issuer(), "aud": []string{"pipeline", "ipguard.directors.x"}, "sub": "pipeline", "client_id": "pipeline", "cid": "pipeline", "azp": "pipeline",
		"grant_type": "client_credentials", "scope": []string{"ipguard.read"}, "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "jti": "x",
	}
	for name, value := range change {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

func (w *world) bearer(raw string) (*Identity, error) {
	return w.providers.Bearer(context.Background(), raw)
}

// settles waits until a good token counts. For a moment, the library gives the answer
// that came to whoever asks next.
func (w *world) settles(when string) {
	w.t.Helper()
	for try := 0; ; try++ {
		w.clock.at = w.clock.at.Add(again)
		_, err := w.bearer(w.uaa.Sign(w.claims(nil), nil))
		if err == nil {
			return
		}
		if try == 100 {
			w.t.Fatalf("%s: %v", when, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *world) refuses(raw, why string) {
	w.t.Helper()
	id, err := w.bearer(raw)
	mustRefuse(w.t, id, err, why)
}

func mustRefuse(t *testing.T, id *Identity, err error, why string) {
	t.Helper()
	refused := (*RefusedError)(nil)
	if id != nil || !errors.As(err, &refused) || !strings.Contains(err.Error(), why) {
		t.Errorf("got %+v, %v; want a refusal with %q", id, err, why)
	}
}

func mustBe(t *testing.T, id *Identity, err error, name string, scopes ...string) {
	t.Helper()
	if err != nil || id.Name != name || !slices.Equal(id.Scopes, scopes) {
		t.Errorf("got %+v, %v; want %s with %q", id, err, name, scopes)
	}
}

func TestBrowserLogsIn(t *testing.T) {
	w := newWorld(t, nil)
	attempt, query := w.begin()
	id, err := w.finish(attempt, query)
	mustBe(t, id, err, "alice", "ipguard.read", "ipguard.teams.promo.book")
	if attempt.Return != "/pools/a?x=1" || id.Subject != "0a1b" || !id.Ends.Equal(w.clock.at.Add(10*time.Minute)) {
		t.Errorf("got %+v after %+v", id, attempt)
	}
}

func TestPeopleOfAnotherOriginHaveAnotherName(t *testing.T) {
	w := newWorld(t, nil)
	w.uaa.Browser = "admin"
	attempt, query := w.begin()
	id, err := w.finish(attempt, query)
	mustBe(t, id, err, "ldap/admin", "ipguard.admin")
}

func TestClientOfAPipeline(t *testing.T) {
	w := newWorld(t, nil)
	id, err := w.bearer(w.token("pipeline", "s3cret"))
	mustBe(t, id, err, "client pipeline", "ipguard.directors.dr-west.push")
}

func TestSomebodyWithoutRights(t *testing.T) {
	w := newWorld(t, nil)
	w.uaa.Browser = "guest"
	attempt, query := w.begin()
	id, err := w.finish(attempt, query)
	mustBe(t, id, err, "guest")
}

func TestWrongAudience(t *testing.T) {
	w := newWorld(t, nil)
	w.refuses(w.token("other", "other"), "not for")
	for _, audience := range []any{nil, "", []string{}, "ipguardx", "ipguardx.y", []string{"bosh"}, "IPGUARD"} {
		w.refuses(w.uaa.Sign(w.claims(map[string]any{"aud": audience}), nil), "not for")
	}
	// Names of claims count to the letter.
	w.refuses(w.uaa.Sign(w.claims(map[string]any{"aud": "bosh", "Aud": "ipguard", "AUD": []string{"ipguard"}}), nil), "not for")
	id, err := w.bearer(w.uaa.Sign(w.claims(nil), nil))
	mustBe(t, id, err, "client pipeline", "ipguard.read")
}

func TestAudienceHasPartsAtUAAAlone(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.UAA, c.Audience = false, "api" })
	w.refuses(w.uaa.Sign(w.claims(map[string]any{"aud": "api.other"}), nil), "not for")
	id, err := w.bearer(w.uaa.Sign(w.claims(map[string]any{"aud": "api"}), nil))
	mustBe(t, id, err, "client pipeline", "ipguard.read")
}

func TestWrongIssuer(t *testing.T) {
	w := newWorld(t, nil)
	for _, issuer := range []any{nil, "", w.uaa.URL(), w.uaa.Issuer() + "/", "https://evil.example.com/oauth/token"} {
		w.refuses(w.uaa.Sign(w.claims(map[string]any{"iss": issuer}), nil), "not trusted")
	}
	w.refuses(w.uaa.Sign(w.claims(map[string]any{"iss": 7}), nil), "none")
}

// TestIssuerKeyAndAudienceFitTogether: of two providers that are trusted, each has its own.
func TestIssuerKeyAndAudienceFitTogether(t *testing.T) {
	w := newWorld(t, nil)
	other := newUAA(t, w.clock)
	other.Rotate()
	other.Withdraw()
	second := config(other)
	second.Name, second.Audience = "second", "second"
	providers, err := New([]Config{config(w.uaa), second}, Environment{Now: w.clock.now, IsScope: isScope})
	if err != nil {
		t.Fatal(err)
	}
	// The first one's key, the second one's issuer.
	id, err := providers.Bearer(context.Background(), w.uaa.Sign(w.claims(map[string]any{"iss": other.Issuer(), "aud": "second"}), nil))
	mustRefuse(t, id, err, "signed")
	// The second one's key and issuer, the first one's audience.
	id, err = providers.Bearer(context.Background(), other.Sign(w.claims(map[string]any{"iss": other.Issuer(), "aud": "ipguard"}), nil))
	mustRefuse(t, id, err, "not for")
	id, err = providers.Bearer(context.Background(), other.Sign(w.claims(map[string]any{"iss": other.Issuer(), "aud": "second"}), nil))
	mustBe(t, id, err, "client second:pipeline", "ipguard.read")
}

// TestUAAsShareAKey, as copied deployments do: what the other one made does not count.
func TestUAAsShareAKey(t *testing.T) {
	w := newWorld(t, nil)
	other := newUAA(t, w.clock)
	if !other.PublicKey().Equal(w.uaa.PublicKey()) {
		t.Fatal("they have different keys")
	}
	w.refuses(other.Sign(w.claims(map[string]any{"iss": other.Issuer()}), nil), "not trusted")
}

func TestForeignKey(t *testing.T) {
	w := newWorld(t, nil)
	foreign := keysOnce()[2]
	for _, header := range []map[jose.HeaderKey]any{
		{"kid": "key-1"}, {"kid": "nobody's"}, {},
		{"jku": "https://evil.example.com/keys"}, {"kid": "../key-1"},
	} {
		options := &jose.SignerOptions{ExtraHeaders: header}
		w.refuses(sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: foreign}, options, w.claims(nil)), "signed")
	}
	// The key that a token brings along proves nothing.
	w.refuses(sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: foreign}, &jose.SignerOptions{EmbedJWK: true}, w.claims(nil)), "signed")
}

func sign(t *testing.T, key jose.SigningKey, options *jose.SignerOptions, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestAlgNone(t *testing.T) {
	w := newWorld(t, nil)
	for _, name := range []string{"none", "None", "NONE", ""} {
		for _, signature := range []string{"", "x", strings.SplitN(w.uaa.Sign(w.claims(nil), nil), ".", 3)[2]} {
			w.refuses(encode(t, map[string]any{"alg": name, "typ": "JWT", "kid": "key-1"})+"."+encode(t, w.claims(nil))+"."+signature, "signed")
		}
	}
}

// TestPublicKeyAsSecret: HS256, with the public key as its secret.
func TestPublicKeyAsSecret(t *testing.T) {
	w := newWorld(t, nil)
	der, err := x509.MarshalPKIXPublicKey(w.uaa.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	text := encode(t, map[string]any{"alg": "HS256", "kid": "key-1"}) + "." + encode(t, w.claims(nil))
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	mac.Write([]byte(text))
	w.refuses(text+"."+base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), "signed")
}

func TestChangedToken(t *testing.T) {
	w := newWorld(t, nil)
	parts := strings.Split(w.uaa.Sign(w.claims(nil), nil), ".")
	w.refuses(parts[0]+"."+encode(t, w.claims(map[string]any{"scope": []string{"ipguard.admin"}}))+"."+parts[2], "signed")
	w.refuses(strings.Join(parts[:2], "."), "none")
	w.refuses(strings.Join(parts[:2], ".")+".", "signed")
	w.refuses("", "none")
	w.refuses("a.b.c", "none")
	w.refuses(strings.Repeat("a", longestToken)+"."+parts[1]+"."+parts[2], "none")
}

func encode(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func TestTimeOfATokenWithLeeway(t *testing.T) {
	w := newWorld(t, nil)
	now := w.clock.at.Unix()
	for name, c := range map[string]struct {
		change map[string]any
		why    string
	}{
		"no end":                   {map[string]any{"exp": nil}, "no end"},
		"ended":                    {map[string]any{"exp": now - 60}, "has ended"},
		"long ago":                 {map[string]any{"exp": -1e300}, "has ended"},
		"ended within the leeway":  {map[string]any{"exp": now - 59}, ""},
		"not yet":                  {map[string]any{"nbf": now + 61}, "does not count yet"},
		"not yet, but within it":   {map[string]any{"nbf": now + 60}, ""},
		"made in the future":       {map[string]any{"iat": now + 61}, "does not count yet"},
		"made now by another":      {map[string]any{"iat": now + 60}, ""},
		"an end that is no number": {map[string]any{"exp": "never"}, "cannot be read"},
		"fractions":                {map[string]any{"exp": float64(now) + 0.5}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := w.bearer(w.uaa.Sign(w.claims(c.change), nil))
			switch {
			case c.why != "":
				// go-oidc says of some that they cannot be read at all.
				if refused := (*RefusedError)(nil); id != nil || !errors.As(err, &refused) {
					t.Errorf("got %+v, %v", id, err)
				}
			case err != nil:
				t.Error(err)
			}
			if c.why != "" && c.why != "cannot be read" && !strings.Contains(err.Error(), c.why) {
				t.Errorf("got %v, want %q", err, c.why)
			}
		})
	}
}

func TestOtherTokensOfTheProvider(t *testing.T) {
	w := newWorld(t, nil)
	w.refuses(w.uaa.Sign(w.claims(map[string]any{"jti": "x-r"}), nil), "refresh token")
	for _, kind := range []string{"Refresh", "Offline", "ID", "Logout"} { // as Keycloak has them
		w.refuses(w.uaa.Sign(w.claims(map[string]any{"typ": kind}), nil), "another kind than an access token")
	}
	w.refuses(w.uaa.Sign(w.claims(map[string]any{"at_hash": "x"}), nil), "ID token")
	w.refuses(w.uaa.Sign(w.claims(nil), map[string]any{"typ": "logout+jwt"}), "another kind")
	w.refuses(w.uaa.Sign(w.claims(map[string]any{"cid": "admin"}), nil), "two clients")
	id, err := w.bearer(w.uaa.Sign(w.claims(nil), map[string]any{"typ": "at+jwt"}))
	mustBe(t, id, err, "client pipeline", "ipguard.read")
	// UAA's ID token is for the client, whose name is that of the audience here.
	id, err = w.bearer(w.uaa.Sign(w.claims(map[string]any{"aud": []string{"ipguard"}, "scope": []string{"openid"}, "user_name": "alice", "user_id": "1"}), nil))
	mustBe(t, id, err, "alice")
}

func TestReplayedCode(t *testing.T) {
	w := newWorld(t, nil)
	attempt, query := w.begin()
	if _, err := w.finish(attempt, query); err != nil {
		t.Fatal(err)
	}
	id, err := w.finish(attempt, query) // the same browser, whose session kept the attempt
	mustRefuse(t, id, err, "invalid_grant")
	id, err = w.finish(nil, query) // its session, as it is
	mustRefuse(t, id, err, "did not begin this login")
}

// TestStolenCode: somebody else's code is put into one's own login, and the other way round.
func TestStolenCode(t *testing.T) {
	w := newWorld(t, nil)
	_, victims := w.begin()
	attempt, own := w.begin()
	own.Set("code", victims.Get("code"))
	id, err := w.finish(attempt, own) // PKCE: the code is bound to the other browser
	mustRefuse(t, id, err, "invalid_grant")
	attempt, _ = w.begin()
	_, attackers := w.begin()
	id, err = w.finish(attempt, attackers) // login CSRF: the state is
	mustRefuse(t, id, err, "did not begin this login")
}

func TestStateAndTimeOfAnAttempt(t *testing.T) {
	w := newWorld(t, nil)
	for name, change := range map[string]func(*Attempt, url.Values){
		"no state":           func(_ *Attempt, q url.Values) { q.Del("state") },
		"empty state":        func(a *Attempt, q url.Values) { a.State = ""; q.Set("state", "") },
		"two states":         func(_ *Attempt, q url.Values) { q.Add("state", "x") },
		"another state":      func(_ *Attempt, q url.Values) { q.Set("state", q.Get("state")+"x") },
		"another provider":   func(a *Attempt, _ url.Values) { a.Provider = "other" },
		"another issuer":     func(_ *Attempt, q url.Values) { q.Set("iss", "https://evil.example.com") },
		"no code":            func(_ *Attempt, q url.Values) { q.Del("code") },
		"two codes":          func(_ *Attempt, q url.Values) { q.Add("code", "x") },
		"too late":           func(a *Attempt, _ url.Values) { a.Begun = a.Begun.Add(-LongestAttempt) },
		"of the future":      func(a *Attempt, _ url.Values) { a.Begun = a.Begun.Add(time.Second) },
		"an error":           func(_ *Attempt, q url.Values) { q.Set("error", "access_denied") },
		"another PKCE":       func(a *Attempt, _ url.Values) { a.Verifier += "x" },
		"another nonce":      func(a *Attempt, _ url.Values) { a.Nonce += "x" },
		"a code that is bad": func(_ *Attempt, q url.Values) { q.Set("code", "code-999") },
	} {
		t.Run(name, func(t *testing.T) {
			attempt, query := w.begin()
			change(attempt, query)
			id, err := w.finish(attempt, query)
			mustRefuse(t, id, err, "")
		})
	}
}

func TestPersonGivesUp(t *testing.T) {
	w := newWorld(t, nil)
	w.uaa.Browser = ""
	attempt, query := w.begin()
	id, err := w.finish(attempt, query)
	mustRefuse(t, id, err, "access_denied")
	query.Set("error", "<script>\nforged line")
	id, err = w.finish(attempt, query)
	mustRefuse(t, id, err, "(error)")
}

// TestWrongIDToken: a provider, or somebody between, answers with another ID token.
func TestWrongIDToken(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"nonce":            func(c map[string]any) { c["nonce"] = "another" },
		"no nonce":         func(c map[string]any) { delete(c, "nonce") },
		"audience":         func(c map[string]any) { c["aud"] = "another" },
		"issuer":           func(c map[string]any) { c["iss"] = "https://evil.example.com/oauth/token" },
		"party":            func(c map[string]any) { c["azp"] = "another" },
		"two audiences":    func(c map[string]any) { c["aud"] = []string{"ipguard", "another"}; delete(c, "azp") },
		"ended":            func(c map[string]any) { c["exp"] = 1 },
		"another person":   func(c map[string]any) { c["sub"] = "another" },
		"nobody":           func(c map[string]any) { delete(c, "sub") },
		"another at_hash":  func(c map[string]any) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" },
		"a twisted claims": func(c map[string]any) { c["exp"] = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.uaa.Claims = func(kind uaadouble.Kind, c map[string]any) {
				if kind == uaadouble.ID {
					change(c)
				}
			}
			attempt, query := w.begin()
			id, err := w.finish(attempt, query)
			mustRefuse(t, id, err, "")
		})
	}
}

func TestClaimAndMap(t *testing.T) {
	groups := map[string][]string{"/net ops": {"ipguard.admin"}, "promo": {"ipguard.read", "ipguard.teams.promo.book"}, "typo": {"ipgard.read"}}
	w := newWorld(t, func(c *Config) {
		c.UAA, c.Audience, c.InIDToken, c.Claim, c.Map, c.NameClaim, c.Name = false, "api", true, []string{"resource access", "https://x/groups"}, groups, "login", "dex"
	})
	for name, c := range map[string]struct {
		value  any
		scopes []string
		why    string
	}{
		"a list":            {map[string]any{"https://x/groups": []string{"promo", "/net ops", "promo"}}, []string{"ipguard.admin", "ipguard.read", "ipguard.teams.promo.book"}, ""},
		"a text":            {map[string]any{"https://x/groups": "promo  other"}, []string{"ipguard.read", "ipguard.teams.promo.book"}, ""},
		"unmapped scopes":   {map[string]any{"https://x/groups": []string{"ipguard.admin"}}, nil, ""},
		"what is no scope":  {map[string]any{"https://x/groups": "typo"}, nil, ""},
		"nothing":           {map[string]any{}, nil, ""},
		"null":              {map[string]any{"https://x/groups": nil}, nil, ""},
		"no object":         {"promo", nil, "no object"},
		"a number":          {map[string]any{"https://x/groups": 1}, nil, "neither"},
		"a list of numbers": {map[string]any{"https://x/groups": []any{"promo", 1}}, nil, "neither"},
	} {
		t.Run(name, func(t *testing.T) {
			w.uaa.Claims = func(_ uaadouble.Kind, claims map[string]any) {
				claims["resource access"], claims["login"] = c.value, "Ana López"
			}
			attempt, query := w.begin()
			id, err := w.finish(attempt, query)
			if c.why != "" {
				mustRefuse(t, id, err, c.why)
				return
			}
			mustBe(t, id, err, "dex:Ana%20L%C3%B3pez", c.scopes...)
		})
	}
}

// TestNamesAreOnesOwn: nobody passes for a client, a token, somebody of another origin
// or provider, or breaks a line of a log.
func TestNamesAreOnesOwn(t *testing.T) {
	w := newWorld(t, nil)
	seen := map[string]string{}
	for _, c := range []map[string]any{
		{}, {"user_name": "pipeline", "user_id": "1"}, {"user_name": "client pipeline", "user_id": "2"}, {"user_name": "token deploy", "user_id": "3"},
		{"user_name": "admin", "user_id": "4", "origin": "ldap"}, {"user_name": "ldap/admin", "user_id": "5", "origin": "uaa"}, {"user_name": "x:admin", "user_id": "6"},
		{"user_name": "a\nlevel=ERROR", "user_id": "7"}, {"user_name": "a\u2028b", "user_id": "8"}, {"user_name": "<b>", "user_id": "9"},
		{"sub": "pipeline2"}, {"grant_type": "password", "sub": "0a"},
	} {
		id, err := w.bearer(w.uaa.Sign(w.claims(c), nil))
		if err != nil {
			t.Errorf("%v: %v", c, err)
			continue
		}
		text, _ := json.Marshal(c)
		if other, ok := seen[id.Name]; ok && id.Name != "client pipeline" {
			t.Errorf("%s and %s are both %q", text, other, id.Name)
		}
		if id.Name == "client pipeline" && (c["user_name"] != nil || c["grant_type"] != nil) {
			t.Errorf("%s passes for a client", text)
		}
		if strings.ContainsAny(strings.TrimPrefix(id.Name, "client "), " \n<>\u2028") {
			t.Errorf("%s has the name %q", text, id.Name)
		}
		seen[id.Name] = string(text)
	}
	w.refuses(w.uaa.Sign(w.claims(map[string]any{"user_name": strings.Repeat("a", 101), "user_id": "1"}), nil), "names nobody")
	w.refuses(w.uaa.Sign(w.claims(map[string]any{"sub": nil, "client_id": nil, "cid": nil, "azp": nil}), nil), "names nobody")
}

func TestKeysRotate(t *testing.T) {
	w := newWorld(t, nil)
	old := w.uaa.Sign(w.claims(map[string]any{"exp": w.clock.at.Add(24 * time.Hour).Unix()}), nil)
	if _, err := w.bearer(old); err != nil {
		t.Fatal(err)
	}
	w.uaa.Rotate()
	w.settles("a new key")
	if _, err := w.bearer(old); err != nil {
		t.Fatalf("a key that is still published does not count: %v", err)
	}
	w.uaa.Withdraw()
	w.clock.at = w.clock.at.Add(fresh)
	w.refuses(old, "signed")
}

func TestUnknownKeysCostNoRequestEach(t *testing.T) {
	w := newWorld(t, nil)
	foreign := keysOnce()[2]
	for i := range 50 {
		options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{"kid": string(rune('a' + i))}}
		w.refuses(sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: foreign}, options, w.claims(nil)), "signed")
	}
	if n := w.uaa.Requests("/token_keys"); n != 1 {
		t.Errorf("%d requests for keys", n)
	}
}

func TestProviderIsDown(t *testing.T) {
	for name, fault := range map[string]uaadouble.Fault{
		"500":         {Status: 500},
		"no JSON":     {Status: 200, Body: "<html>"},
		"large":       {Status: 200, Body: `{"keys":[` + strings.Repeat(" ", largest) + `]}`},
		"a redirect":  {Status: 302, Header: http.Header{"Location": {"https://evil.example.com/"}}},
		"other place": {Status: 404},
	} {
		for _, path := range []string{"/oauth/token/.well-known/openid-configuration", "/token_keys"} {
			t.Run(name+path, func(t *testing.T) {
				w := newWorld(t, nil)
				good := w.uaa.Sign(w.claims(nil), nil)
				w.uaa.Fault = func(r *http.Request) uaadouble.Fault {
					if r.URL.Path == path {
						return fault
					}
					return uaadouble.Fault{}
				}
				id, err := w.bearer(good)
				if id != nil || err == nil {
					t.Fatalf("got %+v, %v", id, err)
				}
				if gone := (*UnreachableError)(nil); !errors.As(err, &gone) && !(path == "/token_keys" && fault.Status == 200) {
					t.Errorf("got %v, want that it cannot be reached", err)
				}
				w.uaa.Fault = nil
				w.settles("the provider is back")
			})
		}
	}
}

// TestKeysOutliveAnOutage for an hour, not for ever.
func TestKeysOutliveAnOutage(t *testing.T) {
	w := newWorld(t, nil)
	if _, err := w.bearer(w.uaa.Sign(w.claims(nil), nil)); err != nil {
		t.Fatal(err)
	}
	w.uaa.Fault = func(*http.Request) uaadouble.Fault { return uaadouble.Fault{Status: 503} }
	w.clock.at = w.clock.at.Add(fresh + time.Minute)
	if _, err := w.bearer(w.uaa.Sign(w.claims(nil), nil)); err != nil {
		t.Errorf("a quarter of an hour later: %v", err)
	}
	w.clock.at = w.clock.at.Add(stale)
	if gone := (*UnreachableError)(nil); !errors.As(second(w.bearer(w.uaa.Sign(w.claims(nil), nil))), &gone) {
		t.Error("an hour later the keys count")
	}
}

func second(_ *Identity, err error) error { return err }

// TestDescriptionOfAnother: the description names another issuer, or endpoints that
// anybody could listen to.
func TestDescriptionOfAnother(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"the root":      func(d map[string]any) { d["issuer"] = "https://127.0.0.1/" },
		"http keys":     func(d map[string]any) { d["jwks_uri"] = "http://127.0.0.1/keys" },
		"http token":    func(d map[string]any) { d["token_endpoint"] = "http://127.0.0.1/token" },
		"no endpoint":   func(d map[string]any) { delete(d, "authorization_endpoint") },
		"script as one": func(d map[string]any) { d["authorization_endpoint"] = "javascript:alert(1)" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.uaa.Describe = change
			if _, _, err := w.providers[0].Begin(context.Background(), "/"); err == nil {
				t.Error("it is taken")
			}
		})
	}
}

func TestConfiguration(t *testing.T) {
	good := Config{Issuer: "https://uaa.example.com/oauth/token", ClientID: "c", Audience: "ipguard", UAA: true, Redirect: redirect}
	environment := Environment{Now: time.Now, IsScope: isScope}
	if _, err := New([]Config{good}, environment); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"http":            func(c *Config) { c.Issuer = "http://uaa.example.com" },
		"no issuer":       func(c *Config) { c.Issuer = "" },
		"a secret in it":  func(c *Config) { c.Issuer = "https://a:b@uaa.example.com" },
		"no audience":     func(c *Config) { c.Audience = "" },
		"leeway":          func(c *Config) { c.Leeway = LongestLeeway + 1 },
		"less than none":  func(c *Config) { c.Leeway = -1 },
		"redirect":        func(c *Config) { c.Redirect = "http://ipguard.example.com/login/callback" },
		"a name":          func(c *Config) { c.Name = "A b" },
		"ID for access":   func(c *Config) { c.UAA, c.Audience = false, "c" },
		"a nameless part": func(c *Config) { c.Claim = []string{"a", ""} },
		"no certificate":  func(c *Config) { c.CA = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			change(&c)
			if _, err := New([]Config{c}, environment); err == nil {
				t.Error("it is taken")
			}
		})
	}
	if _, err := New([]Config{good, good}, environment); err == nil {
		t.Error("one twice is taken")
	}
}

func TestNoSecretInErrors(t *testing.T) {
	w := newWorld(t, nil)
	raw := w.uaa.Sign(w.claims(map[string]any{"exp": 1}), nil)
	attempt, query := w.begin()
	query.Set("code", "secret-code")
	for _, err := range []error{second(w.bearer(raw)), second(w.bearer(raw + "x")), second(w.finish(attempt, query))} {
		if err == nil {
			t.Fatal("no error")
		}
		for _, secret := range slices.Concat(strings.Split(raw, "."), []string{"server secret", "secret-code", attempt.State, attempt.Verifier}) {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q holds a secret", err)
			}
		}
	}
}
