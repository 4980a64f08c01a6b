//go:build !race

package survey_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/lint"
)

// TestSnapshotsSayWhatFilesSay judges a file of random fleets beside the files of the other
// directors, and beside what snapshots keep of these: a run ends and finds the same. So it does
// where something of jobs and addons hides.
func TestSnapshotsSayWhatFilesSay(t *testing.T) {
	t.Parallel()
	r, folder := random{rand.New(rand.NewPCG(17, 1))}, t.TempDir()
	failed := 0
	for tried := 0; tried < scale(t)/2; {
		m := r.fleetOfAddons(t)
		for range 5 {
			b := &blinded{madeUp: m}
			if r.chance(2) {
				if b = r.hideOfJobs(t, m); b == nil {
					continue
				}
			}
			target := r.IntN(len(m.files))
			if b.how != "" && m.files[b.file].director == m.files[target].director {
				continue
			}
			tried++
			told := *b.madeUp
			told.collected = folder
			files, snapshots := besideOthers(b.lint(target, true)), besideOthers(told.lint(target, true))
			if slices.Equal(files, snapshots) {
				continue
			}
			if failed++; failed > 2 {
				continue
			}
			text := ""
			for _, f := range b.files {
				out, _ := yaml.Marshal(f.doc.Node())
				text += "--- " + f.path + "\n" + string(out)
			}
			t.Errorf("lint of %s; %s\nbeside files:     %q\nbeside snapshots: %q\n%s", m.files[target].path, b, files, snapshots, text)
		}
	}
	if failed > 0 {
		t.Errorf("%d runs differ", failed)
	}
}

// hideOfJobs puts a variable in the place of something of an addon, or of a job or properties
// of a manifest, but for ids of virtual routers and keys of names; nil where chance finds none.
func (r random) hideOfJobs(t testing.TB, m *madeUp) *blinded {
	i := r.IntN(len(m.files))
	if m.files[i].kind != fleet.RuntimeConfigs && m.files[i].kind != fleet.Deployments {
		return nil
	}
	root := copied(m.files[i].doc.Node())
	all := slices.DeleteFunc(holes(root), func(h hole) bool {
		within := func(key string) bool { return slices.Contains(h.path, key) }
		return within("virtual_router_id") || !within("addons") && !within("jobs") && !within("properties")
	})
	if len(all) == 0 {
		return nil
	}
	h := all[r.IntN(len(all))]
	b := &blinded{madeUp: m, file: i, how: strings.Join(h.path, ".")}
	// A snapshot has no name for a job whose key of it hides, and counts it as one that hides:
	// it may be louder than the file.
	if h.key != nil && h.path[len(h.path)-1] != "name" && r.chance(4) {
		b.how = "the key " + b.how
		h.node = h.key
	}
	*h.node = *scalar("((blind))", h.node)
	b.madeUp = m.with(t, i, root)
	return b
}

// besideOthers is how a run ends and what it finds, without places.
func besideOthers(o outcome) []string {
	list := []string{fmt.Sprint("exit ", o.exit)}
	for _, f := range o.findings {
		if f.Severity < lint.Error || !f.Range.IsValid() {
			continue
		}
		var parts []string
		for _, p := range f.Claims {
			parts = append(parts, fmt.Sprintf("%s/%s/%s %s", p.Owner.Director, p.Owner.Deployment, p.Owner.InstanceGroup, p.Range))
		}
		slices.Sort(parts)
		list = append(list, fmt.Sprint(f.Rule, f.Range, parts))
	}
	slices.Sort(list)
	return slices.Compact(list)
}
