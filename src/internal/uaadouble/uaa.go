// Package uaadouble answers HTTP as Cloud Foundry's UAA does when people and clients
// log in, for tests.
//
// It has the quirks that clients of UAA meet: the issuer is the token endpoint, below
// which the description lies as well as at the root (OpenIdConfiguration.java); rights
// are the list "scope"; the audience is the client, and each scope without its last part
// (UaaAuthorizationRequestManager.java), so that ipguard.teams.NAME.book is for
// ipguard.teams.NAME; a client has the three names client_id, cid and azp; access
// tokens carry the nonce, too; ID tokens have the scope openid alone (IdToken.java);
// refresh tokens are signed as access tokens are, and their jti ends in -r; HS256 is
// said to be supported. Beside that, a double can be told to go wrong.
package uaadouble

import (
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// Client is a client that is registered.
type Client struct {
	// Secret may be empty; Public clients then have none at all and send their name alone.
	Secret string
	Public bool
	// Grants are authorized_grant_types.
	Grants []string
	// Scopes are what people may pass on to it, Authorities what it may do itself.
	Scopes, Authorities []string
	// Redirects are the URLs to come back to. A port is never a pattern (UaaUrlUtils.java).
	Redirects []string
}

// User is a person.
type User struct {
	ID, Origin, Password string
	Scopes               []string
}

// Kind is a kind of token.
type Kind string

// The kinds of tokens.
const (
	Access  Kind = "access"
	Refresh Kind = "refresh"
	ID      Kind = "id"
)

// Fault is how a request goes wrong: with a status and a body.
type Fault struct {
	Status int
	Body   string
	Header http.Header
}

// UAA is a double. What is exported is set before Start.
type UAA struct {
	Clients map[string]Client
	Users   map[string]User
	// Browser is the name of who sits at the browser; empty: somebody who gives up.
	Browser string
	// Now is the clock.
	Now func() time.Time
	// Lasts is how long access tokens are valid; 0: 10 minutes.
	Lasts time.Duration
	// Keys sign, one after the other; where there are no more, one is made.
	Keys []*rsa.PrivateKey
	// Claims may change the claims of a token before it is signed.
	Claims func(kind Kind, claims map[string]any)
	// Fault decides how a request goes wrong; one without a status goes right.
	Fault func(r *http.Request) Fault
	// Describe may change the description.
	Describe func(map[string]any)

	server *httptest.Server

	mu        sync.Mutex
	keys      []*key // the last one signs
	codes     map[string]grant
	passcodes map[string]string
	requests  map[string]int
	made      int
}

// Start lets it answer on 127.0.0.1, over TLS.
func (u *UAA) Start() {
	u.codes, u.passcodes, u.requests = map[string]grant{}, map[string]string{}, map[string]int{}
	u.Rotate()
	u.server = httptest.NewTLSServer(u)
}

// Close ends all connections.
func (u *UAA) Close() { u.server.Close() }

// URL is where it answers, and Issuer what its tokens name.
func (u *UAA) URL() string { return u.server.URL }

// Issuer is what its tokens name.
func (u *UAA) Issuer() string { return u.server.URL + "/oauth/token" }

// CA is its certificate, in PEM.
func (u *UAA) CA() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: u.server.Certificate().Raw}))
}

// Requests is how often a path was asked for.
func (u *UAA) Requests(path string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.requests[path]
}

// ServeHTTP is as http.Handler has it.
func (u *UAA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.requests[r.URL.Path]++
	w.Header().Set("Cache-Control", "no-store")
	if u.Fault != nil {
		if f := u.Fault(r); f.Status != 0 {
			for name, values := range f.Header {
				w.Header()[name] = values
			}
			w.WriteHeader(f.Status)
			fmt.Fprint(w, f.Body)
			return
		}
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /.well-known/openid-configuration", "GET /oauth/token/.well-known/openid-configuration":
		answer(w, http.StatusOK, u.description())
	case "GET /token_keys":
		answer(w, http.StatusOK, map[string]any{"keys": u.published()})
	case "GET /oauth/authorize":
		u.authorize(w, r)
	case "POST /oauth/token":
		u.token(w, r)
	case "GET /passcode":
		u.passcode(w)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (u *UAA) description() map[string]any {
	d := map[string]any{
		"issuer": u.Issuer(), "authorization_endpoint": u.URL() + "/oauth/authorize", "token_endpoint": u.URL() + "/oauth/token",
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
		"userinfo_endpoint":                     u.URL() + "/userinfo", "jwks_uri": u.URL() + "/token_keys",
		"scopes_supported":                      []string{"openid", "profile", "email", "phone", "roles", "user_attributes"},
		"response_types_supported":              []string{"code", "code id_token", "id_token", "token id_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256", "HS256"},
		"code_challenge_methods_supported":      []string{"S256", "plain"},
	}
	if u.Describe != nil {
		u.Describe(d)
	}
	return d
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		panic(err)
	}
}
