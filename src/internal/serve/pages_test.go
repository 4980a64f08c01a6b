//go:build !race

package serve_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/browsertest"
	"github.com/ipguard/ipguard/src/internal/serve"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// hostile is a text that becomes markup wherever it is not shown as text.
const hostile = `"'><script>alert(1)</script><img src=x onerror=alert(1)>`

// everyPage are all pages, of a server with bookings and conflicts.
func everyPage() []string {
	return []string{
		"/", "/?pool=promo&for=" + url.QueryEscape(hostile), "/mine", "/pools", "/pools/promo", "/pools/none", "/addresses/10.8.52.180", "/addresses/10.8.52.191",
		"/addresses/10.8.52.0/24", "/addresses/x", "/conflicts", "/network", "/network/drift", "/network/drift?pool=promo", "/network/import", "/trail", "/search", "/search?q=promo", "/search?q=" + url.QueryEscape(hostile), "/none",
	}
}

// TestEveryFieldIsText writes what turns into markup into every field that somebody can
// fill in, the names of pools, teams and segments among them, and reads all pages as a
// browser does: no element and no attribute comes of it.
func TestEveryFieldIsText(t *testing.T) {
	t.Parallel()
	r := startWith(t, func(c *serve.Config) {
		text, err := os.ReadFile(c.Fleet.Value)
		if err != nil {
			t.Fatal(err)
		}
		quoted := fmt.Sprintf("%q", hostile)
		changed := strings.NewReplacer("vlan-52", quoted, "name: promo\n  team: promo", "name: "+quoted+"\n  team: promo", "team: dr\n", "team: "+quoted+"\n").Replace(string(text))
		if err := os.WriteFile(c.Fleet.Value, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	browser := r.loggedIn()
	pool := "/pools/" + url.PathEscape(hostile)
	admin := r.token("<b>admin</b>"+hostile, accounts.Admin)
	owner := "promo/<img>/" + strings.ReplaceAll(hostile, "/", "")
	if a := r.page(browser, "/take", url.Values{"pool": {hostile}, "for": {owner}, "number": {"2"}, "why": {hostile}}); a.status != 200 {
		t.Fatalf("nothing is taken: %d %s", a.status, a.body)
	}
	if a := r.raw(admin, "POST", "/api/v1"+pool+"/bookings", `{"for": "promo/b/c", "why": `+fmt.Sprintf("%q", hostile)+`}`); a.status != 201 {
		t.Fatalf("nothing is booked: %+v", a)
	}
	if a := r.page(browser, "/request", url.Values{"pool": {hostile}, "for": {owner + "2"}, "number": {"13"}, "why": {hostile}}); a.status != 200 {
		t.Fatalf("nothing is asked for: %d %s", a.status, a.body)
	}
	paths := append(everyPage(), pool, "/search?q="+url.QueryEscape("promo/<img>"), "/addresses/"+url.PathEscape(hostile), "/pools/"+url.PathEscape(hostile)+"x")
	seen := 0
	for _, path := range paths {
		a := r.page(browser, path, nil)
		if a.status >= 500 {
			t.Errorf("%s: %d", path, a.status)
		}
		seen += strings.Count(a.body, "alert(1)")
		judgeMarkup(t, path, a.body)
	}
	for name, values := range map[string]url.Values{
		"/take":             {"pool": {hostile}, "for": {hostile}, "number": {hostile}, "why": {hostile}, "address": {hostile}},
		"/mine":             {"do": {"release"}, "booking": {hostile + " " + hostile}},
		"/network/requests": {"id": {"1"}, "do": {"decline"}, "why": {hostile}}, "/network/tokens": {"name": {hostile}, "scopes": {hostile}, "days": {"2"}},
		"/network/revoke": {"name": {hostile}}, "/network/import": {"csv": {"address,owner,state\n10.8.52.185,\"" + strings.ReplaceAll(hostile, `"`, `""`) + "\",booked\n"}, "pool": {hostile}},
	} {
		judgeMarkup(t, name, r.page(browser, name, values).body)
	}
	for _, path := range []string{"/login?provider=" + url.QueryEscape(hostile), "/login/callback?error=" + url.QueryEscape(hostile), "/login/once/" + url.PathEscape(hostile)} {
		judgeMarkup(t, path, r.page(browser, path, nil).body)
	}
	if seen < 20 {
		t.Errorf("the text was seen %d times on all pages: this test looks at the wrong places", seen)
	}
}

// judgeMarkup refuses markup that no template has.
func judgeMarkup(t *testing.T, path, text string) {
	t.Helper()
	for z := html.NewTokenizer(strings.NewReader(text)); z.Next() != html.ErrorToken; {
		token := z.Token()
		if token.Type != html.StartTagToken && token.Type != html.SelfClosingTagToken {
			continue
		}
		if token.Data == "img" || token.Data == "b" || token.Data == "style" || token.Data == "iframe" {
			t.Errorf("%s has an element %s", path, token)
		}
		for _, a := range token.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style":
				t.Errorf("%s has %s", path, token)
			case token.Data == "script" && (a.Key != "src" || a.Val != "/pages/script.js") && a.Key != "defer":
				t.Errorf("%s has %s", path, token)
			case a.Key == "href" && !strings.HasPrefix(a.Val, "/") && a.Val != "#main", a.Key == "href" && strings.HasPrefix(a.Val, "//"):
				t.Errorf("%s leads to %s", path, a.Val)
			}
		}
		if token.Data == "script" && len(token.Attr) == 0 {
			t.Errorf("%s has a script", path)
		}
	}
}

// TestPagesAreSmall: at most 60 kB for a first view, all that it needs included, packed.
func TestPagesAreSmall(t *testing.T) {
	t.Parallel()
	r := start(t)
	browser := r.loggedIn()
	files := r.page(browser, "/pages/style.css", nil).body + r.page(browser, "/pages/script.js", nil).body
	for _, path := range everyPage() {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write([]byte(r.page(browser, path, nil).body + files))
		_ = w.Close()
		if packed.Len() > 60_000 {
			t.Errorf("%s: %d bytes", path, packed.Len())
		}
	}
}

// TestLifeOfAnAddressWithoutScript goes from the login to the release by forms alone.
func TestLifeOfAnAddressWithoutScript(t *testing.T) {
	t.Parallel()
	r := startWithConflict(t)
	browser := r.loggedIn()
	has := func(a answered, status int, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if a.status != status || !strings.Contains(a.body, text) {
				t.Errorf("status %d, want %d with %q: %s", a.status, status, text, a.body)
			}
		}
	}
	has(r.page(browser, "/mine", nil), 200, "You have booked nothing")
	form := url.Values{"pool": {"promo"}, "for": {"promo/web/api"}, "number": {"2"}, "why": {"ticket 1"}}
	has(r.page(browser, "/take", form), 200, "These addresses are yours", "ips: [10.8.52.180, 10.8.52.181]", "ipguard book promo --for promo/web/api -n 2", "/instance_groups/name=api/")
	has(r.page(browser, "/take", form), 200, "These addresses were yours already")
	has(r.page(browser, "/mine", nil), 200, "promo 10.8.52.180", "2026-12-10", "nobody yet")
	has(r.page(browser, "/pools/promo", nil), 200, `title="10.8.52.180: booked, promo/web/api"`, `title="10.8.52.185: not booked"`, `title="10.8.52.191: in use without a booking, `)
	has(r.page(browser, "/take", url.Values{"pool": {"promo"}, "for": {"x"}, "number": {"1"}, "address": {"10.8.52.191"}}), 409, "is in use by", `href="/pools/promo"`)
	has(r.page(browser, "/take", url.Values{"pool": {"promo"}, "for": {"x"}, "number": {"0"}}), 422, "how many is a number from 1")
	has(r.page(browser, "/take", url.Values{"pool": {"none"}, "for": {"x"}, "number": {"1"}}), 404, "there is no pool none")
	has(r.page(browser, "/mine", url.Values{"do": {"renew"}, "booking": {"promo 10.8.52.180"}}), 200, "Done")
	has(r.page(browser, "/mine", url.Values{"do": {"release"}, "booking": {"promo 10.8.52.180", "promo 10.8.52.181"}}), 200, "Done", "quarantined")
	has(r.page(browser, "/mine", url.Values{"do": {"release"}}), 422, "select what")
	has(r.page(browser, "/mine", url.Values{"do": {"release"}, "booking": {"x"}}), 422, "names no address")
	has(r.page(browser, "/addresses/10.8.52.180", nil), 200, "<strong>released</strong>", "<strong>booked</strong>", "ticket 1")
	has(r.page(browser, "/addresses/10.8.52.191", nil), 200, "promo/pgpool", "dr-west", "in use")
	has(r.page(browser, "/conflicts", nil), 200, "10.8.52.191", "promo/pgpool", "dr-west")
	has(r.page(browser, "/search?q=10.8.52.191", nil), 200, "<h1>10.8.52.191</h1>")
	has(r.page(browser, "/search?q=10.8.52.191%2F24", nil), 200, "<h1>10.8.52.0/24</h1>")
	has(r.page(browser, "/search?q=10.8.52.190-10.8.52.199", nil), 200, "<h1>10.8.52.128/25</h1>")
	has(r.page(browser, "/search?q=promo%2Fweb", nil), 200, "10.8.52.180")
	has(r.page(browser, "/search?q=nobody", nil), 200, "nothing is booked for an owner")
	has(r.page(browser, "/network", nil), 200, "Audit trail", "Nobody pushed a director yet")
	has(r.page(browser, "/trail", nil), 200, "logged in")
	has(r.page(browser, "/none", nil), 404, "There is no such page")
}

