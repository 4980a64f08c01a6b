package audit

import (
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// judge decides about one cell: first each promise, then the grants that no
// promise had to do with.
func (c *comparison) judge(at *cell) {
	told := map[*plan.Claim]bool{}
	for _, p := range at.promises {
		own, rivals, open := c.answers(p, at, told)
		for _, g := range slices.Concat(own, rivals) {
			told[g] = true
		}
		if open && len(own)+len(rivals) == 0 && !unnamed(p) {
			continue // the grant that may be its owner's is left
		}
		c.promise(at.at, p, own, rivals)
	}
	for _, g := range at.grants {
		if !told[g] {
			told[g] = true
			c.grant(at, g, told)
		}
	}
}

// answers are the grants of what p promises, to its owner and to others. Those of which
// that is not known are left; open says that one of them may be the owner's.
func (c *comparison) answers(p *plan.Claim, at *cell, told map[*plan.Claim]bool) (own, rivals []*plan.Claim, open bool) {
	for _, g := range at.grants {
		switch {
		case c.fulfils(g, p):
			own = append(own, g)
		case p.Kind == plan.DirectorOwn && (g.RunsDirector || slices.ContainsFunc(at.promises, func(o *plan.Claim) bool { return c.fulfils(g, o) })):
			// the machine of a director may be a VM of another one
		case c.mayFulfil(g, p):
			c.leave(at.at, g)
			told[g], open = true, true
		case !oneDeployment(p, g) && c.mayMeet(p, g):
			c.leave(at.at, g)
			told[g] = true
		case !oneDeployment(p, g) && c.meet(p, g):
			rivals = append(rivals, g)
		}
	}
	return own, rivals, open
}

// fulfils reports whether g was granted to whom p promises it.
func (c *comparison) fulfils(g, p *plan.Claim) bool {
	switch {
	case g.Owner().Director != p.Owner().Director || g.Owner().Deployment != p.Owner().Deployment || g.Kind == plan.Orphan:
		return false
	case g.Kind == plan.VIP:
		return p.Kind == plan.VIP && p.Owner().Property == g.Owner().Property && c.groupOf(g) == p.Owner().InstanceGroup
	case p.Kind == plan.Static || p.Kind == plan.VIP && p.Owner().Property == "":
		return c.groupOf(g) == p.Owner().InstanceGroup
	}
	return false
}

// mayFulfil reports whether p may promise g to its owner: the name of one of them hides, or
// one that the group had before (migrated_from).
func (c *comparison) mayFulfil(g, p *plan.Claim) bool {
	if g.Owner().Director != p.Owner().Director || g.Kind == plan.Orphan {
		return false
	}
	if isVariable(p.Owner().Deployment) || g.Owner().Deployment != p.Owner().Deployment {
		return isVariable(p.Owner().Deployment)
	}
	m := c.manifest(g)
	now := claims.GroupOf(m, p.Owner().InstanceGroup)
	return isVariable(p.Owner().InstanceGroup) || now != nil && now.PastHidden && claims.GroupOf(m, g.Owner().InstanceGroup) == nil
}

// unnamed reports whether it is not known to whom of a director's p promises something.
func unnamed(p *plan.Claim) bool {
	return isVariable(p.Owner().InstanceGroup) || isVariable(p.Owner().Deployment)
}

// groupOf is the name that the files have for the instance group of a grant: a
// group may have had another name when the VM was made.
func (c *comparison) groupOf(g *plan.Claim) string {
	if group := claims.GroupOf(c.manifest(g), g.Owner().InstanceGroup); group != nil {
		return group.Name
	}
	return g.Owner().InstanceGroup
}

// manifest is the file of the deployment that has the grant, or nil.
func (c *comparison) manifest(g *plan.Claim) *bosh.Manifest {
	return c.files[[2]string{g.Owner().Director, g.Owner().Deployment}]
}

func manifestNamed(d *claims.Director, name string) *bosh.Manifest {
	if d == nil {
		return nil
	}
	i := slices.IndexFunc(d.Deployments, func(m *bosh.Manifest) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return d.Deployments[i]
}

// oneDeployment reports whether the two are a virtual address and an instance of
// one deployment: some park an address in static_ips to keep it free.
func oneDeployment(a, b *plan.Claim) bool {
	same := a.Owner().Director == b.Owner().Director && a.Owner().Deployment == b.Owner().Deployment
	return same && (a.Owner().Property != "") != (b.Owner().Property != "")
}

// meet reports whether one address can not be both: in the list of one director,
// or on the wire.
func (c *comparison) meet(a, b *plan.Claim) bool {
	return inOneList(a, b) || c.relation(a, b) != plan.Isolated
}

// mayMeet reports whether a variable hides that.
func (c *comparison) mayMeet(a, b *plan.Claim) bool {
	return !inOneList(a, b) && c.relation(a, b) == plan.Unseen
}

func (c *comparison) relation(a, b *plan.Claim) plan.Relation {
	key := [2]*plan.Subnet{a.Subnet, b.Subnet}
	relation, ok := c.relations[key]
	if !ok {
		relation = plan.ContactOf(orNowhere(a.Subnet), orNowhere(b.Subnet)).Relation
		c.relations[key] = relation
	}
	return relation
}

func inOneList(a, b *plan.Claim) bool {
	return a.Owner().Director == b.Owner().Director && listed(a) && listed(b)
}

// listed reports whether a director has the claim in its list of addresses, in
// which none stands twice whatever the network. A manifest of before
// cloud-configs has networks, and addresses, of its own.
func listed(c *plan.Claim) bool {
	return c.Kind != plan.CreateEnvVM && c.Kind != plan.DirectorOwn && c.Kind != plan.External && c.Owner().Property == "" &&
		(c.Subnet == nil || c.Subnet.Deployment == "")
}

// nowhere is the subnet of claims that lie in none: it may be anywhere.
var nowhere = &plan.Subnet{}

func orNowhere(s *plan.Subnet) *plan.Subnet {
	if s == nil {
		return nowhere
	}
	return s
}

// promise decides about one promise and the grants that it has to do with.
func (c *comparison) promise(at netipx.IPRange, p *plan.Claim, own, rivals []*plan.Claim) {
	orphan := func(g *plan.Claim) bool { return g.Kind == plan.Orphan }
	switch {
	case len(own) > 0 && len(rivals) > 0:
		c.grantedTwice(at, p, slices.Concat(own, rivals))
	case len(own) > 0:
		c.add(at, Agreed, AsPromised, 0, list(p), own)
	case len(rivals) > 0 && !slices.ContainsFunc(rivals, func(g *plan.Claim) bool { return !orphan(g) }):
		c.add(at, Orphan, Orphaned, lint.Error, list(p), rivals)
	case len(rivals) > 0:
		c.add(at, Drift, OtherOwner, lint.Error, list(p), rivals)
	case p.Kind == plan.CreateEnvVM:
		c.createEnv(at, p)
	case unnamed(p):
		c.leave(at, p)
	case p.Kind == plan.Static || p.Kind == plan.VIP:
		if d := c.byName[p.Owner().Director]; d != nil && d.Granted != nil {
			c.missing = append(c.missing, stray{claim: p, at: at, group: p.Owner().InstanceGroup, network: p.Owner().Network})
		}
	}
}

// grantedTwice tells of a double grant once, however many are promised it.
func (c *comparison) grantedTwice(at netipx.IPRange, p *plan.Claim, grants []*plan.Claim) {
	for i := len(c.found) - 1; i >= 0 && c.found[i].Range == at; i-- {
		same := c.found[i].Reason == GrantedTwice && len(c.found[i].granted) == len(grants)
		if same && !slices.ContainsFunc(grants, func(g *plan.Claim) bool { return !slices.Contains(c.found[i].granted, g) }) {
			c.found[i].promised = append(c.found[i].promised, p)
			return
		}
	}
	c.add(at, Drift, GrantedTwice, lint.Error, list(p), grants)
}

func list(c *plan.Claim) []*plan.Claim { return []*plan.Claim{c} }

// createEnv decides about a VM that no director made.
func (c *comparison) createEnv(at netipx.IPRange, p *plan.Claim) {
	c.exposed = append(c.exposed, exposed{p, at, ""})
	rivals, hides := c.rivals(at, p, "")
	switch {
	case len(rivals) > 0:
		c.add(at, Unprotected, MayBeHandedOut, lint.Error, list(p), nil)
		c.found[len(c.found)-1].Rivals = rivals
		return
	case hides:
		c.leave(at, p)
		return
	}
	c.add(at, Agreed, MadeByCreateEnv, 0, list(p), nil)
}

// rivals are the pools, as files have them or directors do, from which a director
// may hand out what is promised to p; not those of the director named except. hides says that
// a variable hides whether one more does.
func (c *comparison) rivals(at netipx.IPRange, p *plan.Claim, except string) (pools []plan.Claim, hides bool) {
	seen := map[[2]string]bool{}
	for _, pool := range c.pools {
		key := [2]string{pool.Owner().Director, pool.Owner().Network}
		if !pool.Range.Overlaps(at) || pool.Owner().Director == except || seen[key] || !c.meet(p, pool) {
			continue
		}
		if seen[key] = true; c.mayMeet(p, pool) {
			hides = true
			continue
		}
		pools = append(pools, *pool)
	}
	return pools, hides
}

func (c *comparison) add(at netipx.IPRange, v Verdict, r Reason, s lint.Severity, promised, granted []*plan.Claim) {
	c.found = append(c.found, finding{Item: Item{Range: at, Verdict: v, Reason: r, Severity: s}, promised: promised, granted: granted})
}

// grant decides about a grant that nobody is promised.
func (c *comparison) grant(at *cell, g *plan.Claim, told map[*plan.Claim]bool) {
	both := list(g)
	for _, o := range at.grants {
		if o == g || sameMachine(o, g) || oneDeployment(o, g) || !c.meet(o, g) {
			continue
		}
		if c.mayMeet(o, g) {
			c.leave(at.at, o)
			continue
		}
		both = append(both, o)
		told[o] = true
	}
	switch {
	case len(both) > 1:
		c.add(at.at, Drift, GrantedTwice, lint.Error, nil, both)
	case g.Kind == plan.Orphan:
		c.add(at.at, Orphan, Orphaned, lint.Warning, nil, both)
	default:
		c.account(at.at, g)
	}
}

// sameMachine reports whether one instance has the address twice, as it may have
// in two networks.
func sameMachine(a, b *plan.Claim) bool {
	return a.Owner().Director == b.Owner().Director && a.Owner().Deployment == b.Owner().Deployment &&
		a.Owner().InstanceGroup == b.Owner().InstanceGroup && a.Instance() == b.Instance()
}
