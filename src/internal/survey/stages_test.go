//go:build !race

package survey

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/seal"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
)

// TestAccept says what a snapshot is worth that was opened.
func TestAccept(t *testing.T) {
	now := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	wanted := snapshot.Kept{VIPProperties: []string{"vip"}}
	fine := snapshot.Head{Collected: now.Add(-time.Hour), Kept: wanted}
	for name, c := range map[string]struct {
		s      Snapshots
		head   snapshot.Head
		err    error
		maxAge time.Duration
		// there, lost and stale are what comes out.
		there       bool
		lost, stale int
	}{
		"fine":                   {head: fine, there: true},
		"cannot be read":         {head: fine, err: fmt.Errorf("no such file"), lost: 1},
		"too old":                {head: fine, maxAge: time.Minute, there: true, lost: 1},
		"too old and allowed":    {s: Snapshots{AllowStale: true}, head: fine, maxAge: time.Minute, there: true, stale: 1},
		"young enough":           {head: fine, maxAge: 2 * time.Hour, there: true},
		"from the future":        {head: snapshot.Head{Collected: now.Add(2 * time.Hour), Kept: wanted}, maxAge: time.Hour, there: true, lost: 1},
		"kept too little":        {head: snapshot.Head{Collected: now}, there: true, lost: 1},
		"too old and too little": {head: snapshot.Head{Collected: now.Add(-time.Hour)}, maxAge: time.Minute, there: true, lost: 2},
	} {
		t.Run(name, func(t *testing.T) {
			c.s.Now = now
			d := &fleet.Sources{Name: "promo", Snapshot: &fleet.SnapshotFile{Path: "promo.json", MaxAge: c.maxAge}}
			o := (&Fleet{File: &fleet.File{}, Snapshots: c.s}).accept(d, opened{head: c.head}, c.err, wanting{own: wanted})
			if o.there != c.there || len(o.lost) != c.lost || len(o.stale) != c.stale {
				t.Errorf("there %t, lost %v, stale %v", o.there, o.lost, o.stale)
			}
		})
	}
}

