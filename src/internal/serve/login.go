package serve

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/login"
	"github.com/ipguard/ipguard/src/internal/web"
)

// How long a browser stays logged in: at all, and without a request.
const (
	sessionLife = 12 * time.Hour
	sessionIdle = 2 * time.Hour
)

// oncePath is where one-time links lead.
const oncePath = "/login/once/"

func (s *Server) newSessions() *scs.SessionManager {
	secure := s.secure()
	m := scs.New()
	m.ErrorFunc = s.sessionFailed
	m.Store = accounts.Sessions{Store: s.accounts}
	m.HashTokenInStore = true
	m.Lifetime, m.IdleTimeout = sessionLife, sessionIdle
	m.Cookie.Name, m.Cookie.HttpOnly, m.Cookie.SameSite, m.Cookie.Secure, m.Cookie.Persist = "ipguard", true, http.SameSiteLaxMode, secure, false
	if secure {
		m.Cookie.Name = "__Host-ipguard"
	}
	return m
}

// knownKey is of a *bool in the context of a request: whether its session was read.
type knownKey struct{}

// sessionFailed is called where a session cannot be read, which is the answer; and where
// it cannot be written, while an answer is. What has to be in a session was written before
// by keepSession: all that is lost then is that somebody was here just now.
func (s *Server) sessionFailed(w http.ResponseWriter, r *http.Request, err error) {
	err = s.database.Explain(err)
	if known, ok := r.Context().Value(knownKey{}).(*bool); ok && *known {
		s.log.Warn("a session is not renewed", "error", err)
		return
	}
	s.log.Error("who asks cannot be found out", "error", err)
	problem(w, http.StatusServiceUnavailable, "the server cannot find out who asks")
}

// keepSession writes the session, before something is answered that rests on it.
func (s *Server) keepSession(r *http.Request) error {
	_, _, err := s.sessions.Commit(r.Context())
	return s.database.Explain(err)
}

// notKept is what is said of a session that cannot be written.
func notKept(err error) string {
	for _, known := range []error{ledgersql.ErrFull, ledgersql.ErrReplaced} {
		if errors.Is(err, known) {
			return "Nobody was logged in: " + known.Error() + "."
		}
	}
	return "Nobody was logged in: the session cannot be kept."
}

// who finds out who asks: by a token, or else by the session of a browser. A token that
// is none is refused, whatever the session says.
func (s *Server) who(next http.Handler) http.Handler {
	named := s.sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if known, ok := r.Context().Value(knownKey{}).(*bool); ok {
			*known = true
		}
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
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		named.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), knownKey{}, new(bool))))
	})
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
	name := s.sessions.GetString(r.Context(), accounts.SessionActor)
	if name == "" {
		return nil, nil
	}
	if !slices.Contains(s.doors().through(), s.sessions.GetString(r.Context(), accounts.SessionThrough)) {
		// Whoever changed the door ended it; it must not count again when the door comes back.
		if err := s.sessions.Destroy(r.Context()); err != nil {
			s.log.Error("a session cannot be ended, and does not count meanwhile", "error", s.database.Explain(err))
		}
		return nil, nil
	}
	return &accounts.Actor{Name: name, Scopes: strings.Fields(s.sessions.GetString(r.Context(), accounts.SessionScopes))}, nil
}

// logIn makes the browser's session somebody's, through the one-time link or a provider.
func (s *Server) logIn(r *http.Request, actor accounts.Actor, through string) error {
	if err := s.sessions.RenewToken(r.Context()); err != nil {
		return err
	}
	s.sessions.Put(r.Context(), accounts.SessionActor, actor.Name)
	s.sessions.Put(r.Context(), accounts.SessionScopes, strings.Join(actor.Scopes, " "))
	s.sessions.Put(r.Context(), accounts.SessionThrough, through)
	s.sessions.Put(r.Context(), accounts.SessionSince, s.now().UnixMicro())
	if err := s.keepSession(r); err != nil {
		return err
	}
	return s.database.Explain(s.accounts.Note(r.Context(), actor.Name, "logged in", r.RemoteAddr))
}

// loginOnce follows the one-time link. It is used up by a session that is kept.
func (s *Server) loginOnce(w http.ResponseWriter, r *http.Request) {
	link := s.once.Load()
	if link == nil || !s.now().Before(link.ends) || subtle.ConstantTimeCompare([]byte(link.secret), []byte(r.PathValue("secret"))) != 1 || !s.once.CompareAndSwap(link, nil) {
		problem(w, http.StatusForbidden, fmt.Sprintf("this link was used, is older than %.0f minutes, or is of a server that was started before: start it again for another one", LinkLasts.Minutes()))
		return
	}
	if err := s.logIn(r, accounts.Actor{Name: user(), Scopes: []string{accounts.Admin}}, throughLink); err != nil {
		s.once.CompareAndSwap(nil, link)
		s.log.Error("nobody was logged in", "error", err)
		web.Refuse(w, http.StatusServiceUnavailable, notKept(err))
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
