//go:build !race

package plan

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// randomPlan makes a plan inside 10.0.0.0/24 or 2001:db8::/120, so that an
// oracle can look at each of its 256 addresses.
func randomPlan(rng *rand.Rand, base netip.Addr) *Plan {
	p := &Plan{}
	for d := range 1 + rng.IntN(4) {
		for n := range 1 + rng.IntN(3) {
			s := &Subnet{Director: fmt.Sprint("d", d), Network: fmt.Sprint("n", n)}
			if rng.IntN(6) > 0 {
				r := randomRange(rng, base)
				s.Range = netip.PrefixFrom(r.From(), base.BitLen()-rng.IntN(9)).Masked()
			}
			if rng.IntN(3) == 0 {
				s.Segment = fmt.Sprint("s", rng.IntN(2))
			}
			if rng.IntN(2) == 0 {
				s.Identity = IdentityOf(map[string]string{"subnet": fmt.Sprint("subnet-", rng.IntN(2))}, "")
			}
			p.Subnets = append(p.Subnets, s)
		}
	}
	for i := range 1 + rng.IntN(60) {
		s := p.Subnets[rng.IntN(len(p.Subnets))]
		c := Claim{Kind: Kind(1 + rng.IntN(int(DNS))), Subnet: s, Range: randomRange(rng, base), Holder: &Owner{Director: s.Director}}
		if s.Range.IsValid() { // a claim lies in its subnet
			r := netipx.RangeOfPrefix(s.Range)
			if !r.Overlaps(c.Range) {
				c.Range = r
			}
			c.Range = Intersection(r, c.Range)
		}
		if rng.IntN(10) == 0 && c.Kind != External {
			c.Subnet = nil
		}
		if i > 0 && rng.IntN(3) == 0 {
			c = p.Claims[rng.IntN(i)/2] // the same once more
		}
		c.At = place.Place{File: "f", Line: i + 1, Column: 1}
		p.Claims = append(p.Claims, c)
	}
	return p
}

func randomRange(rng *rand.Rand, base netip.Addr) netipx.IPRange {
	from := rng.IntN(256)
	to := from + rng.IntN(min(256-from, 1+rng.IntN(64)))
	return netipx.IPRangeFrom(plus(base, from), plus(base, to))
}

func plus(a netip.Addr, n int) netip.Addr {
	b := a.AsSlice()
	b[len(b)-1] += byte(n)
	sum, _ := netip.AddrFromSlice(b)
	return sum
}

var bases = []netip.Addr{netip.MustParseAddr("10.0.0.0"), netip.MustParseAddr("2001:db8::")}

// standing says which claims are among the first three of their kin.
func standing(p *Plan) []bool {
	list, count := make([]bool, len(p.Claims)), map[string]int{}
	for i := range p.Claims {
		c := &p.Claims[i]
		kin := fmt.Sprintf("%v %v %p %v", c.Kind, c.Range, c.Subnet, c.Owner())
		if c.Kind == External {
			kin = fmt.Sprintf("%v %v %v", c.Kind, c.Range, c.Subnet.Segment)
		}
		count[kin]++
		list[i] = count[kin] <= 3
	}
	return list
}

// The oracle compares every claim with every other, address by address. Of two that both
// have three of their kin before them nothing is told.
func overlapsByHand(p *Plan, base netip.Addr) []string {
	var list []string
	stands := standing(p)
	for i := range p.Claims {
		for j := i + 1; j < len(p.Claims); j++ {
			if !stands[i] && !stands[j] {
				continue
			}
			a, b := &p.Claims[i], &p.Claims[j]
			sa, sb := a.Subnet, b.Subnet
			if sa == nil {
				sa = &Subnet{}
			}
			if sb == nil {
				sb = &Subnet{}
			}
			contact := ContactOf(sa, sb)
			common := 0
			for n := range 256 {
				if ip := plus(base, n); a.Range.Contains(ip) && b.Range.Contains(ip) {
					common++
				}
			}
			if common > 0 && (contact.Relation != Isolated || contact.OneList) {
				list = append(list, fmt.Sprint(a.At, b.At, common))
			}
		}
	}
	slices.Sort(list)
	return list
}

func TestOverlapsAgreeWithAnOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	rounds, total := 150, 0
	if sharedtest.Short() {
		rounds = 50
	}
	for round := range rounds {
		base := bases[round%len(bases)]
		p := randomPlan(rng, base)
		var got []string
		for _, o := range p.Overlaps(func(_, _ *Claim) bool { return true }) {
			got = append(got, fmt.Sprint(o.A.At, o.B.At, Size(o.Range)))
		}
		slices.Sort(got)
		want := overlapsByHand(p, base)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d: (-oracle +sweep)\n%s", round, diff)
		}
		total += len(got)
	}
	if total < 20*rounds {
		t.Errorf("only %d overlaps in all rounds: the random plans are too thin to prove anything", total)
	}
}

// TestKin repeats one address ten thousand times on either side: pairs stay few, and
// each claim is in one with the other side.
func TestKin(t *testing.T) {
	p := &Plan{Subnets: []*Subnet{{Director: "a", Range: netip.MustParsePrefix("10.0.0.0/24")}, {Director: "b", Range: netip.MustParsePrefix("10.0.0.0/24")}}}
	at := netipx.IPRangeFrom(bases[0].Next(), bases[0].Next())
	const each = 10_000
	for i := range 2 * each {
		s := p.Subnets[i%2]
		p.Claims = append(p.Claims, Claim{Kind: Static, Subnet: s, Range: at, Holder: Owner{Director: s.Director}.Held(), At: place.Place{File: s.Director, Line: i + 1, Column: 1}})
	}
	other := map[place.Place]bool{}
	overlaps := p.Overlaps(func(_, _ *Claim) bool { return true })
	for _, o := range overlaps {
		if o.A.Owner() != o.B.Owner() {
			other[o.A.At], other[o.B.At] = true, true
		}
	}
	if len(other) != 2*each || len(overlaps) > 12*each {
		t.Errorf("%d pairs, in which %d of %d claims meet the other side", len(overlaps), len(other), 2*each)
	}
}

func TestOverlapsAreSortedWhateverTheOrderOfClaims(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for round := range 50 {
		p := randomPlan(rng, bases[0])
		text := func() (list []string) {
			for _, o := range p.Overlaps(func(a, b *Claim) bool { return true }) {
				places := []string{o.A.At.String(), o.B.At.String()}
				slices.Sort(places)
				list = append(list, fmt.Sprint(netipx.IPRange(o.Range), places))
			}
			slices.Sort(list)
			return list
		}
		before := text()
		rng.Shuffle(len(p.Claims), func(i, j int) { p.Claims[i], p.Claims[j] = p.Claims[j], p.Claims[i] })
		if diff := cmp.Diff(before, text()); diff != "" {
			t.Fatalf("round %d: %s", round, diff)
		}
	}
}

func TestFreeAgreesWithAnOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	seen := 0
	for round := range 60 {
		base := bases[round%len(bases)]
		p := randomPlan(rng, base)
		space := NewSpace(p)
		for _, s := range p.Subnets {
			for n := range 256 {
				ip := plus(base, n)
				want := s.Range.IsValid() && s.Range.Contains(ip) &&
					ip != s.Range.Addr() && ip != netipx.PrefixLastIP(s.Range) && !claimedByHand(p, s, ip, func(*Claim) bool { return true })
				unused := s.Range.IsValid() && s.Range.Contains(ip) &&
					ip != s.Range.Addr() && ip != netipx.PrefixLastIP(s.Range) && !claimedByHand(p, s, ip, func(c *Claim) bool { return c.Kind != Reserved })
				if got := slices.ContainsFunc(space.Unused(s), func(r netipx.IPRange) bool { return r.Contains(ip) }); got != unused {
					t.Fatalf("round %d: %s unused in %s: got %v, want %v", round, ip, s.Range, got, unused)
				}
				got := slices.ContainsFunc(space.Unclaimed(s), func(r netipx.IPRange) bool { return r.Contains(ip) })
				if got != want {
					t.Fatalf("round %d: %s unclaimed in %s: got %v, want %v", round, ip, s.Range, got, want)
				}
				if got {
					seen++
				}
			}
		}
	}
	if seen < 300 {
		t.Errorf("only %d free addresses seen", seen)
	}
}

