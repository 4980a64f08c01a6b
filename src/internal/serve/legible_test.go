//go:build !race

package serve_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/net/html"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/serve"
)

// steers is what a team writes behind its names: a line of its own, red, the rest of it
// turned around, and two characters that nobody sees.
const (
	steers = "\n\x1b[31m\u202e\u200b\u009b"
	// steersShown is what everybody is to see of it.
	steersShown = `\n\x1b[31m\u202e\u200b\x9b`
)

// unseen is the first character of a text that does something instead of being seen. It
// knows only the classes of Unicode, and lets line breaks and tabs stand.
func unseen(text string) string {
	for i, r := range text {
		if r != '\n' && r != '\t' && (r == '\ufffd' || !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r)) {
			return fmt.Sprintf("%U in %q", r, text[max(0, i-60):min(len(text), i+20)])
		}
	}
	return ""
}

// TestNamesSteerNothing pushes a director all of whose names have characters that steer,
// and looks at all that comes out of the server.
func TestNamesSteerNothing(t *testing.T) {
	var h hooked
	h.status = http.StatusNoContent
	promo, west := twoTeams(t, listening(t, &h), func(o *serve.Options) {
		o.Log = slog.New(slog.NewJSONHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	admin := promo.team("admin", accounts.Admin)
	promo.expect(0, nil, "push")
	var snapshot string
	promo.get(t, "/api/v1/directors/promo/snapshot", &snapshot)
	west.expect(1, nil, "push")
	planted := plantNames(t, promo, snapshot)
	if len(planted) < 6 {
		t.Fatalf("only %q could be planted: this test looks at the wrong places", planted)
	}
	admin.send("POST", "/api/v1/pools/dr/requests", map[string]any{"for": "dr/x" + steers, "number": 2, "why": steers})
	for _, name := range []string{"ci" + steers, "ci\u200b"} {
		if a := admin.send("POST", "/api/v1/tokens", map[string]any{"name": name, "scopes": []string{accounts.Read}, "ends": promo.clock.Now().Add(time.Hour)}); a.status != http.StatusUnprocessableEntity && a.status != http.StatusBadRequest {
			t.Errorf("a token is named %q: %d", name, a.status)
		}
	}
	if a := admin.send("POST", "/api/v1/pools/dr/bookings", map[string]any{"for": "dr/x" + steers}); a.status != http.StatusUnprocessableEntity || unseen(a.body) != "" {
		t.Errorf("%+v", a)
	}
	for range 2 {
		if err := promo.program.Tell(t.Context()); err != nil {
			t.Fatal(err)
		}
		promo.clock.pass(time.Minute)
	}

	seen := 0
	for _, path := range legiblePaths(t, admin) {
		a := admin.send("GET", path, nil)
		seen += strings.Count(a.body, steersShown)
		if problem := unseen(a.body); problem != "" && !strings.HasPrefix(path, "/metrics") {
			t.Errorf("%s: %s", path, problem)
		}
		if strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			judgeLegible(t, path, a.body)
		}
	}
	if seen < 5 {
		t.Errorf("the names were seen %d times on pages: this test looks at the wrong places", seen)
	}
	var who struct{ Claims []struct{ Owner string } }
	admin.get(t, "/api/v1/addresses/10.8.52.191", &who)
	if len(who.Claims) == 0 || !strings.Contains(fmt.Sprint(who), steers) {
		t.Errorf("the API loses what names are: %q", who)
	}
	judgeMessages(t, &h)
	if problem := unseen(h.log.text()); problem != "" {
		t.Errorf("the log: %s", problem)
	}
	for _, m := range []*team{west, promo} {
		for _, args := range [][]string{{"who", "10.8.52.191"}, {"history", "10.8.52.191"}, {"lint"}, {"map"}, {"free"}, {"bookings"}, {"requests", "--all"}, {"push"}, {"fence"}, {"who", "10.8.52.191", "--format", "json"}, {"lint", "--format", "json"}, {"history", "10.8.52.191", "--format", "json"},
			{"bookings", "--format", "json"}, {"requests", "--all", "--format", "json"}, {"map", "--format", "json"}, {"free", "--format", "json"}, {"who", "10.8.52.191", "--format", "csv"}, {"audit"}} {
			if _, out := m.run(args...); unseen(out) != "" {
				t.Errorf("ipguard %v: %s", args, unseen(out))
			}
		}
	}
}

// plantNames pushes the snapshot with one name after the other changed, and keeps what is
// taken and still collides. It returns the names.
func plantNames(t *testing.T, m *team, text string) (planted []string) {
	t.Helper()
	names := map[string]bool{}
	var gather func(v any)
	gather = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, of := range v {
				gather(of)
			}
		case []any:
			for _, of := range v {
				gather(of)
			}
		case string:
			_, noAddress := netip.ParseAddr(v)
			if noAddress != nil && !strings.ContainsAny(v, ":") {
				names[v] = true
			}
		}
	}
	text = regexp.MustCompile(`"\w+":\{"bytes":.*\},\n`).ReplaceAllString(text, "") // checksums, which a snapshot may lack
	var snapshot any
	if err := json.Unmarshal([]byte(text), &snapshot); err != nil {
		t.Fatal(err)
	}
	gather(snapshot)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, _ := json.Marshal(name)
		is, _ := json.Marshal(name + steers)
		changed := regexp.MustCompile(regexp.QuoteMeta(string(was))+`([^:])`).ReplaceAllString(text, string(is)+"$1")
		a := m.send("PUT", "/api/v1/directors/promo/snapshot?replaces=true", changed)
		if problem := unseen(a.body); problem != "" {
			t.Errorf("the answer to a push: %s", problem)
		}
		var pushed struct{ Conflicts []struct{ Message string } }
		if a.status == http.StatusOK {
			a.into(t, &pushed)
		}
		if len(pushed.Conflicts) > 0 {
			planted, text = append(planted, name), changed
		}
	}
	if a := m.send("PUT", "/api/v1/directors/promo/snapshot?replaces=true", text); a.status != http.StatusOK {
		t.Fatalf("%+v", a)
	}
	return planted
}

