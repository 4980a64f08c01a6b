//go:build !race

package deploy

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/source"
)

// verdict is what the director's own code said about a case.
type verdict struct {
	Accepted bool
	Error    string
	Message  string
	Stage    string
	Networks []verdictNetwork
	Static   []verdictAddress
	Dynamic  []verdictAddress
}

type verdictNetwork struct {
	Name, Type string
	Subnets    []struct {
		Range            string
		Prefix           string
		RestrictedRanges []string `json:"restricted_ranges"`
		Static           []string
		AZs              []string
	}
}

type verdictAddress struct {
	IP      string
	Network string
	Group   string `json:"instance_group"`
}

// isNotOurs reports whether the verdict is about stemcells or a config
// server, which the readers do not judge.
func (v verdict) isNotOurs() bool {
	class := strings.TrimPrefix(v.Error, "Bosh::Director::")
	return strings.HasPrefix(class, "ConfigServer") || class == "InstanceGroupUnknownStemcell" || class == "InstanceGroupUnknownVmType"
}

func (v verdict) class() string { return strings.TrimPrefix(v.Error, "Bosh::Director::") }

// answer is what the readers and Check say about the same case.
type answer struct {
	problems  []bosh.Problem
	class     string // of the first problem that is no warning
	accepted  bool
	cc        *bosh.CloudConfig
	addresses []PredictedAddress
}

func judge(t *testing.T, dir, version string) answer {
	t.Helper()
	opts, existing := readOptions(t, dir, version)
	var problems []bosh.Problem
	refuse := func(class string) answer { return answer{class: class} }
	var docs []source.Value
	for _, name := range []string{"cloud-config.yml", "cloud-config-2.yml", "cloud-config-3.yml"} {
		doc, err := parseFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return refuse("BadConfig")
		}
		docs = append(docs, doc)
	}
	cc, ccProblems, _ := bosh.ReadCloudConfigs(docs, opts)
	problems = append(problems, ccProblems...)
	doc, err := parseFile(filepath.Join(dir, "manifest.yml"))
	if err != nil {
		if len(ccProblems) > 0 && ccProblems[0].Stage() == bosh.StageUploadCloudConfig {
			return refuse(ccProblems[0].Class)
		}
		return refuse("BadManifest")
	}
	opts.Form = bosh.V2
	m, manifestProblems, _ := bosh.ReadManifest(doc, opts)
	problems = append(problems, manifestProblems...)
	var others []*bosh.Manifest
	for _, name := range existing {
		doc, err := parseFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		other, _, _ := bosh.ReadManifest(doc, opts)
		others = append(others, other)
	}
	outcome := Check(cc, m, pastOf(others), opts)
	checked, addresses := outcome.Problems, outcome.Addresses
	problems = append(problems, checked...)
	bosh.Sort(problems)
	a := answer{problems: problems, accepted: true, cc: cc, addresses: addresses}
	for _, p := range problems {
		if !p.Warning {
			a.accepted, a.class = false, p.Class
			break
		}
	}
	return a
}

func parseFile(path string) (source.Value, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return source.Value{}, err
	}
	doc, err := source.Parse(filepath.Base(path), text)
	if err != nil {
		return source.Value{}, err
	}
	return doc.Root(), nil
}

