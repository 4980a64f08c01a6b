//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
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
type boundFiles struct{ subnets, manifest, zones string }

var bounds = []bound{
	{"reserved entries on one line", 6_000, manyReserved(", ")},
	{"reserved entries, one a line", 6_000, manyReserved(",\n      ")},
	{"static_ips on one line", 6_000, manyStatic},
	{"static_ips outside of the network", 4_000, manyAstray},
	{"subnets of two directors", 1_000, manySubnets},
	{"subnets, one key a line", 1_000, manyLines},
	{"subnets against one /8", 1_000, oneAgainstMany},
	{"subnets whose ranges hide", 500, manyHidden},
	{"subnets, half of whose ranges hide", 500, halfHidden},
	{"subnets whose reserved hides", 1_000, manyReservedHidden},
	{"subnets with one range", 250, manySame},
	{"networks of one subnet", 1_000, manyNetworks},
	{"zones of one subnet", 500, manyZones},
	{"instance groups", 1_000, manyGroups},
	{"groups whose static_ips hide", 1_000, manyStaticHidden},
	{"virtual addresses", 500, manyVirtual},
	{"variables in one text", 8_000, manyVariables},
}

// boundCommands are asked of each input. All end somehow, but with wrong usage.
var boundCommands = [][]string{
	{"lint"}, {"lint", "a/web.yml"}, {"lint", "--format", "sarif"}, {"who", "10.0.0.15"}, {"who", "10.0.0.0/8"}, {"free", "10.0.0.0/8"},
	{"map"}, {"map", "--html", "map.html"}, {"map", "--format", "json"}, {"fence"}, {"fence", "--format", "json"},
	{"audit"}, {"baseline", "write"}, {"baseline", "check"}, {"book", "p", "--for", "lb/bench"}, {"scan", "10.0.0.0/29"},
	{"bosh", "-e", "https://127.0.0.1:1", "update-cloud-config", "a/cloud.yml"}, {"bosh", "-e", "https://127.0.0.1:1", "-d", "web", "deploy", "a/web.yml"},
}

// millionCommands are asked of a million entries.
var millionCommands = slices.DeleteFunc(slices.Clone(boundCommands), func(args []string) bool {
	return whole(args) || slices.Equal(args, []string{"lint", "--format", "sarif"}) || slices.Equal(args, []string{"baseline", "check"})
})

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
	case args[0] == "lint" && !slices.Contains(args, "sarif"): // some hundred findings, of a screen each
		return 150_000
	case args[0] == "audit": // 1,000 addresses
		return 1_000_000
	case slices.Contains(args, "10.0.0.0/8") && args[0] == "who":
		return 200_000
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
	if err := measureCollected(s, t); err != nil {
		return err
	}
	lint := [][]string{{"lint"}}
	return errors.Join(
		measureMillion(s, t, bounds[0], 1, mostMemory, millionCommands),
		measureMillion(s, t, bounds[2], 1, mostMemory, [][]string{{"lint"}, {"who", "10.0.0.15"}, {"fence"}}),
		measureMillion(s, t, bounds[0], 2, mostMemoryTwo, lint),
		measureMillion(s, t, bounds[2], 2, mostMemoryTwo, [][]string{{"who", "10.0.0.15"}, {"lint"}}),
	)
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
			used, stdout, err := s.asked(folder, args).run()
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
		all[i].row(t, b.size, b.name, args)
	}
	return nil
}

// row tells how what a command took grows from the size to four times as much.
func (g grown) row(t *table, size int, what string, args []string) {
	name := fmt.Sprintf("%d %s, %s", 4*size, what, strings.Join(args, " "))
	work := func(n int) float64 { return float64(n) * math.Log(float64(n)) }
	exponent := math.Log(float64(g.cpu[2])/float64(g.cpu[0])) / math.Log(work(4*size)/work(size))
	t.add(row{what: name, ours: fmt.Sprintf("%s, %s, %s", short(g.cpu[0]), short(g.cpu[1]), short(g.cpu[2])), peers: "n·log n", ratio: exponent, target: mostGrowth})
	if !whole(args) && g.bytes[0] > 0 {
		most := mostOutput(args)
		t.add(row{what: name + ": output", ours: fmt.Sprintf("%d, %d, %d B", g.bytes[0], g.bytes[1], g.bytes[2]), peers: fmt.Sprintf("%d B", most),
			ratio: float64(g.bytes[2]) / float64(most), target: 1})
	}
}

