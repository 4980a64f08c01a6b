package lint

import (
	"fmt"
	"net/netip"
	"strings"
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
	if last := shown[to-1].Message; last != "9, and 19,990 more of the same owners" {
		t.Errorf("the last one says %q", last)
	}
	for i, f := range shown {
		if more := strings.Contains(f.Message, "more"); more != (i == to-1 || i == 2*to+from-1) {
			t.Errorf("%d: %q", i, f.Message)
		}
	}
	address := netipx.IPRangeFrom(netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.1"))
	var twice []Finding
	for i := range 300 {
		twice = append(twice, Finding{Rule: "one", Message: fmt.Sprint(i), Range: address, Claims: []Party{{Owner: plan.Owner{Director: fmt.Sprint(i)}}}})
	}
	if shown := Folded(twice); len(shown) != to || shown[to-1].Message != "9, and 290 more about the same addresses" {
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
			for _, part := range strings.Split(f.Message, ", and ")[1:] {
				var more int
				if _, err := fmt.Sscan(strings.ReplaceAll(part, ",", ""), &more); err != nil {
					t.Fatal(err)
				}
				told += more
			}
		}
		if told != n {
			t.Errorf("%s: %d of %d findings are shown or counted", name, told, n)
		}
	}
}