// TestPagesNeedALogin: without one, every page says so and nothing of the plan.
func TestPagesNeedALogin(t *testing.T) {
	t.Parallel()
	r := start(t)
	for _, path := range append(everyPage(), "/trail?after=1") {
		a := r.page(http.DefaultClient, path, nil)
		if a.status != 401 || strings.Contains(a.body, "10.8.") && !strings.Contains(path, "10.8.") || strings.Contains(a.body, "vlan-52") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for _, path := range []string{"/take", "/mine", "/request", "/mine/requests", "/network/requests", "/network/import", "/network/tokens", "/network/revoke", "/network/sessions"} {
		if a := r.page(http.DefaultClient, path, url.Values{"pool": {"promo"}, "for": {"x"}, "number": {"1"}, "do": {"release"}, "booking": {"promo 10.8.52.180"}}); a.status != 401 {
			t.Errorf("POST %s: %d", path, a.status)
		}
	}
}

// TestNewcomer takes an address in a browser, by keyboard: the link, an owner, Enter.
// IPGUARD_SCREENSHOTS names a folder for pictures of all pages.
func TestNewcomer(t *testing.T) {
	t.Parallel()
	r := startWithConflict(t)
	b := browsertest.New(t, browsertest.Start(t))
	b.MayComplain = "Failed to load resource" // a page that is a no, such as 404
	b.Look("light", 1280, 800)
	b.Open(r.link, "main")
	b.Do(chromedp.SendKeys(chromedp.CSS("input[name=for]"), "promo/web/api"), chromedp.KeyEvent("\r"))
	if got := b.Text(".addresses a"); got != "10.8.52.180" {
		t.Fatalf("taken: %q", got)
	}
	if got := b.Text(".copy"); got != "Copy" {
		t.Errorf("the button to copy says %q", got)
	}
	b.Picture("taken")
	ci := r.token("ci", accounts.BookFor("promo"), accounts.PushFor("promo"))
	r.ask(ci, "POST", "/api/v1/pools/promo/bookings", `{"for": "promo/web/db", "number": 3, "why": "ticket 4711"}`)
	r.ask(ci, "POST", "/api/v1/pools/promo/requests", `{"for": "promo/reporting/worker", "number": 12, "why": "ticket 4712: the reports of the quarter"}`)
	paths := everyPage()
	if sharedtest.Short() {
		paths = []string{"/", "/pools/promo", "/addresses/10.8.52.191"}
	}
	for _, look := range []struct {
		name          string
		width, height int
	}{{"light", 1280, 800}, {"dark", 1280, 800}, {"light", 390, 844}, {"dark", 390, 844}} {
		b.Look(look.name, look.width, look.height)
		for _, path := range paths {
			b.Open(r.url+path, "main")
			if wide := browsertest.Eval[float64](b, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); wide > 0 {
				t.Errorf("%s is %v px wider than a window of %d", path, wide, look.width)
			}
			if hidden := browsertest.Eval[float64](b, `Math.max(0, ...[...document.querySelectorAll(".wide:not(:has(.grid))")].map((e) => e.scrollWidth - e.clientWidth))`); hidden > 0 {
				t.Errorf("%s hides %v px of a table in a window of %d", path, hidden, look.width)
			}
			b.Picture(path)
		}
	}
}

// TestNetworkTeamWithoutScript does by forms alone what a network team does: it decides
// about a request, imports a table, adopts what is in use, makes a token and ends it.
func TestNetworkTeamWithoutScript(t *testing.T) {
	t.Parallel()
	r := startWith(t, func(c *serve.Config) {
		text, err := os.ReadFile(c.Fleet.Value)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), "team: promo\n", "team: promo\n  book: required\n", 1)
		if changed == string(text) {
			t.Fatal("the example plan has no pool of promo")
		}
		if err := os.WriteFile(c.Fleet.Value, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	browser := r.loggedIn()
	has := func(a answered, status int, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if a.status != status || !strings.Contains(a.body, text) {
				t.Errorf("status %d, want %d with %q: %s", a.status, status, text, a.body)
			}
		}
	}
	has(r.page(browser, "/network", nil), 200, "Nobody waits for a decision", "There are none yet", "used, and nobody has booked it", "<meter", "Nobody pushed a director yet")

	// A request.
	wish := url.Values{"pool": {"promo"}, "for": {"promo/big/web"}, "number": {"13"}, "why": {"ticket 9"}}
	has(r.page(browser, "/take", wish), 409, "may have", "Ask the pool’s owners for it")
	has(r.page(browser, "/request", wish), 200, "Request 1 is open")
	has(r.page(browser, "/mine", nil), 200, "Take back", "nobody yet")
	has(r.page(browser, "/network", nil), 200, "Approve and book", "promo/big/web", "ticket 9")
	has(r.page(browser, "/network/requests", url.Values{"id": {"1"}, "do": {"x"}}), 422, "choose to approve or to decline")
	has(r.page(browser, "/network/requests", url.Values{"id": {"7"}, "do": {"approve"}}), 404, "there is no request 7")
	has(r.page(browser, "/network/requests", url.Values{"id": {"1"}, "do": {"decline"}, "why": {"use less"}}), 200, "Request 1 for promo/big/web is declined")
	has(r.page(browser, "/mine", nil), 200, "declined", "use less")
	has(r.page(browser, "/request", wish), 200, "Request 2 is open")
	has(r.page(browser, "/mine/requests", url.Values{"id": {"2"}}), 200, "withdrawn")
	has(r.page(browser, "/request", wish), 200, "Request 3 is open")
	has(r.page(browser, "/network/requests", url.Values{"id": {"3"}, "do": {"approve"}}), 200, "Request 3 for promo/big/web is booked")
	has(r.page(browser, "/mine", nil), 200, "promo/big/web", "<strong>approved by", "ticket 9")
	has(r.page(browser, "/network/requests", url.Values{"id": {"3"}, "do": {"decline"}}), 409, "request 3 is booked already")

	// Drift, and its cure.
	drift := r.page(browser, "/network/drift", nil)
	has(drift, 200, "10.8.52.191", "used, and nobody has booked it", "Adopt what is used of promo")
	if strings.Contains(drift.body, "nobody uses it") {
		t.Errorf("what was booked just now drifts: %s", drift.body)
	}
	shown := r.page(browser, "/network/import", url.Values{"pool": {"promo"}})
	has(shown, 200, "would be booked", "10.8.52.191")
	if a := r.page(browser, "/addresses/10.8.52.191/", nil); strings.Contains(a.body, "adopted") {
		t.Error("to look at the difference books it")
	}
	has(r.page(browser, "/network/import", url.Values{"pool": {"promo"}, "shown": {"x"}}), 409, "the difference is another one by now")
	has(r.page(browser, "/network/import", url.Values{"pool": {"promo"}, "shown": {hiddenField(t, shown.body, "shown")}}), 200, "booked", "To the network team’s page")
	has(r.page(browser, "/addresses/10.8.52.191", nil), 200, "<strong>adopted</strong>")
	has(r.page(browser, "/network/import", url.Values{"pool": {"promo"}}), 200, "Nothing would change")
	if a := r.page(browser, "/network/drift", nil); strings.Contains(a.body, "nobody has booked it") {
		t.Errorf("it still drifts: %s", a.body)
	}

	// A table.
	table := "address,owner,state\n10.8.52.199,lb/old,booked\n10.9.9.9,lb/none,booked\n10.8.52.191,lb/thief,booked\n"
	shown = r.page(browser, "/network/import", url.Values{"csv": {table}})
	has(shown, 200, "1 would be booked", "+ to be booked", "! no pool delegates it", "! another has booked it")
	has(r.page(browser, "/network/import", url.Values{"csv": {table}, "shown": {hiddenField(t, shown.body, "shown")}}), 200, "1 booked")
	has(r.page(browser, "/network/import", url.Values{"csv": {table}}), 200, "Nothing would change")
	has(r.page(browser, "/network/import", url.Values{"csv": {"address,owner,state\nx,y,booked\n"}}), 422, "table:2:1: &#34;x&#34; is no address")
	has(r.page(browser, "/network/import", url.Values{"csv": {""}}), 422, "choose a file, or paste a table")
	has(r.page(browser, "/network/import", url.Values{"csv": {strings.Repeat("x", 5<<20)}}), 413, "at most 4 MiB")
	has(r.upload(browser, "/network/import", "file", "address,owner,state\n10.8.52.198,lb/older,booked\n"), 200, "1 would be booked", "10.8.52.198")

	// Tokens.
	made := r.page(browser, "/network/tokens", url.Values{"name": {"ci-promo"}, "scopes": {"ipguard.directors.promo.push ipguard.pools.promo.approve"}, "days": {"90"}})
	has(made, 200, "ipguard_", "It is shown this once", "ipguard.pools.promo.approve")
	again := r.page(browser, "/network", nil)
	has(again, 200, "ci-promo", "Revoke")
	if strings.Contains(again.body, ">ipguard_") {
		t.Error("the token is shown twice")
	}
	has(r.page(browser, "/network/tokens", url.Values{"name": {"ci-promo"}, "scopes": {"ipguard.read"}, "days": {"90"}}), 422, "a token of that name already")
	has(r.page(browser, "/network/tokens", url.Values{"name": {"x"}, "scopes": {"all"}, "days": {"90"}}), 422, "is no scope")
	has(r.page(browser, "/network/tokens", url.Values{"name": {"x"}, "scopes": {"ipguard.read"}, "days": {"900"}}), 422, "from 1 to 366 days")
	has(r.page(browser, "/network/revoke", url.Values{"name": {"ci-promo"}}), 200, "Token ci-promo is no longer valid")
	has(r.page(browser, "/network/revoke", url.Values{"name": {"ci-promo"}}), 404, "no token of that name")
	r.session("joe")
	has(r.page(browser, "/network", nil), 200, "Who is logged in", "End the sessions of joe")
	has(r.page(browser, "/network/sessions", url.Values{"actor": {"joe"}}), 200, "joe is logged out of all browsers")
	has(r.page(browser, "/network/sessions", url.Values{"actor": {"joe"}}), 404, "nobody of that name is logged in")
	has(r.page(browser, "/trail", nil), 200, "ended sessions", "approved a request", "declined a request", "took a request back", "made a token", "revoked a token")

	// A page of another server cannot send any of these forms.
	for _, path := range []string{"/network/requests", "/network/import", "/network/tokens", "/network/revoke", "/network/sessions", "/request", "/mine/requests"} {
		request, _ := http.NewRequest(http.MethodPost, r.url+path, strings.NewReader("id=1"))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Sec-Fetch-Site", "cross-site")
		if a := read(t, browser, request); a.status != 403 {
			t.Errorf("%s from elsewhere: %d", path, a.status)
		}
	}
}

// hiddenField is the value of a hidden field of a page.
func hiddenField(t *testing.T, page, name string) string {
	t.Helper()
	_, rest, _ := strings.Cut(page, `name="`+name+`" value="`)
	value, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("the page has no field %s: %s", name, page)
	}
	return value
}

// upload sends a form with a file.
func (r *running) upload(browser *http.Client, path, field, text string) answered {
	r.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile(field, "table.csv")
	if err != nil {
		r.t.Fatal(err)
	}
	_, _ = part.Write([]byte(text))
	if err := form.Close(); err != nil {
		r.t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, r.url+path, &body)
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	return read(r.t, browser, request)
}
