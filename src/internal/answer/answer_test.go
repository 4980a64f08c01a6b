//go:build !race

package answer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// The random plans live in 10.0.0.0/26: few addresses, so that everything
// happens often, and small enough to ask about each of them.
var space = netip.MustParsePrefix("10.0.0.0/26")

type random struct{ *rand.Rand }

func (r random) pick(list ...string) string { return list[r.IntN(len(list))] }

func (r random) inside(p netip.Prefix) netipx.IPRange {
	all := netipx.RangeOfPrefix(p)
	n := int(plan.Size(all).Int64())
	from := r.IntN(n)
	to := min(n-1, from+r.IntN(5))
	return netipx.IPRangeFrom(nth(all.From(), from), nth(all.From(), to))
}

func nth(a netip.Addr, n int) netip.Addr {
	for range n {
		a = a.Next()
	}
	return a
}

func (r random) prefix() netip.Prefix {
	bits := 26 + r.IntN(3)
	return netip.PrefixFrom(nth(space.Addr(), r.IntN(64)), bits).Masked()
}

// plan makes subnets of three directors that may, may not, or may perhaps meet,
// and claims of every kind.
func (r random) plan() *plan.Plan {
	p := &plan.Plan{Directors: []string{"a", "b", "c"}}
	for i := range 1 + r.IntN(5) {
		s := &plan.Subnet{
			Director: r.pick("a", "b", "c"), Network: r.pick("x", "y"), Range: r.prefix(), Prefix: 32,
			Segment:  r.pick("", "", "s", "t"),
			Identity: plan.IdentityOf(map[string]string{r.pick("name", "net_id", "none"): r.pick("1", "2")}, ""),
			At:       place.Place{File: fmt.Sprintf("subnet-%d.yml", i), Line: 1, Column: 1},
		}
		p.Subnets = append(p.Subnets, s)
		for range r.IntN(6) {
			p.Claims = append(p.Claims, r.claim(s, len(p.Claims)))
		}
	}
	for range r.IntN(3) * r.IntN(2) {
		s := p.Subnets[r.IntN(len(p.Subnets))]
		c := r.claim(s, 900+len(p.BlindSpots))
		p.BlindSpots = append(p.BlindSpots, plan.BlindSpot{Owner: c.Owner(), What: "a part of it", Reason: plan.NoValue, Variable: "x", May: []plan.Claim{c}})
	}
	if r.IntN(3) == 0 { // in no range, perhaps of a segment
		s := &plan.Subnet{Network: "somebody else", Segment: r.pick("", "s", "u")}
		p.Subnets = append(p.Subnets, s)
		s.Range = space
		c := r.claim(s, len(p.Claims))
		s.Range = netip.Prefix{}
		p.Claims = append(p.Claims, c)
	}
	if r.IntN(3) == 0 {
		c := r.claim(&plan.Subnet{Range: space}, len(p.Claims))
		c.Subnet = nil
		if c.Kind.Pool() || c.Kind == plan.Reserved { // only subnets have such
			c.Kind = plan.VIP
		}
		p.Claims = append(p.Claims, c)
	}
	return p
}

func (r random) claim(s *plan.Subnet, line int) plan.Claim {
	kinds := []plan.Kind{
		plan.Static, plan.VIP, plan.DirectorOwn, plan.StaticPool, plan.StaticPool, plan.DynamicPool,
		plan.Compilation, plan.Reserved, plan.Reserved, plan.Gateway, plan.DNS, plan.Lease,
	}
	c := plan.Claim{Range: r.inside(s.Range), Kind: kinds[r.IntN(len(kinds))], Subnet: s, At: place.Place{File: "f.yml", Line: line + 1, Column: 1}}
	if c.Kind.InUse() || c.Kind == plan.Gateway || c.Kind == plan.DNS {
		c.Range = netipx.IPRangeFrom(c.Range.From(), c.Range.From())
	}
	c.Holder = &plan.Owner{Director: s.Director, Network: s.Network}
	if c.Kind == plan.Static {
		c.Holder.Deployment, c.Holder.InstanceGroup = "d", "g"
	}
	if c.Kind == plan.VIP {
		c.Holder.Property = "vip"
	}
	return c
}

