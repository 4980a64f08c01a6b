package serve_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/serve"
)

// hooked is a receiver of webhooks, and a server that tells it.
type hooked struct {
	mu       sync.Mutex
	status   int
	received []*http.Request
	bodies   []string
	log      lockedBuffer
}

func (h *hooked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	h.received, h.bodies = append(h.received, r), append(h.bodies, string(body))
	w.WriteHeader(h.status)
}

func (h *hooked) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.bodies)
}

const hookSecret = "a secret of a webhook"

// listening makes the server of a company tell h.
func listening(t *testing.T, h *hooked) func(*serve.Options) {
	receiver := httptest.NewServer(h)
	t.Cleanup(receiver.Close)
	return func(o *serve.Options) {
		o.Environ = []string{"HOOK=" + hookSecret}
		o.Log = slog.New(slog.NewJSONHandler(&h.log, nil))
		o.Config.Webhooks = []serve.Webhook{{
			Name: fleet.Text{Value: "ops"}, URL: fleet.Text{Value: receiver.URL + "/hidden-path"}, SecretEnv: fleet.VariableName{Text: fleet.Text{Value: "HOOK"}},
		}}
	}
}

func (m *team) get(t *testing.T, path string, into any) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, m.server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+m.token)
	a := read(t, http.DefaultClient, request)
	if a.status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, a.status, a.body)
	}
	if text, ok := into.(*string); ok {
		*text = a.body
		return
	}
	a.into(t, into)
}

// post sends a body, and returns whatever is the answer.
func (m *team) post(t *testing.T, path, body string, headers ...string) answered {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, m.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+m.token)
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return read(t, http.DefaultClient, request)
}

// conflictList is what the API says of conflicts.
type conflictList struct {
	Conflicts []conflict
	Next      string
}

type conflict struct {
	ID, Rule, Range, Message string
	Since, Seen              time.Time
	Ended, Unsure            *time.Time
	Parties                  []struct{ Owner, Director, At string }
}

// only leaves those of one rule.
func (l *conflictList) only(rule string) {
	l.Conflicts = slices.DeleteFunc(l.Conflicts, func(c conflict) bool { return c.Rule != rule })
}

// TestConflictIsKept follows one conflict from the push that makes it to the push that
// ends it: both sides see since when, each its own places; a webhook is told once of
// each, signed, and again until it answers; metrics count.
func TestConflictIsKept(t *testing.T) {
	h := &hooked{status: http.StatusInternalServerError}
	promo, west := twoTeams(t, listening(t, h))
	promo.expect(0, nil, "push")
	began := promo.clock.Now()
	west.expect(1, []string{"1 conflict"}, "push")
	west.clock.pass(time.Hour)
	west.expect(1, []string{"unchanged", "1 conflict"}, "push")
	for _, m := range []*team{promo, west} {
		var list conflictList
		m.get(t, "/api/v1/conflicts", &list)
		if len(list.Conflicts) != 1 {
			t.Fatalf("%s sees %d conflicts", m.name, len(list.Conflicts))
		}
		c := list.Conflicts[0]
		if c.Rule != "address-claimed-twice" || c.Since.Sub(began).Abs() > time.Second || c.Ended != nil || c.Unsure != nil || c.Seen.Before(began.Add(time.Hour)) {
			t.Errorf("%s sees %+v, want it since %s", m.name, c, began)
		}
		for _, p := range c.Parties {
			if p.Owner == "" || (p.At != "") != (p.Director == m.name) {
				t.Errorf("%s sees of %s the place %q of %s", m.name, p.Director, p.At, p.Owner)
			}
		}
	}
	ctx := t.Context()
	tell := func() {
		t.Helper()
		if err := west.program.Tell(ctx); err != nil {
			t.Fatal(err)
		}
	}
	tell()
	tell() // it is not due again
	if n := h.count(); n != 1 {
		t.Fatalf("%d messages, want 1: one that failed waits", n)
	}
	h.status = http.StatusNoContent
	west.clock.pass(11 * time.Second)
	tell()
	west.clock.pass(24 * time.Hour)
	tell()
	if n := h.count(); n != 2 {
		t.Fatalf("%d messages, want 2: what arrived is not sent again", n)
	}
	h.checkSignatures(t)
	if h.received[0].Header.Get("webhook-id") != h.received[1].Header.Get("webhook-id") || h.bodies[0] != h.bodies[1] {
		t.Error("the second attempt is another message")
	}
	for _, secret := range []string{hookSecret, "hidden-path"} {
		if strings.Contains(h.log.text(), secret) {
			t.Errorf("the log has %q:\n%s", secret, h.log.text())
		}
	}
	for _, place := range []string{"director-env.yml", "pgpool-manifest.yml", "push 1 of", "create-env:", `"at"`} {
		if strings.Contains(h.bodies[0], place) {
			t.Errorf("the message tells a place (%s):\n%s", place, h.bodies[0])
		}
	}
	var metrics string
	west.get(t, "/metrics", &metrics)
	for _, line := range []string{"ipguard_server_conflicts_open 1", "ipguard_server_webhook_messages_waiting 0",
		`ipguard_server_webhook_deliveries_total{result="delivered",webhook="ops"} 1`, `ipguard_server_webhook_deliveries_total{result="failed",webhook="ops"} 1`} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("the metrics do not say %s", line)
		}
	}
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.190"))
	west.expect(0, []string{"new"}, "push")
	var open, ended conflictList
	promo.get(t, "/api/v1/conflicts", &open)
	promo.get(t, "/api/v1/conflicts?ended=true", &ended)
	if len(open.Conflicts) != 0 || len(ended.Conflicts) != 1 || ended.Conflicts[0].Ended == nil || !ended.Conflicts[0].Ended.After(began.Add(time.Hour)) {
		t.Errorf("open %+v, ended %+v", open, ended)
	}
	tell()
	var message struct {
		Type string
		Data struct {
			Opened []any
			Ended  []struct {
				Range   string
				Parties []struct{ Director string }
			}
		}
	}
	if err := json.Unmarshal([]byte(h.bodies[len(h.bodies)-1]), &message); err != nil {
		t.Fatal(err)
	}
	if h.count() != 3 || message.Type != "conflicts.changed" || len(message.Data.Ended) != 1 || len(message.Data.Opened) != 0 || !strings.HasPrefix(message.Data.Ended[0].Range, "10.8.52.191") {
		t.Errorf("%d messages, the last one: %s", h.count(), h.bodies[len(h.bodies)-1])
	}
	// The same address once more is another conflict, with a beginning of its own.
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.191"))
	west.expect(1, []string{"new"}, "push")
	promo.get(t, "/api/v1/conflicts", &open)
	if len(open.Conflicts) != 1 || !open.Conflicts[0].Since.After(began.Add(24*time.Hour)) {
		t.Errorf("a conflict that came back: %+v", open)
	}
}

