//go:build !race

package serve_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

// TestCommandsWithServer goes through all commands of an operator whose pools are on a
// server.
func TestCommandsWithServer(t *testing.T) {
	promo, west := twoTeams(t)
	promo.expect(0, nil, "push")
	west.expect(1, nil, "push")
	book := []string{"book", "dr", "--for", "dr-west/web/web", "-n", "2", "--until", "3d", "--why", "ticket 7"}
	west.expect(0, []string{"10.8.52.190", "10.8.52.192", "written on"}, append(book, "--vars", "web_ips")...)
	if out := west.expect(0, []string{"already booked"}, book...); strings.Contains(out, "written on") {
		t.Errorf("asked again, something is written: %s", out)
	}
	west.expect(0, []string{`"answer": "yours"`, west.server.URL}, append(book, "--format", "json")...)
	west.expect(1, []string{"10.8.52.191", "is in use by"}, "book", "dr", "--for", "lb/x", "--address", "10.8.52.191")
	west.expect(1, []string{"no pool delegates"}, "book", "10.8.52.0/30", "--for", "lb/x")
	west.expect(2, []string{"10.9.0.0/24"}, "book", "10.9.0.0/24", "--for", "lb/x")
	west.expect(2, []string{"--branch"}, "book", "dr", "--for", "lb/x", "--branch", "b")

	// bookings
	promo.expect(0, []string{"10.8.52.190", "ticket 7"}, "bookings")
	if out := promo.expect(0, nil, "bookings", "--mine"); strings.Contains(out, "10.8.52.190") {
		t.Errorf("what others booked is mine: %s", out)
	}
	west.expect(0, []string{"10.8.52.190", "10.8.52.192"}, "bookings", "--mine")
	west.expect(0, []string{"10.8.52.190"}, "bookings", "--ending", "4d")
	if out := west.expect(0, nil, "bookings", "--ending", "2d"); strings.Contains(out, "10.8.52.190") {
		t.Errorf("it does not end within two days: %s", out)
	}
	west.expect(0, []string{"10.8.52.190"}, "bookings", "--unused")
	west.expect(0, []string{"pool,", "10.8.52.192"}, "bookings", "--format", "csv")
	west.expect(0, []string{"10.8.52.190"}, "bookings", "10.8.52.190")
	west.expect(2, []string{"no booking of a pool"}, "bookings", "nobody/at/all")

	// beyond the quota
	west.expect(1, []string{"may have of pool small", "--request"}, "book", "small", "--for", "lb/big", "-n", "3")
	west.expect(1, []string{"request 1 is open"}, "book", "small", "--for", "lb/big", "-n", "3", "--request", "--why", "ticket 8")
	west.expect(1, []string{"request 1 is open"}, "book", "small", "--for", "lb/big", "-n", "3", "--request", "--why", "ticket 8")
	west.expect(0, []string{"request 1: open, 3 addresses of pool small for lb/big (team dr), by token dr-west", "ticket 8"}, "requests", "--mine")
	west.expect(0, []string{`"state": "open"`}, "requests", "--format", "json")
	promo.expect(0, []string{"no requests"}, "requests", "--mine")
	west.expect(3, []string{"ipguard.pools.small.approve"}, "requests", "approve", "1")
	west.expect(2, []string{"there is no request 7"}, "requests", "approve", "7")
	west.expect(2, []string{"unknown command"}, "requests", "allow", "1")
	west.expect(1, []string{"request 2 is open"}, "book", "small", "--for", "lb/more", "-n", "3", "--request")
	west.expect(1, []string{"request 3 is open"}, "book", "small", "--for", "lb/most", "-n", "3", "--request")
	owner := west.owner("small")
	owner.expect(0, []string{"request 1: booked", "10.8.52.50", "10.8.52.52", "decided by token network"}, "requests", "approve", "1")
	owner.expect(0, []string{"request 1: booked"}, "requests", "approve", "1")
	owner.expect(0, []string{"request 2: declined", "not now"}, "requests", "decline", "2", "--why", "not now")
	owner.expect(1, []string{"request 2 is declined already"}, "requests", "approve", "2")
	west.expect(0, []string{"request 3: withdrawn"}, "requests", "withdraw", "3")
	west.expect(0, []string{"no requests"}, "requests")
	west.expect(0, []string{"request 1: booked", "decided by token network"}, "requests", "--all")
	west.expect(0, []string{"10.8.52.50", "10.8.52.52", "already booked"}, "book", "small", "--for", "lb/big", "-n", "3", "--request")
	west.expect(0, []string{"lb/big"}, "release", "lb/big")

	// renew, release
	west.expect(0, []string{"10.8.52.190"}, "renew", "10.8.52.190", "--until", "30d", "--dry-run")
	west.expect(0, []string{"written on"}, "renew", "dr-west/web/web", "--until", "30d")
	if out := west.expect(0, nil, "bookings", "--ending", "4d"); strings.Contains(out, "10.8.52.190") {
		t.Errorf("it was renewed: %s", out)
	}
	promo.expect(3, []string{"ipguard.teams.dr.book"}, "renew", "10.8.52.190", "--until", "90d")
	promo.expect(3, []string{"ipguard.teams.dr.book"}, "release", "10.8.52.190")
	west.expect(0, []string{"10.8.52.192"}, "release", "10.8.52.192", "--dry-run")
	west.expect(0, []string{"10.8.52.192", "written on"}, "release", "10.8.52.192", "--why", "moved")
	west.expect(2, []string{"nobody has booked"}, "release", "10.8.52.192")
	west.expect(0, []string{"booked", "renewed", "released", "token dr-west", "moved"}, "history", "10.8.52.192")
	promo.expect(0, []string{"delegated to team dr"}, "free", "vlan-52", "--team", "dr", "-n", "1")

	// adopt
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.199"))
	west.expect(0, []string{"10.8.52.199"}, "adopt", "dr", "--dry-run")
	west.expect(0, []string{"new"}, "push")
	west.expect(0, []string{"10.8.52.199", "written on"}, "adopt", "dr")
	if out := west.expect(0, nil, "adopt", "dr"); strings.Contains(out, "written on") {
		t.Errorf("the second time something is written: %s", out)
	}
	west.write("dr-west/old.csv", "address,owner,state\n10.8.52.198,lb/old,booked\n10.8.52.250,lb/none,booked\n")
	for _, dry := range [][]string{{"--dry-run"}, nil} {
		west.expect(3, []string{"10.8.52.198", "lb/old", "needs the scope ipguard.admin"}, append([]string{"adopt", "--csv", "old.csv"}, dry...)...)
	}
	west.write("dr-west/used.csv", "address,owner,state\n10.8.52.199,dr-west/director/bosh,booked\n")
	west.expect(0, nil, "adopt", "--csv", "used.csv", "--dry-run")
	network := &team{west.company, "dr-west", west.company.team("import", accounts.Admin).token}
	network.expect(0, []string{"10.8.52.198", "lb/old"}, "adopt", "--csv", "old.csv", "--dry-run")

	// plan
	west.expect(0, []string{"10.8.52.180", "promo/pgpool"}, "who", "10.8.52.191", "10.8.52.180")
	west.expect(0, []string{"vlan-52"}, "map")
	west.expect(0, []string{`"kind": "booked"`}, "map", "--format", "json")
	west.expect(0, nil, "map", "--html", "map.html")
	if page, err := os.ReadFile(filepath.Join(west.folder, "dr-west", "map.html")); err != nil || !strings.Contains(string(page), "10.8.52.190") {
		t.Errorf("the page of the map: %v", err)
	}
	west.expect(0, nil, "fence")
	west.expect(0, nil, "lint", "director-env.yml")
	west.expect(0, nil, "lint")
	west.expect(0, nil, "baseline", "write")
	west.expect(0, nil, "baseline", "check")
	west.expect(3, []string{"has no snapshot"}, "audit", "--director", "dr-west")
}

