package serve_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/protocol"
	"github.com/ipguard/ipguard/src/internal/pushes"
	"github.com/ipguard/ipguard/src/internal/serve"
)

// held is the history of an address as the API has it, in words.
func (m *team) held(t *testing.T, address string) (list []string) {
	t.Helper()
	var got protocol.AddressClaims
	m.get(t, "/api/v1/addresses/"+address+"/history", &got)
	for _, c := range got.Claims {
		text := fmt.Sprintf("%s by %s/%s", c.What, c.Director, c.Owner)
		if c.Unsure != nil {
			text += ", unsure"
		}
		if c.Until != nil {
			text += ", over"
		}
		list = append(list, text)
	}
	return list
}

func expectHeld(t *testing.T, m *team, address string, want ...string) {
	t.Helper()
	if got := m.held(t, address); strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("%s: got %q, want %q", address, got, want)
	}
}

// TestHistoryWithServer follows an address from team to team: declared, hidden, gone,
// declared by another one. The same push adds nothing.
func TestHistoryWithServer(t *testing.T) {
	promo, west := twoTeams(t)
	const mine, theirs = "declared by promo/pgpool/pgpool", "declared by dr-west/director/bosh"
	expectHeld(t, west, "10.8.52.191")
	promo.expect(0, nil, "push")
	promo.expect(0, []string{"unchanged"}, "push")
	expectHeld(t, west, "10.8.52.191", mine)
	west.clock.pass(time.Hour)
	promo.write("promo/pgpool-manifest.yml", strings.ReplaceAll(manifestOf("pgpool", "x"), "[x]", "((addresses))"))
	promo.expect(0, []string{"new"}, "push")
	const hides = "hidden by promo/"
	expectHeld(t, west, "10.8.52.191", hides, mine+", unsure")
	west.clock.pass(time.Hour)
	promo.write("promo/pgpool-manifest.yml", manifestOf("pgpool", "10.8.52.180"))
	promo.expect(0, []string{"new"}, "push")
	expectHeld(t, west, "10.8.52.191", hides+", over", mine+", unsure, over")
	expectHeld(t, west, "10.8.52.180", mine, hides+", over")
	west.clock.pass(time.Hour)
	west.run("push")
	expectHeld(t, promo, "10.8.52.191", theirs, hides+", over", mine+", unsure, over")
	out := promo.expect(0, []string{"declared by director/bosh of director dr-west", "to now", "declared by pgpool/pgpool of director promo (not seen since"}, "history", "10.8.52.191")
	if strings.Contains(out, "director-env.yml") {
		t.Errorf("another team's file is told:\n%s", out)
	}
	var got struct {
		Held []struct{ What, Director string }
	}
	if err := json.Unmarshal([]byte(promo.expect(0, nil, "history", "10.8.52.191", "--format", "json")), &got); err != nil || len(got.Held) != 3 {
		t.Errorf("JSON: %v, %+v", err, got)
	}
	promo.expect(0, []string{"no director ever showed the server that it had it"}, "history", "10.8.52.77")
	var page protocol.AddressClaims
	promo.get(t, "/api/v1/addresses/10.8.52.0%2F24/history?limit=2", &page)
	if len(page.Claims) != 2 || page.Next == "" {
		t.Fatalf("%+v", page)
	}
	first := page.Claims[1]
	promo.get(t, "/api/v1/addresses/10.8.52.0%2F24/history?limit=2&after="+page.Next, &page)
	if len(page.Claims) == 0 || page.Claims[0] == first || page.Claims[0].Since.After(first.Since) {
		t.Errorf("%+v does not follow %+v", page.Claims, first)
	}
	promo.server.Close()
	promo.expect(3, []string{"does not answer", "who had 10.8.52.191 is not known"}, "history", "10.8.52.191")
}

