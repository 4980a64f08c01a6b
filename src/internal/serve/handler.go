package serve

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/protocol"
)

// routes are all paths.
func (s *Server) routes(answers, pages http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(protocol.Base+"/", answers)
	mux.HandleFunc("GET "+oncePath+"{secret}", s.loginOnce)
	for _, path := range []string{oncePath + "{secret}", callbackPath} { // who only looks, such as a preview, uses nothing up
		mux.HandleFunc("HEAD "+path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) })
	}
	mux.HandleFunc("GET "+loginPath, s.begin)
	mux.HandleFunc("GET "+callbackPath, s.callback)
	mux.HandleFunc("GET "+protocol.LoginPath, s.tellLogin)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", s.mayScrape(s.metrics.handler()))
	mux.Handle("/", pages)
	return mux
}

// around is what holds for every request.
func (s *Server) around(next http.Handler) http.Handler {
	foreign := http.NewCrossOriginProtection()
	foreign.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusForbidden, "this request was made by a page of another server")
	}))
	return s.logged(s.guarded(s.ownHost(foreign.Handler(bounded(s.who(s.inPlace(next)))))))
}

// inPlace refuses, once the database's file was replaced, all that may write: no commit
// succeeds then, and "it is so already" would be said of the file that was there.
func (s *Server) inPlace(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			if err := s.database.Replaced(); err != nil {
				problem(w, http.StatusServiceUnavailable, err.Error())
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// policy is what browsers may do on a page: nothing that it does not bring along.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// guarded sets the headers that tell browsers what not to do, and turns a panic into an
// answer.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if s.secure() {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		defer func() {
			if reason := recover(); reason != nil {
				s.log.Error("a request failed", "reason", reason, "path", loggedPath(r.URL.Path))
				problem(w, http.StatusInternalServerError, "the server failed; nothing is known to have been written: ask again")
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// answerTime is how long a question may take that brings nothing long along. After that
// whoever asks is told that the server cannot reach what it keeps.
const answerTime = 30 * time.Second

// bounded ends the work on a question after answerTime, so that a server which is cut off
// from its database does not gather those who wait. A push may be slow to arrive.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), answerTime)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// ownHost refuses requests for another host's name: with them a page of another server
// reaches this one as if it were its own (DNS rebinding).
func (s *Server) ownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.isOwn(r.Host) {
			problem(w, http.StatusMisdirectedRequest, "this server does not go by that name")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) isOwn(host string) bool {
	if u, err := url.Parse(s.config.URL.Value); err == nil && u.Host != "" && strings.EqualFold(u.Host, host) {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	return name == "localhost" || loopback(name)
}

// mayScrape lets whoever may read see the metrics; of a server that only its own
// machine reaches, anybody there. One that has a URL is reached through another program.
func (s *Server) mayScrape(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(s.config.Listen.Value)
		local := loopback(host) && s.config.URL.Value == ""
		if actor := accounts.From(r.Context()); !local && (actor == nil || !actor.MayRead()) {
			problem(w, http.StatusUnauthorized, "send a token: Authorization: Bearer TOKEN")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ready tells a load balancer whether this server can answer, and write what it is told.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if s.draining.Load() {
		problem(w, http.StatusServiceUnavailable, "it is draining")
		return
	}
	if err := s.fleetFile(); err != nil {
		problem(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	switch err := s.database.Writable(ctx); {
	case errors.Is(err, ledgersql.ErrFull), errors.Is(err, ledgersql.ErrReadOnly), errors.Is(err, ledgersql.ErrReplaced):
		problem(w, http.StatusServiceUnavailable, err.Error())
		return
	case err != nil:
		problem(w, http.StatusServiceUnavailable, "the database does not answer")
		return
	}
	own := s.plan.Loaded()
	last, err := s.store.Loaded(ctx)
	switch {
	case err != nil:
		problem(w, http.StatusServiceUnavailable, "the database does not answer")
		return
	case own != "" && own != last.Digest:
		problem(w, http.StatusServiceUnavailable, (&ledgersql.OtherFleetFileError{Last: last}).Error())
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// fleetFile says that the fleet file has a mistake, or is not there any more: then nothing
// is given. The log has the place.
func (s *Server) fleetFile() error {
	if s.config.Fleet.Value == "" {
		return nil
	}
	if _, err := os.Stat(s.config.Fleet.Value); err != nil || s.wrong.Load() {
		return central.ErrFleetFile
	}
	return nil
}

// problem answers as RFC 9457 has it.
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	text, _ := json.Marshal(protocol.Problem{Title: http.StatusText(status), Status: status, Detail: detail}) // has no type that fails
	_, _ = w.Write(append(legible.EscapedJSON(text), '\n'))
}

// seen is what the log says of a request.
type seen struct {
	http.ResponseWriter
	status int
	actor  string
}

type seenKey struct{}

func (s *seen) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (s *seen) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func noteActor(r *http.Request, name string) {
	if v, ok := r.Context().Value(seenKey{}).(*seen); ok {
		v.actor = name
	}
}

// loggedPath is a path without what a one-time link ends with, however somebody wrote the
// link: what leads nowhere may be tried again and lead in.
func loggedPath(path string) string {
	const end = "/once"
	if at := strings.Index(strings.ToLower(path), end); at >= 0 && at+len(end) < len(path) {
		return path[:at] + end + "/…"
	}
	return path
}

// logged writes a line for each request, and counts it. Of the path nothing is said
// that is secret: not what a one-time link ends with, and no query.
func (s *Server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := accounts.Secret()[:16]
		v := &seen{ResponseWriter: w}
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(v, r.WithContext(context.WithValue(r.Context(), seenKey{}, v)))
		if v.status == 0 {
			v.status = http.StatusOK
		}
		took := time.Since(start)
		s.metrics.request(r.Method, v.status, took)
		level := slog.LevelDebug
		if r.Method != http.MethodGet || v.status >= 400 {
			level = slog.LevelInfo
		}
		s.log.Log(r.Context(), level, "request", "id", id, "method", r.Method, "path", loggedPath(r.URL.Path), "status", v.status,
			"took_ms", took.Milliseconds(), "actor", v.actor, "from", r.RemoteAddr)
	})
}
