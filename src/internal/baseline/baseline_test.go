//go:build !race

package baseline

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

func finding(rule, address string, line int) lint.Finding {
	a := netip.MustParseAddr(address)
	return lint.Finding{
		Rule: rule, Severity: lint.Error, Message: rule + " of " + address, Range: netipx.IPRangeFrom(a, a),
		Claims: []lint.Party{
			{Owner: plan.Owner{Director: "b", Deployment: "web"}, Kind: plan.Static, At: place.Place{File: "b.yml", Line: line, Column: 1}},
			{Owner: plan.Owner{Director: "a"}, Kind: plan.DynamicPool, At: place.Place{File: "a.yml", Line: 1, Column: 1}},
			{Owner: plan.Owner{Property: "load balancer"}, Kind: plan.External},
		},
	}
}

func rules(findings []lint.Finding) []string {
	var list []string
	for _, f := range findings {
		list = append(list, f.Rule+" "+plan.RangeText(f.Range))
	}
	return list
}

func written(t *testing.T, findings ...lint.Finding) *Baseline {
	t.Helper()
	text, err := Text(findings, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse("ipguard-baseline.json", text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOnlyNewFindingsRemain(t *testing.T) {
	b := written(t, finding("x", "10.0.0.1", 1), finding("y", "10.0.0.2", 2), finding("y", "10.0.0.2", 9))
	fresh, accepted := b.Judge([]lint.Finding{finding("x", "10.0.0.1", 77), finding("y", "10.0.0.3", 2), finding("z", "10.0.0.1", 1)}, true, nil)
	want := []string{"z 10.0.0.1", "y 10.0.0.3", "stale-baseline "}
	if diff := cmp.Diff(want, rules(fresh)); diff != "" || accepted != 1 {
		t.Errorf("%d accepted; (-want +got):\n%s", accepted, diff)
	}
	stale := fresh[2]
	if want := "the baseline accepts a finding of y that is gone: y of 10.0.0.2"; stale.Message != want {
		t.Errorf("message %q", stale.Message)
	}
	if stale.Claims[0].At.String() != "ipguard-baseline.json:17:1" {
		t.Errorf("the stale entry is at %s", stale.Claims[0].At)
	}
}

// TestNothingIsStaleInPart: what was not looked at is not gone.
func TestNothingIsStaleInPart(t *testing.T) {
	b := written(t, finding("x", "10.0.0.1", 1))
	if fresh, accepted := b.Judge(nil, false, nil); len(fresh) != 0 || accepted != 0 {
		t.Errorf("%v, %d", rules(fresh), accepted)
	}
}

// TestExceptionsAreNotAccepted: a baseline that hides its own state would rot.
func TestExceptionsAreNotAccepted(t *testing.T) {
	stale := lint.Finding{Rule: lint.StaleBaselineID, Message: "m", Claims: []lint.Party{{}}}
	text, err := Text([]lint.Finding{stale}, nil)
	if err != nil || strings.Contains(string(text), "stale") {
		t.Errorf("%s, %v", text, err)
	}
}

func TestTextDoesNotDependOnOrder(t *testing.T) {
	a, b := finding("x", "10.0.0.1", 1), finding("x", "10.0.0.2", 1)
	one, err := Text([]lint.Finding{a, b}, nil)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Text([]lint.Finding{b, a}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if string(one) != string(two) {
		t.Errorf("%s\n%s", one, two)
	}
	if !strings.Contains(string(one), `"owners": [
        "a",
        "b/web",
        "load balancer"
      ]`) {
		t.Errorf("owners are missing or not in order:\n%s", one)
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                  "it is no baseline: EOF",
		"directors: []":     "it is no baseline: invalid character 'd' looking for beginning of value",
		`{"version": 2}`:    "it is a baseline of version 2, and this program knows version 1",
		`{}`:                "it is a baseline of version 0, and this program knows version 1",
		`{"version": 1} {}`: "it is no baseline: something follows its end",
		`{"version": 1, "findings": [{"fingerprint": "1"}]}`: `it is no baseline: "1" is no fingerprint`,
		`{"version": 1, "finding": []}`:                      `it is no baseline: json: unknown field "finding"`,
	} {
		if _, err := Parse("f", []byte(text)); err == nil || err.Error() != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	text, err := Text([]lint.Finding{finding("x", "10.0.0.1", 1)}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version":1,"findings":[{"fingerprint":"0000000000000000000000000000000000000000000000000000000000000000"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := Parse("f", text)
		if err != nil {
			return
		}
		fresh, accepted := b.Judge(nil, true, nil)
		if accepted != 0 || len(fresh) > len(b.entries) {
			t.Errorf("%d accepted, %d stale of %d", accepted, len(fresh), len(b.entries))
		}
		for _, s := range fresh {
			if !s.Claims[0].At.IsValid() {
				t.Error("a stale entry without a place")
			}
		}
	})
}
