package lint

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// This file owns the words that several rules use for owners, places and cures.

// who names the owner of a claim.
func who(c *plan.Claim) string { return c.Who() }

// side names a director for a sentence that compares two.
func side(c *plan.Claim) string {
	switch {
	case c.Kind == plan.External:
		return c.Owner().Property
	case c.Owner().Director != "":
		return "director " + c.Owner().Director
	case c.Owner().Deployment != "":
		return "deployment " + c.Owner().Deployment
	}
	return "the cloud-config"
}

// use says what a pool does with its addresses.
func use(k plan.Kind) string {
	switch k {
	case plan.StaticPool:
		return "keeps for static_ips"
	default:
		return "hands out by itself"
	}
}

// network names the network of a pool, and whose it still is if it is past.
func network(c *plan.Claim) string {
	if c.Subnet == nil || c.Subnet.Past == "" {
		return c.Owner().Network
	}
	return c.Owner().Network + ", " + c.Subnet.Past
}

// poolLabel labels a pool's line.
func poolLabel(c *plan.Claim) string {
	text := side(c) + " " + use(c.Kind)
	if c.Kind == plan.Compilation {
		text += ", compilation VMs included"
	}
	if c.Subnet != nil && c.Subnet.Past != "" {
		text += ", " + c.Subnet.Past
	}
	return text
}

// party makes a side of a finding out of a claim.
func party(c *plan.Claim, note string) Party {
	return Party{Owner: c.Owner(), Kind: c.Kind, Range: c.Range, At: c.At, Note: note, Claim: c}
}

// segmentText is the segment of a finding as it is shown.
func segmentText(c plan.Contact) string {
	if c.Relation < plan.Same && c.Relation > plan.Isolated {
		return c.Segment + " (assumed)"
	}
	return c.Segment
}

// whyAnd is a reason, and why the two can meet. Findings of two subnets share one text.
func (f *Facts) whyAnd(reason string, c plan.Contact) string {
	key := whyKey{reason, c.Relation, c.Reason}
	why, ok := f.whys[key]
	if !ok {
		why = reason + whySame(c)
		if f.whys == nil {
			f.whys = map[whyKey]string{}
		}
		f.whys[key] = why
	}
	return why
}

// whyKey is a reason and what of a contact counts beside it.
type whyKey struct {
	reason   string
	relation plan.Relation
	contact  string
}

// whySame is the second half of a finding's reason: why the two can meet.
func whySame(c plan.Contact) string {
	if c.Relation < plan.Same && c.Relation > plan.Isolated {
		return "ipguard takes the two networks for one segment because it cannot know better: " + c.Reason
	}
	return "the two are one segment: " + c.Reason
}

// paragraphs joins the parts that are not empty, one below the other.
func paragraphs(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "\n")
}

// instead proposes the nearest addresses that c's owner could take.
func (f *Facts) instead(c *plan.Claim) string {
	if c.Kind == plan.Lease || c.Kind == plan.Orphan {
		return f.release(c)
	}
	if c.Subnet == nil || !c.Subnet.Range.IsValid() {
		return ""
	}
	if c.Kind == plan.Static {
		if list := plan.Nearest(f.Space.UnusedStatic(c.Subnet), c.Range.From(), proposals); len(list) > 0 {
			return paragraphs(fmt.Sprintf("use %s for %s: in the static range of network %s, and used by nobody",
				alternatives(list), target(c), c.Subnet.Network), f.bookFirst(list, []*plan.Subnet{c.Subnet}, c.OwnerText()))
		}
	}
	blocks := func(free []netipx.IPRange) []netipx.IPRange {
		if c.Kind == plan.Static {
			return plan.Bases(free, c.Subnet.Prefix)
		}
		return free
	}
	if list := plan.Nearest(blocks(f.unclaimed(c.Subnet)), c.Range.From(), proposals); len(list) > 0 {
		text := fmt.Sprintf("use %s for %s: claimed by nobody", alternatives(list), target(c))
		if c.Kind == plan.Static && c.Subnet.Deployment == "" {
			text += fmt.Sprintf(" (put it into static: of network %s as well%s)", c.Subnet.Network, f.ofOthersToo(c.Subnet.At))
		}
		return paragraphs(text, f.bookFirst(list, []*plan.Subnet{c.Subnet}, c.OwnerText()))
	}
	unused := f.unused(c.Subnet)
	unowned := unused
	if c.Kind == plan.Static { // its director gives out nothing that it reserves
		unowned = f.unowned(c.Subnet)
	}
	if list := plan.Nearest(blocks(unowned), c.Range.From(), proposals); len(list) > 0 {
		return paragraphs(fmt.Sprintf("use %s for %s: every director of the segment reserves it, and ipguard knows of nobody who uses it",
			alternatives(list), target(c)), f.bookFirst(list, []*plan.Subnet{c.Subnet}, c.OwnerText()))
	}
	if list := plan.Nearest(blocks(unused), c.Range.From(), proposals); len(list) > 0 {
		return paragraphs(fmt.Sprintf("what nobody uses of %s is in reserved: of network %s (%s%s): move %s from there to static: and use it for %s, or ask whoever plans that range",
			c.Subnet.Range.Masked(), c.Subnet.Network, c.Subnet.ReservedAt, f.ofOthersToo(c.Subnet.ReservedAt), alternatives(list), target(c)), f.bookFirst(list, []*plan.Subnet{c.Subnet}, c.OwnerText()))
	}
	if spot := f.Space.MayBeHeld(c.Subnet, netipx.RangeOfPrefix(c.Subnet.Range)); spot != nil {
		return fmt.Sprintf("no other address of %s is proposed: each that nobody claims may be one of somebody who hides (%s)", c.Subnet.Range.Masked(), spot.At)
	}
	if len(f.Delegations) > 0 {
		return fmt.Sprintf("no address of %s is left that the fleet file's pools delegate and nobody claims; ask whoever plans that range", c.Subnet.Range.Masked())
	}
	return fmt.Sprintf("no address of %s is left that nobody claims; ask whoever plans that range", c.Subnet.Range.Masked())
}

