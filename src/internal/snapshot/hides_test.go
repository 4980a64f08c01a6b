//go:build !race

package snapshot

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
)

// kindOfText is one of the texts that a snapshot keeps, how it is kept, and what a
// reader finds hidden in it.
type kindOfText struct {
	text   string
	reduce func(source.Value) Content
	// in is a snapshot with the content, and of gives it back.
	in   func(Content) *Snapshot
	of   func(*Snapshot) Content
	gaps func(source.Value) []bosh.Gap
}

func vipGaps(doc source.Value) []bosh.Gap {
	vips, _ := bosh.FindVIPs(doc, bosh.DefaultPatterns())
	return vips.Gaps
}

func manifestGaps(doc source.Value) []bosh.Gap {
	m, _, _ := bosh.ReadManifest(doc, bosh.Options{})
	gaps := append(m.Gaps, vipGaps(doc)...)
	if m.Own != nil {
		gaps = append(gaps, m.Own.Gaps...)
	}
	return gaps
}

func kindsOfTexts() map[string]kindOfText {
	k := exampleKeep()
	return map[string]kindOfText{
		"cloud-config": {cloudConfigText, k.CloudConfig,
			func(c Content) *Snapshot {
				return &Snapshot{CloudConfigs: []Config{{ID: "1", Latest: true, Content: c}}}
			},
			func(s *Snapshot) Content { return s.CloudConfigs[0].Content },
			func(doc source.Value) []bosh.Gap {
				vips, _ := bosh.FindCloudConfigVIPs(doc)
				cc, _, _ := bosh.ReadCloudConfigs([]source.Value{doc}, bosh.Options{})
				return append(cc.Gaps, vips.Gaps...)
			}},
		"runtime config": {runtimeConfigText, k.RuntimeConfig,
			func(c Content) *Snapshot {
				s := &Snapshot{}
				if !c.Empty() { // as whoever collects does
					s.RuntimeConfigs = []Config{{ID: "1", Latest: true, Content: c}}
				}
				return s
			},
			func(s *Snapshot) (c Content) {
				if len(s.RuntimeConfigs) > 0 {
					c = s.RuntimeConfigs[0].Content
				}
				return c
			}, vipGaps},
		"manifest": {manifestText, k.Manifest,
			func(c Content) *Snapshot { return &Snapshot{Deployments: []Deployment{{Name: "web", Manifest: c}}} },
			func(s *Snapshot) Content { return s.Deployments[0].Manifest }, manifestGaps},
		"create-env": {createEnvText, k.CreateEnv,
			func(c Content) *Snapshot { return &Snapshot{CreateEnvs: []Content{c}} },
			func(s *Snapshot) Content { return s.CreateEnvs[0] }, manifestGaps},
	}
}

// strangeValues stand in the place of others.
var strangeValues = []string{
	"((x))", "a((x))", "text", "7", "true", "[]", "{}", "['((y))']", "[x]", "[7]", "[[]]", "{k: v}", "{((k)): v}",
	"10.0.0.0/29", "VIP=10.0.0.30", "010.000.000.030", "10.0.0.1234", "!!binary MTAuMC4wLjMw", "168311000",
}