func claimedByHand(p *Plan, s *Subnet, ip netip.Addr, counts func(*Claim) bool) bool {
	for i := range p.Claims {
		c := &p.Claims[i]
		o := c.Subnet
		if o == nil {
			o = &Subnet{}
		}
		contact := ContactOf(s, o)
		if counts(c) && c.Range.Contains(ip) && (contact.Relation != Isolated || contact.OneList) {
			return true
		}
	}
	return false
}

func TestNearestAgreesWithAnOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for round := range 500 {
		base := bases[round%len(bases)]
		var set netipx.IPSetBuilder
		for range rng.IntN(6) {
			set.AddRange(randomRange(rng, base))
		}
		free := ranges(&set)
		at := rng.IntN(256)
		type candidate struct{ n, distance int }
		var all []candidate
		for n := range 256 {
			if slices.ContainsFunc(free, func(r netipx.IPRange) bool { return r.Contains(plus(base, n)) }) {
				all = append(all, candidate{n, max(n-at, at-n)})
			}
		}
		slices.SortStableFunc(all, func(a, b candidate) int {
			if a.distance != b.distance {
				return a.distance - b.distance
			}
			return b.n - a.n
		})
		var want []netip.Addr
		for _, c := range all[:min(5, len(all))] {
			want = append(want, plus(base, c.n))
		}
		got := Nearest(free, plus(base, at), 5)
		if !slices.Equal(got, want) {
			t.Fatalf("round %d: nearest to %s in %v: got %v, want %v", round, plus(base, at), free, got, want)
		}
	}
}

