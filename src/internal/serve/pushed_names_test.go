//go:build !race

package serve_test

import (
	"net/http"
	"strings"
	"testing"
)

// strangers is a company whose server learns of all directors by their pushes, of which two
// have one address.
func strangers(t *testing.T) (promo, west *team) {
	promo, west = twoTeams(t)
	promo.write("server/ipguard.yml", namelessPlan)
	promo.expect(0, nil, "push")
	west.expect(1, []string{"10.8.52.191"}, "push")
	return promo, west
}

const namelessPlan = "directors: []\nsegments: [{name: vlan-52, subnets: [{range: 10.8.52.0/24}]}]\npools: [{name: dr, team: dr, segment: vlan-52, addresses: [10.8.52.190 - 10.8.52.199]}]\n"

// isolating puts the two teams into segments of their own, by the names of their directors.
var isolating = strings.Replace(namelessPlan, "segments: [{name: vlan-52, subnets: [{range: 10.8.52.0/24}]}]", "segments: [{name: vlan-52, subnets: [{director: promo}]}, {name: far, subnets: [{director: dr-west}]}]", 1)

// openConflicts are the rules of those that go on, and how many of them cannot be seen.
func (m *team) openConflicts(t *testing.T) (rules string, unsure int) {
	t.Helper()
	var list conflictList
	m.get(t, "/api/v1/conflicts", &list)
	for _, c := range list.Conflicts {
		rules += c.Rule + " "
		if c.Unsure != nil {
			unsure++
		}
	}
	return rules, unsure
}

// TestPushedNames: the server's fleet file may allow and isolate what teams push, before it
// is pushed and after it was retired, too; a name of nobody's is told, and stops nothing.
func TestPushedNames(t *testing.T) {
	promo, west := strangers(t)
	if rules, _ := promo.openConflicts(t); !strings.Contains(rules, "address-claimed-twice") {
		t.Fatalf("%q", rules)
	}
	promo.write("server/ipguard.yml", namelessPlan+"allow: [{rule: address-claimed-twice, addresses: [10.8.52.191], owners: [promo/pgpool, dr-west/director], reason: moves, until: 2126-12-20}, {rule: address-claimed-twice, addresses: [10.8.52.7], owners: [promo, nobody], reason: x, until: 2126-12-20}]\n")
	if rules, _ := promo.openConflicts(t); strings.Contains(rules, "address-claimed-twice") {
		t.Errorf("it is allowed: %q", rules)
	}
	west.expect(0, nil, "lint", "director-env.yml")
	west.expect(0, []string{"written on"}, "book", "dr", "--for", "lb/x")
	promo.write("server/ipguard.yml", isolating)
	if rules, _ := promo.openConflicts(t); strings.Contains(rules, "address-claimed-twice") {
		t.Errorf("they are apart: %q", rules)
	}
	west.expect(0, nil, "lint", "director-env.yml")

	// A director that is retired stops the server as little as one that is to come.
	admin := promo.company.team("admin", "ipguard.admin")
	request, err := http.NewRequest(http.MethodDelete, promo.server.URL+"/api/v1/directors/promo", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+admin.token)
	if a := read(t, http.DefaultClient, request); a.status/100 != 2 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	west.expect(0, nil, "lint", "director-env.yml")
	promo.expect(0, []string{"new"}, "push")
}

// TestOpenWhileUnknown: while the server's fleet file has a mistake, nothing that was open
// has ended, whatever the rest of the file says.
func TestOpenWhileUnknown(t *testing.T) {
	promo, west := strangers(t)
	before, _ := promo.openConflicts(t)
	promo.write("server/ipguard.yml", isolating+"nonsense: 1\n")
	if now, unsure := promo.openConflicts(t); len(now) != len(before) || unsure == 0 || before == "" {
		t.Errorf("open: %q, %d of them unsure, and before %q", now, unsure, before)
	}
	if err := promo.program.Record(t.Context()); err != nil {
		t.Error(err)
	}
	if now, unsure := promo.openConflicts(t); len(now) != len(before) || unsure == 0 {
		t.Errorf("once it is recorded: %q, %d of them unsure, and before %q", now, unsure, before)
	}
	west.expect(3, nil, "lint")
	promo.write("server/ipguard.yml", namelessPlan)
	if now, unsure := promo.openConflicts(t); len(now) != len(before) || unsure != 0 {
		t.Errorf("when it is right again: %q, %d of them unsure", now, unsure)
	}
}

// TestOwnNamesOfServer: a team's own segments may name directors of the server; a name of
// nobody's is refused.
func TestOwnNamesOfServer(t *testing.T) {
	promo, west := strangers(t)
	fleet := func(own string) {
		west.write("dr-west/ipguard.yml", "server: "+west.server.URL+"\n"+own+"\ndirectors:\n- {name: dr-west, cloud_configs: [cloud.yml], deployments: ['*-manifest.yml'], create_env: ['*-env.yml']}\n")
	}
	promo.write("server/ipguard.yml", "directors: []\npools: [{name: dr, team: dr, addresses: [10.8.52.190 - 10.8.52.199]}]\n")
	fleet("segments: [{name: here, subnets: [{director: dr-west}]}, {name: there, subnets: [{director: promo}]}]")
	west.expect(0, nil, "lint", "director-env.yml")
	fleet("segments: [{name: here, subnets: [{director: dr-west}]}, {name: there, subnets: [{director: promoo}]}]")
	west.expect(1, []string{"no director of this file or of its server is named `promoo`", "did you mean `promo`?"}, "lint")
}
