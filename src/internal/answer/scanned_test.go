//go:build !race

package answer

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// TestScansAreEvidence: two isolated segments with one range, and scans of one of
// them, of both, and of something else.
func TestScansAreEvidence(t *testing.T) {
	var m made
	left := m.subnet("a", "x", "10.0.0.0/29", "left")
	right := m.subnet("b", "x", "10.0.0.0/29", "right")
	scan := func(prefix, segment string, heard ...string) Scan {
		s := Scan{File: segment + ".json", Prefix: netip.MustParsePrefix(prefix), Segment: segment}
		for _, text := range heard {
			address, proxy := strings.CutSuffix(text, "?")
			s.Heard = append(s.Heard, Heard{Address: netip.MustParseAddr(address), Stations: []string{"m"}, Proxy: proxy})
		}
		return s
	}
	for _, test := range []struct {
		name    string
		subnets []*plan.Subnet
		scans   []Scan
		want    string
		foreign int
	}{
		{name: "none", subnets: m.Subnets, want: "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6"},
		{name: "of any segment", subnets: m.Subnets, scans: []Scan{scan("10.0.0.0/29", "", "10.0.0.2")}, want: "10.0.0.1 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6"},
		{name: "of a part", subnets: m.Subnets[:1], scans: []Scan{scan("10.0.0.4/30", "left")}, want: "10.0.0.4 10.0.0.5 10.0.0.6"},
		{name: "of one of two segments", subnets: m.Subnets, scans: []Scan{scan("10.0.0.0/29", "left", "10.0.0.2")}, want: ""},
		{name: "of both, each its part", subnets: m.Subnets,
			scans: []Scan{scan("10.0.0.0/29", "left", "10.0.0.2"), scan("10.0.0.0/30", "RIGHT", "10.0.0.3")}, want: "10.0.0.1"},
		{name: "of the other segment", subnets: []*plan.Subnet{left}, scans: []Scan{scan("10.0.0.0/29", "right", "10.0.0.2")}, want: "", foreign: 1},
		{name: "of both, asked of one", subnets: []*plan.Subnet{right},
			scans: []Scan{scan("10.0.0.0/29", "left", "10.0.0.2"), scan("10.0.0.0/29", "right", "10.0.0.3")}, want: "10.0.0.1 10.0.0.2 10.0.0.4 10.0.0.5 10.0.0.6", foreign: 1},
		{name: "of other addresses", subnets: m.Subnets, scans: []Scan{scan("10.0.1.0/29", "")}, want: "", foreign: 1},
		{name: "behind a proxy", subnets: []*plan.Subnet{left}, scans: []Scan{scan("10.0.0.0/29", "", "10.0.0.1?", "10.0.0.2")}, want: "10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6"},
		{name: "behind a proxy, and once not", subnets: []*plan.Subnet{left},
			scans: []Scan{scan("10.0.0.0/30", "left"), scan("10.0.0.0/29", "left", "10.0.0.1?", "10.0.0.4?")}, want: "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.5 10.0.0.6"},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := Question{Scope: Scope{Subnets: test.subnets}, Count: 8, Scans: test.scans}
			if got := offered(&m.Plan, q); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
			if got := len(Foreign(&m.Plan, q)); got != test.foreign {
				t.Errorf("foreign: %d, want %d", got, test.foreign)
			}
		})
	}
}
