//go:build !race

package fence

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// made is a fleet in which every director has one network of one subnet.
type made struct {
	directors []claims.Director
	externals []claims.External
	segments  map[string]string // by director
	leases    map[string][]string
	hidden    map[string]bool // directors whose subnet is not known as a whole
	needs     map[string]int
}

// subnet adds a director. Lists hold addresses, CIDRs or ranges "a-b".
func (m *made) subnet(director, cidr, gateway string, reserved, static []string) *bosh.Subnet {
	s := &bosh.Subnet{
		At: place.Place{File: director, Line: 1, Column: 1}, Range: netip.MustParsePrefix(cidr),
		Reserved: blocks(reserved), Static: blocks(static),
	}
	s.RangeAt, s.ReservedAt, s.Prefix = s.At, s.At, s.Range.Addr().BitLen()
	if gateway != "" {
		s.Gateway = netip.MustParseAddr(gateway)
	}
	m.directors = append(m.directors, claims.Director{Name: director, CloudConfig: &bosh.CloudConfig{
		Networks: []*bosh.Network{{Name: "default", Type: bosh.Manual, Subnets: []*bosh.Subnet{s}}},
	}})
	return s
}

// group adds a deployment with static addresses to the last director.
func (m *made) group(name string, static ...string) *bosh.Manifest {
	manifest := &bosh.Manifest{Name: name, Form: bosh.V2, Groups: []*bosh.Group{{
		Name: name, Networks: []*bosh.GroupNetwork{{Name: "default", Static: blocks(static)}},
	}}}
	d := &m.directors[len(m.directors)-1]
	d.Deployments = append(d.Deployments, manifest)
	return manifest
}

func (m *made) plan() *plan.Plan {
	for i := range m.directors {
		d := &m.directors[i]
		if cc := d.CloudConfig; m.hidden[d.Name] && cc != nil {
			n := cc.Networks[0]
			cc.Gaps = []bosh.Gap{{Hides: bosh.HidesReserved, Network: n, Subnet: n.Subnets[0], Variable: "taken", What: "reserved"}}
		}
	}
	p := claims.Build(m.directors, m.externals, func(s *plan.Subnet) (string, plan.Perhaps) { return m.segments[s.Director], plan.Perhaps{} })
	for _, s := range p.Subnets {
		s.Incomplete = s.Incomplete || m.hidden[s.Director]
		for _, lease := range m.leases[s.Director] {
			p.Claims = append(p.Claims, plan.Claim{Range: parseRange(lease), Kind: plan.Lease, Subnet: s, Holder: &plan.Owner{Director: s.Director, Network: s.Network}})
		}
	}
	return p
}

func (m *made) compute() (*plan.Plan, *Fence) {
	p := m.plan()
	needs := Needs{}
	for _, s := range p.Subnets {
		needs[s] = m.needs[s.Director]
	}
	return p, Compute(p, needs, nil)
}

func blocks(texts []string) []bosh.Block {
	var list []bosh.Block
	for _, text := range texts {
		list = append(list, bosh.Block{Range: parseRange(text)})
	}
	return list
}

func parseRange(text string) netipx.IPRange {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return netipx.RangeOfPrefix(prefix)
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		return netipx.IPRangeFrom(addr, addr)
	}
	return netipx.MustParseIPRange(text)
}

func list(texts ...string) []string { return texts }

// text is the fence as lines: director, entry, for whom.
func (f *Fence) text() string {
	var b strings.Builder
	for _, c := range f.Changes {
		for _, e := range c.Entries {
			var whom []string
			for _, claim := range e.For {
				whom = append(whom, fmt.Sprintf("%s of %s%s", claim.Kind, claim.Owner().Director, claim.Owner().Property))
			}
			fmt.Fprintf(&b, "%s: %s for %s\n", c.Subnet.Director, e.Range, strings.Join(whom, ", "))
		}
	}
	for _, s := range f.Shortages {
		fmt.Fprintf(&b, "%s: short, keeps %d of %d\n", s.Subnet.Director, s.Keeps, s.Needs)
	}
	for _, s := range f.Unknown {
		fmt.Fprintf(&b, "%s: unknown\n", s.Director)
	}
	return b.String()
}

