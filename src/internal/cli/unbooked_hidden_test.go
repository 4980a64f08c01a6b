package cli

import (
	"fmt"
	"strings"
	"testing"
)

// TestHiddenUnbooked: an address behind a variable may be one that has to be booked,
// where its pool wants that and its owner has not booked all that it may be.
func TestHiddenUnbooked(t *testing.T) {
	const doubt = "nobody knows whether it is an address that has to be booked"
	for name, c := range map[string]struct {
		pool, booking string
		doubt         bool
	}{
		"required":             {"addresses: [10.0.0.100 - 10.0.0.101], book: required", "", true},
		"not required":         {"addresses: [10.0.0.100 - 10.0.0.101]", "", false},
		"other addresses":      {"addresses: [10.0.0.150], book: required", "", false},
		"booked for its owner": {"addresses: [10.0.0.100], book: required", "a/web/api", false},
		"booked for another":   {"addresses: [10.0.0.100], book: required", "b/web/api", false}, // that is another doubt
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			writeFile(t, "ipguard.yml", fmt.Appendf(nil, "directors: [{name: a, cloud_configs: [a.yml], deployments: [web.yml]}]\npools: [{name: p, team: t, %s}]\n", c.pool))
			writeFile(t, "a.yml", []byte(`azs: [{name: z1}]
vm_types: [{name: s}]
networks:
- name: default
  subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1, azs: [z1], static: [10.0.0.100 - 10.0.0.101]}]
compilation: {workers: 1, az: z1, vm_type: s, network: default}
`))
			writeFile(t, "web.yml", []byte(`name: web
releases: []
stemcells: [{alias: default, os: ubuntu-jammy, version: "1"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}
instance_groups:
- {name: api, instances: 1, azs: [z1], vm_type: s, stemcell: default, jobs: [], networks: [{name: default, static_ips: [((ip))]}]}
`))
			if c.booking != "" {
				writeFile(t, "bookings/p/10.0.0.100.yml", fmt.Appendf(nil, "- {at: 2026-01-02T03:04:05Z, what: booked, owner: %s}\n", c.booking))
			}
			stdout, _, code := runIn(t, "lint", "web.yml")
			if got := strings.Contains(stdout, doubt); got != c.doubt || got && code != ExitIncomplete {
				t.Errorf("in doubt: %t, exit code %d; want in doubt: %t\n%s", got, code, c.doubt, stdout)
			}
		})
	}
}
