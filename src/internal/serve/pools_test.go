//go:build !race

package serve_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/serve"
)

const twoPools = `directors: [{name: promo, cloud_configs: [cc.yml]}]
segments: [{name: v, subnets: [{range: 10.0.0.0/24}]}, {name: w, subnets: [{range: 10.0.1.0/24}]}]
pools:
- {name: lab, team: lab, segment: v, addresses: [%s]}
- {name: %s, team: lab, segment: %s, addresses: [%s]}
`

// fleetOf is a server's configuration with that fleet file, on a database of its own.
func fleetOf(t testing.TB, text string) serve.Config {
	t.Helper()
	folder := t.TempDir()
	path := filepath.Join(folder, "ipguard.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cloudConfig := `azs: [{name: z1}]
vm_types: [{name: s}]
networks: [{name: default, subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1, az: z1, reserved: [10.0.0.2 - 10.0.0.100]}]}]
compilation: {workers: 1, network: default, az: z1, vm_type: s}
`
	if err := os.WriteFile(filepath.Join(folder, "cc.yml"), []byte(cloudConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	return serve.Config{Fleet: fleet.Text{Value: path}, Database: fleet.Text{Value: filepath.Join(folder, "ipguard.db")}}
}

// TestWrongFleetFile: a server does not start with a fleet file that is not there, or in
// which something is wrong, and says what, with its place.
func TestWrongFleetFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"no YAML":           {"directors: [", "ipguard.yml:"},
		"unknown key":       {"directors: []\npools: [{team: lab, addresses: [10.0.0.0/28], exept: [10.0.0.1]}]\n", "unknown key `exept`"},
		"a manifest":        {"name: web\ninstance_groups: []\n", "ipguard.yml:"},
		"overlapping pools": {fmt.Sprintf(twoPools, "10.0.0.10 - 10.0.0.20", "up", "v", "10.0.0.20/30"), "ipguard.yml:5:3: pools lab and up both delegate 10.0.0.20-10.0.0.20"},
		"overlapping pools, one of any segment": {strings.Replace(fmt.Sprintf(twoPools, "10.0.0.10 - 10.0.0.20", "up", "v", "10.0.0.20/30"),
			"up, team: lab, segment: v", "up, team: lab", 1), "both delegate 10.0.0.20-10.0.0.20"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := serve.New(context.Background(), serve.Options{Config: fleetOf(t, c.text), Log: slog.New(slog.DiscardHandler), Now: time.Now})
			if err == nil {
				t.Fatal("it starts", s.Close())
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	config := fleetOf(t, "directors: []\n")
	config.Fleet.Value += ".not-there"
	if s, err := serve.New(context.Background(), serve.Options{Config: config, Log: slog.New(slog.DiscardHandler), Now: time.Now}); err == nil {
		t.Error("it starts without its fleet file", s.Close())
	}
	startWith(t, func(c *serve.Config) {
		*c = fleetOf(t, fmt.Sprintf(twoPools, "10.0.0.10 - 10.0.0.20", "up", "w", "10.0.0.20/30"))
	}) // two segments
}

// TestStrays: what was booked of a pool that is no more, or no longer delegates the
// address, is nobody else's.
func TestStrays(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]string{
		"split":   fmt.Sprintf(twoPools, "10.0.0.10 - 10.0.0.14", "up", "v", "10.0.0.15 - 10.0.0.20"),
		"renamed": strings.Replace(fmt.Sprintf(twoPools, "10.0.0.10 - 10.0.0.20", "other", "v", "10.0.0.40"), "name: lab", "name: up", 1),
	} {
		t.Run(name, func(t *testing.T) {
			config := fleetOf(t, fmt.Sprintf(twoPools, "10.0.0.10 - 10.0.0.20", "other", "v", "10.0.0.40"))
			r := startWith(t, func(c *serve.Config) { *c = config })
			token := r.token("lab", accounts.BookFor("lab"))
			if a := r.ask(token, "POST", "/api/v1/pools/lab/bookings", `{"for": "lb/jane", "addresses": ["10.0.0.16"], "endless": true}`); a.status != 201 {
				t.Fatalf("%+v", a)
			}
			if err := os.WriteFile(config.Fleet.Value, []byte(after), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, r := range []*running{r, startWith(t, func(c *serve.Config) { *c = config })} { // the same, and one that is started again
				if a := r.ask(token, "POST", "/api/v1/pools/up/bookings", `{"for": "lb/bob", "addresses": ["10.0.0.16"]}`); a.status != 409 || !strings.Contains(a.body, `"not-free"`) && !strings.Contains(a.body, `"taken"`) {
					t.Errorf("somebody else asks for it: %d %s", a.status, a.body)
				}
				if a := r.ask(token, "POST", "/api/v1/pools/up/bookings", `{"for": "lb/all", "number": 5}`); a.status != 201 && a.status != 200 || strings.Contains(a.body, `"10.0.0.16"`) {
					t.Errorf("somebody asks for many: %d %s", a.status, a.body)
				}
				if renamed := name == "renamed"; strings.Contains(r.log.text(), `1 booking of pool \"lab\"`) != renamed {
					t.Errorf("the log:\n%s", r.log.text())
				}
			}
		})
	}
}

