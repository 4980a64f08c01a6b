package web

import (
	"html"
	"html/template"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/api"
	"github.com/ipguard/ipguard/src/internal/legible"
)

// pools lists all pools.
func (s *site) pools(w http.ResponseWriter, r *http.Request) {
	all, ok := everything[api.Pool](s, w, r, "/api/v1/pools", "pools")
	if !ok {
		return
	}
	s.show(w, r, http.StatusOK, "pools.html", page{Title: "Pools", At: "pools", Content: all})
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

// Row is the cells as a part of a page. A template, which finds out for each value what it may
// be, took a third of the time of the whole page for the 256 cells of a /24.
func (b block) Row() template.HTML {
	var row strings.Builder
	for _, c := range b.Cells {
		says := html.EscapeString(c.Says)
		row.WriteString(`<td class="` + html.EscapeString(c.Class) + `"><a href="/addresses/` + html.EscapeString(c.Address) +
			`" title="` + says + `" aria-label="` + says + `">` + html.EscapeString(c.Mark) + `</a></td>`)
	}
	return template.HTML(row.String())
}

// cell is an address. Mark is a letter for its state: colours are never alone. Says is the
// cell in words, which are legible.
type cell struct{ Address, Mark, Class, Says string }

func newCell(a netip.Addr, mark, class, state, owner string) cell {
	address := a.String()
	says := address + ": " + state
	if owner != "" {
		says += ", " + owner
	}
	return cell{address, mark, class, legible.Text(says)}
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
	v.MayTake = len(teamsOf(v.Pool, accounts.From(r.Context()))) > 0
	g := grid{pool: &v.Pool, booked: map[netip.Addr]api.Booking{}}
	for _, b := range list.Bookings {
		if a, err := netip.ParseAddr(b.Address); err == nil {
			g.booked[a] = b
		}
	}
	for _, part := range shown(v.Ranges) {
		from, to := part[0], part[1]
		claims, ok := everything[api.Claim](s, w, r, "/api/v1/addresses/"+escaped(cover(from, to).String()), "claims")
		if !ok {
			return
		}
		g.claims = append(g.claims, claims...)
	}
	v.Blocks, v.Cut = g.rows()
	s.show(w, r, http.StatusOK, "pool.html", page{Title: "Pool " + name, At: "pools", Content: v})
}

// shown are the first and last addresses of ranges, as far as a grid shows them.
func shown(ranges []string) (list [][2]netip.Addr) {
	left := mostCells
	for _, text := range ranges {
		from, to, ok := bounds(text)
		if !ok || left <= 0 {
			continue
		}
		last := from
		for left--; left > 0 && last.Compare(to) < 0; left-- {
			last = last.Next()
		}
		list = append(list, [2]netip.Addr{from, last})
	}
	return list
}

// grid is what the pool's addresses are.
type grid struct {
	pool   *api.Pool
	booked map[netip.Addr]api.Booking
	claims []api.Claim
	// used are the owners of claims in use, by address.
	used map[netip.Addr]string
}

// rows are the addresses, 16 to a row as they are numbered.
func (g *grid) rows() (rows []block, cut bool) {
	g.used = map[netip.Addr]string{}
	for _, c := range g.claims {
		from, to, ok := bounds(c.Range)
		for a := from; ok && c.InUse && a.IsValid() && a.Compare(to) <= 0 && len(g.used) < mostCells; a = a.Next() {
			g.used[a] = c.Owner
		}
	}
	left := mostCells
	for _, text := range g.pool.Ranges {
		from, to, ok := bounds(text)
		for a := from; ok && a.IsValid() && a.Compare(to) <= 0; a = a.Next() {
			if left--; left < 0 {
				return rows, true
			}
			if last := a.AsSlice()[a.BitLen()/8-1]; a == from || last%16 == 0 {
				rows = append(rows, block{Label: a.String()})
			}
			row := &rows[len(rows)-1]
			row.Cells = append(row.Cells, g.cell(a))
		}
	}
	return rows, false
}

func (g *grid) cell(a netip.Addr) cell {
	if b, ok := g.booked[a]; ok {
		mark := map[string]string{"booked": "B", "held": "H", "quarantined": "Q"}[b.State]
		return newCell(a, mark, b.State, b.State, b.Owner)
	}
	if owner, ok := g.used[a]; ok {
		return newCell(a, "U", "used", "in use without a booking", owner)
	}
	if slices.ContainsFunc(g.pool.Except, func(text string) bool {
		from, to, ok := bounds(text)
		return ok && from.Compare(a) <= 0 && a.Compare(to) <= 0
	}) {
		return newCell(a, "–", "excepted", "excepted", "")
	}
	return newCell(a, "·", "", "not booked", "")
}

// cover is the smallest block that holds a range.
func cover(from, to netip.Addr) netip.Prefix {
	for bits := from.BitLen(); ; bits-- {
		if p := netip.PrefixFrom(from, bits).Masked(); bits == 0 || p.Contains(to) {
			return p
		}
	}
}

// bounds are the first and last address of a range as the API writes it, which for a
// block may be its first address and its length.
func bounds(text string) (from, to netip.Addr, ok bool) {
	if block, err := netip.ParsePrefix(text); err == nil && block.IsSingleIP() {
		return block.Addr(), block.Addr(), true
	}
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	from, err := netip.ParseAddr(strings.TrimSpace(first))
	to, other := netip.ParseAddr(strings.TrimSpace(last))
	return from, to, err == nil && other == nil && from.BitLen() == to.BitLen()
}
