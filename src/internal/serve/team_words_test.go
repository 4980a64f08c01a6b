//go:build !race

package serve_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/serve"
)

// gateOf is a manifest whose job holds a virtual address that no usual name tells.
func gateOf(name, ips, address string) string {
	return strings.Replace(manifestOf(name, ips), "properties: {password: hunter2hunter2}", "properties: {gate_address: "+address+", password: hunter2hunter2}", 1)
}

const ownWords = `
external: [{owner: promo-lb, addresses: [10.8.52.32]}, {owner: f5, addresses: [10.8.52.56 - 10.8.52.58, 10.9.0.0/30], segment: vlan-52}]
vip_properties: {add: [x/gate_address], ignore: [x/idle_vip]}
`

// TestTeamsOwnWords: what a team's fleet file says of addresses outside of directors, and
// of virtual addresses, counts for everybody once the team has pushed.
func TestTeamsOwnWords(t *testing.T) {
	promo, west := twoTeams(t)
	fleet := func(m *team, own string) {
		m.write(m.name+"/ipguard.yml", "server: "+m.server.URL+"\n"+own+"\ndirectors:\n- name: "+m.name+"\n  cloud_configs: [cloud.yml]\n  deployments: ['*-manifest.yml']\n  create_env: ['*-env.yml']\n")
	}
	promo.write("promo/pgpool-manifest.yml", strings.Replace(gateOf("pgpool", "10.8.52.191", "10.8.52.33"), "gate_address:", "idle_vip: 10.8.52.34, gate_address:", 1))
	promo.expect(0, nil, "push")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.32"))
	west.write("dr-west/vip-manifest.yml", strings.Replace(manifestOf("vip", "10.8.52.201"), "{password", "{lb_vip: 10.8.52.33, password", 1))
	west.expect(0, nil, "push")
	west.expect(0, nil, "lint")

	fleet(promo, ownWords)
	promo.expect(1, []string{"promo: 2 conflicts", "10.8.52.32", "promo-lb", "10.8.52.33", "gate_address"}, "push")
	promo.expect(1, []string{"10.8.52.33", "10.8.52.32"}, "lint")
	west.expect(1, []string{"10.8.52.33", "gate_address", "promo-lb", "10.8.52.32"}, "lint")
	west.expect(1, []string{"promo-lb"}, "lint", "director-env.yml")
	west.expect(1, []string{"dr-west: 2 conflicts"}, "push")
	for _, m := range []*team{promo, west} {
		m.expect(0, []string{"promo-lb"}, "who", "10.8.52.32")
		m.expect(0, []string{"gate_address"}, "who", "10.8.52.33")
		m.expect(0, []string{"nobody has it"}, "who", "10.8.52.34") // what a name says wrongly is the team's to say, too
		m.expect(0, []string{"f5"}, "who", "10.8.52.57")
		m.expect(0, []string{"f5"}, "map")
		m.expect(0, []string{"declared by promo-lb (outside of bosh) of director promo"}, "history", "10.8.52.32")
	}
	if out := west.expect(0, nil, "free", "10.8.52.0/24", "-n", "16"); strings.Contains(out, "10.8.52.57  ") || !strings.Contains(out, "10.8.52.59  ") {
		t.Errorf("an address outside of directors is free: %s", out)
	}

	// Whoever may push the director sees where it is written; nobody else does.
	for m, sees := range map[*team]bool{promo: true, west: false} {
		var found struct {
			Conflicts []struct {
				Range   string
				Parties []struct{ Owner, Director, At string }
			}
		}
		m.get(t, "/api/v1/conflicts", &found)
		shown := 0
		for _, c := range found.Conflicts {
			for _, p := range c.Parties {
				if strings.HasPrefix(p.Owner, "promo-lb") && p.Director == "promo" && (p.At != "") == sees {
					shown++
				}
			}
		}
		if shown != 1 {
			t.Errorf("%s: %+v", m.name, found)
		}
	}

	// It is gone when the team says so, and not before.
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	west.write("dr-west/vip-manifest.yml", manifestOf("vip", "10.8.52.201"))
	west.expect(0, nil, "push")
	west.expect(0, nil, "lint")
	promo.expect(0, nil, "lint")
	fleet(promo, "")
	promo.expect(0, []string{"of external promo-lb is not in it any more"}, "push")
	west.expect(0, []string{"nobody has it"}, "who", "10.8.52.32")
	west.expect(0, []string{"declared by promo-lb (outside of bosh)", " to "}, "history", "10.8.52.32")
}