func TestContact(t *testing.T) {
	subnet := func(director, segment string, props map[string]string) *Subnet {
		return &Subnet{Director: director, Network: "n", Segment: segment, Identity: IdentityOf(props, ""), CloudProperties: props}
	}
	type p = map[string]string
	for _, c := range []struct {
		name string
		a, b *Subnet
		want Relation
	}{
		{"nothing known", subnet("a", "", nil), subnet("b", "", nil), Assumed},
		{"not an aws id", subnet("a", "", p{"subnet": "private"}), subnet("b", "", p{"subnet": "subnet-1"}), Assumed},
		{"aws subnets differ", subnet("a", "", p{"subnet": "subnet-1"}), subnet("b", "", p{"subnet": "subnet-2"}), Isolated},
		{"aws subnet equal", subnet("a", "", p{"subnet": "subnet-1"}), subnet("b", "", p{"subnet": "subnet-1"}), Same},
		{"openstack, letter case", subnet("a", "", p{"net_id": "6D1E0B5A-0000-4000-8000-000000000001"}), subnet("b", "", p{"net_id": "6d1e0b5a-0000-4000-8000-000000000001"}), Same},
		{"openstack, no UUIDs: equal", subnet("a", "", p{"net_id": "private"}), subnet("b", "", p{"net_id": "private"}), Assumed},
		{"openstack, no UUIDs: different", subnet("a", "", p{"net_id": "private"}), subnet("b", "", p{"net_id": "public"}), Assumed},
		{"openstack, UUIDs", subnet("a", "", p{"net_id": "6d1e0b5a-0000-4000-8000-000000000001"}), subnet("b", "", p{"net_id": "6d1e0b5a-0000-4000-8000-000000000002"}), Isolated},
		{"openstack, one UUID", subnet("a", "", p{"net_id": "6d1e0b5a-0000-4000-8000-000000000001"}), subnet("b", "", p{"net_id": "public"}), Assumed},
		{"openstack and vsphere", subnet("a", "", p{"net_id": "6d1e0b5a-0000-4000-8000-000000000001"}), subnet("b", "", p{"name": "VLAN"}), Assumed},
		{"openstack and aws", subnet("a", "", p{"net_id": "ab"}), subnet("b", "", p{"subnet": "subnet-1"}), Isolated},
		{"aws and vsphere", subnet("a", "", p{"name": "VLAN"}), subnet("b", "", p{"subnet": "subnet-1"}), Isolated},
		{"aws and gcp", subnet("a", "", p{"network_name": "x"}), subnet("b", "", p{"subnet": "subnet-1"}), Isolated},
		{"azure and gcp", subnet("a", "", p{"network_name": "x"}), subnet("b", "", p{"virtual_network_name": "x"}), Isolated},
		{"azure and vsphere", subnet("a", "", p{"name": "x"}), subnet("b", "", p{"virtual_network_name": "x"}), Isolated},
		{"gcp and openstack", subnet("a", "", p{"network_name": "x"}), subnet("b", "", p{"net_id": "x"}), Isolated},
		{"alicloud and vsphere", subnet("a", "", p{"name": "x"}), subnet("b", "", p{"vswitch_id": "vsw-1"}), Isolated},
		{"alicloud and softlayer", subnet("a", "", p{"vlan_ids.0": "1"}), subnet("b", "", p{"vswitch_id": "vsw-1"}), Isolated},
		{"softlayer and vsphere, which may run on it", subnet("a", "", p{"vlan_ids.0": "1"}), subnet("b", "", p{"name": "x"}), Assumed},
		{"aws and nothing known", subnet("a", "", nil), subnet("b", "", p{"subnet": "subnet-1"}), Assumed},
		{"aws and a variable", subnet("a", "", p{"subnet": "((s))"}), subnet("b", "", p{"subnet": "subnet-1"}), Unseen},
		{"a variable and vsphere", subnet("a", "", p{"subnet": "((s))"}), subnet("b", "", p{"name": "x"}), Unseen},
		{"gcp, a variable, and vsphere", subnet("a", "", p{"network_name": "((s))"}), subnet("b", "", p{"name": "x"}), Isolated},
		{"oracle names its subnet", subnet("a", "", p{"vcn": "v", "subnet": "subnet-1"}), subnet("b", "", p{"subnet": "subnet-1"}), Isolated},
		{"oracle, one vcn", subnet("a", "", p{"vcn": "v", "subnet": "s"}), subnet("b", "", p{"vcn": "v", "subnet": "t"}), Assumed},
		{"properties of two clouds", subnet("a", "", p{"net_id": "ab", "subnet": "subnet-2"}), subnet("b", "", p{"subnet": "subnet-1"}), Assumed},
		{"softlayer, lists that meet", subnet("a", "", p{"vlan_ids.0": "524956", "vlan_ids.1": "524954"}), subnet("b", "", p{"vlan_ids.0": "524954"}), Assumed},
		{"softlayer, lists that do not", subnet("a", "", p{"vlan_ids.0": "524956", "vlan_ids.1": "524954"}), subnet("b", "", p{"vlan_ids.0": "524955"}), Isolated},
		{"softlayer, another key", subnet("a", "", p{"PrimaryBackendNetworkComponent.NetworkVlan.Id": "1"}), subnet("b", "", p{"vlan_ids.0": "2"}), Isolated},
		{"proxmox, tags differ", subnet("a", "", p{"bridge": "vmbr0", "vlan": "52"}), subnet("b", "", p{"bridge": "vmbr0", "vlan": "53"}), Assumed},
		{"ovirt, one id", subnet("a", "", p{"network_id": "6d1e0b5a-0000-4000-8000-000000000001"}), subnet("b", "", p{"network_id": "6d1e0b5a-0000-4000-8000-000000000001"}), Same},
		{"ovirt, two ids", subnet("a", "", p{"network_id": "6d1e0b5a-0000-4000-8000-000000000001"}), subnet("b", "", p{"network_id": "6d1e0b5a-0000-4000-8000-000000000002"}), Assumed},
		{"ovirt, names", subnet("a", "", p{"network_id": "prod"}), subnet("b", "", p{"network_id": "prod"}), Assumed},
		{"one network, two versions", subnet("a", "", p{"name": "v"}), subnet("a", "", p{"name": "v", "x": "y"}), Same},
		{"one network, moved", subnet("a", "", p{"subnet": "subnet-1"}), subnet("a", "", p{"subnet": "subnet-2"}), Isolated},
		{"two networks of one director", subnet("a", "", p{"name": "v"}), &Subnet{Director: "a", Network: "m"}, Assumed},
		{"vsphere equal", subnet("a", "", p{"name": "VLAN-52"}), subnet("b", "", p{"name": "VLAN-52"}), Assumed},
		{"vsphere differ", subnet("a", "", p{"name": "VLAN-52"}), subnet("b", "", p{"name": "dvs/VLAN-52"}), Assumed},
		{"gcp networks differ", subnet("a", "", p{"network_name": "x"}), subnet("b", "", p{"network_name": "y"}), Isolated},
		{"gcp networks equal, project unknown", subnet("a", "", p{"network_name": "x"}), subnet("b", "", p{"network_name": "x"}), Assumed},
		{"gcp project differs", subnet("a", "", p{"network_name": "x", "xpn_host_project_id": "p1"}), subnet("b", "", p{"network_name": "x", "xpn_host_project_id": "p2"}), Isolated},
		{"gcp project equal", subnet("a", "", p{"network_name": "x", "xpn_host_project_id": "p1"}), subnet("b", "", p{"network_name": "x", "xpn_host_project_id": "p1"}), Same},
		{"gcp project of one unknown", subnet("a", "", p{"network_name": "x", "xpn_host_project_id": "p1"}), subnet("b", "", p{"network_name": "x"}), Assumed},
		{"azure vnets differ", subnet("a", "", p{"virtual_network_name": "x"}), subnet("b", "", p{"virtual_network_name": "y"}), Isolated},
		{"azure letter case", subnet("a", "", p{"virtual_network_name": "X"}), subnet("b", "", p{"virtual_network_name": "x"}), Assumed},
		{"id behind a variable", subnet("a", "", p{"net_id": "((net))"}), subnet("b", "", p{"net_id": "6d1e0b5a-0000-4000-8000-000000000001"}), Unseen},
		{"a name behind a variable", subnet("a", "", p{"name": "((name))"}), subnet("b", "", p{"name": "VLAN"}), Assumed},
		{"a variable and nothing known", subnet("a", "", p{"net_id": "((net))"}), subnet("b", "", nil), Assumed},
		{"two variables", subnet("a", "", p{"net_id": "((x))"}), subnet("b", "", p{"net_id": "((y))"}), Unseen},
		{"all behind a variable, and aws", subnet("a", "", p{"": "((x))"}), subnet("b", "", p{"subnet": "subnet-1"}), Unseen},
		{"all behind a variable, and nothing known", subnet("a", "", p{"": "((x))"}), subnet("b", "", nil), Assumed},
		{"a resource group behind a variable", subnet("a", "", p{"virtual_network_name": "x", "resource_group_name": "((rg))"}), subnet("b", "", p{"virtual_network_name": "x", "resource_group_name": "rg"}), Unseen},
		{"a resource group behind a variable, and none", subnet("a", "", p{"virtual_network_name": "x", "resource_group_name": "((rg))"}), subnet("b", "", p{"virtual_network_name": "x"}), Assumed},
		{"a network's two versions, behind a variable", subnet("a", "", p{"net_id": "((x))"}), subnet("a", "", p{"net_id": "((x))", "y": "z"}), Same},
		{"fleet file: same, whatever hides", subnet("a", "s", p{"net_id": "((x))"}), subnet("b", "s", p{"net_id": "2"}), Same},
		{"fleet file: same", subnet("a", "s", p{"net_id": "1"}), subnet("b", "s", p{"net_id": "2"}), Same},
		{"fleet file: isolated", subnet("a", "s", p{"name": "v"}), subnet("b", "t", p{"name": "v"}), Isolated},
		{"fleet file names one only", subnet("a", "s", nil), subnet("b", "", nil), Assumed},
	} {
		for _, pair := range [][2]*Subnet{{c.a, c.b}, {c.b, c.a}} {
			got := ContactOf(pair[0], pair[1])
			if got.Relation != c.want {
				t.Errorf("%s: got %v (%s), want %v", c.name, got.Relation, got.Reason, c.want)
			}
			if got.Reason == "" {
				t.Errorf("%s: no reason", c.name)
			}
			if got.Relation != Isolated && got.Segment == "" {
				t.Errorf("%s: no segment name", c.name)
			}
		}
	}
}

