// Package web makes the pages: what the API can do, for people.
//
//	browser ─▶ page: its form or address ─▶ API, for the same actor ─▶ template
//
// Pages are made on the server and need no script. Templates show every text as text, and
// so that it says what it says (legible); nothing is marked as HTML by hand. A change is a form that is sent by POST and ends
// with the page that shows what became of it. One file per page.
package web

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/api"
)

//go:embed pages
var pages embed.FS

// Entrance is a provider at which people log in.
type Entrance struct {
	// Name is shown, and Provider is what the server calls it.
	Name, Provider string
}

// site answers requests for pages.
type site struct {
	api       client
	entrances func() []Entrance
	templates *template.Template
	now       func() time.Time
}

// New is the handler of all pages. answers is the API.
func New(answers http.Handler, entrances func() []Entrance, now func() time.Time) http.Handler {
	s := &site{api: client{answers}, entrances: entrances, now: now}
	s.templates = parsed(pages, s.words(), "pages/*.html")
	mux := http.NewServeMux()
	for pattern, handle := range map[string]http.HandlerFunc{
		"GET /{$}": s.start, "POST /take": s.take,
		"GET /pools": s.pools, "GET /pools/{pool}": s.pool,
		"GET /addresses/{address...}": s.address,
		"GET /mine":                   s.mine, "POST /mine": s.change,
		"GET /conflicts": s.conflicts, "GET /search": s.search,
		"GET /network": s.network, "GET /trail": s.trail,
		"POST /request": s.request, "POST /mine/requests": s.withdraw,
		"POST /network/requests": s.decide, "GET /network/drift": s.drift,
		"GET /network/import": s.importForm, "POST /network/import": s.importTable,
		"POST /network/tokens": s.makeToken, "POST /network/revoke": s.revokeToken,
		"POST /network/sessions": s.endSessions,
	} {
		mux.HandleFunc(pattern, handle)
	}
	mux.HandleFunc("GET /pages/style.css", s.file("pages/style.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /pages/script.js", s.file("pages/script.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, http.StatusNotFound, "There is no such page.")
	})
	return atOneMoment(mux)
}

// atOneMoment makes each page that only shows something show it as of one moment.
func atOneMoment(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			r = r.WithContext(api.AtOneMoment(r.Context()))
		}
		pages.ServeHTTP(w, r)
	})
}

// page is what every page shows.
type page struct {
	Title string
	// At is the entry of the menu that the page belongs to.
	At        string
	Actor     *accounts.Actor
	Query     string
	Error     string
	Entrances []Entrance
	// Return is where to go after a login.
	Return string
	// Fences say of which pools bookings may be lost: whatever page tells of bookings, or
	// that there are none.
	Fences []string
	// Content is the page's own.
	Content any
}

// show writes a page for who is logged in; others get the page to log in.
func (s *site) show(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	if p.Actor = accounts.From(r.Context()); p.Actor == nil {
		s.write(w, http.StatusUnauthorized, "login.html", page{Title: "Log in", Entrances: s.entrances(), Return: back(r)})
		return
	}
	if name != "refused.html" {
		p.Fences = s.fences(r)
	}
	s.write(w, status, name, p)
}

// fences are the fences in words.
func (s *site) fences(r *http.Request) (texts []string) {
	var list struct {
		Fences []api.Fence `json:"fences"`
	}
	err := s.api.ask(r.Context(), http.MethodGet, "/api/v1/fences", nil, &list)
	if p := (*problem)(nil); errors.As(err, &p) && p.Status == http.StatusForbidden {
		return nil // who may not read is shown no bookings
	}
	if err != nil {
		return []string{"Whether bookings were lost cannot be told now."}
	}
	for _, f := range list.Fences {
		texts = append(texts, f.Text)
	}
	return texts
}

// back is the page that somebody wants who has to log in first.
func back(r *http.Request) string {
	if r.Method != http.MethodGet {
		return "/"
	}
	return r.URL.RequestURI()
}

// buffers are those that pages and answers were written into. Each page would need a few
// times its size to grow one, and beside a large plan every collection of garbage costs.
var buffers = sync.Pool{New: func() any { return &bytes.Buffer{} }}

