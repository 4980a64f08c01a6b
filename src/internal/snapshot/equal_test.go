//go:build !race

package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
)

// comparable leaves out where a value stands.
var comparable = cmp.Options{
	cmpopts.IgnoreTypes(place.Place{}),
	cmpopts.IgnoreUnexported(bosh.Subnet{}, bosh.Network{}, bosh.Group{}, bosh.GroupNetwork{}, bosh.Manifest{}, bosh.CloudConfig{}, bosh.Problem{}),
	cmp.Comparer(func(a, b bosh.Block) bool { return a.Range == b.Range }),
	cmp.Comparer(func(a, b bosh.PropertyAddress) bool {
		return a.Range == b.Range && a.Property == b.Property && a.Group == b.Group && a.Job == b.Job
	}),
	cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}, netipx.IPRange{}),
	cmpopts.EquateEmpty(),
}

// otherwise are cloud-configs that a director refuses for YAML that a snapshot
// does not keep: dates, symbols and a byte order mark.
var otherwise = []string{"639-yaml-date", "640-yaml-timestamp", "644-yaml-symbol-reserved", "657-yaml-bom"}

// TestReducedReadsTheSame holds what is read of reduced texts against what is
// read of whole ones: on the questions that directors were asked, and on public
// manifests.
func TestReducedReadsTheSame(t *testing.T) {
	verdicts, err := filepath.Glob(filepath.Join(sharedtest.Dir(t, "director-verdicts"), "*", "*.yml"))
	if err != nil || len(verdicts) < 500 {
		t.Fatalf("%d texts: %v", len(verdicts), err)
	}
	paths := append(verdicts, filesBelow(t, sharedtest.Dir(t, "public"))...)
	every := 1
	if sharedtest.Short() {
		every = 4
	}
	compared := 0
	for i := 0; i < len(paths); i += every {
		path := paths[i]
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := source.Parse(path, data)
		if err != nil || !doc.Root().IsMap() {
			continue
		}
		if slices.Contains(otherwise, filepath.Base(filepath.Dir(path))) {
			continue
		}
		name, _ := filepath.Rel(filepath.Dir(filepath.Dir(path)), path)
		switch root := doc.Root(); {
		case root.Field("cloud_provider").Present():
		case root.Field("instance_groups").Present():
			compareManifests(t, name, root, again(t, path, keep().Manifest(root)))
			compared++
		case root.Field("networks").Present():
			compareCloudConfigs(t, name, root, again(t, path, keep().CloudConfig(root)))
			compared++
		}
	}
	if compared < 500/every {
		t.Errorf("only %d texts were compared", compared)
	}
}

