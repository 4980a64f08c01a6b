package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/api"
)

// networked is the page of the network team.
type networked struct {
	Pools     []api.Pool
	Directors []api.Director
	Conflicts int
	IsAdmin   bool
	// Requests are those that somebody has to decide about, the oldest first, and Waiting is
	// how many there are.
	Requests []asked
	Waiting  int
	// Ending are the bookings that end next, of AllEnding that end soon.
	Ending    []api.Booking
	AllEnding int
	// Drifts counts where bookings and use do not fit, by pool and kind.
	Drifts []driftCount
	Tokens []api.Token
	// Sessions are who is logged in.
	Sessions []api.LoggedIn
	// Made is a token that was just made, which is shown this once.
	Made *madeToken
	// Done says what a form did.
	Done string
}

// asked is a request, and whether the reader may decide about it.
type asked struct {
	api.Request
	MayDecide bool
}

// driftCount is how many addresses of a pool drift in one way.
type driftCount struct {
	Pool, Kind string
	Count      int
}

type madeToken struct {
	api.Token
	Secret string `json:"secret"`
}

func (s *site) network(w http.ResponseWriter, r *http.Request) {
	s.showNetwork(w, r, http.StatusOK, "", networked{})
}

// showNetwork shows the page with what came of a form.
func (s *site) showNetwork(w http.ResponseWriter, r *http.Request, status int, no string, v networked) {
	actor := accounts.From(r.Context())
	v.IsAdmin = actor != nil && actor.Has(accounts.Admin)
	bookings, ok := everything[api.Booking](s, w, r, "/api/v1/bookings", "bookings")
	if !ok {
		return
	}
	requests, ok := everything[api.Request](s, w, r, "/api/v1/requests?open=true", "requests")
	if !ok {
		return
	}
	if v.Pools, ok = everything[api.Pool](s, w, r, "/api/v1/pools", "pools"); !ok {
		return
	}
	if v.Directors, ok = everything[api.Director](s, w, r, "/api/v1/directors", "directors"); !ok {
		return
	}
	conflicts, ok := everything[api.Conflict](s, w, r, "/api/v1/conflicts", "conflicts")
	if !ok {
		return
	}
	drift, ok := everything[api.Drift](s, w, r, "/api/v1/drift", "drift")
	if !ok {
		return
	}
	if v.IsAdmin {
		if v.Tokens, ok = everything[api.Token](s, w, r, "/api/v1/tokens", "tokens"); !ok {
			return
		}
		if v.Sessions, ok = everything[api.LoggedIn](s, w, r, "/api/v1/sessions", "sessions"); !ok {
			return
		}
	}
	v.Conflicts = len(conflicts)
	slices.SortFunc(requests, func(a, b api.Request) int { return cmp.Compare(a.ID, b.ID) })
	v.Waiting = len(requests)
	for _, q := range requests[:min(len(requests), mostRequests)] {
		v.Requests = append(v.Requests, asked{q, actor.Has(accounts.ApproveFor(q.Pool))})
	}
	v.Ending, v.AllEnding = s.endingSoon(bookings)
	v.Drifts = countDrift(drift)
	s.show(w, r, status, "network.html", page{Title: "Network team", At: "network", Error: no, Content: v})
}

// What the page shows: how many requests, how many bookings that end, and how long before.
const (
	mostRequests = 100
	mostEnding   = 10
	endsSoon     = 14 * 24 * time.Hour
)

// endingSoon are the bookings that nobody uses and that end first, and how many there are.
func (s *site) endingSoon(all []api.Booking) (first []api.Booking, n int) {
	list := slices.DeleteFunc(slices.Clone(all), func(b api.Booking) bool {
		return b.Until == nil || len(b.Used) > 0 || b.State == "quarantined" || b.Until.Sub(s.now()) > endsSoon
	})
	slices.SortStableFunc(list, func(a, b api.Booking) int { return cmp.Compare(ends(a), ends(b)) })
	return list[:min(len(list), mostEnding)], len(list)
}

func countDrift(all []api.Drift) (list []driftCount) {
	for _, d := range all {
		i := slices.IndexFunc(list, func(c driftCount) bool { return c.Pool == d.Pool && c.Kind == d.Kind })
		if i < 0 {
			i, list = len(list), append(list, driftCount{Pool: d.Pool, Kind: d.Kind})
		}
		list[i].Count++
	}
	return list
}

