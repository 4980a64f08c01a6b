//go:build !race

package plan

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// What is remembered of sorts of subnets is what each pair would be told.
func TestContactsOfSortsAreThoseOfPairs(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(words ...string) string { return words[random.IntN(len(words))] }
	for range 300 {
		var subnets []*Subnet
		for range 12 {
			s := &Subnet{
				Director: pick("a", "b"), Deployment: pick("", "", "d"), Network: pick("", "n", "m"), Past: pick("", "", "as web has it"), Segment: pick("", "", "s", "t"),
				Range: netip.MustParsePrefix(pick("10.0.0.0/24", "10.0.1.0/24")),
			}
			switch random.IntN(5) {
			case 0:
				s.Identity = IdentityOf(map[string]string{"subnet": pick("subnet-1", "subnet-2", "((v))")}, pick("", "aws_cpi"))
			case 1:
				s.Identity = IdentityOf(map[string]string{"name": pick("VLAN-1", "VLAN-2", "((v))", "((w))")}, pick("", "vsphere_cpi", "warden_cpi"))
			case 2:
				s.Range = netip.Prefix{}
			case 3:
				if len(subnets) > 2 {
					s = &Subnet{Director: s.Director, Among: subnets[:2]}
				}
			}
			subnets = append(subnets, s)
		}
		c := newContacts()
		for range 2 {
			for _, a := range subnets {
				for _, b := range subnets {
					if got, want := c.of(a, b), ContactOf(a, b); got != want {
						t.Fatalf("%+v and %+v: %+v, want %+v", a, b, got, want)
					}
				}
			}
		}
	}
}
