//go:build !race

package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestBoundedOutput gives inputs of two sizes to all commands: what is told of the large
// one is no longer than of the small one, but for digits, in every format. How long it
// takes, scripts/bench says (bounds).
func TestBoundedOutput(t *testing.T) {
	commands := [][]string{{"who", "10.0.0.15"}, {"free", "10.0.0.0/8"}, {"free", "--format", "json", "10.0.0.0/8"}, {"fence"}, {"audit", "--verdict", "all"}, {"lint", "web.yml", "--director", "a"}}
	formats := []string{"concise", "json", "sarif", "junit", "github", "gitlab"}
	lint := []string{"lint", "--format", "text"}
	for _, format := range formats {
		lint = append(lint, "--format", format+"=lint."+format)
	}
	commands = append(commands, lint)
	for name, write := range map[string]func(n int) (cloudConfig, manifest string){
		"reserved": func(n int) (string, string) {
			return boundedSubnet("10.0.0.0/8", "10.200.0.0 - 10.200.0.255", strings.Join(boundedAddresses(n, 2), ", ")), boundedManifest("10.200.0.7")
		},
		"static_ips": func(n int) (string, string) {
			return boundedSubnet("10.0.0.0/8", "10.0.0.10 - 10.200.0.255", ""), boundedManifest(boundedAddresses(n, 1)...)
		},
		"subnets": func(n int) (string, string) {
			text := ""
			for i := range n {
				text += boundedSubnet(fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255), fmt.Sprintf("10.%d.%d.10 - 10.%d.%d.20", i>>8, i&255, i>>8, i&255), "")
			}
			return text, boundedManifest("10.0.0.15")
		},
		"astray": func(n int) (string, string) {
			return boundedSubnet("10.200.0.0/16", "10.200.0.10 - 10.200.0.20", ""), boundedManifest(boundedAddresses(n, 1)...)
		},
		"hidden": func(n int) (string, string) {
			text := ""
			for i := range n {
				text += fmt.Sprintf("  - {range: ((r%d)), gateway: 10.%d.%d.1, azs: [z1]}\n", i, i>>8, i&255)
			}
			return text, boundedManifest("10.0.0.15")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			// audit holds each range that hides against each other, which takes long.
			commands := slices.DeleteFunc(slices.Clone(commands), func(args []string) bool { return name == "hidden" && args[0] == "audit" })
			writeFile(t, "ipguard.yml", []byte("directors:\n- {name: a, cloud_configs: [a.yml], deployments: [web.yml]}\n- {name: b, cloud_configs: [b.yml], deployments: [web.yml]}\n"))
			said := map[int][]string{}
			sizes := []int{200, 800}
			if sharedtest.Short() {
				sizes = []int{110, 220}
			}
			for _, n := range sizes {
				cloudConfig, manifest := write(n)
				for _, name := range []string{"a.yml", "b.yml"} {
					writeFile(t, name, []byte("azs: [{name: z1}]\nvm_types: [{name: s}]\nnetworks:\n- name: default\n  subnets:\n"+cloudConfig+"compilation: {workers: 1, network: default, az: z1, vm_type: s}\n"))
				}
				writeFile(t, "web.yml", []byte(manifest))
				for _, args := range commands {
					stdout, stderr, _ := runIn(t, args...)
					if args[0] == "fence" { // the change itself has to be whole
						stdout = ""
					}
					said[n] = append(said[n], stdout+stderr)
				}
				for _, format := range formats {
					said[n] = append(said[n], readFile(t, "lint."+format))
				}
			}
			for _, format := range formats {
				commands = append(commands, []string{"lint", format})
			}
			for i, args := range commands {
				small, large := said[sizes[0]][i], said[sizes[1]][i]
				if len(large) > len(small)+len(small)/10+400 {
					t.Errorf("%d: %q says %d bytes, and of %d %d bytes:\n%.800s", sizes[0], args, len(small), sizes[1], len(large), large)
				}
			}
		})
	}
}

func boundedAddresses(n, apart int) []string {
	list := make([]string, n)
	for i := range list {
		at := 10 + i*apart
		list[i] = fmt.Sprintf("10.0.%d.%d", at>>8, at&255)
	}
	return list
}

func boundedSubnet(cidr, static, reserved string) string {
	return fmt.Sprintf("  - {range: %s, gateway: %s, azs: [z1], reserved: [%s], static: [%s]}\n", cidr, strings.Replace(cidr, ".0/", ".1/", 1)[:strings.Index(cidr, "/")], reserved, static)
}

func boundedManifest(static ...string) string {
	return fmt.Sprintf(`name: web
releases: []
stemcells: [{alias: default, os: ubuntu-jammy, version: "1"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}
instance_groups:
- {name: api, instances: %d, azs: [z1], vm_type: s, stemcell: default, jobs: [], networks: [{name: default, static_ips: [%s]}]}
`, len(static), strings.Join(static, ", "))
}