// checkSignatures reckons them as the specification of Standard Webhooks says.
func (h *hooked) checkSignatures(t *testing.T) {
	t.Helper()
	for i, r := range h.received {
		mac := hmac.New(sha256.New, []byte(hookSecret))
		mac.Write([]byte(r.Header.Get("webhook-id") + "." + r.Header.Get("webhook-timestamp") + "." + h.bodies[i]))
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("webhook-signature") != want {
			t.Errorf("signature %q, want %q", r.Header.Get("webhook-signature"), want)
		}
	}
}

// TestUnseenConflictGoesOn: a conflict of which a side cannot be seen any more has not
// ended. It ends when it is seen to be gone.
func TestUnseenConflictGoesOn(t *testing.T) {
	h := &hooked{status: http.StatusOK}
	promo, west := twoTeams(t, listening(t, h))
	promo.expect(0, nil, "push")
	west.expect(1, nil, "push")
	// A variable hides what the manifest of promo had.
	promo.write("promo/pgpool-manifest.yml", strings.ReplaceAll(manifestOf("pgpool", "((address))"), "[((address))]", "((addresses))"))
	if code, out := promo.run("push"); code != 0 && code != 1 {
		t.Fatalf("push: %d\n%s", code, out)
	}
	var open, ended conflictList
	west.get(t, "/api/v1/conflicts", &open)
	west.get(t, "/api/v1/conflicts?ended=true", &ended)
	open.only("address-claimed-twice")
	ended.only("address-claimed-twice")
	if len(open.Conflicts) != 1 || open.Conflicts[0].Unsure == nil || len(ended.Conflicts) != 0 {
		t.Fatalf("hidden: open %+v, ended %+v", open, ended)
	}
	promo.write("promo/pgpool-manifest.yml", manifestOf("pgpool", "10.8.52.180"))
	promo.expect(1, []string{"keeps for static_ips"}, "push") // the pools still meet
	open, ended = conflictList{}, conflictList{}
	west.get(t, "/api/v1/conflicts", &open)
	west.get(t, "/api/v1/conflicts?ended=true", &ended)
	open.only("address-claimed-twice")
	ended.only("address-claimed-twice")
	if len(open.Conflicts) != 0 || len(ended.Conflicts) != 1 {
		t.Errorf("gone: open %+v, ended %+v", open, ended)
	}
}

// TestOneSideLeft: a conflict ends when one side is seen without the address, whatever the
// other hides. While the server's own fleet file is broken, none ends.
func TestOneSideLeft(t *testing.T) {
	promo, west := twoTeams(t)
	promo.expect(0, nil, "push")
	west.expect(1, nil, "push")
	good := companyPlan
	promo.write("server/ipguard.yml", good+"nonsense: [\n")
	var open conflictList
	west.get(t, "/api/v1/conflicts", &open)
	unsure := func(c conflict) bool { return c.Unsure != nil }
	if open.only("address-claimed-twice"); !slices.ContainsFunc(open.Conflicts, unsure) {
		t.Errorf("with a broken fleet file: %+v", open)
	}
	promo.write("server/ipguard.yml", good)
	promo.write("promo/pgpool-manifest.yml", strings.ReplaceAll(manifestOf("pgpool", "((address))"), "[((address))]", "((addresses))"))
	promo.run("push")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	west.expect(0, []string{"new"}, "push")
	open = conflictList{}
	west.get(t, "/api/v1/conflicts", &open)
	if open.only("address-claimed-twice"); len(open.Conflicts) != 0 {
		t.Errorf("one side left: %+v", open)
	}
}

