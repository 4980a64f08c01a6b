//go:build !race

package bosh

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
)

// TestVIPCases reads each page of testdata/vip: a manifest or cloud-config,
// patterns beside the default ones, and what must be found.
func TestVIPCases(t *testing.T) {
	pages, err := filepath.Glob("testdata/vip/*.txtar")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, page := range pages {
		t.Run(strings.TrimSuffix(filepath.Base(page), ".txtar"), func(t *testing.T) {
			files := readPage(t, page)
			var vips VIPs
			if text, ok := files["cloud-config.yml"]; ok {
				vips, err = FindCloudConfigVIPs(parseText(t, "cloud-config.yml", text).Root())
			} else {
				vips, err = FindVIPs(parseText(t, "manifest.yml", files["manifest.yml"]).Root(), pagePatterns(t, files))
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(files["want"], vipLines(vips.Found, vips.Unresolved)+strangeLines(vips.Gaps)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func readPage(t *testing.T, path string) map[string]string {
	t.Helper()
	page, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range page.Files {
		files[f.Name] = string(f.Data)
	}
	return files
}

func pagePatterns(t *testing.T, files map[string]string) Patterns {
	t.Helper()
	patterns := DefaultPatterns()
	patterns.Find = append(patterns.Find, parsePatterns(t, files["find"])...)
	patterns.Ignore = append(patterns.Ignore, parsePatterns(t, files["ignore"])...)
	return patterns
}

func parsePatterns(t *testing.T, text string) []Pattern {
	t.Helper()
	var list []Pattern
	for _, line := range strings.Fields(text) {
		p, err := ParsePattern(line)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

// vipLines writes what was found, one line each, in the order in which it was found.
func vipLines(found []PropertyAddress, unresolved []Unresolved) string {
	var b strings.Builder
	for _, a := range found {
		fmt.Fprintf(&b, "%s %s %s/%s %s\n", rangeWords(a.Range), a.Property, a.Group, a.Job, a.At)
	}
	for _, u := range unresolved {
		fmt.Fprintf(&b, "unresolved %s: %s %s\n", u.Variable, u.What, u.At)
	}
	return b.String()
}

func TestParsePattern(t *testing.T) {
	for _, text := range []string{"vip", "keepalived.vip", "keepalived/vip", "*_vip", "proxy-*/a.b.*", "delegate_ip"} {
		p, err := ParsePattern(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if p.String() != text {
			t.Errorf("%s became %s", text, p)
		}
	}
	for _, text := range []string{"", ".", "a.", ".a", "a..b", "a/b/c", "/a", "a/", "a b", "[a]", "a?", `a\b`, "((a))"} {
		if p, err := ParsePattern(text); err == nil {
			t.Errorf("%q was read as %s", text, p)
		}
	}
}

// TestWildcardAgainstPathMatch compares all short patterns and names over a small
// alphabet with the standard library's answer.
func TestWildcardAgainstPathMatch(t *testing.T) {
	words := func(alphabet string, longest int) []string {
		all := []string{""}
		for from := 0; longest > 0; longest-- {
			to := len(all)
			for _, w := range all[from:to] {
				for _, c := range alphabet {
					all = append(all, w+string(c))
				}
			}
			from = to
		}
		return all
	}
	for _, pattern := range words("ab*", 5) {
		for _, name := range words("ab", 5) {
			want, err := path.Match(pattern, name)
			if err != nil {
				t.Fatal(err)
			}
			if got := wildcard(strings.Split(pattern, "*")).match(name); got != want {
				t.Fatalf("%q and %q: %v, want %v", pattern, name, got, want)
			}
		}
	}
}

func TestZeroPatternMatchesNothing(t *testing.T) {
	doc := parseText(t, "manifest.yml", "properties: {vip: 10.0.0.1, web_vip: 10.0.0.2}")
	vips, err := FindVIPs(doc.Root(), Patterns{Find: []Pattern{{}}})
	if len(vips.Found) > 0 || err != nil {
		t.Errorf("found %v, error %v", vips.Found, err)
	}
	patterns := DefaultPatterns()
	patterns.Ignore = []Pattern{{}}
	if vips, _ := FindVIPs(doc.Root(), patterns); len(vips.Found) != 2 {
		t.Errorf("it ignores all but %v", vips.Found)
	}
}

// TestDefaultPatternsAreValid keeps the list within the grammar of the fleet file.
func TestDefaultPatternsAreValid(t *testing.T) {
	if len(DefaultPatterns().Find) == 0 {
		t.Fatal("there are no default patterns")
	}
	for _, p := range DefaultPatterns().Find {
		if again, err := ParsePattern(p.String()); err != nil || again.String() != p.String() {
			t.Errorf("%s: %v %v", p, again, err)
		}
	}
}

// TestVIPBombs shows that a manifest whose aliases stand for millions of values
// is searched without visiting them, and refused where it cannot be.
func TestVIPBombs(t *testing.T) {
	bomb := func(leaf string, levels int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "l0: &l0 {a: %s}\n", leaf)
		for i := 1; i <= levels; i++ {
			fmt.Fprintf(&b, "l%d: &l%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*l%d, ", i-1), 9), ", "))
		}
		fmt.Fprintf(&b, "instance_groups: [{name: g, jobs: [{name: j, properties: {p: *l%d, vip: 10.0.0.1}}]}]\n", levels)
		return b.String()
	}
	t.Run("no name of a virtual address in it", func(t *testing.T) {
		doc := parseText(t, "bomb.yml", bomb("1", 4))
		f := newVIPFinder(DefaultPatterns())
		f.searchGroup("g", doc.Root().Field("instance_groups").Items()[0], groupKeys)
		if f.err != nil || len(f.vips.Found) != 1 {
			t.Errorf("found %v, error %v", f.vips.Found, f.err)
		}
		if f.looked > 10 {
			t.Errorf("looked at %d values", f.looked)
		}
	})
	t.Run("a virtual address in each", func(t *testing.T) {
		doc := parseText(t, "bomb.yml", bomb("{vip: 10.0.0.2}", 4))
		f := newVIPFinder(DefaultPatterns())
		f.most = 5_000 // the document itself may stand for no more than is read in a moment
		f.searchGroup("g", doc.Root().Field("instance_groups").Items()[0], groupKeys)
		if f.err == nil || !strings.Contains(f.err.Error(), "bomb.yml:") || !strings.Contains(f.err.Error(), fmt.Sprintf("more than %d values", f.most)) {
			t.Errorf("error %v", f.err)
		}
	})
}

// TestVIPsOfPublicManifests reads real manifests and, as if they were job
// properties, every value that an ops file brings in. The keepalived of
// cf-deployment's use-haproxy.yml is the only virtual address among them.
func TestVIPsOfPublicManifests(t *testing.T) {
	dir := sharedtest.Dir(t, "public")
	var got []string
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yml" {
			return err
		}
		if info, err := entry.Info(); err != nil || info.Size() == 0 {
			return err // some ops files were emptied and left for compatibility
		}
		files++
		name, _ := filepath.Rel(dir, path)
		for _, line := range publicVIPs(t, path) {
			got = append(got, filepath.ToSlash(name)+" "+line)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 400 {
		t.Errorf("only %d files were read", files)
	}
	slices.Sort(got)
	want := []string{"cf-deployment/operations/community/use-haproxy.yml unresolved haproxy_static_vip: property jobs.properties.keepalived.vip of job j in g 19:16"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// publicVIPs returns what is found in one file: a manifest, a cloud-config or
// an ops file. The place is shortened to line and column.
func publicVIPs(t *testing.T, path string) []string {
	t.Helper()
	text, err := source.NewFiles(strings.NewReader("")).Read(path)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := source.Parse("", text)
	if err != nil {
		t.Fatal(err)
	}
	vips, err := FindVIPs(doc.Root(), DefaultPatterns())
	if err != nil {
		t.Fatal(err)
	}
	vipsCC, err := FindCloudConfigVIPs(doc.Root())
	if err != nil {
		t.Fatal(err)
	}
	f := newVIPFinder(DefaultPatterns())
	for _, op := range doc.Root().Items() {
		if !op.Field("value").IsMap() {
			continue // it stands in the place of no properties
		}
		f.search(propertyScope{group: "g", job: "j", jobs: []string{"j"}}, op.Field("value"))
	}
	var lines []string
	for _, a := range slices.Concat(vips.Found, vipsCC.Found, f.vips.Found) {
		lines = append(lines, fmt.Sprintf("%s %s %d:%d", rangeWords(a.Range), a.Property, a.At.Line, a.At.Column))
	}
	for _, u := range slices.Concat(vips.Unresolved, vipsCC.Unresolved, f.vips.Unresolved) {
		lines = append(lines, fmt.Sprintf("unresolved %s: %s %d:%d", u.Variable, u.What, u.At.Line, u.At.Column))
	}
	return lines
}

// FuzzFindVIPs looks for texts that make the search panic or find what is no
// address that a machine can hold.
func FuzzFindVIPs(f *testing.F) {
	pages, err := filepath.Glob("testdata/vip/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, page := range pages {
		parsed, err := txtar.ParseFile(page)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range parsed.Files {
			if strings.HasSuffix(file.Name, ".yml") {
				f.Add(string(file.Data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := source.Parse("fuzz.yml", []byte(text))
		if err != nil {
			return
		}
		vips, _ := FindVIPs(doc.Root(), DefaultPatterns())
		pairs, _ := FindCloudConfigVIPs(doc.Root())
		for _, a := range append(vips.Found, pairs.Found...) {
			if !a.Range.IsValid() || !canBeHeld(a.Range.From()) || !a.At.IsValid() {
				t.Errorf("%+v", a)
			}
		}
		for _, u := range append(vips.Unresolved, pairs.Unresolved...) {
			if u.Variable == "" || !u.At.IsValid() {
				t.Errorf("%+v", u)
			}
		}
	})
}

// rangeWords is a single address, or both ends of a range.
func rangeWords(r netipx.IPRange) string {
	if r.From() == r.To() {
		return r.From().String()
	}
	return r.From().String() + "-" + r.To().String()
}

// strangeLines are the gaps that no variable makes.
func strangeLines(gaps []Gap) string {
	var b strings.Builder
	for _, g := range gaps {
		if g.Variable == "" {
			fmt.Fprintf(&b, "not understood: %s %s", g.What, g.At)
			for _, block := range g.Found {
				fmt.Fprintf(&b, ", %s", rangeWords(block.Range))
			}
			if g.Template != "" {
				fmt.Fprintf(&b, ", of %s", g.Template)
			}
			if g.Meant != "" {
				fmt.Fprintf(&b, ", meant is %s", g.Meant)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}
