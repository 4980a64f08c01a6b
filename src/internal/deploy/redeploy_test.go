//go:build !race

package deploy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/place"
)

// TestUnchangedRedeployChangesNothing deploys random fleets to an empty director,
// takes what it gave for what the director tells, with the ids and the order that a
// director would draw, and deploys the same once more. The oracle is that nothing
// may happen: no refusal, no move, the same addresses at the same instances. A third
// deploy says the same as the second.
func TestUnchangedRedeployChangesNothing(t *testing.T) {
	fleets := 300 // scripts/test asks for 10,000, without the race detector
	if wanted, err := strconv.Atoi(os.Getenv("IPGUARD_REDEPLOYS")); err == nil {
		fleets = wanted
	}
	accepted, told, seed := 0, 0, 0
	for ; accepted < fleets; seed++ {
		if seed > 10*fleets {
			t.Fatalf("only %d of %d fleets are accepted", accepted, seed)
		}
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		cc, manifests := randomFleet(r)
		first := CheckAll(cc, manifests, Past{}, bosh.Options{})
		if slices.ContainsFunc(first, refusedBy) {
			continue
		}
		accepted++
		past := pastAfter(r, cc, manifests, first)
		second := CheckAll(cc, manifests, past, bosh.Options{})
		third := CheckAll(cc, manifests, past, bosh.Options{})
		for i := range manifests {
			if p := refusalOrMove(second[i]); p != nil {
				t.Fatalf("seed %d: %s: %s\n%s", seed, manifests[i].Name, p.Message, describeFleet(cc, manifests, past))
			}
			want, got := words(leasesOf(past, manifests[i].Name)), words(second[i].Addresses)
			told += strings.Count(want, "\n")
			if want != got {
				t.Fatalf("seed %d: %s is told\n%sand would have\n%s\n%s", seed, manifests[i].Name, want, got, describeFleet(cc, manifests, past))
			}
			if words(second[i].Addresses) != words(third[i].Addresses) {
				t.Fatalf("seed %d: %s: the third deploy differs from the second", seed, manifests[i].Name)
			}
		}
	}
	t.Logf("%d of %d fleets are accepted, with %d addresses", accepted, seed, told)
}

// TestHiddenNameIsNotWrong hides the name of a group, or what it migrates from, of fleets
// that are deployed once more: nothing is refused, and nothing moves for what anybody knows.
func TestHiddenNameIsNotWrong(t *testing.T) {
	accepted := 0
	for seed := range 300 {
		r := rand.New(rand.NewPCG(uint64(seed), 8))
		cc, manifests := randomFleet(r)
		first := CheckAll(cc, manifests, Past{}, bosh.Options{})
		if slices.ContainsFunc(first, refusedBy) {
			continue
		}
		accepted++
		past := pastAfter(r, cc, manifests, first)
		which := r.IntN(len(manifests))
		m := *manifests[which]
		m.Groups = slices.Clone(m.Groups)
		g := r.IntN(len(m.Groups))
		hidden := *m.Groups[g]
		hidden.PastHidden = true
		if hidden.Name = "((g))"; r.IntN(2) == 0 {
			hidden.Name = "renamed" // and migrated_from hides
		}
		m.Groups[g] = &hidden
		manifests[which] = &m
		for i, outcome := range CheckAll(cc, manifests, past, bosh.Options{}) {
			if p := refusalOrMove(outcome); p != nil {
				t.Fatalf("seed %d: %s: %s\n%s", seed, manifests[i].Name, p.Message, describeFleet(cc, manifests, past))
			}
		}
	}
	if accepted < 50 {
		t.Errorf("only %d fleets are accepted", accepted)
	}
}

// refusalOrMove is the first problem for which a director refuses a deploy, or by which an
// instance loses an address; nil if there is none.
func refusalOrMove(o Outcome) *bosh.Problem {
	i := slices.IndexFunc(o.Problems, func(p bosh.Problem) bool { return p.Refusal() || p.Rule == bosh.RuleMovedInstances })
	if i < 0 {
		return nil
	}
	return &o.Problems[i]
}

func refusedBy(o Outcome) bool { return slices.ContainsFunc(o.Problems, bosh.Problem.Refusal) }

var somewhere = place.Place{File: "m.yml", Line: 1, Column: 1}

