//go:build !race

package audit

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestCompareAgainstOracle audits random fleets of two directors and 32 addresses,
// and holds every verdict against one that looks at single addresses alone: no
// cells, no ranges, no merging.
func TestCompareAgainstOracle(t *testing.T) {
	fleets := 4000
	if sharedtest.Short() {
		fleets = 800
	}
	seen := map[Reason]int{}
	for seed := range uint64(fleets) {
		f := randomFleet(rand.New(rand.NewPCG(seed, 7)))
		result := Compare(f.directors(), nil, f.segmentsOf, Bookings{})
		var got []string
		for _, it := range result.Items {
			seen[it.Reason]++
			got = append(got, lines(it)...)
		}
		want, unjudged := f.oracle()
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" || unjudged != len(result.Unjudged) {
			t.Fatalf("seed %d: not judged: %d, want %d; (-oracle +got):\n%s\n%+v", seed, len(result.Unjudged), unjudged, diff, f)
		}
	}
	for _, r := range []Reason{AsPromised, FromPool, OtherOwner, GrantedTwice, Moved, Withdrawn, NotHandedOut, NoNetwork, NoDeployment, NoGroup, NeverDeployed, NotYet, NoVM, Orphaned} {
		if seen[r] < 20 {
			t.Errorf("%s was only seen %d times: the fleets are not random enough", r, seen[r])
		}
	}
}

// lines writes an item as one line for each address, without what can not be read
// off one address.
func lines(it Item) []string {
	var list []string
	for a := it.Range.From(); a.IsValid() && !it.Range.To().Less(a); a = a.Next() {
		var promised []string
		for _, p := range it.Promised {
			switch {
			case it.Reason == Moved:
				promised = append(promised, ownerText(p.Owner())+" "+p.Range.From().String())
			case p.Kind == plan.Static: // else what keeps it off
				promised = append(promised, ownerText(p.Owner()))
			}
		}
		var granted []string
		for _, g := range it.Granted {
			granted = append(granted, ownerText(g.Owner())+"/"+g.Instance())
		}
		slices.Sort(granted)
		list = append(list, fmt.Sprintf("%s %s %s promised=%s granted=%s", a, it.Verdict, it.Reason, strings.Join(promised, ","), strings.Join(granted, ",")))
	}
	return list
}

func ownerText(o plan.Owner) string { return o.Director + "/" + o.Deployment + "/" + o.InstanceGroup }

// The fleets: each director has network n with 10.0.0.0/28 and network m with
// 10.0.1.0/28, deployments x and y with groups g and h.
type randomDirector struct {
	name                 string
	files, live, partial bool
	reserved, static     map[netip.Addr]bool
	// file and deployed tell the groups of each deployment.
	file, deployed map[string]map[string]randomGroup
	leases         []randomLease
}

// randomGroup is a group on one network; without static it gets dynamic addresses.
type randomGroup struct {
	network string
	static  []netip.Addr
}

type randomLease struct {
	deployment, group, id string
	orphan                bool
	address               netip.Addr
}

type randomFleetOf struct {
	all      []*randomDirector
	isolated bool
}

var networkRanges = map[string]netip.Prefix{"n": netip.MustParsePrefix("10.0.0.0/28"), "m": netip.MustParsePrefix("10.0.1.0/28")}

func addressesOf(network string) []netip.Addr {
	var list []netip.Addr
	p := networkRanges[network]
	for a := p.Addr().Next(); p.Contains(a.Next()); a = a.Next() {
		list = append(list, a)
	}
	return list
}

func randomFleet(r *rand.Rand) *randomFleetOf {
	f := &randomFleetOf{isolated: r.IntN(2) == 0}
	for _, name := range []string{"a", "b"} {
		d := &randomDirector{name: name, files: r.IntN(5) > 0, live: r.IntN(5) > 0, partial: r.IntN(6) == 0, reserved: map[netip.Addr]bool{}, static: map[netip.Addr]bool{}}
		for network := range networkRanges {
			for _, a := range addressesOf(network) {
				switch r.IntN(4) {
				case 0:
					d.reserved[a] = true
				case 1, 2:
					d.static[a] = true
				}
			}
		}
		d.file, d.deployed = randomDeployments(r), randomDeployments(r)
		if r.IntN(2) == 0 {
			d.deployed = d.file
		}
		d.grant(r)
		f.all = append(f.all, d)
	}
	return f
}

