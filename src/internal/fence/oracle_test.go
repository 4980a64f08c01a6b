//go:build !race

package fence

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// randomFleet makes up to four directors on one tiny range, with everything
// that can stand in a pool's way.
func randomFleet(r *rand.Rand, cidr string, addresses int) *made {
	m := &made{segments: map[string]string{}, leases: map[string][]string{}, needs: map[string]int{}, hidden: map[string]bool{}}
	base := netip.MustParsePrefix(cidr).Addr().As4()
	address := func() string {
		a := base
		a[3] += byte(1 + r.IntN(addresses-2))
		return netip.AddrFrom4(a).String()
	}
	some := func(most int) []string {
		var list []string
		for range r.IntN(most + 1) {
			a, b := address(), address()
			if netip.MustParseAddr(b).Less(netip.MustParseAddr(a)) {
				a, b = b, a
			}
			list = append(list, a+"-"+b)
		}
		return list
	}
	for i := range 1 + r.IntN(4) {
		director := string(rune('a' + i))
		s := m.subnet(director, cidr, address(), some(2), some(1))
		s.At.File = fmt.Sprint(r.IntN(9), director)
		s.RangeAt, s.ReservedAt = s.At, s.At
		if r.IntN(4) == 0 {
			s.Prefix = 32 - r.IntN(3)
		}
		if r.IntN(3) == 0 {
			s.DNS = blocks(list(address()))
		}
		if r.IntN(3) == 0 {
			m.group("web").VIPs = []bosh.PropertyAddress{{Range: one(address()), Property: "keepalived.vip"}}
		}
		if r.IntN(3) == 0 {
			m.group("db", address())
		}
		if r.IntN(4) == 0 {
			m.directors[i].Addresses = blocks(list(address()))
		}
		if r.IntN(4) == 0 { // a second network of the same director
			second := *s
			second.At.Line, second.Reserved, second.Static = 9, blocks(some(2)), nil
			second.RangeAt, second.ReservedAt = second.At, second.At
			cc := m.directors[i].CloudConfig
			cc.Networks = append(cc.Networks, &bosh.Network{Name: "second", Type: bosh.Manual, Subnets: []*bosh.Subnet{&second}})
		}
		if r.IntN(5) == 0 {
			m.segments[director] = []string{"one", "two"}[r.IntN(2)]
		}
		if r.IntN(4) == 0 {
			m.leases[director] = list(address())
		}
		m.hidden[director] = r.IntN(12) == 0
		m.needs[director] = r.IntN(4)
	}
	if r.IntN(2) == 0 {
		m.externals = []claims.External{{Owner: "lb", Blocks: []bosh.Block{{Range: parseRange(address()), At: place.Place{File: "x"}}}}}
	}
	return m
}

// TestLintIsClean holds fences against lint: with the entries made, no rule
// finds a pool that it could have kept off; only what people must decide is left.
func TestLintIsClean(t *testing.T) {
	found, left := 0, 0
	fleets := 1000
	if sharedtest.Short() {
		fleets = 200
	}
	for seed := range uint64(fleets) {
		m := randomFleet(rand.New(rand.NewPCG(seed, 1)), "10.0.0.0/28", 16)
		p, f := m.compute()
		found += len(poolFindings(p))
		after := poolFindings(Apply(p, f.Changes))
		for _, finding := range after {
			if !forPeople(p, finding) {
				t.Fatalf("seed %d: %s\nfence:\n%s", seed, finding.Message, f.text())
			}
		}
		left += len(after)
		if again := Compute(Apply(p, f.Changes), nil, nil); len(again.Changes) > 0 {
			t.Fatalf("seed %d: a second fence changes more:\n%safter\n%s", seed, again.text(), f.text())
		}
		checkEntries(t, seed, p, f)
	}
	if found < fleets*10 || left > found/2 {
		t.Errorf("%d findings before and %d after: the fleets do not test what they should", found, left)
	}
	t.Logf("%d findings before, %d after", found, left)
}

// poolFindings are the findings about what a pool may hand out.
func poolFindings(p *plan.Plan) []lint.Finding {
	return slices.DeleteFunc(lint.Run(lint.NewFacts(p), lint.Rules()), func(f lint.Finding) bool {
		return f.Rule != "overlapping-pools" && !strings.HasSuffix(f.Rule, "-in-pool") && !strings.HasSuffix(f.Rule, "-foreign-pool")
	})
}

// forPeople reports whether a finding is about a static list, an address that
// its pool's director granted already, or a pool that is not known for certain.
func forPeople(p *plan.Plan, f lint.Finding) bool {
	pools := 0
	for _, party := range f.Claims {
		if party.Kind != plan.DynamicPool && party.Kind != plan.Compilation {
			continue
		}
		pools++
		for i := range p.Claims {
			c := &p.Claims[i]
			if c.Subnet == nil || c.Subnet.At != party.At {
				continue
			}
			if c.Subnet.Incomplete || c.Kind == plan.Lease && c.Range.Overlaps(f.Range) {
				return true
			}
		}
	}
	for _, party := range f.Claims { // two pools: one may be hidden where the other is not
		for _, s := range p.Subnets {
			if s.At == party.At && s.Incomplete {
				return true
			}
		}
	}
	return pools == 0
}

