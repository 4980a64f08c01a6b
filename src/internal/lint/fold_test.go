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
	var findings []Finding
	add := func(n int, rule, group string) {
		for i := range n {
			findings = append(findings, Finding{Rule: rule, Message: fmt.Sprint(i), Claims: []Party{{Owner: plan.Owner{Director: "a", InstanceGroup: group}}}})
		}
	}
	add(20_000, "one", "")
	add(foldFrom, "two", "")
	add(foldFrom+1, "three", "g")
	add(1, "three", "h")
	shown := Folded(findings)
	if want := foldTo + foldFrom + foldTo + 1; len(shown) != want {
		t.Fatalf("%d findings are shown, want %d", len(shown), want)
	}
	if last := shown[foldTo-1].Message; last != "9, and 19,990 more of the same owners" {
		t.Errorf("the last one says %q", last)
	}
	for i, f := range shown {
		if more := strings.Contains(f.Message, "more"); more != (i == foldTo-1 || i == 2*foldTo+foldFrom-1) {
			t.Errorf("%d: %q", i, f.Message)
		}
	}
	address := netipx.IPRangeFrom(netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.1"))
	var twice []Finding
	for i := range 300 {
		twice = append(twice, Finding{Rule: "one", Message: fmt.Sprint(i), Range: address, Claims: []Party{{Owner: plan.Owner{Director: fmt.Sprint(i)}}}})
	}
	if shown := Folded(twice); len(shown) != foldTo || shown[foldTo-1].Message != "9, and 290 more about the same addresses" {
		t.Errorf("of 300 owners of one address, %d findings are shown: %v", len(shown), shown)
	}
	if findings[foldTo-1].Message != "9" {
		t.Error("what was given is changed")
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}