func (r random) question(p *plan.Plan) Question {
	subnets := ranged(p, func(*plan.Subnet) bool { return true })
	s := subnets[r.IntN(len(subnets))]
	q := Question{Scope: Scope{Subnets: []*plan.Subnet{s}}, Count: 64, Static: r.IntN(4) == 0}
	if !q.Static && r.IntN(2) == 0 {
		q.Scope.Subnets = subnets
	}
	if r.IntN(2) == 0 {
		q.Scope.Within = r.inside(s.Range)
	}
	for range r.IntN(3) {
		pool := Pool{Team: r.pick("one", "two"), Delegation: plan.Delegation{Ranges: []netipx.IPRange{r.inside(space), r.inside(space)}, Segment: r.pick("", "s")}}
		if r.IntN(2) == 0 {
			pool.Except = []netipx.IPRange{r.inside(pool.Ranges[0].Prefixes()[0])}
		}
		q.Pools = append(q.Pools, pool)
	}
	if r.IntN(2) == 0 {
		q.Wanted = func(p *Pool) bool { return p.Team == "one" }
	}
	for range r.IntN(3) * r.IntN(2) {
		q.Scans = append(q.Scans, r.scan())
	}
	return q
}

// scan is of a part of the space, in a segment that may be another.
func (r random) scan() Scan {
	s := Scan{File: "seen.json", Prefix: netip.PrefixFrom(space.Addr(), 26-r.IntN(3)).Masked(), Segment: r.pick("", "", "s", "u")}
	if r.IntN(3) == 0 {
		s.Prefix = r.prefix()
	}
	for a := s.Prefix.Addr(); s.Prefix.Contains(a); a = a.Next() {
		if r.IntN(6) == 0 {
			s.Heard = append(s.Heard, Heard{Address: a, Stations: []string{"m"}, Proxy: r.IntN(3) == 0})
		}
	}
	return s
}

// TestFreeAndWhyAgree asks of every address of random plans: it is offered if
// and only if nothing stands against it.
func TestFreeAndWhyAgree(t *testing.T) {
	plans := 600
	if sharedtest.Short() {
		plans = 150
	}
	r := random{rand.New(rand.NewPCG(1, 2))}
	offered, refused := 0, 0
	for range plans {
		p := r.plan()
		q := r.question(p)
		var got []netip.Addr
		answer := Free(p, q)
		for _, o := range answer.Offers {
			got = append(got, o.Address)
		}
		slices.SortFunc(got, netip.Addr.Compare)
		var want []netip.Addr
		for a := space.Addr(); space.Contains(a); a = a.Next() {
			if v := Why(p, q, a); len(v.Obstacles) == 0 {
				want = append(want, a)
			}
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(x, y netip.Addr) bool { return x == y })); diff != "" {
			t.Fatalf("free without an obstacle, and offered (-want +got):\n%s", diff)
		}
		if answer.Left.Int64() != int64(len(got)) {
			t.Fatalf("%d offered of %v", len(got), answer.Left)
		}
		offered += len(got)
		for _, c := range answer.Tally {
			refused += int(c.Size.Int64())
		}
	}
	if offered < plans || refused < plans {
		t.Errorf("%d offered, %d refused: the plans are too simple", offered, refused)
	}
}

// TestOffersPassLint takes each offered address for a new VM and lints the plan
// again: no rule may have anything to say about it.
func TestOffersPassLint(t *testing.T) {
	r := random{rand.New(rand.NewPCG(3, 4))}
	judged := 0
	for range 400 {
		p := r.plan()
		q := r.question(p)
		q.Scope.Subnets = q.Scope.Subnets[:1]
		for _, o := range Free(p, q).Offers {
			judged++
			for _, f := range lintWith(p, taken(q, o)) {
				t.Fatalf("%v was offered, and then: %s: %s", o.Address, f.Rule, f.Message)
			}
		}
	}
	if judged < 1000 {
		t.Errorf("only %d offers were judged", judged)
	}
}

// taken is the claim of whoever takes an offer: a new create-env VM in the
// scope's segment, or, for a static range, an instance of its network.
func taken(q Question, o Offer) plan.Claim {
	s := *q.Scope.Subnets[0]
	c := plan.Claim{
		Range: netipx.IPRangeFrom(o.Address, o.Address), Kind: plan.CreateEnvVM, Subnet: &s,
		Holder: &plan.Owner{Director: "new", Deployment: "new", Network: s.Network}, At: place.Place{File: "new.yml", Line: 1, Column: 1},
	}
	s.Director, s.Deployment = "new", "new"
	if q.Static {
		c.Kind, c.Subnet = plan.Static, q.Scope.Subnets[0]
		c.Holder = &plan.Owner{Director: c.Subnet.Director, Deployment: "new", InstanceGroup: "new", Network: c.Subnet.Network}
	}
	return c
}

