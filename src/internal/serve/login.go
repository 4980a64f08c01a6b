package serve

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/login"
)

// How long a browser stays logged in: at all, and without a request.
const (
	sessionLife = 12 * time.Hour
	sessionIdle = 2 * time.Hour
)

// oncePath is where one-time links lead.
const oncePath = "/login/once/"

func newSessions(store *accounts.Store, secure bool) *scs.SessionManager {
	m := scs.New()
	m.Store = accounts.Sessions{Store: store}
	m.HashTokenInStore = true
	m.Lifetime, m.IdleTimeout = sessionLife, sessionIdle
	m.Cookie.Name, m.Cookie.HttpOnly, m.Cookie.SameSite, m.Cookie.Secure, m.Cookie.Persist = "ipguard", true, http.SameSiteLaxMode, secure, false
	if secure {
		m.Cookie.Name = "__Host-ipguard"
	}
	return m
}

// who finds out who asks: by a token, or else by the session of a browser. A token that
// is none is refused, whatever the session says.
func (s *Server) who(next http.Handler) http.Handler {
	return s.sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		actor, err := s.actor(r)
		refused := (*login.RefusedError)(nil)
		switch {
		case errors.As(err, &refused):
			w.Header().Set("WWW-Authenticate", `Bearer realm="ipguard", error="invalid_token"`)
			problem(w, http.StatusUnauthorized, refused.Message)
			return
		case err != nil:
			s.log.Error("who asks cannot be found out", "error", err)
			problem(w, http.StatusServiceUnavailable, "the server cannot find out who asks")
			return
		case actor == nil && r.Header.Get("Authorization") != "":
			w.Header().Set("WWW-Authenticate", `Bearer realm="ipguard"`)
			problem(w, http.StatusUnauthorized, "the token is none of this server's, or it has ended")
			return
		case actor != nil:
			noteActor(r, actor.Name)
			r = r.WithContext(accounts.With(r.Context(), actor))
		}
		next.ServeHTTP(w, r)
	}))
}

func (s *Server) actor(r *http.Request) (*accounts.Actor, error) {
	if given := r.Header.Get("Authorization"); given != "" {
		kind, token, _ := strings.Cut(given, " ")
		if !strings.EqualFold(kind, "bearer") {
			return nil, nil
		}
		token = strings.TrimSpace(token)
		if actor, err := s.accounts.Whose(r.Context(), token); actor != nil || err != nil || len(s.doors().providers) == 0 || !strings.Contains(token, ".") {
			return actor, err
		}
		return s.bearer(r, token)
	}
	name := s.sessions.GetString(r.Context(), "name")
	if name == "" {
		return nil, nil
	}
	return &accounts.Actor{Name: name, Scopes: strings.Fields(s.sessions.GetString(r.Context(), "scopes"))}, nil
}

// logIn makes the browser's session somebody's.
func (s *Server) logIn(r *http.Request, actor accounts.Actor) error {
	if err := s.sessions.RenewToken(r.Context()); err != nil {
		return err
	}
	s.sessions.Put(r.Context(), "name", actor.Name)
	s.sessions.Put(r.Context(), "scopes", strings.Join(actor.Scopes, " "))
	return s.accounts.Note(r.Context(), actor.Name, "logged in", r.RemoteAddr)
}

// loginOnce follows the one-time link.
func (s *Server) loginOnce(w http.ResponseWriter, r *http.Request) {
	secret := s.once.Load()
	if secret == nil || subtle.ConstantTimeCompare([]byte(*secret), []byte(r.PathValue("secret"))) != 1 || !s.once.CompareAndSwap(secret, nil) {
		problem(w, http.StatusForbidden, "this link was used, or is of a server that was started before: start it again for another one")
		return
	}
	if err := s.logIn(r, accounts.Actor{Name: user(), Scopes: []string{accounts.Admin}}); err != nil {
		s.log.Error("nobody was logged in", "error", err)
		problem(w, http.StatusServiceUnavailable, "the session cannot be kept")
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// logout ends the session.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	if err := s.sessions.Destroy(r.Context()); err != nil {
		s.log.Error("a session cannot be ended", "error", err)
		problem(w, http.StatusServiceUnavailable, "the session cannot be ended")
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
