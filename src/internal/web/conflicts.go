package web

import (
	"net/http"
	"net/url"

	"github.com/ipguard/ipguard/src/internal/api"
)

// conflicted is the page of conflicts: those that go on, or those that have ended.
type conflicted struct {
	Conflicts []api.Conflict `json:"conflicts"`
	Next      string         `json:"next"`
	Ended     bool           `json:"-"`
}

func (s *site) conflicts(w http.ResponseWriter, r *http.Request) {
	v := conflicted{Ended: r.URL.Query().Get("ended") != ""}
	path := "/api/v1/conflicts"
	if v.Ended {
		path += "?" + url.Values{"ended": {"true"}, "after": {r.URL.Query().Get("after")}}.Encode()
	}
	ok := false
	if v.Ended {
		ok = s.get(w, r, path, &v)
	} else {
		v.Conflicts, ok = everything[api.Conflict](s, w, r, path, "conflicts")
	}
	if !ok {
		return
	}
	s.show(w, r, http.StatusOK, "conflicts.html", page{Title: "Conflicts", At: "conflicts", Content: v})
}
