// Package web makes the pages: what the API can do, for people. They are made on the
// server, need no script, and show every text as text.
package web

import (
	"embed"
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/api"
	"github.com/ipguard/ipguard/src/internal/ledger"
)

//go:embed pages
var pages embed.FS

// site answers requests for pages.
type site struct {
	api       *api.API
	templates *template.Template
}

// New is the handler of all pages.
func New(a *api.API) http.Handler {
	s := &site{api: a, templates: template.Must(template.New("").ParseFS(pages, "pages/*.html"))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.start)
	mux.HandleFunc("POST /take", s.take)
	mux.Handle("GET /pages/", http.FileServerFS(pages))
	return mux
}

// page is what every page shows.
type page struct {
	Title string
	Actor *accounts.Actor
	// Start is the form to take addresses, with what was put in.
	Pools  []*ledger.Pool
	Ask    api.Ask
	Pool   string
	Answer *answer
	Error  string
}

// answer is what somebody got.
type answer struct {
	Addresses []string
	New       int
	Until     string
	Command   string
	Vars      string
}

func (s *site) start(w http.ResponseWriter, r *http.Request) {
	p := page{Title: "Take an address", Ask: api.Ask{Number: 1}, Pool: r.URL.Query().Get("pool")}
	s.show(w, r, http.StatusOK, p)
}

// show writes the start page.
func (s *site) show(w http.ResponseWriter, r *http.Request, status int, p page) {
	if p.Actor = accounts.From(r.Context()); p.Actor == nil {
		s.write(w, http.StatusUnauthorized, "login.html", page{Title: "Log in"})
		return
	}
	picture, err := s.api.Plan.Read(r.Context())
	if err != nil {
		p.Error, status = "the plan cannot be read", http.StatusServiceUnavailable
		s.write(w, status, "start.html", p)
		return
	}
	for _, pool := range picture.Pools {
		for _, team := range pool.Teams {
			if p.Actor.Has(accounts.BookFor(team)) {
				p.Pools = append(p.Pools, pool)
				break
			}
		}
	}
	s.write(w, status, "start.html", p)
}

func (s *site) write(w http.ResponseWriter, status int, name string, p page) {
	var text strings.Builder
	if err := s.templates.ExecuteTemplate(&text, name, p); err != nil {
		http.Error(w, "the page cannot be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text.String()))
}

// largestForm is how many bytes a form may have.
const largestForm = 64 << 10

func (s *site) take(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, largestForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form cannot be read", http.StatusBadRequest)
		return
	}
	number, err := strconv.Atoi(r.PostForm.Get("number"))
	p := page{
		Title: "Take an address", Pool: r.PostForm.Get("pool"),
		Ask: api.Ask{For: strings.TrimSpace(r.PostForm.Get("for")), Number: number, Why: strings.TrimSpace(r.PostForm.Get("why"))},
	}
	if err != nil || number < 1 {
		p.Error = "how many is a number from 1"
		s.show(w, r, http.StatusUnprocessableEntity, p)
		return
	}
	p.Ask.Team = s.team(r, p.Pool)
	got, pool, err := s.api.Take(r.Context(), p.Pool, p.Ask)
	var told huma.StatusError
	switch {
	case errors.As(err, &told):
		p.Error = told.Error()
		s.show(w, r, told.GetStatus(), p)
	case err != nil:
		p.Error = "nothing is known to have been booked: try again"
		s.show(w, r, http.StatusServiceUnavailable, p)
	case got.Refusal != nil:
		p.Error = api.RefusalText(pool, got.Refusal)
		s.show(w, r, http.StatusConflict, p)
	default:
		p.Answer = answerOf(pool, p.Ask, got)
		s.show(w, r, http.StatusOK, p)
	}
}

// team is the first team of a pool for which the actor may book.
func (s *site) team(r *http.Request, name string) string {
	actor := accounts.From(r.Context())
	picture, err := s.api.Plan.Read(r.Context())
	if actor == nil || err != nil || picture.Pool(name) == nil {
		return ""
	}
	for _, team := range picture.Pool(name).Teams {
		if actor.Has(accounts.BookFor(team)) {
			return team
		}
	}
	return ""
}

func answerOf(pool *ledger.Pool, ask api.Ask, got ledger.Answer) *answer {
	v := &answer{New: got.New, Command: "ipguard book " + pool.Name + " --for " + ask.For}
	if ask.Number > 1 {
		v.Command += " -n " + strconv.Itoa(ask.Number)
	}
	for _, b := range got.Bookings {
		v.Addresses = append(v.Addresses, ledger.RangeText(b.Range))
	}
	if until := got.Bookings[0].Until; !until.IsZero() {
		v.Until = until.Format(time.DateOnly)
	}
	v.Vars = "ips: [" + strings.Join(v.Addresses, ", ") + "]"
	return v
}