// checkEntries holds entries against what a director refuses.
func checkEntries(t *testing.T, seed uint64, p *plan.Plan, f *Fence) {
	t.Helper()
	for _, c := range f.Changes {
		var pool netipx.IPSetBuilder
		for i := range p.Claims {
			claim := &p.Claims[i]
			if claim.Subnet == c.Subnet && isDynamic(claim) {
				pool.AddRange(claim.Range)
			}
		}
		for i, e := range c.Entries {
			if set := built(&pool); !set.ContainsRange(e.Range) {
				t.Fatalf("seed %d: %s reserves %s, which its pool does not have", seed, c.Subnet.Director, e.Range)
			}
			if len(e.For) == 0 {
				t.Fatalf("seed %d: %s reserves %s for nobody", seed, c.Subnet.Director, e.Range)
			}
			if i > 0 && !c.Entries[i-1].Range.To().Next().Less(e.Range.From()) {
				t.Fatalf("seed %d: %s: entries touch: %s, %s", seed, c.Subnet.Director, c.Entries[i-1].Range, e.Range)
			}
			for j := range p.Claims {
				claim := &p.Claims[j]
				if claim.Subnet == c.Subnet && (claim.Kind == plan.Lease || claim.Kind == plan.StaticPool) && claim.Range.Overlaps(e.Range) {
					t.Fatalf("seed %d: %s reserves %s, where its own %s %s is", seed, c.Subnet.Director, e.Range, claim.Kind, claim.Range)
				}
			}
		}
	}
}

// TestAssignIsMinimal compares settlements, before anybody's needs are looked
// at, with all that there are, tried address by address.
func TestAssignIsMinimal(t *testing.T) {
	compared := 0
	for seed := range uint64(3000) {
		m := randomFleet(rand.New(rand.NewPCG(seed, 2)), "10.0.0.0/29", 8)
		for _, s := range m.directors { // the oracle knows single addresses only
			for _, n := range s.CloudConfig.Networks {
				n.Subnets[0].Prefix = 32
			}
		}
		m.segments = nil // see the package comment: contradicting ids are not proven
		b := &builder{needs: Needs{}, pools: map[*plan.Subnet]*pool{}}
		b.collect(m.plan(), nil)
		for _, g := range b.contestGroups() {
			got := assign(g.stretches()).cost
			entries, taken := triedAll(g)
			if got.entries != entries || int(got.taken) != taken {
				t.Fatalf("seed %d: %d entries and %v addresses, but %d and %d are enough", seed, got.entries, got.taken, entries, taken)
			}
			compared++
		}
	}
	if compared < 500 {
		t.Errorf("only %d settlements compared", compared)
	}
	t.Logf("%d settlements compared", compared)
}

// triedAll tries every way to give each address of 10.0.0.0/29 to some pools of
// the group and returns the smallest number of entries, and with that of
// addresses taken in contests.
func triedAll(g *group) (entries, taken int) {
	const addresses = 8
	at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}) }
	choices := make([][]uint, addresses) // sets of pools that lose the address
	for i := range addresses {
		choices[i] = lossesAt(g, at(i))
	}
	entries = 1 << 30
	var try func(i int, before uint, e, n int)
	try = func(i int, before uint, e, n int) {
		if i == addresses {
			if e < entries || e == entries && n < taken {
				entries, taken = e, n
			}
			return
		}
		for _, lost := range choices[i] {
			opened, contested := 0, 0
			for k, p := range g.pools {
				if lost&(1<<k) == 0 {
					continue
				}
				if before&(1<<k) == 0 {
					opened++
				}
				if !p.taken.Contains(at(i)) {
					contested++
				}
			}
			try(i+1, lost, e+opened, n+contested)
		}
	}
	try(0, 0, 0, 0)
	return entries, taken
}

// lossesAt lists the sets of pools that may lose one address such that the
// others can all have it, and no smaller set would do.
func lossesAt(g *group, a netip.Addr) []uint {
	clash := func(lost uint) bool {
		for i := range g.pools {
			for j, common := range g.rivals[i] {
				if lost&(1<<i) == 0 && lost&(1<<j) == 0 && common.Contains(a) {
					return true
				}
			}
		}
		return false
	}
	forced := uint(0)
	for i, p := range g.pools {
		if p.taken.Contains(a) {
			forced |= 1 << i
		}
	}
	var list []uint
	for lost := range uint(1) << len(g.pools) {
		if lost&forced != forced || clash(lost) {
			continue
		}
		smallest := true
		for i := range g.pools {
			if without := lost &^ (1 << i); without != lost && without&forced == forced && !clash(without) {
				smallest = false
			}
		}
		if smallest {
			list = append(list, lost)
		}
	}
	return list
}

// one is the range of a single address.
func one(text string) netipx.IPRange {
	a := netip.MustParseAddr(text)
	return netipx.IPRangeFrom(a, a)
}
