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
	// Uses is how many requests a token is good for; 0: any number.
	Uses int
	// Fault decides how a request goes wrong.
	Fault func(r *http.Request) Fault

	url string

	mu     sync.Mutex
	tokens map[string]*token
	issued int
}

type token struct {
	user User
	name string
	left int
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
	u.tokens[text] = &token{user: user, name: name, left: u.Uses}
	body := map[string]any{"access_token": text, "token_type": "bearer", "expires_in": 599, "scope": "bosh.read", "jti": fmt.Sprint(u.issued)}
	if refresh != "" {
		body["refresh_token"] = refresh
	}
	return body
}

// user says whose a token is, as long as it is good.
func (u *UAA) user(text string) (User, string, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	t, ok := u.tokens[text]
	if !ok {
		return User{}, "", false
	}
	if u.Uses > 0 {
		if t.left == 0 {
			return User{}, "", false
		}
		t.left--
	}
	return t.user, t.name, true
}

// user says who sends a request.
func (d *Director) user(r *http.Request) (User, string, bool) {
	if d.UAA != nil {
		scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "bearer") {
			return User{}, "", false
		}
		return d.UAA.user(text)
	}
	name, password, ok := r.BasicAuth()
	user, known := d.Users[name]
	return user, name, ok && known && user.Password == password
}