// randomFleet makes small networks and deployments that nearly fill them.
func randomFleet(r *rand.Rand) (*bosh.CloudConfig, []*bosh.Manifest) {
	zones := []string{"z1", "z2", "z3"}[:1+r.IntN(3)]
	cc := &bosh.CloudConfig{}
	for _, z := range zones {
		cc.AZs = append(cc.AZs, bosh.AZ{Name: z, At: somewhere})
	}
	for n := range 1 + r.IntN(3) {
		network := &bosh.Network{Name: fmt.Sprintf("n%d", n), Type: bosh.Manual, At: somewhere}
		for s := range 1 + r.IntN(3) {
			network.Subnets = append(network.Subnets, randomManual(r, n, s, zones))
		}
		cc.Networks = append(cc.Networks, network)
	}
	cc.Networks = append(cc.Networks, &bosh.Network{Name: "pub", Type: bosh.VIP, At: somewhere})
	var manifests []*bosh.Manifest
	free := 1 // of the addresses of pub
	for d := range 1 + r.IntN(3) {
		m := &bosh.Manifest{Name: fmt.Sprintf("d%d", d), NameAt: somewhere, Form: bosh.V2}
		for g := range 1 + r.IntN(3) {
			m.Groups = append(m.Groups, randomGroup(r, cc, fmt.Sprintf("g%d", g), zones, &free))
		}
		manifests = append(manifests, m)
	}
	return cc, manifests
}

func randomManual(r *rand.Rand, n, s int, zones []string) *bosh.Subnet {
	bits := 27 + r.IntN(2)
	base := netip.AddrFrom4([4]byte{10, byte(n), byte(s), 0})
	subnet := &bosh.Subnet{Range: netip.PrefixFrom(base, bits), Gateway: base.Next(), Prefix: 32, At: somewhere, RangeAt: somewhere, AZsAt: somewhere}
	if r.IntN(6) == 0 { // IPv6, or blocks
		base = netip.AddrFrom16([16]byte{0xfd, byte(n), 2: byte(s)})
		subnet.Range, subnet.Gateway, subnet.Prefix = netip.PrefixFrom(base, 123), base.Next(), 128
	} else if r.IntN(8) == 0 {
		subnet.Prefix = 30
	}
	size := 1 << (base.BitLen() - subnet.Range.Bits())
	at := func(i int) netip.Addr {
		a := subnet.Range.Addr()
		for range i {
			a = a.Next()
		}
		return a
	}
	block := func() bosh.Block {
		first := r.IntN(size)
		return bosh.Block{Range: netipx.IPRangeFrom(at(first), at(min(size-1, first+r.IntN(6)))), At: somewhere}
	}
	for range r.IntN(2) {
		subnet.Reserved = append(subnet.Reserved, block())
	}
	for range r.IntN(3) {
		subnet.Static = append(subnet.Static, block())
	}
	subnet.AZs = slices.Clone(zones)
	if r.IntN(2) == 0 {
		subnet.AZs = []string{zones[s%len(zones)]}
	}
	return subnet
}

func randomGroup(r *rand.Rand, cc *bosh.CloudConfig, name string, zones []string, free *int) *bosh.Group {
	g := &bosh.Group{Name: name, At: somewhere, Instances: r.IntN(5), InstancesAt: somewhere, Lifecycle: "service", AZsAt: somewhere}
	g.AZs = slices.Clone(zones)
	r.Shuffle(len(g.AZs), func(i, j int) { g.AZs[i], g.AZs[j] = g.AZs[j], g.AZs[i] })
	g.AZs = g.AZs[:1+r.IntN(len(g.AZs))]
	used := r.Perm(len(cc.Networks) - 1)[:1+r.IntN(min(2, len(cc.Networks)-1))]
	for _, n := range used {
		network := cc.Networks[n]
		use := &bosh.GroupNetwork{Name: network.Name, At: somewhere}
		if r.IntN(2) == 0 {
			use.StaticGiven, use.StaticAt = true, somewhere
			use.Static = randomStatics(r, network, g.Instances)
			g.Instances = len(use.Static)
		}
		g.Networks = append(g.Networks, use)
	}
	for _, use := range g.Networks {
		use.Static = use.Static[:min(len(use.Static), g.Instances)]
	}
	if r.IntN(4) == 0 {
		use := &bosh.GroupNetwork{Name: "pub", At: somewhere, StaticGiven: true, StaticAt: somewhere}
		for range g.Instances {
			use.Static = append(use.Static, blockOf(netip.AddrFrom4([4]byte{203, 0, 113, byte(*free)})))
			*free++
		}
		g.Networks = append(g.Networks, use)
	}
	return g
}

func blockOf(a netip.Addr) bosh.Block {
	return bosh.Block{Range: netipx.IPRangeFrom(a, a), At: somewhere}
}

