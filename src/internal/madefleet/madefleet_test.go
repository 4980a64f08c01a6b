//go:build !race

package madefleet

import (
	"bytes"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"

	boshtpl "github.com/cloudfoundry/bosh-cli/v7/director/template"
	"github.com/cppforlife/go-patch/patch"
	"go4.org/netipx"
	"gopkg.in/yaml.v3"
)

var sizes = map[string]Size{
	"one director":   {Directors: 1, Deployments: 3, StaticAddresses: 20, Seed: 1},
	"no deployments": {Directors: 3},
	"few addresses":  {Directors: 7, Deployments: 3, StaticAddresses: 1, Seed: 2},
	"medium":         {Directors: 25, Deployments: 60, StaticAddresses: 2000, Seed: 3},
	"conflicts":      {Directors: 13, Deployments: 50, StaticAddresses: 1000, Conflicts: 30, Seed: 4},
	"full directors": {Directors: 12, Deployments: 60, StaticAddresses: 12000, Seed: 5},
}

func TestMake(t *testing.T) {
	for name, size := range sizes {
		t.Run(name, func(t *testing.T) {
			fleet := mustMake(t, size)
			read := readFleet(t, fleet)
			t.Run("is as large as asked for", func(t *testing.T) { checkSize(t, size, fleet, read) })
			t.Run("has the planted conflicts only", func(t *testing.T) { checkConflicts(t, size, fleet, read) })
		})
	}
}

func checkSize(t *testing.T, size Size, fleet *Fleet, read []*readDirector) {
	if len(read) != size.Directors {
		t.Errorf("%d directors, want %d", len(read), size.Directors)
	}
	deployments, static := 0, 0
	for _, d := range read {
		deployments += len(d.manifests)
		static += d.static
	}
	if deployments != size.Deployments {
		t.Errorf("%d deployments, want %d", deployments, size.Deployments)
	}
	for _, p := range fleet.Planted {
		if p.Kind == StaticTwice {
			static--
		}
	}
	if static != size.StaticAddresses {
		t.Errorf("%d static addresses, want %d", static, size.StaticAddresses)
	}
}

// checkConflicts knows nothing of how addresses were dealt out: it adds up what
// each director has in use or may hand out, as its files say, and intersects.
func checkConflicts(t *testing.T, size Size, fleet *Fleet, read []*readDirector) {
	planted := []netip.Addr{}
	for _, p := range fleet.Planted {
		planted = append(planted, p.Address)
	}
	slices.SortFunc(planted, netip.Addr.Compare)
	if len(planted) != size.Conflicts {
		t.Errorf("%d conflicts planted, want %d", len(planted), size.Conflicts)
	}
	if found := conflicts(t, read); !slices.Equal(planted, found) {
		t.Errorf("planted: %v\nfound: %v", planted, found)
	}
}

func TestPlantedNamesTheFiles(t *testing.T) {
	fleet := mustMake(t, sizes["conflicts"])
	texts := map[string][]byte{}
	for _, f := range fleet.Files {
		texts[f.Path] = f.Text
	}
	kinds := map[PlantedKind]int{}
	for _, p := range fleet.Planted {
		kinds[p.Kind]++
		for i, file := range p.Files {
			if texts[file] == nil {
				t.Errorf("%s of %s: no file %s", p.Kind, p.Address, file)
			}
			if path.Dir(file) != p.Directors[i] && path.Dir(path.Dir(file)) != p.Directors[i] {
				t.Errorf("%s of %s: %s is not of %s", p.Kind, p.Address, file, p.Directors[i])
			}
		}
	}
	for _, kind := range []PlantedKind{StaticTwice, StaticInPool, VirtualTwice, OwnInPool} {
		if kinds[kind] == 0 {
			t.Errorf("no %s among %v", kind, kinds)
		}
	}
}

