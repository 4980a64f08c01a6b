//go:build !race

package addressmap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// made is a plan that is put together claim by claim.
type made struct{ plan.Plan }

func (m *made) subnet(director, cidr, segment string) *plan.Subnet {
	s := &plan.Subnet{Director: director, Network: "default", Segment: segment, At: place.Place{File: director + ".yml", Line: len(m.Subnets) + 1, Column: 1}}
	if cidr != "" {
		s.Range = netip.MustParsePrefix(cidr)
	}
	m.Subnets = append(m.Subnets, s)
	if !slices.Contains(m.Directors, director) {
		m.Directors = append(m.Directors, director)
	}
	return s
}

func (m *made) claim(s *plan.Subnet, kind plan.Kind, addresses, group string, index int) {
	c := plan.Claim{Kind: kind, Range: parseRange(addresses), Subnet: s, Index: index, At: place.Place{File: "web.yml", Line: len(m.Claims) + 1, Column: 1}}
	if s != nil {
		c.Holder = &plan.Owner{Director: s.Director, Network: s.Network, InstanceGroup: group}
		if group != "" {
			c.Holder.Deployment = "web"
		}
	}
	m.Claims = append(m.Claims, c)
}

func (m *made) build() *Map {
	return Build(&m.Plan, lint.Run(lint.NewFacts(&m.Plan), lint.Rules()))
}

func parseRange(text string) netipx.IPRange {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netipx.IPRangeFrom(addr, addr)
	}
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return netipx.RangeOfPrefix(prefix)
	}
	return netipx.MustParseIPRange(text)
}

// TestSpans compares spans with what holds of each address of a small range.
func TestSpans(t *testing.T) {
	plans := 500
	if sharedtest.Short() {
		plans = 60
	}
	for seed := range uint64(plans) {
		m := randomPlan(rand.New(rand.NewPCG(seed, 3)))
		for _, s := range m.build().Segments {
			checkSpans(t, seed, s)
			checkBlocks(t, seed, s)
		}
	}
}

func randomPlan(r *rand.Rand) *made {
	m := &made{}
	cidrs := []string{"10.0.0.0/22", "10.0.1.0/24", "10.0.2.64/26", "10.0.3.128/25"}
	kinds := []plan.Kind{plan.Static, plan.VIP, plan.CreateEnvVM, plan.StaticPool, plan.DynamicPool, plan.Compilation, plan.Reserved, plan.Gateway, plan.DNS}
	for i := range 1 + r.IntN(3) {
		s := m.subnet(string(rune('a'+i)), cidrs[r.IntN(len(cidrs))], []string{"", "one", "two"}[r.IntN(3)])
		first := s.Range.Addr().As4()
		size := 1 << (32 - s.Range.Bits())
		for range r.IntN(8) {
			a, b := r.IntN(size), r.IntN(size)
			if r.IntN(2) == 0 {
				b = a
			}
			at := func(n int) netip.Addr {
				return netip.AddrFrom4([4]byte{10, 0, first[2] + byte((int(first[3])+n)>>8), byte(int(first[3]) + n)})
			}
			m.claim(s, kinds[r.IntN(len(kinds))], netipx.IPRangeFrom(at(min(a, b)), at(max(a, b))).String(), "g", 0)
		}
	}
	if r.IntN(2) == 0 { // of no network that is known
		m.claim(nil, plan.VIP, fmt.Sprintf("10.0.%d.7", r.IntN(6)), "", 0)
	}
	return m
}

