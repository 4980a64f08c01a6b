package deploy

import (
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
)

// subnetIndex are the subnets of a network by their ranges. Nothing but the order in
// which a director looks at them is lost: no address is in two of them.
type subnetIndex struct {
	v6     bool
	sorted []*bosh.Subnet // nil where that is not so, or families are mixed
}

// having are the subnets of a network that may have an address, or list it as static: of
// thousands it is one, or none.
func (d *director) having(n *bosh.Network, a ipaddr.Number, v6 bool) []*bosh.Subnet {
	index, ok := d.byRange[n]
	if !ok {
		index = newSubnetIndex(n.Subnets)
		if d.byRange == nil {
			d.byRange = map[*bosh.Network]subnetIndex{}
		}
		d.byRange[n] = index
	}
	if index.sorted == nil || index.v6 != v6 {
		return n.Subnets
	}
	address := ipaddr.AddrOf(a, v6)
	i, found := slices.BinarySearchFunc(index.sorted, address, func(s *bosh.Subnet, address netip.Addr) int {
		return s.Range.Masked().Addr().Compare(address)
	})
	if !found {
		i--
	}
	if i < 0 || !index.sorted[i].Range.Contains(address) {
		return nil
	}
	return index.sorted[i : i+1]
}

func newSubnetIndex(subnets []*bosh.Subnet) subnetIndex {
	const few = 8
	if len(subnets) < few {
		return subnetIndex{}
	}
	var sorted []*bosh.Subnet
	for _, s := range subnets {
		if s.Range.IsValid() {
			sorted = append(sorted, s)
		}
	}
	slices.SortStableFunc(sorted, func(a, b *bosh.Subnet) int { return a.Range.Masked().Addr().Compare(b.Range.Masked().Addr()) })
	for i, s := range sorted {
		of := netipx.RangeOfPrefix(s.Range)
		if i > 0 && (s.Range.Addr().Is6() != sorted[0].Range.Addr().Is6() || sorted[i-1].Range.Overlaps(s.Range)) ||
			slices.ContainsFunc(s.Static, func(b bosh.Block) bool { return !of.Contains(b.Range.From()) || !of.Contains(b.Range.To()) }) {
			return subnetIndex{}
		}
	}
	if len(sorted) == 0 {
		return subnetIndex{}
	}
	return subnetIndex{sorted[0].Range.Addr().Is6(), sorted}
}
