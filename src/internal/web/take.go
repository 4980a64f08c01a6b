package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/api"
)

// taking is the form to take addresses, and what came of it.
type taking struct {
	Pools []api.Pool
	// Teams are those among which the actor may choose for some pool; none: no pool has two.
	Teams  []string
	Pool   string
	Ask    api.Ask
	Answer *taken
	// Link is where the reason of a no is seen.
	Link string
	// OverQuota says that the quota alone says no, and Asked what was asked for then.
	OverQuota bool
	Asked     *grantedRequest
}

// grantedRequest is a request, and what was booked of it if it was approved before.
type grantedRequest struct {
	api.Request
	api.Granted
}

// taken is what somebody got.
type taken struct {
	Addresses []string
	New       int
	Until     *time.Time
	Command   string
	Vars, Ops string
}

// start is the page to take an address, which is where everybody begins.
func (s *site) start(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.URL.Query().Get("number"))
	if err != nil {
		number = 1
	}
	s.form(w, r, http.StatusOK, "", taking{Pool: r.URL.Query().Get("pool"), Ask: api.Ask{Number: number, For: r.URL.Query().Get("for")}})
}

func (s *site) form(w http.ResponseWriter, r *http.Request, status int, no string, t taking) {
	pools, ok := everything[api.Pool](s, w, r, "/api/v1/pools", "pools")
	if !ok {
		return
	}
	actor := accounts.From(r.Context())
	for _, p := range pools {
		teams := teamsOf(p, actor)
		if len(teams) > 0 {
			t.Pools = append(t.Pools, p)
		}
		if len(teams) > 1 {
			t.Teams = append(t.Teams, teams...)
		}
	}
	slices.Sort(t.Teams)
	t.Teams = slices.Compact(t.Teams)
	title := "Take an address"
	if t.Answer != nil {
		title = "Yours"
	}
	s.show(w, r, status, "start.html", page{Title: title, At: "take", Error: no, Content: t})
}

// teamsOf are the teams of a pool for which the actor may book.
func teamsOf(p api.Pool, actor *accounts.Actor) []string {
	return slices.DeleteFunc(slices.Clone(p.Teams), func(team string) bool { return actor == nil || !actor.Has(accounts.BookFor(team)) })
}

// largestForm is how many bytes a form may have.
const largestForm = 64 << 10

// parse reads a form; if it cannot be read, it wrote why.
func (s *site) parse(w http.ResponseWriter, r *http.Request) bool {
	r.Body = http.MaxBytesReader(w, r.Body, largestForm)
	if err := r.ParseForm(); err != nil {
		s.refuse(w, r, http.StatusBadRequest, "The form cannot be read.")
		return false
	}
	return true
}

func (s *site) take(w http.ResponseWriter, r *http.Request) {
	if !s.parse(w, r) {
		return
	}
	t, ok := s.wish(w, r)
	if !ok {
		return
	}
	var got struct {
		Bookings []api.Booking `json:"bookings"`
		New      int           `json:"new"`
	}
	if err := s.api.ask(r.Context(), http.MethodPost, "/api/v1/pools/"+escaped(t.Pool)+"/bookings", t.Ask, &got); err != nil {
		status, text := s.told(err)
		if p := (*problem)(nil); errors.As(err, &p) && status == http.StatusConflict {
			t.Link, t.OverQuota = "/pools/"+escaped(t.Pool), p.Reason == "quota"
		}
		s.form(w, r, status, text, t)
		return
	}
	t.Answer = takenOf(t.Pool, t.Ask, got.Bookings, got.New)
	s.form(w, r, http.StatusOK, "", t)
}

// wish reads the form; ok is false if it wrote why it cannot.
func (s *site) wish(w http.ResponseWriter, r *http.Request) (t taking, ok bool) {
	number, err := strconv.Atoi(r.PostForm.Get("number"))
	t = taking{Pool: r.PostForm.Get("pool"), Ask: api.Ask{
		For: strings.TrimSpace(r.PostForm.Get("for")), Why: strings.TrimSpace(r.PostForm.Get("why")), Number: number, Contiguous: r.PostForm.Get("contiguous") != "",
	}}
	if err != nil || number < 1 {
		t.Ask.Number = 1
		s.form(w, r, http.StatusUnprocessableEntity, "how many is a number from 1", t)
		return t, false
	}
	if address := strings.TrimSpace(r.PostForm.Get("address")); address != "" {
		t.Ask.Addresses = []string{address}
	}
	var pool api.Pool
	if !s.get(w, r, "/api/v1/pools/"+escaped(t.Pool), &pool) {
		return t, false
	}
	if t.Ask.Team = r.PostForm.Get("team"); t.Ask.Team == "" { // the first for which they may
		if teams := teamsOf(pool, accounts.From(r.Context())); len(teams) > 0 {
			t.Ask.Team = teams[0]
		}
	}
	return t, true
}

// request asks the owners of a pool for what its quota refuses.
func (s *site) request(w http.ResponseWriter, r *http.Request) {
	if !s.parse(w, r) {
		return
	}
	t, ok := s.wish(w, r)
	if !ok {
		return
	}
	t.Asked = &grantedRequest{}
	if err := s.api.ask(r.Context(), http.MethodPost, "/api/v1/pools/"+escaped(t.Pool)+"/requests", t.Ask, t.Asked); err != nil {
		status, text := s.told(err)
		t.Asked = nil
		s.form(w, r, status, text, t)
		return
	}
	if t.Asked.State == "booked" { // it was approved before; more may be wanted by now
		t.Answer = takenOf(t.Pool, t.Ask, t.Asked.Bookings, t.Asked.Given)
		t.OverQuota = t.Ask.Number > len(t.Asked.Bookings)
	}
	s.form(w, r, http.StatusOK, "", t)
}

// takenOf is what somebody got, in the forms in which it is used.
func takenOf(pool string, ask api.Ask, bookings []api.Booking, fresh int) *taken {
	v := &taken{New: fresh, Command: "ipguard book " + word(pool) + " --for " + word(ask.For)}
	if ask.Number > 1 {
		v.Command += " -n " + strconv.Itoa(ask.Number)
	}
	for _, b := range bookings {
		v.Addresses = append(v.Addresses, b.Address)
		if b.Until != nil && (v.Until == nil || b.Until.Before(*v.Until)) {
			v.Until = b.Until
		}
	}
	values := "[" + strings.Join(v.Addresses, ", ") + "]"
	if strings.Contains(values, ":") { // YAML takes some colons for more than a part of a text
		values = `["` + strings.Join(v.Addresses, `", "`) + `"]`
	}
	v.Vars = "ips: " + values
	// Of a BOSH owner, the third part is the instance group.
	if parts := strings.Split(ask.For, "/"); len(parts) >= 3 {
		v.Ops = "- type: replace\n  path: /instance_groups/name=" + parts[2] + "/networks/0/static_ips?\n  value: " + values
	}
	return v
}

// word is a text as one word of a shell.
func word(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