// TestCommandsWithoutServer: while the server is away, what is young enough answers and
// says its age; what is not, or would change something, ends with 3.
func TestCommandsWithoutServer(t *testing.T) {
	promo, west := twoTeams(t)
	promo.expect(0, nil, "push")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.199"))
	west.expect(0, nil, "push")
	west.expect(0, nil, "book", "dr", "--for", "dr-west/director/bosh")
	west.expect(0, nil, "who", "10.8.52.199")
	west.expect(0, nil, "baseline", "write")
	west.server.Close()
	west.clock.pass(3 * time.Hour)
	reading := [][]string{
		{"lint"}, {"lint", "director-env.yml"}, {"who", "10.8.52.191"}, {"free", "vlan-52"}, {"map"}, {"map", "--format", "json"}, {"map", "--html", "map.html"},
		{"fence"}, {"bookings"}, {"bookings", "--format", "csv"}, {"baseline", "check"},
	}
	writing := [][]string{
		{"book", "dr", "--for", "lb/x"}, {"renew", "10.8.52.199"}, {"release", "10.8.52.199"}, {"adopt"}, {"adopt", "--dry-run"}, {"bookings", "--mine"}, {"push"},
		{"audit", "--director", "dr-west"},
	}
	for _, args := range reading {
		west.expect(0, []string{"does not answer", "3h"}, args...)
	}
	for _, args := range writing {
		west.expect(3, []string{"does not answer"}, args...)
	}
	// Who had an address before is in no cache.
	west.expect(3, []string{"does not answer", "3h", "is not known"}, "history", "10.8.52.199")
	west.expect(opens, []string{"does not answer", "3h"}, "bosh", "create-env", "director-env.yml")
	west.clock.pass(22 * time.Hour)
	west.expect(3, []string{"does not answer"}, "bosh", "create-env", "director-env.yml")
	for _, args := range append(reading, writing...) {
		west.expect(3, []string{"does not answer"}, args...)
	}
	// Nobody is told that there is nothing, nor sent to a plan of his own.
	for _, args := range [][]string{{"free"}, {"free", "--team", "dr"}, {"free", "--purpose", "x"}, {"bookings"}, {"history", "10.8.52.199"}, {"who", "10.8.52.77"}} {
		out := west.expect(3, []string{"does not answer"}, args...)
		for _, no := range []string{"add pools", "needs a segment", "no bookings\n", "nobody ever booked it\n", "nobody has it"} {
			if strings.Contains(out, no) {
				t.Errorf("%v says %q: %s", args, no, out)
			}
		}
	}
}

