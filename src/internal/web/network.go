package web

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/api"
)

// networked is the page of the network team.
type networked struct {
	Pools     []api.Pool
	Directors []api.Director
	Conflicts int
	IsAdmin   bool
	Tokens    []api.Token
}

func (s *site) network(w http.ResponseWriter, r *http.Request) {
	var pools struct {
		Pools []api.Pool `json:"pools"`
	}
	var directors struct {
		Directors []api.Director `json:"directors"`
	}
	var conflicts struct {
		Conflicts []api.Conflict `json:"conflicts"`
	}
	if !s.get(w, r, "/api/v1/pools", &pools) || !s.get(w, r, "/api/v1/directors", &directors) || !s.get(w, r, "/api/v1/conflicts", &conflicts) {
		return
	}
	v := networked{Pools: pools.Pools, Directors: directors.Directors, Conflicts: len(conflicts.Conflicts)}
	if v.IsAdmin = accounts.From(r.Context()).Has(accounts.Admin); v.IsAdmin {
		var tokens struct {
			Tokens []api.Token `json:"tokens"`
		}
		if !s.get(w, r, "/api/v1/tokens", &tokens) {
			return
		}
		v.Tokens = tokens.Tokens
	}
	s.show(w, r, http.StatusOK, "network.html", page{Title: "Network team", At: "network", Content: v})
}

// trailed is the audit trail.
type trailed struct {
	Actions []api.Action
	Next    int64
}

// perTrail is how many lines of the trail a page shows.
const perTrail = 500

func (s *site) trail(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	if err != nil || after < 0 {
		after = 0
	}
	var got struct {
		Actions []api.Action `json:"actions"`
	}
	values := url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {strconv.Itoa(perTrail)}}
	if !s.get(w, r, "/api/v1/actions?"+values.Encode(), &got) {
		return
	}
	v := trailed{Actions: got.Actions}
	if n := len(v.Actions); n == perTrail {
		v.Next = v.Actions[n-1].Serial
	}
	s.show(w, r, http.StatusOK, "trail.html", page{Title: "Audit trail", At: "network", Content: v})
}
