//go:build !race

package fencetext

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/fence"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

const text = "- range: 10.0.0.0/24\n  reserved: [10.0.0.2-10.0.0.3]\n- range: 10.0.1.0/24\n"

func files(uses int) Files {
	return Files{
		Read: func(path string) ([]byte, error) {
			if path != "cloud.yml" {
				return nil, errors.New("no such file")
			}
			return []byte(text), nil
		},
		Uses: func(path string) int {
			if path == "ops.yml" {
				return 0
			}
			return uses
		},
	}
}

// change reserves 10.0.0.8 and 10.0.0.20 to .29 in a subnet that stands at a line.
func change(at, reserved place.Place, claims ...*plan.Claim) fence.Change {
	return fence.Change{
		Subnet: &plan.Subnet{Director: "a", Network: "n", At: at, ReservedAt: reserved},
		Entries: []fence.Entry{
			{Range: netipx.MustParseIPRange("10.0.0.8-10.0.0.8"), For: claims},
			{Range: netipx.MustParseIPRange("10.0.0.20-10.0.0.29"), For: claims},
		},
	}
}

func TestEdit(t *testing.T) {
	first := place.Place{File: "cloud.yml", Line: 1, Column: 3}
	second := place.Place{File: "cloud.yml", Line: 3, Column: 3}
	list := place.Place{File: "cloud.yml", Line: 2, Column: 13}
	vip := &plan.Claim{Kind: plan.VIP, Holder: &plan.Owner{Deployment: "web", Property: "vip"}}
	pool := &plan.Claim{Kind: plan.DynamicPool, Holder: &plan.Owner{Director: "b\x1b[2J\n- 10.0.0.1"}}
	lb := &plan.Claim{Kind: plan.External, Holder: &plan.Owner{Property: "load balancer"}}
	edits, err := Edit([]fence.Change{change(first, list, vip), change(second, second, pool, pool, vip, lb)}, files(1))
	if err != nil || len(edits.ByHand) > 0 || len(edits.Files) != 1 {
		t.Fatal(edits, err)
	}
	want := "- range: 10.0.0.0/24\n  reserved: [10.0.0.2-10.0.0.3, 10.0.0.8, 10.0.0.20-10.0.0.29]\n- range: 10.0.1.0/24\n" +
		"  reserved:\n  - 10.0.0.8  # director b[2J- 10.0.0.1, vip of web and others\n  - 10.0.0.20 - 10.0.0.29  # director b[2J- 10.0.0.1, vip of web and others\n"
	if diff := cmp.Diff(want, string(edits.Files[0].After)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestByHand(t *testing.T) {
	at := place.Place{File: "cloud.yml", Line: 1, Column: 3}
	variable := place.Place{File: "vars.yml", Line: 1, Column: 1, Through: "taken"}
	for name, c := range map[string]struct {
		subnet, reserved place.Place
		uses             int
		reason           string
		where            string
	}{
		"a variable":              {at, variable, 1, "the variable ((taken))", "vars.yml:1:1"},
		"a whole subnet":          {variable, variable, 1, "the subnet is part of the variable ((taken))", "vars.yml:1:1"},
		"an ops file":             {place.Place{File: "ops.yml", Line: 1, Column: 3}, at, 1, "the subnet comes from ops.yml", "ops.yml:1:3"},
		"a list of an ops file":   {at, place.Place{File: "ops.yml", Line: 9, Column: 3}, 1, "reserved comes from ops.yml", "ops.yml:9:3"},
		"a file that two share":   {at, at, 2, "2 configs of the fleet are made from this file", "cloud.yml:1:3"},
		"standard input":          {place.Place{File: "-", Line: 1, Column: 1}, at, 1, "it was not read from a file", "-:1:1"},
		"a place without mapping": {place.Place{File: "cloud.yml", Line: 2, Column: 13}, at, 1, "no mapping begins here", "cloud.yml:2:13"},
	} {
		t.Run(name, func(t *testing.T) {
			edits, err := Edit([]fence.Change{change(c.subnet, c.reserved)}, files(c.uses))
			if err != nil || len(edits.Files) > 0 || len(edits.ByHand) != 1 {
				t.Fatal(edits, err)
			}
			h := edits.ByHand[0]
			if !strings.Contains(h.Reason, c.reason) || h.At.String() != c.where {
				t.Errorf("got %q at %s", h.Reason, h.At)
			}
			if diff := cmp.Diff([]string{"- 10.0.0.8", "- 10.0.0.20 - 10.0.0.29"}, h.Lines); diff != "" {
				t.Error(diff)
			}
		})
	}
	gone := place.Place{File: "gone.yml", Line: 1, Column: 1}
	if _, err := Edit([]fence.Change{change(gone, gone)}, files(1)); err == nil {
		t.Error("a file that is gone was edited")
	}
}