// TestFirstNumberHasAName: what was booked as an owner's number 0 is named so everywhere, and is
// that address alone.
func TestFirstNumberHasAName(t *testing.T) {
	promo, west := twoTeams(t)
	promo.expect(0, nil, "push")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	west.expect(0, nil, "push")
	for _, owner := range []string{"lb/w", "dr-west/a/b"} {
		west.expect(0, []string{"booked for " + owner + " "}, "book", "dr", "--for", owner+"/0")
		west.expect(0, []string{"booked for " + owner + "/1 "}, "book", "dr", "--for", owner+"/1")
		if out := west.expect(0, []string{"booked for " + owner + " "}, "bookings", owner+"/0"); strings.Contains(out, owner+"/1") {
			t.Errorf("bookings: %s", out)
		}
		west.expect(0, []string{"without an end"}, "renew", owner+"/0", "--until", "never")
		ask := &oneOfTwo{url: west.server.URL}
		if status, err := ask.ask("POST", "/api/v1/pools/dr/release", west.token, `{"for": "`+owner+`/2"}`); err != nil || status != 404 {
			t.Errorf("release of number 2: %d %v", status, err)
		}
		if owner == "lb/w" {
			west.expect(0, []string{"given back by " + owner + ";"}, "release", owner+"/0")
		} else if status, err := ask.ask("POST", "/api/v1/pools/dr/release", west.token, `{"for": "`+owner+`/0"}`); err != nil || status != 200 {
			t.Errorf("release of number 0: %d %v", status, err)
		}
		west.expect(0, []string{"booked for " + owner + "/1"}, "bookings", owner+"/1")
		west.expect(2, []string{"nobody has booked"}, "release", owner+"/0")
		west.expect(0, []string{"given back by " + owner + "/1"}, "release", owner)
	}
}
