//go:build !race

package plan

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/seal"
)

var update = flag.Bool("update", false, "write docs/segments.md anew")

const segmentsPage = "../../../docs/segments.md"

// TestSegmentsPage holds the page on segments to the table of clouds.
func TestSegmentsPage(t *testing.T) {
	want := segmentsText()
	if *update {
		if err := os.WriteFile(segmentsPage, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(segmentsPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("(-in the tree +made), go test ./src/internal/plan -update writes it anew:\n%s", diff)
	}
}

func segmentsText() []byte {
	var b bytes.Buffer
	b.WriteString(`<!-- Made by go test ./src/internal/plan -update; edit src/internal/plan/cloud.go and its test. -->

# Same segment or not

Two subnets can only conflict if they are one broadcast domain (segment). ipguard decides that in this order:

1. ` + "`segments`" + ` of the fleet file: what matches one name is one segment, and isolated from every other named one.
2. The cloud. It is known by the director's CPI: by ` + "`cpi`" + ` in the fleet file, by its snapshot, by
   ` + "`director.cpi_job`" + ` in the manifest of its VM, for a VM of create-env by ` + "`cloud_provider`" + `. Where none
   tells, or availability zones name CPIs of a cpi config, it is known by the cloud_properties, if these are of
   one cloud alone. Several CPIs tell none, nor does one of a closed cloud where the cloud_properties name
   the network as another one does. Networks of a closed cloud are in no other cloud; any two of the others may be one VLAN. Two
   directors of Warden have a host each, and networks that end there.
3. The names in cloud_properties, as the table says.
4. All else is assumed to be one segment, and the finding says so. A variable without a value
   hides whether two are one segment where some of its values would prove two, by the cloud (a CPI
   behind a variable, where nothing else tells the networks), by its id or by an entry of
   ` + "`segments`" + ` that asks for what hides: what then would be a conflict is unknown (exit 3), unless
   ` + "`segments`" + ` tells. Other names behind variables prove nothing.

| cloud | closed | property | two different | two equal | source |
| --- | --- | --- | --- | --- | --- |
`)
	for _, c := range Clouds() {
		names := c.Names
		if len(names) == 0 {
			names = []SegmentName{{}}
		}
		for _, n := range names {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", c.Name, yesNo(c.Closed), propertyWords(n), differentWords(n), equalWords(n), source(c.Source))
		}
	}
	b.WriteString(`
Two lists of ids are different if they have nothing in common, and equal if all of it is.

# Addresses that a cloud keeps

In each of its subnets a cloud keeps addresses that no VM gets. A range of BOSH may be a part of the cloud's subnet.

| cloud | first | last | IPv6 too | blocks of prefix | sources |
| --- | --- | --- | --- | --- | --- |
`)
	for _, c := range Clouds() {
		if c.Keeps.First > 0 {
			blocks, sources := "any", source(c.Keeps.Source)
			if c.Keeps.Blocks4 > 0 {
				blocks = fmt.Sprintf("/%d, IPv6 /%d", c.Keeps.Blocks4, c.Keeps.Blocks6)
				sources += ", " + source(c.Keeps.BlocksSource)
			}
			fmt.Fprintf(&b, "| %s | %d | %d | %s | %s | %s |\n", c.Name, c.Keeps.First, c.Keeps.Last, yesNo(c.Keeps.IPv6), blocks, sources)
		}
	}
	return b.Bytes()
}

func source(text string) string {
	if strings.HasPrefix(text, "https://") {
		return "<" + text + ">"
	}
	return text
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func propertyWords(n SegmentName) string {
	if n.Key == "" {
		return "none"
	}
	text := "`" + n.Key + "`"
	for _, key := range n.Also {
		text += " with `" + key + "`"
	}
	if n.Scope != "" {
		text += ", in `" + n.Scope + "`"
	}
	if n.Form == seal.UUID {
		text += ", if it is a UUID"
	} else if n.Form != seal.Freely {
		text += ", if it is an id"
	}
	if n.Default != "" {
		text += "; `" + n.Default + "` if it is not there"
	}
	return text
}

func differentWords(n SegmentName) string {
	if n.Distinct {
		return "isolated"
	}
	return "assumed to be one"
}

func equalWords(n SegmentName) string {
	switch {
	case n.Unique:
		return "one segment"
	case n.Scope != "":
		return "one segment if the scope is equal, isolated if it differs, else assumed"
	}
	return "assumed to be one"
}

// TestCloudsHaveSources holds the table to what it promises.
func TestCloudsHaveSources(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Clouds() {
		if c.Source == "" || c.Name == "" || len(c.CPIs) == 0 || seen[c.Name] {
			t.Errorf("%+v: lacks a name of its own, a CPI or a source", c)
		}
		if c.Keeps.First > 0 && !strings.HasPrefix(c.Keeps.Source, "https://") {
			t.Errorf("%s keeps addresses, and nothing says where that is documented", c.Name)
		}
		seen[c.Name] = true
		if of := cloudOfCPI(c.CPIs[0] + "_cpi"); of == nil || of.Name != c.Name {
			t.Errorf("%s_cpi is taken for %v", c.CPIs[0], of)
		}
	}
}

func TestKeptBy(t *testing.T) {
	for _, c := range []struct{ cidr, cpi, want string }{
		{"10.0.0.0/24", "aws_cpi", "10.0.0.0-10.0.0.3 10.0.0.255-10.0.0.255"},
		{"10.0.0.128/25", "azure_cpi", "10.0.0.128-10.0.0.131 10.0.0.255-10.0.0.255"},
		{"10.0.0.0/24", "google_cpi", "10.0.0.0-10.0.0.1 10.0.0.254-10.0.0.255"},
		{"10.0.0.8/31", "aws_cpi", "10.0.0.8-10.0.0.9 10.0.0.9-10.0.0.9"},
		{"2001:db8::/64", "aws_cpi", "2001:db8::-2001:db8::3 2001:db8::ffff:ffff:ffff:ffff-2001:db8::ffff:ffff:ffff:ffff"},
		{"2001:db8::/64", "google_cpi", ""},
		{"10.0.0.0/24", "vsphere_cpi", ""},
		{"10.0.0.0/24", "", ""},
	} {
		s := &Subnet{Range: netip.MustParsePrefix(c.cidr), Identity: IdentityOf(nil, c.cpi)}
		got := ""
		if _, first, last, ok := s.KeptBy(); ok {
			got = first.String() + " " + last.String()
		}
		if got != c.want {
			t.Errorf("%s of %s: got %q, want %q", c.cidr, c.cpi, got, c.want)
		}
	}
}

// TestPropertiesOfTwoClouds gives a subnet, of whose CPI nothing is known, properties by
// which two clouds name segments, in all pairs: that proves nothing.
func TestPropertiesOfTwoClouds(t *testing.T) {
	value := func(n SegmentName, number int) string {
		for _, text := range []string{fmt.Sprintf("VLAN-%d", number), fmt.Sprintf("subnet-%d", number), fmt.Sprintf("vsw-%d", number)} {
			if n.Form == seal.Freely || n.Form == seal.FormOf(text) {
				return text
			}
		}
		return fmt.Sprintf("%032d", number)
	}
	subnetOf := func(director string, properties map[string]string) *Subnet {
		return &Subnet{Director: director, Network: "default", Range: netip.MustParsePrefix("10.0.0.0/24"), Identity: IdentityOf(properties, "")}
	}
	pairs := 0
	for _, a := range clouds {
		for _, one := range a.Names {
			for _, b := range clouds {
				for _, other := range b.Names {
					ofOne := a.Name == b.Name || one.Key == other.Key || slices.Contains(one.Beside, other.Key) || slices.Contains(other.Beside, one.Key)
					if ofOne {
						continue
					}
					pairs++
					both := subnetOf("a", map[string]string{one.Key: value(one, 1), other.Key: value(other, 1)})
					for _, properties := range []map[string]string{
						{"name": "VLAN-1"}, {one.Key: value(one, 1)}, {one.Key: value(one, 2)}, {other.Key: value(other, 1)}, {other.Key: value(other, 2)},
						{one.Key: value(one, 2), other.Key: value(other, 2)},
					} {
						if c := ContactOf(both, subnetOf("b", properties)); c.Relation == Isolated {
							t.Errorf("%s and %s, beside %v: isolated: %s", one.Key, other.Key, properties, c.Reason)
						}
					}
				}
			}
		}
	}
	if pairs < 100 {
		t.Errorf("only %d pairs", pairs)
	}
}

// TestCPIsThatTellNothing asks for the cloud by CPIs that do not fit each other, or not the
// properties.
func TestCPIsThatTellNothing(t *testing.T) {
	for _, c := range []struct {
		cpi, key string
		closed   bool
	}{
		{"aws_cpi", "subnet", true},
		{"registry aws_cpi", "subnet_", true}, // of a key that no cloud has
		{"aws_cpi", "name", false},
		{"aws_cpi", "bridge", false},
		{"vsphere_cpi aws_cpi", "name", false},
		{"vsphere_cpi aws_cpi", "", false},
		{"aws_cpi google_cpi", "other", false},
		{"warden_cpi", "name", true}, // a cloud that names nothing
		{"google_cpi", "network_name", true},
		{"google_cpi", "other", true},
		{"google_cpi", "name", false},
	} {
		if id := IdentityOf(map[string]string{c.key: "VLAN-52"}, c.cpi); id.Closed != c.closed || !c.closed && (id.Distinct || id.Unique) {
			t.Errorf("%s with %s: %+v", c.cpi, c.key, id)
		}
	}
}

// TestOpenKeys has a variable in the place of a key of cloud_properties: which segment it
// names, if it names one, is not known, unless the CPI reads another one.
func TestOpenKeys(t *testing.T) {
	for _, c := range []struct {
		properties map[string]string
		cpi        string
		want       Relation
	}{
		{map[string]string{"((k))": "subnet-1"}, "", Unseen},
		{map[string]string{"((k))": "VLAN-1", "network_name": "x"}, "", Unseen},
		{map[string]string{"((k))": "subnet-1"}, "aws_cpi", Isolated},
		{map[string]string{"((k))": "x", "name": "VLAN-1"}, "vsphere_cpi", Assumed},
	} {
		a := &Subnet{Director: "a", Network: "default", Identity: IdentityOf(c.properties, c.cpi)}
		b := &Subnet{Director: "b", Network: "default", Identity: IdentityOf(map[string]string{"name": "VLAN-1"}, "vsphere_cpi")}
		if got := ContactOf(a, b); got.Relation != c.want {
			t.Errorf("%v of %q: relation %d, want %d: %s", c.properties, c.cpi, got.Relation, c.want, got.Reason)
		}
	}
}