// legiblePaths are all pages, and all that the API can be asked.
func legiblePaths(t *testing.T, admin *team) []string {
	t.Helper()
	odd := url.QueryEscape("x" + steers)
	paths := append(everyPage(), "/addresses/10.8.52.191", "/pools/dr", "/?pool=dr&for="+odd, "/search?q="+odd, "/search?q=promo", "/conflicts?ended=true", "/pools/"+url.PathEscape("x"+steers), "/login?provider="+odd, "/login/callback?error="+odd,
		"/api/v1/pools/"+url.PathEscape("x"+steers), "/api/v1/addresses/"+url.PathEscape("x"+steers), "/api/v1/bookings?after="+odd, "/api/v1/conflicts?ended=true", "/readyz", "/login-options")
	var described struct{ Paths map[string]map[string]any }
	admin.get(t, "/api/v1/openapi.json", &described)
	for pattern, operations := range described.Paths {
		if _, reads := operations["get"]; reads {
			paths = append(paths, strings.NewReplacer("{address}", "10.8.52.191", "{pool}", "dr", "{director}", "promo", "{id}", "1").Replace(pattern))
		}
	}
	return paths
}

// judgeLegible refuses what a browser would show of a page, and nobody would see. What a
// form's field has, and sends back as it is, is the reader's own.
func judgeLegible(t *testing.T, path, text string) {
	t.Helper()
	inside := ""
	for z := html.NewTokenizer(strings.NewReader(text)); z.Next() != html.ErrorToken; {
		token := z.Token()
		switch token.Type {
		case html.StartTagToken:
			inside = token.Data
		case html.TextToken:
			if problem := unseen(token.Data); problem != "" && inside != "textarea" {
				t.Errorf("%s: %s", path, problem)
			}
		}
		for _, a := range token.Attr {
			if problem := unseen(a.Val); problem != "" && a.Key != "value" {
				t.Errorf("%s: %s=%s", path, a.Key, problem)
			}
		}
	}
}

// judgeMessages looks at what chats show of the messages of webhooks.
func judgeMessages(t *testing.T, h *hooked) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	shown := 0
	for _, body := range h.bodies {
		d := json.NewDecoder(strings.NewReader(body))
		for {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			text, _ := token.(string)
			if strings.Contains(text, steersShown) {
				shown++
			}
			if problem := unseen(text); problem != "" || strings.ContainsAny(text, "\n\t") {
				t.Errorf("a webhook says %q: %s", text, problem)
			}
		}
		if problem := unseen(body); problem != "" {
			t.Errorf("a webhook is sent %s", problem)
		}
	}
	if shown == 0 {
		t.Errorf("no webhook tells of the names: %q", h.bodies)
	}
}
