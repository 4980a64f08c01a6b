package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHiddenBookings breaks each booking of a fleet in each way, and lints changes: no
// run ends better than with the booking (never greener), and what is refused for the
// sake of no booking stays refused (hidden is not wrong).
func TestHiddenBookings(t *testing.T) {
	const fleetFile = `directors:
- {name: a, cloud_configs: [a.yml], deployments: [web.yml]}
- {name: b, cloud_configs: [b.yml]}
segments: [{name: vlan, subnets: [{cloud_properties: {name: VLAN}}]}]
pools: [{name: p, team: t, addresses: [10.0.0.100 - 10.0.0.119], segment: vlan%s}]
`
	const cloud = `azs: [{name: z1}]
vm_types: [{name: s}]
networks:
- name: default
  subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1, azs: [z1], static: [%s], reserved: [%s], cloud_properties: {name: VLAN}}]
compilation: {workers: 1, az: z1, vm_type: s, network: default}
`
	const manifest = `name: %s
releases: []
stemcells: [{alias: default, os: ubuntu-jammy, version: "1"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}
instance_groups:
- {name: api, instances: 1, azs: [z1], vm_type: s, stemcell: default, jobs: [], networks: [{name: default, static_ips: [%s]}]}
`
	const event = "- {at: 2026-01-02T03:04:05Z, what: %s, owner: %s, until: 2026-01-09T03:04:05Z}\n"
	bookings := map[string]string{
		"10.0.0.100": fmt.Sprintf(event, "booked", "a/web/api"),
		"10.0.0.101": fmt.Sprintf(event, "booked", "b/other/api"),
		"10.0.0.102": fmt.Sprintf(event, "booked", "a/shop/api") + fmt.Sprintf(event, "released", "a/shop/api"),
		"10.0.0.103": fmt.Sprintf(event, "adopted", "lb/frontend"),
	}
	broken := map[string]func(t *testing.T, path string){
		"garbage": func(t *testing.T, path string) { writeFile(t, path, []byte("{")) },
		"no owner": func(t *testing.T, path string) {
			writeFile(t, path, []byte("- {at: 2026-01-02T03:04:05Z, what: booked}\n"))
		},
		"a folder": func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		},
		"another name": func(t *testing.T, path string) { writeFile(t, strings.TrimSuffix(path, ".yml")+".yaml", []byte("x")) },
	}
	for _, demand := range []string{"", ", book: required"} {
		t.Chdir(t.TempDir())
		writeFile(t, "ipguard.yml", fmt.Appendf(nil, fleetFile, demand))
		writeFile(t, "a.yml", fmt.Appendf(nil, cloud, "10.0.0.100 - 10.0.0.119", "10.0.0.120 - 10.0.0.254"))
		writeFile(t, "b.yml", fmt.Appendf(nil, cloud, "10.0.0.130 - 10.0.0.139", "10.0.0.2 - 10.0.0.129"))
		writeFile(t, "web.yml", fmt.Appendf(nil, manifest, "web", "10.0.0.100"))
		for address, text := range bookings {
			writeFile(t, filepath.Join("bookings/p", address+".yml"), []byte(text))
		}
		var changes []string
		for _, address := range []string{"10.0.0.100", "10.0.0.101", "10.0.0.102", "10.0.0.103", "10.0.0.110"} {
			for _, name := range []string{"web", "shop"} {
				file := name + "-" + address + ".change"
				writeFile(t, file, fmt.Appendf(nil, manifest, name, address))
				changes = append(changes, file)
			}
		}
		codeOf := func(file string) int {
			args := []string{"lint", "--format", "json"}
			if file != "" {
				args = append(args, "--director", "a", file)
			}
			_, _, code := runIn(t, args...)
			return code
		}
		before := map[string]int{}
		for _, c := range append(changes, "") {
			before[c] = codeOf(c)
		}
		if before["shop-10.0.0.101.change"] != ExitFindings || before["web-10.0.0.100.change"] != ExitOK {
			t.Fatalf("the fleet is not what the test wants: %v", before)
		}
		for address := range bookings {
			path := filepath.Join("bookings/p", address+".yml")
			for how, breakIt := range broken {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				breakIt(t, path)
				for _, c := range append(changes, "") {
					switch code := codeOf(c); {
					case code == ExitOK && before[c] != ExitOK:
						t.Errorf("%s%s is %s: lint %s was %d and is green", address, demand, how, c, before[c])
					case code == ExitFindings && before[c] == ExitOK:
						t.Errorf("%s%s is %s: lint %s was green and is refused", address, demand, how, c)
					case c == "" && code == ExitOK:
						t.Errorf("%s%s is %s: lint of the fleet is green", address, demand, how)
					}
				}
				if err := os.RemoveAll("bookings/p"); err != nil {
					t.Fatal(err)
				}
				for a, text := range bookings {
					writeFile(t, filepath.Join("bookings/p", a+".yml"), []byte(text))
				}
			}

		}
	}
}
