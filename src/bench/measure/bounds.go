//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// bound is an input of any size that somebody may give: two directors in one segment.
type bound struct {
	name string
	// size is the smallest; twice and four times as many are measured as well.
	size  int
	write func(n int) [2]boundFiles
}

// boundFiles are those of one director.
type boundFiles struct{ subnets, manifest string }

var bounds = []bound{
	{"reserved entries on one line", 6_000, manyReserved(", ")},
	{"reserved entries, one a line", 6_000, manyReserved(",\n      ")},
	{"static_ips on one line", 6_000, manyStatic},
	{"static_ips outside of the network", 4_000, manyAstray},
	{"subnets of two directors", 1_000, manySubnets},
	{"subnets, one key a line", 1_000, manyLines},
	{"subnets against one /8", 1_000, oneAgainstMany},
	{"subnets whose ranges hide", 500, manyHidden},
}

// boundCommands are asked of each input. All end somehow, but with wrong usage.
var boundCommands = [][]string{
	{"lint"}, {"lint", "a-web.yml"}, {"lint", "--format", "sarif"}, {"who", "10.0.0.15"}, {"free", "10.0.0.0/8"},
	{"map"}, {"map", "--html", "map.html"}, {"map", "--format", "json"}, {"fence"}, {"fence", "--format", "json"},
	{"bosh", "-e", "https://127.0.0.1:1", "update-cloud-config", "a.yml"},
}

// whole are the formats for programs, which have everything.
func whole(args []string) bool { return args[len(args)-1] == "json" }

// mostGrowth is how processor time may grow, as the exponent of n·log n.
const mostGrowth = 1.15

// mostOutput is how many bytes a command may print, or have in its page, however large the
// input is: a map and a diff have many lines, and then end.
func mostOutput(args []string) int {
	switch {
	case args[len(args)-1] == "map.html":
		return 5_000_000
	case args[0] == "map", args[0] == "fence", args[len(args)-1] == "sarif": // SARIF has all rules
		return 500_000
	}
	return 40_000
}

// million is how many entries of reserved one director's file has when memory is told,
// mostMemory how many bytes that may take, and of two directors.
const (
	million       = 1_000_000
	mostMemory    = 600 << 20
	mostMemoryTwo = 1200 << 20
)

// measureBounds tells how processor time and output grow from n to 2n and 4n, once each,
// what excerpts of a long line take, and the memory of a million.
func measureBounds(s *settings, t *table) error {
	for _, b := range bounds {
		if err := measureBound(s, t, b); err != nil {
			return err
		}
	}
	if err := measureExcerpts(s, t); err != nil {
		return err
	}
	return errors.Join(measureMillion(s, t, 1, mostMemory), measureMillion(s, t, 2, mostMemoryTwo))
}

// grown is what a command took for n, 2n and 4n.
type grown struct {
	cpu   [3]time.Duration
	bytes [3]int
}

