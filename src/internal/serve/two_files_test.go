//go:build !race

package serve_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

const twoFilesPlan = `directors:
- {name: d, cloud_configs: [cloud.yml]}
segments: [{name: lan, subnets: [{range: 10.0.0.0/24}]}]
pools:
- {name: p, team: t, segment: lan, addresses: [10.0.0.64 - 10.0.0.127]}
`

// TestTwoFleetFiles: of two servers on one database whose fleet files say different things
// about what may be given, the one whose file is older gives nothing until it says the
// same; what says the same in other words is no difference.
func TestTwoFleetFiles(t *testing.T) {
	t.Parallel()
	servers, token := startTwo(t, filepath.Join(t.TempDir(), "two.db"))
	newer, older := servers[0], servers[1]
	write := func(s *oneOfTwo, name, text string) {
		if err := os.WriteFile(filepath.Join(filepath.Dir(s.file), name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	manifest := "name: m\ninstance_groups: [{name: g, azs: [z1], instances: 1, networks: [{name: default, static_ips: [10.0.0.127]}]}]\n"
	for _, s := range servers {
		write(s, "m.yml", manifest)
	}
	next := 64
	give := func(s *oneOfTwo) int {
		t.Helper()
		next++
		status, err := s.ask(http.MethodPost, "/api/v1/pools/p/bookings", token, fmt.Sprintf(`{"for": "lb/front-%d", "team": "t", "addresses": ["10.0.0.%d"]}`, next, next))
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	load := func(s *oneOfTwo, text string) {
		t.Helper()
		write(s, "ipguard.yml", text)
		if _, err := s.ask(http.MethodGet, "/api/v1/pools", token, ""); err != nil {
			t.Fatal(err)
		}
	}
	load(newer, twoFilesPlan)
	load(older, twoFilesPlan)
	for what, edit := range map[string][2]string{
		"an address of somebody outside":  {"pools:", "external: [{owner: f5, addresses: [10.0.0.126]}]\npools:"},
		"a director's own address":        {"{name: d,", "{name: d, director_ips: [10.0.0.126],"},
		"where a director is reached":     {"{name: d,", "{name: d, environment: 'https://10.0.0.126:25555',"},
		"one more director":               {"segments:", "- {name: e, director_ips: [10.0.0.126]}\nsegments:"},
		"a file of a director":            {"[cloud.yml]", "[cloud.yml], deployments: [m.yml]"},
		"a segment":                       {"{range: 10.0.0.0/24}", "{range: 10.0.0.0/25}"},
		"a property of virtual addresses": {"pools:", "vip_properties: {add: [gate/address]}\npools:"},
		"a quota":                         {"team: t", "team: t, quota: 60"},
		"how long an address rests":       {"team: t", "team: t, quarantine: 30d"},
		"an exception of a pool":          {"team: t", "team: t, except: [10.0.0.126]"},
	} {
		text := strings.Replace(twoFilesPlan, edit[0], edit[1], 1)
		if text == twoFilesPlan {
			t.Fatalf("%s: nothing is edited", what)
		}
		load(newer, text)
		first, second := give(newer), give(older)
		load(older, "# the same\n"+text)
		third := give(older)
		if first == http.StatusServiceUnavailable || second != http.StatusServiceUnavailable || third != first {
			t.Errorf("%s: the newer server: %d, the older one: %d, and when it says the same: %d", what, first, second, third)
		}
		load(newer, twoFilesPlan)
		load(older, twoFilesPlan)
	}
	for what, text := range map[string]string{
		"comments and quotes": "# a comment\n" + strings.Replace(twoFilesPlan, "name: lan", `"name":   'lan'`, 1),
		"an alias":            strings.Replace(strings.Replace(twoFilesPlan, "name: lan,", "name: &lan lan,", 1), "segment: lan", "segment: *lan", 1),
		"what is accepted":    strings.Replace(twoFilesPlan, "pools:", "severities: [{rule: address-claimed-twice, severity: error}]\npools:", 1),
	} {
		load(newer, text)
		if first, second := give(newer), give(older); first != http.StatusCreated || second != http.StatusCreated {
			t.Errorf("%s: the newer server: %d, the older one: %d", what, first, second)
		}
	}
	// What a file beside it says counts as it was when both were read.
	load(newer, strings.Replace(twoFilesPlan, "[cloud.yml]", "[cloud.yml], deployments: [m.yml]", 1))
	write(older, "m.yml", strings.Replace(manifest, "10.0.0.127", "10.0.0.126", 1))
	load(older, strings.Replace(twoFilesPlan, "[cloud.yml]", "[cloud.yml], deployments: [m.yml]", 1))
	if first, second := give(newer), give(older); first != http.StatusServiceUnavailable || second != http.StatusCreated {
		t.Errorf("another manifest: the older server: %d, the newer one: %d", first, second)
	}
}

// TestOwnFileChanges: a file that the server's fleet file names, and that changes, counts
// when the picture is made again, which tells the other servers; nobody is put off for it.
func TestOwnFileChanges(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	c.write("server/cloud.yml", strings.NewReplacer("10.8.52.", "10.0.0.", "STATIC", "10.0.0.100 - 10.0.0.127", "RESERVED", "10.0.0.2 - 10.0.0.99").Replace(cloudConfig))
	c.write("server/m.yml", manifestOf("m", "10.0.0.126"))
	c.write("server/ipguard.yml", strings.Replace(twoFilesPlan, "[cloud.yml]", "[cloud.yml], deployments: [m.yml]", 1))
	a := c.team("admin", accounts.Admin)
	give := func(address string) int {
		t.Helper()
		return a.post(t, "/api/v1/pools/p/bookings", `{"for": "d/lb/`+address+`", "team": "t", "addresses": ["`+address+`"]}`).status
	}
	for range 2 { // it is made again once, for the file was loaded
		if status := give("10.0.0.126"); status != http.StatusConflict {
			t.Fatal(status)
		}
	}
	c.write("server/m.yml", manifestOf("m", "10.0.0.125"))
	c.clock.pass(40 * time.Second)
	for range 100 {
		if status := give("10.0.0.126"); status == http.StatusServiceUnavailable {
			t.Fatal("a change of a file puts people off")
		} else if status == http.StatusCreated {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("the file that changed does not count")
}