// TestConflictPages: the page says since when, and has those that ended; of another
// team's files it tells nothing.
func TestConflictPages(t *testing.T) {
	t.Parallel()
	r := startWithConflict(t)
	browser := r.loggedIn()
	for path, words := range map[string][]string{
		"/conflicts":            {"10.8.52.191", "since <time", "Those that have ended"},
		"/conflicts?ended=true": {"None has ended yet", "Those that go on"},
	} {
		if a := r.page(browser, path, nil); a.status != 200 {
			t.Errorf("%s: %d", path, a.status)
		} else {
			for _, w := range words {
				if !strings.Contains(a.body, w) {
					t.Errorf("%s does not say %q:\n%s", path, w, a.body)
				}
			}
		}
	}
	for path, told := range map[string]bool{"/addresses/10.8.52.191": true, "/addresses/10.8.52.192/28": false, "/addresses/10.8.52.0/24": true} {
		if a := r.page(browser, path, nil); a.status != 200 || strings.Contains(a.body, "address-claimed-twice:</strong> 10.8.52.191 is claimed twice") != told {
			t.Errorf("%s: %d, a conflict is %v:\n%s", path, a.status, told, a.body)
		}
	}
	other := r.token("other", accounts.PushFor("other"))
	if a := r.ask(other, "GET", "/api/v1/conflicts", ""); a.status != 200 || strings.Contains(a.body, ".yml") {
		t.Errorf("another team sees places: %+v", a)
	}
	var twice conflictList
	r.ask(other, "GET", "/api/v1/conflicts?address=10.8.52.191", "").into(t, &twice)
	if twice.only("address-claimed-twice"); len(twice.Conflicts) != 1 {
		t.Fatalf("of one address: %+v", twice)
	}
	for _, p := range twice.Conflicts[0].Parties { // each is named as in the message, its number too
		if !strings.Contains(twice.Conflicts[0].Message, p.Owner) {
			t.Errorf("%q is not in %q", p.Owner, twice.Conflicts[0].Message)
		}
	}
	for query, want := range map[string]string{"?address=x": "is no address", "?address=10.8.52.191&ended=true": "are not asked for by address"} {
		if a := r.ask(other, "GET", "/api/v1/conflicts"+query, ""); a.status != 422 || !strings.Contains(a.body, want) {
			t.Errorf("%s: %+v", query, a)
		}
	}
	if a := r.ask(other, "GET", "/api/v1/conflicts?ended=true&after=x", ""); a.status != 422 {
		t.Errorf("a wrong cursor: %+v", a)
	}
}

// TestAllowedIsNoConflict: what the network team's fleet file allows is none.
func TestAllowedIsNoConflict(t *testing.T) {
	promo, west := twoTeams(t)
	promo.write("server/ipguard.yml", companyPlan+"allow: [{rule: address-claimed-twice, addresses: [10.8.52.191], owners: [promo, dr-west], reason: it moves, until: 2999-01-01}]\n")
	promo.expect(0, nil, "push")
	west.expect(0, []string{"new"}, "push")
}

// TestHooksOfConfiguration: what cannot be told or signed does not start.
func TestHooksOfConfiguration(t *testing.T) {
	t.Parallel()
	text := func(s string) fleet.Text { return fleet.Text{Value: s} }
	variable := func(s string) fleet.VariableName { return fleet.VariableName{Text: text(s)} }
	good := serve.Webhook{Name: text("ops"), URL: text("https://hooks.example.com/x"), SecretEnv: variable("HOOK")}
	for name, c := range map[string]struct {
		change func(*serve.Webhook)
		want   string
	}{
		"no secret":      {func(w *serve.Webhook) { w.SecretEnv = variable("NONE") }, "the secret of webhook ops is missing"},
		"short secret":   {func(w *serve.Webhook) { w.SecretEnv = variable("SHORT") }, "fewer than 16 bytes"},
		"no base64":      {func(w *serve.Webhook) { w.SecretEnv = variable("BROKEN") }, "no base64"},
		"http":           {func(w *serve.Webhook) { w.URL = text("http://hooks.example.com/hush") }, "no TLS"},
		"no URL":         {func(w *serve.Webhook) { w.URL = text("hush") }, "its url is none"},
		"name":           {func(w *serve.Webhook) { w.Name = text("A b") }, "no name of a webhook"},
		"no certificate": {func(w *serve.Webhook) { w.CACert = text("/none") }, "cannot be read"},
	} {
		w := good
		c.change(&w)
		config := serve.Config{Database: text(t.TempDir() + "/x.db"), Webhooks: []serve.Webhook{w}}
		_, err := serve.New(t.Context(), serve.Options{Config: config, Log: slog.Default(), Now: time.Now, Environ: []string{"HOOK=" + hookSecret, "SHORT=short", "BROKEN=whsec_%%%"}})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v, want %q and no URL", name, err, c.want)
		}
	}
}
