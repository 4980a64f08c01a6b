package directordouble

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// UAA is the server that gives a director's clients their tokens.
type UAA struct {
	Clients map[string]User
	// RefreshTokens are of users that have logged in, by token.
	RefreshTokens map[string]User
	// Uses is how many requests a token is good for; 0: any number. One more is
	// the request that it was fetched for, after the token before was refused:
	// who asks side by side would otherwise now and then be refused twice.
	Uses int
	// Fault decides how a request goes wrong.
	Fault func(r *http.Request) Fault

	url string

	mu     sync.Mutex
	tokens map[string]*token
	issued int
	// refused are requests whose token was used up, and how many had been issued.
	refused map[string]int
}

type token struct {
	user   User
	name   string
	number int // of all that were issued
	left   int
}

// Issued is how many tokens were given out.
func (u *UAA) Issued() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.issued
}

// ServeHTTP answers POST /oauth/token.
func (u *UAA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if u.Fault != nil {
		if f := u.Fault(r); f.Status != 0 {
			w.WriteHeader(f.Status)
			fmt.Fprint(w, f.Body)
			return
		}
	}
	if r.Method != http.MethodPost || r.URL.Path != "/oauth/token" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	name, secret, _ := r.BasicAuth()
	user, known := u.Clients[name]
	known = known && user.Password == secret
	refresh := ""
	if r.FormValue("grant_type") == "refresh_token" {
		refresh = r.FormValue("refresh_token")
		name = "user"
		user, known = u.RefreshTokens[refresh]
	}
	if !known {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":"unauthorized","error_description":"Bad credentials"}`)
		return
	}
	writeBody(w, u.issue(user, name, refresh))
}

func (u *UAA) issue(user User, name, refresh string) map[string]any {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.issued++
	claims, err := json.Marshal(map[string]any{"user_name": name, "jti": u.issued})
	if err != nil {
		panic(err)
	}
	text := "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString(claims) + ".x"
	if u.tokens == nil {
		u.tokens = map[string]*token{}
	}
	u.tokens[text] = &token{user: user, name: name, number: u.issued, left: u.Uses}
	body := map[string]any{"access_token": text, "token_type": "bearer", "expires_in": 599, "scope": "bosh.read", "jti": fmt.Sprint(u.issued)}
	if refresh != "" {
		body["refresh_token"] = refresh
	}
	return body
}

// user says whose a token is, as long as it is good for the request.
func (u *UAA) user(text, request string) (User, string, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	t, ok := u.tokens[text]
	if !ok {
		return User{}, "", false
	}
	if u.Uses > 0 && !u.take(t, request) {
		return User{}, "", false
	}
	return t.user, t.name, true
}

// take uses a token once.
func (u *UAA) take(t *token, request string) bool {
	if t.left > 0 {
		t.left--
		return true
	}
	if before, ok := u.refused[request]; ok && t.number > before {
		delete(u.refused, request)
		return true
	}
	if u.refused == nil {
		u.refused = map[string]int{}
	}
	u.refused[request] = u.issued
	return false
}

// user says who sends a request.
func (d *Director) user(r *http.Request) (User, string, bool) {
	if d.UAA != nil {
		scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "bearer") {
			return User{}, "", false
		}
		return d.UAA.user(text, r.Method+" "+r.URL.String())
	}
	name, password, ok := r.BasicAuth()
	user, known := d.Users[name]
	return user, name, ok && known && user.Password == password
}
