//go:build !race

package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

var reversedEntry = regexp.MustCompile(`10\.9\.0\.\d+ - 10\.9\.0\.\d+`)

// withReversed adds ranges to the reserved lists of some cloud-configs that end before
// they begin; of addresses that nobody has, and of such that somebody has.
func withReversed(r *rand.Rand, files map[string]string) int {
	added := 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := files[name]
		if !strings.HasSuffix(name, "/cloud.yml") || r.IntN(2) == 0 || !strings.Contains(text, "    static: [") {
			continue
		}
		low := 2 + r.IntN(50)
		entry := fmt.Sprintf("10.9.0.%d - 10.9.0.%d", low+1+r.IntN(8), low)
		if r.IntN(2) == 0 {
			entry = `"` + entry + `"`
		}
		switch {
		case !strings.Contains(text, "reserved:"):
			text = strings.Replace(text, "    static: [", "    reserved: ["+entry+"]  # kept\n    static: [", 1)
		case strings.Contains(text, "    reserved: [10"):
			text = strings.Replace(text, "    reserved: [10", "    reserved: ["+entry+", 10", 1)
		default:
			continue
		}
		files[name] = text
		added++
	}
	return added
}

// TestFixNeverMakesWorse lets lint --fix loose on random fleets: it makes no finding
// that was not there, keeps every byte but for the order of ranges, adds to no list but
// reserved, shows by --diff what it writes, and has nothing to do when it is done.
func TestFixNeverMakesWorse(t *testing.T) {
	fleets := 30
	if sharedtest.Short() {
		fleets = 10
	}
	before, after, swapped, refused, reversed := 0, 0, 0, 0, 0
	for seed := range uint64(fleets) {
		dir := t.TempDir()
		t.Chdir(dir)
		r := rand.New(rand.NewPCG(seed, 15))
		files := randomTexts(r)
		added := withReversed(r, files)
		for name, text := range files {
			writeFile(t, filepath.Join(dir, name), []byte(text))
		}
		old := owned(t)
		diff, _, diffCode := runIn(t, "lint", "--diff")
		for name, text := range files {
			if now, err := os.ReadFile(name); err != nil || string(now) != text {
				t.Fatalf("seed %d: --diff changed %s: %v", seed, name, err)
			}
		}
		_, stderr, _ := runIn(t, "lint", "--fix")
		if (diff != "") != strings.Contains(stderr, "wrote") || diff != "" && diffCode != ExitFindings {
			t.Fatalf("seed %d: --diff ends with %d and shows\n%s\nand --fix says %s", seed, diffCode, diff, stderr)
		}
		left := owned(t)
		for _, f := range left {
			if !slices.ContainsFunc(old, func(o ownedFinding) bool { return o == f }) {
				t.Fatalf("seed %d: a new finding: %+v\n%s\n%s", seed, f, diff, texts(files))
			}
		}
		for name, text := range files {
			now, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range reversedEntry.FindAllString(text, -1) {
				if strings.Contains(string(now), m) {
					refused++
				} else {
					swapped++
				}
			}
			if !onlyReserved(t, text, string(now)) {
				t.Fatalf("seed %d: %s changed otherwise:\n%s\n%s", seed, name, text, now)
			}
			for _, comment := range []string{"# kept", "# ours", "# the VLAN", "# a host"} {
				if strings.Count(text, comment) != strings.Count(string(now), comment) {
					t.Fatalf("seed %d: %s lost a comment:\n%s\n%s", seed, name, text, now)
				}
			}
		}
		if again, _, _ := runIn(t, "lint", "--diff"); again != "" {
			t.Fatalf("seed %d: a second run wants\n%s", seed, again)
		}
		before, after, reversed = before+len(old), after+len(left), reversed+added
	}
	if before < 2*fleets || after*2 > before || swapped < fleets/8 || refused == 0 {
		t.Errorf("%d findings before, %d after, %d ranges reversed, %d of them ordered, %d left: the fleets do not test what they should", before, after, reversed, swapped, refused)
	}
	t.Logf("%d fleets, %d findings before, %d after, %d ranges reversed, %d of them ordered, %d left", fleets, before, after, reversed, swapped, refused)
}

// ownedFinding is a finding by what it is and whose.
type ownedFinding struct{ rule, severity, owners string }

func owned(t *testing.T) []ownedFinding {
	t.Helper()
	stdout, stderr, _ := runIn(t, "lint", "--format", "json")
	var result struct {
		Findings []struct {
			Rule, Severity string
			Claims         []struct{ Director, Deployment, Network string }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &result); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr)
	}
	var list []ownedFinding
	for _, f := range result.Findings {
		var owners []string
		for _, c := range f.Claims {
			owners = append(owners, fmt.Sprint(c))
		}
		slices.Sort(owners)
		list = append(list, ownedFinding{f.Rule, f.Severity, strings.Join(owners, " ")})
	}
	return list
}

// onlyReserved reports whether two texts mean the same but for reserved, which may only
// have grown, reversed ranges counted as what they are the other way round.
func onlyReserved(t *testing.T, old, now string) bool {
	t.Helper()
	var a, b any
	if yaml.Unmarshal([]byte(old), &a) != nil || yaml.Unmarshal([]byte(now), &b) != nil {
		return false
	}
	return grown("", a, b)
}

func grown(key string, a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			return false
		}
		for k := range y {
			if _, known := x[k]; !known && k != "reserved" {
				return false
			}
		}
		for k, v := range x {
			if _, kept := y[k]; !kept || !grown(k, v, y[k]) {
				return false
			}
		}
		return true
	case []any:
		if key == "reserved" {
			entries := words(b)
			for _, e := range words(a) {
				first, last, isRange := strings.Cut(e, " - ")
				if !slices.Contains(entries, e) && (!isRange || !slices.Contains(entries, last+" - "+first)) {
					return false
				}
			}
			return true
		}
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !grown("", x[i], y[i]) {
				return false
			}
		}
		return true
	}
	if key == "reserved" {
		return a == nil || slices.Contains(words(b), fmt.Sprint(a))
	}
	return a == b
}

func words(v any) []string {
	list, ok := v.([]any)
	if !ok {
		return []string{fmt.Sprint(v)}
	}
	var entries []string
	for _, e := range list {
		entries = append(entries, fmt.Sprint(e))
	}
	return entries
}