// TestUnlooked: a team whose fleet file knows of virtual addresses that others did not look
// for hears what is not known, and is not held up by it; the server's file cures it.
func TestUnlooked(t *testing.T) {
	promo, west := twoTeams(t)
	promo.write("promo/ipguard.yml", "server: "+promo.server.URL+ownWords+"directors:\n- {name: promo, cloud_configs: [cloud.yml], deployments: ['*-manifest.yml']}\n")
	promo.write("promo/pgpool-manifest.yml", gateOf("pgpool", "10.8.52.191", "10.8.52.33"))
	promo.expect(0, nil, "push")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	west.write("dr-west/web-manifest.yml", gateOf("web", "10.8.52.200", "10.8.52.33"))
	west.expect(0, nil, "push")
	promo.expect(0, []string{"nobody looked for the job property x/gate_address in what was pushed of director dr-west", "vip_properties of the server's fleet file"}, "lint")
	promo.expect(1, []string{"nobody looked for"}, "lint", "--strict")
	west.expect(0, nil, "lint")

	promo.write("server/ipguard.yml", companyPlan+"vip_properties: {add: [x/gate_address]}\n")
	promo.expect(3, []string{"what was pushed of director dr-west was written when nothing asked for the job property x/gate_address", "whoever has it runs ipguard push dr-west"}, "lint")
	west.expect(1, []string{"10.8.52.33"}, "push")
	promo.expect(1, []string{"10.8.52.33"}, "lint")
	west.expect(1, []string{"10.8.52.33"}, "lint")
}

// TestTeamsSegments: external addresses of a team may be in a segment of the server. One
// that the team defines is known to nobody else: there they may be in any.
func TestTeamsSegments(t *testing.T) {
	promo, west := twoTeams(t)
	plan := func(own string) string {
		return "server: " + promo.server.URL + "\n" + own + "\ndirectors:\n- {name: promo, cloud_configs: [cloud.yml], deployments: ['*-manifest.yml']}\n"
	}
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	west.expect(0, nil, "push")
	promo.write("server/ipguard.yml", companyPlan+"- {name: elsewhere, team: dr, segment: far, addresses: [10.8.52.240]}\nsegments: [{name: vlan-52, subnets: [{range: 10.8.52.0/24}]}, {name: far, subnets: [{range: 10.77.0.0/24}]}]\n")
	promo.write("server/ipguard.yml", strings.Replace(companyPlan, "segments: [", "segments: [{name: far, subnets: [{range: 10.77.0.0/24}]}, ", 1))
	promo.write("promo/ipguard.yml", plan("external: [{owner: lb, addresses: [10.8.52.209], segment: far}]"))
	promo.expect(0, nil, "push")
	west.expect(0, nil, "lint")
	promo.write("promo/ipguard.yml", plan("external: [{owner: lb, addresses: [10.8.52.209], segment: farr}]"))
	promo.expect(3, []string{"ipguard.yml:2:", "no segment of this file or of its server is named `farr`"}, "push")
	promo.expect(3, []string{"no segment of this file or of its server is named `farr`"}, "lint")
	promo.write("promo/ipguard.yml", plan("segments: [{name: own, subnets: [{director: promo, range: 10.66.0.0/24}]}]\nexternal: [{owner: lb, addresses: [10.8.52.209], segment: own}]"))
	promo.expect(1, []string{"lb"}, "push")
	west.expect(1, []string{"lb"}, "lint")

	// What can be told with no director is not passed over.
	promo.write("promo/ipguard.yml", "server: "+promo.server.URL+"\nexternal: [{owner: lb, addresses: [10.8.52.209]}]\n")
	promo.expect(3, []string{"are told to others with the directors of this file, and it has none", "server's fleet file"}, "push")
	promo.write("promo/ipguard.yml", plan("external: [{owner: 'https://me:hunter2@lb', addresses: [10.8.52.209]}]"))
	if out := promo.expect(3, []string{"this is no name that can be told to others"}, "push"); strings.Contains(out, "hunter2") {
		t.Errorf("a secret is shown: %s", out)
	}
}

// TestOlderPush: what was pushed before a team's own words had a form of their own is read
// by what it was kept with.
func TestOlderPush(t *testing.T) {
	promo, west := twoTeams(t)
	promo.write("promo/ipguard.yml", "server: "+promo.server.URL+"\nvip_properties: {add: [x/gate_address]}\ndirectors:\n- {name: promo, cloud_configs: [cloud.yml], deployments: ['*-manifest.yml']}\n")
	promo.write("promo/pgpool-manifest.yml", gateOf("pgpool", "10.8.52.191", "10.8.52.33"))
	promo.expect(0, nil, "push")
	database, err := serve.Open(t.Context(), filepath.Join(promo.folder, "server", "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	var packed []byte
	err = database.SQL().QueryRow("select snapshot from push").Scan(&packed)
	database.Close()
	if err != nil {
		t.Fatal(err)
	}
	text, err := unpack(packed)
	older := strings.Replace(text, `"vip_properties":{"add":["x/gate_address"]}`, `"managed_networks":false`, 1)
	if err != nil || older == text {
		t.Fatalf("%v: %s", err, text)
	}
	i, j := strings.Index(older, `"rest":`), strings.Index(older, `"cloud_configs":`)
	older = older[:i] + older[j:]
	if a := promo.tell(t, older); a.status != http.StatusOK || !strings.Contains(a.body, `"version":2`) {
		t.Fatalf("%+v", a)
	}
	west.expect(0, []string{"gate_address"}, "who", "10.8.52.33")
}
