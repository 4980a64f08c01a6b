//go:build !race

package deploy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/ipguard/ipguard/src/internal/bosh"
)

// TestAnyPastKeepsTheTable deploys random manifests on pasts that have nothing to do
// with them: instances of other groups and zones, addresses of no network, twice or
// held by orphans, instances without index, id or VM. Whatever was there, no address
// is given to two, none of another deployment or of an orphan is given away, and each
// problem says where it is.
func TestAnyPastKeepsTheTable(t *testing.T) {
	fleets := 100 // scripts/test asks for 10,000, without the race detector
	if wanted, err := strconv.Atoi(os.Getenv("IPGUARD_REDEPLOYS")); err == nil {
		fleets = wanted
	}
	for seed := range fleets {
		r := rand.New(rand.NewPCG(uint64(seed), 11))
		cc, manifests := randomFleet(r)
		past := randomPast(r, cc, manifests)
		m := manifests[r.IntN(len(manifests))]
		outcome := Check(cc, m, past, bosh.Options{DirectorVersion: []string{"", "282.0.9"}[r.IntN(2)]})
		for _, p := range outcome.Problems {
			if !p.At.IsValid() || p.Message == "" {
				t.Fatalf("seed %d: a problem without place or words: %+v", seed, p)
			}
		}
		if slices.ContainsFunc(outcome.Problems, bosh.Problem.Refusal) {
			continue
		}
		others := map[netip.Prefix]string{}
		for _, dep := range past.Deployments {
			for _, i := range dep.Instances {
				for _, a := range i.Addresses {
					if dep.Name != m.Name {
						others[a] = dep.Name
					}
				}
			}
		}
		for _, o := range past.Orphans {
			for _, a := range o.Addresses {
				others[a] = "an orphan"
			}
		}
		given := map[netip.Prefix]string{}
		for _, a := range outcome.Addresses {
			who := fmt.Sprintf("%s/%d on %s (%s)", a.InstanceGroup, a.Index, a.Network, a.Kind)
			if before, twice := given[a.IP]; twice {
				t.Fatalf("seed %d: %s goes to %s and %s\n%s", seed, a.IP, before, who, describeFleet(cc, []*bosh.Manifest{m}, past))
			}
			given[a.IP] = who
			if owner, held := others[a.IP]; held {
				t.Fatalf("seed %d: %s of %s is given to %s\n%s", seed, a.IP, owner, who, describeFleet(cc, []*bosh.Manifest{m}, past))
			}
		}
	}
}

// randomPast is what no director would have.
func randomPast(r *rand.Rand, cc *bosh.CloudConfig, manifests []*bosh.Manifest) Past {
	var past Past
	used := map[netip.Prefix]bool{}
	instance := func(group string) Instance {
		i := Instance{Group: group, ID: fmt.Sprintf("%08x", r.Uint32()), AZ: []string{"", "z1", "z2", "z9"}[r.IntN(4)], Index: r.IntN(5) - 1}
		if r.IntN(5) == 0 {
			i.Absent = true
			return i
		}
		for range r.IntN(3) {
			n := cc.Networks[r.IntN(len(cc.Networks))]
			a := netip.AddrFrom4([4]byte{10, 99, 0, byte(r.IntN(250))})
			if len(n.Subnets) > 0 {
				a = n.Subnets[r.IntN(len(n.Subnets))].Range.Addr()
				for range r.IntN(20) {
					a = a.Next()
				}
			}
			if p := netip.PrefixFrom(a, a.BitLen()); !used[p] {
				used[p] = true
				i.Addresses = append(i.Addresses, p)
			}
		}
		return i
	}
	for _, m := range manifests {
		dep := Deployment{Name: m.Name, Told: true}
		if r.IntN(3) > 0 {
			dep.Manifest = m
		}
		for range r.IntN(6) {
			dep.Instances = append(dep.Instances, instance(fmt.Sprintf("g%d", r.IntN(4))))
		}
		past.Deployments = append(past.Deployments, dep)
	}
	for range r.IntN(3) {
		o := instance("gone")
		o.Deployment = "d9"
		past.Orphans = append(past.Orphans, o)
	}
	return past
}
