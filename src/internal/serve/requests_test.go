package serve_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/postgrestest"
	"github.com/ipguard/ipguard/src/internal/requests"
	"github.com/ipguard/ipguard/src/internal/serve"
)

type requested struct {
	ID                         int64
	State, By, Judge, Why, For string
	Number                     int
	New                        bool
	Bookings                   []struct {
		Address, By, Why string
		Approved         string `json:"approved_by"`
	}
}

// TestRequest goes from a quota's no to the addresses.
func TestRequest(t *testing.T) {
	t.Parallel()
	r := start(t)
	promo := r.token("promo", accounts.BookFor("promo"))
	network := r.token("network", accounts.ApproveFor("promo"))
	other := r.token("other", accounts.BookFor("dr"), accounts.ApproveFor("dr"))
	const wish = `{"for": "promo/big/web", "number": 13, "why": "ticket 9"}`
	full := r.ask(promo, "POST", "/api/v1/pools/promo/bookings", `{"for": "promo/big/web", "number": 13}`)
	if full.status != 409 || !strings.Contains(full.body, `"quota"`) {
		t.Fatalf("13 of pool promo: %+v", full)
	}
	ask := func(token, path, body string, status int) (v requested) {
		t.Helper()
		a := r.ask(token, "POST", path, body)
		if a.status != status {
			t.Errorf("%s %s: %d %s", path, body, a.status, a.body)
		}
		a.into(t, &v)
		return v
	}
	ask(promo, "/api/v1/pools/promo/requests", `{"for": "promo/big/web", "number": 2}`, 422)
	ask(other, "/api/v1/pools/promo/requests", wish, 403)
	first := ask(promo, "/api/v1/pools/promo/requests", wish, 201)
	again := ask(promo, "/api/v1/pools/promo/requests", wish, 200)
	if first.ID != again.ID || !first.New || again.New || again.State != "open" || again.By != "token promo" {
		t.Errorf("a request asked for twice: %+v, %+v", first, again)
	}
	path := fmt.Sprintf("/api/v1/requests/%d", first.ID)
	ask(other, path+"/approve", "{}", 403)
	ask(promo, path+"/approve", "{}", 403)
	ask(other, path+"/decline", "{}", 403)
	ask(network, "/api/v1/requests/99/approve", "{}", 404)
	got := ask(network, path+"/approve", `{"why": "just this once"}`, 200)
	if got.State != "booked" || len(got.Bookings) != 13 || got.Bookings[0].By != "token promo" || got.Bookings[0].Why != "ticket 9" || got.Bookings[0].Approved != "token network" {
		t.Errorf("approved: %+v", got)
	}
	if again := ask(network, path+"/approve", "{}", 200); again.State != "booked" {
		t.Errorf("approved twice: %+v", again)
	}
	ask(network, path+"/decline", "{}", 409)
	ask(promo, path+"/withdraw", "{}", 409)
	if a := r.ask(promo, "POST", "/api/v1/pools/promo/bookings", wish); a.status != 200 {
		t.Errorf("what was approved is not the owner's: %+v", a)
	}
	if a := r.ask(promo, "POST", "/api/v1/pools/promo/bookings", `{"for": "promo/one/more"}`); a.status != 409 || !strings.Contains(a.body, `"quota"`) {
		t.Errorf("what was approved for one owner is given to others: %+v", a)
	}
	second := ask(promo, "/api/v1/pools/promo/requests", `{"for": "promo/one/more"}`, 201)
	ask(network, fmt.Sprintf("/api/v1/requests/%d/decline", second.ID), `{"why": "use the cloud"}`, 200)
	if a := r.ask(promo, "GET", "/api/v1/requests?mine=true", ""); !strings.Contains(a.body, "use the cloud") || !strings.Contains(a.body, `"declined"`) {
		t.Errorf("what became of it: %s", a.body)
	}
	if third := ask(promo, "/api/v1/pools/promo/requests", `{"for": "promo/one/more"}`, 201); third.ID == second.ID {
		t.Error("after a no the same request is asked for again")
	}
	if a := r.ask(r.token("admin", accounts.Admin), "GET", "/api/v1/actions", ""); !strings.Contains(a.body, "approved a request") || !strings.Contains(a.body, "declined a request") || !strings.Contains(a.body, "asked beyond the quota") {
		t.Errorf("the trail: %s", a.body)
	}
	if a := r.ask(promo, "GET", "/api/v1/addresses/10.8.52.180/history", ""); !strings.Contains(a.body, `"approved_by":"token network"`) {
		t.Errorf("the history: %s", a.body)
	}
}