// asked is a command that is asked of a folder. scan has a network of its own, in which
// there is nobody.
func (s *settings) asked(folder string, args []string) command {
	c := command{
		args: append([]string{s.ipguard}, args...), folder: folder, exits: []int{1, 3},
		env: append(gitNames(), "IPGUARD_BOSH="+s.bosh),
	}
	if args[0] == "scan" {
		alone := "ip link add d0 type veth peer name d1 && ip link set d1 up && ip addr add 10.0.0.3/29 dev d0 && ip link set d0 up && exec \"$@\""
		c.args = append([]string{"unshare", "--map-root-user", "--net", "sh", "-c", alone, "sh"}, c.args...)
	}
	return c
}

func gitNames() []string {
	return []string{"GIT_AUTHOR_NAME=bench", "GIT_AUTHOR_EMAIL=bench@example.com", "GIT_COMMITTER_NAME=bench", "GIT_COMMITTER_EMAIL=bench@example.com", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null"}
}

// measureCollected collects directors that have what is in the files, and holds one against
// the other.
func measureCollected(s *settings, t *table) error {
	for _, b := range []bound{bounds[0], bounds[2], bounds[4]} {
		var all [2]grown
		commands := [][]string{{"collect", "--fleet", "live.yml"}, {"audit", "--fleet", "audited.yml"}}
		for k := range 3 {
			folder := filepath.Join(s.work, fmt.Sprintf("bounds-live-%d", k))
			if err := b.files(folder, min(b.size, 2000)<<k, 2); err != nil {
				return err
			}
			if err := s.measureLive(folder, commands, k, &all); err != nil {
				return err
			}
			if err := os.RemoveAll(folder); err != nil {
				return err
			}
		}
		for i, args := range commands {
			all[i].row(t, min(b.size, 2000), b.name, args)
		}
	}
	return nil
}

// measureLive asks a fleet whose directors answer.
func (s *settings) measureLive(folder string, commands [][]string, k int, all *[2]grown) error {
	d, err := s.answering(folder, 0)
	if err != nil {
		return err
	}
	defer d.stop()
	for i, args := range commands {
		c := s.asked(folder, args)
		c.env = append(c.env, clientSecret)
		used, stdout, err := c.run()
		if err != nil {
			return err
		}
		all[i].cpu[k], all[i].bytes[k] = used.cpu, len(stdout)
	}
	return nil
}

// measureExcerpts lints 3,000 findings on one line of 1.4 MB.
func measureExcerpts(s *settings, t *table) error {
	const n = 3000
	folder := filepath.Join(s.work, "bounds-excerpts")
	if err := (bound{write: func(int) [2]boundFiles {
		pool := subnet("10.0.0.0/8", "10.0.0.10 - 10.200.0.255", "")
		return both(pool, longManifest(n))
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

// measureMillion tells the memory and the processor time of asking directors with a
// million entries each, of reserved (between each two one address may be handed out) or of
// static_ips (which two directors ask for).
func measureMillion(s *settings, t *table, b bound, directors int, most int64, commands [][]string) error {
	folder := filepath.Join(s.work, "bounds-million")
	if err := b.files(folder, million, directors); err != nil {
		return err
	}
	for _, args := range commands {
		used, stdout, err := s.asked(folder, args).run()
		if err != nil {
			return err
		}
		t.add(row{
			what: fmt.Sprintf("memory of %s with %d × %d %s (%s of processor time, %d B)", strings.Join(args, " "), directors, million, b.name, short(used.cpu), len(stdout)),
			ours: fmt.Sprintf("%d MiB", used.peak>>20), peers: fmt.Sprintf("%d MiB", most>>20),
			ratio: float64(used.peak) / float64(most), target: 1,
		})
	}
	return os.RemoveAll(folder)
}

// files writes the files of so many of the two directors.
func (b bound) files(folder string, n, directors int) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	written := b.write(n)
	files := map[string]string{"ipguard.yml": "pools:\n- {name: p, team: t, addresses: [10.250.0.0/16]}\ndirectors:\n"}
	files["audited.yml"] = "directors:\n"
	for i, name := range []string{"a", "b"}[:directors] {
		entry := fmt.Sprintf("- {name: %s, cloud_configs: [%s/cloud.yml], deployments: [%s/web.yml], ", name, name, name)
		files["ipguard.yml"] += entry + fmt.Sprintf("environment: 'https://127.0.0.1:%d'}\n", i+1)
		files["audited.yml"] += entry + "snapshot: snapshots/" + name + ".json}\n"
		zones := written[i].zones
		if zones == "" {
			zones = "{name: z1}"
		}
		files[name+"/cloud.yml"] = "azs: [" + zones + "]\nvm_types: [{name: small}]\nnetworks:\n- name: default\n  type: manual\n  subnets:\n" + written[i].subnets +
			"compilation: {workers: 1, network: default, az: z1, vm_type: small}\n"
		files[name+"/web.yml"] = written[i].manifest
	}
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			return err
		}
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"commit", "-q", "-m", "made"}} { // book commits
		if _, _, err := (command{args: append([]string{"git"}, args...), folder: folder, env: gitNames()}).run(); err != nil {
			return err
		}
	}
	return nil
}

func both(subnets, manifest string) [2]boundFiles {
	return [2]boundFiles{{subnets: subnets, manifest: manifest}, {subnets: subnets, manifest: manifest}}
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

// halfHidden has a subnet whose range hides beside each whose does not: what hides lies in none
// of these.
func halfHidden(n int) [2]boundFiles {
	return both(eachSubnet(n, func(number int, start string) string {
		if number%2 == 0 {
			return subnet(start+"0/24", start+"10 - "+start+"20", "")
		}
		return fmt.Sprintf("  - {range: ((range_%d)), gateway: %s1, azs: [z1], cloud_properties: {name: VLAN}}\n", number, start)
	}), webManifest("10.0.0.15"))
}

func oneAgainstMany(n int) [2]boundFiles {
	files := manySubnets(n)
	files[0] = boundFiles{subnets: subnet("10.0.0.0/8", "10.200.0.0 - 10.200.0.255", ""), manifest: webManifest("10.200.0.7")}
	return files
}

func manyReservedHidden(n int) [2]boundFiles {
	return both(eachSubnet(n, func(number int, start string) string {
		return subnet(start+"0/24", start+"10 - "+start+"20", fmt.Sprintf("((reserved_%d))", number))
	}), webManifest("10.0.0.15"))
}

func manySame(n int) [2]boundFiles {
	return both(strings.Repeat(subnet("10.0.0.0/24", "10.0.0.10 - 10.0.0.20", ""), n), webManifest("10.0.0.15"))
}

func manyNetworks(n int) [2]boundFiles {
	number := 0
	return both(eachSubnet(n, func(_ int, start string) string {
		text := subnet(start+"0/24", start+"10 - "+start+"20", "")
		if number++; number > 1 {
			text = fmt.Sprintf("- name: network-%d\n  type: manual\n  subnets:\n", number) + text
		}
		return text
	}), webManifest("10.0.0.15"))
}

func manyZones(n int) [2]boundFiles {
	var zones, names []string
	for i := range n {
		names = append(names, fmt.Sprintf("z%d", i+1))
		zones = append(zones, "{name: "+names[i]+"}")
	}
	all := "azs: [" + strings.Join(names, ", ") + "]"
	files := both(strings.Replace(subnet("10.0.0.0/8", "10.0.0.10 - 10.200.0.255", ""), "azs: [z1]", all, 1),
		strings.Replace(webManifest(addresses("10.0.0.15", n, 1)...), "azs: [z1]", all, 1))
	for i := range files {
		files[i].zones = strings.Join(zones, ", ")
	}
	return files
}

// eachGroup writes n instance groups of one instance; what write returns stands in each.
func eachGroup(n int, write func(number int) (network, jobs string)) string {
	var text strings.Builder
	text.WriteString(manifestHead + "instance_groups:\n")
	for i := range n {
		network, jobs := write(i)
		fmt.Fprintf(&text, "- {name: api-%d, instances: 1, azs: [z1], vm_type: small, stemcell: default, jobs: [%s], networks: [{name: default%s}]}\n", i, jobs, network)
	}
	return text.String()
}

func wide() string { return subnet("10.0.0.0/8", "10.0.0.10 - 10.200.0.255", "") }

func manyGroups(n int) [2]boundFiles {
	list := addresses("10.0.0.10", n, 1)
	return both(wide(), eachGroup(n, func(i int) (string, string) { return ", static_ips: [" + list[i] + "]", "" }))
}

func manyStaticHidden(n int) [2]boundFiles {
	return both(wide(), eachGroup(n, func(i int) (string, string) { return fmt.Sprintf(", static_ips: [((ips_%d))]", i), "" }))
}

func manyVirtual(n int) [2]boundFiles {
	list := addresses("10.3.0.10", n, 1)
	return both(wide(), eachGroup(n, func(i int) (string, string) {
		return "", fmt.Sprintf("{name: keepalived, release: r, properties: {keepalived: {vip: %s, virtual_router_id: %d}}}", list[i], i%255+1)
	}))
}

func manyVariables(n int) [2]boundFiles {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "((word_%d)) ", i)
	}
	return both(wide(), eachGroup(1, func(int) (string, string) {
		return ", static_ips: [10.0.0.15]", "{name: j, release: r, properties: {text: \"" + text.String() + "\"}}"
	}))
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
