package claims

import (
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// astray notes what of a group's address lies in no subnet of its network: its director
// refuses it as long as the network's name, its range or the address is wrong, and which
// of them is, nobody knows. Somebody means to have the address all the same.
func (b *builder) astray(kind plan.Kind, owner plan.Owner, m *bosh.Manifest, use *bosh.GroupNetwork, known networks, block bosh.Block) {
	if _, hidden := bosh.VariableIn(use.Name); hidden && slices.ContainsFunc(known.all(), func(s subnet) bool { return s.mayGive(kind, block) }) {
		return // which of the networks it is hides, and is told of as such
	}
	subnets := known.of(use)
	rest := b.outside(kind, subnets, block)
	if rest == nil {
		return
	}
	if b.stray == nil || b.stray.use != use {
		b.stray = newStray(owner, m, use, known)
	}
	for _, r := range rest {
		b.plan.BlindSpots = append(b.plan.BlindSpots, plan.BlindSpot{
			Owner: owner, What: b.stray.what, Reason: plan.Refused, At: block.At,
			Message: plan.RangeText(r) + b.stray.why, Hint: "correct the name of the network, its range or the address",
			May: []plan.Claim{{Range: r, Kind: kind, Holder: b.stray.holder, Subnet: b.stray.subnet, At: block.At}},
		})
	}
}

// stray is what all addresses of a group that its network cannot give have in common:
// there may be a million of them.
type stray struct {
	use       *bosh.GroupNetwork
	holder    *plan.Owner
	subnet    *plan.Subnet
	what, why string
}

func newStray(owner plan.Owner, m *bosh.Manifest, use *bosh.GroupNetwork, known networks) *stray {
	subnets := known.of(use)
	near := networks{use.Name: subnets}
	if len(subnets) == 0 {
		near = known // one of them is probably meant
	}
	s := near.among()
	if s == nil {
		s = &plan.Subnet{Director: owner.Director}
	}
	s.Network = use.Name
	if m.Own != nil {
		s.Deployment = m.Name // no director has it in its list
	}
	return &stray{
		use: use, holder: owner.Held(), subnet: s,
		what: "static_ips of " + owner.InstanceGroup + " on network " + use.Name,
		why:  ", which " + owner.InstanceGroup + " asks for, " + whyAstray(use.Name, subnets),
	}
}

// networksUnread reports whether a source of the networks that a manifest may use could
// not be read: that is a blind spot of its own, which has all that its groups ask for.
func (d *Director) networksUnread(m *bosh.Manifest) bool {
	if m != nil && m.Own != nil {
		return false
	}
	return slices.ContainsFunc(d.Lost, Source.hasNetworks) || slices.ContainsFunc(d.Unread, func(u Unread) bool { return u.Source.hasNetworks() })
}

// hasNetworks reports whether the networks of a director stand in the source.
func (s Source) hasNetworks() bool { return s == CloudConfigSource || s == DirectorSource }

// orUnread are the networks that a manifest may use, with one that stands for those of which
// the source could not be read.
func (b *builder) orUnread(d *Director, m *bosh.Manifest, known networks) networks {
	if !d.networksUnread(m) {
		return known
	}
	if b.unread == nil {
		s := &plan.Subnet{Director: d.Name, Identity: plan.IdentityOfUnread()}
		for _, u := range d.Unread {
			if u.Source.hasNetworks() {
				s.At = u.At
			}
		}
		s.Segment, s.Perhaps = b.segmentsOf(b.unknown(*s, notRead))
		b.unread = &subnet{Subnet: s, read: &bosh.Subnet{}, kind: bosh.Manual}
	}
	all := networks{nameless: append(slices.Clone(known[nameless]), *b.unread)}
	all.add(known)
	return all
}

// outside is what of a block lies in no subnet; nil if all of it has a place.
func (b *builder) outside(kind plan.Kind, subnets []subnet, block bosh.Block) []netipx.IPRange {
	var rest netipx.IPSetBuilder
	rest.AddRange(block.Range)
	for _, s := range subnets {
		switch {
		case s.kind == bosh.Dynamic && kind != plan.CreateEnvVM:
		case s.kind == bosh.Dynamic, s.kind == bosh.VIP, !s.read.Range.IsValid():
			return nil
		case netipx.RangeOfPrefix(s.read.Range).Contains(block.Range.From()) && netipx.RangeOfPrefix(s.read.Range).Contains(block.Range.To()):
			return nil
		default:
			rest.RemovePrefix(s.read.Range)
		}
	}
	return built(&rest).Ranges()
}

// whyAstray says why a network cannot give an address.
func whyAstray(network string, subnets []subnet) string {
	var ranges []string
	for _, s := range subnets {
		if s.kind != bosh.Dynamic {
			ranges = append(ranges, s.read.Range.String())
		}
	}
	switch {
	case len(ranges) > 0:
		return "lies outside of network " + network + ", which has " + strings.Join(ranges, ", ")
	case len(subnets) > 0:
		return "is on the dynamic network " + network + ", which gives no address on request"
	}
	return "is on network " + network + ", of which no subnet is known"
}
