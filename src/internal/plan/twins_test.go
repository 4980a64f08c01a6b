//go:build !race

package plan

import (
	"fmt"
	"net/netip"
	"testing"

	"go4.org/netipx"
)

// Of two directors with many subnets that nothing but their places tells apart there are a
// few times as many overlaps, and each subnet has a part in one.
func TestTwinsMeetFew(t *testing.T) {
	const n = 300
	p := &Plan{}
	for _, director := range []string{"a", "b"} {
		holder := Owner{Director: director, Network: "default"}.Held()
		for i := range n {
			s := &Subnet{Director: director, Network: "default", Range: netip.MustParsePrefix("10.0.0.0/24"), Segment: "s"}
			s.At.File, s.At.Line = director+".yml", i+1
			p.Subnets = append(p.Subnets, s)
			a := netip.MustParseAddr("10.0.0.10")
			p.Claims = append(p.Claims, Claim{Range: netipx.IPRangeFrom(a, a), Kind: DynamicPool, Holder: holder, Subnet: s, At: s.At})
		}
	}
	found := p.Overlaps(func(a, b *Claim) bool { return a.Owner().Director != b.Owner().Director })
	if len(found) > 2*n*kinFirst {
		t.Errorf("%d overlaps", len(found))
	}
	met := map[*Subnet]bool{}
	for _, o := range found {
		met[o.A.Subnet], met[o.B.Subnet] = true, true
	}
	if len(met) != 2*n {
		t.Errorf("%d of %d subnets meet another", len(met), 2*n)
	}
	if segments := p.Segments(); len(segments) != 1 || len(segments[0].Subnets) != 2*n {
		t.Error(fmt.Sprint(len(segments), " segments"))
	}
}