func setOf(t *testing.T, texts ...string) *netipx.IPSet {
	t.Helper()
	var b netipx.IPSetBuilder
	for _, text := range texts {
		b.AddPrefix(netip.MustParsePrefix(text))
	}
	set, err := b.IPSet()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestMeets decides by heads which snapshots are read for a change that claims
// 10.0.0.8/30 and has the virtual router 61 in 10.0.0.0/24, the VLAN blue.
func TestMeets(t *testing.T) {
	router := func(s *plan.Subnet) []*plan.Claim {
		return []*plan.Claim{{Detail: &plan.Detail{Routers: []plan.Router{{ID: 61}}}, Subnet: s}}
	}
	blue := &plan.Subnet{Range: netip.MustParsePrefix("10.0.0.0/24"), CloudProperties: map[string]string{"name": "blue"}}
	hidden := &plan.Subnet{Range: blue.Range, CloudProperties: map[string]string{"name": "((vlan))"}}
	sealed := &plan.Subnet{Range: blue.Range, CloudProperties: map[string]string{"name": seal.Of("a", "blue")}}
	named := &plan.Subnet{Range: blue.Range, Segment: "backbone"}
	backbone := func(m fleet.Match) *fleet.File {
		return &fleet.File{Segments: []fleet.Segment{{Name: fleet.Text{Value: "backbone"}, Subnets: []fleet.Match{m}}}}
	}
	none := setOf(t)
	for name, c := range map[string]struct {
		head    snapshot.Head
		routers []*plan.Claim
		file    *fleet.File
		// meets is whether the snapshot is read at once, covers whether for what is said
		// beside a finding.
		meets, covers bool
	}{
		"covers nobody knows what":    {head: snapshot.Head{}, meets: true, covers: true},
		"an older one of its range":   {head: snapshot.Head{Covers: setOf(t, "10.0.0.128/25")}, meets: true, covers: true},
		"an older one elsewhere":      {head: snapshot.Head{Covers: setOf(t, "10.9.0.0/24")}},
		"uses the addresses":          {head: snapshot.Head{Covers: setOf(t, "10.0.0.0/24"), Uses: setOf(t, "10.0.0.8/29")}, meets: true, covers: true},
		"uses others of its range":    {head: snapshot.Head{Covers: setOf(t, "10.0.0.0/24"), Uses: setOf(t, "10.0.0.128/25")}, covers: true},
		"another router":              {head: snapshot.Head{Covers: setOf(t, "10.0.0.0/24"), Uses: none, Routers: []int{62}}, routers: router(blue), covers: true},
		"the router, in its range":    {head: snapshot.Head{Covers: setOf(t, "10.0.0.128/25"), Uses: none, Routers: []int{61}}, routers: router(blue), meets: true, covers: true},
		"the router, elsewhere":       {head: snapshot.Head{Covers: setOf(t, "10.9.0.0/24"), Uses: none, Routers: []int{61}, Segments: []string{"green"}}, routers: router(blue)},
		"the router, in its VLAN":     {head: snapshot.Head{Covers: setOf(t, "10.9.0.0/24"), Uses: none, Routers: []int{61}, Segments: []string{"Blue"}}, routers: router(blue), meets: true},
		"the router, its VLAN hides":  {head: snapshot.Head{Covers: setOf(t, "10.9.0.0/24"), Uses: none, Routers: []int{61}, Segments: []string{"green"}}, routers: router(hidden), meets: true},
		"the router, of who hides":    {head: snapshot.Head{Covers: setOf(t, "10.9.0.0/24"), Uses: none, Routers: []int{61}, Segments: []string{seal.LeftOut}}, routers: router(blue), meets: true},
		"the router, not to be shown": {head: snapshot.Head{Covers: setOf(t, "10.9.0.0/24"), Uses: none, Routers: []int{61}, Segments: []string{"Blue"}}, routers: router(sealed), meets: true},
		"the router, nobody knows":    {head: snapshot.Head{Covers: setOf(t, "10.9.0.0/24"), Uses: none, Routers: []int{61}, Unplaced: []int{61}}, routers: router(blue), meets: true},
		"a router in no subnet":       {head: snapshot.Head{Covers: setOf(t, "10.9.0.0/24"), Uses: none, Routers: []int{61}}, routers: router(nil), meets: true},
		"in a segment of others":      {head: snapshot.Head{Covers: setOf(t, "10.9.0.0/24"), Uses: none, Routers: []int{61}}, routers: router(named), file: backbone(fleet.Match{Director: fleet.Text{Value: "other"}})},
		"in a segment of theirs":      {head: snapshot.Head{Covers: setOf(t, "10.9.0.0/24"), Uses: none, Routers: []int{61}}, routers: router(named), file: backbone(fleet.Match{Director: fleet.Text{Value: "promo"}}), meets: true},
		"in a segment of other range": {head: snapshot.Head{Covers: setOf(t, "10.9.0.0/24"), Uses: none, Routers: []int{61}}, routers: router(named), file: backbone(fleet.Match{Range: fleet.Prefix{Prefix: blue.Range}})},
	} {
		t.Run(name, func(t *testing.T) {
			a := asked{covered: setOf(t, "10.0.0.0/24"), claimed: setOf(t, "10.0.0.8/30"), routers: c.routers, file: c.file}
			if c.file == nil {
				a.file = &fleet.File{}
			}
			d := &fleet.Sources{Name: "promo"}
			if got := a.meets(d, &c.head); got != c.meets {
				t.Errorf("meets %t, want %t", got, c.meets)
			}
			if got := a.covers(d, &c.head); got != c.covers {
				t.Errorf("covers %t, want %t", got, c.covers)
			}
		})
	}
}

// TestAsked takes of a plan what must be known of others: of the judged deployment
// what it claims, of its director what it covers.
func TestAsked(t *testing.T) {
	one := func(text string) netipx.IPRange { return netipx.RangeOfPrefix(netip.MustParsePrefix(text)) }
	owner := func(director, deployment string) plan.Owner {
		return plan.Owner{Director: director, Deployment: deployment}
	}
	p := &plan.Plan{
		Subnets: []*plan.Subnet{{Director: "promo", Range: netip.MustParsePrefix("10.0.0.0/24")}, {Director: "other", Range: netip.MustParsePrefix("10.1.0.0/24")}},
		Claims: []plan.Claim{
			{Kind: plan.Static, Holder: owner("promo", "web").Held(), Range: one("10.0.0.8/32")},
			{Kind: plan.VIP, Holder: owner("promo", "web").Held(), Range: one("10.5.0.1/32"), Detail: &plan.Detail{Routers: []plan.Router{{ID: 7}}}},
			{Kind: plan.Static, Holder: owner("promo", "db").Held(), Range: one("10.0.0.9/32")},
			{Kind: plan.Static, Holder: owner("other", "web").Held(), Range: one("10.1.0.9/32"), Detail: &plan.Detail{Routers: []plan.Router{{ID: 8}}}},
		},
		BlindSpots: []plan.BlindSpot{{Owner: owner("promo", "web"), May: []plan.Claim{{Kind: plan.Static, Range: one("10.0.0.64/26")}}}},
	}
	f := Fleet{Directors: []fleet.Sources{{Name: "promo", Deployments: []fleet.SourceFile{{Target: true}}}, {Name: "other"}}}
	a := f.asked(p, lint.Targets{Some: true, Owners: []plan.Owner{owner("promo", "web")}})
	if want := setOf(t, "10.0.0.0/24", "10.5.0.1/32"); !a.covered.Equal(want) {
		t.Errorf("covers %v", a.covered.Ranges())
	}
	if want := setOf(t, "10.0.0.8/32", "10.5.0.1/32", "10.0.0.64/26"); !a.claimed.Equal(want) {
		t.Errorf("claims %v", a.claimed.Ranges())
	}
	if len(a.routers) != 1 || a.routers[0].Routers()[0].ID != 7 {
		t.Errorf("routers %v", a.routers)
	}
}

// TestCompose puts files and a snapshot of two configs, a team's and two deployments
// together.
func TestCompose(t *testing.T) {
	config := func(network string) string { return "networks: [{name: " + network + "}]\n" }
	k := snapshot.Keep{}
	s := &snapshot.Snapshot{
		Head: snapshot.Head{Collected: time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)},
		CloudConfigs: []snapshot.Config{
			{ID: "1", Name: "default", Latest: true, Content: k.ReduceCloudConfig(config("a"))},
			{ID: "2", Name: "extra", Latest: true, Content: k.ReduceCloudConfig(config("b"))},
			{ID: "3", Name: "team", Team: "blue", Latest: true, Content: k.ReduceCloudConfig(config("c"))},
			{ID: "4", Name: "default", Content: k.ReduceCloudConfig(config("old"))},
		},
		Deployments: []snapshot.Deployment{
			{Name: "web", Teams: []string{"blue"}, Manifest: k.ReduceManifest("name: web"), VMs: []snapshot.VM{{ID: "1"}, {ID: "2"}}},
			{Name: "db", Pinned: []string{"4"}, Manifest: k.ReduceManifest("name: db"), VMs: []snapshot.VM{{ID: "3"}}},
			{Name: "new"},
		},
	}
	whole, err := snapshot.Read("promo.json", s.Encode())
	if err != nil {
		t.Fatal(err)
	}
	files := source.NewFiles(strings.NewReader(""))
	for name, network := range map[string]string{"a.yml": "a", "other.yml": "z"} {
		files.Keep(name, []byte(config(network)))
	}
	files.Keep("hidden.yml", []byte("networks: ((n))\n"))
	for name, c := range map[string]struct {
		files []fleet.SourceFile
		of    part
		// What comes out: texts of cloud-configs and deployments, sets of cloud-configs
		// beside those that count, and leases.
		configs, deployments            int
		pinned, teams, leases, withheld int
	}{
		"no files":              {of: everything, configs: 2, deployments: 2, pinned: 1, teams: 1, leases: 3, withheld: 1},
		"files only":            {files: []fleet.SourceFile{{Path: "a.yml"}}, of: filesOnly, configs: 1},
		"configs only":          {of: configsOnly, configs: 2, teams: 1, withheld: 1},
		"a file of one config":  {files: []fleet.SourceFile{{Path: "a.yml"}}, of: everything, configs: 2, deployments: 2, pinned: 2, teams: 1, leases: 3, withheld: 1},
		"a file with its name":  {files: []fleet.SourceFile{{Path: "other.yml", Name: "extra"}}, of: everything, configs: 2, deployments: 2, pinned: 1, teams: 1, leases: 3, withheld: 1},
		"a file of no config":   {files: []fleet.SourceFile{{Path: "other.yml"}}, of: everything, configs: 2, deployments: 2, pinned: 2, teams: 1, leases: 3, withheld: 1},
		"a file that hides":     {files: []fleet.SourceFile{{Path: "hidden.yml"}}, of: everything, configs: 1, deployments: 2, pinned: 2, leases: 3, withheld: 1},
		"a file that is absent": {files: []fleet.SourceFile{{Path: "gone.yml"}}, of: everything, configs: 1, deployments: 2, pinned: 2, leases: 3, withheld: 1},
	} {
		t.Run(name, func(t *testing.T) {
			d := &fleet.Sources{Name: "promo", CloudConfigs: c.files, Snapshot: &fleet.SnapshotFile{Path: "promo.json"}}
			f := Fleet{Directors: []fleet.Sources{*d}, Snapshots: Snapshots{Files: files}}
			r := reader{fleet: &f, loader: interpolate.NewLoader(files, nil), mode: judgeAll}
			got := r.compose(input{Sources: d, snapshot: opened{there: true, head: whole.Head, whole: whole}, of: c.of})
			for what, pair := range map[string][2]int{
				"cloud-configs": {len(got.texts.cloudConfigs), c.configs}, "deployments": {len(got.texts.deployments), c.deployments},
				"views": {len(got.live.views), c.pinned}, "teams": {len(got.live.teams), c.teams},
				"leases": {len(got.live.leases), c.leases}, "withheld": {len(got.live.withheld), c.withheld},
			} {
				if pair[0] != pair[1] {
					t.Errorf("%d %s, want %d", pair[0], what, pair[1])
				}
			}
			if len(d.CloudConfigs) != len(c.files) || slices.ContainsFunc(d.CloudConfigs, func(e fleet.SourceFile) bool { return e.Document != nil }) {
				t.Error("the director was changed")
			}
		})
	}
}

