//go:build !race

package bosh

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/source"
)

// placement is an addon's filters and a group, as plain lists: what the oracle knows.
type placement struct {
	include, exclude map[string][]string
	group            map[string][]string
}

var placementKeys = []string{"deployments", "instance_groups", "networks", "azs", "lifecycle", "jobs", "stemcell", "teams"}

// applies is addon.rb and filter.rb in few words: all conditions of include hold, and there
// is no exclude of which all do.
func (p placement) applies() bool {
	holds := func(filter map[string][]string) bool {
		for key, names := range filter {
			if !slices.ContainsFunc(names, func(n string) bool { return slices.Contains(p.group[key], n) }) {
				return false
			}
		}
		return true
	}
	return holds(p.include) && !(len(p.exclude) > 0 && holds(p.exclude))
}

// write writes the addon and the manifest.
func (p placement) write() (addon, manifest string) {
	filter := func(conditions map[string][]string) string {
		var parts []string
		for _, key := range placementKeys {
			names, ok := conditions[key]
			switch {
			case !ok:
			case key == "lifecycle":
				parts = append(parts, "lifecycle: "+names[0])
			case key == "jobs":
				parts = append(parts, "jobs: "+jobsOf(names))
			case key == "stemcell":
				parts = append(parts, "stemcell: [{os: "+strings.Join(names, "}, {os: ")+"}]")
			default:
				parts = append(parts, key+": ["+strings.Join(names, ", ")+"]")
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	g := func(key string) string { return p.group[key][0] }
	return "{name: x, include: " + filter(p.include) + ", exclude: " + filter(p.exclude) + "}",
		fmt.Sprintf("name: %s\nstemcells: [{alias: s, os: %s}]\ninstance_groups: [{name: %s, stemcell: s, lifecycle: %s, azs: [%s], jobs: %s, networks: [{name: %s}]}]\n",
			g("deployments"), g("stemcell"), g("instance_groups"), g("lifecycle"), strings.Join(p.group["azs"], ", "), jobsOf(p.group["jobs"]), g("networks"))
}

// jobsOf writes jobs, told as RELEASE/NAME.
func jobsOf(names []string) string {
	return "[{release: " + strings.ReplaceAll(strings.Join(names, "}, {release: "), "/", ", name: ") + "}]"
}

// TestPlacement holds where an addon goes against the director's rules on random filters
// and groups, and what may hide against all values that it may have.
func TestPlacement(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	var value func(key string, hide bool) string
	value = func(key string, hide bool) string {
		switch {
		case key == "jobs":
			return value("release", hide) + "/" + value("name", hide)
		case hide && r.IntN(5) == 0:
			return "((v))"
		case key == "lifecycle":
			return []string{"service", "errand"}[r.IntN(2)]
		}
		return []string{"one", "two"}[r.IntN(2)]
	}
	answers := map[Answer]int{}
	for range 1500 {
		hide := r.IntN(2) == 0
		filter := func() map[string][]string {
			f := map[string][]string{}
			for _, key := range placementKeys[:7] {
				if r.IntN(4) == 0 {
					f[key] = append(f[key], value(key, hide))
					if key != "lifecycle" && r.IntN(3) == 0 {
						f[key] = append(f[key], value(key, hide))
					}
				}
			}
			return f
		}
		p := placement{include: filter(), exclude: filter(), group: map[string][]string{}}
		for _, key := range placementKeys[:7] {
			p.group[key] = []string{value(key, hide)}
		}
		addon, manifest := p.write()
		doc, err := source.Parse("a.yml", []byte(addon))
		if err != nil {
			t.Fatal(err)
		}
		m := readManifest(t, manifest)
		got := Yes
		if x := placementOf(doc.Root(), false); x != nil {
			got = x.Takes(m, m.Groups[0], anyName)
		}
		yes, no := false, false
		for _, v := range []string{"one", "two", "service", "errand", "else"} {
			if p.with(v).applies() {
				yes = true
			} else {
				no = true
			}
		}
		answers[got]++
		known := !strings.Contains(addon+manifest, "((")
		if got == Yes && no || got == No && yes || known && got == Maybe {
			t.Fatalf("%s\n%s: %d, and with all values: yes %v, no %v", addon, manifest, got, yes, no)
		}
	}
	if answers[Yes] < 50 || answers[No] < 50 || answers[Maybe] < 50 {
		t.Errorf("answers: %v", answers)
	}
}

// with is p with a value for the variable.
func (p placement) with(v string) placement {
	fill := func(lists map[string][]string) map[string][]string {
		filled := map[string][]string{}
		for key, list := range lists {
			for _, s := range list {
				filled[key] = append(filled[key], strings.ReplaceAll(s, "((v))", v))
			}
		}
		return filled
	}
	return placement{fill(p.include), fill(p.exclude), fill(p.group)}
}

// TestPlacementForms: what a director refuses, and what no file tells, is not known; an
// empty filter is none; a manifest's addons know no teams.
func TestPlacementForms(t *testing.T) {
	m := readManifest(t, "name: d\nstemcells: [{alias: s, name: x}]\ninstance_groups: [{name: g, stemcell: s, jobs: [], networks: [{name: n}]}]\n")
	for text, want := range map[string]Answer{
		"{name: x}": Yes, "{include: {}, exclude: ~}": Yes, "{include: {networks: []}}": Yes, "{include: {lifecycle: ''}}": Yes, "{exclude: {networks: [], azs: ~}}": Yes,
		"{include: ((x))}": Maybe, "{exclude: [n]}": Maybe, "{include: {networks: n}}": Maybe, "{include: {((k)): [n]}}": Maybe, "{((k)): {networks: [m]}}": Maybe,
		"{include: {networks: [m], ((k)): [n]}}": No, "{include: {stemcell: [{os: y}]}}": Maybe, "{include: {stemcell: [((x))]}}": Maybe, "{include: {networks: [((x))]}}": Maybe,
		"{include: {networks: [n-((x))]}}": No, "{exclude: {networks: ['(left out)']}}": Maybe, "{include: {lifecycle: service}}": Yes, "{include: {networks: [[n]]}}": Maybe,
	} {
		doc, err := source.Parse("a.yml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got := Yes
		if p := placementOf(doc.Root(), false); p != nil {
			got = p.Takes(m, m.Groups[0], anyName)
		}
		if got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
	doc, err := source.Parse("a.yml", []byte("{include: {teams: [t]}}"))
	if err != nil {
		t.Fatal(err)
	}
	if p := placementOf(doc.Root(), false); p.Takes(m, m.Groups[0], anyName) != Maybe {
		t.Error("the teams of a deployment stand in no file")
	}
	doc, err = source.Parse("a.yml", []byte("{include: {networks: [m]}}"))
	if err != nil {
		t.Fatal(err)
	}
	if p := placementOf(doc.Root(), false); p.Takes(m, m.Groups[0], func(name string) bool { return name != "n" }) != Maybe {
		t.Error("a network that there is not may have been any")
	}
	if doc, err = source.Parse("a.yml", []byte("{include: {teams: [t]}}")); err != nil {
		t.Fatal(err)
	}
	if placementOf(doc.Root(), true) != nil {
		t.Error("an addon of a manifest knows no teams")
	}
}

// TestPlacementOfKeptBackWords: a lifecycle is one of bosh's own words, also where it comes from
// where secrets are and stands sealed in the plan.
func TestPlacementOfKeptBackWords(t *testing.T) {
	m := readManifest(t, "name: d\ninstance_groups: [{name: g, jobs: [], networks: [{name: n}]}, {name: e, lifecycle: errand, jobs: [], networks: [{name: n}]}]\n")
	for word, want := range map[string][2]Answer{"service": {Yes, No}, "errand": {No, Yes}} {
		parsed, err := source.Parse("a.yml", []byte("{include: {lifecycle: "+word+"}}"))
		if err != nil {
			t.Fatal(err)
		}
		root := parsed.Root().Node()
		doc, err := source.NewDocument("a.yml", root, nil, map[*yaml.Node]string{parsed.Root().Field("include").Field("lifecycle").Node(): "((v))"})
		if err != nil {
			t.Fatal(err)
		}
		new(source.Names).Withhold(doc)
		if text := doc.Root().Field("include").Field("lifecycle").Text(); text == word {
			t.Fatalf("%s is not sealed", word)
		}
		p := placementOf(doc.Root(), false)
		if got := [2]Answer{p.Takes(m, m.Groups[0], anyName), p.Takes(m, m.Groups[1], anyName)}; got != want {
			t.Errorf("%s: %v, want %v", word, got, want)
		}
	}
}

func anyName(string) bool { return true }

func readManifest(t *testing.T, text string) *Manifest {
	t.Helper()
	doc, err := source.Parse("m.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m, _, _ := ReadManifest(doc.Root(), Options{})
	return m
}