// randomStatics are as many of a network's static addresses as there are.
func randomStatics(r *rand.Rand, n *bosh.Network, count int) []bosh.Block {
	var all []netip.Addr
	for _, s := range n.Subnets {
		for _, b := range s.Static {
			for a := b.Range.From(); a.Compare(b.Range.To()) <= 0; a = a.Next() {
				if !slices.Contains(all, a) {
					all = append(all, a)
				}
			}
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var list []bosh.Block
	for _, a := range all[:min(count, len(all))] {
		list = append(list, blockOf(a))
	}
	return list
}

// pastAfter is what the director tells after its deploys: the addresses that were
// predicted; where it draws which instance gets which, it draws.
func pastAfter(r *rand.Rand, cc *bosh.CloudConfig, manifests []*bosh.Manifest, outcomes []Outcome) Past {
	var past Past
	for i, m := range manifests {
		dep := Deployment{Name: m.Name, Manifest: m, CloudConfig: cc, Told: true}
		type key struct {
			group string
			index int
		}
		at := map[key]int{}
		instance := func(group string, index int, az string) *Instance {
			k := key{group, index}
			if _, ok := at[k]; !ok {
				at[k] = len(dep.Instances)
				dep.Instances = append(dep.Instances, Instance{Group: group, Index: index, AZ: az, ID: fmt.Sprintf("%08x-%s-%d", r.Uint32(), group, index)})
			}
			return &dep.Instances[at[k]]
		}
		type share struct{ group, network, az string }
		drawn := map[share][]netip.Prefix{}
		for _, a := range outcomes[i].Addresses {
			switch {
			case a.Kind == CompilationAddress:
			case a.Index == Untold:
				s := share{a.InstanceGroup, a.Network, a.AZ}
				drawn[s] = append(drawn[s], a.IP)
			default:
				in := instance(a.InstanceGroup, a.Index, a.AZ)
				in.Addresses = append(in.Addresses, a.IP)
			}
		}
		for _, s := range keysInOrder(drawn, func(a, b share) int {
			return strings.Compare(a.group+a.network+a.az, b.group+b.network+b.az)
		}) {
			list := drawn[s]
			r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			for _, index := range indexesWithout(m.Group(s.group), s.az, s.network, outcomes[i].Addresses, len(list)) {
				in := instance(s.group, index, s.az)
				in.Addresses = append(in.Addresses, list[0])
				list = list[1:]
			}
		}
		r.Shuffle(len(dep.Instances), func(i, j int) { dep.Instances[i], dep.Instances[j] = dep.Instances[j], dep.Instances[i] })
		past.Deployments = append(past.Deployments, dep)
	}
	return past
}

func keysInOrder[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	var keys []K
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	return keys
}

// indexesWithout are the indexes of a group's instances in a zone that no address of
// the network is named for. A director numbers a new group's instances without holes,
// zone by zone in turn, so that it is enough to know the zone of each.
func indexesWithout(g *bosh.Group, az, network string, addresses []PredictedAddress, count int) []int {
	zoneOf, has := map[int]string{}, map[int]bool{}
	for _, a := range addresses {
		if a.InstanceGroup == g.Name && a.Index != Untold {
			zoneOf[a.Index] = a.AZ
			has[a.Index] = has[a.Index] || a.Network == network
		}
	}
	var list []int
	for i := 0; len(list) < count; i++ {
		zone, known := zoneOf[i]
		if !known {
			zone = zoneInTurn(g.AZs, i)
		}
		if zone == az && !has[i] {
			list = append(list, i)
		}
	}
	return list
}

// zoneInTurn is the zone of a new instance of a group without static addresses.
func zoneInTurn(azs []string, i int) string {
	sorted := slices.Clone(azs)
	slices.Sort(sorted)
	return sorted[i%len(sorted)]
}

// leasesOf are the leases of a deployment in the form of predictions.
func leasesOf(past Past, name string) []PredictedAddress {
	var list []PredictedAddress
	for _, dep := range past.Deployments {
		for _, i := range dep.Instances {
			for _, a := range i.Addresses {
				if dep.Name == name {
					list = append(list, PredictedAddress{InstanceGroup: i.Group, Index: i.Index, AZ: i.AZ, IP: a})
				}
			}
		}
	}
	return list
}

func words(list []PredictedAddress) string {
	var lines []string
	for _, a := range list {
		if a.Kind != CompilationAddress {
			lines = append(lines, fmt.Sprintf("%s/%d in %s: %s\n", a.InstanceGroup, a.Index, a.AZ, a.IP))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func describeFleet(cc *bosh.CloudConfig, manifests []*bosh.Manifest, past Past) string {
	var b strings.Builder
	for _, n := range cc.Networks {
		for _, s := range n.Subnets {
			fmt.Fprintf(&b, "%s: %s azs %v prefix %d static %v reserved %v\n", n.Name, s.Range, s.AZs, s.Prefix, s.Static, s.Reserved)
		}
	}
	for _, m := range manifests {
		for _, g := range m.Groups {
			fmt.Fprintf(&b, "%s/%s: %d in %v:", m.Name, g.Name, g.Instances, g.AZs)
			for _, n := range g.Networks {
				fmt.Fprintf(&b, " %s %v", n.Name, n.Static)
			}
			b.WriteString("\n")
		}
		b.WriteString(words(leasesOf(past, m.Name)))
	}
	return b.String()
}
