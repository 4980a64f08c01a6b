//go:build !race

package cli

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/madefleet"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestNothingUnreadMatters lints random changes against snapshots of random fleets:
// with their heads, which say which of them need not be read, and with heads that no
// checksum vouches for, so that all are read. Both say the same. The changes take
// addresses and ids of virtual routers out of the texts of others.
func TestNothingUnreadMatters(t *testing.T) {
	changes := 120 // scripts/test asks for more, without the race detector
	if wanted, err := strconv.Atoi(os.Getenv("IPGUARD_BLINDINGS")); err == nil {
		changes = wanted / 80
	} else if sharedtest.Short() {
		changes = 10
	}
	seen := map[string]int{}
	for seed := uint64(1); seen["changes"] < changes; seed++ {
		r := rand.New(rand.NewPCG(seed, 13))
		made, err := madefleet.Make(madefleet.Size{Directors: 4 + r.IntN(5), Deployments: 20, StaticAddresses: 160, Conflicts: r.IntN(4), Seed: seed, AsWritten: true})
		if err != nil {
			continue
		}
		t.Chdir(t.TempDir())
		if err := made.Write("."); err != nil {
			t.Fatal(err)
		}
		snapshotsOf(t, madefleet.FleetFile)
		unseal(t, r)
		for range min(30, changes) {
			seen["changes"]++
			lintRandomChange(t, r, seen)
		}
	}
	t.Logf("%v", seen)
	for _, what := range []string{"exit 0", "exit 1", "address-claimed-twice", "same-router-id", "left", "read"} {
		if seen[what] == 0 && changes >= 100 {
			t.Errorf("no change has %s: the comparison says little", what)
		}
	}
}

// unseal writes all.yml, a fleet file like the one that is there, but with snapshots
// that must all be read.
func unseal(t *testing.T, r *rand.Rand) {
	t.Helper()
	file := readFile(t, madefleet.FleetFile)
	snapshots, err := filepath.Glob("director-*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range snapshots {
		writeFile(t, "all-"+path, regexp.MustCompile(`(?m)^"(rest|head)":.*\n`).ReplaceAll([]byte(readFile(t, path)), nil))
	}
	if r.IntN(2) == 0 {
		names := []string{"director-000", "director-001", "director-002"}
		file += fmt.Sprintf("segments:\n- name: shared\n  subnets: [{director: %s, network: default}, {director: %s}, {range: 10.0.0.0/16}]\n- name: own\n  subnets: [{director: %s, network: services}]\n",
			names[r.IntN(3)], names[r.IntN(3)], names[r.IntN(3)])
	}
	writeFile(t, madefleet.FleetFile, []byte(file))
	writeFile(t, "all.yml", []byte(strings.ReplaceAll(file, "snapshot: ", "snapshot: all-")))
}

var (
	addressForm = regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+\b`)
	aRouterID   = regexp.MustCompile(`virtual_router_id: (\d+)`)
	aSubnetsID  = regexp.MustCompile(`name: VLAN-[\w-]+`)
)

// lintRandomChange lints a manifest or a cloud-config in which some addresses, ids of
// routers and names of segments are those of another text of the fleet.
func lintRandomChange(t *testing.T, r *rand.Rand, seen map[string]int) {
	t.Helper()
	texts, err := filepath.Glob("director-*/*/*.yml")
	if err != nil || len(texts) == 0 {
		t.Fatal(err)
	}
	configs, err := filepath.Glob("director-*/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	texts = slices.DeleteFunc(append(texts, configs...), func(p string) bool { return strings.Contains(p, "whole") || strings.Contains(p, "create-env") })
	path, other := texts[r.IntN(len(texts))], readFile(t, texts[r.IntN(len(texts))])
	text := readFile(t, path)
	for range r.IntN(3) {
		for _, form := range []*regexp.Regexp{addressForm, aRouterID, aSubnetsID} {
			if own, others := form.FindAllString(text, -1), form.FindAllString(other, -1); len(own) > 0 && len(others) > 0 {
				text = strings.Replace(text, own[r.IntN(len(own))], others[r.IntN(len(others))], 1)
			}
		}
	}
	writeFile(t, "changed.yml", []byte(text))
	args := []string{"--director", strings.Split(path, string(filepath.Separator))[0], "changed.yml"}
	if r.IntN(3) == 0 {
		args = append(args, "--strict")
	}
	got, claims := lintAndCount(t, args...)
	all := append([]string{"--fleet", "all.yml"}, args...)
	sorted := func(text string) []string { // the order is that of files, and these have other names
		return slices.Sorted(strings.Lines(text))
	}
	want, wantClaims := lintAndCount(t, all...)
	if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
		t.Errorf("%s, changed to\n%s\n(-all is read +what matters is read):\n%s", path, text, diff)
	}
	for line := range strings.Lines(got) {
		what, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		seen[what]++
	}
	if claims < wantClaims {
		seen["left"]++
	} else {
		seen["read"]++
	}
}