// TestWhyNoneIsFree: a pool of which nothing can be given, though nobody has it, says why:
// no network that was pushed holds it, or somebody may have it who cannot be seen. What is
// told of another team's files is whose they are.
func TestWhyNoneIsFree(t *testing.T) {
	t.Parallel()
	manifest := `name: web
releases: [{name: r, version: 1}]
stemcells: [{alias: d, os: o, version: 1}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1, update_watch_time: 1}
instance_groups:
- {name: api, instances: 1, azs: [z1], vm_type: s, stemcell: d, networks: [{name: default}],
   jobs: [{name: keepalived, release: r, properties: {keepalived: {vip: ((hush))}}}]}
`
	pools := `pools: [{name: lab, team: lab, addresses: [10.0.0.10 - 10.0.0.20]}]` + "\n"
	for name, c := range map[string]struct{ fleet, all, own string }{
		"nothing is pushed": {"directors: []\n" + pools, "no network that the server was told of", "no network that the server was told of"},
		"something hides":   {"directors: [{name: promo, cloud_configs: [cc.yml], deployments: [web.yml]}]\n" + pools, "11 may be somebody's who cannot be seen", "((hush))"},
		"nothing hides":     {"directors: [{name: promo, cloud_configs: [cc.yml]}]\n" + pools, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			config := fleetOf(t, c.fleet)
			if err := os.WriteFile(filepath.Join(filepath.Dir(config.Fleet.Value), "web.yml"), []byte(manifest), 0o600); err != nil {
				t.Fatal(err)
			}
			r := startWith(t, func(to *serve.Config) { *to = config })
			lab := r.token("lab", accounts.BookFor("lab"))
			both := r.token("both", accounts.BookFor("lab"), accounts.PushFor("promo"))
			if c.all == "" {
				r.ask(lab, "POST", "/api/v1/pools/lab/bookings", `{"for": "lb/all", "number": 11}`)
			}
			for token, want := range map[string]string{lab: c.all, both: c.own} {
				refused := r.ask(token, "POST", "/api/v1/pools/lab/bookings", `{"for": "lb/x"}`)
				if refused.status != 409 || !strings.Contains(refused.body, `"exhausted"`) {
					t.Fatalf("%d %s", refused.status, refused.body)
				}
				for _, a := range []answered{refused, r.ask(token, "GET", "/api/v1/pools", ""), r.ask(token, "GET", "/api/v1/pools/lab", "")} {
					if strings.Contains(a.body, `"hidden"`) != (want != "") || !strings.Contains(a.body, want) || token == lab && strings.Contains(a.body, "hush") {
						t.Errorf("%s, want %q", a.body, want)
					}
				}
			}
			browser := r.loggedIn() // an administrator's
			for _, path := range []string{"/", "/pools", "/pools/lab"} {
				if page := r.page(browser, path, nil); c.own != "" && !strings.Contains(page.body, c.own) || c.own == "" && strings.Contains(page.body, "cannot be seen") {
					t.Errorf("%s does not say %q:\n%s", path, c.own, page.body)
				}
			}
		})
	}
}

// TestFleetFileBreaks: a mistake in the fleet file of a server that runs is said wherever
// something rests on it, by health and by a metric; nothing that it hides is told to be
// none. Put right, all is as before.
func TestFleetFileBreaks(t *testing.T) {
	t.Parallel()
	good := fmt.Sprintf(twoPools, "10.0.0.10 - 10.0.0.20", "other", "v", "10.0.0.40")
	config := fleetOf(t, good)
	r := startWith(t, func(c *serve.Config) { *c = config })
	lab := r.token("lab", accounts.BookFor("lab"), accounts.PushFor("x"))
	all := func(want string) {
		t.Helper()
		if err := r.program.Record(t.Context()); err != nil && want == "" { // what a server does every 15 seconds
			t.Fatal(err)
		}
		for _, q := range [][2]string{{"GET", "/pools"}, {"GET", "/pools/lab"}, {"GET", "/bookings"}, {"GET", "/drift"}, {"GET", "/plan"}, {"POST", "/pools/lab/bookings"}, {"POST", "/pools/lab/renew"}} {
			body := ""
			if q[0] == "POST" {
				body = `{"for": "lb/jane"}`
			}
			a := r.ask(lab, q[0], "/api/v1"+q[1], body)
			if ok := a.status == 200 || a.status == 201; ok != (want == "") || !ok && (a.status != 503 || !strings.Contains(a.body, want)) {
				t.Errorf("%v: %d %s, want %q", q, a.status, a.body, want)
			}
		}
		ready, metrics := r.raw("", "GET", "/readyz", ""), r.raw(lab, "GET", "/metrics", "")
		if whole := want == ""; (ready.status == 200) != whole || strings.Contains(metrics.body, "\nipguard_server_plan_whole 1\n") != whole {
			t.Errorf("health: %d %s, want %q", ready.status, ready.body, want)
		}
	}
	all("")
	if err := os.WriteFile(config.Fleet.Value, []byte(good+"x: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	all("ipguard.yml:")
	if err := os.Remove(config.Fleet.Value); err != nil {
		t.Fatal(err)
	}
	all("fleet file cannot be read")
	if err := os.WriteFile(config.Fleet.Value, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	all("")
}
