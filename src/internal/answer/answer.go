// Package answer answers what people ask of an address plan: who has this
// address (Who), which one may I take (Free), and why not that one (Why).
//
// It computes with values and reads nothing. A question about addresses to take
// is asked of a Scope: the subnets that a segment's name, a network's name or a
// CIDR stands for (Find). An address is free there if, in every subnet that may
// meet the scope, nobody uses it and nobody may hand it out; Free counts with
// sets of ranges, Why looks at one address and names every obstacle. Both must
// agree, and a test on random plans holds them against each other.
package answer

import (
	"cmp"
	"slices"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// Pool is addresses that were delegated to a team: free to take, as far as
// nobody has them.
type Pool struct {
	Name, Team string
	// Purpose is what they are for; may be empty.
	Purpose string
	plan.Delegation
	At place.Place
}

// Network is the name by which a subnet's network can be asked for:
// DIRECTOR/NETWORK, or DIRECTOR/DEPLOYMENT/NETWORK where a manifest brings its
// own. Without a director the network's name alone.
func Network(s *plan.Subnet) string {
	name := s.Network
	if s.Deployment != "" {
		name = s.Deployment + "/" + name
	}
	if s.Director != "" {
		name = s.Director + "/" + name
	}
	return name
}

// contacts remembers which subnets may meet a scope.
type contacts struct {
	scope []*plan.Subnet
	known map[*plan.Subnet]bool
}

func newContacts(scope []*plan.Subnet) *contacts {
	return &contacts{scope: scope, known: map[*plan.Subnet]bool{}}
}

// unknown is the subnet of claims that lie in none: it may be anywhere.
var unknown = &plan.Subnet{}

// meet reports whether a claim of s can collide with an address of the scope:
// on the wire, or in the list of addresses that one director keeps for all its
// networks.
func (c *contacts) meet(s *plan.Subnet) bool {
	if s == nil {
		s = unknown
	}
	meets, ok := c.known[s]
	if !ok {
		meets = slices.ContainsFunc(c.scope, func(of *plan.Subnet) bool {
			contact := plan.ContactOf(of, s)
			return contact.Relation != plan.Isolated || contact.OneList
		})
		c.known[s] = meets
	}
	return meets
}

// infrastructure are addresses of machines that networks name and nobody deploys.
func infrastructure(k plan.Kind) bool {
	return k == plan.Gateway || k == plan.DNS || k == plan.CloudKept
}

// rank orders claims for people: who is there, who may come, who keeps off.
func rank(k plan.Kind) int {
	switch {
	case k.InUse():
		return 0
	case infrastructure(k):
		return 1
	case k == plan.Booked:
		return 2
	case k.Pool():
		return 3
	default:
		return 4
	}
}

func sortClaims(claims []plan.Claim) {
	slices.SortStableFunc(claims, func(a, b plan.Claim) int {
		return cmp.Or(
			cmp.Compare(rank(a.Kind), rank(b.Kind)),
			a.Range.From().Compare(b.Range.From()),
			a.At.Compare(b.At),
			cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Owner().Director, b.Owner().Director),
			cmp.Compare(a.Owner().Deployment, b.Owner().Deployment),
		)
	})
}
