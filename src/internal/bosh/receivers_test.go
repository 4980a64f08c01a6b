//go:build !race

package bosh

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/source"
)

// madeJob is a job as the oracle knows it: its name, and whether it has properties of its own.
type madeJob struct {
	name string
	own  bool
}

// writtenJobs are ways to write a job, with all that it may be.
var writtenJobs = []struct {
	text string
	may  []madeJob
}{
	{"{name: a}", []madeJob{{"a", false}}},
	{"{name: b}", []madeJob{{"b", false}}},
	{"{name: a, properties: {}}", []madeJob{{"a", true}}},
	{"{name: a, properties: {vip: 10.0.0.9}}", []madeJob{{"a", true}}},
	{"{name: b, properties: {x: y}}", []madeJob{{"b", true}}},
	{"{name: a, properties: ((v))}", []madeJob{{"a", true}}},
	{"{name: b, ((v)): {x: y}}", []madeJob{{"b", false}, {"b", true}}},
	{"{name: a, ((v)): {x: y}}", []madeJob{{"a", false}, {"a", true}}},
	{"((v))", []madeJob{{"a", false}, {"a", true}, {"b", false}, {"b", true}}},
}

// shares are the properties that stand beside jobs: an address by a usual name, and one that
// only job a has.
const shares = "properties: {web_vip: 10.0.0.1, gate: 10.0.0.2}"

// has says which of the two some job has: a job's own properties are in place of all others
// (instance_group_spec_parser.rb; addon.rb). Where there is no job, nobody tells which ones.
func has(jobs []madeJob) map[string]bool {
	without := func(of func(madeJob) bool) bool {
		return slices.ContainsFunc(jobs, func(j madeJob) bool { return !j.own && of(j) })
	}
	return map[string]bool{
		"10.0.0.1": len(jobs) == 0 || without(func(madeJob) bool { return true }),
		"10.0.0.2": without(func(j madeJob) bool { return j.name == "a" }),
	}
}

// TestWhoHasSharedProperties holds which properties of an addon, an instance group and a whole
// manifest count against that rule, on random jobs; and where something of these hides,
// against all that it may be.
func TestWhoHasSharedProperties(t *testing.T) {
	forms := map[string]string{
		"addon":          "addons: [{name: x, jobs: [%s], " + shares + "}]",
		"instance group": "instance_groups: [{name: g, jobs: [%s], " + shares + "}]",
		"templates":      "jobs: [{name: g, templates: [%s], " + shares + "}]",
		"manifest":       "instance_groups: [{name: g, jobs: [%s]}]\n" + shares,
		"two groups":     "instance_groups: [{name: g, jobs: [{name: c, properties: {}}]}, {name: h, jobs: [%s]}]\n" + shares,
	}
	gate, err := ParsePattern("a/gate")
	if err != nil {
		t.Fatal(err)
	}
	patterns := DefaultPatterns()
	patterns.Find = append(patterns.Find, gate)
	r := rand.New(rand.NewPCG(3, 9))
	counts := map[string]int{}
	for range 600 {
		var texts []string
		may := [][]madeJob{nil}
		for range r.IntN(4) {
			job := writtenJobs[r.IntN(len(writtenJobs))]
			texts = append(texts, job.text)
			var longer [][]madeJob
			for _, jobs := range may {
				for _, j := range job.may {
					longer = append(longer, append(slices.Clone(jobs), j))
				}
			}
			may = longer
		}
		for form, text := range forms {
			text = fmt.Sprintf(text, strings.Join(texts, ", "))
			doc, err := source.Parse("m.yml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			vips, err := FindVIPs(doc.Root(), patterns)
			if err != nil {
				t.Fatal(err)
			}
			for address := range has(nil) {
				always, never := true, true
				for _, jobs := range may {
					if form == "two groups" {
						jobs = append([]madeJob{{"c", true}}, jobs...)
					}
					always, never = always && has(jobs)[address], never && !has(jobs)[address]
				}
				is := func(a PropertyAddress) bool { return a.Range.From().String() == address }
				found := slices.ContainsFunc(vips.Found, is)
				perhaps := slices.ContainsFunc(vips.Gaps, func(g Gap) bool { return slices.ContainsFunc(g.Found, is) })
				switch {
				case found && !always, !found && always, perhaps && (always || never), !perhaps && !always && !never:
					t.Fatalf("%s: %s is found %t, perhaps %t, and with all that hides: always %t, never %t\n%s", form, address, found, perhaps, always, never, text)
				}
				counts[fmt.Sprint(found, perhaps)]++
			}
		}
	}
	if counts["true false"] < 100 || counts["false true"] < 100 || counts["false false"] < 100 {
		t.Errorf("found, and perhaps: %v", counts)
	}
}
