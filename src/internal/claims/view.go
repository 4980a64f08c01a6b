package claims

import (
	"fmt"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// View is a cloud-config of a director beside the one that counts for most
// deployments: of a team, or an older one that deployments are pinned to. It can
// hand out addresses as well: to errands, compilation VMs and recreated VMs.
type View struct {
	CloudConfig *bosh.CloudConfig
	// Deployments are the names of those that were made with it.
	Deployments []string
	// Past says of an older one whose it still is, such as "as web still has it".
	Past string
}

// remember notes what the subnets of the director's cloud-config say, so that a
// view that says the same of one does not make it twice.
func (b *builder) remember(d *Director, shared networks) {
	if len(d.Views) == 0 {
		return
	}
	b.seen = map[string]*plan.Subnet{}
	for name, list := range shared {
		for _, s := range list {
			b.seen[contentKey(name, s)] = s.Subnet
		}
	}
}

// contentKey is everything that a subnet says about addresses and where they are.
// Two that say the same are one. Of cloud_properties only what tells segments
// apart counts: a snapshot keeps no more of them.
func contentKey(network string, s subnet) string {
	ranges := func(blocks []bosh.Block) string {
		var text strings.Builder
		for _, b := range blocks {
			fmt.Fprint(&text, b.Range, ",")
		}
		return text.String()
	}
	read := s.read
	return fmt.Sprint(network, "|", s.kind, "|", read.Range, "|", read.Gateway, "|", ranges(read.Reserved), "|", ranges(read.Static), "|",
		ranges(read.DNS), "|", read.AZs, "|", read.Prefix, "|", read.Incomplete, "|", s.Segment, "|", s.Identity)
}

// views adds what the views hand out beside the director's cloud-config, and
// returns the networks of each deployment that has one.
func (b *builder) views(d *Director, own []bosh.Block) map[string]networks {
	if len(d.Views) == 0 {
		return nil
	}
	if b.seen == nil {
		b.seen = map[string]*plan.Subnet{}
	}
	byDeployment := map[string]networks{}
	for _, v := range d.Views {
		known := networks{}
		hidden := b.note(v.CloudConfig)
		for _, n := range v.CloudConfig.Networks {
			name := hidden.nameOf(n)
			subnets, bare := n.Subnets, len(n.Subnets) == 0 && n.Type == bosh.VIP && hidden.subnets[n] == nil
			if bare {
				subnets = []*bosh.Subnet{{At: n.At}}
			}
			for _, read := range subnets {
				s := b.viewed(d, v, n, read, own)
				s.bare = bare
				b.made[read] = s.Subnet
				known[name] = append(known[name], s)
			}
			if gap := hidden.subnets[n]; gap != nil {
				known[name] = append(known[name], b.unseen(origin{director: d.Name, cpi: d.CPI}, v.CloudConfig, n.Name, n.Type, gap))
			}
		}
		if hidden.networks != nil {
			known[nameless] = append(known[nameless], b.unseen(origin{director: d.Name, cpi: d.CPI}, v.CloudConfig, "", bosh.Manual, hidden.networks))
		}
		for _, name := range v.Deployments {
			byDeployment[name] = known
		}
	}
	return byDeployment
}

// viewed adds a subnet of a view, unless there is one that says the same.
func (b *builder) viewed(d *Director, v View, n *bosh.Network, read *bosh.Subnet, own []bosh.Block) subnet {
	made := subnet{Subnet: b.subnet(origin{director: d.Name, cpi: d.CPI}, v.CloudConfig, n, read), read: read, kind: n.Type}
	key := contentKey(n.Name, made)
	if s, ok := b.seen[key]; ok {
		return subnet{Subnet: s, read: read, kind: n.Type}
	}
	made.Past = v.Past
	b.seen[key] = b.enlist(made.Subnet)
	before := len(b.plan.Claims)
	b.claimSubnet(made.Subnet, n, read, v.CloudConfig.Compilation, own, true)
	b.leaveNews(before)
	return made
}

// leaveNews takes out of the claims from the given one on, which are of a view,
// what another version of the same network claims in the same way: what is wrong
// with it would be said twice.
func (b *builder) leaveNews(from int) {
	added := slices.Clone(b.plan.Claims[from:])
	b.plan.Claims = b.plan.Claims[:from]
	for _, c := range added {
		var news netipx.IPSetBuilder
		news.AddRange(c.Range)
		for i := range from {
			if known := &b.plan.Claims[i]; sameClaim(known, &c) {
				news.RemoveRange(known.Range)
			}
		}
		for _, r := range built(&news).Ranges() {
			c.Range = r
			b.plan.Claims = append(b.plan.Claims, c)
		}
	}
}

// sameClaim reports whether two claims say the same of the addresses that both
// have, in one network.
func sameClaim(a, b *plan.Claim) bool {
	sort := func(k plan.Kind) plan.Kind {
		if k == plan.Compilation {
			return plan.DynamicPool
		}
		return k
	}
	return a.Owner() == b.Owner() && sort(a.Kind) == sort(b.Kind) && a.Subnet != nil && a.Range.Overlaps(b.Range) &&
		plan.ContactOf(a.Subnet, b.Subnet).Relation == plan.Same
}
