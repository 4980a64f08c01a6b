package lint

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/plan"
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
	if findings[foldTo-1].Message != "9" {
		t.Error("what was given is changed")
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}