func lintWith(p *plan.Plan, c plan.Claim) []lint.Finding {
	changed := *p
	changed.Subnets = append(slices.Clone(p.Subnets), c.Subnet)
	changed.Claims = append(slices.Clone(p.Claims), c)
	facts := lint.NewFacts(&changed)
	facts.Targets = lint.Targets{Some: true, Owners: []plan.Owner{{Director: c.Owner().Director, Deployment: "new"}}}
	findings := lint.Run(facts, lint.Rules())
	doubts, _ := facts.Doubts(func(*lint.Finding) bool { return false })
	for _, d := range doubts {
		findings = append(findings, lint.Finding{Rule: lint.HiddenAddressID, Message: d.Trouble().Message})
	}
	return findings
}

// TestContiguous looks for a run by trying every start: where there is one, one
// is offered, and what is offered is one.
func TestContiguous(t *testing.T) {
	r := random{rand.New(rand.NewPCG(5, 6))}
	found := 0
	for range 800 {
		p := r.plan()
		q := r.question(p)
		free := map[netip.Addr]bool{}
		for _, o := range Free(p, q).Offers {
			free[o.Address] = true
		}
		q.Contiguous, q.Count = true, 1+r.IntN(5)
		isRun := func(from netip.Addr) bool {
			for n := range q.Count {
				if !free[nth(from, n)] {
					return false
				}
			}
			return true
		}
		exists := false
		for a := space.Addr(); space.Contains(a); a = a.Next() {
			exists = exists || isRun(a)
		}
		offers := Free(p, q).Offers
		if exists != (len(offers) == q.Count) || !exists && len(offers) > 0 {
			t.Fatalf("%d in a row: %d offered, and a run exists: %t", q.Count, len(offers), exists)
		}
		for i, o := range offers {
			if o.Address != nth(offers[0].Address, i) || !isRun(offers[0].Address) {
				t.Fatalf("%d in a row: %v is no run of free addresses", q.Count, offers)
			}
		}
		if len(offers) > 1 {
			found++
		}
	}
	if found < 80 {
		t.Errorf("only %d runs were found", found)
	}
}

// TestWhoNamesEveryClaim compares with a look at each claim.
func TestWhoNamesEveryClaim(t *testing.T) {
	r := random{rand.New(rand.NewPCG(7, 8))}
	for range 2000 {
		p := r.plan()
		asked := r.inside(space)
		want := map[place.Place]int{}
		for _, c := range p.Claims {
			if c.Range.Overlaps(asked) {
				want[c.At] = 1
			}
		}
		h := Who(p, nil, asked)
		got := map[place.Place]int{}
		for _, segment := range h.Segments {
			for _, c := range segment.Claims {
				got[c.At] = 1 // in each segment that it may be in
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if len(h.Nearest) > 0 && !h.Nobody() {
			t.Fatal("nearest claims, though somebody has it")
		}
	}
}

func TestFind(t *testing.T) {
	subnet := func(director, network, cidr, segment, vlan string) *plan.Subnet {
		return &plan.Subnet{
			Director: director, Network: network, Range: netip.MustParsePrefix(cidr), Segment: segment,
			Identity: plan.IdentityOf(map[string]string{"name": vlan}, ""),
		}
	}
	p := &plan.Plan{Subnets: []*plan.Subnet{
		subnet("a", "default", "10.0.0.0/24", "lan", "VLAN-1"),
		subnet("b", "default", "10.0.0.0/24", "lan", "VLAN-1"),
		subnet("a", "dmz", "10.1.0.0/24", "", "VLAN-2"),
		subnet("b", "apps", "10.2.0.0/24", "left", ""),
		subnet("c", "apps", "10.2.0.0/24", "right", ""),
		{Network: "load balancer"},
	}}
	for name, want := range map[string]string{
		"lan": "a/default b/default", "default": "a/default b/default", "a/default": "a/default",
		"vlan-2": "a/dmz", "network VLAN-2": "a/dmz", "LAN": "a/default b/default", "10.0.0.0/23": "a/default b/default", "10.1.0.7": "a/dmz",
		"b/apps": "b/apps", "10.2.0.0/24": "b/apps c/apps",
		"apps": "ambiguous: b/apps c/apps", "dmzz": "not found", "10.9.0.0/24": "not found", "load balancer": "not found", "::/0": "not found",
	} {
		scope, err := Find(p, name)
		got := ""
		var ambiguous *Ambiguous
		var notFound *NotFound
		switch {
		case errors.As(err, &ambiguous):
			got = "ambiguous:"
			for _, c := range ambiguous.Choices {
				got += " " + c
			}
		case errors.As(err, &notFound):
			got = "not found"
		default:
			for i, s := range scope.Subnets {
				if i > 0 {
					got += " "
				}
				got += Network(s)
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
