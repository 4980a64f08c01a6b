//go:build !race

package serve_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/shell"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

// oddNames are names that could be taken for something else: an index, a path, an escape, an
// address, nothing at all.
var oddNames = []string{
	"1", "0", "007", "-1", "web/0", "a/1", "a/b/c", "/", "a/", "/a", "x//y", "..", ".", " ", " a", "a ", "a b", "%", "%31", "%2F", "a%zz", "*", "?x=1#y", "((", "((a", "null", "~",
	"lb/w/1/2", "promo", "promo/pgpool", "promo/pgpool/pgpool", "10.8.52.191", "10.8.52.0/24", "10.8.52.1 - 10.8.52.9", "::1", "=1+1", "<b>", "'\"`$(id)", "ü", "\u202e", "g\u202eh", "\u00a0", "\u200b",
	"\n", "a\x1b[31m", "\x00", "\uffff", strings.Repeat("/", 255), strings.Repeat("é", 127), strings.Repeat("9", 255), strings.Repeat("a", 600), "",
}

// anyName is one of them, or some of them together.
func anyName(r *rand.Rand) string {
	name := oddNames[r.IntN(len(oddNames))]
	for r.IntN(4) == 0 {
		name += []string{"", "/", "-"}[r.IntN(3)] + oddNames[r.IntN(len(oddNames))]
	}
	return name
}

// oddPlan has a pool that demands bookings, and one of two teams.
var oddPlan = strings.Replace(companyPlan, "addresses: [10.8.52.180 - 10.8.52.189]", "teams: [dr], book: required, addresses: [10.8.52.180 - 10.8.52.189, 10.8.52.60 - 10.8.52.99]", 1)

// drifting is one line of the API's list.
type drifting struct{ Pool, Address, Kind, Owner, Other, Why string }

