//go:build !race

package survey_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/fence"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// This file makes small random fleets in which much goes wrong: two or three
// directors and VMs of create-env share a VLAN of 32 addresses, and a second one
// that only some of them know. Each director keeps to its own part of the VLAN,
// unless chance says otherwise.

// file is one file of a fleet, parsed once.
type file struct {
	director string
	kind     fleet.Kind
	path     string
	doc      *source.Document // nil: broken is its text, or there is no such file
	broken   string
}

// madeUp is a fleet.
type madeUp struct {
	directors []string
	files     []file
	// base is a fleet that was read from a fleet file, of whose files these are some;
	// nil for one that was made up.
	base *survey.Fleet
	// segments are those of the fleet file.
	segments []fleet.Segment
	// addresses are those to ask free and who about.
	addresses []netip.Addr
	// collected is a folder for snapshots, one in the place of the files of each director
	// of which no file is judged; empty where files count.
	collected string
	// machine is the address of the machine of the director inner, which another one may
	// deploy; empty where there is none.
	machine string
	// six says that all addresses are of IPv6.
	six bool
	// manyAddons says that there may be several addons in a file, and virtual addresses beside
	// jobs, of addons, groups and manifests.
	manyAddons bool
}

var (
	fourForm = regexp.MustCompile(`(@?)10\.0\.(\d+)\.(\d+)(/\d+)?`)
	hostForm = regexp.MustCompile(`@(fd00:[0-9a-f:]+):6868`)
)

// manualForm is the network of a manifest for create-env.
var manualForm = regexp.MustCompile(`  type: manual\n  subnets: .*cloud_properties: (\{.*\})\}\]\n`)

// asSix writes each address of the VLANs as one of IPv6.
func asSix(text string) string {
	text = fourForm.ReplaceAllStringFunc(text, func(a string) string {
		parts := fourForm.FindStringSubmatch(a)
		host, err := strconv.Atoi(parts[3])
		if err != nil {
			return a
		}
		if host == 0 {
			a = fmt.Sprintf("%sfd00:0:0:%s::", parts[1], parts[2])
		} else {
			a = fmt.Sprintf("%sfd00:0:0:%s::%x", parts[1], parts[2], host)
		}
		if bits, err := strconv.Atoi(strings.TrimPrefix(parts[4], "/")); err == nil {
			a += fmt.Sprintf("/%d", bits+96)
		}
		return a
	})
	return hostForm.ReplaceAllString(strings.ReplaceAll(text, "9.9.9.9", "2620:fe::9"), "@[$1]:6868")
}