// TestWhatHidesIsKept puts strange values in the place of each of the example texts, and
// variables in the place of keys: what hides there from who reads the text hides in the
// snapshot as well, and its head does not say that it covers no more than it shows.
func TestWhatHidesIsKept(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 1))
	tries := 400
	if sharedtest.Short() {
		tries = 100
	}
	hid, failed := 0, map[string]bool{}
	kinds := kindsOfTexts()
	for range tries {
		name := []string{"cloud-config", "runtime config", "manifest", "create-env"}[r.IntN(4)]
		k := kinds[name]
		text, how := strange(t, r, k.text)
		doc, err := source.Parse("x.yml", []byte(text))
		if err != nil || !doc.Root().IsMap() {
			continue
		}
		whole := k.gaps(doc.Root())
		s := k.in(k.reduce(doc.Root()))
		s.Collected, s.Kept = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC), exampleKeep().Kept()
		read, err := Read("x.json", s.Encode())
		if err != nil {
			t.Fatal(err)
		}
		var kept []bosh.Gap
		if root, ok := k.of(read).root(); ok {
			kept = k.gaps(root)
		}
		if len(whole) > 0 {
			hid++
		}
		for _, g := range whole {
			same := func(o bosh.Gap) bool { return o.Hides == g.Hides }
			if g.Meant == "" && g.Template == "" && !slices.ContainsFunc(kept, same) && !failed[name+how] {
				failed[name+how] = true
				t.Errorf("%s with %s: %s hides in the text (%d, ((%s))), and not in the snapshot", name, how, g.What, g.Hides, g.Variable)
			}
		}
		if len(kept) > 0 && read.Covers != nil && !failed[name+how] {
			failed[name+how] = true
			t.Errorf("%s with %s: %s hides in the snapshot, whose head says that it covers %v", name, how, kept[0].What, rangeTexts(read.Covers))
		}
	}
	if hid < tries/4 {
		t.Errorf("in only %d of %d texts something hid", hid, tries)
	}
}

// strange is a text with one strange value or key, and which.
func strange(t *testing.T, r *rand.Rand, text string) (with, how string) {
	t.Helper()
	var root, value yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}
	all, paths := []*yaml.Node{}, []string{}
	var walk func(n *yaml.Node, path string)
	walk = func(n *yaml.Node, path string) {
		for i, c := range n.Content {
			below := fmt.Sprintf("%s.%d", path, i)
			if n.Kind == yaml.MappingNode {
				below = path + "." + n.Content[i-i%2].Value
			}
			if n.Kind == yaml.MappingNode && i%2 == 0 {
				below += " as a key"
			}
			all, paths = append(all, c), append(paths, below)
			if c.Kind != yaml.AliasNode {
				walk(c, below)
			}
		}
	}
	walk(root.Content[0], "")
	i := r.IntN(len(all))
	word := strangeValues[r.IntN(len(strangeValues))]
	if len(paths[i]) > 9 && paths[i][len(paths[i])-9:] == " as a key" {
		word = "((k))"
	}
	if err := yaml.Unmarshal([]byte(word), &value); err != nil {
		t.Fatal(err)
	}
	anchor := all[i].Anchor
	*all[i] = *value.Content[0]
	all[i].Anchor = anchor
	out, err := yaml.Marshal(&root)
	if err != nil {
		return "", ""
	}
	return string(out), word + " at " + paths[i]
}

// TestVIPsAreKept: of each form in which virtual addresses are written the snapshot has
// the same addresses, and hides what the text does.
func TestVIPsAreKept(t *testing.T) {
	pages, err := filepath.Glob("../bosh/testdata/vip/*.txtar")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	found := 0
	for _, page := range pages {
		archive, err := txtar.ParseFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if f.Name != "manifest.yml" {
				continue
			}
			doc, err := source.Parse(f.Name, f.Data)
			if err != nil {
				t.Fatal(err)
			}
			s := &Snapshot{Head: Head{Collected: time.Unix(0, 0)}, Deployments: []Deployment{{Name: "web", Manifest: Keep{VIPProperties: bosh.DefaultPatterns().Find}.Manifest(doc.Root())}}}
			read, err := Read("x.json", s.Encode())
			if err != nil {
				t.Fatal(err)
			}
			root, _ := read.Deployments[0].Manifest.root()
			want := vipWords(doc.Root())
			found += len(want)
			if diff := cmp.Diff(want, vipWords(root)); diff != "" {
				t.Errorf("%s: (-text +snapshot):\n%s", page, diff)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d addresses and gaps in all pages", found)
	}
}

// vipWords are the addresses of each property, in order, and what hides in it.
func vipWords(doc source.Value) []string {
	vips, _ := bosh.FindVIPs(doc, bosh.DefaultPatterns())
	var words []string
	for _, f := range vips.Found {
		words = append(words, fmt.Sprintf("%s %s-%s", f.Property, f.Range.From(), f.Range.To()))
	}
	for _, g := range vips.Gaps {
		if g.Meant == "" {
			words = append(words, fmt.Sprintf("%s hides %s, %d blocks", g.Property, g.Variable, len(g.Found)))
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}