func (s *site) write(w http.ResponseWriter, status int, name string, p page) {
	text := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(text)
	text.Reset()
	if err := s.templates.ExecuteTemplate(text, name, p); err != nil {
		http.Error(w, "the page cannot be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(withoutHidden(text.Bytes()))
}

// get asks the API for what a page shows. It reports whether the page can be made: if
// not, it wrote why.
func (s *site) get(w http.ResponseWriter, r *http.Request, path string, into any) bool {
	if accounts.From(r.Context()) == nil {
		s.show(w, r, http.StatusUnauthorized, "", page{})
		return false
	}
	err := s.api.ask(r.Context(), http.MethodGet, path, nil, into)
	if err == nil {
		return true
	}
	status, text := s.told(err)
	s.refuse(w, r, status, text)
	return false
}

// everything asks the API for all parts of a list, which has a name in the answers. It
// reports whether the page can be made, as get does.
func everything[T any](s *site, w http.ResponseWriter, r *http.Request, path, name string) (list []T, ok bool) {
	for after := ""; ; {
		var part map[string]json.RawMessage
		values := url.Values{"limit": {"1000"}, "after": {after}}
		sign := "?"
		if strings.Contains(path, "?") {
			sign = "&"
		}
		if !s.get(w, r, path+sign+values.Encode(), &part) {
			return nil, false
		}
		var items []T
		after = ""
		err := json.Unmarshal(part[name], &items)
		if next := part["next"]; err == nil && next != nil {
			err = json.Unmarshal(next, &after)
		}
		if err != nil {
			status, text := s.told(err)
			s.refuse(w, r, status, text)
			return nil, false
		}
		if list = append(list, items...); after == "" {
			return list, true
		}
	}
}

// told is what a person is told of an error: the API's words, and none of others.
func (s *site) told(err error) (status int, text string) {
	if p := (*problem)(nil); errors.As(err, &p) {
		return p.Status, p.Detail
	}
	return http.StatusServiceUnavailable, "the server cannot answer; nothing is known to have been written: try again"
}

// refuse writes a page with a no.
func (s *site) refuse(w http.ResponseWriter, r *http.Request, status int, text string) {
	s.show(w, r, status, "refused.html", page{Title: http.StatusText(status), Error: text})
}

// Refuse writes a page with a no for somebody who may not be logged in.
func Refuse(w http.ResponseWriter, status int, text string) {
	t := parsed(pages, nil, "pages/outside.html")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = t.ExecuteTemplate(w, "outside.html", page{Title: http.StatusText(status), Error: text})
}

// file answers with one file of the program.
func (s *site) file(name, kind string) http.HandlerFunc {
	text, err := pages.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "private, max-age=300")
		_, _ = w.Write(text)
	}
}

// words are the functions of templates.
func (s *site) words() template.FuncMap {
	return template.FuncMap{
		"day":   func(t *time.Time) string { return s.day(t) },
		"at":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" },
		"drift": driftText, "adoption": adoptionText, "word": word, "taken": func(p api.Pool) int { return p.Taken + p.Resting }, "percent": percent, "sum": func(numbers ...int) (all int) {
			for _, n := range numbers {
				all += n
			}
			return max(all, 1) // what a meter goes to
		}, "length": length, "shown": oneOrRange, "path": escaped,
		"list": func(texts []string) string { return strings.Join(texts, ", ") },
	}
}

// percent is how much of a pool is taken or at rest.
func percent(p api.Pool) int {
	return (p.Taken + p.Resting) * 100 / max(p.Free+p.Taken+p.Resting, 1)
}

// driftText is a kind of drift in words.
func driftText(kind string) string {
	return map[string]string{
		"not-booked": "used, and nobody has booked it", "not-bookable": "used, and nothing can be booked for an owner of that name", "booked-by-another": "used, and booked by another", "never-used": "booked, and nobody uses it",
		"released-in-use": "given back, and still in use",
	}[kind]
}

// adoptionText is what becomes of an address of a table.
func adoptionText(status string) string {
	return map[string]string{
		"new": "to be booked", "same": "booked already", "conflict": "another has booked it", "unfit": "nothing can be booked for an owner of that name", "outside": "no pool delegates it",
	}[status]
}

// day is when something ends, in words that need no calendar.
func (s *site) day(t *time.Time) string {
	if t == nil {
		return "never"
	}
	text := t.UTC().Format(time.DateOnly)
	switch left := t.Sub(s.now()); {
	case left < 0:
		return text + ", over"
	case left < 48*time.Hour:
		return t.UTC().Format("2006-01-02 15:04") + " UTC"
	}
	return text
}

// oneOrRange is a range as people write it: of one address as that.
func oneOrRange(text string) string {
	if first, last, ok := strings.Cut(text, "-"); ok && first == last {
		return first
	}
	return text
}

// length is a length of time in words: whole days as days.
func length(text string) string {
	const day = 24 * time.Hour
	switch d, err := time.ParseDuration(text); {
	case err != nil, d%day != 0 || d == 0:
		return text
	case d == day:
		return "1 day"
	default:
		return strconv.FormatInt(int64(d/day), 10) + " days"
	}
}

// escaped is a text as one part of a path.
func escaped(text string) string { return url.PathEscape(text) }
