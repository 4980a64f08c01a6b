package web

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/api"
)

// pools lists all pools.
func (s *site) pools(w http.ResponseWriter, r *http.Request) {
	var all struct {
		Pools []api.Pool `json:"pools"`
	}
	if !s.get(w, r, "/api/v1/pools", &all) {
		return
	}
	s.show(w, r, http.StatusOK, "pools.html", page{Title: "Pools", At: "pools", Content: all.Pools})
}

// pooled is the page of one pool.
type pooled struct {
	api.Pool
	// MayTake says that the reader may take addresses of it.
	MayTake  bool
	Blocks   []block
	Bookings []api.Booking
	Next     string
	// Cut says that the pool has more addresses than the grid shows.
	Cut bool
}

// block is a row of the grid: 16 addresses, and where they begin.
type block struct {
	Label string
	Cells []cell
}

// cell is an address. Mark is a letter for its state: colours are never alone.
type cell struct {
	Address, Mark, State, Owner string
}

// mostCells is how many addresses a grid shows.
const mostCells = 1024

func (s *site) pool(w http.ResponseWriter, r *http.Request) {
	var v pooled
	name := r.PathValue("pool")
	if !s.get(w, r, "/api/v1/pools/"+escaped(name), &v.Pool) {
		return
	}
	var list struct {
		Bookings []api.Booking `json:"bookings"`
		Next     string        `json:"next"`
	}
	values := url.Values{"pool": {name}, "limit": {"1000"}, "after": {r.URL.Query().Get("after")}}
	if !s.get(w, r, "/api/v1/bookings?"+values.Encode(), &list) {
		return
	}
	v.Bookings, v.Next = list.Bookings, list.Next
	v.MayTake = teamOf(v.Pool, accounts.From(r.Context())) != ""
	v.Blocks, v.Cut = grid(&v.Pool, list.Bookings)
	s.show(w, r, http.StatusOK, "pool.html", page{Title: "Pool " + name, At: "pools", Content: v})
}

// grid is the pool's addresses, in rows of 16 as they are numbered.
func grid(p *api.Pool, bookings []api.Booking) (rows []block, cut bool) {
	state := map[netip.Addr]api.Booking{}
	for _, b := range bookings {
		if a, err := netip.ParseAddr(b.Address); err == nil {
			state[a] = b
		}
	}
	left := mostCells
	for _, text := range p.Ranges {
		from, to, ok := bounds(text)
		if !ok {
			continue
		}
		for a := from; a.IsValid() && a.Compare(to) <= 0; a = a.Next() {
			if left--; left < 0 {
				return rows, true
			}
			last := a.AsSlice()[a.BitLen()/8-1]
			if a == from || last%16 == 0 {
				rows = append(rows, block{Label: a.String()})
			}
			row := &rows[len(rows)-1]
			row.Cells = append(row.Cells, cellOf(a, p, state))
		}
	}
	return rows, false
}

func cellOf(a netip.Addr, p *api.Pool, state map[netip.Addr]api.Booking) cell {
	c := cell{Address: a.String(), Mark: "·", State: "not booked"}
	if slices.ContainsFunc(p.Except, func(text string) bool {
		from, to, ok := bounds(text)
		return ok && from.Compare(a) <= 0 && a.Compare(to) <= 0
	}) {
		c.Mark, c.State = "–", "excepted"
	}
	if b, ok := state[a]; ok {
		c.State, c.Owner = b.State, b.Owner
		c.Mark = map[string]string{"booked": "B", "held": "H", "quarantined": "Q"}[b.State]
	}
	return c
}

// bounds are the first and last address of a range as the API writes it.
func bounds(text string) (from, to netip.Addr, ok bool) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	from, err := netip.ParseAddr(strings.TrimSpace(first))
	to, other := netip.ParseAddr(strings.TrimSpace(last))
	return from, to, err == nil && other == nil && from.BitLen() == to.BitLen()
}
