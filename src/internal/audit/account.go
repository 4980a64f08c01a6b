package audit

import (
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// account looks for the reason why a director may have granted g, though no line
// of a file names the address.
func (c *comparison) account(at netipx.IPRange, g *plan.Claim) {
	d := c.byName[g.Owner().Director]
	m := c.manifest(g)
	switch {
	case g.Owner().Deployment == "" && d.Promised == nil:
	case g.Owner().Deployment == "" && (d.Partial || c.hides(d.Name, "")):
		c.leave(at, g)
	case g.Owner().Deployment == "": // named by a config of the director, and not by files
		c.stray = append(c.stray, stray{claim: g, at: at, reason: Withdrawn, where: d.At})
	case m == nil && (d.Partial || d.Promised != nil && hidesDeployment(d.Promised)):
		c.leave(at, g)
	case !d.describesDeployments():
	case m == nil:
		c.ghost(at, g, NoDeployment, d.At)
		c.found[len(c.found)-1].Elsewhere = c.elsewhere(g.Owner())
	default:
		c.accountFor(at, g, d, m)
	}
}

// elsewhere names another director whose files describe a deployment of the name
// and that does not have it.
func (c *comparison) elsewhere(o plan.Owner) string {
	for _, name := range c.names {
		d := c.byName[name]
		if name != o.Director && c.files[[2]string{name, o.Deployment}] != nil && d.Granted != nil && manifestNamed(d.Granted, o.Deployment) == nil {
			return name
		}
	}
	return ""
}

func (c *comparison) ghost(at netipx.IPRange, g *plan.Claim, r Reason, where place.Place) {
	c.add(at, Ghost, r, lint.Error, nil, list(g))
	c.found[len(c.found)-1].At = where
}

// accountFor looks into the file of the deployment that has the grant.
func (c *comparison) accountFor(at netipx.IPRange, g *plan.Claim, d *Director, m *bosh.Manifest) {
	group := claims.GroupOf(m, g.Owner().InstanceGroup)
	s := stray{claim: g, at: at, group: c.groupOf(g), network: g.Owner().Network}
	switch {
	case g.Kind == plan.VIP && c.hides(d.Name, m.Name):
		c.leave(at, g)
	case g.Kind == plan.VIP:
		s.reason, s.where = Withdrawn, m.NameAt
		if group != nil {
			s.where = group.At
		}
		c.stray = append(c.stray, s)
	case group != nil:
		a := search{c: c, d: d, g: g, networks: networksOf(d.Promised, m)}.in(group)
		if a.reason == NoNetwork && hidesUses(m, group) {
			a = answer{}
		}
		c.decide(s, a)
	case strings.HasPrefix(g.Owner().InstanceGroup, compilationGroup):
		c.decide(s, c.compilation(g, d.Promised))
	case hidesGroup(m):
		c.leave(at, g)
	default:
		c.ghost(at, g, NoGroup, m.NameAt)
	}
}

// compilationGroup begins the name of the group of VMs that compile packages
// (compilation_instance_pool.rb, CompilationInstanceGroup).
const compilationGroup = "compilation-"

// compilation decides about the address of a VM that compiles packages.
func (c *comparison) compilation(g *plan.Claim, d *claims.Director) answer {
	if c.pooled(g, "", plan.Compilation) {
		return answer{verdict: Agreed, reason: FromPool}
	}
	if d.CloudConfig == nil || d.CloudConfig.Compilation == nil || isVariable(d.CloudConfig.Compilation.Network) || isVariable(d.CloudConfig.Compilation.AZ) {
		return answer{}
	}
	return answer{verdict: Drift, reason: NotHandedOut, where: d.CloudConfig.Compilation.At, keepers: c.keepers(g, g.Owner().Network)}
}

// decide files a grant under the answer that was found for it.
func (c *comparison) decide(s stray, a answer) {
	switch a.verdict {
	case Agreed:
		c.add(s.at, Agreed, a.reason, 0, nil, list(s.claim))
	case Drift:
		if a.reason != Withdrawn && c.mayBePooled(s.claim) {
			c.leave(s.at, s.claim)
			return
		}
		s.reason, s.where, s.keepers = a.reason, a.where, a.keepers
		if a.network != "" {
			s.network = a.network
		}
		c.stray = append(c.stray, s)
	default:
		c.leave(s.at, s.claim)
	}
}

// leave leaves a claim without a verdict.
func (c *comparison) leave(at netipx.IPRange, claim *plan.Claim) {
	c.unjudged = append(c.unjudged, narrowed(claim, at))
}

// networksOf are the networks that a deployment gets; nil if they are not known.
func networksOf(d *claims.Director, m *bosh.Manifest) []*bosh.Network {
	if m.Form == bosh.V1 && m.Own != nil && len(m.Own.Networks) > 0 {
		return m.Own.Networks
	}
	for _, v := range d.Views {
		if slices.Contains(v.Deployments, m.Name) {
			return v.CloudConfig.Networks
		}
	}
	if d.CloudConfig == nil {
		return nil
	}
	return d.CloudConfig.Networks
}

// answer is what files say about a grant: Agreed, Drift, or nothing where they
// could not be read.
type answer struct {
	verdict Verdict
	reason  Reason
	network string
	where   place.Place
	// keepers are what keeps the director from handing it out.
	keepers []*plan.Claim
}

// search looks for a grant in the networks of its group.
type search struct {
	c        *comparison
	d        *Director
	g        *plan.Claim
	networks []*bosh.Network
}

// in goes through the networks of the group: a manual one whose range holds the
// address decides; else it may be one of a vip network, or whatever the IaaS gave
// in a dynamic one.
func (s search) in(group *bosh.Group) answer {
	last := answer{verdict: Drift, reason: NoNetwork, where: group.At}
	for _, n := range group.Networks {
		network := s.named(n.Name)
		if network == nil {
			last = answer{} // it hides, or could not be read: lint says so
			continue
		}
		a, found := s.inNetwork(n, network)
		if found {
			return a
		}
		if a.verdict == Agreed || a.verdict == 0 || last.verdict == Drift && last.reason == NoNetwork && a.reason != NoNetwork {
			last = a
		}
	}
	return last
}

func (s search) named(name string) *bosh.Network {
	i := slices.IndexFunc(s.networks, func(n *bosh.Network) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return s.networks[i]
}

// inNetwork is what one network says. It is found if the address lies in it for
// certain.
func (s search) inNetwork(n *bosh.GroupNetwork, network *bosh.Network) (a answer, found bool) {
	elsewhere := answer{verdict: Drift, reason: NoNetwork, where: n.At}
	switch network.Type {
	case bosh.Dynamic:
		return answer{verdict: Agreed, reason: ByIaaS}, false
	case bosh.VIP:
		switch {
		case n.Incomplete:
			return answer{}, false
		case holds(network, s.g) && !n.StaticGiven:
			return answer{verdict: Agreed, reason: FromPool}, true
		case n.StaticGiven:
			return answer{verdict: Drift, reason: Withdrawn, network: n.Name, where: n.StaticAt}, false
		}
		return elsewhere, false
	case bosh.Manual:
	default: // it hides, or is none
		return answer{}, false
	}
	for _, subnet := range network.Subnets {
		if !subnet.Range.IsValid() {
			elsewhere = answer{}
			continue
		}
		if subnet.Range.Contains(s.g.Range.From()) {
			return s.inSubnet(n, subnet), true
		}
	}
	return elsewhere, false
}

// holds reports whether a vip network lists the address.
func holds(network *bosh.Network, g *plan.Claim) bool {
	return slices.ContainsFunc(network.Subnets, func(s *bosh.Subnet) bool {
		return slices.ContainsFunc(s.Static, func(b bosh.Block) bool { return b.Range.Contains(g.Range.From()) })
	})
}

// inSubnet is what the subnet of a manual network says that holds the address.
func (s search) inSubnet(n *bosh.GroupNetwork, subnet *bosh.Subnet) answer {
	switch {
	case n.Incomplete || subnet.Incomplete:
		return answer{}
	case n.StaticGiven:
		return answer{verdict: Drift, reason: Withdrawn, network: n.Name, where: n.StaticAt}
	case s.c.pooled(s.g, n.Name, 0):
		return answer{verdict: Agreed, reason: FromPool}
	}
	return answer{verdict: Drift, reason: NotHandedOut, network: n.Name, where: n.At, keepers: s.c.keepers(s.g, n.Name)}
}

// pooled reports whether the files let the director choose the address in a
// network: of its name, or any for none; of a kind, or any for 0.
func (c *comparison) pooled(g *plan.Claim, network string, kind plan.Kind) bool {
	return slices.ContainsFunc(c.filePools[g.Owner().Director], func(p *plan.Claim) bool {
		return (kind == 0 || p.Kind == kind) && (network == "" || p.Owner().Network == network) && p.Range.Contains(g.Range.From()) && p.Range.Contains(g.Range.To())
	})
}

// keepers are the claims by which a network of the files keeps an address to
// itself.
func (c *comparison) keepers(g *plan.Claim, network string) []*plan.Claim {
	return slices.DeleteFunc(claimsOf(c.promised, func(k plan.Kind) bool {
		return k == plan.Reserved || k == plan.StaticPool || k == plan.Gateway
	}), func(p *plan.Claim) bool {
		return p.Owner().Director != g.Owner().Director || p.Owner().Network != network || !p.Range.Overlaps(g.Range)
	})
}