// TestApprovalIsNobodysWord: who approved stands in a field of its own, which nobody writes
// but the server: not by a reason that reads the same, and not by an event of their own.
func TestApprovalIsNobodysWord(t *testing.T) {
	t.Parallel()
	r := start(t)
	promo, network, admin := r.token("promo", accounts.BookFor("promo")), r.token("network", accounts.ApproveFor("promo")), r.token("admin", accounts.Admin)
	const forged = `"why": "ticket 9; approved by token network"`
	if a := r.ask(promo, "POST", "/api/v1/pools/promo/bookings", `{"for": "promo/forged", `+forged+`}`); a.status != 201 {
		t.Fatalf("book: %+v", a)
	}
	if a := r.ask(promo, "POST", "/api/v1/pools/promo/bookings", `{"for": "promo/held", "hold": true, "endless": true}`); a.status != 422 {
		t.Errorf("a held booking without an end: %+v", a)
	}
	etag := r.ask(promo, "GET", "/api/v1/pools/promo/records", "").header.Get("ETag")
	event := `{"at": "2026-11-26T12:00:00Z", "what": "booked", "owner": "promo/written", "number": 0, "team": "promo", "until": "2026-12-01T12:00:00Z", "approved_by": "token network", ` + forged + `}`
	if a := r.ask(promo, "POST", "/api/v1/pools/promo/entries", `{"entries": [{"address": "10.8.52.185", "event": `+event+`}]}`, "If-Match", etag); a.status != 200 {
		t.Fatalf("entries: %+v", a)
	}
	var asked requested
	r.ask(promo, "POST", "/api/v1/pools/promo/requests", `{"for": "promo/real", "number": 12, "why": "ticket 9"}`).into(t, &asked)
	if a := r.ask(network, "POST", fmt.Sprintf("/api/v1/requests/%d/approve", asked.ID), "{}"); a.status != 200 {
		t.Fatalf("approve: %+v", a)
	}
	for _, path := range []string{"/api/v1/bookings", "/api/v1/pools/promo/records", "/api/v1/addresses/10.8.52.0%2F24/history"} {
		if n := strings.Count(r.ask(admin, "GET", path, "").body, `"approved_by":"token network"`); n != 12 {
			t.Errorf("%s: approved %d times", path, n)
		}
	}
	for path, want := range map[string]int{"/pools/promo": 12, "/addresses/10.8.52.0%2F24": 24} { // as bookings and in the history
		page := r.raw(admin, "GET", path, "").body
		if n := strings.Count(page, "<strong>approved by token"); n != want || !strings.Contains(page, "; approved by token network") {
			t.Errorf("%s: approved %d times\n%s", path, n, page)
		}
	}
}