func TestSameSizeSameBytes(t *testing.T) {
	same := func(x, y File) bool { return x.Path == y.Path && bytes.Equal(x.Text, y.Text) }
	a, b := mustMake(t, sizes["conflicts"]), mustMake(t, sizes["conflicts"])
	if !slices.EqualFunc(a.Files, b.Files, same) || !slices.Equal(a.Planted, b.Planted) {
		t.Error("two fleets of one size differ")
	}
	other := sizes["conflicts"]
	other.Seed++
	if c := mustMake(t, other); slices.EqualFunc(a.Files, c.Files, same) {
		t.Error("another seed made the same fleet")
	}
}

func TestSizesThatCannotBe(t *testing.T) {
	for name, size := range map[string]Size{
		"no director":               {},
		"too many directors":        {Directors: maxDirectors + 1},
		"negative":                  {Directors: 1, Deployments: -1},
		"addresses of nobody":       {Directors: 1, StaticAddresses: 1},
		"too many addresses":        {Directors: 1, Deployments: 1, StaticAddresses: 5000},
		"conflicts of one director": {Directors: 1, Deployments: 5, StaticAddresses: 50, Conflicts: 1},
		"more conflicts than fit":   {Directors: 2, Deployments: 2, StaticAddresses: 4, Conflicts: 100},
	} {
		t.Run(name, func(t *testing.T) {
			if fleet, err := Make(size); err == nil {
				t.Errorf("made %d files", len(fleet.Files))
			}
		})
	}
}

func TestWrite(t *testing.T) {
	fleet := mustMake(t, sizes["few addresses"])
	dir := t.TempDir()
	if err := fleet.Write(filepath.Join(dir, "new", "folder")); err != nil {
		t.Fatal(err)
	}
	written := 0
	for _, f := range fleet.Files {
		text, err := os.ReadFile(filepath.Join(dir, "new", "folder", filepath.FromSlash(f.Path)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text, f.Text) {
			t.Errorf("%s differs from what was made", f.Path)
		}
		written += len(text)
	}
	if written == 0 || written != fleet.Bytes() {
		t.Errorf("%d bytes written, want %d", written, fleet.Bytes())
	}
}

func mustMake(t *testing.T, size Size) *Fleet {
	t.Helper()
	fleet, err := Make(size)
	if err != nil {
		t.Fatal(err)
	}
	return fleet
}

// readDirector is what the test makes of one director's files.
type readDirector struct {
	name      string
	subnets   []readSubnet
	manifests []readManifest
	static    int // addresses in static_ips of manual networks
	// inUse and owned are addresses by the network they are in (its
	// cloud_properties).
	inUse, owned map[string]*netipx.IPSetBuilder
}

type readConfig struct {
	Networks []struct {
		Name    string
		Type    string
		Subnets []readSubnet
	}
}

type readSubnet struct {
	network         string
	Range, Gateway  string
	AZ              string
	AZs             []string
	Reserved        []string
	Static          []string
	CloudProperties map[string]string `yaml:"cloud_properties"`
}

type readManifest struct {
	InstanceGroups []struct {
		Instances int
		AZs       []string
		Networks  []struct {
			Name      string
			StaticIPs []string `yaml:"static_ips"`
		}
		Jobs []struct {
			Properties struct {
				Keepalived struct{ VIP string }
			}
		}
	} `yaml:"instance_groups"`
	Networks []struct{ Subnets []readSubnet }
}

// readSource is one entry of the fleet file; a bare path is one without ops.
type readSource struct {
	Manifest, Config    string
	OpsFiles, VarsFiles []string
}

func (s *readSource) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&s.Manifest)
	}
	var m struct {
		Manifest, Config string
		OpsFiles         []string `yaml:"ops_files"`
		VarsFiles        []string `yaml:"vars_files"`
	}
	err := n.Decode(&m)
	*s = readSource{Manifest: m.Manifest + m.Config, OpsFiles: m.OpsFiles, VarsFiles: m.VarsFiles}
	return err
}

