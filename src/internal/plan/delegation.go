package plan

import (
	"net/netip"
	"slices"

	"go4.org/netipx"
)

// Delegation is addresses that were handed to a team: its own to take, as far as
// nobody has them.
type Delegation struct {
	// Ranges are delegated, but for Except.
	Ranges, Except []netipx.IPRange
	// Segment is the fleet file's name of the segment; empty for any.
	Segment string
}

// Names reports whether a lies in the ranges, and whether it is excepted.
func (d *Delegation) Names(a netip.Addr) (inside, excepted bool) {
	holds := func(r netipx.IPRange) bool { return r.Contains(a) }
	return slices.ContainsFunc(d.Ranges, holds), slices.ContainsFunc(d.Except, holds)
}

// In is what is delegated of the ranges of subnets.
func (d *Delegation) In(subnets []*Subnet) *netipx.IPSet {
	var own, reach netipx.IPSetBuilder
	for _, r := range d.Ranges {
		own.AddRange(r)
	}
	for _, r := range d.Except {
		own.RemoveRange(r)
	}
	for _, s := range subnets {
		if s.Range.IsValid() && (d.Segment == "" || d.Segment == s.Segment) {
			reach.AddPrefix(s.Range)
		}
	}
	within, _ := reach.IPSet() // ranges and prefixes that are valid make no error
	own.Intersect(within)
	set, _ := own.IPSet()
	return set
}
