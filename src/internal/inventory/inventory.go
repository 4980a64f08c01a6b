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

// New takes all claims of a plan.
func New(p *plan.Plan) Inventory { return Inventory{claims: p.Claims} }

// Of takes the claims that may lie in the segment of the subnets. Others are
// isolated from it: the same address there is another one.
func Of(p *plan.Plan, subnets []*plan.Subnet) Inventory {
	var i Inventory
	meets := map[*plan.Subnet]bool{nil: true} // in no known network: it may be anywhere
	for _, c := range p.Claims {
		if _, known := meets[c.Subnet]; !known {
			meets[c.Subnet] = slices.ContainsFunc(subnets, func(s *plan.Subnet) bool {
				return plan.ContactOf(s, c.Subnet).Relation != plan.Isolated
			})
		}
		if meets[c.Subnet] {
			i.claims = append(i.claims, c)
		}
	}
	return i
}

// Owners names who holds the address or may hand it out, holders first, then
// networks that have their gateway or resolver there; each with the place where
// that is written.
func (i Inventory) Owners(a netip.Addr) []string {
	var holders, machines, pools []string
	for _, c := range i.claims {
		if !c.Range.Contains(a) {
			continue
		}
		switch text := describe(c); {
		case (c.Kind.InUse() || c.Kind == plan.Booked) && !slices.Contains(holders, text):
			holders = append(holders, text)
		case infrastructure(c.Kind) && !slices.Contains(machines, text):
			machines = append(machines, text)
		case c.Kind.Pool() && !slices.Contains(pools, text):
			pools = append(pools, text)
		}
	}
	return slices.Concat(holders, machines, pools)
}

// Expects reports whether it is no surprise that somebody answers at the address.
func (i Inventory) Expects(a netip.Addr) bool {
	return slices.ContainsFunc(i.claims, func(c plan.Claim) bool {
		return (c.Kind.InUse() || c.Kind == plan.Booked || infrastructure(c.Kind)) && c.Range.Contains(a)
	})
}

// infrastructure are machines that networks name and nobody deploys.
func infrastructure(k plan.Kind) bool {
	return k == plan.Gateway || k == plan.DNS || k == plan.CloudKept
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

// Virtual returns the single addresses that are no machine's own, sorted: virtual
// ones of job properties and of vip networks. They may move between machines. One
// that somebody else is promised for good does not, whatever a property says.
func (i Inventory) Virtual() (addresses []netip.Addr) {
	for _, c := range i.claims {
		from, to := c.Range.From(), c.Range.To()
		stays := slices.ContainsFunc(i.claims, func(x plan.Claim) bool {
			return x.Kind != plan.VIP && x.Kind.InUse() && x.Range.Contains(from)
		})
		if c.Kind == plan.VIP && from == to && !stays && !slices.Contains(addresses, from) {
			addresses = append(addresses, from)
		}
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	return addresses
}

// describe is "director promo, deployment db, group pgpool (static), db.yml:3:5".
func describe(c plan.Claim) string {
	if c.Booking() != nil {
		return c.Who() + ", " + c.At.String()
	}
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+" "+value)
		}
	}
	add("director", c.Owner().Director)
	add("deployment", c.Owner().Deployment)
	add("group", c.Owner().InstanceGroup)
	add("network", c.Owner().Network)
	add("property", c.Owner().Property)
	text := strings.Join(parts, ", ") + " (" + c.Kind.String() + ")"
	if c.At.IsValid() {
		text += ", " + c.At.String()
	}
	return text
}