// decide approves or declines a request.
func (s *site) decide(w http.ResponseWriter, r *http.Request) {
	if !s.parse(w, r) {
		return
	}
	id, err := strconv.ParseInt(r.PostForm.Get("id"), 10, 64)
	what := r.PostForm.Get("do")
	if err != nil || what != "approve" && what != "decline" {
		s.showNetwork(w, r, http.StatusUnprocessableEntity, "choose to approve or to decline", networked{})
		return
	}
	var got struct {
		api.Request
		Waits string
	}
	body := map[string]string{"why": strings.TrimSpace(r.PostForm.Get("why"))}
	if err := s.api.ask(r.Context(), http.MethodPost, "/api/v1/requests/"+strconv.FormatInt(id, 10)+"/"+what, body, &got); err != nil {
		status, text := s.told(err)
		s.showNetwork(w, r, status, text, networked{})
		return
	}
	done := "Request " + strconv.FormatInt(got.ID, 10) + " for " + got.For + " is " + got.State + "."
	if got.Waits != "" {
		done += " Nothing could be booked yet: " + got.Waits + "."
	}
	s.showNetwork(w, r, http.StatusOK, "", networked{Done: done})
}

// makeToken makes a token. Its scopes stand in one field, parted by blanks.
func (s *site) makeToken(w http.ResponseWriter, r *http.Request) {
	if !s.parse(w, r) {
		return
	}
	days, err := strconv.Atoi(r.PostForm.Get("days"))
	if err != nil || days < 1 || days > 366 {
		s.showNetwork(w, r, http.StatusUnprocessableEntity, "a token lasts from 1 to 366 days", networked{})
		return
	}
	wish := api.Token{Name: strings.TrimSpace(r.PostForm.Get("name")), Scopes: strings.Fields(r.PostForm.Get("scopes")), Ends: s.now().UTC().Add(time.Duration(days) * 24 * time.Hour).Truncate(time.Second)}
	made := &madeToken{}
	if err := s.api.ask(r.Context(), http.MethodPost, "/api/v1/tokens", wish, made); err != nil {
		status, text := s.told(err)
		s.showNetwork(w, r, status, text, networked{})
		return
	}
	s.showNetwork(w, r, http.StatusOK, "", networked{Made: made})
}

func (s *site) revokeToken(w http.ResponseWriter, r *http.Request) {
	if !s.parse(w, r) {
		return
	}
	name := r.PostForm.Get("name")
	if err := s.api.ask(r.Context(), http.MethodDelete, "/api/v1/tokens/"+escaped(name), nil, nil); err != nil {
		status, text := s.told(err)
		s.showNetwork(w, r, status, text, networked{})
		return
	}
	s.showNetwork(w, r, http.StatusOK, "", networked{Done: "Token " + name + " is no longer valid."})
}

func (s *site) endSessions(w http.ResponseWriter, r *http.Request) {
	if !s.parse(w, r) {
		return
	}
	actor := r.PostForm.Get("actor")
	if err := s.api.ask(r.Context(), http.MethodPost, "/api/v1/sessions/end", map[string]string{"actor": actor}, nil); err != nil {
		status, text := s.told(err)
		s.showNetwork(w, r, status, text, networked{})
		return
	}
	s.showNetwork(w, r, http.StatusOK, "", networked{Done: actor + " is logged out of all browsers."})
}

// drifting is the page of drift.
type drifting struct {
	Drift   []api.Drift
	Pool    string
	IsAdmin bool
	// Adoptable are the pools of which something is used and not booked.
	Adoptable []string
}

func (s *site) drift(w http.ResponseWriter, r *http.Request) {
	var all struct {
		Drift []api.Drift `json:"drift"`
	}
	var ok bool
	if all.Drift, ok = everything[api.Drift](s, w, r, "/api/v1/drift", "drift"); !ok {
		return
	}
	v := drifting{Pool: r.URL.Query().Get("pool"), IsAdmin: accounts.From(r.Context()).Has(accounts.Admin)}
	for _, d := range all.Drift {
		if v.Pool != "" && d.Pool != v.Pool {
			continue
		}
		v.Drift = append(v.Drift, d)
		if d.Kind == "not-booked" && !slices.Contains(v.Adoptable, d.Pool) {
			v.Adoptable = append(v.Adoptable, d.Pool)
		}
	}
	s.show(w, r, http.StatusOK, "drift.html", page{Title: "Drift", At: "network", Content: v})
}

// trailed is the audit trail.
type trailed struct {
	Actions []api.Action `json:"actions"`
	Next    string       `json:"next"`
}

// perTrail is how many lines of the trail a page shows.
const perTrail = 500

func (s *site) trail(w http.ResponseWriter, r *http.Request) {
	var v trailed
	values := url.Values{"after": {r.URL.Query().Get("after")}, "limit": {strconv.Itoa(perTrail)}}
	if !s.get(w, r, "/api/v1/actions?"+values.Encode(), &v) {
		return
	}
	s.show(w, r, http.StatusOK, "trail.html", page{Title: "Audit trail", At: "network", Content: v})
}
