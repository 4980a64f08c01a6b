//go:build !race

package snapshot

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// aSnapshot is a random one: of what a director says, or of files.
func aSnapshot(t *testing.T, random *rand.Rand, files bool) *Snapshot {
	t.Helper()
	keep := Keep{VIPProperties: bosh.DefaultPatterns().Find}
	uuid, id := "uuid-1", 1
	if files {
		uuid = ""
		keep.VIPProperties = append(keep.VIPProperties, patternOf(t, "x/gate"))
	}
	s := &Snapshot{Head: Head{Collected: time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC), Director: Identity{Name: "promo", UUID: uuid}, Kept: keep.Kept()}}
	for range random.IntN(3) {
		c := Config{ID: fmt.Sprint(id), Name: "default", Latest: true, Content: keep.ReduceCloudConfig(fmt.Sprintf("networks: [{name: n%d, subnets: [{range: 10.0.%d.0/24}]}]", id, random.IntN(250)))}
		if files {
			c.ID = fmt.Sprintf("file-%d", id)
		}
		for i := range s.CloudConfigs {
			s.CloudConfigs[i].Latest = files
		}
		s.CloudConfigs = append(s.CloudConfigs, c)
		id++
	}
	for _, name := range []string{"a", "b", "c"} {
		if random.IntN(2) == 0 {
			continue
		}
		d := Deployment{Name: name, Manifest: keep.ReduceManifest(fmt.Sprintf("name: %s\ninstance_groups: [{name: g, networks: [{name: n}], jobs: [{name: x, properties: {gate: 10.9.9.%d, vip: 10.9.8.%d}}]}]", name, random.IntN(250), random.IntN(250)))}
		if !files {
			if len(s.CloudConfigs) > 1 && random.IntN(2) == 0 {
				d.Pinned = []string{"1"}
			}
			a, _ := NewAddress(fmt.Sprintf("10.0.0.%d", random.IntN(250)))
			d.VMs = []VM{{Group: "g", ID: "i-" + name, Addresses: []Address{a}}}
		}
		s.Deployments = append(s.Deployments, d)
	}
	if files {
		s.Settings.VIPs = &VIPProperties{Add: []bosh.Pattern{patternOf(t, "x/gate")}}
		for i := range random.IntN(2) {
			e, _ := NewExternal(fmt.Sprintf("lb-%d", random.IntN(3)), "", blocksOf(t, fmt.Sprintf("10.7.0.%d-10.7.0.%d", i, i)))
			s.Settings.External = append(s.Settings.External, e)
		}
	}
	return reread(t, s)
}

// reread is the snapshot as it is read from its text.
func reread(t *testing.T, s *Snapshot) *Snapshot {
	t.Helper()
	read, err := Read("x.json", s.Encode())
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// TestBeside: what a director says with files beside it depends on the last of both alone,
// whatever was there before and in whatever order they came; and nothing of either is lost.
func TestBeside(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 18))
	histories := 300
	if sharedtest.Short() {
		histories = 40
	}
	for range histories {
		director, files := aSnapshot(t, random, false), aSnapshot(t, random, true)
		want := string(director.Beside(files, "me").Encode())
		before := reread(t, aSnapshot(t, random, false).Beside(aSnapshot(t, random, true), "other"))
		// Files, and then the director is asked; files of before are gone.
		now := reread(t, director.Beside(before.FilesOf(), "other"))
		if got := string(director.Beside(reread(t, now.Beside(files, "me")).FilesOf(), "me").Encode()); got != want {
			t.Fatalf("another history gives\n%s\nnot\n%s", got, want)
		}
		both := reread(t, director.Beside(files, "me"))
		if got := string(both.Beside(both.FilesOf(), "me").Encode()); got != want {
			t.Fatalf("once more it is\n%s\nnot\n%s", got, want)
		}
		for _, of := range []*Snapshot{director, files} {
			for _, d := range of.Deployments {
				i := slices.IndexFunc(both.Deployments, func(o Deployment) bool { return o.Name == d.Name })
				if i < 0 || len(both.Deployments[i].VMs) < len(d.VMs) {
					t.Fatalf("deployment %s of %+v is lost", d.Name, of.Director)
				}
			}
		}
		for _, covered := range []*Snapshot{files} {
			for _, r := range covered.Covers.Ranges() {
				if !both.Covers.ContainsRange(r) {
					t.Fatalf("%s of files is not covered: %s", r, want)
				}
			}
		}
		if text := want; strings.Contains(text, `"by":"other"`) || !strings.Contains(text, `"by":"me"`) {
			t.Fatal("it is not told whose the files are")
		}
	}
}