func checkSpans(t *testing.T, seed uint64, s *Segment) {
	t.Helper()
	at := 0
	for n := range 8 * 256 {
		a := netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})
		var holdings, conflicts []int
		for i, h := range s.Holdings {
			if h.Range.Contains(a) {
				holdings = append(holdings, i)
			}
		}
		for i, c := range s.Conflicts {
			if slices.ContainsFunc(c.Ranges, func(r netipx.IPRange) bool { return r.Contains(a) }) {
				conflicts = append(conflicts, i)
			}
		}
		inSubnet := slices.ContainsFunc(s.Subnets, func(s *plan.Subnet) bool { return s.Range.Contains(a) })
		for at < len(s.Spans) && s.Spans[at].Range.To().Less(a) {
			at++
		}
		covered := at < len(s.Spans) && s.Spans[at].Range.Contains(a)
		if covered != (inSubnet || len(holdings) > 0) {
			t.Fatalf("seed %d: %s: %s is in a span: %t", seed, s.Name, a, covered)
		}
		if !covered {
			continue
		}
		got := slices.Sorted(slices.Values(s.Spans[at].Holdings))
		if !slices.Equal(got, holdings) || !slices.Equal(s.Spans[at].Conflicts, conflicts) {
			t.Fatalf("seed %d: %s: %s: holdings %v, conflicts %v; want %v, %v", seed, s.Name, a, got, s.Spans[at].Conflicts, holdings, conflicts)
		}
		if first := s.Spans[at].Holdings; len(first) > 0 && telling(s.Holdings[first[0]].Kind) < slices.Max(tellings(s, first)) {
			t.Fatalf("seed %d: %s: the most telling claim is not first", seed, a)
		}
	}
}

// telling is 3 for what is in use, 2 for gateways and DNS servers, 1 for what may
// be handed out.
func telling(k plan.Kind) int {
	switch {
	case k.InUse():
		return 3
	case k == plan.Gateway || k == plan.DNS:
		return 2
	case k.Pool():
		return 1
	}
	return 0
}

func tellings(s *Segment, holdings []int) []int {
	var list []int
	for _, i := range holdings {
		list = append(list, telling(s.Holdings[i].Kind))
	}
	return list
}

func checkBlocks(t *testing.T, seed uint64, s *Segment) {
	t.Helper()
	next := 0
	for i, b := range s.Blocks {
		if i > 0 && !s.Blocks[i-1].Range.To().Less(b.Range.From()) {
			t.Fatalf("seed %d: blocks %s and %s", seed, s.Blocks[i-1].Range, b.Range)
		}
		if blockOf(b.Range.From()).From() != b.Range.From() || blockOf(b.Range.To()).To() != b.Range.To() || (plan.Size(b.Range).Int64() > BlockSize) != b.Band {
			t.Fatalf("seed %d: block %s is no block, or no band", seed, b.Range)
		}
		for j, span := range s.Spans {
			if span.Range.Overlaps(b.Range) != (b.First <= j && j <= b.Last) {
				t.Fatalf("seed %d: block %s has spans %d to %d, and %s", seed, b.Range, b.First, b.Last, span.Range)
			}
		}
		if b.First > next {
			t.Fatalf("seed %d: span %d is in no block", seed, next)
		}
		next = b.Last + 1
	}
	if next != len(s.Spans) {
		t.Fatalf("seed %d: the last %d spans are in no block", seed, len(s.Spans)-next)
	}
}

