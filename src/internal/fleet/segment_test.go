package fleet

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

const segmentsText = `directors: [{name: promo}, {name: dr-west}]
segments:
- name: vlan-52
  subnets:
  - {director: promo, network: default}
  - {cloud_properties: {name: VLAN-52}}
- name: dmz
  subnets: [{director: dr-west, range: 192.168.0.0/16}]
- name: lab
  subnets:
  - {deployment: lab-env, cloud_properties: {vlan: {id: 7}, ids: [1, 2]}}
  - {network: v6, range: "2001:db8::/32"}
`

func TestSegmentOf(t *testing.T) {
	file, errs := Parse(FileName, []byte(segmentsText))
	if len(errs) > 0 {
		t.Fatal(lines(errs))
	}
	subnet := func(director, network, deployment, cidr string, properties ...string) *plan.Subnet {
		s := &plan.Subnet{Director: director, Network: network, Deployment: deployment, CloudProperties: map[string]string{}}
		if cidr != "" {
			s.Range = netip.MustParsePrefix(cidr)
		}
		for _, p := range properties {
			key, value, _ := strings.Cut(p, "=")
			s.CloudProperties[key] = value
		}
		return s
	}
	for _, c := range []struct {
		name, want string
		subnet     *plan.Subnet
	}{
		{"director and network", "vlan-52", subnet("promo", "default", "", "10.8.52.0/24")},
		{"another network", "", subnet("promo", "other", "", "10.8.52.0/24")},
		{"another director", "", subnet("dr-west", "default", "", "10.8.52.0/24")},
		{"cloud property of any director", "vlan-52", subnet("east", "x", "", "", "name=VLAN-52", "more=1")},
		{"its value in other letters", "", subnet("east", "x", "", "", "name=vlan-52")},
		{"its value behind a variable", "", subnet("east", "x", "", "", "name=((vlan))")},
		{"two segments claim it", "", subnet("dr-west", "x", "", "192.168.3.0/24", "name=VLAN-52")},
		{"the range itself", "dmz", subnet("dr-west", "x", "", "192.168.0.0/16")},
		{"a part of the range", "dmz", subnet("dr-west", "x", "", "192.168.9.0/24")},
		{"more than the range", "", subnet("dr-west", "x", "", "192.0.0.0/8")},
		{"another range", "", subnet("dr-west", "x", "", "10.0.0.0/24")},
		{"no range", "", subnet("dr-west", "x", "", "")},
		{"nested properties", "lab", subnet("a", "n", "lab-env", "", "vlan.id=7", "ids.0=1", "ids.1=2")},
		{"one of them missing", "", subnet("a", "n", "lab-env", "", "vlan.id=7", "ids.0=1")},
		{"a cloud-config's network", "", subnet("a", "n", "", "", "vlan.id=7", "ids.0=1", "ids.1=2")},
		{"IPv6", "lab", subnet("a", "v6", "", "2001:db8:1::/64")},
	} {
		if got := file.SegmentOf(c.subnet); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCheckSegments(t *testing.T) {
	file, errs := Parse(FileName, []byte(segmentsText))
	if len(errs) > 0 {
		t.Fatal(lines(errs))
	}
	both := &plan.Subnet{Director: "dr-west", Network: "x", Range: netip.MustParsePrefix("192.168.3.0/24"),
		CloudProperties: map[string]string{"name": "VLAN-52"}, At: place.Place{File: "cc.yml", Line: 3, Column: 5}}
	contradictions, idle := file.CheckSegments([]*plan.Subnet{both})
	if got, want := lines(contradictions), "3:5 the fleet file puts network x of dr-west into two segments, vlan-52 and dmz\n"+
		"  hint: describe the segments so that each subnet matches one; until then it counts as undecided\n"; got != want {
		t.Errorf("got %s", got)
	}
	var places []string
	for _, e := range idle {
		places = append(places, e.At.String())
	}
	if got := strings.Join(places, " "); got != "ipguard.yml:5:5 ipguard.yml:11:5 ipguard.yml:12:5" {
		t.Errorf("idle matches at %s", got)
	}
}

// TestBrokenMatchMatchesNothing: by its other keys it would isolate everything of
// the director.
func TestBrokenMatchMatchesNothing(t *testing.T) {
	file, errs := Parse(FileName, []byte("directors: [{name: promo}]\nsegments: [{name: s, subnets: [{director: promo, netwrok: default}]}]\n"))
	if len(errs) != 1 {
		t.Fatalf("errors: %s", lines(errs))
	}
	s := &plan.Subnet{Director: "promo", Network: "default"}
	if got := file.SegmentOf(s); got != "" {
		t.Errorf("it puts the subnet into %q", got)
	}
	if _, idle := file.CheckSegments([]*plan.Subnet{s}); len(idle) > 0 {
		t.Errorf("what is wrong is told twice: %s", lines(idle))
	}
}