// TestApprovedIsWhatWasSeen: a request that asks for something else is another one, and its
// end is told: whoever agrees to what is shown agrees to nothing else.
func TestApprovedIsWhatWasSeen(t *testing.T) {
	t.Parallel()
	r := start(t)
	promo, network := r.token("promo", accounts.BookFor("promo")), r.token("network", accounts.ApproveFor("promo"))
	ask := func(body string, status int) (v requested) {
		t.Helper()
		a := r.ask(promo, "POST", "/api/v1/pools/promo/requests", body)
		if a.status != status {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
		a.into(t, &v)
		return v
	}
	seen := ask(`{"for": "promo/big/web", "number": 13, "why": "a test"}`, 201)
	for _, changed := range []string{`"number": 14, "why": "a test"`, `"number": 14, "why": "a test", "endless": true`, `"number": 14, "why": "a test", "until": "2027-06-01T00:00:00Z"`} {
		now := ask(`{"for": "promo/big/web", `+changed+`}`, 201)
		if now.ID == seen.ID || !now.New {
			t.Errorf("%s is asked for by request %d still", changed, seen.ID)
		}
		old := r.ask(network, "POST", fmt.Sprintf("/api/v1/requests/%d/approve", seen.ID), "{}")
		if old.status != 409 || !strings.Contains(old.body, "newer request") {
			t.Errorf("what was shown before %s is approved: %d %s", changed, old.status, old.body)
		}
		seen = now
	}
	if again := ask(`{"for": "promo/big/web", "number": 14, "why": "a test", "until": "2027-06-01T00:00:00Z"}`, 200); again.ID != seen.ID {
		t.Errorf("the same is another request: %+v", again)
	}
	if list := r.ask(network, "GET", "/api/v1/requests?open=true", "").body; strings.Count(list, `"id"`) != 1 || !strings.Contains(list, `"until":"2027-06-01T00:00:00Z"`) {
		t.Errorf("open requests: %s", list)
	}
	admin := r.token("admin", accounts.Admin)
	if page := r.raw(admin, "GET", "/network", "").body; !strings.Contains(page, "until 2027-06-01") {
		t.Errorf("the page does not say when it ends:\n%s", page)
	}
	ask(`{"for": "promo/big/web", "number": 14, "endless": true}`, 201)
	if page := r.raw(admin, "GET", "/network", "").body; !strings.Contains(page, "for ever") {
		t.Errorf("the page does not say that it never ends:\n%s", page)
	}
}

// TestApprovedWithoutRoom: a yes for which there is no room is a yes, and whoever asks in
// another way is told of it.
func TestApprovedWithoutRoom(t *testing.T) {
	t.Parallel()
	r := start(t)
	admin := r.token("admin", accounts.Admin)
	const wish = `{"for": "promo/big/web", "number": 13}`
	var first, approved requested
	r.ask(admin, "POST", "/api/v1/pools/promo/requests", wish).into(t, &first)
	for i := range 40 { // until nothing is left for 13
		body := fmt.Sprintf(`{"for": "promo/b%d/web", "number": 5}`, i)
		var filler requested
		if a := r.ask(admin, "POST", "/api/v1/pools/promo/requests", body); a.status != 201 {
			a = r.ask(admin, "POST", "/api/v1/pools/promo/bookings", body)
			if a.status == 409 {
				break
			}
		} else {
			a.into(t, &filler)
			r.ask(admin, "POST", fmt.Sprintf("/api/v1/requests/%d/approve", filler.ID), "{}")
		}
	}
	a := r.ask(admin, "POST", fmt.Sprintf("/api/v1/requests/%d/approve", first.ID), "{}")
	a.into(t, &approved)
	if a.status != 200 || approved.State != "approved" || !strings.Contains(a.body, `"waits":"pool promo has `) {
		t.Errorf("approved without room: %d %s", a.status, a.body)
	}
	if a := r.ask(admin, "POST", "/api/v1/pools/promo/bookings", wish); a.status != 409 || !strings.Contains(a.body, fmt.Sprintf("request %d is approved", first.ID)) {
		t.Errorf("the quota's no does not say that it is approved: %d %s", a.status, a.body)
	}
}

// TestRequestsAtOnce: of many who ask, approve, decline and take back at the same time,
// an owner has the addresses if and only if its request is booked, and one request at a
// time.
func TestRequestsAtOnce(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) { requestsAtOnce(t, start(t)) })
	t.Run("PostgreSQL", func(t *testing.T) {
		url := postgrestest.Start(t).Database(t)
		requestsAtOnce(t, startWith(t, func(c *serve.Config) { c.Database.Value = url }))
	})
}

