//go:build !race

package survey_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/lint"
)

// TestNamesThatOnlyTheCommandLineKnows hides names of a deployment in the fleet's entry of
// it, and judges the manifest with its names, as a command line gives them: the verdict is
// that of a fleet that hides nothing. A deployment is no double of itself.
func TestNamesThatOnlyTheCommandLineKnows(t *testing.T) {
	t.Parallel()
	r := random{rand.New(rand.NewPCG(17, 1))}
	refused, hidden := 0, map[string]int{}
	for tried := 0; tried < scale(t)/4; {
		m := r.fleet(t)
		for i, f := range m.files {
			if f.kind != fleet.Deployments {
				continue
			}
			tried++
			root := copied(f.doc.Node())
			how := r.hideNames(root)
			for _, h := range how {
				hidden[h]++
			}
			open := *m
			open.files = append(slices.Clone(m.files), f)
			if r.chance(3) { // what bosh interpolate wrote
				open.files[len(m.files)].path = "rendered.yml"
			}
			want := open.lint(len(m.files), true)
			got := open.with(t, i, root).lint(len(m.files), true)
			if want.exit != 0 {
				refused++
			}
			if got.exit != want.exit || !slices.Equal(refusals(got.findings), refusals(want.findings)) {
				t.Fatalf("%s with %v: exit %d, %q, and where nothing hides %d, %q", f.path, how, got.exit, refusals(got.findings), want.exit, refusals(want.findings))
			}
		}
	}
	if refused < 10 || len(hidden) < 3 {
		t.Errorf("only %d were refused, and hidden were %v", refused, hidden)
	}
}

func refusals(findings []lint.Finding) []string {
	var list []string
	for _, f := range findings {
		if f.Severity >= lint.Error {
			list = append(list, f.Rule+": "+f.Message)
		}
	}
	return list
}

// hideNames puts variables into the place of some names of a manifest, or of parts of them.
func (r random) hideNames(root *yaml.Node) (how []string) {
	for len(how) == 0 {
		for _, h := range holes(root) {
			path := strings.Join(h.path, ".")
			isName := h.path[len(h.path)-1] == "name" && (len(h.path) == 1 || strings.HasPrefix(path, "instance_groups.") && len(h.path) == 3)
			if !isName || h.node.Kind != yaml.ScalarNode || r.chance(2) {
				continue
			}
			text := "((v" + h.path[max(0, len(h.path)-2)] + "))"
			kind := "whole "
			if r.chance(3) {
				text, kind = h.node.Value[:1]+text, "part of "
			}
			*h.node = *scalar(text, h.node)
			how = append(how, kind+strings.Split(path, ".")[0])
		}
	}
	return how
}