func readFleet(t *testing.T, fleet *Fleet) []*readDirector {
	t.Helper()
	texts := map[string][]byte{}
	for _, f := range fleet.Files {
		texts[f.Path] = f.Text
	}
	var file struct {
		Directors []struct {
			Name         string
			CloudConfigs []readSource `yaml:"cloud_configs"`
			Deployments  []readSource
			CreateEnv    []readSource `yaml:"create_env"`
		}
	}
	decode(t, texts[FleetFile], &file)
	var list []*readDirector
	for _, entry := range file.Directors {
		d := &readDirector{name: entry.Name, inUse: map[string]*netipx.IPSetBuilder{}, owned: map[string]*netipx.IPSetBuilder{}}
		for _, source := range entry.CloudConfigs {
			d.addConfig(t, evaluate(t, texts, source))
		}
		for _, source := range entry.Deployments {
			for _, match := range matches(t, texts, source) {
				d.addManifest(t, evaluate(t, texts, match))
			}
		}
		for _, source := range entry.CreateEnv {
			d.addOwn(t, evaluate(t, texts, source))
		}
		list = append(list, d)
	}
	return list
}

// matches expands a glob; one that matches nothing is an error.
func matches(t *testing.T, texts map[string][]byte, source readSource) []readSource {
	t.Helper()
	var list []readSource
	for name := range texts {
		if ok, _ := path.Match(source.Manifest, name); ok {
			match := source
			match.Manifest = name
			list = append(list, match)
		}
	}
	if len(list) == 0 {
		t.Fatalf("%s matches nothing", source.Manifest)
	}
	return list
}

// evaluate applies ops and vars files as the bosh command line does.
func evaluate(t *testing.T, texts map[string][]byte, source readSource) []byte {
	t.Helper()
	if source.OpsFiles == nil && source.VarsFiles == nil {
		return texts[source.Manifest]
	}
	var ops patch.Ops
	for _, name := range source.OpsFiles {
		var definitions []patch.OpDefinition
		decode(t, texts[name], &definitions)
		more, err := patch.NewOpsFromDefinitions(definitions)
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, more...)
	}
	vars := boshtpl.StaticVariables{}
	for _, name := range source.VarsFiles {
		decode(t, texts[name], &vars)
	}
	text, err := boshtpl.NewTemplate(texts[source.Manifest]).Evaluate(vars, ops, boshtpl.EvaluateOpts{})
	if err != nil {
		t.Fatalf("%s: %v", source.Manifest, err)
	}
	return text
}

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := yaml.Unmarshal(text, into); err != nil || len(text) == 0 {
		t.Fatalf("%v in:\n%s", err, text)
	}
}

func (d *readDirector) addConfig(t *testing.T, text []byte) {
	var config readConfig
	decode(t, text, &config)
	for _, n := range config.Networks {
		for _, s := range n.Subnets {
			s.network = n.Name
			d.subnets = append(d.subnets, s)
			owned := builder(d.owned, s)
			prefix := netip.MustParsePrefix(s.Range)
			last := netipx.PrefixLastIP(prefix)
			owned.AddRange(netipx.IPRangeFrom(prefix.Addr().Next(), last.Prev()))
			owned.Remove(netip.MustParseAddr(s.Gateway))
			for _, r := range s.Reserved {
				owned.RemoveRange(parse(t, r))
			}
		}
	}
}

func builder(in map[string]*netipx.IPSetBuilder, s readSubnet) *netipx.IPSetBuilder {
	id := s.CloudProperties["name"] + s.CloudProperties["subnet"]
	if in[id] == nil {
		in[id] = &netipx.IPSetBuilder{}
	}
	return in[id]
}