func requestsAtOnce(t *testing.T, r *running) {
	admin := r.token("admin", accounts.Admin)
	var wait sync.WaitGroup
	for worker := range 6 {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 25 {
				owner := fmt.Sprintf("promo/d%d/web", random.IntN(3))
				switch random.IntN(4) {
				case 0, 1:
					r.raw(admin, "POST", "/api/v1/pools/promo/requests", `{"for": "`+owner+`", "number": 13, "why": "`+fmt.Sprint(random.IntN(2))+`"}`)
				case 2:
					r.raw(admin, "POST", fmt.Sprintf("/api/v1/requests/%d/approve", 1+random.IntN(12)), "{}")
				case 3:
					what := []string{"decline", "withdraw"}[random.IntN(2)]
					r.raw(admin, "POST", fmt.Sprintf("/api/v1/requests/%d/%s", 1+random.IntN(12), what), "{}")
				}
			}
		})
	}
	wait.Wait()
	var list struct{ Requests []requested }
	r.ask(admin, "GET", "/api/v1/requests?limit=1000", "").into(t, &list)
	booked, open, ids := map[string]bool{}, map[string]int{}, map[int64]bool{}
	for _, q := range list.Requests {
		booked[q.For] = booked[q.For] || q.State == "booked"
		if q.State == "open" || q.State == "approved" {
			open[q.For]++
		}
		ids[q.ID] = true
	}
	if len(ids) != len(list.Requests) || len(ids) < 3 {
		t.Errorf("%d requests have %d ids", len(list.Requests), len(ids))
	}
	for i := range 3 {
		owner := fmt.Sprintf("promo/d%d/web", i)
		var has struct{ Bookings []struct{ Address string } }
		r.ask(admin, "GET", "/api/v1/bookings?owner="+owner, "").into(t, &has)
		if n := len(has.Bookings); booked[owner] != (n == 13) || n != 0 && n != 13 || open[owner] > 1 {
			t.Errorf("%s: booked %t, and has %d addresses; %d requests are open", owner, booked[owner], n, open[owner])
		}
	}
}

// TestNoRequestIsHidden: of more requests than its page shows, the network team sees the
// oldest, and how many wait; and of bookings that end how many do.
func TestNoRequestIsHidden(t *testing.T) {
	t.Parallel()
	r := start(t)
	admin := r.token("admin", accounts.Admin)
	until := r.clock.Now().Add(3 * 24 * time.Hour).Format(time.RFC3339)
	if a := r.ask(admin, "POST", "/api/v1/pools/promo/bookings", `{"for": "promo/ends/vm", "number": 11, "until": "`+until+`"}`); a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	store := &requests.Store{Read: r.store.Read, Write: r.store.Write, Now: r.clock.Now}
	for i := range 102 {
		if _, _, err := store.Add(t.Context(), requests.Request{Pool: "promo", Owner: fmt.Sprintf("lb/rq%03d", i), Team: "promo", Ask: []byte(fmt.Sprintf(`{"for": "lb/rq%03d"}`, i)), By: "one"}); err != nil {
			t.Fatal(err)
		}
	}
	page := r.raw(admin, "GET", "/network", "").body
	for text, shown := range map[string]bool{"lb/rq000": true, "lb/rq099": true, "lb/rq100": false, "102 wait": true, "the oldest 100": true, "the first 10 of 11": true} {
		if strings.Contains(page, text) != shown {
			t.Errorf("the page shows %s: %t, want %t", text, !shown, shown)
		}
	}
}