// TestPastAside parts manifests of one name: what is judged counts before files, and
// files before what the director told.
func TestPastAside(t *testing.T) {
	m := func(path, name string, told, target bool) manifest {
		return manifest{text: text{SourceFile: fleet.SourceFile{Path: path, Target: target}, told: told}, read: &bosh.Manifest{Name: name}}
	}
	names := func(list []manifest) (paths string) {
		for _, m := range list {
			paths += m.text.Path + " "
		}
		return strings.TrimSpace(paths)
	}
	for name, c := range map[string]struct {
		list          []manifest
		current, past string
	}{
		"different names":    {[]manifest{m("a", "web", true, false), m("b", "db", false, false)}, "a b", ""},
		"a file and told":    {[]manifest{m("a", "web", true, false), m("b", "web", false, false)}, "b", "a"},
		"judged, file, told": {[]manifest{m("a", "web", false, false), m("b", "web", false, true), m("c", "web", true, false)}, "b", "a c"},
		"two files":          {[]manifest{m("a", "web", false, false), m("b", "web", false, false)}, "a b", ""},
		"not readable":       {[]manifest{{text: text{SourceFile: fleet.SourceFile{Path: "a"}}}, m("b", "web", false, true)}, "a b", ""},
	} {
		t.Run(name, func(t *testing.T) {
			current, past := pastAside(c.list)
			if names(current) != c.current || names(past) != c.past {
				t.Errorf("current %s, past %s", names(current), names(past))
			}
		})
	}
}