func readOptions(t *testing.T, dir, version string) (bosh.Options, []string) {
	t.Helper()
	var given struct {
		DirectorIPs          []netip.Addr `json:"director_ips"`
		IgnoreMissingGateway bool         `json:"ignore_missing_gateway"`
		ManagedNetworks      bool         `json:"managed_networks"`
		Existing             []string     `json:"existing"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "options.json"))
	if err == nil {
		err = json.Unmarshal(text, &given)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return bosh.Options{
		DirectorVersion: version, DirectorIPs: given.DirectorIPs, IgnoreMissingGateway: given.IgnoreMissingGateway,
		ManagedNetworks: given.ManagedNetworks, NoConfigServer: true,
	}, given.Existing
}

func readVerdict(t *testing.T, dir string) verdict {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "verdict.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v verdict
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func caseFolders(t *testing.T) []string {
	t.Helper()
	dir := sharedtest.Dir(t, "director-verdicts")
	if other := os.Getenv("IPGUARD_VERDICTS"); other != "" {
		dir = other
	}
	folders, err := filepath.Glob(filepath.Join(dir, "*", "verdict.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range folders {
		folders[i] = filepath.Dir(f)
	}
	sort.Strings(folders)
	if len(folders) == 0 {
		t.Fatalf("no cases in %s", dir)
	}
	return folders
}

// The director's own verdicts: all accepted and refused alike, almost all with
// the same class, and the same addresses.
func TestVerdictsAgreeWithTheDirector(t *testing.T) {
	var cases, verdicts, refused, classes, accepted, addresses int
	for _, dir := range caseFolders(t) {
		v := readVerdict(t, dir)
		if v.isNotOurs() {
			continue
		}
		cases++
		a := judge(t, dir, "")
		name := filepath.Base(dir)
		if a.accepted != v.Accepted {
			t.Errorf("%s: accepted: %v, the director says %v (%s %s); problems:%s", name, a.accepted, v.Accepted, v.class(), v.Message, list(a.problems))
			continue
		}
		verdicts++
		if !v.Accepted {
			refused++
			if a.class == v.class() {
				classes++
			} else {
				t.Logf("%s: class %s, the director says %s (%s)", name, a.class, v.class(), v.Message)
			}
			continue
		}
		accepted++
		if agree(t, name, v, a) {
			addresses++
		}
	}
	t.Logf("verdicts %d/%d, classes of the first finding %d/%d, addresses %d/%d", verdicts, cases, classes, refused, addresses, accepted)
	if classes*100 < refused*98 {
		t.Errorf("%d of %d classes agree, want 98%%", classes, refused)
	}
}

func list(problems []bosh.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString("\n\t" + p.At.String() + " " + p.Rule + " " + p.Class + ": " + p.Message)
	}
	return b.String()
}

// agree compares the addresses of an accepted case, and the networks as both
// understood them.
func agree(t *testing.T, name string, v verdict, a answer) bool {
	t.Helper()
	var want, got []string
	for _, w := range append(slices.Clone(v.Static), v.Dynamic...) {
		if w.IP != "" { // dynamic networks and errands take none yet
			want = append(want, w.Group+" "+w.Network+" "+w.IP)
		}
	}
	for _, p := range a.addresses {
		if p.Kind != CompilationAddress {
			got = append(got, p.InstanceGroup+" "+p.Network+" "+p.IP.Addr().String())
		}
	}
	sort.Strings(want)
	sort.Strings(got)
	if !slices.Equal(want, got) {
		t.Errorf("%s: addresses %q, the director takes %q", name, got, want)
		return false
	}
	return agreeNetworks(t, name, v, a)
}

func agreeNetworks(t *testing.T, name string, v verdict, a answer) bool {
	t.Helper()
	ok := true
	opts := bosh.Options{}
	for _, n := range v.Networks {
		if n.Type != "manual" {
			continue
		}
		own := a.cc.Network(n.Name)
		if own == nil || len(own.Subnets) != len(n.Subnets) {
			t.Errorf("%s: network %q: %+v, the director has %d subnets", name, n.Name, own, len(n.Subnets))
			return false
		}
		for j, s := range n.Subnets {
			pool := newPool(own.Subnets[j], opts)
			for what, pair := range map[string][2]string{
				"range":  {own.Subnets[j].Range.String(), s.Range},
				"azs":    {strings.Join(own.Subnets[j].AZs, ","), strings.Join(s.AZs, ",")},
				"static": {rangeWords(pool.static, pool.block.V6, pool), strings.Join(s.Static, " ")},
			} {
				if pair[0] != pair[1] && len(s.Static) < 100 {
					t.Errorf("%s: %s of subnet %d is %s, the director has %s", name, what, j, pair[0], pair[1])
					ok = false
				}
			}
		}
	}
	return ok
}

func rangeWords(set ipaddr.Spans, v6 bool, p *pool) string {
	var words []string
	for _, s := range set {
		if p.bits() != p.block.Width() {
			for n := s.First; !s.Last.Less(n); n = n.Inc() {
				if p.isBase(n) {
					words = append(words, ipaddr.AddrOf(n, v6).String())
				}
			}
			continue
		}
		r := netipx.IPRangeFrom(ipaddr.AddrOf(s.First, v6), ipaddr.AddrOf(s.Last, v6))
		if r.From() == r.To() {
			words = append(words, r.From().String())
		} else {
			words = append(words, r.String())
		}
	}
	return strings.Join(words, " ")
}

// Where an older director judges otherwise, its version decides.
func TestOlderDirectorsJudgeOtherwise(t *testing.T) {
	dir := sharedtest.Dir(t, "director-verdicts")
	file, err := os.Open(filepath.Join(dir, "OLDER.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	older := map[string][]string{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		older[fields[0]] = fields
	}
	cases, same := 0, 0
	for _, folder := range caseFolders(t) {
		name := filepath.Base(folder)
		v := readVerdict(t, folder)
		fields, judgedOtherwise := older[name]
		if v.isNotOurs() || judgedOtherwise && fields[1] == "none" {
			continue
		}
		wantAccepted, wantClass := v.Accepted, v.class()
		if judgedOtherwise {
			wantAccepted, wantClass = fields[1] == "accepted", fields[2]
		}
		cases++
		a := judge(t, folder, "282.0.9")
		if a.accepted != wantAccepted {
			t.Errorf("%s: accepted: %v, v282.0.9 says %v (%s);%s", name, a.accepted, wantAccepted, wantClass, list(a.problems))
			continue
		}
		if !wantAccepted && judgedOtherwise && a.class != wantClass {
			t.Errorf("%s: class %s, v282.0.9 says %s", name, a.class, wantClass)
		}
		same++
	}
	t.Logf("verdicts of v282.0.9: %d/%d", same, cases)
}