// TestDrift: what is used and not booked drifts where a pool demands bookings, what is
// booked and not used after a week, what two use is a conflict and no drift.
func TestDrift(t *testing.T) {
	t.Parallel()
	r := startWithConflict(t)
	promo := r.token("promo", accounts.BookFor("promo"))
	drift := func(token string) string { return r.ask(token, "GET", "/api/v1/drift", "").body }
	if got := drift(promo); strings.Contains(got, "10.8.52.") {
		t.Errorf("nothing was booked, and nothing demands it: %s", got)
	}
	r.ask(promo, "POST", "/api/v1/pools/promo/bookings", `{"for": "promo/web/api", "until": "2027-06-01T00:00:00Z"}`)
	if got := drift(promo); strings.Contains(got, "10.8.52.") {
		t.Errorf("what was booked just now drifts: %s", got)
	}
	r.clock.pass(8 * 24 * time.Hour)
	later := r.token("later", accounts.Read)
	if got := drift(later); !strings.Contains(got, `"kind":"never-used","owner":"promo/web/api"`) || strings.Contains(got, "/plan/") {
		t.Errorf("a week later: %s", got)
	}
}

// TestBookWhatIsApproved: whoever is refused by a quota, or has a request booked by asking again,
// is told what was asked for before, and which addresses came of it.
func TestBookWhatIsApproved(t *testing.T) {
	promo, west := twoTeams(t)
	promo.expect(0, nil, "push")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	west.expect(0, nil, "push")
	owner := west.owner("small")
	approved := func(id, number int, name string) { // and then there is room
		t.Helper()
		want := fmt.Sprint(number)
		west.expect(1, []string{fmt.Sprintf("request %d is open", id)}, "book", "small", "--for", name, "-n", want, "--request")
		west.expect(1, []string{fmt.Sprintf("request %d of %s addresses for it is open", id, want)}, "book", "small", "--for", name, "-n", want)
		west.write("server/ipguard.yml", strings.Replace(companyPlan, "10.8.52.50 - 10.8.52.59], quota: 2", "10.8.52.50], quota: 2", 1))
		west.clock.pass(time.Minute)
		owner.expect(0, []string{"nothing could be booked yet"}, "requests", "approve", fmt.Sprint(id))
		west.expect(1, []string{fmt.Sprintf("request %d is approved, and waits", id), fmt.Sprintf("ipguard requests withdraw %d", id)}, "book", "small", "--for", name, "-n", fmt.Sprint(number+1), "--request")
		west.write("server/ipguard.yml", companyPlan)
		west.clock.pass(time.Minute)
	}
	approved(1, 3, "lb/a")
	west.expect(1, []string{"request 1 of 3 addresses for it is approved by token network", "ask again with --request"}, "book", "small", "--for", "lb/a", "-n", "3")
	out := west.expect(0, []string{"request 1 was approved by token network, and is booked: 10.8.52.50, 10.8.52.51, 10.8.52.52", "written on"}, "book", "small", "--for", "lb/a", "-n", "3", "--request")
	if strings.Contains(out, "already") {
		t.Errorf("it was booked just now: %s", out)
	}
	if out := west.expect(0, []string{"already booked"}, "book", "small", "--for", "lb/a", "-n", "3", "--request"); strings.Contains(out, "was approved by") {
		t.Errorf("it was booked before: %s", out)
	}
	approved(2, 2, "lb/b")
	west.expect(1, []string{"request 2 was approved by token network, and is booked: 10.8.52.53, 10.8.52.54", "request 3 is open"}, "book", "small", "--for", "lb/b", "-n", "3", "--request")
	west.expect(0, []string{"request 3: withdrawn"}, "requests", "withdraw", "3")
	approved(4, 2, "lb/c")
	west.expect(0, []string{`"answer": "new"`, `"new": 2`, "request 4 was approved"}, "book", "small", "--for", "lb/c", "-n", "2", "--request", "--format", "json")
}
