//go:build !race

package serve_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/serve"
)

// raise fences a pool of a server's database, or all.
func raise(t *testing.T, database, pool string, c *clock) {
	t.Helper()
	d, err := serve.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := ledgersql.Raise(t.Context(), d, pool, "a backup was put back", c.Now()); err != nil {
		t.Fatal(err)
	}
}

const lost = "bookings may be lost"

// TestFenceIsToldEverywhere: while bookings may be lost, each page and each answer of the API
// that tells of bookings says so, and none does before. Which answers those are says the
// API's own description.
func TestFenceIsToldEverywhere(t *testing.T) {
	t.Parallel()
	r := start(t)
	admin := r.token("admin", accounts.Admin)
	browser := r.loggedIn()
	if a := r.raw(admin, "POST", "/api/v1/pools/promo/bookings", `{"for": "promo/web/api"}`); a.status != 201 {
		t.Fatal(a)
	}
	pages := []string{"/", "/mine", "/pools", "/pools/promo", "/addresses/10.8.52.180", "/addresses/10.8.52.181", "/conflicts", "/network", "/network/drift", "/search?q=promo", "/search?q=nobody"}
	answers := bookingAnswers(t, r)
	if len(answers) < 6 {
		t.Fatalf("only %q tell of bookings: this test looks at the wrong places", answers)
	}
	for _, fenced := range []bool{false, true} {
		if fenced {
			raise(t, r.config.Database.Value, "promo", r.clock)
			if a := r.page(browser, "/", nil); a.status != 401 {
				t.Errorf("who was logged in before is inside: %d", a.status)
			}
			r.link = r.program.OneTimeLink(r.url)
			browser = r.loggedIn()
		}
		for _, path := range pages {
			if a := r.page(browser, path, nil); a.status != 200 || strings.Contains(a.body, lost) != fenced {
				t.Errorf("page %s, fenced %t: %d %s", path, fenced, a.status, a.body)
			}
		}
		for _, path := range answers {
			a := r.ask(admin, "GET", path, "")
			if says := strings.Contains(a.body, "fenced since"); a.status != 200 && a.status != 409 && a.status != 503 || says != fenced {
				t.Errorf("%s, fenced %t: %d %s", path, fenced, a.status, a.body)
			}
		}
	}
	// One of another pool is about that one alone.
	for path, about := range map[string]bool{
		"/api/v1/bookings?pool=dr-west": false, "/api/v1/bookings?pool=promo": true, "/api/v1/bookings": true, "/api/v1/bookings?mine=true": true, "/api/v1/addresses/10.8.52.230": false, "/api/v1/addresses/10.8.52.0%2F24": true,
		"/api/v1/addresses/10.8.52.230/history": false, "/api/v1/pools/dr-west": false, "/api/v1/fences": true,
	} {
		if a := r.ask(admin, "GET", path, ""); a.status != 200 || strings.Contains(a.body, "fenced since") != about {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := r.page(browser, "/", nil); !strings.Contains(a.body, "promo: fenced, nothing is given") || strings.Contains(a.body, "promo: 0 free") {
		t.Errorf("the form to take: %s", a.body)
	}
	if a := r.page(browser, "/take", map[string][]string{"pool": {"promo"}, "for": {"promo/web/other"}, "number": {"1"}}); a.status != 503 || !strings.Contains(a.body, lost) {
		t.Errorf("%d %s", a.status, a.body)
	}
	raise(t, r.config.Database.Value, "gone", r.clock) // which the fleet file has no more
	if a := r.ask(admin, "GET", "/api/v1/addresses/10.8.52.230", ""); !strings.Contains(a.body, "pool gone is fenced") {
		t.Errorf("an address that the pool may have had: %s", a.body)
	}
}

// bookingAnswers are the paths of the API whose answers have bookings or pools in them.
func bookingAnswers(t *testing.T, r *running) (paths []string) {
	t.Helper()
	var described struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Content map[string]struct {
					Schema struct {
						Ref string `json:"$ref"`
					}
				}
			}
		}
		Components struct {
			Schemas map[string]struct{ Properties map[string]json.RawMessage }
		}
	}
	r.raw("", "GET", "/api/v1/openapi.json", "").into(t, &described)
	for pattern, operations := range described.Paths {
		ref := operations["get"].Responses["200"].Content["application/json"].Schema.Ref
		for property := range described.Components.Schemas[ref[strings.LastIndexByte(ref, '/')+1:]].Properties {
			if slices.Contains([]string{"bookings", "pools", "free", "addresses", "drift", "records", "fences"}, property) && pattern != "/api/v1/pools/{pool}/records" {
				paths = append(paths, strings.NewReplacer("{address}", "10.8.52.180", "{pool}", "promo").Replace(pattern))
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// TestFenceOnTheCommandLine: every command that tells of bookings, or of what is free, says
// it and ends with 3, in JSON as well.
func TestFenceOnTheCommandLine(t *testing.T) {
	promo, west := twoTeams(t)
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	promo.expect(0, nil, "push")
	west.expect(0, nil, "push")
	promo.expect(0, nil, "book", "promo", "--for", "promo/web/api")
	commands := [][]string{
		{"bookings"}, {"who", "10.8.52.180"}, {"history", "10.8.52.180"}, {"free"}, {"map"}, {"lint"}, {"adopt", "promo", "--dry-run"}, {"renew", "10.8.52.180"}, {"release", "10.8.52.180"},
	}
	for _, args := range commands[:6] {
		if out := promo.expect(0, nil, args...); strings.Contains(out, "fenced") {
			t.Errorf("%v: %s", args, out)
		}
	}
	raise(t, filepath.Join(promo.folder, "server", "x.db"), "", promo.clock)
	for _, cached := range []bool{true, false} {
		m := promo
		if !cached { // whoever asks for the first time
			m = promo.team("newcomer", accounts.Admin)
		}
		for _, args := range commands {
			m.expect(3, []string{"all pools are fenced since"}, args...)
		}
	}
	for _, args := range commands[:6] {
		out := promo.expect(3, nil, append(args, "--format", "json")...)
		var told struct{ Failures []struct{ Message string } }
		if at := strings.Index(out, "{"); at < 0 || json.NewDecoder(strings.NewReader(out[at:])).Decode(&told) != nil || len(told.Failures) == 0 || !strings.Contains(told.Failures[0].Message, lost) {
			t.Errorf("%v in JSON: %+v\n%s", args, told, out)
		}
	}
}