// addManifest also checks what a director would refuse.
func (d *readDirector) addManifest(t *testing.T, text []byte) {
	var m readManifest
	decode(t, text, &m)
	d.manifests = append(d.manifests, m)
	for _, g := range m.InstanceGroups {
		for _, n := range g.Networks {
			count := 0
			for _, entry := range n.StaticIPs {
				r := parse(t, entry)
				for a := r.From(); a.Compare(r.To()) <= 0; a = a.Next() {
					count++
					if n.Name != "vip" {
						d.use(t, n.Name, a, g.AZs)
						d.static++
					}
				}
			}
			if n.StaticIPs != nil && count != g.Instances {
				t.Errorf("%s: %d addresses for %d instances on %s", d.name, count, g.Instances, n.Name)
			}
		}
		for _, j := range g.Jobs {
			if vip := j.Properties.Keepalived.VIP; vip != "" {
				builder(d.inUse, d.subnets[0]).Add(netip.MustParseAddr(vip))
			}
		}
	}
}

// use finds the subnet of an address; it must be in its static list.
func (d *readDirector) use(t *testing.T, network string, a netip.Addr, azs []string) {
	for _, s := range d.subnets {
		if s.network != network || !netip.MustParsePrefix(s.Range).Contains(a) {
			continue
		}
		if !slices.ContainsFunc(s.Static, func(r string) bool { return parse(t, r).Contains(a) }) {
			t.Errorf("%s: %s is not in the static list of %s", d.name, a, s.Range)
		}
		if !slices.ContainsFunc(azs, func(az string) bool { return az == s.AZ || slices.Contains(s.AZs, az) }) {
			t.Errorf("%s: %s is in no zone of %v", d.name, a, azs)
		}
		builder(d.inUse, s).Add(a)
		return
	}
	t.Errorf("%s: %s is in no subnet of network %s", d.name, a, network)
}

func (d *readDirector) addOwn(t *testing.T, text []byte) {
	var m readManifest
	decode(t, text, &m)
	builder(d.inUse, m.Networks[0].Subnets[0]).Add(netip.MustParseAddr(m.InstanceGroups[0].Networks[0].StaticIPs[0]))
}

func parse(t *testing.T, text string) netipx.IPRange {
	t.Helper()
	if a, err := netip.ParseAddr(text); err == nil {
		return netipx.IPRangeFrom(a, a)
	}
	r, err := netipx.ParseIPRange(string(bytes.ReplaceAll([]byte(text), []byte(" "), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// conflicts returns the addresses that two directors use or may hand out on one
// network.
func conflicts(t *testing.T, fleet []*readDirector) []netip.Addr {
	t.Helper()
	var all netipx.IPSetBuilder
	claimed := map[string]*netipx.IPSetBuilder{}
	for _, d := range fleet {
		for _, sets := range []map[string]*netipx.IPSetBuilder{d.inUse, d.owned} {
			for id, b := range sets {
				before := set(t, builderOf(claimed, id))
				b := set(t, b)
				var both netipx.IPSetBuilder
				both.AddSet(before)
				both.Intersect(b)
				all.AddSet(set(t, &both))
			}
		}
		for _, sets := range []map[string]*netipx.IPSetBuilder{d.inUse, d.owned} {
			for id, b := range sets {
				claimed[id].AddSet(set(t, b))
			}
		}
	}
	list := []netip.Addr{}
	for _, r := range set(t, &all).Ranges() {
		for a := r.From(); a.Compare(r.To()) <= 0; a = a.Next() {
			list = append(list, a)
			if len(list) > 1000 {
				t.Fatalf("more than 1,000 conflicts, among them %s", r)
			}
		}
	}
	return list
}

func builderOf(in map[string]*netipx.IPSetBuilder, id string) *netipx.IPSetBuilder {
	if in[id] == nil {
		in[id] = &netipx.IPSetBuilder{}
	}
	return in[id]
}

func set(t *testing.T, b *netipx.IPSetBuilder) *netipx.IPSet {
	t.Helper()
	s, err := b.IPSet()
	if err != nil {
		t.Fatal(err)
	}
	return s
}