// TestCPI holds what the name of the CPI decides where properties do not, or
// against them.
func TestCPI(t *testing.T) {
	type p = map[string]string
	of := func(director, cpi string, properties p) *Subnet {
		return &Subnet{Director: director, Network: "n", Identity: IdentityOf(properties, cpi)}
	}
	for _, c := range []struct {
		name string
		a, b *Subnet
		want Relation
	}{
		{"warden and vsphere", of("a", "warden_cpi", nil), of("b", "vsphere_cpi", p{"name": "x"}), Isolated},
		{"warden and warden: a host each", of("a", "warden_cpi", nil), of("b", "warden_cpi", nil), Isolated},
		{"aws, its subnet not told, and vsphere", of("a", "aws_cpi", nil), of("b", "vsphere_cpi", nil), Isolated},
		{"vsphere and openstack", of("a", "openstack_cpi", nil), of("b", "vsphere_cpi", nil), Assumed},
		{"vsphere and cloudstack", of("a", "cloudstack_cpi", p{"name": "x"}), of("b", "vsphere_cpi", p{"name": "y"}), Assumed},
		{"a CPI that nobody knows", of("a", "stand", p{"name": "x"}), of("b", "aws_cpi", nil), Isolated},
		{"a CPI that nobody knows, and nothing else", of("a", "stand", nil), of("b", "aws_cpi", nil), Assumed},
		{"the CPI against the properties", of("a", "vsphere_cpi", p{"subnet": "subnet-1"}), of("b", "aws_cpi", p{"subnet": "subnet-2"}), Assumed},
		{"a CPI behind a variable", of("a", "((aws_cpi))", nil), of("b", "vsphere_cpi", nil), Assumed},
		{"google's default network", of("a", "google_cpi", nil), of("b", "google_cpi", p{"network_name": "x"}), Isolated},
		{"google's default network twice", of("a", "google_cpi", nil), of("b", "google_cpi", p{"network_name": "default"}), Assumed},
	} {
		if got := ContactOf(c.a, c.b); got.Relation != c.want {
			t.Errorf("%s: got %v (%s), want %v", c.name, got.Relation, got.Reason, c.want)
		}
	}
}

func TestAVariableInTheNameOfASegmentIsNamed(t *testing.T) {
	a := &Subnet{Director: "a", Network: "n", Identity: IdentityOf(map[string]string{"name": "((vlan))"}, "")}
	b := &Subnet{Director: "b", Network: "m", Identity: IdentityOf(map[string]string{"name": "VLAN-1"}, "")}
	want := "the name of network n of a is the variable ((vlan)), which has no value here"
	for _, pair := range [][2]*Subnet{{a, b}, {b, a}} {
		if got := ContactOf(pair[0], pair[1]).Reason; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
