//go:build !race

package cli

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// finding is what tests look at in a finding of lint --format json.
type finding struct {
	Rule, Severity, Message, Segment, Suggestion string
	DirectorError                                string `json:"director_error"`
}

// findingsOf runs lint and returns its findings and exit code.
func findingsOf(t *testing.T, args ...string) ([]finding, int) {
	t.Helper()
	stdout, stderr, code := runIn(t, append([]string{"lint", "--format", "json"}, args...)...)
	var result struct{ Findings []finding }
	if err := json.Unmarshal([]byte(stdout), &result); err != nil {
		t.Fatalf("lint %v: %v\n%s%s", args, err, stdout, stderr)
	}
	return result.Findings, code
}

// pastedSegments are the entries of segments that findings propose, each once.
func pastedSegments(findings []finding) string {
	var lines []string
	for _, f := range findings {
		_, below, ok := strings.Cut(f.Suggestion, "segments:\n")
		if !ok {
			continue
		}
		for line := range strings.Lines(below + "\n") {
			if line = strings.TrimRight(line, "\n"); strings.HasPrefix(line, "- {name:") && !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// oddNames are names that a line of YAML must quote, or that run into each other
// when they are joined.
var oddNames = []string{"a", "a-b", "b", "b-c", "c", "yes", "null", "7", "1.5", "x: y", "# no", "{x", `q"q`, "dev/eu", "ünï"}

// randomSegmentFleet is a fleet in which nothing is known of segments: a director
// each of several, some with networks of the same name in create-env manifests,
// and one segment that is named already by a name that somebody else would get.
func randomSegmentFleet(r *rand.Rand) (fleet string, files map[string]string) {
	files = map[string]string{}
	var text strings.Builder
	text.WriteString("directors:\n")
	names := r.Perm(len(oddNames))[:2+r.IntN(3)]
	for d, n := range names {
		director, network := oddNames[n], oddNames[r.IntN(len(oddNames))]
		second := oddNames[r.IntN(len(oddNames))]
		cc := fmt.Sprintf("networks:\n- name: %q\n  subnets:\n  - {range: 10.0.0.0/24, gateway: 10.0.0.1}\n", network)
		if r.IntN(2) == 0 {
			cc += "  - {range: 10.0.1.0/24, gateway: 10.0.1.1}\n"
		}
		if second != network {
			cc += fmt.Sprintf("- name: %q\n  subnets: [{range: \"2001:db8::/64\", gateway: \"2001:db8::1\"}]\n", second)
		}
		cc += fmt.Sprintf("compilation: {workers: 1, network: %q}\n", network)
		files[fmt.Sprintf("cc%d.yml", d)] = cc
		fmt.Fprintf(&text, "- name: %q\n  cloud_configs: [cc%d.yml]\n", director, d)
		if r.IntN(2) == 0 {
			env := oddNames[r.IntN(len(oddNames))]
			files[fmt.Sprintf("env%d.yml", d)] = strings.ReplaceAll(fmt.Sprintf(envText, env, network, d+10), "NET", fmt.Sprintf("%q", network))
			fmt.Fprintf(&text, "  create_env: [env%d.yml]\n", d)
		}
	}
	return text.String(), files
}

const envText = `name: %q
networks: [{name: %q, type: manual, subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1}]}]
resource_pools: [{name: p, network: NET}]
instance_groups:
- {name: vm, instances: 1, resource_pool: p, jobs: [], networks: [{name: NET, static_ips: [10.0.0.%d]}]}
cloud_provider: {template: {name: x, release: y}, mbus: "https://u:p@10.0.0.1:6868"}
`

// TestSegmentAdviceCures pastes what findings propose into the fleet file and
// lints again: what rested on an assumption is gone, all of it at once, and no
// entry is refused, idle or in contradiction to another.
func TestSegmentAdviceCures(t *testing.T) {
	pasted := 0
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 15))
		fleet, files := randomSegmentFleet(r)
		t.Chdir(t.TempDir())
		for name, text := range files {
			writeFile(t, name, []byte(text))
		}
		writeFile(t, "ipguard.yml", []byte(fleet))
		before, _ := findingsOf(t)
		assumed := func(f finding) bool { return strings.HasSuffix(f.Segment, "(assumed)") }
		if !slices.ContainsFunc(before, assumed) {
			t.Fatalf("seed %d: nothing is assumed:\n%s", seed, fleet)
		}
		segments := pastedSegments(before)
		if segments == "" {
			t.Fatalf("seed %d: no advice:\n%v", seed, before)
		}
		pasted += strings.Count(segments, "\n") + 1
		writeFile(t, "ipguard.yml", []byte(fleet+"segments:\n"+segments+"\n"))
		after, code := findingsOf(t)
		for _, f := range after {
			if assumed(f) || f.Rule == "idle-segment" || f.Rule == "overlapping-pools" {
				t.Errorf("seed %d: still there: %+v", seed, f)
			}
		}
		if code == ExitIncomplete || t.Failed() {
			_, stderr, _ := runIn(t, "lint")
			t.Fatalf("seed %d: exit %d: %s\n%s\n%v", seed, code, stderr, readFile(t, "ipguard.yml"), files)
		}
	}
	if pasted < 100 {
		t.Errorf("only %d lines pasted: that proves little", pasted)
	}
}

