package web

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/api"
)

// found is what a search found.
type found struct {
	Query    string
	Pools    []api.Pool
	Bookings []api.Booking
	Next     string
}

// search leads to an address or block at once, and for a range to the block around it; any other text is looked for in pools,
// and as an owner or a part of one.
func (s *site) search(w http.ResponseWriter, r *http.Request) {
	text := strings.TrimSpace(r.URL.Query().Get("q"))
	if accounts.From(r.Context()) == nil || text == "" {
		s.show(w, r, http.StatusOK, "search.html", page{Title: "Search", Content: found{}})
		return
	}
	if _, err := netip.ParseAddr(text); err == nil {
		http.Redirect(w, r, "/addresses/"+escaped(text), http.StatusSeeOther)
		return
	}
	if block, err := netip.ParsePrefix(text); err == nil {
		http.Redirect(w, r, "/addresses/"+block.Masked().String(), http.StatusSeeOther)
		return
	}
	if from, to, ok := bounds(text); ok {
		http.Redirect(w, r, "/addresses/"+cover(from, to).String(), http.StatusSeeOther)
		return
	}
	v := found{Query: text}
	pools, ok := everything[api.Pool](s, w, r, "/api/v1/pools", "pools")
	if !ok {
		return
	}
	for _, p := range pools {
		if strings.Contains(strings.ToLower(p.Name), strings.ToLower(text)) {
			v.Pools = append(v.Pools, p)
		}
	}
	var list struct {
		Bookings []api.Booking `json:"bookings"`
		Next     string        `json:"next"`
	}
	if len(text) <= 500 && !s.get(w, r, "/api/v1/bookings?"+url.Values{"owner": {text}, "limit": {"100"}}.Encode(), &list) {
		return
	}
	v.Bookings, v.Next = list.Bookings, list.Next
	s.show(w, r, http.StatusOK, "search.html", page{Title: "Search", Query: text, Content: v})
}