func measureBound(s *settings, t *table, b bound) error {
	all := make([]grown, len(boundCommands))
	for k := range 3 {
		folder := filepath.Join(s.work, fmt.Sprintf("bounds-%d", k))
		if err := b.files(folder, b.size<<k, 2); err != nil {
			return err
		}
		for i, args := range boundCommands {
			used, stdout, err := command{args: append([]string{s.ipguard}, args...), folder: folder, exits: []int{1, 3}, env: []string{"IPGUARD_BOSH=" + s.bosh}}.run()
			if err != nil {
				return err
			}
			all[i].cpu[k], all[i].bytes[k] = used.cpu, len(stdout)
			if args[len(args)-1] == "map.html" {
				page, err := os.Stat(filepath.Join(folder, "map.html"))
				if err != nil {
					return err
				}
				all[i].bytes[k] = int(page.Size())
			}
		}
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	for i, args := range boundCommands {
		name, g := fmt.Sprintf("%d %s, %s", 4*b.size, b.name, strings.Join(args, " ")), all[i]
		work := func(n int) float64 { return float64(n) * math.Log(float64(n)) }
		exponent := math.Log(float64(g.cpu[2])/float64(g.cpu[0])) / math.Log(work(4*b.size)/work(b.size))
		t.add(row{what: name, ours: fmt.Sprintf("%s, %s, %s", short(g.cpu[0]), short(g.cpu[1]), short(g.cpu[2])), peers: "n·log n", ratio: exponent, target: mostGrowth})
		if !whole(args) && g.bytes[0] > 0 {
			most := mostOutput(args)
			t.add(row{what: name + ": output", ours: fmt.Sprintf("%d, %d, %d B", g.bytes[0], g.bytes[1], g.bytes[2]), peers: fmt.Sprintf("%d B", most),
				ratio: float64(g.bytes[2]) / float64(most), target: 1})
		}
	}
	return nil
}

// measureExcerpts lints 3,000 findings on one line of 1.4 MB.
func measureExcerpts(s *settings, t *table) error {
	const n = 3000
	folder := filepath.Join(s.work, "bounds-excerpts")
	if err := (bound{write: func(int) [2]boundFiles {
		pool := subnet("10.0.0.0/8", "10.0.0.10 - 10.200.0.255", "")
		return [2]boundFiles{{pool, longManifest(n)}, {pool, longManifest(n)}}
	}}).files(folder, n, 2); err != nil {
		return err
	}
	var commands []command
	formats := []string{"concise", "text", "sarif", "junit"}
	for _, format := range formats {
		commands = append(commands, command{args: []string{s.ipguard, "lint", "--format", format}, folder: folder, exits: []int{1}})
	}
	took, err := sideBySide(min(s.runs, 3), commands...)
	if err != nil {
		return err
	}
	for i, format := range formats[1:] {
		t.durations(fmt.Sprintf("%d findings on one line of 1.4 MB, as %s and as concise", n, format), took[i+1].cpus, took[0].cpus, 3)
	}
	return os.RemoveAll(folder)
}

// measureMillion tells the memory and the processor time of linting directors with a
// million entries each, between each of which one address may be handed out.
func measureMillion(s *settings, t *table, directors int, most int64) error {
	folder := filepath.Join(s.work, "bounds-million")
	if err := bounds[0].files(folder, million, directors); err != nil {
		return err
	}
	used, _, err := command{args: []string{s.ipguard, "lint"}, folder: folder, exits: []int{1}}.run()
	if err != nil {
		return err
	}
	t.add(row{
		what: fmt.Sprintf("memory of lint with %d × %d entries of reserved (%s of processor time)", directors, million, short(used.cpu)),
		ours: fmt.Sprintf("%d MiB", used.peak>>20), peers: fmt.Sprintf("%d MiB", most>>20),
		ratio: float64(used.peak) / float64(most), target: 1,
	})
	return os.RemoveAll(folder)
}

// files writes the files of so many of the two directors.
func (b bound) files(folder string, n, directors int) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	written := b.write(n)
	files := map[string]string{"ipguard.yml": "pools:\n- {name: p, team: t, addresses: [10.250.0.0/16]}\ndirectors:\n"}
	for i, name := range []string{"a", "b"}[:directors] {
		files["ipguard.yml"] += fmt.Sprintf("- {name: %s, environment: 'https://127.0.0.1:%d', cloud_configs: [%s.yml], deployments: [%s-web.yml]}\n", name, i+1, name, name)
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

func manyAstray(n int) [2]boundFiles {
	return both(subnet("10.0.0.0/24", "10.0.0.10 - 10.0.0.20", ""), webManifest(addresses("10.1.0.0", n, 1)...))
}

// eachSubnet writes n subnets of a /24.
func eachSubnet(n int, write func(number int, start string) string) string {
	var text strings.Builder
	for i, first := range addresses("10.0.0.0", n, 256) {
		text.WriteString(write(i, strings.TrimSuffix(first, "0")))
	}
	return text.String()
}

func manySubnets(n int) [2]boundFiles {
	return both(eachSubnet(n, func(_ int, start string) string { return subnet(start+"0/24", start+"10 - "+start+"20", "") }), webManifest("10.0.0.15"))
}

func manyLines(n int) [2]boundFiles {
	return both(eachSubnet(n, func(_ int, start string) string {
		return fmt.Sprintf("  - range: %s0/24\n    gateway: %s1\n    azs: [z1]\n    reserved:\n    - %s2\n    static: [%s10 - %s20]\n    cloud_properties:\n      name: VLAN\n", start, start, start, start, start)
	}), webManifest("10.0.0.15"))
}

func manyHidden(n int) [2]boundFiles {
	return both(eachSubnet(n, func(number int, start string) string {
		return fmt.Sprintf("  - {range: ((range_%d)), gateway: %s1, azs: [z1], cloud_properties: {name: VLAN}}\n", number, start)
	}), webManifest("10.0.0.15"))
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

const manifestHead = `name: web
releases: []
stemcells: [{alias: default, os: ubuntu-jammy, version: "1"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}
`

func webManifest(static ...string) string {
	return manifestHead + fmt.Sprintf(`instance_groups:
- {name: api, instances: %d, azs: [z1], vm_type: small, stemcell: default, jobs: [], networks: [{name: default, static_ips: [%s]}]}
`, len(static), strings.Join(static, ", "))
}

// longManifest has n instance groups on one line, each with an address of its own.
func longManifest(n int) string {
	var text strings.Builder
	text.WriteString(manifestHead + "instance_groups: [")
	for i, address := range addresses("10.0.0.10", n, 2) {
		fmt.Fprintf(&text, "{name: api-%d, instances: 1, azs: [z1], vm_type: small, stemcell: default, jobs: [], env: {filler: '%s'}, networks: [{name: default, static_ips: [%s]}]}, ",
			i, strings.Repeat("x", 300), address)
	}
	return text.String() + "]\n"
}
