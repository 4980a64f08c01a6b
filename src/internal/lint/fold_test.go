//go:build !race

package lint

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/ipguard/ipguard/src/internal/plan"
	"go4.org/netipx"
)

func TestFolded(t *testing.T) {
	from, to := folds[0].from, folds[0].to
	var findings []Finding
	add := func(n int, rule, group string) {
		for i := range n {
			findings = append(findings, Finding{Rule: rule, Message: fmt.Sprint(i), Claims: []Party{{Owner: plan.Owner{Director: "a", InstanceGroup: group}}}})
		}
	}
	add(20_000, "one", "")
	add(from, "two", "")
	add(from+1, "three", "g")
	add(1, "three", "h")
	shown := Folded(findings)
	if want := to + from + to + 1; len(shown) != want {
		t.Fatalf("%d findings are shown, want %d", len(shown), want)
	}
	if last := shown[to-1].Told(); last != "9, and 19,990 more of the same owners" {
		t.Errorf("the last one says %q", last)
	}
	for i, f := range shown {
		if more := (f.More != nil); more != (i == to-1 || i == 2*to+from-1) {
			t.Errorf("%d: %q", i, f.Message)
		}
	}
	address := netipx.IPRangeFrom(netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.1"))
	var twice []Finding
	for i := range 300 {
		twice = append(twice, Finding{Rule: "one", Message: fmt.Sprint(i), Range: address, Claims: []Party{{Owner: plan.Owner{Director: fmt.Sprint(i)}}}})
	}
	if shown := Folded(twice); len(shown) != to || shown[to-1].Told() != "9, and 290 more about the same addresses: 10.0.0.1" {
		t.Errorf("of 300 owners of one address, %d findings are shown: %v", len(shown), shown)
	}
	if findings[to-1].Message != "9" {
		t.Error("what was given is changed")
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

// However many owners, networks and directors there are, what is shown is bounded, and what
// is not shown is counted.
func TestFoldedAreBounded(t *testing.T) {
	for name, claims := range map[string]func(i int) Party{
		"groups of two directors": func(i int) Party { return Party{Owner: plan.Owner{Director: "a", InstanceGroup: fmt.Sprint(i)}} },
		"directors":               func(i int) Party { return Party{Owner: plan.Owner{Director: fmt.Sprint(i)}} },
		"both": func(i int) Party {
			return Party{Owner: plan.Owner{Director: fmt.Sprint(i % 50), InstanceGroup: fmt.Sprint(i % 7000)}}
		},
	} {
		const n = 20_000
		var findings []Finding
		for i := range n {
			findings = append(findings, Finding{Rule: "one", Message: "m", Claims: []Party{claims(i)}})
		}
		shown := Folded(findings)
		if len(shown) > 100 {
			t.Errorf("%s: %d findings are shown", name, len(shown))
		}
		told := len(shown)
		for _, f := range shown {
			if f.More != nil {
				told += f.More.Findings
			}
		}
		if told != n {
			t.Errorf("%s: %d of %d findings are shown or counted", name, told, n)
		}
	}
}

// TestFoldedLosesNothing folds random findings: each address and each owner stands in one
// that is shown, or in what it stands for.
func TestFoldedLosesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for range 8 {
		var findings []Finding
		directors, owners, hosts := 1+r.IntN(4), 1+r.IntN(500), 1+r.IntN(250)
		for range 1 + r.IntN(2500) {
			a := netip.AddrFrom4([4]byte{10, 0, byte(r.IntN(3)), byte(r.IntN(hosts))})
			findings = append(findings, Finding{
				Rule: fmt.Sprint(r.IntN(2)), Range: netipx.IPRangeFrom(a, a),
				Claims: []Party{
					{Owner: plan.Owner{Director: fmt.Sprint(r.IntN(directors)), Deployment: fmt.Sprint(r.IntN(owners))}},
					{Owner: plan.Owner{Property: fmt.Sprint(r.IntN(owners))}, Kind: plan.External},
				},
			})
		}
		shown := Folded(findings)
		addresses, names, n := map[netip.Addr]bool{}, map[string]bool{}, len(shown)
		for i := range shown {
			f := &shown[i]
			addresses[f.Range.From()] = true
			for _, p := range f.Claims {
				names[p.Name()] = true
			}
			if f.More == nil {
				continue
			}
			n += f.More.Findings
			for _, r := range f.More.Addresses {
				for a := r.From(); r.Contains(a); a = a.Next() {
					addresses[a] = true
				}
			}
			for _, name := range f.More.Owners {
				names[name] = true
			}
		}
		if n != len(findings) {
			t.Fatalf("%d of %d findings are shown or counted", n, len(findings))
		}
		for _, f := range findings {
			if !addresses[f.Range.From()] || !names[f.Claims[0].Name()] || !names[f.Claims[1].Name()] {
				t.Fatalf("nothing is said of %s, of %s and %s", f.Range.From(), f.Claims[0].Name(), f.Claims[1].Name())
			}
		}
	}
}

// TestFoldedAreKnownAgain holds the fingerprints of what is shown against the set of all that
// was found: they are the same where all is the same, in whatever order, and others where one
// finding came, went, or is about something else.
func TestFoldedAreKnownAgain(t *testing.T) {
	kinds := []func(f *Finding, i int){
		func(f *Finding, i int) { // of the same owners
			a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 7), byte(i<<1) | 1})
			f.Range = netipx.IPRangeFrom(a, a)
		},
		func(f *Finding, i int) { // about the same addresses
			a := netip.AddrFrom4([4]byte{10, 0, 0, 1})
			f.Range, f.Claims[0].Owner.Deployment = netipx.IPRangeFrom(a, a), fmt.Sprint(i)
		},
		func(f *Finding, i int) { f.Message, f.Claims[0].Owner.Network = fmt.Sprint(i), fmt.Sprint(i) }, // of the same directors
	}
	prints := func(findings []Finding) map[string]bool {
		all := map[string]bool{}
		for _, f := range Folded(findings) {
			all[f.Fingerprint(nil)] = true
		}
		return all
	}
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 5))
		kind := kinds[r.IntN(len(kinds))]
		var findings []Finding
		for i := range 301 + r.IntN(100) {
			f := Finding{Rule: "one", Severity: Error, Claims: []Party{{Owner: plan.Owner{Director: "a"}}, {Owner: plan.Owner{Director: "b"}}}}
			kind(&f, i)
			findings = append(findings, f)
		}
		before := prints(findings[:len(findings)-1])
		after := prints(findings)
		if maps.Equal(before, after) {
			t.Fatalf("seed %d: one finding more of %d has no fingerprint", seed, len(findings))
		}
		below := 10 + r.IntN(len(findings)-11)
		if r.IntN(2) == 0 {
			findings[below], findings[below+1] = findings[below+1], findings[below]
			if again := prints(findings); !maps.Equal(after, again) {
				t.Fatalf("seed %d: the order of what is not shown changes fingerprints", seed)
			}
			continue
		}
		claims := slices.Clone(findings[below].Claims)
		claims[0].Owner.Network += "x"
		findings[below].Claims = claims
		if again := prints(findings); maps.Equal(after, again) {
			t.Fatalf("seed %d: finding %d of %d is about another network, and no fingerprint tells", seed, below, len(findings))
		}
	}
}