func TestCompute(t *testing.T) {
	const v4, gw = "10.0.0.0/24", "10.0.0.1"
	for name, c := range map[string]struct {
		make func(*made)
		want string
	}{
		"apart already": {func(m *made) {
			m.subnet("a", v4, gw, list("10.0.0.128-10.0.0.254"), nil)
			m.subnet("b", v4, gw, list("10.0.0.2-10.0.0.127"), nil)
		}, ""},
		"equal ranges are cut in two": {func(m *made) {
			m.subnet("a", v4, gw, nil, nil)
			m.subnet("b", v4, gw, nil, nil)
		}, `
a: 10.0.0.128-10.0.0.254 for dynamic-pool of b
b: 10.0.0.2-10.0.0.127 for dynamic-pool of a
`},
		"who uses more gets the lower part": {func(m *made) {
			m.subnet("a", v4, gw, nil, nil)
			m.subnet("b", v4, gw, nil, nil)
			m.needs = map[string]int{"b": 5}
		}, `
a: 10.0.0.2-10.0.0.127 for dynamic-pool of b
b: 10.0.0.128-10.0.0.254 for dynamic-pool of a
`},
		"needs move the cut": {func(m *made) {
			m.subnet("a", v4, gw, list("10.0.0.12-10.0.0.254"), nil)
			m.subnet("b", v4, gw, list("10.0.0.12-10.0.0.254"), nil)
			m.needs = map[string]int{"a": 8, "b": 2}
		}, `
a: 10.0.0.10-10.0.0.11 for dynamic-pool of b
b: 10.0.0.2-10.0.0.9 for dynamic-pool of a
`},
		"more is needed than there is": {func(m *made) {
			m.subnet("a", v4, gw, list("10.0.0.12-10.0.0.254"), nil)
			m.subnet("b", v4, gw, list("10.0.0.12-10.0.0.254"), nil)
			m.needs = map[string]int{"a": 8, "b": 4}
		}, `
a: 10.0.0.10-10.0.0.11 for dynamic-pool of b
b: 10.0.0.2-10.0.0.9 for dynamic-pool of a
b: short, keeps 2 of 4
`},
		"static lists decide the halves": {func(m *made) {
			m.subnet("blue", v4, gw, list("10.0.0.2-10.0.0.9"), list("10.0.0.10-10.0.0.19"))
			m.subnet("green", v4, gw, list("10.0.0.2-10.0.0.9"), list("10.0.0.130-10.0.0.139"))
		}, `
blue: 10.0.0.130-10.0.0.254 for static-pool of green, dynamic-pool of green
green: 10.0.0.10-10.0.0.129 for static-pool of blue, dynamic-pool of blue
`},
		"who has others gives way": {func(m *made) {
			m.subnet("a", "10.0.0.0/22", gw, nil, nil)
			m.subnet("b", v4, gw, list("10.0.0.100-10.0.0.254"), nil)
			m.needs = map[string]int{"a": 50}
		}, `
a: 10.0.0.2-10.0.0.99 for dynamic-pool of b
`},
		"three": {func(m *made) {
			m.subnet("a", v4, gw, nil, nil)
			m.subnet("b", v4, gw, nil, nil)
			m.subnet("c", v4, gw, nil, nil)
		}, `
a: 10.0.0.128-10.0.0.254 for dynamic-pool of b, dynamic-pool of c
b: 10.0.0.2-10.0.0.127 for dynamic-pool of a
b: 10.0.0.192-10.0.0.254 for dynamic-pool of c
c: 10.0.0.2-10.0.0.191 for dynamic-pool of a, dynamic-pool of b
`},
		"isolated": {func(m *made) {
			m.subnet("a", v4, gw, nil, nil)
			m.subnet("b", v4, gw, nil, nil)
			m.segments = map[string]string{"a": "one", "b": "two"}
		}, ""},
		"one of three is isolated from the others' rival": {func(m *made) {
			m.subnet("a", v4, gw, nil, nil)
			m.subnet("b", v4, gw, list("10.0.0.10-10.0.0.254"), nil)
			m.subnet("c", v4, gw, list("10.0.0.10-10.0.0.254"), nil)
			m.segments = map[string]string{"b": "one", "c": "two"} // a may be in either
		}, `
a: 10.0.0.2-10.0.0.9 for dynamic-pool of b, dynamic-pool of c
`},
		"gateway, DNS server, machines and virtual addresses": {func(m *made) {
			m.subnet("a", v4, gw, nil, nil)
			m.subnet("b", v4, "10.0.0.254", list("10.0.0.2-10.0.0.253"), nil).DNS = blocks(list("10.0.0.5"))
			m.group("web").VIPs = []bosh.PropertyAddress{{Range: netipx.MustParseIPRange("10.0.0.9-10.0.0.9"), Property: "keepalived.vip"}}
			m.directors[1].Addresses = blocks(list("10.0.0.7"))
		}, `
a: 10.0.0.5-10.0.0.5 for dns of b
a: 10.0.0.7-10.0.0.7 for director of b
a: 10.0.0.9-10.0.0.9 for vip of bkeepalived.vip
a: 10.0.0.254-10.0.0.254 for gateway of b
b: 10.0.0.1-10.0.0.1 for gateway of a
b: short, keeps 0 of 0
`},
		"its own virtual address, which its director does not know": {func(m *made) {
			m.subnet("a", v4, gw, nil, nil)
			m.group("web").VIPs = []bosh.PropertyAddress{{Range: netipx.MustParseIPRange("10.0.0.9-10.0.0.9"), Property: "keepalived.vip"}}
		}, `
a: 10.0.0.9-10.0.0.9 for vip of akeepalived.vip
`},
		"a granted address stays with its VM": {func(m *made) {
			m.subnet("a", v4, gw, list("10.0.0.20-10.0.0.254"), nil)
			m.subnet("b", v4, gw, list("10.0.0.20-10.0.0.254"), nil)
			m.leases = map[string][]string{"a": list("10.0.0.2-10.0.0.4"), "b": list("10.0.0.19", "10.0.0.4")}
		}, `
a: 10.0.0.12-10.0.0.19 for dynamic-pool of b, lease of b
b: 10.0.0.2-10.0.0.3 for lease of a
b: 10.0.0.5-10.0.0.11 for dynamic-pool of a
`},
		"blocks for each VM": {func(m *made) {
			m.subnet("a", v4, gw, nil, nil).Prefix = 28
			m.subnet("b", v4, gw, nil, nil)
		}, `
a: 10.0.0.128-10.0.0.239 for dynamic-pool of b
b: 10.0.0.16-10.0.0.127 for dynamic-pool of a
`},
		"IPv6": {func(m *made) {
			m.subnet("a", "2001:db8::/64", "2001:db8::1", nil, list("2001:db8::10-2001:db8::1f"))
			m.subnet("b", "2001:db8::/64", "2001:db8::1", nil, nil)
		}, `
a: 2001:db8:0:0:8000::-2001:db8::ffff:ffff:ffff:fffe for dynamic-pool of b
b: 2001:db8::2-2001:db8::7fff:ffff:ffff:ffff for dynamic-pool of a, static-pool of a, dynamic-pool of a
`},
		"a part is hidden": {func(m *made) {
			m.subnet("a", v4, gw, nil, nil)
			m.subnet("b", v4, gw, nil, nil)
			m.subnet("c", v4, gw, list("10.0.0.50-10.0.0.254"), nil)
			m.hidden = map[string]bool{"b": true}
		}, `
a: 10.0.0.2-10.0.0.49 for dynamic-pool of c
b: unknown
`},
		"two static lists are for people": {func(m *made) {
			m.subnet("a", v4, gw, list("10.0.0.100-10.0.0.254"), list("10.0.0.10-10.0.0.19"))
			m.subnet("b", v4, gw, list("10.0.0.2-10.0.0.9", "10.0.0.20-10.0.0.254"), list("10.0.0.10-10.0.0.19"))
		}, ""},

		"addresses in use by others": {func(m *made) {
			m.subnet("a", v4, gw, nil, nil)
			m.subnet("b", v4, gw, list("10.0.0.2-10.0.0.49", "10.0.0.60-10.0.0.254"), list("10.0.0.50-10.0.0.59"))
			m.group("web", "10.0.0.50")
			m.externals = []claims.External{{Owner: "lb", Blocks: blocks(list("10.0.0.200"))}}
		}, `
a: 10.0.0.50-10.0.0.59 for static of b, static-pool of b
a: 10.0.0.200-10.0.0.200 for external of lb
`},
	} {
		t.Run(name, func(t *testing.T) {
			var m made
			c.make(&m)
			_, f := m.compute()
			if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), f.text()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
