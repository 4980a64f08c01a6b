//go:build !race

package plan

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSegments(t *testing.T) {
	subnet := func(director, cidr, segment string, id Identity) *Subnet {
		return &Subnet{Director: director, Network: "n", Range: netip.MustParsePrefix(cidr), Segment: segment, Identity: id}
	}
	var none Identity
	aws := func(id string) Identity {
		return Identity{Scheme: "aws subnet", ID: id, Distinct: true, Unique: true}
	}
	vsphere := func(id string) Identity { return Identity{Scheme: "network", ID: id} }
	for name, c := range map[string]struct {
		subnets []*Subnet
		want    string
	}{
		"named, whatever the ranges": {[]*Subnet{
			subnet("b", "10.9.0.0/24", "lab", none), subnet("a", "10.0.0.0/24", "lab", none), subnet("c", "10.0.0.0/24", "office", none),
		}, `
lab: a b
office: c
`},
		"overlapping and undecided": {[]*Subnet{
			subnet("a", "10.0.0.0/22", "", vsphere("VLAN-1")), subnet("b", "10.0.1.0/24", "", vsphere("vlan-1")), subnet("c", "10.0.8.0/24", "", vsphere("VLAN-1")),
		}, `
network VLAN-1 10.0.0.0/22 (assumed): a b
network VLAN-1 10.0.8.0/24: c
`},
		"ids that say so, and one that may be either": {[]*Subnet{
			subnet("a", "10.0.0.0/24", "", aws("subnet-1")), subnet("b", "10.0.0.0/24", "", aws("subnet-2")),
			subnet("c", "10.0.0.0/25", "", none), subnet("d", "10.0.0.0/24", "", aws("SUBNET-1")),
		}, `
10.0.0.0/24 (assumed): a d c
aws subnet subnet-2 (assumed): b c
`},
		"nothing known, ranges alike": {[]*Subnet{
			subnet("a", "10.0.0.0/24", "one", none), subnet("b", "10.0.0.0/24", "", aws("x")), subnet("c", "10.0.0.0/24", "", aws("y")),
			subnet("d", "2001:db8::/64", "", none),
		}, `
one (assumed): a b c
aws subnet y: c
2001:db8::/64: d
`},
	} {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			for _, g := range (&Plan{Subnets: c.subnets}).Segments() {
				got.WriteString(g.Name)
				if g.Assumed {
					got.WriteString(" (assumed)")
				}
				got.WriteString(":")
				for _, s := range g.Subnets {
					got.WriteString(" " + s.Director)
				}
				fmt.Fprintln(&got)
			}
			if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), got.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