func TestBuild(t *testing.T) {
	m := &made{}
	a, b := m.subnet("a", "10.0.0.0/8", "lan"), m.subnet("b", "10.0.0.0/24", "lan")
	m.claim(a, plan.DynamicPool, "10.0.1.0-10.255.255.254", "", 0)
	m.claim(b, plan.DynamicPool, "10.0.0.16-10.0.0.254", "", 0)
	for i, address := range []string{"10.0.0.4", "10.0.0.5", "10.0.0.7"} {
		m.claim(a, plan.Static, address, "web", i)
	}
	m.claim(a, plan.Static, "10.0.0.20", "db", 0)
	m.claim(nil, plan.VIP, "192.0.2.1", "", 0)
	m.claim(m.subnet("c", "2001:db8::/48", "lan"), plan.DynamicPool, "2001:db8::/48", "", 0)

	var got strings.Builder
	for _, s := range m.build().Segments {
		fmt.Fprintf(&got, "%s of %v\n", s.Name, s.Directors)
		for _, h := range s.Holdings {
			fmt.Fprintf(&got, "  %s %s lines %d to %d\n", h.Kind, h.Range, h.At.Line, h.LastLine)
		}
		for _, c := range s.Conflicts {
			fmt.Fprintf(&got, "  %s at %v, of pools: %t\n", c.Rule, c.Ranges, c.Pools)
		}
		for _, b := range s.Blocks {
			fmt.Fprintf(&got, "  block %s, band: %t\n", b.Range, b.Band)
		}
	}
	want := `lan of [a b c]
  static 10.0.0.4-10.0.0.5 lines 3 to 4
  static 10.0.0.7-10.0.0.7 lines 5 to 5
  dynamic-pool 10.0.0.16-10.0.0.254 lines 2 to 2
  static 10.0.0.20-10.0.0.20 lines 6 to 6
  dynamic-pool 10.0.1.0-10.255.255.254 lines 1 to 1
  dynamic-pool 2001:db8::-2001:db8:0:ffff:ffff:ffff:ffff:ffff lines 8 to 8
  static-in-foreign-pool at [10.0.0.20-10.0.0.20], of pools: false
  block 10.0.0.0-10.0.0.255, band: false
  block 10.0.1.0-10.255.254.255, band: true
  block 10.255.255.0-10.255.255.255, band: false
  block 2001:db8::-2001:db8:0:ffff:ffff:ffff:ffff:ffff, band: true
no known network of []
  vip 192.0.2.1-192.0.2.1 lines 7 to 7
  block 192.0.2.0-192.0.2.255, band: false
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestOverlapOfPoolsIsExact holds that only common addresses are marked, not all
// from the first to the last.
func TestOverlapOfPoolsIsExact(t *testing.T) {
	m := &made{}
	a, b := m.subnet("a", "10.0.0.0/24", "lan"), m.subnet("b", "10.0.0.0/24", "lan")
	m.claim(a, plan.DynamicPool, "10.0.0.2-10.0.0.99", "", 0)
	m.claim(a, plan.DynamicPool, "10.0.0.200-10.0.0.254", "", 0)
	m.claim(b, plan.DynamicPool, "10.0.0.50-10.0.0.220", "", 0)
	s := m.build().Segments[0]
	if len(s.Conflicts) != 1 || !s.Conflicts[0].Pools || fmt.Sprint(s.Conflicts[0].Ranges) != "[10.0.0.50-10.0.0.99 10.0.0.200-10.0.0.220]" {
		t.Errorf("conflicts %+v", s.Conflicts)
	}
	for _, span := range s.Spans {
		both := span.Range.From() == netip.MustParseAddr("10.0.0.50") || span.Range.From() == netip.MustParseAddr("10.0.0.200")
		if (s.ClashOf(&span) == PoolClash) != both {
			t.Errorf("%s: clash %d", span.Range, s.ClashOf(&span))
		}
	}
}

func TestText(t *testing.T) {
	m := &made{}
	a, b := m.subnet("a", "10.0.0.0/16", "lan"), m.subnet("b\x1b[31m", "10.0.0.0/24", "lan")
	m.claim(a, plan.Gateway, "10.0.0.1", "", 0)
	m.claim(a, plan.DynamicPool, "10.0.0.64-10.0.255.254", "", 0)
	m.claim(b, plan.Reserved, "10.0.0.2-10.0.0.31", "", 0)
	m.claim(b, plan.DynamicPool, "10.0.0.96-10.0.0.127", "", 0)
	m.claim(b, plan.Static, "10.0.0.200", "web", 0)
	for width, want := range map[int]string{
		70: `lan  10.0.0.0/16  a, b\x1b[31m  2 conflicts
               .0      .64     .128    .192
10.0.0.0/24    G---....dddd%%%%ddddddddd!dddddd  a 192, b\x1b[31m 33
10.0.1.0 …     dddddddddddddddddddddddddddddddd  to 10.0.254.255: dyn…
10.0.255.0/24  dddddddddddddddddddddddddddddddd  a 255
! director a (network default) and director b\x1b[31m (network
  default) may both hand out 10.0.0.96/27 [overlapping-pools]
! 10.0.0.200, instance web/0 of deployment web (director b\x1b[31m),
  lies in what director a hands out by itself on network default
  [static-in-foreign-pool]

! conflict   % pools overlap   G gateway   d dynamic pool   - reserved
. unclaimed
`,
		30: `lan  10.0.0.0/16  a, b\x1b[31m
  2 conflicts
               .0      .128
10.0.0.0/24    G-..dd%%dddd!ddd
10.0.1.0 …     dddddddddddddddd
10.0.255.0/24  dddddddddddddddd
! director a (network default)
  and director b\x1b[31m
  (network default) may both
  hand out 10.0.0.96/27
  [overlapping-pools]
! 10.0.0.200, instance web/0
  of deployment web (director
  b\x1b[31m), lies in what
  director a hands out by
  itself on network default
  [static-in-foreign-pool]

! conflict   % pools overlap
G gateway   d dynamic pool
- reserved   . unclaimed
`,
	} {
		var out bytes.Buffer
		if err := WriteText(&out, m.build(), TextOptions{Width: width}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("width %d: -want +got:\n%s", width, diff)
		}
	}
	var plain, colored bytes.Buffer
	_ = WriteText(&plain, m.build(), TextOptions{})
	_ = WriteText(&colored, m.build(), TextOptions{Color: true})
	if !strings.Contains(colored.String(), "\x1b[1;97;41m!\x1b[0m") {
		t.Errorf("the conflict has no colour:\n%q", colored.String())
	}
	if diff := cmp.Diff(plain.String(), withoutColor(colored.String())); diff != "" {
		t.Errorf("colour changes more than colour:\n%s", diff)
	}
	var none bytes.Buffer
	_ = WriteText(&none, Build(&plan.Plan{}, nil), TextOptions{})
	if none.String() != "no addresses\n" {
		t.Errorf("an empty map is %q", none.String())
	}
}

func withoutColor(s string) string {
	for {
		before, after, found := strings.Cut(s, "\x1b[")
		if !found {
			return s
		}
		_, rest, _ := strings.Cut(after, "m")
		s = before + rest
	}
}

// hostile are names that try to leave the place where they are put.
var hostile = []string{"</script><script>document.title='hijacked'</script>", `"><img src=x onerror="document.title='hijacked'">`, "{{data}}", "'-->\u2028<!--"}

func hostileMap() *Map {
	m := &made{}
	for i, name := range hostile {
		s := m.subnet(name, fmt.Sprintf("10.0.%d.0/24", i), name)
		s.Network = name
		m.claim(s, plan.Static, fmt.Sprintf("10.0.%d.9", i), name, 0)
		m.claim(s, plan.Static, fmt.Sprintf("10.0.%d.9", i), name+"2", 0)
	}
	return m.build()
}

// TestPageIsEscaped holds that no name of a file gets into the page but as data.
func TestPageIsEscaped(t *testing.T) {
	var out bytes.Buffer
	options := PageOptions{Version: hostile[0], Failures: []trouble.Trouble{{Message: hostile[1]}}}
	if err := WriteHTML(&out, hostileMap(), options); err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(out.String(), `<script type="application/json" id="data">`)
	data, after, ends := strings.Cut(rest, "</script>")
	if !found || !ends || strings.Contains(before+after, "hijacked") || strings.ContainsAny(data, "<>&\u2028") {
		t.Error("a name is outside of the data, or not escaped in it")
	}
	var p page
	if err := json.Unmarshal([]byte(data), &p); err != nil || p.Version != hostile[0] || p.Failures[0] != hostile[1] || p.Segments[0].Name != hostile[0] {
		t.Errorf("the data do not hold what they should: %v", err)
	}
	if strings.Contains(before+after, "unsafe") || strings.Count(out.String(), "<script") != 2 || strings.Contains(before, "http://") || strings.Contains(before, "https://") {
		t.Error("the page asks for more than it needs")
	}
}

// TestPageTurnsNoText holds that what turns or hides text is written out, and told apart
// from nothing else.
func TestPageTurnsNoText(t *testing.T) {
	const name, shown = "a\u202eb\x7f\ufeff\U000e0001 \\u202e é", `a\u202eb\x7f\ufeff\U000e0001 \u202e é`
	var out bytes.Buffer
	if err := WriteHTML(&out, hostileMap(), PageOptions{Version: name}); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(out.String(), `<script type="application/json" id="data">`)
	data, _, _ := strings.Cut(rest, "</script>")
	var p page
	if err := json.Unmarshal([]byte(data), &p); err != nil || p.Version != shown {
		t.Errorf("%q %v", p.Version, err)
	}
	var b bytes.Buffer
	if err := WriteJSON(&b, hostileMap(), 0, []trouble.Trouble{{Message: name}}, nil); err != nil || strings.ContainsAny(out.String()+b.String(), "\u202e\x7f\ufeff\U000e0001") {
		t.Errorf("%v: a character is there as it is", err)
	}
}

// TestAddressesOfBlocks holds that stems make the texts of all addresses.
func TestAddressesOfBlocks(t *testing.T) {
	for _, cidr := range []string{"10.0.0.0/24", "10.255.3.0/24", "2001:db8::/120", "2001:db8::1200/120", "2001:db8:1:2:3:4:5:ff00/120", "::/120", "fe80::1:0/120"} {
		r := netipx.RangeOfPrefix(netip.MustParsePrefix(cidr))
		stem, high := stemOf(&Block{Range: r})
		for n, a := 0, r.From(); n < BlockSize; n, a = n+1, a.Next() {
			text := fmt.Sprintf("%s%d", stem, n)
			if high >= 0 {
				text = fmt.Sprintf("%s%x", stem, high*BlockSize+n)
			}
			if got, err := netip.ParseAddr(text); err != nil || got != a {
				t.Fatalf("%s: address %d is %q, want %s", cidr, n, text, a)
			}
		}
	}
}

// TestEveryKindHasALook holds that no kind is missing, and no sign stands for two.
func TestEveryKindHasALook(t *testing.T) {
	signs := map[rune]bool{signConflict: true, signOverlap: true, signUnclaimed: true, signOutside: true}
	for k := plan.Kind(1); k.String() != "unknown"; k++ {
		l := lookOf(k)
		if l.sign == '*' || signs[l.sign] {
			t.Errorf("%s has no sign of its own, but %q", k, l.sign)
		}
		signs[l.sign] = true
	}
}

// TestManyThatMayBeAnywhere: of a thousand ranges that hide a few are drawn, and yet each
// address at which any of them may be is marked.
func TestManyThatMayBeAnywhere(t *testing.T) {
	var m made
	for i := range 20 {
		m.subnet("a", fmt.Sprintf("10.0.%d.0/24", i), []string{"left", "right"}[i%2])
	}
	hide := func(line int, addresses ...string) {
		s := &plan.Subnet{Director: "b", Network: "default", Segment: []string{"left", "right"}[line%2]}
		o := plan.Owner{Director: "b", Network: "default"}
		spot := plan.BlindSpot{Owner: o, Variable: fmt.Sprint("range_", line), Reason: plan.NoValue, At: place.Place{File: "b.yml", Line: line, Column: 1}}
		for _, a := range addresses {
			spot.May = append(spot.May, plan.Claim{Range: parseRange(a), Kind: plan.DynamicPool, Subnet: s, Holder: o.Held()})
		}
		m.BlindSpots = append(m.BlindSpots, spot)
	}
	marked := func() (ranges []netipx.IPRange, drawn int) {
		var set netipx.IPSetBuilder
		for _, segment := range m.build().Segments {
			for _, h := range segment.Holdings {
				if h.Kind == plan.Hidden {
					set.AddRange(h.Range)
					drawn++
				}
			}
		}
		all, err := set.IPSet()
		if err != nil {
			t.Fatal(err)
		}
		return all.Ranges(), drawn
	}
	for line := range 1000 { // each leaves its own gateway out, and all a sibling
		gateway := parseRange(fmt.Sprintf("10.0.%d.9", line%19)).From()
		hide(line+1, "0.0.0.0-"+gateway.Prev().String(), gateway.Next().String()+"-10.0.18.255", "10.0.20.0-255.255.255.255")
	}
	many, drawn := marked()
	if want := []netipx.IPRange{parseRange("10.0.0.0-10.0.18.255")}; !slices.Equal(many, want) {
		t.Errorf("a thousand mark %v, not %v", many, want)
	}
	if drawn > 2*2*mostAnywhere*10 {
		t.Errorf("%d are drawn", drawn)
	}
	hide(1002, "10.0.19.0-255.255.255.255") // the right one has no such subnet
	hide(1003, "10.0.19.0-255.255.255.255")
	if all, _ := marked(); len(all) != 1 || all[0] != parseRange("10.0.0.0-10.0.19.255") {
		t.Errorf("with two that may be where no other is, %v is marked", all)
	}
}
