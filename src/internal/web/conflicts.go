package web

import (
	"net/http"

	"github.com/ipguard/ipguard/src/internal/api"
)

func (s *site) conflicts(w http.ResponseWriter, r *http.Request) {
	var all struct {
		Conflicts []api.Conflict `json:"conflicts"`
	}
	if !s.get(w, r, "/api/v1/conflicts", &all) {
		return
	}
	s.show(w, r, http.StatusOK, "conflicts.html", page{Title: "Conflicts", At: "conflicts", Content: all.Conflicts})
}