func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".yml") {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// again writes content into a snapshot, and reads that.
func again(t *testing.T, path string, c Content) source.Value {
	t.Helper()
	s := example(t)
	s.Deployments = []Deployment{{Name: "x", Manifest: c}}
	read, err := Read("x.json", s.Encode())
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return read.Deployments[0].Manifest.Document.Root()
}

func compareManifests(t *testing.T, name string, whole, reduced source.Value) {
	t.Helper()
	want, problems, wantHidden := bosh.ReadManifest(whole, bosh.Options{})
	got, _, gotHidden := bosh.ReadManifest(reduced, bosh.Options{})
	if want == nil || slices.ContainsFunc(problems, func(p bosh.Problem) bool { return !p.Warning }) {
		return // no director has such a manifest
	}
	for _, m := range []struct {
		root source.Value
		into *bosh.Manifest
	}{{whole, want}, {reduced, got}} {
		vips, err := bosh.FindVIPs(m.root, bosh.DefaultPatterns())
		if err != nil {
			t.Fatal(err)
		}
		m.into.VIPs = vips.Found
	}
	if diff := cmp.Diff(want, got, comparable); diff != "" {
		t.Errorf("%s (-whole +reduced):\n%s", name, diff)
	}
	if diff := cmp.Diff(hiddenTexts(wantHidden), hiddenTexts(gotHidden)); diff != "" {
		t.Errorf("%s: hidden (-whole +reduced):\n%s", name, diff)
	}
}

func compareCloudConfigs(t *testing.T, name string, whole, reduced source.Value) {
	t.Helper()
	want, wantProblems, wantHidden := bosh.ReadCloudConfigs([]source.Value{whole}, bosh.Options{})
	got, gotProblems, gotHidden := bosh.ReadCloudConfigs([]source.Value{reduced}, bosh.Options{})
	if diff := cmp.Diff(refusals(wantProblems), refusals(gotProblems)); diff != "" {
		t.Errorf("%s: refusals (-whole +reduced):\n%s", name, diff)
	}
	if len(refusals(wantProblems)) > 0 {
		return
	}
	onlyIdentity(want)
	onlyIdentity(got)
	if diff := cmp.Diff(want, got, comparable); diff != "" {
		t.Errorf("%s (-whole +reduced):\n%s", name, diff)
	}
	if diff := cmp.Diff(hiddenTexts(wantHidden), hiddenTexts(gotHidden)); diff != "" {
		t.Errorf("%s: hidden (-whole +reduced):\n%s", name, diff)
	}
}

// onlyIdentity leaves of cloud_properties what tells networks apart.
func onlyIdentity(cc *bosh.CloudConfig) {
	for _, n := range cc.Networks {
		for _, s := range n.Subnets {
			s.CloudProperties = map[string]string{"": fmt.Sprint(plan.IdentityOf(s.CloudProperties, ""))}
		}
	}
}

func refusals(problems []bosh.Problem) []string {
	var list []string
	for _, p := range problems {
		if !p.Warning {
			list = append(list, p.Rule+" "+p.Class)
		}
	}
	slices.Sort(list)
	return list
}

func hiddenTexts(hidden []bosh.Unresolved) []string {
	var list []string
	for _, h := range hidden {
		list = append(list, h.Variable+": "+h.What)
	}
	slices.Sort(list)
	return list
}

// TestMissingFile keeps errors of the file system apart from broken snapshots.
func TestNoSuchFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := example(t).Write(filepath.Join(file, "promo.json"), 0); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that the folder is a file", err)
	}
}

// TestOpenKeysAreKept reduces texts in which variables stand in the place of keys: what
// hides in the whole one hides in the reduced one, too.
func TestOpenKeysAreKept(t *testing.T) {
	const manifest = `name: web
instance_groups:
- name: web
  instances: 1
  jobs: [{name: keepalived, release: r, properties: {keepalived: {vip: 10.0.0.9}}}]
  networks: [{name: default, static_ips: [10.0.0.5]}]
`
	for _, key := range []string{"instance_groups:", "name: web\n  instances", "jobs:", "properties:", "vip:", "networks:", "static_ips:"} {
		name, rest, _ := strings.Cut(key, ":")
		text := strings.Replace(manifest, key, "((k)):"+rest, 1)
		doc, err := source.Parse("web.yml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		whole, reduced := hidingIn(t, doc.Root()), hidingIn(t, again(t, "web.yml", keep().Manifest(doc.Root())))
		for _, part := range whole {
			if !slices.Contains(reduced, part) {
				t.Errorf("a variable for the key %s hides %s, and in the snapshot only %v", name, part, reduced)
			}
		}
		if len(whole) == 0 {
			t.Errorf("a variable for the key %s hides nothing", name)
		}
	}
}

// hidingIn are the parts of a manifest that hide, and the addresses that may.
func hidingIn(t *testing.T, manifest source.Value) []string {
	t.Helper()
	read, _, _ := bosh.ReadManifest(manifest, bosh.Options{})
	vips, err := bosh.FindVIPs(manifest, bosh.DefaultPatterns())
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, g := range append(read.Gaps, vips.Gaps...) {
		addresses := ""
		for _, block := range g.Found {
			addresses += " " + block.Range.String()
		}
		list = append(list, fmt.Sprintf("%d of ((%s))%s", g.Hides, g.Variable, addresses))
	}
	return list
}
