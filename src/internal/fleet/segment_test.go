//go:build !race

package fleet

import (
	"fmt"
	"math/rand/v2"
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
	contradictions, idle := file.CheckSegments([]*plan.Subnet{both}, nil)
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
	if _, idle := file.CheckSegments([]*plan.Subnet{s}, nil); len(idle) > 0 {
		t.Errorf("what is wrong is told twice: %s", lines(idle))
	}
}

// TestHiddenPartsAgainstTheirValues hides a part of a network that segments may ask for: a
// name, all of cloud_properties or a key of them, the range. It fills in every value that
// counts. Where some of them prove two segments and others do not, or would prove one, nobody
// knows; where all agree, hiding changes nothing. An entry is idle where no value is what it
// asks for.
func TestHiddenPartsAgainstTheirValues(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 1))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	entry := func() string {
		return pick(
			"{director: a}", "{director: b}", "{network: LAB}", "{director: b, network: NET}", "{cloud_properties: {name: LAB}}",
			"{cloud_properties: {name: NET}}", "{director: a, cloud_properties: {name: NET}}", "{director: b, range: 10.0.0.0/24}",
			"{director: b, cloud_properties: {zone: LAB}}", "{director: b, range: 10.0.1.0/24, network: net}", "{director: b, cloud_properties: {zone: {name: LAB}}}",
		)
	}
	values := []string{"LAB", "NET", "LANE", "other"}
	differ, idle := map[string]int{}, 0
	for range 10_000 {
		text := fmt.Sprintf("directors: [{name: a}, {name: b}]\nsegments:\n- {name: one, subnets: [%s]}\n- {name: two, subnets: [%s]}\n", entry(), entry())
		file, errs := Parse(FileName, []byte(text))
		if len(errs) > 0 {
			t.Fatal(lines(errs))
		}
		other := subnetNamed("a", pick(values...), pick(values...))
		part := pick("name of network", "name", "LA((v)) as name", "cloud_properties", "key", "key of map", "map", "range")
		hidden, filled := hiddenSubnet(part), filledSubnets(part, values)
		contradicts := false // which is told by itself
		contact := func(s *plan.Subnet) plan.Contact {
			for _, s := range []*plan.Subnet{s, other} {
				s.Segment, s.Perhaps = file.SegmentsOf(s)
				contradicts = contradicts || len(file.segmentsOf(s)) > 1
			}
			return plan.ContactOf(s, other)
		}
		seen := map[bool]bool{} // whether the two are apart
		for _, s := range filled {
			seen[contact(s).Relation == plan.Isolated] = true
		}
		got := contact(hidden).Relation
		_, without := file.CheckSegments(append(filled, other), nil)
		if _, with := file.CheckSegments([]*plan.Subnet{hidden, other}, nil); len(with) > len(without) {
			t.Fatalf("%sthe %s of b hides, and entries are idle that some value fits: %s", text, part, lines(with))
		}
		idle += len(without)
		if contradicts {
			continue
		}
		if len(seen) > 1 {
			differ[part]++
		}
		if want := len(seen) > 1; (got == plan.Unseen) != want || !want && (got == plan.Isolated) != seen[true] {
			t.Fatalf("%sthe %s of b hides, %v, beside %s %v of a: relation %d, the values say %v", text, part, hidden.CloudProperties, other.Network, other.CloudProperties, got, seen)
		}
	}
	for _, part := range []string{"name of network", "name", "LA((v)) as name", "cloud_properties", "key", "key of map", "map", "range"} {
		if differ[part] < 20 {
			t.Errorf("%s: of %d fleets alone the values say different things", part, differ[part])
		}
	}
	if idle < 100 {
		t.Errorf("%d entries were idle", idle)
	}
}

// hiddenSubnet is a subnet of director b of which a part hides.
func hiddenSubnet(part string) *plan.Subnet {
	const v = "((v))"
	switch part {
	case "name of network":
		return subnetNamed("b", v, "NET")
	case "name":
		return subnetNamed("b", "net", v)
	case "LA((v)) as name":
		return subnetNamed("b", "net", "LA((v))")
	case "range":
		s := subnetNamed("b", "net", "NET")
		s.Range, s.RangeHidden = netip.Prefix{}, v
		return s
	case "cloud_properties":
		return subnetWith("b", "net", map[string]string{"": v})
	case "key":
		return subnetWith("b", "net", map[string]string{v: "LAB"})
	case "key of map":
		return subnetWith("b", "net", map[string]string{"name": "NET", "zone." + v: "LAB"})
	}
	return subnetWith("b", "net", map[string]string{"name": "NET", "zone": v})
}

// filledSubnets are what hiddenSubnet may be, as far as the test's segments tell it.
func filledSubnets(part string, values []string) (list []*plan.Subnet) {
	with := func(properties map[string]string) { list = append(list, subnetWith("b", "net", properties)) }
	switch part {
	case "name of network":
		for _, v := range values {
			list = append(list, subnetNamed("b", v, "NET"))
		}
	case "name", "LA((v)) as name":
		for _, v := range values {
			if part == "name" || strings.HasPrefix(v, "LA") {
				list = append(list, subnetNamed("b", "net", v))
			}
		}
	case "range":
		for _, r := range []string{"10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"} {
			s := subnetNamed("b", "net", "NET")
			s.Range = netip.MustParsePrefix(r)
			list = append(list, s)
		}
	case "cloud_properties":
		for _, v := range values {
			with(map[string]string{"name": v})
			with(map[string]string{"name": v, "zone": "LAB"})
			with(map[string]string{"name": v, "zone.name": "LAB"})
		}
		with(map[string]string{"subnet": "subnet-0123abcd"})
	case "key":
		for _, key := range []string{"name", "zone", "network_name", "other"} {
			with(map[string]string{key: "LAB"})
		}
	case "key of map":
		with(map[string]string{"name": "NET", "zone.name": "LAB"})
		with(map[string]string{"name": "NET", "zone.other": "LAB"})
	default:
		for _, path := range []string{"zone", "zone.name", "zone.other"} {
			with(map[string]string{"name": "NET", path: "LAB"})
		}
	}
	return list
}

func subnetNamed(director, network, name string) *plan.Subnet {
	return subnetWith(director, network, map[string]string{"name": name})
}

func subnetWith(director, network string, properties map[string]string) *plan.Subnet {
	return &plan.Subnet{Director: director, Network: network, Range: netip.MustParsePrefix("10.0.0.0/24"), CloudProperties: properties, Identity: plan.IdentityOf(properties, "")}
}
