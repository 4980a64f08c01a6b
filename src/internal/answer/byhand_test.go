//go:build !race

package answer

import (
	"net/netip"
	"strings"
	"testing"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

func addresses(text string) netipx.IPRange {
	if strings.Contains(text, "-") {
		return netipx.MustParseIPRange(text)
	}
	a := netip.MustParseAddr(text)
	return netipx.IPRangeFrom(a, a)
}

// made is a plan that is written down line by line.
type made struct{ plan.Plan }

func (m *made) subnet(director, network, cidr, segment string) *plan.Subnet {
	s := &plan.Subnet{Director: director, Network: network, Range: netip.MustParsePrefix(cidr), Prefix: 32, Segment: segment}
	m.Subnets = append(m.Subnets, s)
	return s
}

func (m *made) claim(s *plan.Subnet, kind plan.Kind, text string) {
	m.Claims = append(m.Claims, plan.Claim{
		Range: addresses(text), Kind: kind, Subnet: s,
		Holder: &plan.Owner{Director: s.Director, Network: s.Network, Deployment: "d", InstanceGroup: "g"},
	})
}

// offered lists the addresses of an answer.
func offered(p *plan.Plan, q Question) string {
	var list []string
	for _, o := range Free(p, q).Offers {
		list = append(list, o.Address.String())
	}
	return strings.Join(list, " ")
}

// TestUnnamedComeFirst: what a network reserves is offered last, and the end of
// it before its beginning.
func TestUnnamedComeFirst(t *testing.T) {
	var m made
	s := m.subnet("a", "x", "10.0.0.0/29", "lan")
	m.claim(s, plan.Reserved, "10.0.0.1-10.0.0.3")
	m.claim(s, plan.DynamicPool, "10.0.0.4-10.0.0.4")
	q := Question{Scope: Scope{Subnets: m.Subnets}, Count: 3}
	if got := offered(&m.Plan, q); got != "10.0.0.5 10.0.0.6 10.0.0.3" {
		t.Errorf("got %s", got)
	}
	q.Contiguous, q.Count = true, 2
	if got := offered(&m.Plan, q); got != "10.0.0.5 10.0.0.6" {
		t.Errorf("two in a row: got %s", got)
	}
	m.claim(s, plan.Static, "10.0.0.5")
	if got := offered(&m.Plan, q); got != "10.0.0.2 10.0.0.3" {
		t.Errorf("two in a row, reserved ones: got %s", got)
	}
}

// TestStatic: a director keeps one list for all its networks, whatever lies
// between them, and what another of them hands out by itself is not safe.
func TestStatic(t *testing.T) {
	var m made
	x := m.subnet("a", "x", "10.0.0.0/28", "left")
	y := m.subnet("a", "y", "10.0.0.0/28", "right")
	far := m.subnet("b", "x", "10.0.0.0/28", "right")
	m.claim(x, plan.StaticPool, "10.0.0.2-10.0.0.9")
	m.claim(x, plan.Static, "10.0.0.2")
	m.claim(y, plan.Static, "10.0.0.3")
	m.claim(y, plan.StaticPool, "10.0.0.4")
	m.claim(y, plan.DynamicPool, "10.0.0.5-10.0.0.6")
	m.claim(y, plan.Reserved, "10.0.0.7")
	m.claim(far, plan.Static, "10.0.0.8")
	q := Question{Scope: Scope{Subnets: []*plan.Subnet{x}}, Count: 9, Static: true, Pools: []Pool{{Team: "t", Delegation: plan.Delegation{Ranges: []netipx.IPRange{addresses("10.0.0.9")}}}}}
	if got := offered(&m.Plan, q); got != "10.0.0.4 10.0.0.7 10.0.0.8 10.0.0.9" {
		t.Errorf("got %s", got)
	}
	q.Static = false
	if got := offered(&m.Plan, q); got != "" {
		t.Errorf("for others: got %s", got)
	}
}

func TestPools(t *testing.T) {
	var m made
	lan := m.subnet("a", "x", "10.0.0.0/28", "lan")
	m.subnet("a", "y", "10.0.1.0/28", "dmz")
	m.claim(lan, plan.Static, "10.0.0.4")
	pools := []Pool{
		{Team: "one", Delegation: plan.Delegation{Ranges: []netipx.IPRange{addresses("10.0.0.3-10.0.0.6")}, Except: []netipx.IPRange{addresses("10.0.0.5")}}},
		{Team: "two", Delegation: plan.Delegation{Ranges: []netipx.IPRange{addresses("10.0.0.9-10.0.0.10"), addresses("10.0.1.2")}, Segment: "lan"}},
	}
	q := Question{Scope: Scope{Subnets: m.Subnets}, Count: 9, Pools: pools}
	if got := offered(&m.Plan, q); got != "10.0.0.3 10.0.0.6 10.0.0.9 10.0.0.10" {
		t.Errorf("got %s", got)
	}
	q.Wanted = func(p *Pool) bool { return p.Team == "two" }
	if got := offered(&m.Plan, q); got != "10.0.0.9 10.0.0.10" {
		t.Errorf("of team two: got %s", got)
	}
	for address, want := range map[string]string{
		"10.0.0.3": "it is delegated to team one, which is not what was asked for",
		"10.0.0.5": "the pool of team one excepts it",
		"10.0.0.8": "no pool of the fleet file delegates it",
		"10.0.1.2": "the pool of team two delegates it in segment lan only",
	} {
		a := netip.MustParseAddr(address)
		v := Why(&m.Plan, q, a)
		if len(v.Obstacles) != 1 || v.Obstacles[0].Text(a) != want {
			t.Errorf("%s: %+v", address, v.Obstacles)
		}
	}
}

// TestWhoNamesTheInstance: an entry of static_ips may stand for many instances,
// of which one has the address.
func TestWhoNamesTheInstance(t *testing.T) {
	var m made
	s := m.subnet("a", "x", "10.0.0.0/24", "")
	m.claim(s, plan.Static, "10.0.0.16-10.0.0.23")
	m.Claims[0].Index = 2
	who := func(asked string) string {
		return Who(&m.Plan, nil, addresses(asked)).Segments[0].Claims[0].Who()
	}
	if got, want := who("10.0.0.16"), "instance g/2 of deployment d (director a)"; got != want {
		t.Errorf("got %s", got)
	}
	if got, want := who("10.0.0.19"), "instance g/5 of deployment d (director a)"; got != want {
		t.Errorf("got %s", got)
	}
	if got, want := who("10.0.0.18-10.0.0.19"), "instance group g of deployment d (director a)"; got != want {
		t.Errorf("for two: got %s", got)
	}
	s.Prefix = 29 // one instance has the whole block
	if got, want := who("10.0.0.19"), "instance group g of deployment d (director a)"; got != want {
		t.Errorf("with a prefix: got %s", got)
	}
}

// TestNearest: before and behind, in the segments around it, whatever is nearer
// elsewhere.
func TestNearest(t *testing.T) {
	var m made
	s := m.subnet("a", "x", "10.0.0.0/24", "lan")
	other := m.subnet("b", "x", "10.0.0.0/24", "dmz")
	m.claim(s, plan.Static, "10.0.0.10")
	m.claim(s, plan.DynamicPool, "10.0.0.30-10.0.0.40")
	m.claim(s, plan.Static, "10.0.0.50")
	m.claim(s, plan.Reserved, "10.0.0.20")
	m.claim(other, plan.Reserved, "10.0.0.20")
	h := Who(&m.Plan, nil, addresses("10.0.0.20"))
	if len(h.Nearest) != 2 || plan.RangeText(h.Nearest[0].Range) != "10.0.0.10" || plan.RangeText(h.Nearest[1].Range) != "10.0.0.30-10.0.0.40" {
		t.Fatalf("nearest %v", h.Nearest)
	}
	if before, behind := h.Distance(&h.Nearest[0]), h.Distance(&h.Nearest[1]); before.Int64() != 10 || behind.Int64() != 10 {
		t.Errorf("distances %v and %v", before, behind)
	}
	if h := Who(&m.Plan, nil, addresses("10.9.0.0")); len(h.Segments) != 0 || len(h.Nearest) != 1 || plan.RangeText(h.Nearest[0].Range) != "10.0.0.50" {
		t.Errorf("of no network: %+v", h)
	}
}
