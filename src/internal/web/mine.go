package web

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/api"
)

// mined is what the reader booked, what ends first before the rest.
type mined struct {
	Bookings []api.Booking
	Next     string
	Changed  []api.Changed
	// Requests are what the reader asked for beyond quotas, the newest first.
	Requests []api.Request
}

func (s *site) mine(w http.ResponseWriter, r *http.Request) {
	s.showMine(w, r, http.StatusOK, "", nil)
}

func (s *site) showMine(w http.ResponseWriter, r *http.Request, status int, no string, changed []api.Changed) {
	var list struct {
		Bookings []api.Booking `json:"bookings"`
		Next     string        `json:"next"`
	}
	if !s.get(w, r, "/api/v1/bookings?mine=true&limit=1000", &list) {
		return
	}
	var asked struct {
		Requests []api.Request `json:"requests"`
	}
	if !s.get(w, r, "/api/v1/requests?mine=true&limit=20", &asked) {
		return
	}
	slices.SortStableFunc(list.Bookings, func(a, b api.Booking) int { return cmp.Compare(ends(a), ends(b)) })
	s.show(w, r, status, "mine.html", page{Title: "Mine", At: "mine", Error: no, Content: mined{list.Bookings, list.Next, changed, asked.Requests}})
}

// ends sorts what never ends behind all else.
func ends(b api.Booking) int64 {
	if b.Until == nil {
		return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	}
	return b.Until.Unix()
}

// change renews or releases what is selected. A value is a pool, a space and an address.
func (s *site) change(w http.ResponseWriter, r *http.Request) {
	if !s.parse(w, r) {
		return
	}
	what := r.PostForm.Get("do")
	if what != "renew" && what != "release" || len(r.PostForm["booking"]) == 0 {
		s.showMine(w, r, http.StatusUnprocessableEntity, "select what you want to renew or release", nil)
		return
	}
	chosen := map[string][]string{}
	for _, value := range r.PostForm["booking"] {
		i := strings.LastIndex(value, " ")
		if i < 0 {
			s.showMine(w, r, http.StatusUnprocessableEntity, "the form names no address", nil)
			return
		}
		chosen[value[:i]] = append(chosen[value[:i]], value[i+1:])
	}
	var all []api.Changed
	for pool, addresses := range chosen {
		var got struct {
			Bookings []api.Changed `json:"bookings"`
		}
		err := s.api.ask(r.Context(), http.MethodPost, "/api/v1/pools/"+escaped(pool)+"/"+what, api.Which{Addresses: addresses}, &got)
		if err != nil {
			status, text := s.told(err)
			s.showMine(w, r, status, text, all)
			return
		}
		all = append(all, got.Bookings...)
	}
	s.showMine(w, r, http.StatusOK, "", all)
}

// withdraw takes a request back.
func (s *site) withdraw(w http.ResponseWriter, r *http.Request) {
	if !s.parse(w, r) {
		return
	}
	id, err := strconv.ParseInt(r.PostForm.Get("id"), 10, 64)
	if err != nil {
		s.showMine(w, r, http.StatusUnprocessableEntity, "the form names no request", nil)
		return
	}
	if err := s.api.ask(r.Context(), http.MethodPost, "/api/v1/requests/"+strconv.FormatInt(id, 10)+"/withdraw", struct{}{}, nil); err != nil {
		status, text := s.told(err)
		s.showMine(w, r, status, text, nil)
		return
	}
	s.showMine(w, r, http.StatusOK, "", nil)
}