// pastedSubnet is one director of a random fleet in one range, whose reserved advice is
// pasted into.
type pastedSubnet struct {
	name, static string
	reserved     []string
	instances    int
}

func (s *pastedSubnet) write(t *testing.T) {
	t.Helper()
	writeFile(t, "cc-"+s.name+".yml", fmt.Appendf(nil, `azs: [{name: z1}]
vm_types: [{name: small}]
networks:
- name: default
  type: manual
  subnets:
  - {range: 10.9.0.0/26, gateway: 10.9.0.1, az: z1, reserved: [%s], static: [%s], cloud_properties: {name: VLAN-9}}
compilation: {workers: 1, network: default, az: z1, vm_type: small}
`, strings.Join(s.reserved, ", "), s.static))
	writeFile(t, "m-"+s.name+".yml", fmt.Appendf(nil, `name: m-%s
releases: []
stemcells: [{alias: default, os: ubuntu-jammy, version: "1.785"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000-60000, update_watch_time: 1000-60000}
instance_groups:
- {name: w, instances: %d, azs: [z1], vm_type: small, stemcell: default, jobs: [], networks: [{name: default}]}
`, s.name, s.instances))
}

// TestReservedAdviceCures pastes the reserved lines that overlapping-pools proposes into
// the cloud-configs and lints again: the pools are apart, nothing else got wrong by it
// (each has enough left for its manifests and compilation), and it is what fence wants.
func TestReservedAdviceCures(t *testing.T) {
	line := regexp.MustCompile(`(?m)^add to the subnet 10\.9\.0\.0/26 of network default of (\w+) \(.*\):\nreserved: \[(.*)\]$`)
	pasted := 0
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 28))
		t.Chdir(t.TempDir())
		fleet, subnets := "directors:\n", map[string]*pastedSubnet{}
		for i := range 2 + r.IntN(2) {
			s := &pastedSubnet{name: string(rune('a' + i)), static: fmt.Sprintf("10.9.0.%d - 10.9.0.%d", 2+5*i, 4+5*i), instances: r.IntN(5)}
			if from := 20 + r.IntN(40); r.IntN(2) == 0 {
				s.reserved = []string{fmt.Sprintf("10.9.0.%d - 10.9.0.%d", from, min(62, from+r.IntN(30)))}
			}
			subnets[s.name] = s
			s.write(t)
			fleet += fmt.Sprintf("- {name: %s, cloud_configs: [cc-%s.yml], deployments: [m-%s.yml]}\n", s.name, s.name, s.name)
		}
		writeFile(t, "ipguard.yml", []byte(fleet))
		before, _ := findingsOf(t)
		known := map[string]bool{}
		for _, f := range before {
			known[f.Rule+f.Message] = true
			for _, m := range line.FindAllStringSubmatch(f.Suggestion, -1) {
				for entry := range strings.SplitSeq(m[2], ", ") {
					if s := subnets[m[1]]; f.Rule == "overlapping-pools" && !slices.Contains(s.reserved, entry) {
						s.reserved = append(s.reserved, entry)
						pasted++
					}
				}
			}
		}
		for _, s := range subnets {
			s.write(t)
		}
		after, _ := findingsOf(t)
		for _, f := range after {
			if f.Rule == "overlapping-pools" || !known[f.Rule+f.Message] {
				t.Errorf("seed %d: with the lines pasted: %s: %s\n%s\n%v", seed, f.Rule, f.Message, readFile(t, "cc-a.yml"), before)
			}
		}
		if left, _, code := runIn(t, "fence"); left != "" || code != ExitOK {
			t.Errorf("seed %d: with the lines pasted fence still wants\n%s", seed, left)
		}
		if t.Failed() {
			return
		}
	}
	if pasted < 30 {
		t.Errorf("only %d lines pasted: that proves little", pasted)
	}
}
