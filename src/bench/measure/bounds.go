//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// bound is an input of any size that somebody may give: two directors in one segment.
type bound struct {
	name  string
	sizes []int
	write func(n int) [2]boundFiles
}

// boundFiles are those of one director.
type boundFiles struct{ subnets, manifest string }

var bounds = []bound{
	{"reserved entries on one line", []int{12_500, 25_000, 50_000}, manyReserved(", ")},
	{"reserved entries, one a line", []int{12_500, 25_000, 50_000}, manyReserved(",\n      ")},
	{"static_ips on one line", []int{12_500, 25_000, 50_000}, manyStatic},
	{"subnets of two directors", []int{2_500, 5_000, 10_000}, manySubnets},
	{"subnets against one /8", []int{2_500, 5_000, 10_000}, oneAgainstMany},
}

// boundCommands are asked of each input. All must end well or with findings.
var boundCommands = [][]string{
	{"lint"}, {"lint", "a-web.yml"}, {"lint", "--format", "sarif"}, {"who", "10.0.0.15"}, {"free", "10.0.0.0/8"},
	{"map"}, {"map", "--html", "map.html"}, {"fence"},
}

// million is how many entries of reserved one director's file has when memory is told,
// mostMemory how many bytes that may take.
const (
	million    = 1_000_000
	mostMemory = 600 << 20
)

// measureBounds compares the processor time of the larger sizes with what n·log n
// predicts from the smallest, by the exponent, and tells the memory of a million.
func measureBounds(s *settings, t *table) error {
	for _, b := range bounds {
		cpus := make([][][]time.Duration, len(boundCommands)) // by command and size
		for _, n := range b.sizes {
			folder := filepath.Join(s.work, fmt.Sprintf("bounds-%d", n))
			if err := b.files(folder, n, 2); err != nil {
				return err
			}
			for i, args := range boundCommands {
				var list []time.Duration
				for range min(s.runs, 3) {
					used, _, err := command{args: append([]string{s.ipguard}, args...), folder: folder, exits: []int{1}}.run()
					if err != nil {
						return err
					}
					list = append(list, used.cpu)
				}
				cpus[i] = append(cpus[i], list)
			}
			if err := os.RemoveAll(folder); err != nil {
				return err
			}
		}
		for i, args := range boundCommands {
			addGrowth(t, fmt.Sprintf("%s, %s", b.name, strings.Join(args, " ")), b.sizes, cpus[i])
		}
	}
	return measureMillion(s, t)
}

// measureMillion tells the memory and the processor time of linting one director with a
// million entries, between each of which one address may be handed out.
func measureMillion(s *settings, t *table) error {
	folder := filepath.Join(s.work, "bounds-million")
	if err := bounds[0].files(folder, million, 1); err != nil {
		return err
	}
	used, _, err := command{args: []string{s.ipguard, "lint"}, folder: folder, exits: []int{1}}.run()
	if err != nil {
		return err
	}
	t.add(row{
		what: fmt.Sprintf("memory of lint with %d entries of reserved (%s of processor time)", million, short(used.cpu)),
		ours: fmt.Sprintf("%d MiB", used.peak>>20), peers: fmt.Sprintf("%d MiB", mostMemory>>20),
		ratio: float64(used.peak) / mostMemory, target: 1,
	})
	return os.RemoveAll(folder)
}

// files writes the files of so many of the two directors.
func (b bound) files(folder string, n, directors int) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	written := b.write(n)
	files := map[string]string{"ipguard.yml": "directors:\n"}
	for i, name := range []string{"a", "b"}[:directors] {
		files["ipguard.yml"] += fmt.Sprintf("- {name: %s, cloud_configs: [%s.yml], deployments: [%s-web.yml]}\n", name, name, name)
		files[name+".yml"] = "azs: [{name: z1}]\nvm_types: [{name: small}]\nnetworks:\n- name: default\n  type: manual\n  subnets:\n" + written[i].subnets +
			"compilation: {workers: 1, network: default, az: z1, vm_type: small}\n"
		files[name+"-web.yml"] = written[i].manifest
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func both(subnets, manifest string) [2]boundFiles {
	return [2]boundFiles{{subnets, manifest}, {subnets, manifest}}
}

func manyReserved(separator string) func(n int) [2]boundFiles {
	return func(n int) [2]boundFiles {
		return both(subnet("10.0.0.0/8", "10.200.0.0 - 10.200.0.255", strings.Join(addresses("10.0.0.2", n, 2), separator)), webManifest("10.200.0.7"))
	}
}

func manyStatic(n int) [2]boundFiles {
	return both(subnet("10.0.0.0/8", "10.0.0.10 - 10.200.0.255", ""), webManifest(addresses("10.0.0.10", n, 1)...))
}

func manySubnets(n int) [2]boundFiles {
	var text strings.Builder
	for _, first := range addresses("10.0.0.0", n, 256) {
		start := strings.TrimSuffix(first, "0")
		text.WriteString(subnet(first+"/24", start+"10 - "+start+"20", ""))
	}
	return both(text.String(), webManifest("10.0.0.15"))
}

func oneAgainstMany(n int) [2]boundFiles {
	files := manySubnets(n)
	files[0] = boundFiles{subnet("10.0.0.0/8", "10.200.0.0 - 10.200.0.255", ""), webManifest("10.200.0.7")}
	return files
}

// addresses are n addresses, so far apart.
func addresses(first string, n, apart int) []string {
	at := netip.MustParseAddr(first).As4()
	next := int(at[0])<<24 | int(at[1])<<16 | int(at[2])<<8 | int(at[3])
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%d.%d.%d.%d", next>>24, next>>16&255, next>>8&255, next&255)
		next += apart
	}
	return list
}

func subnet(cidr, static, reserved string) string {
	gateway := netip.MustParsePrefix(cidr).Addr().Next()
	return fmt.Sprintf("  - {range: %s, gateway: %s, azs: [z1], reserved: [%s], static: [%s], cloud_properties: {name: VLAN}}\n", cidr, gateway, reserved, static)
}

func webManifest(static ...string) string {
	return fmt.Sprintf(`name: web
releases: []
stemcells: [{alias: default, os: ubuntu-jammy, version: "1"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}
instance_groups:
- {name: api, instances: %d, azs: [z1], vm_type: small, stemcell: default, jobs: [], networks: [{name: default, static_ips: [%s]}]}
`, len(static), strings.Join(static, ", "))
}
