package serve_test

import "testing"

// TestLackingPush: what one team alone looks for is in no push of another's, and what it
// is told to do about that helps.
func TestLackingPush(t *testing.T) {
	promo, west := twoTeams(t)
	promo.expect(0, nil, "push")
	west.write("dr-west/director-env.yml", environmentOf("director", "10.8.52.209"))
	west.expect(0, nil, "push")
	west.write("dr-west/ipguard.yml", "server: "+west.server.URL+"\nvip_properties: {add: [gate/address]}\ndirectors:\n- name: dr-west\n  cloud_configs: [cloud.yml]\n  deployments: ['*-manifest.yml']\n  create_env: ['*-env.yml']\n")
	west.expect(3, []string{"was written when nothing asked for the job property gate/address", "it belongs into the server's fleet file", "ipguard push promo"}, "lint")
}
