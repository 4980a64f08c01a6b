//go:build !race

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	bookedFleet = `directors:
- {name: a, cloud_configs: [a.yml], deployments: [web.yml]}
- {name: b, cloud_configs: [b.yml]}
segments: [{name: vlan, subnets: [{cloud_properties: {name: VLAN}}]}]
pools: [{name: p, team: t, addresses: [10.0.0.100 - 10.0.0.119], segment: vlan%s}]
`
	bookedCloud = `azs: [{name: z1}]
vm_types: [{name: s}]
networks:
- name: default
  subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1, azs: [z1], static: [%s], reserved: [%s], cloud_properties: {name: VLAN}}]
compilation: {workers: 1, az: z1, vm_type: s, network: default}
`
	bookedManifest = `name: %s
releases: []
stemcells: [{alias: default, os: ubuntu-jammy, version: "1"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}
instance_groups:
- {name: api, instances: 1, azs: [z1], vm_type: s, stemcell: default, jobs: [], networks: [{name: default, static_ips: [%s]}]}
`
	bookedEvent = "- {at: 2026-01-02T03:04:05Z, what: %s, owner: %s, until: 2026-01-09T03:04:05Z}\n"
)

// bookedAddresses are the bookings of that fleet.
func bookedAddresses() map[string]string {
	return map[string]string{
		"10.0.0.100": fmt.Sprintf(bookedEvent, "booked", "a/web/api"),
		"10.0.0.101": fmt.Sprintf(bookedEvent, "booked", "b/other/api"),
		"10.0.0.102": fmt.Sprintf(bookedEvent, "booked", "a/shop/api") + fmt.Sprintf(bookedEvent, "released", "a/shop/api"),
		"10.0.0.103": fmt.Sprintf(bookedEvent, "adopted", "lb/frontend"),
	}
}

// writeBookedFleet writes a fleet of two directors, of which bookings keep addresses
// apart, into the working directory, and returns manifests to lint for director a.
func writeBookedFleet(t *testing.T, demand string) (changes []string) {
	t.Helper()
	writeFile(t, "ipguard.yml", fmt.Appendf(nil, bookedFleet, demand))
	writeFile(t, "a.yml", fmt.Appendf(nil, bookedCloud, "10.0.0.100 - 10.0.0.119", "10.0.0.120 - 10.0.0.254"))
	writeFile(t, "b.yml", fmt.Appendf(nil, bookedCloud, "10.0.0.130 - 10.0.0.139", "10.0.0.2 - 10.0.0.129"))
	writeFile(t, "web.yml", fmt.Appendf(nil, bookedManifest, "web", "10.0.0.100"))
	writeBookings(t)
	for _, address := range []string{"10.0.0.100", "10.0.0.101", "10.0.0.102", "10.0.0.103", "10.0.0.110"} {
		for _, name := range []string{"web", "shop"} {
			file := name + "-" + address + ".change"
			writeFile(t, file, fmt.Appendf(nil, bookedManifest, name, address))
			changes = append(changes, file)
		}
	}
	return changes
}

// writeBookings writes the bookings of that fleet anew.
func writeBookings(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll("bookings/p"); err != nil {
		t.Fatal(err)
	}
	for address, text := range bookedAddresses() {
		writeFile(t, filepath.Join("bookings/p", address+".yml"), []byte(text))
	}
}

// lintChange lints a manifest for director a, or the whole fleet for none.
func lintChange(t *testing.T, file string) (output string, code int) {
	t.Helper()
	args := []string{"lint", "--format", "json"}
	if file != "" {
		args = append(args, "--director", "a", file)
	}
	output, _, code = runIn(t, args...)
	return output, code
}

// TestHiddenBookings breaks each booking of a fleet in each way, and lints changes: no
// run ends better than with the booking (never greener), and what is refused for the
// sake of no booking stays refused (hidden is not wrong).
func TestHiddenBookings(t *testing.T) {
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
		changes := writeBookedFleet(t, demand)
		codeOf := func(file string) int {
			_, code := lintChange(t, file)
			return code
		}
		before := map[string]int{}
		for _, c := range append(changes, "") {
			before[c] = codeOf(c)
		}
		if before["shop-10.0.0.101.change"] != ExitFindings || before["web-10.0.0.100.change"] != ExitOK {
			t.Fatalf("the fleet is not what the test wants: %v", before)
		}
		for address := range bookedAddresses() {
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
				writeBookings(t)
			}
		}
	}
}