// TestHistoryOfWhatWasAlwaysHidden: nobody is told that an address was never anybody's while
// a part of a director cannot be read that may have it, nor later that it could.
func TestHistoryOfWhatWasAlwaysHidden(t *testing.T) {
	promo, west := twoTeams(t)
	promo.write("promo/pgpool-manifest.yml", strings.ReplaceAll(manifestOf("pgpool", "x"), "[x]", "((addresses))"))
	promo.expect(0, []string{"new"}, "push")
	west.expect(3, []string{"((addresses))", "nobody knows whether that takes it"}, "who", "10.8.52.181")
	west.expect(3, []string{"to now", "a part of director promo could not be read, which may have had it", "((addresses))", "nobody knows whether that takes it, or ever did"}, "history", "10.8.52.181")
	var told struct {
		Held   []struct{ What string }
		Hidden []any
	}
	if code, _ := west.asJSON("dr-west", &told, "history", "10.8.52.181"); code != 3 || len(told.Held) != 1 || len(told.Hidden) == 0 {
		t.Errorf("JSON: %d %+v", code, told)
	}
	var page struct{ Blind int }
	if west.get(t, "/api/v1/addresses/10.8.52.181/history", &page); page.Blind == 0 {
		t.Error("the API does not say that a part is hidden")
	}
	promo.clock.pass(time.Hour)
	promo.write("promo/pgpool-manifest.yml", manifestOf("pgpool", "10.8.52.180"))
	promo.expect(0, []string{"new"}, "push")
	expectHeld(t, west, "10.8.52.181", "hidden by promo/, over")
	west.expect(0, []string{"a part of director promo could not be read, which may have had it"}, "history", "10.8.52.181")
}

// TestKilledBetweenPushAndRecord: what was pushed and not recorded is recorded later, each
// version with its own time.
func TestKilledBetweenPushAndRecord(t *testing.T) {
	promo, _ := twoTeams(t)
	promo.expect(0, nil, "push")
	text := func(ip string) []byte {
		promo.write("promo/pgpool-manifest.yml", manifestOf("pgpool", ip))
		promo.expect(0, nil, "push")
		var body string
		promo.get(t, "/api/v1/directors/promo/snapshot", &body)
		return []byte(body)
	}
	one, two := text("10.8.52.181"), text("10.8.52.182")
	database, err := serve.Open(t.Context(), filepath.Join(promo.folder, "server", "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	killed := &pushes.Store{Read: database.SQL(), Write: database.Write(), Now: promo.clock.Now}
	var times []time.Time
	for _, snapshot := range [][]byte{one, two, one} {
		promo.clock.pass(time.Hour)
		times = append(times, promo.clock.Now())
		if _, fresh, err := killed.Tell(t.Context(), "promo", snapshot, pushes.Pusher{Name: "test", Replaces: true}); err != nil || !fresh {
			t.Fatal(fresh, err)
		}
	}
	promo.clock.pass(time.Hour)
	if err := promo.program.Record(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got protocol.AddressClaims
	promo.get(t, "/api/v1/addresses/10.8.52.181/history", &got)
	if len(got.Claims) != 3 || !got.Claims[0].Since.Equal(times[2]) || got.Claims[0].Until != nil || !got.Claims[1].Since.Equal(times[0]) || !got.Claims[1].Until.Equal(times[1]) {
		t.Errorf("%+v, want it from %s to %s, and from %s on", got.Claims, times[0], times[1], times[2])
	}
}

// TestHistoryOfOwnDirectors: those that the server's own files tell of have a history, too.
func TestHistoryOfOwnDirectors(t *testing.T) {
	t.Parallel()
	r := start(t)
	if err := r.program.Record(t.Context()); err != nil {
		t.Fatal(err)
	}
	browser := r.loggedIn()
	a := r.page(browser, "/addresses/10.8.52.191", nil)
	for _, w := range []string{"Who had it", "promo", "declared", "now"} {
		if a.status != 200 || !strings.Contains(a.body, w) {
			t.Errorf("the page does not say %q: %d\n%s", w, a.status, a.body)
		}
	}
	if a := r.page(browser, "/addresses/10.8.52.191?after=x", nil); a.status != 422 {
		t.Errorf("a wrong cursor: %d", a.status)
	}
}
