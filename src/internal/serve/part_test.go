package serve_test

import (
	"net/http"
	"testing"

	"github.com/ipguard/ipguard/src/internal/accounts"
)

// TestPartOfDirector: two repositories that each have a part of a director do not take each
// other's part out of the plan without a word; whoever takes one away himself is told.
func TestPartOfDirector(t *testing.T) {
	promo, _ := twoTeams(t)
	promo.expect(0, []string{"new"}, "push")
	other := promo.company.team("other", accounts.PushFor("promo"))
	fleetFile := func(keys string) {
		other.write("other/ipguard.yml", "server: "+other.server.URL+"\ndirectors:\n- {name: promo, "+keys+"}\n")
	}
	other.write("other/next-manifest.yml", manifestOf("next", "10.8.52.181"))
	const by = ", which token promo pushed"
	for keys, lacks := range map[string]string{
		"cloud_configs: [../promo/cloud.yml], deployments: [next-manifest.yml]":                               "lacks create-env jump, deployment pgpool" + by,
		"cloud_configs: [../promo/cloud.yml]":                                                                 "lacks create-env jump, deployment pgpool" + by,
		"cloud_configs: [../promo/cloud.yml], create_env: [../promo/jump-env.yml]":                            "lacks deployment pgpool" + by,
		"deployments: [../promo/pgpool-manifest.yml], create_env: [../promo/jump-env.yml]":                    "no cloud-config of director promo is given",
		"create_env: [../promo/jump-env.yml]":                                                                 "lacks deployment pgpool, network default of the cloud-config" + by,
		"cloud_configs: [../promo/cloud.yml], deployments: [../promo/pgpool-manifest.yml, next-manifest.yml]": "lacks create-env jump" + by,
	} {
		fleetFile(keys)
		other.expect(3, []string{lacks}, "push")
	}
	fleetFile("cloud_configs: [../promo/cloud.yml], deployments: [next-manifest.yml]")
	other.expect(3, []string{"is not pushed", "--replaces"}, "push", "promo")
	expectHeld(t, promo, "10.8.52.191", "declared by promo/pgpool/pgpool")
	other.expect(0, []string{"new", "promo: deployment pgpool is not in it any more", "promo: create-env jump is not in it any more"}, "push", "--replaces")
	// A team's own part that goes is told, and no more.
	promo.expect(3, []string{"deployment next, which token other pushed"}, "push")
	promo.write("promo/next-manifest.yml", manifestOf("next", "10.8.52.181"))
	promo.expect(0, []string{"new"}, "push")
	promo.write("promo/next-manifest.yml", "name: next\ninstance_groups: []\n")
	promo.expect(0, []string{"new"}, "push")
	request, err := http.NewRequest(http.MethodDelete, promo.server.URL+"/api/v1/directors/promo", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+promo.company.team("admin", accounts.Admin).token)
	if a := read(t, http.DefaultClient, request); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	other.expect(0, []string{"new"}, "push") // nothing is there that could be lost
}