// takableKey is a subnet and which of its addresses are meant.
type takableKey struct {
	subnet *plan.Subnet
	which  uint8
}

// unclaimed, unused and unowned are what Space says of a subnet, as far as it is delegated.
func (f *Facts) unclaimed(s *plan.Subnet) []netipx.IPRange {
	return f.takes(takableKey{s, 0}, f.Space.Unclaimed)
}

func (f *Facts) unused(s *plan.Subnet) []netipx.IPRange {
	return f.takes(takableKey{s, 1}, f.Space.Unused)
}

func (f *Facts) unowned(s *plan.Subnet) []netipx.IPRange {
	return f.takes(takableKey{s, 2}, f.Space.Unowned)
}

// takes computes once what is taken from a subnet.
func (f *Facts) takes(key takableKey, free func(*plan.Subnet) []netipx.IPRange) []netipx.IPRange {
	list, ok := f.takable[key]
	if !ok {
		list = f.delegated(free(key.subnet), key.subnet)
		if f.takable == nil {
			f.takable = map[takableKey][]netipx.IPRange{}
		}
		f.takable[key] = list
	}
	return list
}

// bookFirst says how an address of a pool is kept from everybody else who is given one of
// it; empty if the first proposal is of no pool, and is whoever's who writes it down.
func (f *Facts) bookFirst(list []netip.Addr, subnets []*plan.Subnet, owner string) string {
	for i := range f.Pools {
		p := &f.Pools[i]
		if inside, excepted := p.Names(list[0]); !inside || excepted || p.Segment != "" && !slices.ContainsFunc(subnets, func(s *plan.Subnet) bool { return s.Segment == p.Segment }) {
			continue
		}
		text := fmt.Sprintf("book it before, or somebody else is given it, for it is of pool %s (team %s)", p.Name, p.Teams)
		if owner == "" {
			return text
		}
		return text + ":\n" + f.bookAddresses(p.Name, owner, list[0])
	}
	return ""
}

// delegated is what of some free addresses of s a team may take without asking:
// all of them in a fleet without delegations.
func (f *Facts) delegated(free []netipx.IPRange, s *plan.Subnet) []netipx.IPRange {
	if len(f.Delegations) == 0 {
		return free
	}
	var set, theirs netipx.IPSetBuilder
	for _, r := range free {
		set.AddRange(r)
	}
	for i := range f.Delegations {
		theirs.AddSet(f.Delegations[i].In([]*plan.Subnet{s}))
	}
	within, _ := theirs.IPSet() // valid ranges make no error
	set.Intersect(within)
	left, _ := set.IPSet()
	return left.Ranges()
}

// release says how a director lets go of an address that it granted.
func (f *Facts) release(c *plan.Claim) string {
	if c.Kind == plan.Orphan {
		return fmt.Sprintf("let director %s delete the orphaned VM: it does so by itself after some minutes, or by bosh clean-up --all", c.Owner().Director)
	}
	give := fmt.Sprintf("deploy %s again, by which its VM gets another address", c.Owner().Deployment)
	if c.Subnet == nil || !c.Subnet.Range.IsValid() {
		return give
	}
	return reserveLine(c.Subnet, f.ofOthersToo(c.Subnet.ReservedAt), c.Range) + "\nthen " + give
}

// proposals is how many free addresses a finding names.
const proposals = 3

func alternatives(list []netip.Addr) string {
	words := make([]string, len(list))
	for i, a := range list {
		words[i] = a.String()
	}
	return strings.Join(words, " or ")
}

// target names what would get the new address.
func target(c *plan.Claim) string {
	switch {
	case c.Kind == plan.DirectorOwn:
		return who(c)
	case c.Kind == plan.CreateEnvVM:
		return "the VM " + c.Owner().Deployment
	case c.Owner().Property != "":
		return c.Owner().Property
	default:
		return c.Owner().InstanceGroup
	}
}

// mostReserved is how many ranges a line of advice has; ipguard fence writes more.
const mostReserved = 100

// reserveLine is the line that keeps a subnet off a range. others says where it goes if the
// place is not of that subnet alone.
func reserveLine(s *plan.Subnet, others string, ranges ...netipx.IPRange) string {
	if s == nil || len(ranges) == 0 {
		return ""
	}
	if len(ranges) > mostReserved {
		return fmt.Sprintf("let ipguard fence --fix add %s ranges to reserved of the subnet %s of %s (%s%s)", grouped(len(ranges)), s.Range.Masked(), s.Label(), s.ReservedAt, others)
	}
	words := make([]string, len(ranges))
	for i, r := range ranges {
		words[i] = r.From().String()
		if r.From() != r.To() {
			words[i] += " - " + r.To().String()
		}
		words[i] = yamlText(words[i])
	}
	return fmt.Sprintf("add to the subnet %s of %s (%s%s):\nreserved: [%s]", s.Range.Masked(), s.Label(), s.ReservedAt, others, strings.Join(words, ", "))
}
