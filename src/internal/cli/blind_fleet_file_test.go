//go:build !race

package cli

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/madefleet"
)

// fleetFileBlindings hide one node of a fleet file.
var fleetFileBlindings = map[string]func(r *rand.Rand, key, value *yaml.Node) bool{
	"misspelt": func(r *rand.Rand, key, _ *yaml.Node) bool {
		i := r.IntN(len(key.Value))
		if r.IntN(2) == 0 {
			key.Value = key.Value[:i] + key.Value[i+1:]
		} else {
			key.Value = key.Value[:i] + key.Value[i:i+1] + key.Value[i:]
		}
		return true
	},
	"another type": func(r *rand.Rand, _, value *yaml.Node) bool {
		seven := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: "7"}
		if value.Kind == yaml.ScalarNode {
			*value = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: "x"}, seven}}
		} else {
			*value = *seven
		}
		return true
	},
	"variable": func(_ *rand.Rand, _, value *yaml.Node) bool {
		*value = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "((blind))"}
		return true
	},
	"an item": func(r *rand.Rand, _, value *yaml.Node) bool {
		if value.Kind != yaml.SequenceNode || len(value.Content) == 0 {
			return false
		}
		*value.Content[r.IntN(len(value.Content))] = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "((blind))"}
		return true
	},
}

// TestP1OfFleetFiles hides parts of fleet files, misspelt keys among them: no run ends
// better for it.
func TestP1OfFleetFiles(t *testing.T) {
	blindings := 20 // scripts/test asks for more, without the race detector
	if wanted, err := strconv.Atoi(os.Getenv("IPGUARD_BLINDINGS")); err == nil {
		blindings = wanted / 100
	}
	counts := map[string]int{}
	for seed, done := uint64(1), 0; done < blindings; seed++ {
		r := rand.New(rand.NewPCG(seed, 31))
		t.Chdir(t.TempDir())
		made, err := madefleet.Make(madefleet.Size{Directors: 2, Deployments: 2, StaticAddresses: 6, Conflicts: 1 + r.IntN(2), Seed: seed, AsWritten: true})
		if err != nil {
			continue
		}
		if err := made.Write("."); err != nil {
			t.Fatal(err)
		}
		snapshotsOf(t, madefleet.FleetFile)
		text, questions := widerFleetFile(t, r, readFile(t, madefleet.FleetFile))
		for range 10 {
			writeFile(t, madefleet.FleetFile, []byte(text))
			q := questions[r.IntN(len(questions))]
			before := quietly(q...)
			if before == ExitOK {
				continue
			}
			var doc yaml.Node
			if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
				t.Fatal(err)
			}
			var pairs [][2]*yaml.Node
			eachPair(&doc, func(key, value *yaml.Node) { pairs = append(pairs, [2]*yaml.Node{key, value}) })
			pair := pairs[r.IntN(len(pairs))]
			key := pair[0].Value
			how := slices.Sorted(maps.Keys(fleetFileBlindings))[r.IntN(len(fleetFileBlindings))]
			if !fleetFileBlindings[how](r, pair[0], pair[1]) {
				continue
			}
			out, err := yaml.Marshal(&doc)
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, madefleet.FleetFile, out)
			if after := quietly(q...); after == ExitOK {
				t.Errorf("seed %d: %v ended with %d, and ends with 0 when %s is %s\n%s", seed, q, before, key, how, out)
			}
			counts[how+" "+key]++
			done++
		}
	}
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%5d %s", counts[k], k)
	}
}

// widerFleetFile is the fleet file with entries of the other kinds, and what to ask.
func widerFleetFile(t *testing.T, r *rand.Rand, text string) (string, [][]string) {
	t.Helper()
	manifests, err := filepath.Glob("director-0*/deployments/*.yml")
	if err != nil || len(manifests) == 0 {
		t.Fatalf("%d manifests: %v", len(manifests), err)
	}
	var used []string
	for _, m := range manifests {
		used = append(used, regexp.MustCompile(`\b10\.\d+\.\d+\.\d+\b`).FindAllString(readFile(t, m), -1)...)
	}
	taken := used[r.IntN(len(used))]
	if r.IntN(2) == 0 {
		text += fmt.Sprintf("external:\n- {owner: load balancer, addresses: [%s]}\n", taken)
	}
	if r.IntN(2) == 0 {
		text += fmt.Sprintf("pools:\n- {name: p, team: t, addresses: [%s - %s], book: required}\n", taken, taken)
	}
	if r.IntN(3) == 0 && !strings.Contains(text, "\nsegments:") {
		text += "segments:\n- {name: first, subnets: [{director: director-000}, {director: director-001}]}\n"
	}
	questions := [][]string{{"lint"}, {"audit"}, {"fence", "--check"}, {"who", taken}, {"free", taken + "/32", "-n", "1"}}
	for _, m := range manifests {
		questions = append(questions, []string{"lint", "--director", filepath.Dir(filepath.Dir(m)), m})
	}
	return text, questions
}

// eachPair visits all keys with their values.
func eachPair(n *yaml.Node, visit func(key, value *yaml.Node)) {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			visit(n.Content[i-1], child)
		}
		eachPair(child, visit)
	}
}
