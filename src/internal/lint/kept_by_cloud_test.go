//go:build !race

package lint

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// keptBySizes is the documentation of the clouds, by hand.
var keptBySizes = map[string][2]int{"aws_cpi": {4, 1}, "azure_cpi": {4, 1}, "google_cpi": {2, 2}, "vsphere_cpi": {0, 0}, "": {0, 0}}

// TestKeptByCloudAgreesWithAnOracle looks at random subnets address by address.
func TestKeptByCloudAgreesWithAnOracle(t *testing.T) {
	told := map[Severity]int{}
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 12))
		names := []string{"aws_cpi", "azure_cpi", "google_cpi", "vsphere_cpi", ""}
		cpi := names[r.IntN(len(names))]
		bits := 26 + r.IntN(4)
		size := 1 << (32 - bits)
		s := &plan.Subnet{
			Director: "d", Network: "n", Range: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(size * r.IntN(256/size))}), bits),
			Identity: plan.IdentityOf(nil, cpi),
		}
		addr := func(i int) netip.Addr {
			a := s.Range.Addr().As4()
			a[3] += byte(i)
			return netip.AddrFrom4(a)
		}
		gateway := 1 + r.IntN(2)*r.IntN(size-2)
		s.Gateway = addr(gateway)
		p := &plan.Plan{Subnets: []*plan.Subnet{s}}
		claims := make([]plan.Kind, size) // one claim each at most
		for i := 1; i < size-1; i++ {
			kinds := []plan.Kind{0, plan.Static, plan.DynamicPool, plan.StaticPool, plan.CreateEnvVM, plan.Lease, plan.Gateway}
			if claims[i] = kinds[r.IntN(len(kinds))]; claims[i] != 0 && i != gateway {
				a := addr(i)
				p.Claims = append(p.Claims, plan.Claim{
					Range: netipx.IPRangeFrom(a, a), Kind: claims[i], Subnet: s,
					Holder: &plan.Owner{Director: "d", Network: "n", InstanceGroup: fmt.Sprint(claims[i].String(), r.IntN(2))},
				})
			}
		}
		var want, got []string
		first, last := keptBySizes[cpi][0], keptBySizes[cpi][1]
		for i := 1; i < size-1; i++ {
			head, tail := i < first, i >= size-last
			inUse := claims[i] == plan.Static || claims[i] == plan.CreateEnvVM
			pool := claims[i] == plan.DynamicPool || claims[i] == plan.StaticPool
			switch {
			case i == gateway || !head && !tail || !inUse && !pool:
			case head && inUse && gateway == 1:
				want = append(want, fmt.Sprint(addr(i), " ", Error))
			case inUse || pool:
				want = append(want, fmt.Sprint(addr(i), " ", Warning))
			}
		}
		findings := Run(NewFacts(p), []Rule{keptByCloud})
		for _, f := range findings {
			told[f.Severity]++
			for i := range size {
				covered := claims[i] != 0 && claims[i] != plan.Lease && claims[i] != plan.Gateway && i != gateway
				end := i < first || i >= size-last // one finding spans both ends of a pool
				if a := addr(i); f.Range.Contains(a) && covered && (end || !f.Claims[0].Kind.Pool()) {
					got = append(got, fmt.Sprint(a, " ", f.Severity))
				}
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
			t.Fatalf("seed %d: %s of %q, gateway %s, claims %v (-oracle +rule)\n%s", seed, s.Range, cpi, s.Gateway, claims, diff)
		}
	}
	if told[Error] < 50 || told[Warning] < 50 {
		t.Errorf("%v findings prove little", told)
	}
}
