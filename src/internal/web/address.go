package web

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/api"
	"github.com/ipguard/ipguard/src/internal/protocol"
)

// addressed is the page of one address.
type addressed struct {
	Address  string        `json:"address"`
	Pools    []string      `json:"pools"`
	Claims   []api.Claim   `json:"claims"`
	Bookings []api.Booking `json:"bookings"`
	Blind    int           `json:"blind"`
	// Next says that there are more claims.
	Next string `json:"next"`
	// Past are the events of all pools, the latest first.
	Past []past `json:"-"`
	// Held are who declared it or was granted it, the latest beginning first.
	Held protocol.AddressClaims `json:"-"`
	// Conflicts are those that go on about it, up to mostConflicts.
	Conflicts conflicted `json:"-"`
	// Later says that the page goes on where another one ended.
	Later bool `json:"-"`
}

// mostConflicts is how many are shown: a block may have thousands.
const mostConflicts = "10"

// past is one event.
type past struct {
	Pool, Range string
	protocol.Event
}

func (s *site) address(w http.ResponseWriter, r *http.Request) {
	var v addressed
	name := r.PathValue("address")
	if !s.get(w, r, "/api/v1/addresses/"+escaped(name)+"?limit=1000", &v) {
		return
	}
	var history struct {
		Pools []api.AddressHistory `json:"pools"`
		protocol.AddressClaims
	}
	after := r.URL.Query().Get("after")
	if !s.get(w, r, "/api/v1/addresses/"+escaped(name)+"/history?"+url.Values{"after": {after}}.Encode(), &history) {
		return
	}
	if !s.get(w, r, "/api/v1/conflicts?"+url.Values{"address": {v.Address}, "limit": {mostConflicts}}.Encode(), &v.Conflicts) {
		return
	}
	v.Held, v.Later = history.AddressClaims, after != ""
	for _, p := range history.Pools {
		for _, e := range p.Events {
			v.Past = append(v.Past, past{p.Pool, p.Address, e})
		}
	}
	slices.SortStableFunc(v.Past, func(a, b past) int { return b.At.Compare(a.At) })
	s.show(w, r, http.StatusOK, "address.html", page{Title: v.Address, At: "", Query: v.Address, Content: v})
}

// When is when it happened.
func (p past) When() time.Time { return p.At }
