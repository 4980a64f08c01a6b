package uaadouble

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// grant is what somebody consented to.
type grant struct {
	client, user, redirect, challenge, nonce string
	scopes                                   []string
}

// authorize is the page to which browsers come. Whoever sits there logs in at once and
// consents to everything.
func (u *UAA) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	client, known := u.Clients[q.Get("client_id")]
	back, err := url.Parse(q.Get("redirect_uri"))
	if !known || err != nil || !slices.Contains(client.Redirects, q.Get("redirect_uri")) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, "Invalid redirect or client") // UAA shows a page; it never redirects then
		return
	}
	answer := back.Query()
	answer.Set("state", q.Get("state"))
	user, known := u.Users[u.Browser]
	switch {
	case !known:
		answer.Set("error", "access_denied")
		answer.Set("error_description", "User denied access")
	case q.Get("response_type") != "code" || !slices.Contains(client.Grants, "authorization_code"):
		answer.Set("error", "unauthorized_client")
	default:
		u.made++
		code := fmt.Sprintf("code-%d", u.made)
		challenge := q.Get("code_challenge")
		if q.Get("code_challenge_method") != "S256" {
			challenge = "plain:" + challenge
		}
		if q.Get("code_challenge") == "" {
			challenge = ""
		}
		u.codes[code] = grant{
			client: q.Get("client_id"), user: u.Browser, redirect: q.Get("redirect_uri"), challenge: challenge, nonce: q.Get("nonce"),
			scopes: allowed(strings.Fields(q.Get("scope")), client.Scopes, slices.Concat([]string{"openid"}, user.Scopes)),
		}
		answer.Set("code", code)
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// allowed are the scopes of a token: what was asked for, or all if nothing was, of those
// that the client may get and the user has.
func allowed(asked, client, user []string) []string {
	list := []string{}
	for _, scope := range user {
		if slices.ContainsFunc(client, func(have string) bool { return scopeFits(have, scope) }) && (len(asked) == 0 || slices.ContainsFunc(asked, func(a string) bool { return scopeFits(a, scope) })) {
			list = append(list, scope)
		}
	}
	return list
}

// scopeFits knows a client's scope with * for a part: it stands for no dot
// (UaaStringUtils.java).
func scopeFits(have, scope string) bool {
	before, behind, wild := strings.Cut(have, "*")
	part, isForm := strings.CutPrefix(scope, before)
	part, ends := strings.CutSuffix(part, behind)
	return have == scope || wild && isForm && ends && part != "" && !strings.Contains(part, ".")
}

func (u *UAA) passcode(w http.ResponseWriter) {
	if _, known := u.Users[u.Browser]; !known {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	u.made++
	code := fmt.Sprintf("passcode-%d", u.made)
	u.passcodes[code] = u.Browser
	fmt.Fprint(w, code)
}

func fail(w http.ResponseWriter, status int, code, text string) {
	answer(w, status, map[string]any{"error": code, "error_description": text})
}

// token is the token endpoint.
func (u *UAA) token(w http.ResponseWriter, r *http.Request) {
	name, secret, basic := r.BasicAuth()
	if basic {
		name, _ = url.QueryUnescape(name) // RFC 6749, section 2.3.1
		secret, _ = url.QueryUnescape(secret)
	} else {
		name, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	client, known := u.Clients[name]
	if !known || client.Secret != secret || client.Public && basic {
		fail(w, http.StatusUnauthorized, "unauthorized", "Bad credentials")
		return
	}
	kind := r.PostFormValue("grant_type")
	if !slices.Contains(client.Grants, kind) {
		fail(w, http.StatusUnauthorized, "unauthorized_client", "Unauthorized grant type: "+kind)
		return
	}
	switch kind {
	case "authorization_code":
		u.byCode(w, r, name)
	case "client_credentials":
		u.give(w, grant{client: name, scopes: allowed(strings.Fields(r.PostFormValue("scope")), client.Authorities, client.Authorities)}, kind)
	case "password":
		u.byPassword(w, r, name, client)
	case "refresh_token":
		u.byRefresh(w, r, name)
	default:
		fail(w, http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant type: "+kind)
	}
}

func (u *UAA) byCode(w http.ResponseWriter, r *http.Request, client string) {
	code := r.PostFormValue("code")
	g, known := u.codes[code]
	delete(u.codes, code) // a code is good for one use, however that ends
	if !known || g.client != client || g.redirect != r.PostFormValue("redirect_uri") {
		fail(w, http.StatusBadRequest, "invalid_grant", "Invalid authorization code: "+code)
		return
	}
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if g.challenge != "" && g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) && g.challenge != "plain:"+r.PostFormValue("code_verifier") {
		fail(w, http.StatusBadRequest, "invalid_grant", "Invalid code verifier")
		return
	}
	u.give(w, g, "authorization_code")
}

func (u *UAA) byPassword(w http.ResponseWriter, r *http.Request, name string, client Client) {
	who := r.PostFormValue("username")
	if code := r.PostFormValue("passcode"); code != "" {
		who = u.passcodes[code]
		delete(u.passcodes, code)
	} else if user := u.Users[who]; user.Password == "" || user.Password != r.PostFormValue("password") {
		who = ""
	}
	user, known := u.Users[who]
	if !known {
		fail(w, http.StatusUnauthorized, "invalid_passcode", "Bad credentials")
		return
	}
	asked := strings.Fields(r.PostFormValue("scope"))
	u.give(w, grant{client: name, user: who, scopes: allowed(asked, client.Scopes, slices.Concat([]string{"openid"}, user.Scopes))}, "password")
}

func (u *UAA) byRefresh(w http.ResponseWriter, r *http.Request, client string) {
	g, known := u.codes[r.PostFormValue("refresh_token")]
	if !known || g.client != client {
		fail(w, http.StatusUnauthorized, "invalid_token", "The token expired, was revoked, or the token ID is incorrect.")
		return
	}
	u.give(w, g, "refresh_token")
}

// Revoke ends all refresh tokens and codes.
func (u *UAA) Revoke() {
	u.mu.Lock()
	defer u.mu.Unlock()
	clear(u.codes)
}

// give answers with the tokens of a grant.
func (u *UAA) give(w http.ResponseWriter, g grant, kind string) {
	if len(g.scopes) == 0 {
		fail(w, http.StatusBadRequest, "invalid_scope", "[] is invalid. This user is not allowed any of the requested scopes")
		return
	}
	body := u.tokens(g, kind)
	answer(w, http.StatusOK, body)
}

func (u *UAA) tokens(g grant, kind string) map[string]any {
	u.made++
	jti := fmt.Sprintf("token-%d", u.made)
	lasts := u.Lasts
	if lasts == 0 {
		lasts = 10 * time.Minute
	}
	now := u.Now()
	claims := map[string]any{
		"jti": jti, "sub": g.client, "scope": g.scopes, "client_id": g.client, "cid": g.client, "azp": g.client, "grant_type": kind,
		"iat": now.Unix(), "exp": now.Add(lasts).Unix(), "iss": u.Issuer(), "zid": "uaa", "aud": audience(g), "rev_sig": "2d2c0d17",
	}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	user := u.Users[g.user]
	if g.user != "" {
		maps.Copy(claims, map[string]any{
			"sub": user.ID, "user_id": user.ID, "user_name": g.user, "origin": user.Origin, "email": g.user + "@example.com", "auth_time": now.Unix(),
		})
	}
	body := map[string]any{"token_type": "bearer", "expires_in": int(lasts.Seconds()) - 1, "scope": strings.Join(g.scopes, " "), "jti": jti}
	body["access_token"] = u.make(Access, claims)
	if g.user != "" && slices.Contains(u.Clients[g.client].Grants, "refresh_token") {
		again := maps.Clone(claims)
		again["jti"], again["exp"] = jti+"-r", now.Add(30*24*time.Hour).Unix()
		token := u.make(Refresh, again)
		body["refresh_token"] = token
		u.codes[token] = g
	}
	if g.user != "" && slices.Contains(g.scopes, "openid") {
		id := maps.Clone(claims)
		maps.Copy(id, map[string]any{"scope": []string{"openid"}, "aud": []string{g.client}, "amr": []string{"pwd"}})
		body["id_token"] = u.make(ID, id)
	}
	return body
}

func (u *UAA) make(kind Kind, claims map[string]any) string {
	claims = maps.Clone(claims)
	if u.Claims != nil {
		u.Claims(kind, claims)
	}
	return u.sign(claims, nil)
}

// audience is the client, and each scope without its last part.
func audience(g grant) []string {
	list := []string{g.client}
	for _, scope := range g.scopes {
		if i := strings.LastIndex(scope, "."); i > 0 && !slices.Contains(list, scope[:i]) {
			list = append(list, scope[:i])
		}
	}
	return list
}