func (m *madeUp) add(t testing.TB, director string, kind fleet.Kind, path, text string) {
	t.Helper()
	if m.six {
		text = asSix(text)
	}
	doc, err := source.Parse(path, []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	m.files = append(m.files, file{director: director, kind: kind, path: path, doc: doc})
}

// random makes fleets.
type random struct{ *rand.Rand }

func (r random) chance(oneIn int) bool { return r.IntN(oneIn) == 0 }

func (r random) pick(list ...string) string { return list[r.IntN(len(list))] }

// ip is an address of the VLAN with that number.
func ip(vlan, n int) string { return fmt.Sprintf("10.0.%d.%d", vlan, n) }

func (r random) fleet(t testing.TB) *madeUp { return r.fill(t, &madeUp{}) }

func (r random) fleetOfAddons(t testing.TB) *madeUp { return r.fill(t, &madeUp{manyAddons: true}) }

func (r random) fill(t testing.TB, m *madeUp) *madeUp {
	m.six = r.chance(5)
	for n := 2; n < 31; n += 7 {
		address := ip(0, n)
		if m.six {
			address = asSix(address)
		}
		m.addresses = append(m.addresses, netip.MustParseAddr(address))
	}
	parts := r.Perm(3)
	for i := range 2 + r.IntN(2) {
		r.director(t, m, string(rune('a'+i)), parts[i%3])
	}
	for i := range 1 + r.IntN(2) {
		r.createEnv(t, m, fmt.Sprintf("env%d", i))
	}
	if m.machine != "" {
		m.directors = append(m.directors, "inner")
	}
	if r.chance(4) { // the fleet file knows where some networks are
		for _, name := range m.directors {
			if r.chance(2) {
				match := fleet.Match{Director: fleet.Text{Value: name}, Network: fleet.Text{Value: r.pick("default", "private", "second")}}
				m.segments = append(m.segments, fleet.Segment{Name: fleet.Text{Value: r.pick("left", "right")}, Subnets: []fleet.Match{match}})
			}
		}
	}
	return m
}

// director adds one that owns a third of the first VLAN: eight addresses, the
// first three of them static.
func (r random) director(t testing.TB, m *madeUp, name string, part int) {
	m.directors = append(m.directors, name)
	low, high := 4+8*part, 11+8*part
	if r.chance(3) {
		high += 2 // into the next part
	}
	reserved := fmt.Sprintf("[%s - %s, %s - %s]", ip(0, 2), ip(0, low-1), ip(0, min(high+1, 30)), ip(0, 30))
	static := fmt.Sprintf("[%s - %s, %s]", ip(0, low), ip(0, low+1), ip(0, low+2))
	cc := "azs: [{name: z1}, {name: z2}]\n" + r.types() + "networks:\n- name: default\n  type: manual\n  subnets:\n  - range: 10.0.0.0/27\n    gateway: " + ip(0, 1) +
		"\n    azs: [z1, z2]\n    reserved: " + reserved + "\n    static: " + static
	if r.chance(2) {
		cc += "\n    dns: [" + ip(0, 2+r.IntN(28)) + ", 9.9.9.9]"
	}
	cc += "\n    cloud_properties: {name: VLAN-0}\n"
	second := r.chance(2)
	if second {
		cc += "- name: second\n  subnets:\n  - {range: 10.0.1.0/28, gateway: 10.0.1.1, az: z1, static: [10.0.1.4, 10.0.1.5], reserved: [10.0.1.8 - 10.0.1.14], cloud_properties: {" +
			r.pick("name: VLAN-1", "subnet: subnet-1", "subnet: subnet-2") + "}}\n"
	}
	vip := r.pick("", "bare", "listed")
	switch vip {
	case "bare":
		cc += "- {name: public, type: vip}\n"
	case "listed":
		cc += "- {name: public, type: vip, subnets: [{static: [" + ip(9, 1+r.IntN(3)) + ", " + ip(9, 4) + "], azs: [z1, z2]}]}\n"
	}
	if r.chance(4) {
		cc += "- {name: cloud, type: dynamic, cloud_properties: {name: VLAN-7}}\n"
	}
	cc += "compilation: {workers: 1, network: default, az: z1, vm_type: small}\n"
	m.add(t, name, fleet.CloudConfigs, name+"/cloud.yml", cc)
	for i := range 1 + r.IntN(2) {
		r.deployment(t, m, fmt.Sprintf("%s%d", name, i), name, low, i, second, vip)
	}
	switch {
	case m.manyAddons:
		text := "releases: []\naddons:\n"
		for i := range 1 + r.IntN(2) {
			text += r.addon(fmt.Sprintf("ha%d", i), r.placement(name))
		}
		m.add(t, name, fleet.RuntimeConfigs, name+"/runtime.yml", text)
	case r.chance(3):
		m.add(t, name, fleet.RuntimeConfigs, name+"/runtime.yml",
			"releases: []\naddons:\n- name: ha\n"+r.placement(name)+"  jobs:\n  - name: keepalived\n    release: ha\n    properties: {keepalived: {vip: "+ip(0, 2+r.IntN(28))+r.routerID()+"}}\n")
	}
}

// types are VM types and extensions of a cloud-config, some with addresses that their VMs
// may answer for.
func (r random) types() string {
	text := "vm_types:\n- {name: small}\n- name: paired\n"
	if r.chance(3) {
		text += "  cloud_properties: {allowed_address_pairs: [{ip_address: " + ip(0, 2+r.IntN(28)) + "}]}\n"
	}
	text += "vm_extensions:\n- {name: plain}\n- name: ha\n"
	if r.chance(3) {
		text += "  cloud_properties: {allowed_address_pairs: " + ip(r.IntN(2), 2+r.IntN(11)) + "}\n"
	}
	return text
}

// addon is one with virtual addresses of its jobs, or beside them for those that have no
// properties of their own.
func (r random) addon(name, placement string) string {
	text := "- name: " + name + "\n" + placement + "  jobs:\n"
	shared := r.chance(2)
	for _, job := range []string{"keepalived", "agent"}[:1+r.IntN(2)] {
		text += "  - name: " + name + "-" + job + "\n    release: ha\n"
		switch {
		case !shared || r.chance(3):
			text += "    " + r.virtual() + "\n"
		case r.chance(3):
			text += "    properties: {port: 7}\n"
		}
	}
	if shared {
		text += "  " + r.virtual() + "\n"
	}
	return text
}

// virtual are properties with a virtual address.
func (r random) virtual() string {
	return "properties: {keepalived: {vip: " + ip(0, 2+r.IntN(28)) + r.routerID() + "}}"
}

// placement are filters of an addon of a director, or none.
func (r random) placement(director string) string {
	text := ""
	for _, filter := range []string{"include", "exclude"} {
		if r.chance(3) {
			text += "  " + filter + ":\n    " + r.pick("deployments: ["+director+"0]", "deployments: ["+director+"1, other]", "networks: [default]", "networks: [second]",
				"instance_groups: [db]", "azs: [z1]", "lifecycle: service", "jobs: [{name: j, release: r}]", "stemcell: [{os: ubuntu-jammy}]",
				"networks: [default]\n    instance_groups: [web, x]") + "\n"
		}
	}
	return text
}

// routerID is an id of a virtual router, or none.
func (r random) routerID() string {
	if r.chance(2) {
		return ""
	}
	return ", virtual_router_id: " + r.pick("51", "52")
}

func (r random) deployment(t testing.TB, m *madeUp, name, director string, low, i int, second bool, vip string) {
	text := "name: " + name + "\nreleases: []\nstemcells: [{alias: default, os: ubuntu-jammy, version: \"1.1\"}]\n" +
		"update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000-2000, update_watch_time: 1000-2000}\ninstance_groups:\n"
	job := "j"
	if m.machine == "" && r.chance(6) {
		m.machine, job = ip(0, low+i), r.pick("director", "director", "j")
		if m.six {
			m.machine = asSix(m.machine)
		}
	}
	group := func(name, networks, properties string) {
		text += fmt.Sprintf("- name: %s\n  instances: 1\n  azs: [z1]\n  vm_type: %s\n%s  stemcell: default\n  jobs: [{name: %s, release: r%s}]\n  networks:\n%s",
			name, r.pick("small", "small", "paired"), r.pick("", "  vm_extensions: [plain, ha]\n", "  vm_extensions: [plain]\n"), job, properties, networks)
		job = "j"
	}
	properties := ""
	if r.chance(3) {
		properties = ", " + r.virtual()
	}
	networks := fmt.Sprintf("  - name: default\n    static_ips: [%s]\n", ip(0, low+i))
	if vip == "bare" && r.chance(2) {
		networks = fmt.Sprintf("  - name: default\n    default: [dns, gateway]\n    static_ips: [%s]\n  - {name: public, static_ips: [%s]}\n", ip(0, low+i), r.pick(ip(9, 1+r.IntN(4)), ip(0, 2+r.IntN(28))))
	}
	group("web", networks, properties)
	switch {
	case second && i == 0:
		group("db", "  - {name: second, static_ips: [10.0.1.4]}\n", "")
	case r.chance(2):
		group("db", "  - name: default\n", "")
	}
	if m.manyAddons {
		text = strings.Replace(text, "  networks:\n", "  "+r.virtual()+"\n  networks:\n", r.IntN(2))
		text += "addons:\n" + r.addon("ha", "") + r.addon("other", "  include: {jobs: [{name: j, release: r}]}\n")
		if r.chance(4) {
			text += r.virtual() + "\n"
		}
	}
	m.add(t, director, fleet.Deployments, director+"/"+name+".yml", text)
}

func (r random) createEnv(t testing.TB, m *madeUp, name string) {
	m.directors = append(m.directors, name)
	vlan, at := 0, 2+r.IntN(29)
	if r.chance(4) {
		vlan, at = 1, 2+r.IntN(12)
	}
	bits := []int{27, 28}[vlan]
	static := "\n    static_ips: [" + ip(vlan, at) + "]"
	host := ip(vlan, at)
	if r.chance(3) {
		host = "vm.example.com" // and nothing but static_ips tells the address
	}
	text := fmt.Sprintf(`name: %s
releases: []
networks:
- name: private
  type: manual
  subnets: [{range: 10.0.%d.0/%d, gateway: 10.0.%d.1, dns: [%s], cloud_properties: {name: VLAN-%d}}]
resource_pools:
- {name: vms, network: private, stemcell: {url: "file:///s.tgz", sha1: 0000000000000000000000000000000000000000}}
instance_groups:
- name: vm
  instances: 1
  resource_pool: vms
  jobs: []
  networks:
  - name: private%s
cloud_provider:
  mbus: "https://mbus@%s:6868"
  template: {name: cpi, release: cpi}
  properties: {}
`, name, vlan, bits, vlan, ip(vlan, 2+r.IntN(12)), vlan, static, host)
	if r.chance(6) { // the network of the cloud, of which no range is told
		text = manualForm.ReplaceAllString(text, "  type: dynamic\n  cloud_properties: $1\n")
	}
	m.add(t, name, fleet.CreateEnv, name+"/vm.yml", text)
}

// fleet is what survey reads; target is the index of the judged file, or -1.
func (m *madeUp) fleet(target int) (survey.Fleet, *interpolate.Loader) {
	files := source.NewFiles(strings.NewReader(""))
	if m.base != nil {
		return m.ofBase(target, files), interpolate.NewLoader(files, nil)
	}
	f := survey.Fleet{File: &fleet.File{Segments: m.segments}, VIPs: patterns, Snapshots: survey.Snapshots{Files: files}}
	for _, name := range m.directors {
		d := fleet.Sources{Name: name}
		if name == "inner" {
			address := netip.MustParseAddr(m.machine)
			d.Addresses = []bosh.Block{{Range: netipx.IPRangeFrom(address, address), At: place.Place{File: "ipguard.yml", Line: 1, Column: 1}}}
			f.Directors = append(f.Directors, d)
			continue
		}
		if m.collected != "" && (target < 0 || m.files[target].director != name) {
			d.Snapshot = m.collect(name)
			f.Directors = append(f.Directors, d)
			continue
		}
		for i := range m.files {
			if m.files[i].director != name {
				continue
			}
			e := fleet.SourceFile{Path: m.files[i].path, Document: m.files[i].doc, Target: i == target}
			if e.Document == nil && m.files[i].broken != "" {
				files.Keep(e.Path, []byte(m.files[i].broken))
			}
			switch m.files[i].kind {
			case fleet.CloudConfigs:
				d.CloudConfigs = append(d.CloudConfigs, e)
			case fleet.RuntimeConfigs:
				d.RuntimeConfigs = append(d.RuntimeConfigs, e)
			case fleet.Deployments:
				d.Deployments = append(d.Deployments, e)
			case fleet.CreateEnv:
				d.CreateEnvs = append(d.CreateEnvs, e)
			}
		}
		f.Directors = append(f.Directors, d)
	}
	return f, interpolate.NewLoader(files, nil)
}

// collect writes what a director has into a snapshot.
func (m *madeUp) collect(director string) *fleet.SnapshotFile {
	keep := snapshot.Keep{VIPProperties: patterns.Find}
	s := snapshot.Snapshot{Head: snapshot.Head{Collected: time.Now(), Kept: keep.Kept()}}
	for i, f := range m.files {
		if f.director != director {
			continue
		}
		by := map[fleet.Kind]func(source.Value) snapshot.Content{
			fleet.CloudConfigs: keep.CloudConfig, fleet.RuntimeConfigs: keep.RuntimeConfig, fleet.Deployments: keep.Manifest, fleet.CreateEnv: keep.CreateEnv,
		}[f.kind]
		content := snapshot.Content{Unreadable: "it is no YAML"}
		if f.doc != nil {
			content = by(f.doc.Root())
		}
		id := strconv.Itoa(i + 1)
		switch f.kind {
		case fleet.CloudConfigs:
			s.CloudConfigs = append(s.CloudConfigs, snapshot.Config{ID: id, Name: id, Latest: true, Content: content})
		case fleet.RuntimeConfigs:
			if !content.Empty() {
				s.RuntimeConfigs = append(s.RuntimeConfigs, snapshot.Config{ID: id, Name: id, Latest: true, Content: content})
			}
		case fleet.Deployments:
			s.Deployments = append(s.Deployments, snapshot.Deployment{Name: strings.TrimSuffix(filepath.Base(f.path), ".yml"), Manifest: content})
		case fleet.CreateEnv:
			s.CreateEnvs = append(s.CreateEnvs, content)
		}
	}
	path := filepath.Join(m.collected, director+".json")
	if err := os.WriteFile(path, s.Encode(), 0o600); err != nil {
		panic(err) // in a folder that the test made
	}
	return &fleet.SnapshotFile{Path: path}
}

// ofBase is the fleet that was read, with the files of m.
func (m *madeUp) ofBase(target int, files *source.Files) survey.Fleet {
	f := *m.base
	f.Snapshots.Files = files
	f.Directors = slices.Clone(f.Directors)
	for i := range f.Directors {
		d := &f.Directors[i]
		for _, of := range []struct {
			kind fleet.Kind
			list *[]fleet.SourceFile
		}{{fleet.CloudConfigs, &d.CloudConfigs}, {fleet.RuntimeConfigs, &d.RuntimeConfigs}, {fleet.Deployments, &d.Deployments}, {fleet.CreateEnv, &d.CreateEnvs}} {
			*of.list = slices.Clone(*of.list)
			for j := range *of.list {
				e := &(*of.list)[j]
				k := slices.IndexFunc(m.files, func(f file) bool { return f.director == d.Name && f.kind == of.kind && f.path == e.Path })
				e.Document, e.Target = m.files[k].doc, k == target
				if e.Document == nil {
					e.Path, e.Inputs = e.Path+".gone", interpolate.Inputs{}
					if m.files[k].broken != "" {
						files.Keep(e.Path, []byte(m.files[k].broken))
					}
				}
			}
		}
	}
	return f
}

// readFleet reads a fleet file and all that it names. Two entries for one file are
// one here.
func readFleet(t testing.TB, path string) *madeUp {
	t.Helper()
	w := workspace.Open(path, workspace.Reading{Files: source.NewFiles(strings.NewReader("")), Now: time.Now()})
	if len(w.Troubles) > 0 {
		t.Fatal(w.Troubles)
	}
	m := &madeUp{base: &w.Fleet}
	for i := range w.Fleet.Directors {
		d := &w.Fleet.Directors[i]
		for kind, list := range map[fleet.Kind][]fleet.SourceFile{
			fleet.CloudConfigs: d.CloudConfigs, fleet.RuntimeConfigs: d.RuntimeConfigs, fleet.Deployments: d.Deployments, fleet.CreateEnv: d.CreateEnvs,
		} {
			for _, e := range list {
				doc, err := w.Loader.Load(e.Path, e.Inputs)
				if err != nil {
					t.Fatal(err)
				}
				m.files = append(m.files, file{director: d.Name, kind: kind, path: e.Path, doc: doc})
			}
		}
	}
	slices.SortFunc(m.files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	for _, c := range m.read(-1, true).Facts.Plan.Claims {
		if c.Kind.InUse() && len(m.addresses) < 12 && !slices.Contains(m.addresses, c.Range.From()) {
			m.addresses = append(m.addresses, c.Range.From())
		}
	}
	return m
}

var patterns = bosh.DefaultPatterns()

// outcome is what lint says.
type outcome struct {
	exit     int
	findings []lint.Finding
	doubts   []lint.Doubt
}

// read reads the fleet. Without sight it forgets what nobody could see, which is
// how a linter would be that knows no blind spots.
func (m *madeUp) read(target int, sighted bool) *survey.Survey {
	f, loader := m.fleet(target)
	s := survey.Read(f, loader)
	if !sighted {
		s.Facts.Plan.BlindSpots = nil
	}
	return s
}

var rules = lint.Rules()

func (m *madeUp) lint(target int, sighted bool) outcome {
	s := m.read(target, sighted)
	doubts, _ := s.Facts.Doubts(func(*lint.Finding) bool { return false })
	o := outcome{findings: lint.Run(s.Facts, rules), doubts: doubts}
	for _, f := range o.findings {
		if f.Severity >= lint.Error {
			o.exit = 1
		}
	}
	if o.exit == 0 && len(doubts)+len(s.Failures) > 0 {
		o.exit = 3
	}
	return o
}

// free asks whether an address may be taken in any segment that has it: 0 if it
// may, 1 if not, 3 if that is not known.
func free(s *survey.Survey, a netip.Addr) int {
	p := s.Facts.Plan
	one := netipx.IPRangeFrom(a, a)
	scope, err := answer.Find(p, a.String())
	if err != nil {
		return 3
	}
	scope.Within = one
	v := answer.Why(p, answer.Question{Scope: scope, Count: 1}, a)
	switch {
	case len(v.Obstacles) == 0:
		return 0
	case v.Unsure():
		return 3
	}
	return 1
}

// who is 3 if somebody may have the address whom nobody can see, 1 if somebody
// has it, or may hand it out, else 0.
func who(s *survey.Survey, a netip.Addr) int {
	h := answer.Who(s.Facts.Plan, nil, netipx.IPRangeFrom(a, a))
	switch {
	case len(h.Blind) > 0:
		return 3
	case !h.Nobody():
		return 1
	}
	return 0
}

// fenced is 1 if fence has something to do, 3 if it cannot know, else 0.
func fenced(s *survey.Survey) int {
	f := fence.Compute(s.Facts.Plan, nil, nil)
	switch {
	case len(f.Changes)+len(f.Shortages) > 0:
		return 1
	case len(f.Blind)+len(f.Unknown) > 0:
		return 3
	}
	return 0
}

var family = func() map[string]lint.Family {
	families := map[string]lint.Family{}
	for _, r := range rules {
		families[r.ID] = r.Family
	}
	return families
}()

// unguarded are the errors that no director would refuse by itself.
func unguarded(findings []lint.Finding) []lint.Finding {
	var list []lint.Finding
	for _, f := range findings {
		if f.Severity >= lint.Error && family[f.Rule] == lint.FamilyFleet && f.DirectorError == "" && !inOneList(f) {
			list = append(list, f)
		}
	}
	return list
}

// inOneList reports whether one director gives both addresses to VMs: it refuses
// the second.
func inOneList(f lint.Finding) bool {
	return len(f.Claims) == 2 && f.Claims[0].Owner.Director == f.Claims[1].Owner.Director &&
		!slices.ContainsFunc(f.Claims, func(p lint.Party) bool {
			return p.Owner.Property != "" || p.Kind != plan.Static && p.Kind != plan.VIP
		})
}

// refusedByDirectors are the errors of a director's own.
func refusedByDirectors(findings []lint.Finding) []lint.Finding {
	var list []lint.Finding
	for _, f := range findings {
		if f.Severity >= lint.Error && (family[f.Rule] == lint.FamilyDirector || f.DirectorError != "") {
			list = append(list, f)
		}
	}
	return list
}

// partsOf are a finding's rule and addresses, and those who have part in it, with their
// addresses and places. How far a pool reaches that only meets there is no part of it.
func partsOf(f lint.Finding) string {
	var parts []string
	for _, p := range f.Claims {
		addresses := p.Range.String()
		if p.Kind.Pool() {
			addresses = "pool"
		}
		parts = append(parts, fmt.Sprintf("%s/%s/%s %s %s", p.Owner.Director, p.Owner.Deployment, p.Owner.InstanceGroup, addresses, p.At))
	}
	return f.Rule + " " + f.Range.String() + ": " + strings.Join(parts, ", ")
}