func randomDeployments(r *rand.Rand) map[string]map[string]randomGroup {
	all := map[string]map[string]randomGroup{}
	taken := map[netip.Addr]bool{}
	for _, name := range []string{"x", "y"} {
		if r.IntN(4) == 0 {
			continue
		}
		all[name] = map[string]randomGroup{}
		for _, group := range []string{"g", "h"} {
			if r.IntN(4) == 0 {
				continue
			}
			g := randomGroup{network: []string{"n", "m"}[r.IntN(2)]}
			if r.IntN(2) == 0 {
				for _, a := range addressesOf(g.network) {
					if !taken[a] && r.IntN(4) == 0 {
						taken[a] = true
						g.static = append(g.static, a)
					}
				}
			}
			all[name][group] = g
		}
	}
	return all
}

// grant grants addresses: mostly what was deployed, sometimes anything.
func (d *randomDirector) grant(r *rand.Rand) {
	free := append(addressesOf("n"), addressesOf("m")...)
	take := func(deployment, group string, a netip.Addr) {
		if i := slices.Index(free, a); i >= 0 {
			free = slices.Delete(free, i, i+1)
			d.leases = append(d.leases, randomLease{deployment, group, fmt.Sprint("id", len(d.leases)), r.IntN(8) == 0, a})
		}
	}
	for _, name := range []string{"x", "y"} {
		for _, group := range []string{"g", "h"} {
			for _, a := range d.deployed[name][group].static {
				if r.IntN(5) > 0 {
					take(name, group, a)
				}
			}
		}
	}
	for range r.IntN(8) {
		take([]string{"x", "y"}[r.IntN(2)], []string{"g", "h"}[r.IntN(2)], free[r.IntN(len(free))])
	}
}

// directors is the fleet as Compare takes it.
func (f *randomFleetOf) directors() []Director {
	var list []Director
	for _, d := range f.all {
		out := Director{Name: d.name, Partial: d.partial}
		if d.files {
			out.Promised = &claims.Director{Name: d.name, CloudConfig: d.cloudConfig(), Deployments: manifests(d.file)}
		}
		if d.live {
			out.Granted = &claims.Director{Name: d.name, CloudConfig: d.cloudConfig(), Deployments: manifests(d.deployed), KeepLeases: true}
			for _, l := range d.leases {
				out.Granted.Leases = append(out.Granted.Leases, claims.Lease{Deployment: l.deployment, Group: l.group, ID: l.id, Orphan: l.orphan, Blocks: []bosh.Block{single(l.address)}})
			}
		}
		list = append(list, out)
	}
	return list
}

func single(a netip.Addr) bosh.Block { return bosh.Block{Range: netipx.IPRangeFrom(a, a)} }

func (d *randomDirector) cloudConfig() *bosh.CloudConfig {
	cc := &bosh.CloudConfig{}
	for _, name := range []string{"m", "n"} {
		s := &bosh.Subnet{Range: networkRanges[name], Prefix: 32}
		for _, a := range addressesOf(name) {
			switch {
			case d.reserved[a]:
				s.Reserved = append(s.Reserved, single(a))
			case d.static[a]:
				s.Static = append(s.Static, single(a))
			}
		}
		cc.Networks = append(cc.Networks, &bosh.Network{Name: name, Type: bosh.Manual, Subnets: []*bosh.Subnet{s}})
	}
	return cc
}

// manifests writes neighbouring static addresses as ranges, as people do.
func manifests(deployments map[string]map[string]randomGroup) []*bosh.Manifest {
	var list []*bosh.Manifest
	for _, name := range []string{"x", "y"} {
		groups, ok := deployments[name]
		if !ok {
			continue
		}
		m := &bosh.Manifest{Name: name, Form: bosh.V2}
		for _, group := range []string{"g", "h"} {
			g, ok := groups[group]
			if !ok {
				continue
			}
			n := &bosh.GroupNetwork{Name: g.network, StaticGiven: len(g.static) > 0}
			var set netipx.IPSetBuilder
			for _, a := range g.static {
				set.Add(a)
			}
			all, _ := set.IPSet()
			for _, r := range all.Ranges() {
				n.Static = append(n.Static, bosh.Block{Range: r})
			}
			m.Groups = append(m.Groups, &bosh.Group{Name: group, Networks: []*bosh.GroupNetwork{n}})
		}
		list = append(list, m)
	}
	return list
}

func (f *randomFleetOf) segmentsOf(s *plan.Subnet) (string, plan.Perhaps) {
	if f.isolated {
		return s.Director, plan.Perhaps{}
	}
	return "one", plan.Perhaps{}
}
