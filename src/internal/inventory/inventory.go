// Package inventory answers, from the fleet's address plan, to whom an address
// is promised. The wire commands put that beside what they see.
package inventory

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// Inventory is the plan of one segment, or of the whole fleet.
type Inventory struct {
	claims []plan.Claim
}

// New takes the claims of a plan. With a segment, only those whose subnet the
// fleet file puts there: the same address in another segment is another one.
func New(p *plan.Plan, segment string) Inventory {
	var i Inventory
	if p == nil {
		return i
	}
	for _, c := range p.Claims {
		if segment == "" || c.Subnet != nil && c.Subnet.Segment == segment {
			i.claims = append(i.claims, c)
		}
	}
	return i
}

// Empty reports whether nothing is known at all.
func (i Inventory) Empty() bool { return len(i.claims) == 0 }

// Prefixes returns the IPv4 subnets of the claims, sorted.
func (i Inventory) Prefixes() (prefixes []netip.Prefix) {
	for _, c := range i.claims {
		if c.Subnet != nil && c.Subnet.Range.IsValid() && c.Subnet.Range.Addr().Is4() && !slices.Contains(prefixes, c.Subnet.Range) {
			prefixes = append(prefixes, c.Subnet.Range)
		}
	}
	slices.SortFunc(prefixes, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return prefixes
}

// Owners names who holds the address or may hand it out, holders first; each
// with the place where that is written.
func (i Inventory) Owners(a netip.Addr) []string {
	var holders, pools []string
	for _, c := range i.claims {
		if !c.Range.Contains(a) {
			continue
		}
		switch text := describe(c); {
		case c.Kind.InUse() && !slices.Contains(holders, text):
			holders = append(holders, text)
		case c.Kind.Pool() && !slices.Contains(pools, text):
			pools = append(pools, text)
		}
	}
	return append(holders, pools...)
}

// InUse reports whether somebody is to answer at the address.
func (i Inventory) InUse(a netip.Addr) bool {
	return slices.ContainsFunc(i.claims, func(c plan.Claim) bool { return c.Kind.InUse() && c.Range.Contains(a) })
}

// Promised returns the single addresses within the prefix at which somebody is
// to answer, sorted.
func (i Inventory) Promised(within netip.Prefix) (addresses []netip.Addr) {
	for _, c := range i.claims {
		from, to := c.Range.From(), c.Range.To()
		if c.Kind.InUse() && from == to && within.Contains(from) && !slices.Contains(addresses, from) {
			addresses = append(addresses, from)
		}
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	return addresses
}

// describe is "director promo, deployment db, group pgpool (static), db.yml:3:5".
func describe(c plan.Claim) string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+" "+value)
		}
	}
	add("director", c.Owner.Director)
	add("deployment", c.Owner.Deployment)
	add("group", c.Owner.InstanceGroup)
	add("network", c.Owner.Network)
	add("property", c.Owner.Property)
	text := strings.Join(parts, ", ") + " (" + c.Kind.String() + ")"
	if c.At.IsValid() {
		text += ", " + c.At.String()
	}
	return text
}