// TestOddNames has one team push names that nobody expects, as names of whatever a team names:
// no page and no list of the API ends for it, and no answer changes that is another team's.
// IPGUARD_ODD_NAMES says how often.
func TestOddNames(t *testing.T) {
	steps := 1
	if text := os.Getenv("IPGUARD_ODD_NAMES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		steps = n
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	promo, west := twoTeams(t)
	promo.write("server/ipguard.yml", oddPlan)
	admin := promo.team("admin", accounts.Admin)
	admin.write("admin/ipguard.yml", "server: "+admin.server.URL+"\n")
	promo.write("promo/pgpool-manifest.yml", manifestOf("pgpool", "10.8.52.185"))
	promo.run("push")
	writeOdd(west, rand.New(rand.NewPCG(0, 0)), 0)
	west.run("push")
	promo.expect(0, nil, "book", "promo", "--for", "promo/pgpool/pgpool", "--address", "10.8.52.185")
	before := othersOf(t, promo, admin)
	if !strings.Contains(before, "10.8.52.98") || !strings.Contains(before, "10.8.52.185") {
		t.Fatalf("this test looks at the wrong places: %s", before)
	}
	paths := legiblePaths(t, admin)
	pushed := 0
	for n := range steps {
		r := rand.New(rand.NewPCG(seed, uint64(n)))
		names := writeOdd(west, r, 3)
		_, out := west.run("push")
		if strings.Contains(out, "dr-west: version") {
			pushed++
		}
		for _, path := range paths {
			if a := admin.send(http.MethodGet, path, nil); a.status >= 500 {
				t.Errorf("%s: %d %s", path, a.status, a.body[:min(len(a.body), 300)])
			}
		}
		if after := othersOf(t, promo, admin); after != before {
			t.Errorf("what promo has changed, from\n%s\nto\n%s", before, after)
		}
		for _, args := range [][]string{{"adopt", "--dry-run"}, {"lint"}, {"audit"}, {"bookings"}, {"fence"}} {
			if code, out := promo.run(args...); code == 2 {
				t.Errorf("promo: ipguard %v: %d\n%s", args, code, out)
			}
		}
		if t.Failed() {
			t.Fatalf("step %d, with the names %q; push says\n%s", n, names, out)
		}
	}
	t.Logf("%d of %d pushes were taken", pushed, steps)
}

// writeOdd writes dr-west's files with such names in one place of so many; none of 0.
func writeOdd(west *team, r *rand.Rand, of int) (names map[string]string) {
	names = map[string]string{}
	odd := func(place, plain string) string {
		if of > 0 && r.IntN(of) == 0 {
			plain = anyName(r)
			names[place] = plain
		}
		text, _ := json.Marshal(plain) // a text always can be
		return string(text)
	}
	owner, second := odd("external", "lb/x"), odd("second external", "lb/y")
	segment := odd("segment", "here")
	west.write("dr-west/ipguard.yml", "server: "+west.server.URL+"\nsegments: [{name: "+segment+", subnets: [{range: 10.9.0.0/24}]}]\ndirectors:\n- name: dr-west\n  cloud_configs: [cloud.yml]\n  deployments: ['*-manifest.yml']\n  create_env: ['*-env.yml']\n"+
		"external:\n- {owner: "+owner+", addresses: [10.8.52.77]}\n- {owner: "+second+", addresses: [10.8.52.78]}\n")
	zone, network := odd("zone", "z1"), odd("network", "default")
	cloud := strings.NewReplacer("STATIC", "10.8.52.79 - 10.8.52.90", "RESERVED", "10.8.52.2 - 10.8.52.78, 10.8.52.92 - 10.8.52.254", "z1", zone, "default", network).Replace(cloudConfig)
	west.write("dr-west/cloud.yml", cloud)
	deployment, group := odd("deployment", "web"), odd("group", "web")
	manifest := strings.NewReplacer("name: TheDeployment\n", "name: "+deployment+"\n", "- name: TheDeployment\n", "- name: "+group+"\n", "[z1]", "["+zone+"]", "{name: default,", "{name: "+network+",").Replace(manifestOf("TheDeployment", "10.8.52.80"))
	west.write("dr-west/web-manifest.yml", manifest)
	environment := odd("environment", "director")
	west.write("dr-west/director-env.yml", strings.Replace(environmentOf("TheDirector", "10.8.52.76"), "TheDirector", environment, 1))
	return names
}

// othersOf is what the network team and promo are told of what is not dr-west's.
func othersOf(t *testing.T, promo, admin *team) string {
	t.Helper()
	var lines []string
	var drift struct{ Drift []drifting }
	admin.get(t, "/api/v1/drift", &drift)
	for _, d := range drift.Drift {
		if strings.HasPrefix(d.Owner, "promo/") && (d.Address == "10.8.52.98" || d.Address == "10.8.52.185") {
			lines = append(lines, d.Pool+" "+d.Address+" "+d.Kind+" "+d.Owner+" "+d.Other)
		}
	}
	var list struct {
		Bookings []struct{ Pool, Address, State, Owner string }
	}
	admin.get(t, "/api/v1/bookings", &list)
	for _, b := range list.Bookings {
		lines = append(lines, b.Pool+" "+b.Address+" "+b.State+" "+b.Owner)
	}
	for _, m := range []*team{promo, admin} {
		_, out := m.run("adopt", "--dry-run")
		for line := range strings.Lines(out) {
			if strings.Contains(line, " 10.8.52.98 ") || strings.Contains(line, " 10.8.52.185 ") {
				lines = append(lines, m.name+": "+line)
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestGroupOfOddName: an instance group is told by its director, deployment and name, and
// what lint and adopt say of it can be followed, whatever the name looks like.
func TestGroupOfOddName(t *testing.T) {
	for _, name := range []string{"1", "g\u202eh/0"} {
		promo, _ := twoTeams(t)
		promo.write("server/ipguard.yml", strings.Replace(oddPlan, ", {name: dr-west}", "", 1))
		quoted, _ := json.Marshal(name)
		promo.write("promo/pgpool-manifest.yml", strings.Replace(strings.Replace(manifestOf("pgpool", "10.8.52.185, 10.8.52.188"), "instances: 1", "instances: 2", 1), "- name: pgpool\n", "- name: "+string(quoted)+"\n", 1))
		promo.run("push")
		commands := commandsIn(t, promo.expect(1, []string{"unbooked-static"}, "lint", "pgpool-manifest.yml"))
		if len(commands) != 2 {
			t.Fatalf("%q: lint advises %q", name, commands)
		}
		for _, i := range rand.Perm(2) { // whoever pastes both, in whatever order
			promo.expect(0, []string{"booked for"}, commands[i]...)
		}
		if _, out := promo.run("lint", "pgpool-manifest.yml"); strings.Contains(out, "10.8.52.185") {
			t.Errorf("%q: after %q lint says\n%s", name, commands, out)
		}
		promo.expect(0, []string{"1 to adopt, 2 booked already"}, "adopt", "--dry-run")
	}
}

// commandsIn are the commands to book that an answer advises, as a shell takes them.
func commandsIn(t *testing.T, answer string) (commands [][]string) {
	t.Helper()
	for _, text := range strings.Split(answer, "ipguard book ")[1:] {
		line, _, _ := strings.Cut(text, "\n")
		words, err := shell.Fields("book "+line, nil)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		commands = append(commands, words)
	}
	return commands
}
